"""The application behind uvicorn, in this process or in several."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Callable, Collection

import uvicorn

from salgan.errors import ConfigError
from salgan.serve.access import LOCAL_NAMES, Access
from salgan.serve.app import create_app
from salgan.serve.batcher import BatchPredictor, check_batches
from salgan.serve.connections import BACKLOG, configured, prepare, quiet_end
from salgan.serve.limits import Limits
from salgan.serve.observe import logger
from salgan.serve.rate import RateLimit
from salgan.serve.workers import Settings, run_workers

__all__ = ["configured", "is_loopback", "listen", "log_ready", "run"]


def run(
    predictor: BatchPredictor,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    limits: Limits | None = None,
    workers: int = 1,
    allow_hosts: Collection[str] = (),
    cors_origins: Collection[str] = (),
    token: str | None = None,
    on_ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve until SIGINT or SIGTERM, then finish what was taken and return.

    Args:
        predictor: the model, already in memory.
        host: the address to listen on. On this machine's own, requests must call it by this machine's names.
        port: 0 for any free one.
        limits: how much to take on; each worker takes on as much.
        workers: processes that share the port, each with a model and limits of its own. What a client may
            send in a minute is counted over all of them.
        allow_hosts: further names, without a port, that a proxy in front passes on. On an open address, only
            they and this machine's names are accepted.
        cors_origins: websites whose pages may use the service.
        token: what a request must bring; see :class:`~salgan.serve.access.Access`.
        on_ready: is told the service's URL when it listens.

    Raises:
        ConfigError: the address cannot be listened on, or an origin or token is not one.
        ModelError: the model cannot be run on as many pictures at a time as the limits allow.
    """
    limits = limits or Limits()
    public = frozenset(name.lower() for name in allow_hosts)
    answers_to_all = not is_loopback(host) and not public
    access = Access(
        hosts=None if answers_to_all else LOCAL_NAMES | {host.lower()} | public,
        public_hosts=public,
        cors_origins=frozenset(cors_origins),
        token=token,
    )
    check_batches(predictor, limits.max_batch)
    prepare()
    rate = RateLimit(limits.max_per_minute)
    name = f"[{host}]" if ":" in host else host
    with contextlib.closing(listen(host, port)) as listener:
        url = f"http://{name}:{listener.getsockname()[1]}"
        if workers > 1:
            run_workers(Settings(predictor, limits, access, rate, listener), workers, lambda: on_ready(url))
            return
        config = configured(create_app(predictor, limits, access=access, rate=rate), limits)
        on_ready(url)
        with quiet_end():
            uvicorn.Server(config).run(sockets=[listener])


def log_ready(url: str, model: str, warning: str | None) -> None:
    """Log that the service is listening; this is for ``on_ready`` if nobody is looking at a terminal."""
    logger.info("the service listens", extra={"fields": {"url": url, "model": model}})
    if warning is not None:
        logger.warning(warning)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at an address.

    Raises:
        ConfigError: nothing can listen there.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"cannot listen on {host}:{port} ({reason}); choose another --host or --port"
        ) from None
    # Connections inherit it. Without it the system keeps the end of an answer back until the client has
    # acknowledged its beginning, which takes 40 ms. asyncio sees to that for sockets of its own making only.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
