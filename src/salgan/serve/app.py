"""The application: the API, the page, and what surrounds them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect

from salgan._version import __version__
from salgan.serve.access import Access
from salgan.serve.api_page import api_page
from salgan.serve.batcher import BatchPredictor
from salgan.serve.guard import Guard, Held
from salgan.serve.limits import Limits
from salgan.serve.observe import Observe, Telemetry
from salgan.serve.page import add_page
from salgan.serve.problems import MEDIA_TYPE, ClientGone, ProblemError, problem_response
from salgan.serve.rate import RateLimit
from salgan.serve.request import check_parameters
from salgan.serve.routes import picture_routes, status_routes
from salgan.serve.several import several_routes
from salgan.serve.suggesting import suggest_routes
from salgan.serve.worker import Worker

__all__ = ["create_app"]


def create_app(
    predictor: BatchPredictor,
    limits: Limits | None = None,
    *,
    access: Access | None = None,
    rate: RateLimit | None = None,
) -> FastAPI:
    """Make the service for one model, for any ASGI server.

    >>> app = create_app(salgan.load_model())  # doctest: +SKIP

    Under another server than :func:`salgan.serve.run`, that server must bound half-open connections itself.

    Args:
        predictor: the model, already in memory.
        limits: how much to take on; :class:`~salgan.serve.limits.Limits` with its defaults if None.
        access: who may ask; everybody but other websites' pages if None.
        rate: counts the pictures of each client, if several processes count together; one of its own if None.
    """
    limits = limits or Limits()
    access = access or Access()
    telemetry = Telemetry(predictor.name, limits.max_batch)
    worker = Worker(predictor, limits, telemetry)
    held = Held(limits, telemetry)
    rate = rate or RateLimit(limits.max_per_minute)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(worker.decoders.start)
        yield
        await asyncio.to_thread(worker.close)

    app = FastAPI(
        title="salgan",
        summary="Predict where people look in a picture.",
        version=__version__,
        license_info={"name": "MIT", "identifier": "MIT"},
        # The pages that FastAPI offers for its document load their scripts from the network.
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    for router in (
        picture_routes(worker, held, rate),
        several_routes(worker, held, rate),
        suggest_routes(worker, held),
    ):
        app.include_router(router, dependencies=[Depends(check_parameters)])
    app.include_router(status_routes(worker, telemetry))
    add_page(app, limits)
    _add_api_page(app)
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    app.add_middleware(Guard, limits=limits, access=access, held=held, rate=rate)
    if access.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=sorted(access.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=["Retry-After", "X-Request-ID"],
        )
    app.add_middleware(Observe, telemetry=telemetry)
    describe = app.openapi
    app.openapi = lambda: _with_problem_type(describe())  # type: ignore[method-assign]
    return app


def _add_api_page(app: FastAPI) -> None:
    @app.get("/api", include_in_schema=False)
    async def describe() -> Response:
        return Response(
            api_page(app.openapi()), media_type="text/html", headers={"Cache-Control": "no-cache"}
        )


async def _on_problem(request: Request, error: ProblemError) -> Response:
    return problem_response(request.scope, error)


async def _on_http(request: Request, error: HTTPException) -> Response:
    return problem_response(
        request.scope, ProblemError(error.status_code, error.detail, headers=error.headers)
    )


async def _on_parameter(request: Request, error: RequestValidationError) -> Response:
    found = "; ".join(
        f"{'.'.join(str(step) for step in entry['loc'][1:])}: {entry['msg']}" for entry in error.errors()
    )
    return problem_response(request.scope, ProblemError(422, found[:500]))


async def _on_gone(_: Request, __: Exception) -> Response:
    return Response(status_code=499)  # for the log; there is nobody to read it


_HANDLERS: dict[type[Exception], Any] = {
    ProblemError: _on_problem,
    HTTPException: _on_http,
    RequestValidationError: _on_parameter,
    ClientGone: _on_gone,
    ClientDisconnect: _on_gone,
}


def _with_problem_type(document: dict[str, Any]) -> dict[str, Any]:
    """Say that errors are problem documents: FastAPI's responses know one media type per route."""
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if status >= "400" and "application/json" in response.get("content", {}):
                    response["content"][MEDIA_TYPE] = response["content"].pop("application/json")
    return document
