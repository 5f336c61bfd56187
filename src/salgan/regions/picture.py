"""The picture of a report: heatmap, regions, and what each of them gets."""

from __future__ import annotations

import numpy as np
from PIL import Image

from salgan import _drawing, render
from salgan._arrays import Picture
from salgan.regions.shares import Shares
from salgan.saliency_map import SaliencyMap

__all__ = ["draw"]


def draw(picture: Picture, saliency: SaliencyMap, report: Shares, *, opacity: float = 0.55) -> Picture:
    """Draw the regions over the picture and its heatmap, each with its name, share and lift.

    The font that comes with Pillow has the letters of English; accents are left out, and a name in another
    script is drawn as the region's number in the order given.

    Args:
        picture: uint8 RGB (H, W, 3).
        saliency: its map, (H, W).
        report: what :func:`~salgan.regions.shares` gave for that map.
        opacity: the opacity of the heatmap, 0 to 1.

    Returns:
        uint8 RGB (H, W, 3), a new array.

    Raises:
        ImageError: the picture is not uint8 RGB, or not as large as the map.
        ConfigError: the opacity is outside [0, 1].
    """
    result = render.overlay(picture, saliency, opacity=opacity)
    height, width = result.shape[:2]
    text = _drawing.text_size(width, height)
    visible = [(number, each) for number, each in enumerate(report.regions, start=1) if each.area > 0]
    for _, each in visible:
        _drawing.frame(result, each.region.in_pixels(width, height), max(1.0, text / 9))
    image = Image.fromarray(result)
    tags = _drawing.Tags(image, text)
    # The most important ones first: they get the best places.
    for number, each in sorted(visible, key=lambda one: one[1].rank):
        corners = np.clip(each.region.in_pixels(width, height), 0, [width, height])
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        name = _drawing.drawable(each.name, f"#{number}")
        tags.add((left, top, right, bottom), name, f"{each.share:.1%}  {each.lift:.1f}x")
    return np.array(image)
