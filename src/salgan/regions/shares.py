"""How much of the attention each region of a picture gets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from salgan._arrays import Floats, Integers, Map
from salgan.errors import ConfigError
from salgan.regions.bands import bands
from salgan.regions.focal import FocalPoint, focal_points_in, local_maxima
from salgan.regions.polygons import MeasuredPolygon, reach, weighted
from salgan.regions.region import Region, check_names
from salgan.saliency_map import SaliencyMap

__all__ = ["SCHEMA", "SCHEMA_OF_MANY", "RegionShare", "Shares", "shares"]

SCHEMA = "salgan.regions/1"
"""Names the form of :meth:`Shares.document`; its number changes if a field changes meaning or is removed."""

SCHEMA_OF_MANY = "salgan.regions.many/1"
"""Names the form of the JSON that ``salgan regions --json`` writes for several pictures."""

_MOST_CELLS = 25_000_000
"""Cells that the edges of all boxes may cut a picture into; each takes 16 bytes."""

_EQUAL = 1e-12
"""Shares that differ by no more than rounding does have the same rank."""


@dataclass(frozen=True)
class RegionShare:
    """What a map says about one region. Outside the picture, share and area are 0 and the rest is None.

    Attributes:
        region: which region.
        share: its share of the attention: the sum of the density inside, in [0, 1].
        area: its share of the picture: the part of the pixels inside, in [0, 1].
        lift: share / area: above 1 the region draws more than its size explains; None if area is 0.
        mean: mean saliency inside, in [0, 1]; None if area is 0.
        peak: highest saliency of the pixels it touches, in [0, 1]; None if area is 0.
        rank: 1 for the region with the greatest share; equal shares have the same rank.
        inside: the part of the region that lies in the picture, in [0, 1].
        focal_points: where in the region people look most, the strongest first; none if area is 0.
        interval: the lowest and the highest share among views of the picture that differ only in how it lies
            in its frame (:func:`salgan.regions.measure`); None if only one prediction was made.
    """

    region: Region
    share: float
    area: float
    lift: float | None
    mean: float | None
    peak: float | None
    rank: int
    inside: float
    focal_points: tuple[FocalPoint, ...]
    interval: tuple[float, float] | None = None

    @property
    def name(self) -> str:
        """The region's name."""
        return self.region.name

    def document(self) -> dict[str, Any]:
        """The shares as one entry of the report's JSON."""
        region = self.region
        shape: dict[str, Any] = (
            {"box": list(region.box)}
            if region.box is not None
            else {"polygon": [list(corner) for corner in region.corners]}
        )
        return {
            "name": region.name,
            **shape,
            "unit": region.unit,
            "share": self.share,
            "area": self.area,
            "lift": self.lift,
            "mean": self.mean,
            "peak": self.peak,
            "rank": self.rank,
            "inside": self.inside,
            "focal_points": [point.document() for point in self.focal_points],
            **({} if self.interval is None else {"interval": list(self.interval)}),
        }


@dataclass(frozen=True)
class Shares:
    """What a map says about regions of its picture.

    Attributes:
        width: the width of the picture, in pixels.
        height: the height of the picture, in pixels.
        regions: one entry per region, in the order given.
        elsewhere_share: the share of the attention outside all regions, in [0, 1]; overlaps count once.
        elsewhere_area: the share of the picture outside all regions, in [0, 1].
        focal_points: where in the whole picture people look most, the strongest first.
        noise: the largest part of the attention, in [0, 1], that is in another place in any of the views that
            the intervals are made of; None if only one prediction was made.
        note: how the map was made, if not by one look at the whole picture.
    """

    width: int
    height: int
    regions: tuple[RegionShare, ...]
    elsewhere_share: float
    elsewhere_area: float
    focal_points: tuple[FocalPoint, ...]
    noise: float | None = None
    note: str = ""

    def __getitem__(self, name: str) -> RegionShare:
        for each in self.regions:
            if each.name == name:
                return each
        raise KeyError(name)

    def document(self) -> dict[str, Any]:
        """The report as JSON values, in the form that :data:`SCHEMA` names."""
        return {
            "schema": SCHEMA,
            "picture": {"width": self.width, "height": self.height},
            "regions": [each.document() for each in self.regions],
            "elsewhere": {"share": self.elsewhere_share, "area": self.elsewhere_area},
            "focal_points": [point.document() for point in self.focal_points],
            **({} if self.noise is None else {"noise": self.noise}),
            **({"note": self.note} if self.note else {}),
        }


def shares(saliency: SaliencyMap, regions: Sequence[Region]) -> Shares:
    """Share of attention, share of area, lift and the rest for each region.

    Pixels that a region covers in part count in that part. Regions may overlap: each is measured as if it
    were alone, so that shares may add up to more than 1. A map that is 0 everywhere counts as uniform.

    Args:
        saliency: the picture's map.
        regions: any number, with different names.

    Raises:
        ConfigError: two regions of the same name, or too many boxes for so large a picture.

    >>> saliency = SaliencyMap(np.array([[0.1, 0.3], [0.2, 0.4]]))
    >>> right = shares(saliency, [Region.of_box("right half", 0.5, 0, 0.5, 1)])["right half"]
    >>> round(right.share, 6), right.area, round(right.lift, 6)
    (0.7, 0.5, 1.4)
    """
    check_names(regions)
    height, width = saliency.array.shape
    # A view of one number where the map is 0 everywhere: as good as uniform, and no second map in memory.
    is_blank = not saliency.array.any()
    attention = np.broadcast_to(np.float32(1), (height, width)) if is_blank else saliency.array
    total = float(attention.sum(dtype=np.float64))
    maxima = local_maxima(saliency.array)
    grid = _Grid(attention, [region for region in regions if region.box is not None])
    found: dict[str, _MeasuredBox | MeasuredPolygon] = {}
    polygons = []
    for region in regions:
        if region.box is not None:
            found[region.name] = grid.measure(region, saliency.array)
        else:
            polygons.append(MeasuredPolygon(region, saliency.array, maxima))
            found[region.name] = polygons[-1]
    covered, inside = grid.union_with(polygons) if polygons else grid.union()
    all_shares = np.array([min(1.0, found[region.name].weight / total) for region in regions])
    entries = []
    for region, share in zip(regions, all_shares.tolist(), strict=True):
        part = found[region.name]
        area = part.pixels / (width * height)
        touched = part.touched() if isinstance(part, MeasuredPolygon) else None
        points = (
            focal_points_in(saliency.array, part.rows, part.columns, maxima, touched) if part.pixels else ()
        )
        entries.append(
            RegionShare(
                region=region,
                share=share,
                area=area,
                lift=share / area if area else None,
                mean=(0.0 if is_blank else part.weight / part.pixels) if area else None,
                peak=float(part.peak) if area else None,
                rank=1 + int(np.count_nonzero(all_shares - share > _EQUAL)),
                inside=min(1.0, part.pixels / region.size(width, height)) if area else 0.0,
                focal_points=points,
            )
        )
    return Shares(
        width=width,
        height=height,
        regions=tuple(entries),
        elsewhere_share=max(0.0, 1 - inside / total),
        elsewhere_area=max(0.0, 1 - covered / (width * height)),
        focal_points=focal_points_in(saliency.array, slice(0, height), slice(0, width), maxima),
        note=saliency.note,
    )


@dataclass(frozen=True)
class _MeasuredBox:
    """What a map says about one box; see :class:`~salgan.regions.polygons.MeasuredPolygon`."""

    rows: slice
    columns: slice
    pixels: float
    weight: float
    peak: np.float32


class _Grid:
    """Sums of the attention in the cells that the edges of all boxes cut a picture into.

    Each edge has two lines, around the pixels that it divides, so that a box covers the same part of every
    pixel in a cell. Measuring a box then means looking at the cells, not at the pixels.
    """

    def __init__(self, attention: Map, boxes: Sequence[Region]) -> None:
        self._attention = attention
        self._height, self._width = attention.shape
        corners = [box.in_pixels(self._width, self._height)[[0, 2]] for box in boxes]
        self._rows = _lines([edge for box in corners for edge in box[:, 1]], self._height)
        self._columns = _lines([edge for box in corners for edge in box[:, 0]], self._width)
        if (cells := len(self._rows) * len(self._columns)) > _MOST_CELLS:
            raise ConfigError(
                f"the edges of {len(boxes)} boxes cut this picture into {cells / 1e6:.0f} million parts, and "
                f"there may be {_MOST_CELLS / 1e6:.0f}; name fewer boxes, or scale the picture down"
            )
        in_rows = np.stack(
            [
                _sum_of_rows(attention[top:bottom])
                for top, bottom in zip(self._rows, [*self._rows[1:], self._height], strict=True)
            ]
        )
        self._sums = np.add.reduceat(in_rows, self._columns, axis=1)
        self._high = np.diff([*self._rows, self._height])
        self._wide = np.diff([*self._columns, self._width])
        self._covered = np.zeros(self._sums.shape)

    def measure(self, box: Region, saliency: Map) -> _MeasuredBox:
        """What a box covers; it counts from then on as part of the union."""
        (left, top), (right, bottom) = box.in_pixels(self._width, self._height)[[0, 2]]
        high, wide = _touched(self._rows, top, bottom), _touched(self._columns, left, right)
        down, across = _part(self._rows[high], top, bottom), _part(self._columns[wide], left, right)
        self._covered[high, wide] += np.outer(down, across)
        rows, columns = reach(top, bottom, self._height), reach(left, right, self._width)
        pixels = float((down @ self._high[high]) * (across @ self._wide[wide]))
        peak = saliency[rows, columns].max(initial=0)
        return _MeasuredBox(rows, columns, pixels, float(down @ self._sums[high, wide] @ across), peak)

    def union(self) -> tuple[float, float]:
        """Pixels and attention that all boxes together cover."""
        # Neighbours that divide a pixel between them cover all of it; only beyond that they overlap.
        covered = np.minimum(self._covered, 1)
        return float(self._high @ covered @ self._wide), float((covered * self._sums).sum())

    def union_with(self, polygons: Sequence[MeasuredPolygon]) -> tuple[float, float]:
        """The same for the boxes and some polygons, which are measured on the way."""
        row_of = np.repeat(np.arange(len(self._rows)), self._high)
        column_of = np.repeat(np.arange(len(self._columns)), self._wide)
        pixels = weight = 0.0
        for band in bands(slice(0, self._height), self._width):
            attention = self._attention[band]
            covered = self._covered[row_of[band]][:, column_of]
            for polygon in polygons:
                polygon.add(band, attention, covered)
            np.minimum(covered, 1, out=covered)
            pixels += float(covered.sum())
            weight += weighted(covered, attention)
        return pixels, weight


def _lines(edges: Sequence[float], side: int) -> Integers:
    """Where the cells of one side begin: at 0, and on both sides of each edge."""
    near = np.floor(np.clip(edges, 0, side)).astype(np.int64)
    lines = np.unique(np.concatenate([[0], near, near + 1]))
    return lines[lines < side]


def _touched(lines: Integers, low: float, high: float) -> slice:
    """The cells of one side between two places, among them all that are touched."""
    first, last = np.searchsorted(lines, [math.floor(low), math.ceil(high)], side="right")
    return slice(max(0, int(first) - 1), int(last))


def _part(lines: Integers, low: float, high: float) -> Floats:
    """How much of the pixels of each cell lies between two places."""
    part: Floats = np.clip(np.minimum(lines + 1, high) - np.maximum(lines, low), 0, 1)
    return part


def _sum_of_rows(values: Map) -> Floats:
    total = np.zeros(values.shape[1])
    for band in bands(slice(0, values.shape[0]), values.shape[1]):
        total += values[band].sum(axis=0, dtype=np.float64)
    return total
