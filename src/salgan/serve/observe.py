"""Gives each request an id, logs and counts it, and answers for bugs."""

from __future__ import annotations

import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from salgan.serve.log import logger
from salgan.serve.problems import ProblemError, problem_response
from salgan.serve.telemetry import Telemetry

__all__ = ["Observe"]

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Observe:
    """The outermost middleware.

    The id is the client's ``X-Request-ID`` if that is 1 to 64 letters, digits, dots, dashes and underscores,
    else a new one. It is in the answer, in the log and in every problem document.
    """

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        identity = given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = identity
        start = time.perf_counter()
        status, sent = 0, 0

        async def noting(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = identity
                headers.update(_SECURITY_HEADERS)
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            logger.exception("a bug", extra={"fields": {"request_id": identity}})
            if status:
                raise  # half an answer is out; the server breaks the connection off
            problem = ProblemError(500, "something went wrong here, not with you; the log says what")
            await problem_response(scope, problem)(scope, receive, noting)
        finally:
            self._note(scope, identity, status, sent, time.perf_counter() - start)

    def _note(self, scope: Scope, identity: str, status: int, sent: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        # The template of a path, never the path itself: a label that clients choose would never end.
        route = getattr(scope.get("route"), "path", "other")
        self._telemetry.requests.labels(method, route, str(status)).inc()
        self._telemetry.seconds.labels(route).observe(seconds)
        fields = {
            "request_id": identity,
            "method": method,
            "path": scope["path"][:200],
            "status": status,
            "ms": round(1000 * seconds, 1),
            "bytes_in": scope["state"].get("bytes_in", 0),
            "bytes_out": sent,
        }
        logger.info("request", extra={"fields": fields})
