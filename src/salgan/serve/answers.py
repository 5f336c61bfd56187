"""What is made of a picture and its map: the bodies of the answers."""

from __future__ import annotations

import csv
import io
from typing import Any, Literal

import numpy as np
from PIL import Image

from salgan.regions import Region, Shares, shares
from salgan.render import overlay
from salgan.saliency_map import SaliencyMap

__all__ = ["MEDIA_TYPES", "Output", "overlay_png", "report", "table"]

Output = Literal["json", "npy", "png16", "png8", "tiff", "overlay"]

MEDIA_TYPES: dict[Output, str] = {
    "json": "application/json",
    "npy": "application/x-npy",
    "png16": "image/png",
    "png8": "image/png",
    "tiff": "image/tiff",
    "overlay": "image/png",
}
"""Each output's media type; of those that share one, the first is what Accept gets."""

_COLUMNS = ("name", "x", "y", "width", "height", "unit", "share", "area", "lift", "mean", "peak", "rank")


def overlay_png(
    picture: np.ndarray[Any, Any], saliency: SaliencyMap, *, opacity: float, contours: bool, legend: bool
) -> bytes:
    """The heatmap laid over the picture, as :func:`salgan.render.overlay` draws it, as a PNG file."""
    drawn = overlay(picture, saliency, opacity=opacity, contours=contours, legend=legend)
    file = io.BytesIO()
    Image.fromarray(drawn).save(file, format="PNG", compress_level=3)
    return file.getvalue()


def report(model: str, saliency: SaliencyMap, regions: list[Region]) -> dict[str, Any]:
    """The shares of the regions as JSON values, with the model's name."""
    return {"model": model, **shares(saliency, regions).document()}


def table(measured: Shares) -> str:
    """The shares of the regions as CSV, which :func:`salgan.regions.read_regions` reads for the boxes."""
    file = io.StringIO()
    writer = csv.DictWriter(file, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for each in measured.regions:
        box = dict(zip(("x", "y", "width", "height"), each.region.box or ("",) * 4, strict=True))
        writer.writerow({**each.document(), **box})
    return file.getvalue()
