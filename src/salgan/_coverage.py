"""How much of each pixel a box or a polygon covers, computed exactly. Arrays in, arrays out."""

from __future__ import annotations

import math

import numpy as np

from salgan._arrays import Floats

__all__ = ["box_coverage", "polygon_coverage"]

_SPECK = 1e-9
"""Coverage below this is a rounding error, not a sliver of a polygon."""


def box_coverage(
    left: float, top: float, right: float, bottom: float, width: int, height: int
) -> tuple[slice, slice, Floats]:
    """How much of each pixel of a picture a box covers.

    Args:
        left: its left edge, in pixels; (0, 0) is the upper left corner of the picture.
        top: its upper edge.
        right: its right edge.
        bottom: its lower edge.
        width: the width of the picture.
        height: the height of the picture.

    Returns:
        The rows and columns that are reached, and the part of each of their pixels that is covered: float64
        in [0, 1], of size 0 if none is.
    """
    columns, across = _overlaps(left, right, width)
    rows, down = _overlaps(top, bottom, height)
    return rows, columns, np.outer(down, across)


def polygon_coverage(corners: Floats, width: int, height: int) -> tuple[slice, slice, Floats]:
    """How much of each pixel a polygon with (x, y) corners, (N, 2), covers; see :func:`box_coverage`.

    Each edge adds the area between itself and the picture's right side to the pixels it passes, upward edges
    with one sign and downward ones with the other; summing along rows leaves what lies between them. The
    result is exact, except in pixels in which edges of one polygon cross or overlap.
    """
    rows, columns = (
        _reach(float(axis.min()), float(axis.max()), side)
        for axis, side in ((corners[:, 1], height), (corners[:, 0], width))
    )
    high, wide = rows.stop - rows.start, columns.stop - columns.start
    if not (high and wide):
        return rows, columns, np.zeros((high, wide))
    # Two more columns take what lies to the right of the last pixel.
    area = np.zeros((high, wide + 2))
    starts = corners - (columns.start, rows.start)
    ends = np.roll(starts, -1, axis=0)
    low, high_end = np.minimum(starts[:, 1], ends[:, 1]), np.maximum(starts[:, 1], ends[:, 1])
    passing = (low < high_end) & (low < high) & (high_end > 0)
    for start, end in zip(starts[passing], ends[passing], strict=True):
        at = np.concatenate(
            [[0.0, 1.0], _crossings(start[0], end[0], wide), _crossings(start[1], end[1], high)]
        )
        at.sort()
        x = np.clip(start[0] + at * (end[0] - start[0]), 0, wide)
        y = np.clip(start[1] + at * (end[1] - start[1]), 0, high)
        # Between two crossings the edge stays in one pixel, so its middle says in which.
        drop, x, y = np.diff(y), (x[:-1] + x[1:]) / 2, (y[:-1] + y[1:]) / 2
        row, column = np.minimum(y.astype(np.intp), high - 1), x.astype(np.intp)
        np.add.at(area, (row, column), drop * (1 - (x - column)))
        np.add.at(area, (row, column + 1), drop * (x - column))
    np.cumsum(area, axis=1, out=area)
    np.abs(area, out=area)
    np.minimum(area, 1, out=area)
    area[area < _SPECK] = 0
    return rows, columns, area[:, :wide]


def _crossings(start: float, end: float, most: int) -> Floats:
    """Where, from 0 to 1, a way from ``start`` to ``end`` passes the whole numbers from 0 to ``most``."""
    if start == end:
        return np.empty(0)
    low, high = min(start, end), max(start, end)
    lines = np.arange(max(0, math.ceil(low)), min(most, math.floor(high)) + 1)
    return np.clip((lines - start) / (end - start), 0, 1)


def _reach(low: float, high: float, side: int) -> slice:
    """The pixels of a side between two places, all of those that are touched."""
    first, last = max(0, math.floor(low)), min(side, math.ceil(high))
    return slice(first, last) if first < last else slice(0, 0)


def _overlaps(low: float, high: float, side: int) -> tuple[slice, Floats]:
    """The pixels of a side between two places, and how much of each lies between them."""
    reach = _reach(low, high, side)
    pixel = np.arange(reach.start, reach.stop)
    return reach, np.minimum(pixel + 1, high) - np.maximum(pixel, low)
