"""HTTP/1.1 connections that nobody can hold open for ever.

uvicorn bounds the time between two requests of a connection, but waits without end for the first request, for
the rest of a request's head, and for a client that does not read its answer. Here each of these ends.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["bounded"]

_CHECK_WRITING = 5.0
"""Seconds in which a client must have read something of its answer."""


def bounded(head_timeout: float) -> type[H11Protocol]:
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
