"""The page's files, and what it must know to draw as the library does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles

from salgan import render
from salgan.ab import difference_look
from salgan.regions import VIEWS
from salgan.serve.limits import Limits
from salgan.serve.suggesting import kinds_here

__all__ = ["add_page", "page_look"]

_STATIC = Path(__file__).parent / "static"
_FRESH = {"Cache-Control": "no-cache"}  # revalidated by ETag, so a new version shows at once


def page_look() -> dict[str, Any]:
    """How maps and differences are drawn, and of how many views an interval is made, as JSON values."""
    return {**render.look(), "difference": difference_look(), "views": VIEWS}


def add_page(app: FastAPI, limits: Limits) -> None:
    """Serve the page and its files.

    Args:
        app: the application.
        limits: those that the page must keep.
    """

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(_STATIC / "index.html", headers=_FRESH)

    @app.get("/page.json", include_in_schema=False)
    async def look() -> JSONResponse:
        """What the page needs to draw a map as the library does, and the limits it must keep."""
        content = {
            "look": page_look(),
            "suggested": kinds_here(),
            "limits": {"bytes": limits.max_bytes, "pixels": limits.max_pixels},
        }
        return JSONResponse(content, headers=_FRESH)

    class Fresh(StaticFiles):
        def file_response(self, *args: Any, **kwargs: Any) -> Response:
            response = super().file_response(*args, **kwargs)
            response.headers.update(_FRESH)
            return response

    app.mount("/static", Fresh(directory=_STATIC))
