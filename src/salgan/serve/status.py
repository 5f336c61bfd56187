"""The API's routes about the service itself: its models, its health, its metrics."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from salgan._version import __version__
from salgan.models import list_models
from salgan.serve import schemas
from salgan.serve.problems import ProblemError
from salgan.serve.telemetry import Telemetry
from salgan.serve.worker import Worker

__all__ = ["model_list", "status_routes"]


def status_routes(worker: Worker, telemetry: Telemetry) -> APIRouter:
    """The routes.

    Args:
        worker: whose model and whose health.
        telemetry: what /metrics shows.
    """
    router = APIRouter(tags=["service"])

    @router.get(
        "/v1/models",
        summary="The models, and which one answers here",
        responses=schemas.problems(421),
    )
    async def models() -> schemas.Models:
        """The models by name; one of them, or a file of your own, is loaded."""
        return model_list(worker.predictor.name)

    @router.get("/healthz", summary="Whether the service works", responses=schemas.problems(421, 503))
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
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **schemas.problems(421)},
    )
    async def metrics() -> Response:
        """Requests, seconds, batches, what is held, and the process itself."""
        return Response(generate_latest(telemetry.registry), media_type=CONTENT_TYPE_LATEST)

    return router


def model_list(loaded: str) -> schemas.Models:
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
