"""A region of a picture: a named box or polygon, and exactly how much of each pixel it covers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any, Literal

import numpy as np

from salgan._arrays import Floats
from salgan._coverage import box_coverage, polygon_coverage
from salgan.errors import ConfigError

__all__ = ["UNITS", "Region", "Unit", "check_names"]

Unit = Literal["fraction", "pixel"]
UNITS: tuple[Unit, ...] = ("fraction", "pixel")

_LARGEST = 1e9
_GRID = 512
"""Cells along each side of a polygon in which the area of one that crosses itself is counted."""
_CROSSING = 1e-4
"""By what part of its plain area a polygon must enclose more before it counts as crossing itself."""
_MOST_CORNERS = 10_000


@dataclass(frozen=True)
class Region:
    """A named part of a picture; :meth:`of_box` and :meth:`of_polygon` make one and check it.

    Coordinates are those of edges: (0, 0) is the upper left corner of the picture and (width, height), or
    (1, 1) in fractions, its lower right one. A region may reach beyond the picture; what counts is the part
    inside. A polygon is closed by itself; where it crosses itself, each part enclosed is inside.

    Attributes:
        name: not empty, printable.
        corners: (x, y) of at least three corners, in order.
        unit: the unit of the coordinates: ``"fraction"`` of the picture's sides, or ``"pixel"``.
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
            width: its width, above 0.
            height: its height, above 0.
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

    def in_pixels(self, width: int, height: int) -> Floats:
        """The corners in pixels of a picture: float64 (N, 2) of x, y."""
        scale = (width, height) if self.unit == "fraction" else (1, 1)
        return np.array(self.corners, dtype=np.float64) * scale

    def size(self, width: int, height: int) -> float:
        """The region's whole area in square pixels, including what lies outside the picture."""
        return abs(_signed_area(self.in_pixels(width, height))) * self._crossing

    @cached_property
    def _crossing(self) -> float:
        """How many times the plain formula's area it encloses: 1, unless it crosses itself.

        In that formula, the parts of a polygon that crosses itself cancel each other. The factor is the same
        in a picture of any size.
        """
        corners = np.array(self.corners, dtype=np.float64)
        if self.box is not None or not _signed_area(corners):
            return 1.0
        low, high = corners.min(axis=0), corners.max(axis=0)
        cells = (corners - low) / (high - low) * _GRID
        enclosed = float(polygon_coverage(cells, _GRID, _GRID)[2].sum())
        factor = enclosed / abs(_signed_area(cells))
        return factor if factor > 1 + _CROSSING else 1.0

    def coverage(self, width: int, height: int) -> tuple[slice, slice, Floats]:
        """How much of each pixel of a picture lies in the region, exactly.

        Args:
            width: the width of the picture, in pixels.
            height: the height of the picture, in pixels.

        Returns:
            The rows and columns the region reaches, and the part of each of their pixels that it covers:
            float64 in [0, 1], of size 0 if the region lies outside the picture.
        """
        corners = self.in_pixels(width, height)
        if self.box is None:
            return polygon_coverage(corners, width, height)
        (left, top), (right, bottom) = corners[0], corners[2]
        return box_coverage(left, top, right, bottom, width, height)


def check_names(regions: Sequence[Region]) -> None:
    """Refuse two regions of the same name, which nobody could tell apart in a report.

    Raises:
        ConfigError: there are two.
    """
    seen: set[str] = set()
    for region in regions:
        if region.name in seen:
            raise ConfigError(f"two regions are called {region.name!r}; give each its own name")
        seen.add(region.name)


def _signed_area(corners: Floats) -> float:
    x, y = (corners - corners.mean(axis=0)).T  # centred, or large coordinates would eat small areas
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _checked_name(name: object) -> str:
    text = name.strip() if isinstance(name, str) else ""
    if not text or not text.isprintable():
        raise ConfigError(f"a region needs a name of printable characters, not {name!r}")
    return text


def _checked_numbers(name: str, values: Iterable[Any]) -> tuple[float, ...]:
    numbers = []
    for value in values:
        # A bool is an int to Python, and true is not a place in a picture.
        if isinstance(value, bool) or not isinstance(value, Real):
            raise ConfigError(f"region {name}: {value!r} is not a number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not abs(number) <= _LARGEST:  # also refuses NaN
            raise ConfigError(f"region {name}: its numbers must lie between -1e9 and 1e9")
        numbers.append(number)
    return tuple(numbers)


def _decided_unit(name: str, values: Sequence[float], unit: str | None, spans: Sequence[float]) -> Unit:
    if unit is not None:
        if unit not in UNITS:
            raise ConfigError(f"region {name}: unit {unit!r} is not one of {', '.join(UNITS)}")
        return unit
    if max(map(abs, values)) <= 1:
        return "fraction"
    if min(spans) < 1:
        raise ConfigError(
            f"region {name}: fractions or pixels? Some numbers exceed 1, but its width or height is less than"
            ' a pixel; say the unit: 60% or 480px on the command line, "unit" in a file'
        )
    return "pixel"
