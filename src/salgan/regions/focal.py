"""Focal points: the few places where people look most."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from salgan._arrays import Floats32, Integers, Map, Mask
from salgan.regions.bands import bands
from salgan.saliency_map import SaliencyMap

__all__ = ["FocalPoint", "Maxima", "Touched", "focal_points", "focal_points_in", "local_maxima"]

MOST = 3
"""Focal points that are looked for in one region."""

_APART = 0.1
"""Focal points are at least this part of the picture's longer side apart."""

_STRONG = 0.5
"""Further focal points have at least this part of the strongest one's saliency."""

_DIP = 0.95
"""Between two focal points the map falls below this part of the weaker one's saliency."""

_MOST_CANDIDATES = 5_000
"""The most maxima that are compared with each other; only noise, or maps with large plateaus, have more."""


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
        """The focal point as JSON values."""
        return {"x": self.x, "y": self.y, "pixel": [self.column, self.row], "value": self.value}


@dataclass(frozen=True)
class Maxima:
    """Pixels that are no lower than any of their eight neighbours: where they are, and their saliency."""

    row: Integers
    column: Integers
    value: Floats32

    def where(self, keep: Mask | Integers) -> Maxima:
        """Some of them."""
        return Maxima(self.row[keep], self.column[keep], self.value[keep])


@dataclass(frozen=True)
class Touched:
    """Which pixels belong to a part of a map, where they are not all of its rows and columns.

    Attributes:
        highest: the highest saliency of those that do.
        maxima: which of the maxima of the whole map do.
        pixels: of some of the part's rows, which pixels in its columns do.
    """

    highest: np.float32
    maxima: Mask
    pixels: Callable[[slice], Mask]


def focal_points(saliency: SaliencyMap) -> tuple[FocalPoint, ...]:
    """The strongest place of a map, and up to two more that stand out.

    More are local maxima of at least half the strongest one's saliency, at least a tenth of the picture's
    longer side apart, with lower ground on the straight line between them. Of equally salient pixels, the
    one nearest to their centre counts: the middle of a plateau.

    Returns:
        One to three points, the strongest first.
    """
    height, width = saliency.array.shape
    return focal_points_in(saliency.array, slice(0, height), slice(0, width), local_maxima(saliency.array))


def focal_points_in(
    array: Map, rows: slice, columns: slice, maxima: Maxima | None, touched: Touched | None = None
) -> tuple[FocalPoint, ...]:
    """The same within a part of a map: of the rows and columns, the pixels that are touched.

    The strongest place is always one, even where the map rises beyond the part; further ones are maxima of
    the whole map.

    Args:
        array: the map.
        rows: the rows of the part.
        columns: the columns of the part.
        maxima: what :func:`local_maxima` finds in the map; None to look for the strongest place only.
        touched: which pixels of these rows and columns belong to the part; all of them if None.

    Returns:
        One to three points, the strongest first; none if there are no such rows or columns.
    """
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return ()
    highest = array[rows, columns].max() if touched is None else touched.highest

    def strongest() -> Iterator[tuple[int, Mask]]:
        for band in bands(rows, columns.stop - columns.start):
            found: Mask = array[band, columns] == highest
            if found.any():
                yield band.start, found if touched is None else found & touched.pixels(band)

    row, column = _middle(strongest)
    last = row, column + columns.start
    chosen = [last]
    height, width = array.shape
    rest = None if maxima is None else _of_part(maxima, highest, rows, columns, touched)
    while rest is not None and len(chosen) < MOST:
        rest = rest.where(np.hypot(rest.row - last[0], rest.column - last[1]) >= _APART * max(height, width))
        if not rest.value.size:
            break
        top = rest.where(rest.value == rest.value.max())
        nearest = _nearest_to_middle(top.row, top.column)
        last = int(top.row[nearest]), int(top.column[nearest])
        if all(_lowest_between(array, last, other) < _DIP * array[last] for other in chosen):
            chosen.append(last)
    return tuple(
        FocalPoint((x + 0.5) / width, (y + 0.5) / height, x, y, float(array[y, x])) for y, x in chosen
    )


def local_maxima(array: Map) -> Maxima:
    """The pixels above 0 that are no lower than any of their neighbours.

    From a plateau of more than a few thousand pixels, an even selection is returned.
    """
    height, width = array.shape
    found = []
    for band in bands(slice(0, height), width):
        top, bottom = band.start, band.stop
        share = max(_MOST_CANDIDATES, 2_000_000 * (bottom - top) // height)
        # At the border a pixel is its own neighbour, which changes nothing.
        edges = ((int(top == 0), int(bottom == height)), (1, 1))
        padded = np.pad(array[max(0, top - 1) : bottom + 1], edges, mode="edge")
        centre = padded[1:-1, 1:-1]
        highest = centre > 0
        for down in (0, 1, 2):
            for right in (0, 1, 2):
                highest &= centre >= padded[down : down + bottom - top, right : right + width]
        row, column = np.nonzero(highest)
        part = Maxima(row + top, column, centre[row, column])
        found.append(part.where(_strongest(part.value, share)))
    return Maxima(
        np.concatenate([part.row for part in found]),
        np.concatenate([part.column for part in found]),
        np.concatenate([part.value for part in found]),
    )


def _of_part(
    maxima: Maxima, highest: np.float32, rows: slice, columns: slice, touched: Touched | None
) -> Maxima:
    """The maxima in a part of the map that are strong enough beside its highest value."""
    keep = maxima.value >= highest * _STRONG
    if touched is not None:
        keep &= touched.maxima
    else:
        keep &= (maxima.row >= rows.start) & (maxima.row < rows.stop)
        keep &= (maxima.column >= columns.start) & (maxima.column < columns.stop)
    inside = maxima.where(keep)
    return inside.where(_strongest(inside.value, _MOST_CANDIDATES))


def _strongest(values: Floats32, most: int) -> Integers:
    """Where the highest values are, in their order; an even selection of those that tie at the limit."""
    if len(values) <= most:
        return np.arange(len(values))
    limit = np.partition(values, len(values) - most)[len(values) - most]
    above, equal = np.flatnonzero(values > limit), np.flatnonzero(values == limit)
    even = equal[np.linspace(0, len(equal) - 1, most - len(above)).astype(np.int64)]
    return np.sort(np.concatenate([above, even]))


def _middle(masks: Callable[[], Iterator[tuple[int, Mask]]]) -> tuple[int, int]:
    """The one of the pixels that are set that is nearest to their centre.

    Args:
        masks: gives the first row of each band and which of its pixels are set, and is asked twice.
    """
    number = rows = columns = 0
    for top, mask in masks():
        row, column = _places(mask)
        number += len(row)
        rows += int(row.sum()) + top * len(row)
        columns += int(column.sum())
    best, place = np.inf, (0, 0)
    for top, mask in masks():
        row, column = _places(mask)
        if len(row):
            distance = (row + top - rows / number) ** 2 + (column - columns / number) ** 2
            nearest = int(distance.argmin())
            if distance[nearest] < best:
                best, place = distance[nearest], (int(row[nearest]) + top, int(column[nearest]))
    return place


def _places(mask: Mask) -> tuple[Integers, Integers]:
    """Row and column of each pixel that is set."""
    row, column = np.divmod(np.flatnonzero(mask), mask.shape[1])
    return row, column


def _nearest_to_middle(row: Integers, column: Integers) -> int:
    return int(np.argmin((row - row.mean()) ** 2 + (column - column.mean()) ** 2))


def _lowest_between(array: Map, one: tuple[int, int], other: tuple[int, int]) -> float:
    at = np.linspace(0, 1, 65)[:, None]
    rows, columns = np.rint(np.array(one) + at * (np.array(other) - one)).astype(np.intp).T
    return float(array[rows, columns].min())
