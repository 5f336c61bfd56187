"""The application behind uvicorn: connections that nobody can hold open for ever, and an orderly end.

uvicorn bounds the time between two requests of a connection, but waits without end for the first request, for
the rest of a request's head, and for a client that does not read its answer. Here each of these ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import socket
from collections.abc import Callable, Collection, Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from salgan.errors import ConfigError
from salgan.serve.access import LOCAL_NAMES, Access
from salgan.serve.app import create_app
from salgan.serve.limits import Limits
from salgan.serve.observe import LOG_CONFIG, log_everything_as_json, logger
from salgan.serve.worker import BatchPredictor, check_batches

__all__ = ["configured", "is_loopback", "log_ready", "run"]

_BACKLOG = 100
"""Connections that wait to be accepted, and that are accepted before the next look at how many there are."""


def run(
    predictor: BatchPredictor,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    limits: Limits | None = None,
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
        limits: how much to take on.
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
    _allow_more_files()
    log_everything_as_json()
    listener = _listen(host, port)
    config = configured(create_app(predictor, limits, access=access), limits)
    name = f"[{host}]" if ":" in host else host
    on_ready(f"http://{name}:{listener.getsockname()[1]}")
    with contextlib.closing(listener), _quiet_end():
        uvicorn.Server(config).run(sockets=[listener])


def configured(app: FastAPI, limits: Limits) -> uvicorn.Config:
    """Uvicorn's settings for the application: bounded connections, JSON logs, an orderly end."""
    return uvicorn.Config(
        app,
        http=_bounded(limits.body_timeout, min(limits.max_connections, _most_files() // 2)),
        loop="asyncio",
        ws="none",
        lifespan="on",
        log_config=LOG_CONFIG,
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=int(limits.body_timeout + limits.timeout) + 1,
    )


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


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
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


_ENOUGH_FILES = 4096

_CHECK_WRITING = 30.0
"""Seconds in which a client must have read something of its answer."""


def _bounded(head_timeout: float, most: int) -> type[H11Protocol]:
    """The protocol for uvicorn's ``http`` setting.

    Args:
        head_timeout: seconds in which a request's head must arrive.
        most: open connections. For one more, the one that has been open longest without a whole request is
            closed, so clients that hold connections open without a request take nobody's place.
    """

    class BoundedProtocol(H11Protocol):
        _head_timer: asyncio.TimerHandle | None = None
        _write_timer: asyncio.TimerHandle | None = None
        _idle_since = 0.0

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            # For an answer that must make room; what stands here is in every request's scope["state"].
            self.app_state = {**self.app_state, "abort": transport.abort}
            self._idle_since = self.loop.time()
            self._start_head_timer()
            if len(self.connections) > most:
                waiting: list[Any] = [each for each in self.connections if not each._is_served()]  # type: ignore[union-attr]
                min(waiting, key=lambda each: each._idle_since, default=self)._abort()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._in_request():
                self._stop_timer("_head_timer")
            elif self.timeout_keep_alive_task is None and self._head_timer is None:
                self._start_head_timer()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            # Then uvicorn's timer runs until the next byte, and ours from there on.
            self._stop_timer("_head_timer")
            self._idle_since = self.loop.time()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_timer("_head_timer")
            self._stop_timer("_write_timer")
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._watch_writing(self.transport.get_write_buffer_size() + 1)

        def resume_writing(self) -> None:
            self._stop_timer("_write_timer")
            super().resume_writing()

        def _in_request(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _is_served(self) -> bool:
            """Whether a whole request is here and its answer is being made or sent."""
            return self._in_request() and not self.cycle.more_body

        def _start_head_timer(self) -> None:
            self._head_timer = self.loop.call_later(head_timeout, self._abort)

        def _watch_writing(self, before: int) -> None:
            left = self.transport.get_write_buffer_size()
            if left >= before:
                self._abort()
                return
            self._write_timer = self.loop.call_later(_CHECK_WRITING, self._watch_writing, left)

        def _abort(self) -> None:
            self.connections.discard(self)
            self.transport.abort()

        def _stop_timer(self, name: str) -> None:
            timer: Any = getattr(self, name)
            if timer is not None:
                timer.cancel()
                setattr(self, name, None)

    return BoundedProtocol


def _most_files() -> int:
    """Files and connections that this process may have open."""
    try:
        import resource
    except ImportError:
        return 1_000_000
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 1_000_000 if soft == resource.RLIM_INFINITY else soft


def _allow_more_files() -> None:
    """Raise the limit on open files, which include connections, from its default to the allowed maximum."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH_FILES)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
