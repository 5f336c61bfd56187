"""What is made of a picture and its map: the bodies of the answers."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from PIL import Image

from salgan import crop
from salgan._arrays import Picture
from salgan._csv import as_cell
from salgan.errors import ConfigError
from salgan.regions import Region, Shares, shares
from salgan.render import overlay
from salgan.saliency_map import SaliencyMap

__all__ = [
    "MEDIA_TYPES",
    "Output",
    "best_crops",
    "check_polygons",
    "crop_report",
    "focal_report",
    "measure",
    "overlay_png",
    "report",
    "table",
]

Output = Literal["json", "npy", "png16", "png8", "tiff", "overlay"]

MEDIA_TYPES: dict[Output, str] = {
    "json": "application/json",
    "npy": "application/x-npy",
    "png16": "image/png",
    "png8": "image/png",
    "tiff": "image/tiff",
    "overlay": "image/png",
}
"""Each output's media type; if several share one, Accept gets the first."""


_MOST_POLYGON_PIXELS = 100_000_000

_COLUMNS = (
    *("name", "x", "y", "width", "height", "unit", "share", "area", "lift", "mean", "peak", "rank"),
    *("inside", "focal_x", "focal_y"),
)


def overlay_png(
    picture: Picture, saliency: SaliencyMap, *, opacity: float, contours: bool, legend: bool
) -> bytes:
    """The heatmap laid over the picture, as :func:`salgan.render.overlay` draws it, as a PNG file."""
    drawn = overlay(picture, saliency, opacity=opacity, contours=contours, legend=legend)
    return _png(Image.fromarray(drawn))


def report(model: str, saliency: SaliencyMap, regions: list[Region]) -> dict[str, Any]:
    """The shares of the regions as JSON values, with the model's name."""
    return {"model": model, **measure(saliency, regions).document()}


def measure(saliency: SaliencyMap, regions: list[Region]) -> Shares:
    """The shares of the regions, as :func:`salgan.regions.shares` gives them.

    Raises:
        ConfigError: as :func:`check_polygons`.
    """
    check_polygons(saliency, regions)
    return shares(saliency, regions)


def check_polygons(saliency: SaliencyMap, regions: Sequence[Region]) -> None:
    """Refuse polygons that together span too many pixels: each takes time for all that it spans.

    Raises:
        ConfigError: they do.
    """
    height, width = saliency.array.shape
    spanned = 0.0
    for region in regions:
        if region.box is None:
            corners = np.clip(region.in_pixels(width, height), 0, (width, height))
            spanned += float(np.prod(corners.max(axis=0) - corners.min(axis=0)))
    if spanned > _MOST_POLYGON_PIXELS:
        raise ConfigError(
            f"the polygons span {spanned / 1e6:.0f} megapixels together, and one request may ask for "
            f"{_MOST_POLYGON_PIXELS / 1e6:.0f}; send fewer, or scale the picture down"
        )


def table(measured: Shares) -> str:
    """The shares of the regions as CSV, whose boxes :func:`salgan.regions.read_regions` reads.

    It has the columns of ``salgan regions --csv`` that are about one picture, and where the boxes lie. Shares
    with intervals have the columns ``share_low`` and ``share_high``, too.
    """
    file = io.StringIO()
    columns = _COLUMNS if measured.noise is None else (*_COLUMNS, "share_low", "share_high")
    writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for each in measured.regions:
        box = dict(zip(("x", "y", "width", "height"), each.region.box or ("",) * 4, strict=True))
        ends = dict(zip(("share_low", "share_high"), each.interval or (), strict=False))
        point = [(point.x, point.y) for point in each.focal_points[:1]]
        focal = dict(zip(("focal_x", "focal_y"), *point, strict=True)) if point else {}
        writer.writerow({**each.document(), **box, **ends, **focal, "name": as_cell(each.name)})
    return file.getvalue()


def best_crops(saliency: SaliencyMap, shapes: list[crop.Shape]) -> list[crop.Crop]:
    """For each shape, the largest window of its ratio, placed where it keeps the most attention.

    Raises:
        ConfigError: a size is larger than the picture.
    """
    height, width = saliency.array.shape
    return crop.best(saliency, [shape.window(width, height) for shape in shapes])


def focal_report(model: str, saliency: SaliencyMap) -> dict[str, Any]:
    """The strongest focal point in fractions; the centre where the map favours no place."""
    height, width = saliency.array.shape
    points = shares(saliency, []).focal_points
    x, y = (points[0].x, points[0].y) if points else (0.5, 0.5)
    return {"model": model, "picture": {"width": width, "height": height}, "x": x, "y": y}


def crop_report(
    model: str, saliency: SaliencyMap, shapes: list[crop.Shape], found: list[crop.Crop]
) -> dict[str, Any]:
    """The crops as JSON values, each with the words with which it was asked for."""
    height, width = saliency.array.shape
    return {
        "model": model,
        "schema": crop.SCHEMA,
        "picture": {"width": width, "height": height},
        "crops": [{"for": shape.label, **each.document()} for shape, each in zip(shapes, found, strict=True)],
    }


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, format="PNG", compress_level=3)
    return file.getvalue()
