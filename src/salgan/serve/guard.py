"""Bounds what a request may bring: whose name it calls us by, how many bytes, and how slowly."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from salgan.serve.limits import Limits
from salgan.serve.observe import Telemetry
from salgan.serve.problems import ProblemError, problem_response

__all__ = ["Guard"]

_LINGER = 1.0
"""Seconds in which the rest of a refused body is read away, so that its sender can read the answer."""


class Guard:
    """The middleware that every request's bytes pass.

    Args:
        app: the application inside.
        limits: how much to take.
        hosts: names the service answers to (421 for others), or None for all. A service for this machine
            alone answers only to this machine's names, or any web page could reach it by a name of its own
            that points here (DNS rebinding).
        telemetry: where held bytes are counted.
    """

    def __init__(
        self, app: ASGIApp, limits: Limits, hosts: Collection[str] | None, telemetry: Telemetry
    ) -> None:
        self._app = app
        self._limits = limits
        self._hosts = hosts
        self._held = 0
        self._gauge = telemetry.held_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(self, scope, receive)
        try:
            try:
                self._check_head(scope)
                await self._app(scope, body.receive, lambda message: body.send(message, send))
            except ProblemError as problem:
                response = problem_response(scope, problem)
                await response(scope, receive, lambda message: body.send(message, send))
        finally:
            scope["state"]["bytes_in"] = body.length
            self.hold(-body.held)

    def _check_head(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if self._hosts is not None and _host_name(headers.get("host", "")) not in self._hosts:
            raise ProblemError(421, f"this service answers to {', '.join(sorted(self._hosts))} only")
        length = headers.get("content-length", "0")
        # The server has refused what is no number before it comes here.
        if length.isdecimal() and int(length) > self._limits.max_bytes:
            raise too_large(self._limits)

    def hold(self, change: int) -> None:
        """Count bytes of bodies that are held, or no longer."""
        self._held += change
        self._gauge.set(self._held)

    def check(self, length: int) -> None:
        """Refuse a body that has become too long, or that is one too many."""
        if length > self._limits.max_bytes:
            raise too_large(self._limits)
        if self._held > self._limits.max_held:
            raise ProblemError(
                503, "too many uploads at a time; come back later", headers={"Retry-After": "1"}
            )

    @property
    def body_timeout(self) -> float:
        """Seconds in which a body must arrive."""
        return self._limits.body_timeout


def too_large(limits: Limits) -> ProblemError:
    """The problem of a body above the limit."""
    return ProblemError(
        413, f"the body has more than {limits.max_bytes / 1e6:g} MB; scale the picture down first"
    )


class _Body:
    """One request's body on its way in."""

    def __init__(self, guard: Guard, scope: Scope, receive: Receive) -> None:
        headers = Headers(scope=scope)
        self._guard = guard
        self._receive = receive
        self._complete = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
        self._asks_first = "expect" in headers
        self._deadline = asyncio.get_running_loop().time() + guard.body_timeout
        self.length = 0
        self.held = 0

    async def receive(self) -> Message:
        if self._complete:
            return await self._receive()  # waits for the client to leave
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise ProblemError(
                408, f"the body did not arrive within {self._guard.body_timeout:g} s; try a smaller picture"
            ) from None
        if message["type"] == "http.request":
            chunk = len(message.get("body", b""))
            self._complete = not message.get("more_body", False)
            self.length += chunk
            self.held += chunk
            self._guard.hold(chunk)
            self._guard.check(self.length)
        return message

    async def send(self, message: Message, send: Send) -> None:
        if message["type"] == "http.response.start" and not self._complete:
            # What still comes is no next request, so the connection ends here.
            MutableHeaders(scope=message)["Connection"] = "close"
            if not self._asks_first:
                await self._read_away()
        await send(message)

    async def _read_away(self) -> None:
        try:
            async with asyncio.timeout(_LINGER):
                while (message := await self._receive())["type"] == "http.request" and message.get(
                    "more_body"
                ):
                    pass
        except TimeoutError:
            pass


def _host_name(host: str) -> str:
    """The name of a Host header, without its port."""
    if host.startswith("["):
        return host.partition("]")[0].removeprefix("[")
    return host.partition(":")[0].lower()
