"""The API's route for regions to choose from."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from salgan._arrays import Picture
from salgan.errors import MissingExtraError
from salgan.regions import SUGGESTIONS_SCHEMA, suggest, suggested_kinds
from salgan.regions.suggestions import Kind
from salgan.serve import schemas
from salgan.serve.guard import Held
from salgan.serve.problems import ProblemError
from salgan.serve.request import PICTURE_BODY, read_upload
from salgan.serve.routes import TROUBLE, gone_of
from salgan.serve.worker import Worker

__all__ = ["kinds_here", "suggest_routes"]


def suggest_routes(worker: Worker, held: Held) -> APIRouter:
    """The route.

    Args:
        worker: decodes pictures, in turn.
        held: knows whether there is room for another answer.
    """
    router = APIRouter(tags=["pictures"])

    @router.post(
        "/v1/suggest",
        summary="Suggest regions: faces, lines of text, button-like blocks",
        openapi_extra=PICTURE_BODY,
        response_model=schemas.Suggestions,
        responses={**TROUBLE, **schemas.problems(404)},
    )
    async def find(request: Request) -> Response:
        """Send a picture; get boxes to choose from, in the form of regions. Nothing is measured."""
        try:
            suggested_kinds()
        except MissingExtraError as error:
            raise ProblemError(404, f"regions are not suggested here: {error}") from None
        upload = await read_upload(request)
        held.check_answers()
        return await worker.look(
            upload.picture, lambda picture: JSONResponse(_report(picture)), gone_of(request)
        )

    return router


def kinds_here() -> list[Kind]:
    """What is suggested here; nothing without the extra."""
    try:
        return suggested_kinds()
    except MissingExtraError:
        return []


def _report(picture: Picture) -> dict[str, object]:
    height, width = picture.shape[:2]
    return {
        "schema": SUGGESTIONS_SCHEMA,
        "picture": {"width": width, "height": height},
        "regions": [each.document() for each in suggest(picture)],
    }
