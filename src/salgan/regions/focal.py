"""Focal points: the few places where people look most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from salgan._arrays import Array, Map, Mask
from salgan.saliency_map import SaliencyMap

__all__ = ["FocalPoint", "focal_points", "focal_points_in"]

MOST = 3
"""Focal points that are looked for in one region."""

_APART = 0.1
"""Focal points are at least this part of the picture's longer side apart."""

_STRONG = 0.5
"""Further focal points have at least this part of the strongest one's saliency."""

_DIP = 0.95
"""Between two focal points the map falls below this part of the weaker one's saliency."""


@dataclass(frozen=True)
class FocalPoint:
    """A place that draws the eye.

    Attributes:
        x: as a fraction of the picture's width, of the pixel's centre.
        y: as a fraction of the picture's height.
        column: the pixel, from 0 at the left.
        row: the pixel, from 0 at the top.
        value: its saliency, in [0, 1].
    """

    x: float
    y: float
    column: int
    row: int
    value: float

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return {"x": self.x, "y": self.y, "pixel": [self.column, self.row], "value": self.value}


def focal_points(saliency: SaliencyMap) -> tuple[FocalPoint, ...]:
    """The strongest place of a map, and up to two more that stand out.

    More are local maxima of at least half the strongest one's saliency, at least a tenth of the picture's
    longer side apart, with lower ground on the straight line between them. Of equally salient pixels, the
    one nearest to their centre counts: the middle of a plateau.

    Returns:
        One to three points, the strongest first.
    """
    height, width = saliency.array.shape
    return focal_points_in(
        saliency.array, slice(0, height), slice(0, width), np.ones((height, width), dtype=bool)
    )


def focal_points_in(
    array: Map,
    rows: slice,
    columns: slice,
    touched: Mask,
) -> tuple[FocalPoint, ...]:
    """The same within a part of a map: of the rows and columns, the pixels that are touched.

    The strongest place is always one, even where the map rises beyond the part; further ones are maxima of
    the whole map. Empty if no pixel is touched.
    """
    values = np.where(touched, array[rows, columns], np.float32(-1))
    if not values.size or (highest := values.max()) < 0:
        return ()
    height, width = array.shape
    row, column = np.nonzero(values >= highest * _STRONG)
    row, column = row + rows.start, column + columns.start
    value = array[row, column]
    last = _middle_of_highest(row, column, value)
    chosen = [last]
    keep = _is_maximum(array, row, column, value)
    row, column, value = row[keep], column[keep], value[keep]
    while len(chosen) < MOST:
        far = np.hypot(row - last[0], column - last[1]) >= _APART * max(height, width)
        row, column, value = row[far], column[far], value[far]
        if not value.size:
            break
        last = _middle_of_highest(row, column, value)
        if all(_lowest_between(array, last, other) < _DIP * array[last] for other in chosen):
            chosen.append(last)
    return tuple(
        FocalPoint((x + 0.5) / width, (y + 0.5) / height, x, y, float(array[y, x])) for y, x in chosen
    )


def _middle_of_highest(row: Array, column: Array, value: Array) -> tuple[int, int]:
    top = value == value.max()
    row, column = row[top], column[top]
    nearest = np.argmin((row - row.mean()) ** 2 + (column - column.mean()) ** 2)
    return int(row[nearest]), int(column[nearest])


def _lowest_between(array: Array, one: tuple[int, int], other: tuple[int, int]) -> float:
    at = np.linspace(0, 1, 65)[:, None]
    rows, columns = np.rint(np.array(one) + at * (np.array(other) - one)).astype(np.intp).T
    return float(array[rows, columns].min())


def _is_maximum(
    array: Array,
    row: Array,
    column: Array,
    value: Array,
) -> Mask:
    """Which pixels are no lower than any of their eight neighbours."""
    height, width = array.shape
    highest = np.ones(len(value), dtype=bool)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            # At the border a pixel is its own neighbour, which changes nothing.
            other = array[np.clip(row + down, 0, height - 1), np.clip(column + right, 0, width - 1)]
            highest &= value >= other
    return highest
