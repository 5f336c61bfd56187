"""Connections that nobody can hold open for ever, and an orderly end.

uvicorn bounds the time between two requests of a connection, but waits without end for the first request, for
the rest of a request's head, and for a client that does not read its answer. Here each of these ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging.config
import signal
from collections.abc import Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from salgan.serve.limits import Limits
from salgan.serve.observe import LOG_CONFIG, log_everything_as_json

__all__ = ["BACKLOG", "configured", "prepare", "quiet_end"]

BACKLOG = 100
"""Connections that wait to be accepted, and that are accepted before the next look at how many there are."""


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
        backlog=max(1, min(BACKLOG, _most_files() // 4)),
        timeout_graceful_shutdown=int(limits.body_timeout + limits.timeout) + 1,
    )


def prepare() -> None:
    """Make this process fit to serve: enough open files, and everything that is said as JSON."""
    _allow_more_files()
    logging.config.dictConfig(LOG_CONFIG)
    log_everything_as_json()


@contextlib.contextmanager
def quiet_end() -> Iterator[None]:
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
