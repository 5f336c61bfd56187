"""Button-like blocks, found by a rule of our own: a flat, filled rectangle with an edge all around it."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from salgan._arrays import Array, Picture
from salgan.errors import require
from salgan.regions._found import Found, scaled

__all__ = ["find"]

_SHORTER = 1600
_MOST_PIXELS = 6_000_000

_STEP = 10
"""Neighbouring pixels that differ by more, in any channel, have an edge between them."""

_LEAST_WIDTH, _LEAST_HEIGHT = 24, 14
_MOST_WIDTH, _MOST_HEIGHT = 0.5, 0.2
"""Parts of the picture's sides; larger areas are panels and backgrounds."""

_LEAST_ASPECT, _MOST_ASPECT = 1.2, 14.0

_LEAST_SOLID = 0.88
"""The part of its box that the outline must fill: pills do, at 0.93 for an aspect of 3; circles do not."""

_LEAST_LABEL, _MOST_LABEL = 0.03, 0.6
"""The part of the area within the outline that is not flat: a label, a sign. Empty boxes have none."""

_MOST_SPREAD = 60
"""The most that the middle 90 % of the flat area differ, in any channel: a button may have a gradient."""


def find(picture: Picture) -> list[Found]:
    """The blocks in a picture, uint8 RGB (H, W, 3).

    Raises:
        MissingExtraError: OpenCV is not installed.
    """
    cv2 = require("cv2", "suggest")
    height, width = picture.shape[:2]
    if width < _LEAST_WIDTH / _MOST_WIDTH or height < _LEAST_HEIGHT / _MOST_HEIGHT:
        return []
    small, scale = scaled(picture, _SHORTER, _MOST_PIXELS)
    height, width = small.shape[:2]
    count, labels, about, _ = cv2.connectedComponentsWithStats(_flat(small), connectivity=4)
    left, top, across, down, area = about[:count].T
    likely = (
        *(across >= _LEAST_WIDTH, across <= _MOST_WIDTH * width),
        *(down >= _LEAST_HEIGHT, down <= _MOST_HEIGHT * height),
        *(across >= _LEAST_ASPECT * down, across <= _MOST_ASPECT * down),
        *(area >= (1 - _MOST_LABEL) * _LEAST_SOLID * across * down, np.arange(count) > 0),
    )
    found = []
    for number in np.flatnonzero(np.logical_and.reduce(likely)):
        x, y, wide, high = (int(each[number]) for each in (left, top, across, down))
        here = (slice(y, y + high), slice(x, x + wide))
        solid = _solid(cv2, small[here], labels[here] == number)
        if solid is not None:
            found.append(Found(0, 0, wide, high, min(1.0, solid)).moved(x, y, scale))
    return found


def _flat(picture: Picture) -> Array:
    """Which pixels are like those to their left and above them: uint8 (H, W), 0 or 1."""
    values = picture.astype(np.int16)
    flat = np.ones(picture.shape[:2], np.uint8)
    flat[:, 1:][np.abs(np.diff(values, axis=1)).max(axis=2) > _STEP] = 0
    flat[1:][np.abs(np.diff(values, axis=0)).max(axis=2) > _STEP] = 0
    return flat


def _solid(cv2: ModuleType, pixels: Picture, flat: Array) -> float | None:
    """The part of its box that an area's outline fills; None if it is not button-like.

    Args:
        cv2: OpenCV.
        pixels: uint8 RGB (H, W, 3), the box.
        flat: bool (H, W), which of them belong to the area.
    """
    outlines, _ = cv2.findContours(flat.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(flat.shape, np.uint8)
    cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)
    inside = int(filled.sum())
    solid, label = inside / filled.size, 1 - int(flat.sum()) / inside
    if solid < _LEAST_SOLID or not _LEAST_LABEL <= label <= _MOST_LABEL:
        return None
    low, high = np.percentile(pixels[flat], [5, 95], axis=0)
    return solid if float((high - low).max()) <= _MOST_SPREAD else None
