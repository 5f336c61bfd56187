"""The API's routes: maps, overlays, shares and crops of what is sent, and the service itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from salgan._arrays import Picture
from salgan._version import __version__
from salgan.models import list_models
from salgan.regions import VIEWS, Measured, Region, Shares
from salgan.saliency_map import SaliencyMap
from salgan.serve import schemas
from salgan.serve.answers import (
    MEDIA_TYPES,
    Output,
    best_crops,
    crop_report,
    focal_report,
    measure,
    overlay_png,
    report,
    table,
)
from salgan.serve.guard import Held
from salgan.serve.observe import Telemetry
from salgan.serve.problems import Problem, ProblemError
from salgan.serve.rate import RateLimit
from salgan.serve.request import (
    BODY,
    PICTURE_BODY,
    Intervals,
    choose,
    read_upload,
    wanted_regions,
    wanted_shapes,
)
from salgan.serve.worker import Finish, T, Worker

__all__ = ["TROUBLE", "gone_of", "picture_routes", "status_routes"]

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

Ratios = Annotated[
    list[str],
    Query(alias="ratio", max_length=20, description="WIDTH:HEIGHT; may be repeated.", examples=["16:9"]),
]
Sizes = Annotated[
    list[str],
    Query(alias="size", max_length=20, description="WIDTHxHEIGHT in pixels; may be repeated."),
]

_OVERLAYS_OWN = ("opacity", "contours", "legend")

_BINARY = {"schema": {"type": "string", "format": "binary"}}
TROUBLE = schemas.problems(400, 401, 403, 408, 413, 415, 421, 422, 429, 500, 503, 504)
_NOT_ACCEPTABLE: schemas.Responses = {406: {"model": Problem, "description": "Accept names none of these."}}


def picture_routes(worker: Worker, held: Held, rate: RateLimit) -> APIRouter:
    """The routes that take a picture.

    Args:
        worker: answers for pictures.
        held: knows whether there is room for another answer.
        rate: counts the pictures of each client.
    """
    router = APIRouter()

    async def answered(request: Request, picture: bytes, finish: Finish[T]) -> T:
        held.check_answers()
        return await worker.run(picture, finish, gone_of(request))

    async def measured(
        request: Request, picture: bytes, regions: list[Region], finish: Callable[[Measured], T]
    ) -> T:
        rate.take_more(request.scope, VIEWS - 1)
        held.check_answers()
        return await worker.run_measured([picture], regions, lambda found: finish(found[0]), gone_of(request))

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
                "content": dict.fromkeys(sorted(set(MEDIA_TYPES.values()) - {"application/json"}), _BINARY),
            },
            **TROUBLE,
            **_NOT_ACCEPTABLE,
        },
    )
    async def predict(
        request: Request,
        output: Annotated[
            Output | None,
            Query(
                description="json: focal points and shares of regions; npy, png16, png8, tiff: the map; "
                "overlay: the heatmap over the picture (PNG). If it is not given, Accept decides."
            ),
        ] = None,
        opacity: Annotated[
            float, Query(ge=0, le=1, description="The opacity of the overlay's strongest colour.")
        ] = 0.7,
        contours: Annotated[
            bool,
            Query(
                description="Draw outlines of the smallest areas that hold 25, 50 and 75 % of the attention."
            ),
        ] = False,
        legend: Annotated[bool, Query(description="Draw a colour bar into the overlay.")] = False,
        intervals: Intervals = False,
        box: Boxes = [],  # noqa: B006  (FastAPI copies it)
        polygon: Polygons = [],  # noqa: B006
    ) -> Response:
        """Send a picture; get its saliency map, an overlay, or figures about it.

        The map has the picture's own size. npy and tiff hold float32 in 0..1; png16 the same times 65535,
        rounded; png8 is for looking only.
        """
        wanted = output or _by_accept(request)
        if intervals and wanted != "json":
            raise ProblemError(422, f"intervals are figures, and {wanted} holds none; ask for output=json")
        for name in _OVERLAYS_OWN:
            if name in request.query_params and wanted != "overlay":
                raise ProblemError(422, f"{name} is about the overlay, not {wanted}; ask for output=overlay")
        upload = await read_upload(request)
        regions = wanted_regions(box, polygon, upload.regions)
        if regions and wanted != "json":
            raise ProblemError(422, f"{wanted} holds no shares of regions; ask for output=json")
        if intervals:
            return await measured(
                request, upload.picture, regions, lambda found: JSONResponse(_named(worker, found.shares))
            )

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
        summary="How much of the attention regions get",
        tags=["pictures"],
        openapi_extra=BODY,
        response_class=Response,
        responses={
            200: {
                "model": schemas.Report,
                "description": "The report as JSON, or its regions as CSV where Accept prefers that.",
                "content": {"text/csv": {"schema": {"type": "string"}}},
            },
            **TROUBLE,
            **_NOT_ACCEPTABLE,
        },
    )
    async def regions(
        request: Request,
        intervals: Intervals = False,
        box: Boxes = [],  # noqa: B006
        polygon: Polygons = [],  # noqa: B006
    ) -> Response:
        """Send a picture and regions, as `box`, `polygon` or the form's field `regions`; at least one."""
        as_csv = _acceptable(request, ["application/json", "text/csv"]) == "text/csv"
        upload = await read_upload(request)
        wanted: list[Region] = wanted_regions(box, polygon, upload.regions)
        if not wanted:
            raise ProblemError(422, "name at least one region, such as box=cta:0.6,0.8,0.3,0.1")

        def finish(found: Shares) -> Response:
            if as_csv:
                return Response(table(found), media_type="text/csv")
            return JSONResponse(_named(worker, found))

        if intervals:
            return await measured(request, upload.picture, wanted, lambda found: finish(found.shares))
        return await answered(request, upload.picture, lambda _, saliency: finish(measure(saliency, wanted)))

    @router.post(
        "/v1/focal",
        summary="Find the point that a crop should keep",
        tags=["pictures"],
        openapi_extra=PICTURE_BODY,
        response_model=schemas.Focal,
        responses=TROUBLE,
    )
    async def focal(request: Request) -> Response:
        """Send a picture; get the gravity for an image server that crops around a point.

        It is the strongest focal point, and the centre for a picture that favours no place.
        """
        upload = await read_upload(request)

        def finish(picture: Picture, saliency: SaliencyMap) -> Response:
            return JSONResponse(focal_report(worker.predictor.name, saliency))

        return await answered(request, upload.picture, finish)

    @router.post(
        "/v1/crop",
        summary="Find the crops that keep the most attention",
        tags=["pictures"],
        openapi_extra=PICTURE_BODY,
        response_class=Response,
        responses={
            200: {
                "model": schemas.Crops,
                "description": "The windows as JSON; one alone also as a PNG, where Accept prefers that.",
                "content": {"image/png": _BINARY},
            },
            **TROUBLE,
            **_NOT_ACCEPTABLE,
        },
    )
    async def crop(request: Request, ratio: Ratios = [], size: Sizes = []) -> Response:  # noqa: B006
        """Send a picture and at least one ratio or size; get for each the window to cut, whole pixels.

        The window is the largest of its ratio; a size is a ratio, and what the PNG is scaled to. The PNG
        keeps the picture's transparency, depth and colour profile.
        """
        as_png = _acceptable(request, ["application/json", "image/png"]) == "image/png"
        shapes = wanted_shapes(ratio, size)
        if as_png and len(shapes) != 1:
            raise ProblemError(406, f"one answer holds one crop, not {len(shapes)}; accept application/json")
        upload = await read_upload(request)

        def finish(picture: Picture, saliency: SaliencyMap) -> Response:
            found = best_crops(saliency, shapes)
            if as_png:
                # From the file again, because the picture that the model saw has neither transparency nor
                # depth.
                window = (found[0].left, found[0].top, found[0].width, found[0].height)
                body = worker.decoders.crop(upload.picture, window, shapes[0].size)
                return Response(body, media_type="image/png")
            return JSONResponse(crop_report(worker.predictor.name, saliency, shapes, found))

        return await answered(request, upload.picture, finish)

    return router


def _named(worker: Worker, found: Shares) -> dict[str, Any]:
    return {"model": worker.predictor.name, **found.document()}


def gone_of(request: Request) -> Callable[[], Awaitable[object]]:
    """What returns when the client of a request has left."""

    async def gone() -> None:
        # After its body a client has nothing more to send, so the next message says that it has left.
        while (await request.receive())["type"] != "http.disconnect":
            pass

    return gone


def _by_accept(request: Request) -> Output:
    media_type = _acceptable(request, list(dict.fromkeys(MEDIA_TYPES.values())))
    return next(output for output, other in MEDIA_TYPES.items() if other == media_type)


def _acceptable(request: Request, offers: list[str]) -> str:
    chosen = choose(request.headers.get("accept"), offers)
    if chosen is None:
        raise ProblemError(
            406, f"this answer comes as {', '.join(offers)}; name one of these types in Accept"
        )
    return chosen


def status_routes(worker: Worker, telemetry: Telemetry) -> APIRouter:
    """The routes.

    Args:
        worker: the worker whose model and health are reported.
        telemetry: what /metrics shows.
    """
    router = APIRouter(tags=["service"])

    @router.get(
        "/v1/models",
        summary="List the models, and say which one answers here",
        responses=schemas.problems(401, 421),
    )
    async def models() -> schemas.Models:
        """The models by name; one of them, or a file of your own, is loaded."""
        return _model_list(worker.predictor.name)

    @router.get("/healthz", summary="Say whether the service works", responses=schemas.problems(421, 503))
    async def healthz() -> schemas.Health:
        """For supervisors and load balancers."""
        if not worker.alive:
            raise ProblemError(
                503, "the network has stopped; restart the service", headers={"Retry-After": "60"}
            )
        return schemas.Health(status="ok", model=worker.predictor.name, version=__version__)

    @router.get(
        "/readyz",
        summary="Say whether the service takes pictures now",
        responses=schemas.problems(421, 503),
    )
    async def readyz() -> schemas.Readiness:
        """For load balancers: a full queue is no reason to restart the service, but to send elsewhere."""
        if not worker.alive:
            raise ProblemError(503, "the network has stopped", headers={"Retry-After": "60"})
        worker.check_room()
        return schemas.Readiness(status="ready", under_way=worker.under_way)

    @router.get(
        "/metrics",
        summary="Show metrics for Prometheus",
        response_class=Response,
        responses={
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
            **schemas.problems(401, 421),
        },
    )
    async def metrics() -> Response:
        """Requests, seconds, batches, what is held, and the process itself."""
        return Response(generate_latest(telemetry.shown), media_type=CONTENT_TYPE_LATEST)

    return router


def _model_list(loaded: str) -> schemas.Models:
    """The models' records, with the loaded model among them even if it is a file of the user's."""
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
        for record in list_models()
    ]
    if not any(model.loaded for model in models):
        models.insert(0, schemas.Model(name=loaded, loaded=True))
    return schemas.Models(models=models)
