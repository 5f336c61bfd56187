"""The API's routes for several pictures at a time: two variants compared, and a batch in one answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import FormData, UploadFile

from salgan._arrays import Picture
from salgan.ab import compare_measured
from salgan.regions import VIEWS, Measured, Region
from salgan.saliency_map import SaliencyMap
from salgan.serve import schemas
from salgan.serve.answers import measure
from salgan.serve.guard import Held
from salgan.serve.problems import Problem, ProblemError, request_id
from salgan.serve.rate import RateLimit
from salgan.serve.request import REGIONS_FIELD, Intervals, read_form, regions_of, wanted_regions
from salgan.serve.worker import Worker

__all__ = ["BATCH_SCHEMA", "MOST_PICTURES", "several_routes"]

MOST_PICTURES = 50
"""Pictures in one batch; the bound on a body's bytes holds for all of them together."""

BATCH_SCHEMA = "salgan.batch/1"

_Boxes = Annotated[list[str], Query(alias="box", max_length=50, description="A box that all pictures have.")]
_Polygons = Annotated[
    list[str], Query(alias="polygon", max_length=50, description="A polygon that all pictures have.")
]
_FILE = {"type": "string", "format": "binary"}
_TROUBLE = schemas.problems(400, 401, 403, 408, 413, 415, 421, 422, 429, 500, 503, 504)


def _form(required: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    """A form in the OpenAPI document, with the field for regions."""
    schema = {
        "type": "object",
        "required": required,
        "properties": {**properties, "regions": REGIONS_FIELD},
    }
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def several_routes(worker: Worker, held: Held, rate: RateLimit) -> APIRouter:
    """The routes that take several pictures.

    Args:
        worker: answers for pictures.
        held: knows whether there is room for another answer.
        rate: counts the pictures of each client.
    """
    router = APIRouter(tags=["pictures"])

    @router.post(
        "/v1/ab",
        summary="Compare where people look in two variants",
        openapi_extra=_form(["a", "b"], {"a": _FILE, "b": _FILE}),
        responses={200: {"model": schemas.Comparison}, **_TROUBLE},
        response_class=JSONResponse,
    )
    async def ab(
        request: Request,
        intervals: Intervals = False,
        box: _Boxes = [],  # noqa: B006
        polygon: _Polygons = [],  # noqa: B006
    ) -> Response:
        """Send a form with the files `a` and `b`; get how far attention moved, and each region's change.

        Each variant is predicted once, so small changes may be noise. With `intervals` the answer says which
        changes are more than that (`differs`), and how much moves in one variant alone (`noise`).
        If the sizes differ, places are compared as fractions of the sides, and regions must be in fractions.
        """
        async with read_form(request, most_files=3) as form:
            files = [_file(form, name) for name in ("a", "b")]
            pictures = [await file.read() for file in files]
            regions = wanted_regions(box, polygon, await regions_of(form))
        rate.take_more(request.scope, 2 * VIEWS - 1 if intervals else 1)
        held.check_answers()

        def finish(found: list[Measured]) -> Response:
            document = compare_measured(*found).document()
            return JSONResponse({"model": worker.predictor.name, **document})

        def once(found: list[tuple[Picture, SaliencyMap]]) -> Response:
            return finish([Measured(saliency, measure(saliency, regions)) for _, saliency in found])

        async with _until_gone(request) as gone:
            if intervals:
                return await worker.run_measured(pictures, regions, finish, gone.wait)
            return await worker.run_together(pictures, once, gone.wait)

    @router.post(
        "/v1/batch",
        summary="Get the figures of several pictures in one answer",
        openapi_extra=_form(
            ["picture"],
            {"picture": {"type": "array", "minItems": 1, "maxItems": MOST_PICTURES, "items": _FILE}},
        ),
        responses={200: {"model": schemas.Batch}, **_TROUBLE},
        response_class=JSONResponse,
    )
    async def batch(request: Request, box: _Boxes = [], polygon: _Polygons = []) -> Response:  # noqa: B006
        """Send a form with the file `picture` repeated; get for each its report, or what is wrong with it.

        Regions are measured in every picture. One that cannot be read does not fail the others. If the queue
        is full for every one of them, the answer is 503.
        """
        async with read_form(request, most_files=MOST_PICTURES + 1) as form:
            files = [file for file in form.getlist("picture") if isinstance(file, UploadFile)]
            if not 1 <= len(files) <= MOST_PICTURES:
                raise ProblemError(
                    422,
                    f"the form needs 1 to {MOST_PICTURES} files called picture, not {len(files)}; "
                    "with curl: -F picture=@a.jpg -F picture=@b.jpg",
                )
            pictures = [(file.filename or "", await file.read()) for file in files]
            regions = wanted_regions(box, polygon, await regions_of(form))
        rate.take_more(request.scope, len(pictures) - 1)
        held.check_answers()
        # A batch takes no more places than pictures are worked on at a time, so others get their turn.
        places = asyncio.Semaphore(worker.at_once)

        async with _until_gone(request) as gone:

            async def one(content: bytes) -> dict[str, Any] | ProblemError:
                async with places:
                    try:
                        return await worker.run(content, lambda _, found: _report(found, regions), gone.wait)
                    except ProblemError as problem:
                        return problem

            found = await asyncio.gather(*(one(content) for _, content in pictures))
        problems = [each for each in found if isinstance(each, ProblemError)]
        if len(problems) == len(found) and all(problem.status == 503 for problem in problems):
            raise problems[0]
        entries = [
            {"name": name, **_entry(request, each)} for (name, _), each in zip(pictures, found, strict=True)
        ]
        return JSONResponse({"model": worker.predictor.name, "schema": BATCH_SCHEMA, "pictures": entries})

    return router


def _file(form: FormData, name: str) -> UploadFile:
    file = form.get(name)
    if not isinstance(file, UploadFile):
        raise ProblemError(
            422, f"the form needs a file called {name}; with curl: -F a=@old.png -F b=@new.png"
        )
    return file


def _report(saliency: SaliencyMap, regions: list[Region]) -> dict[str, Any]:
    return measure(saliency, regions).document()


def _entry(request: Request, found: dict[str, Any] | ProblemError) -> dict[str, Any]:
    if not isinstance(found, ProblemError):
        return {"report": found}
    problem = Problem(
        type="about:blank",
        title=HTTPStatus(found.status).phrase,
        status=found.status,
        detail=found.detail,
        request_id=request_id(request.scope),
    )
    return {"problem": problem.model_dump()}


@contextlib.asynccontextmanager
async def _until_gone(request: Request) -> AsyncIterator[asyncio.Event]:
    """An event that is set when the client leaves; one watcher, however many pictures wait."""
    gone = asyncio.Event()

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone.set()

    watcher = asyncio.ensure_future(watch())
    try:
        yield gone
    finally:
        watcher.cancel()
