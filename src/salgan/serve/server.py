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
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from salgan.errors import ConfigError
from salgan.serve.app import create_app
from salgan.serve.limits import Limits
from salgan.serve.observe import LOG_CONFIG
from salgan.serve.worker import BatchPredictor

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
        http=_bounded(limits.body_timeout),
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


_CHECK_WRITING = 5.0
"""Seconds in which a client must have read something of its answer."""


def _bounded(head_timeout: float) -> type[H11Protocol]:
    """The protocol for uvicorn's ``http`` setting.

    Args:
        head_timeout: seconds in which a request's head must arrive.
    """

    class BoundedProtocol(H11Protocol):
        _head_timer: asyncio.TimerHandle | None = None
        _write_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._start_head_timer()

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

        def _start_head_timer(self) -> None:
            self._head_timer = self.loop.call_later(head_timeout, self._abort)

        def _watch_writing(self, before: int) -> None:
            left = self.transport.get_write_buffer_size()
            if left >= before:
                self._abort()
                return
            self._write_timer = self.loop.call_later(_CHECK_WRITING, self._watch_writing, left)

        def _abort(self) -> None:
            self.transport.abort()

        def _stop_timer(self, name: str) -> None:
            timer: Any = getattr(self, name)
            if timer is not None:
                timer.cancel()
                setattr(self, name, None)

    return BoundedProtocol
