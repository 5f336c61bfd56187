"""What the finders of suggestions have in common: what they find, and how large pictures are looked at."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from salgan._arrays import Picture

__all__ = ["Found", "in_tiles", "scaled", "without_doubles"]

_OVERLAP = 0.15
"""The part of a tile that the next one shows again, so that what one cuts the other has whole."""

_SAME = 0.5
"""Two boxes whose intersection is a larger part of their union are one thing, found twice."""


@dataclass(frozen=True)
class Found:
    """A box in pixels of the picture, and how sure its finder is, from 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float
    score: float

    @property
    def area(self) -> float:
        """In square pixels; 0 if it is empty."""
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)

    def shared(self, other: Found) -> float:
        """The area of the intersection."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height)

    def lies_in(self, other: Found) -> bool:
        """Whether the other one holds nearly all of it."""
        return self.shared(other) > 0.8 * self.area

    def along(self, upright: bool) -> tuple[float, float]:
        """Where it begins and ends along a picture's longer side."""
        return (self.top, self.bottom) if upright else (self.left, self.right)

    def moved(self, x: float, y: float, scale: float) -> Found:
        """The box where it lies in a picture of which this one was a part, ``scale`` times as large."""
        return replace(
            self,
            left=(self.left + x) / scale,
            top=(self.top + y) / scale,
            right=(self.right + x) / scale,
            bottom=(self.bottom + y) / scale,
        )


def scaled(picture: Picture, shorter: int, pixels: int, least: int = 1) -> tuple[Picture, float]:
    """The picture, made smaller if its shorter side or its area is larger than that, and the scale.

    Args:
        picture: uint8 RGB (H, W, 3).
        shorter: the most pixels along its shorter side.
        pixels: the most pixels in all.
        least: a shorter side of fewer pixels counts as so many.
    """
    height, width = picture.shape[:2]
    scale = min(1.0, shorter / min(height, width), math.sqrt(pixels / (height * width)))
    if min(height, width) * scale < least:
        scale = min(scale, pixels / (least * max(height, width)))
    if scale == 1:
        return picture, 1.0
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # With a gap, a strip of millions of pixels needs no weights for each of them.
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX, reducing_gap=16)), scale


def in_tiles(
    picture: Picture, side: int, pixels: int, find: Callable[[Picture], Sequence[Found]], least: int
) -> list[Found]:
    """Look at a picture tile by tile, and once at all of it for what is longer than tiles overlap.

    Args:
        picture: uint8 RGB (H, W, 3); made smaller so that its shorter side fits into a tile.
        side: the most pixels along a side of a tile.
        pixels: the most pixels in all, which bounds how long this takes.
        find: looks at one tile.
        least: the pixels along a tile's shorter side that it takes at least, for it fills up a narrower one.

    Returns:
        What was found, in pixels of the picture, each once.
    """
    small, scale = scaled(picture, side, pixels, least)
    height, width = small.shape[:2]
    longer, upright = max(height, width), height > width
    steps = max(1, math.ceil((longer - side * _OVERLAP) / (side * (1 - _OVERLAP))))
    starts = np.linspace(0, max(0, longer - side), steps).round().astype(int).tolist()
    found: list[Found] = []
    for start in starts:
        x, y = (0, start) if upright else (start, 0)
        tile = np.ascontiguousarray(small[y : y + side, x : x + side])
        begins, ends = start > 0, start + side < longer
        for each in find(tile):
            first, last = each.along(upright)
            # What touches a cut is seen whole by the neighbour, or by the look at all of it.
            if not (begins and first <= 1) and not (ends and last >= side - 1):
                found.append(each.moved(x, y, scale))
    if steps > 1:
        whole, ratio = scaled(small, side, max(1, side * side * min(height, width) // longer))
        for each in find(whole):
            first, last = each.moved(0, 0, ratio).along(upright)
            if not any(start <= first and last <= start + side for start in starts):
                found.append(each.moved(0, 0, ratio * scale))
    return without_doubles(found)


def without_doubles(found: Sequence[Found]) -> list[Found]:
    """Of boxes that are one thing, the one with the best score."""
    kept: list[Found] = []
    for each in sorted(found, key=lambda one: -one.score):
        if all(each.shared(other) <= _SAME * (each.area + other.area - each.shared(other)) for other in kept):
            kept.append(each)
    return kept
