"""The HTTP API: pictures in; maps, overlays, shares and crops out."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from salgan import zoo
from salgan._version import __version__
from salgan.regions import Region, shares
from salgan.saliency_map import SaliencyMap
from salgan.serve import schemas
from salgan.serve.answers import MEDIA_TYPES, Output, overlay_png, report, table
from salgan.serve.negotiate import choose
from salgan.serve.problems import Problem, ProblemError
from salgan.serve.telemetry import Telemetry
from salgan.serve.upload import BODY, read_upload, wanted_regions
from salgan.serve.worker import Finish, T, Worker

__all__ = ["make_router"]

Picture = np.ndarray[Any, Any]

Boxes = Annotated[
    list[str],
    Query(
        alias="box",
        max_length=50,
        description="NAME:X,Y,WIDTH,HEIGHT in fractions of the picture, or in pixels; may be repeated.",
        examples=["cta:0.6,0.8,0.3,0.1"],
    ),
]
Polygons = Annotated[
    list[str],
    Query(alias="polygon", max_length=50, description="NAME:X,Y,X,Y,X,Y...; may be repeated."),
]

_REASONS = {
    400: "The request is not well formed.",
    408: "The body arrived too slowly.",
    413: "Too many bytes, or too many pixels.",
    415: "The body is of a type that is no picture.",
    421: "The request calls this service by a name that is not its own.",
    422: "The body is no picture or a damaged one, or a parameter makes no sense.",
    500: "A bug in the service.",
    503: "Too many pictures are waiting; Retry-After says when to come back.",
    504: "The picture took too long.",
}


def problems(*statuses: int) -> schemas.Responses:
    """The problem documents that a route may answer with."""
    return {status: {"model": Problem, "description": _REASONS[status]} for status in statuses}


_TROUBLE = problems(400, 408, 413, 415, 421, 422, 500, 503, 504)
_NOT_ACCEPTABLE: schemas.Responses = {406: {"model": Problem, "description": "Accept names none of these."}}


def make_router(worker: Worker, telemetry: Telemetry) -> APIRouter:
    """The API's routes.

    Args:
        worker: answers for pictures.
        telemetry: what /metrics shows.
    """
    router = APIRouter()

    async def answered(request: Request, picture: bytes, finish: Finish[T]) -> T:
        async def gone() -> None:
            # After its body a client has nothing to send, so the next message is its leaving.
            while (await request.receive())["type"] != "http.disconnect":
                pass

        return await worker.run(picture, finish, gone)

    @router.post(
        "/v1/predict",
        summary="Predict where people look",
        tags=["pictures"],
        openapi_extra=BODY,
        response_class=Response,
        responses={
            200: {
                "model": schemas.Report,
                "description": "What `output` names, or what Accept prefers: JSON first.",
                "content": {
                    media_type: {"schema": {"type": "string", "format": "binary"}}
                    for media_type in sorted(set(MEDIA_TYPES.values()) - {"application/json"})
                },
            },
            **_TROUBLE,
            **_NOT_ACCEPTABLE,
        },
    )
    async def predict(
        request: Request,
        output: Annotated[
            Output | None,
            Query(
                description="json: focal points and shares of regions; npy, png16, png8, tiff: the map; "
                "overlay: the heatmap over the picture (PNG). By Accept if not given."
            ),
        ] = None,
        opacity: Annotated[float, Query(ge=0, le=1, description="Of the overlay's strongest colour.")] = 0.7,
        contours: Annotated[bool, Query(description="Outline 25, 50 and 75 % of the attention.")] = False,
        legend: Annotated[bool, Query(description="Draw a colour bar into the overlay.")] = False,
        box: Boxes = [],  # noqa: B006  (FastAPI copies it)
        polygon: Polygons = [],  # noqa: B006
    ) -> Response:
        """Send a picture; get its saliency map, an overlay, or figures about it.

        The map has the picture's own size. npy and tiff hold float32 in 0..1; png16 the same times 65535,
        rounded; png8 is for looking only.
        """
        wanted = output or _by_accept(request)
        upload = await read_upload(request)
        regions = wanted_regions(box, polygon, upload.regions)

        def finish(picture: Picture, saliency: SaliencyMap) -> Response:
            if wanted == "json":
                return JSONResponse(report(worker.predictor.name, saliency, regions))
            if wanted == "overlay":
                body = overlay_png(picture, saliency, opacity=opacity, contours=contours, legend=legend)
            else:
                body = saliency.encode(wanted)
            return Response(body, media_type=MEDIA_TYPES[wanted])

        return await answered(request, upload.picture, finish)

    @router.post(
        "/v1/regions",
        summary="Share of attention of regions",
        tags=["pictures"],
        openapi_extra=BODY,
        response_class=Response,
        responses={
            200: {
                "model": schemas.Report,
                "description": "The report as JSON, or its regions as CSV where Accept prefers that.",
                "content": {"text/csv": {"schema": {"type": "string"}}},
            },
            **_TROUBLE,
            **_NOT_ACCEPTABLE,
        },
    )
    async def regions(request: Request, box: Boxes = [], polygon: Polygons = []) -> Response:  # noqa: B006
        """Send a picture and regions, as `box`, `polygon` or the form's field `regions`; at least one."""
        as_csv = _acceptable(request, ["application/json", "text/csv"]) == "text/csv"
        upload = await read_upload(request)
        wanted: list[Region] = wanted_regions(box, polygon, upload.regions)
        if not wanted:
            raise ProblemError(422, "name at least one region, such as box=cta:0.6,0.8,0.3,0.1")

        def finish(picture: Picture, saliency: SaliencyMap) -> Response:
            if as_csv:
                return Response(table(shares(saliency, wanted)), media_type="text/csv")
            return JSONResponse(report(worker.predictor.name, saliency, wanted))

        return await answered(request, upload.picture, finish)

    @router.get(
        "/v1/models",
        summary="The models, and which one answers here",
        tags=["service"],
        responses=problems(421),
    )
    async def models() -> schemas.Models:
        """The models of the zoo; one of them, or a file of your own, is loaded."""
        return list_models(worker.predictor.name)

    @router.get(
        "/healthz", summary="Whether the service works", tags=["service"], responses=problems(421, 503)
    )
    async def healthz() -> schemas.Health:
        """For supervisors and load balancers."""
        if not worker.alive:
            raise ProblemError(
                503, "the network has stopped; restart the service", headers={"Retry-After": "60"}
            )
        return schemas.Health(status="ok", model=worker.predictor.name, version=__version__)

    @router.get(
        "/metrics",
        summary="Prometheus metrics",
        tags=["service"],
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **problems(421)},
    )
    async def metrics() -> Response:
        """Requests, seconds, batches, what is held, and the process itself."""
        return Response(generate_latest(telemetry.registry), media_type=CONTENT_TYPE_LATEST)

    return router


def list_models(loaded: str) -> schemas.Models:
    """The zoo's records, with the loaded model among them even if it is a file of the user's."""
    models = [
        schemas.Model(
            name=record.name,
            loaded=record.name == loaded,
            description=record.description,
            licence=record.licence,
            data=record.data,
            sha256=record.sha256,
            size=record.size,
            scores=record.scores,
        )
        for record in zoo.models()
    ]
    if not any(model.loaded for model in models):
        models.insert(0, schemas.Model(name=loaded, loaded=True))
    return schemas.Models(models=models)


def _by_accept(request: Request) -> Output:
    media_type = _acceptable(request, list(dict.fromkeys(MEDIA_TYPES.values())))
    return next(output for output, other in MEDIA_TYPES.items() if other == media_type)


def _acceptable(request: Request, offers: list[str]) -> str:
    chosen = choose(request.headers.get("accept"), offers)
    if chosen is None:
        raise ProblemError(406, f"there is {', '.join(offers)}; name one of them in Accept")
    return chosen
