"""Bounds on what passes between a client and the service: how many bytes, how slowly, how much is held."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from salgan.serve.access import Access
from salgan.serve.limits import Limits
from salgan.serve.observe import Telemetry, logger
from salgan.serve.problems import ProblemError, problem_response
from salgan.serve.rate import RateLimit

__all__ = ["Guard", "Held"]

_LINGER = 5.0
"""Seconds in which the rest of a refused body is read away, so that its sender can read the answer."""

_LINGER_SLOW = 1.0
"""The same for a body that came too slowly."""

_CHUNK = 262_144
"""Bytes of an answer that are handed on at a time."""

_PATIENCE = 5.0
"""Seconds that a client may take to read its answer before it can lose its place to another."""


class Held:
    """How many bytes of bodies and answers the service holds, and what to do when there are too many.

    Args:
        limits: how many it may hold.
        telemetry: where they are counted.
    """

    def __init__(self, limits: Limits, telemetry: Telemetry) -> None:
        self._most = limits.max_held
        self._gauge = telemetry.held_bytes
        self._bodies = 0
        self._answers: set[_Answer] = set()

    def body(self, change: int) -> None:
        """Count bytes of bodies that are now held, or no longer are."""
        self._bodies += change
        self._show()

    def check_bodies(self) -> None:
        """Refuse a body that is one too many.

        Raises:
            ProblemError: 503.
        """
        if self._bodies > self._most:
            raise _come_back("too many uploads at a time")

    def check_answers(self) -> None:
        """Refuse to make another answer while clients are not reading those that exist.

        Raises:
            ProblemError: 503.
        """
        if self._answer_bytes() > self._most:
            raise _come_back("too many answers wait for slow clients")

    def start(self, answer: _Answer) -> None:
        """Hold an answer. If there are now too many, the slowest readers lose theirs.

        Those who have not had their time yet keep theirs up to twice the bound: a fast machine makes many
        answers in that time.
        """
        self._answers.add(answer)
        while (held := self._answer_bytes()) > self._most:
            slow = [
                other
                for other in self._answers - {answer}
                if other.may_be_dropped(at_once=held > 2 * self._most)
            ]
            if not slow:
                break
            slowest = min(slow, key=_Answer.rate)
            self._answers.discard(slowest)
            slowest.drop()
        self._show()

    def end(self, answer: _Answer) -> None:
        """Release an answer that has been sent or given up."""
        self._answers.discard(answer)
        self._show()

    def _answer_bytes(self) -> int:
        return sum(answer.size for answer in self._answers)

    def _show(self) -> None:
        self._gauge.set(self._bodies + self._answer_bytes())


class _Answer:
    """An answer on its way out.

    Args:
        size: the size of its body in bytes.
        abort: ends the connection at once; None where the server offers no way to.
    """

    def __init__(self, size: int, abort: Callable[[], None] | None) -> None:
        self.size = size
        self.sent = 0
        self.dropped = False
        self._abort = abort
        self._start = time.monotonic()

    def rate(self) -> float:
        """Bytes per second that the client has read so far."""
        return self.sent / max(1e-9, time.monotonic() - self._start)

    def may_be_dropped(self, *, at_once: bool) -> bool:
        """Whether its client can be dropped and has had its time, which is none if ``at_once``."""
        return self._abort is not None and (at_once or time.monotonic() - self._start > _PATIENCE)

    def drop(self) -> None:
        """Give up this answer."""
        self.dropped = True
        logger.warning("a slow reader was cut off", extra={"fields": {"size": self.size, "sent": self.sent}})
        if self._abort is not None:
            self._abort()


class Guard:
    """The middleware that every request's bytes pass.

    Args:
        app: the application inside.
        limits: how much to take.
        access: who may ask.
        held: where held bytes are counted.
        rate: how often each client may ask.
    """

    def __init__(self, app: ASGIApp, limits: Limits, access: Access, held: Held, rate: RateLimit) -> None:
        self._app = app
        self._limits = limits
        self._access = access
        self._held = held
        self._rate = rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(self._limits, self._held, scope, receive, send)
        try:
            try:
                self._access.check(scope)
                if scope["method"] == "POST":
                    self._rate.take(scope)
                self._check_length(scope)
                await self._app(scope, exchange.receive, exchange.send)
            except ProblemError as problem:
                await problem_response(scope, problem)(scope, receive, exchange.send)
        finally:
            scope["state"]["bytes_in"] = exchange.length
            self._held.body(-exchange.held)

    def _check_length(self, scope: Scope) -> None:
        length = Headers(scope=scope).get("content-length", "0")
        # The server has refused what is not a number before it comes here.
        if length.isdecimal() and int(length) > self._limits.max_bytes:
            raise _too_large(self._limits)


class _Exchange:
    """One request's body on its way in, and its answer on its way out."""

    def __init__(self, limits: Limits, held: Held, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        self._limits = limits
        self._all_held = held
        self._receive = receive
        self._send = send
        self._abort = scope["state"].get("abort")
        self._complete = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
        self._waits_to_be_asked = "expect" in headers
        self._deadline = asyncio.get_running_loop().time() + limits.body_timeout
        self.length = 0
        self.held = 0

    async def receive(self) -> Message:
        if self._complete:
            return await self._receive()  # waits for the client to leave
        self._waits_to_be_asked = False
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise ProblemError(
                408, f"the body did not arrive within {self._limits.body_timeout:g} s; try a smaller picture"
            ) from None
        if message["type"] == "http.request":
            chunk = len(message.get("body", b""))
            self._complete = not message.get("more_body", False)
            self.length += chunk
            self.held += chunk
            self._all_held.body(chunk)
            if self.length > self._limits.max_bytes:
                raise _too_large(self._limits)
            self._all_held.check_bodies()
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if not self._complete:
                # What still comes is not the next request, so the connection ends here.
                MutableHeaders(scope=message)["Connection"] = "close"
            await self._send(message)
            return
        is_last = not message.get("more_body", False)
        lingers = is_last and not self._complete and not self._waits_to_be_asked
        await self._send_body(message, more_body=lingers or not is_last)
        if lingers:
            # A connection that is closed while its client still sends is reset, and the answer is lost with
            # it.
            await self._read_away()
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_body(self, message: Message, *, more_body: bool) -> None:
        body: bytes = message.get("body", b"")
        if len(body) <= _CHUNK:
            await self._send({**message, "more_body": more_body})
            return
        # It is sent in pieces, so that the server's buffers never hold a copy of the whole.
        answer = _Answer(len(body), self._abort)
        self._all_held.start(answer)
        try:
            view = memoryview(body)
            for start in range(0, len(body), _CHUNK):
                if answer.dropped:
                    return
                piece: dict[str, Any] = {"type": message["type"], "body": bytes(view[start : start + _CHUNK])}
                await self._send({**piece, "more_body": more_body or start + _CHUNK < len(body)})
                answer.sent = start
        finally:
            self._all_held.end(answer)

    async def _read_away(self) -> None:
        read = 0
        is_late = asyncio.get_running_loop().time() >= self._deadline
        try:
            async with asyncio.timeout(_LINGER_SLOW if is_late else _LINGER):
                while read < 2 * self._limits.max_bytes:
                    message = await self._receive()
                    read += len(message.get("body", b""))
                    if message["type"] != "http.request" or not message.get("more_body"):
                        break
        except TimeoutError:
            pass


def _too_large(limits: Limits) -> ProblemError:
    return ProblemError(
        413, f"the body has more than {limits.max_bytes / 1e6:g} MB; scale the picture down first"
    )


def _come_back(why: str) -> ProblemError:
    return ProblemError(503, f"{why}; come back later", headers={"Retry-After": "1"})
