"""A region of a picture: a named box or polygon, and exactly how much of each pixel it covers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np

from salgan.errors import ConfigError

__all__ = ["UNITS", "Region", "Unit", "check_names"]

Unit = Literal["fraction", "pixel"]
UNITS: tuple[Unit, ...] = ("fraction", "pixel")

_LARGEST = 1e9
_MOST_CORNERS = 10_000
_SPECK = 1e-9
"""Coverage below this is rounding, not a sliver of a region."""


@dataclass(frozen=True)
class Region:
    """A named part of a picture; :meth:`of_box` and :meth:`of_polygon` make one and check it.

    Coordinates are those of edges: (0, 0) is the upper left corner of the picture and (width, height), or
    (1, 1) in fractions, its lower right one. A region may reach beyond the picture; what counts is the part
    inside. A polygon is closed by itself; where it crosses itself, each part enclosed is inside.

    Attributes:
        name: not empty, printable.
        corners: (x, y) of at least three corners, in order.
        unit: of the coordinates: ``"fraction"`` of the picture's sides, or ``"pixel"``.
        box: x, y, width, height as given, or None for a polygon.
    """

    name: str
    corners: tuple[tuple[float, float], ...]
    unit: Unit
    box: tuple[float, float, float, float] | None = None

    @classmethod
    def of_box(
        cls, name: str, x: float, y: float, width: float, height: float, unit: str | None = None
    ) -> Region:
        """A box by its upper left corner and its size.

        Args:
            name: what to call it.
            x: left edge.
            y: upper edge.
            width: above 0.
            height: above 0.
            unit: ``"fraction"`` or ``"pixel"``; if None, fractions where no number exceeds 1, else pixels.

        Raises:
            ConfigError: an empty name or box, numbers that are not finite, numbers of unclear unit.

        >>> Region.of_box("cta", 0.6, 0.8, 0.3, 0.1).unit
        'fraction'
        """
        name = _checked_name(name)
        values = _checked_numbers(name, (x, y, width, height))
        x, y, width, height = values
        if not (x + width > x and y + height > y):
            raise ConfigError(
                f"region {name}: its width and height must be above 0, not {width:g}×{height:g}"
            )
        decided = _decided_unit(name, values, unit, (width, height))
        corners = ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
        return cls(name, corners, decided, (x, y, width, height))

    @classmethod
    def of_polygon(cls, name: str, corners: Iterable[Sequence[float]], unit: str | None = None) -> Region:
        """A polygon by its corners.

        Args:
            name: what to call it.
            corners: (x, y) of at least three corners, in order around it.
            unit: as for :meth:`of_box`.

        Raises:
            ConfigError: an empty name, fewer than three corners, no area, numbers that are not finite or of
                unclear unit.
        """
        name = _checked_name(name)
        try:
            pairs = [(x, y) for x, y in corners]
        except (TypeError, ValueError):
            raise ConfigError(f"region {name}: a polygon is a list of corners [x, y]") from None
        if not 3 <= len(pairs) <= _MOST_CORNERS:
            raise ConfigError(f"region {name}: a polygon has 3 to {_MOST_CORNERS} corners, not {len(pairs)}")
        values = _checked_numbers(name, [value for pair in pairs for value in pair])
        places = tuple(zip(values[::2], values[1::2], strict=True))
        if abs(_signed_area(np.array(places))) <= 1e-12 * max(map(abs, values)) ** 2:
            raise ConfigError(f"region {name}: encloses no area; list its corners in order around it")
        spans = tuple(max(axis) - min(axis) for axis in (values[::2], values[1::2]))
        return cls(name, places, _decided_unit(name, values, unit, spans))

    def in_pixels(self, width: int, height: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The corners in pixels of a picture: float64 (N, 2) of x, y."""
        scale = (width, height) if self.unit == "fraction" else (1, 1)
        return np.array(self.corners, dtype=np.float64) * scale

    def size(self, width: int, height: int) -> float:
        """The region's whole area in square pixels, with what lies outside the picture."""
        return abs(_signed_area(self.in_pixels(width, height)))

    def coverage(self, width: int, height: int) -> tuple[slice, slice, np.ndarray[Any, np.dtype[np.float64]]]:
        """How much of each pixel of a picture lies in the region, exactly.

        Args:
            width: of the picture, in pixels.
            height: of the picture, in pixels.

        Returns:
            The rows and columns the region reaches, and the part of each of their pixels that it covers:
            float64 in [0, 1], of size 0 if the region lies outside the picture.
        """
        corners = self.in_pixels(width, height)
        if self.box is None:
            return covered(corners, width, height)
        (left, top), (right, bottom) = corners[0], corners[2]
        columns, across = _overlaps(left, right, width)
        rows, down = _overlaps(top, bottom, height)
        return rows, columns, np.outer(down, across)


def check_names(regions: Sequence[Region]) -> None:
    """Refuse two regions of one name, which nobody could tell apart in a report.

    Raises:
        ConfigError: there are two.
    """
    seen: set[str] = set()
    for region in regions:
        if region.name in seen:
            raise ConfigError(f"two regions are called {region.name!r}; give each its own name")
        seen.add(region.name)


def covered(
    corners: np.ndarray[Any, np.dtype[np.float64]], width: int, height: int
) -> tuple[slice, slice, np.ndarray[Any, np.dtype[np.float64]]]:
    """How much of each pixel a polygon covers, as :meth:`Region.coverage` says it.

    Each edge adds the area between itself and the picture's right side to the pixels it passes, upward edges
    with one sign and downward ones with the other; summing along rows leaves what lies between them. Exact,
    except in pixels in which edges of one polygon cross or overlap.
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
    shifted = corners - (columns.start, rows.start)
    for start, end in zip(shifted, np.roll(shifted, -1, axis=0), strict=True):
        if start[1] == end[1]:
            continue
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


def _crossings(start: float, end: float, most: int) -> np.ndarray[Any, np.dtype[np.float64]]:
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


def _overlaps(low: float, high: float, side: int) -> tuple[slice, np.ndarray[Any, np.dtype[np.float64]]]:
    """The pixels of a side between two places, and how much of each lies between them."""
    reach = _reach(low, high, side)
    pixel = np.arange(reach.start, reach.stop)
    return reach, np.minimum(pixel + 1, high) - np.maximum(pixel, low)


def _signed_area(corners: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    x, y = (corners - corners.mean(axis=0)).T  # centred, or large coordinates would eat small areas
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _checked_name(name: object) -> str:
    text = name.strip() if isinstance(name, str) else ""
    if not text or not text.isprintable():
        raise ConfigError(f"a region needs a name of printable characters, not {name!r}")
    return text


def _checked_numbers(name: str, values: Iterable[object]) -> tuple[float, ...]:
    numbers = []
    for value in values:
        # A bool is an int to Python, and true is no place in a picture.
        if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
            raise ConfigError(f"region {name}: {value!r} is no number")
        if not abs(value) <= _LARGEST:  # also refuses NaN
            raise ConfigError(f"region {name}: {value} is no place in a picture")
        numbers.append(float(value))
    return tuple(numbers)


def _decided_unit(name: str, values: Sequence[float], unit: str | None, spans: Sequence[float]) -> Unit:
    if unit is not None:
        if unit not in UNITS:
            raise ConfigError(f"region {name}: unit {unit!r} is none of {', '.join(UNITS)}")
        return cast(Unit, unit)
    if max(map(abs, values)) <= 1:
        return "fraction"
    if min(spans) < 1:
        raise ConfigError(
            f"region {name}: fractions or pixels? Some numbers exceed 1, but its width or height is less than a"
            ' pixel; say the unit: 60% or 480px on the command line, "unit" in a file'
        )
    return "pixel"
