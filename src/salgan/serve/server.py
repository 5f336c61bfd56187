"""The application behind uvicorn, with bounded connections and an orderly end."""

from __future__ import annotations

import contextlib
import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn
from fastapi import FastAPI

from salgan.errors import ConfigError
from salgan.serve.app import create_app
from salgan.serve.batcher import BatchPredictor
from salgan.serve.limits import Limits
from salgan.serve.log import LOG_CONFIG
from salgan.serve.protocol import bounded

__all__ = ["configured", "run"]

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def run(
    predictor: BatchPredictor,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    limits: Limits | None = None,
    on_ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve until SIGINT or SIGTERM, then finish what was taken and return.

    Args:
        predictor: the model, already in memory.
        host: the address to listen on. On this machine's own, requests must call it by this machine's names.
        port: 0 for any free one.
        limits: how much to take on.
        on_ready: is told the service's URL when it listens.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    limits = limits or Limits()
    local = _is_loopback(host)
    listener = _listen(host, port)
    app = create_app(predictor, limits, hosts=_LOCAL_NAMES | {host.lower()} if local else None)
    config = configured(app, limits)
    name = f"[{host}]" if ":" in host else host
    on_ready(f"http://{name}:{listener.getsockname()[1]}")
    with contextlib.closing(listener), _quiet_end():
        uvicorn.Server(config).run(sockets=[listener])


def configured(app: FastAPI, limits: Limits) -> uvicorn.Config:
    """Uvicorn's settings for the application: bounded connections, JSON logs, an orderly end."""
    return uvicorn.Config(
        app,
        http=bounded(limits.body_timeout),
        ws="none",
        lifespan="on",
        log_config=LOG_CONFIG,
        access_log=False,
        server_header=False,
        limit_concurrency=limits.max_connections,
        timeout_graceful_shutdown=int(limits.body_timeout + limits.timeout) + 1,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=256)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"cannot listen on {host}:{port} ({reason}); choose another --host or --port"
        ) from None


@contextlib.contextmanager
def _quiet_end() -> Iterator[None]:
    """Let SIGTERM end the server as Ctrl-C does: uvicorn raises the signal again when it is done."""
    try:
        before = signal.signal(signal.SIGTERM, lambda *_: None)
    except ValueError:  # not the main thread, where uvicorn listens to no signals either
        yield
        return
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)
