"""The picture of a report: heatmap, regions, and what each of them gets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from salgan import _drawing, render
from salgan._arrays import Picture
from salgan.regions.region import Region
from salgan.regions.shares import Shares
from salgan.regions.suggestions import Kind, Suggestion
from salgan.saliency_map import SaliencyMap

__all__ = ["draw", "draw_suggestions"]

_MOST_TAGS = 200
"""The most labels; nobody could read more, and each has to keep off all others."""


_COLOURS: dict[Kind, tuple[int, int, int]] = {
    "face": (255, 205, 120),
    "text": (250, 250, 250),
    "block": (150, 225, 255),
}

_LEAST_SIDE = 200
"""Pictures of fewer pixels across or down get no list beside them, which could not be read."""


def draw(
    picture: Picture, saliency: SaliencyMap, report: Shares, *, opacity: float = 0.55, palette: str = "auto"
) -> Picture:
    """Draw the regions over the picture and its heatmap, each with its name, share and lift.

    Labels stand outside the regions, beside theirs or at the end of a line that leads to it. A region without
    room for that, or smaller than a line of text, gets a number, which a list on the right explains.
    Of more than 200 regions, those with the greatest shares are labelled.

    The font that comes with Pillow has the letters of English; accents are left out, and a name in another
    script is drawn as the region's number in the order given.

    Args:
        picture: uint8 RGB (H, W, 3).
        saliency: its map, (H, W).
        report: what :func:`~salgan.regions.shares` gave for that map.
        opacity: the opacity of the heatmap, 0 to 1.
        palette: one of :data:`salgan.render.PALETTES`.

    Returns:
        uint8 RGB (H, W, 3), a new array; wider, and perhaps higher, if there is a list.

    Raises:
        ImageError: the picture is not uint8 RGB, or not as large as the map.
        ConfigError: the opacity is outside [0, 1], or there is no such palette.
    """
    result = render.overlay(picture, saliency, opacity=opacity, palette=palette)
    height, width = result.shape[:2]
    text = _drawing.text_size(width, height)
    visible = [(number, each) for number, each in enumerate(report.regions, start=1) if each.area > 0]
    for _, each in visible:
        _drawing.frame(result, each.region.in_pixels(width, height), max(1.0, text / 9))
    image = Image.fromarray(result)
    boxes = {number: bounds(each.region, width, height) for number, each in visible}
    tags = _drawing.Tags(image, text, list(boxes.values()))
    listed = []
    # The most important ones first: they get the best places.
    for number, each in sorted(visible, key=lambda one: one[1].rank)[:_MOST_TAGS]:
        left, top, right, bottom = boxes[number]
        name, figures = _drawing.drawable(each.name, f"#{number}"), f"{each.share:.1%}  {each.lift:.1f}x"
        is_small = max(right - left, bottom - top) < text * 1.5
        if is_small or not tags.add(boxes[number], name, figures):
            listed.append((number, (str(number), name, figures)))
    if not listed or min(height, width) < _LEAST_SIDE:
        return np.array(image)
    for number, _ in listed:
        tags.mark(boxes[number], str(number))
    return np.array(_drawing.with_list(image, [line for _, line in sorted(listed)], text))


def draw_suggestions(picture: Picture, suggestions: Sequence[Suggestion]) -> Picture:
    """Draw suggestions as dashed boxes, each with its name beside it, or at its corner.

    Args:
        picture: uint8 RGB (H, W, 3).
        suggestions: what :func:`~salgan.regions.suggest` found in it.

    Returns:
        uint8 RGB (H, W, 3), a new array.
    """
    result = picture.copy()
    height, width = result.shape[:2]
    text = _drawing.text_size(width, height) * 0.6
    for each in suggestions:
        corners = each.region.in_pixels(width, height)
        _drawing.frame(result, corners, max(1.0, text / 9), _COLOURS[each.kind], dash=text)
    image = Image.fromarray(result)
    boxes = [bounds(each.region, width, height) for each in suggestions]
    tags = _drawing.Tags(image, text, boxes)
    for box, each in zip(boxes, suggestions, strict=True):
        tags.mark(box, each.region.name)
    return np.array(image)


def bounds(region: Region, width: int, height: int) -> _drawing.Box:
    """The rectangle around the part of a region that lies in a picture: left, top, right, bottom."""
    corners = np.clip(region.in_pixels(width, height), 0, [width, height])
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return float(left), float(top), float(right), float(bottom)
