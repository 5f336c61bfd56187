"""Errors as problem documents (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse
from starlette.types import Scope

__all__ = ["MEDIA_TYPE", "ClientGone", "Problem", "ProblemError", "problem_response", "request_id"]

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """Why a request was not served (RFC 9457)."""

    type: str = Field(default="about:blank", description="The status says all there is to say of the kind.")
    title: str = Field(description="The status in words.", examples=["Content Too Large"])
    status: int = Field(description="The HTTP status.", examples=[413])
    detail: str = Field(description="What was wrong and what to do about it, in one line.")
    request_id: str = Field(description="The id in the X-Request-ID header and in the service's log.")


class ProblemError(Exception):
    """Ends a request with a problem document.

    Args:
        status: the HTTP status.
        detail: what was wrong and what to do, in one line.
        headers: to send with it.
    """

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


class ClientGone(Exception):  # noqa: N818  (nothing went wrong here)
    """Ends a request whose client left before its answer was ready: there is nobody to tell."""


def request_id(scope: Scope) -> str:
    """The id that :class:`salgan.serve.observe.Observe` gave to this request."""
    return str(scope.get("state", {}).get("request_id", ""))


def problem_response(scope: Scope, problem: ProblemError) -> JSONResponse:
    """The response for a problem."""
    document = Problem(
        type="about:blank",
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        detail=problem.detail,
        request_id=request_id(scope),
    )
    return JSONResponse(
        document.model_dump(), status_code=problem.status, headers=problem.headers, media_type=MEDIA_TYPE
    )
