"""How much of the attention each region of a picture gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from salgan._arrays import Array
from salgan.regions.focal import FocalPoint, focal_points_in
from salgan.regions.region import Region, check_names
from salgan.saliency_map import SaliencyMap

__all__ = ["SCHEMA", "RegionShare", "Shares", "shares"]

SCHEMA = "salgan.regions/1"
"""Names the form of :meth:`Shares.document`; its number changes when a field changes its meaning or goes."""

_EQUAL = 1e-12
"""Shares that differ by no more than rounding does have the same rank."""


@dataclass(frozen=True)
class RegionShare:
    """What a map says about one region. A region outside the picture has share and area 0 and Nones.

    Attributes:
        region: which region.
        share: of the attention: the sum of the density inside, in [0, 1].
        area: of the picture: the part of its pixels inside, in [0, 1].
        lift: share / area: above 1 the region draws more than its size explains; None if area is 0.
        mean: mean saliency inside, in [0, 1]; None if area is 0.
        peak: highest saliency of the pixels it touches, in [0, 1]; None if area is 0.
        rank: 1 for the region with the greatest share; equal shares have the same rank.
        inside: the part of the region that lies in the picture, in [0, 1].
        focal_points: where in the region people look most, the strongest first; none if area is 0.
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

    @property
    def name(self) -> str:
        """The region's name."""
        return self.region.name

    def document(self) -> dict[str, Any]:
        """As one entry of the report's JSON."""
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
        }


@dataclass(frozen=True)
class Shares:
    """What a map says about regions of its picture.

    Attributes:
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        regions: one entry per region, in the order given.
        elsewhere_share: of the attention outside all regions, in [0, 1]. What regions share counts once.
        elsewhere_area: of the picture outside all regions, in [0, 1].
        focal_points: where in the whole picture people look most, the strongest first.
    """

    width: int
    height: int
    regions: tuple[RegionShare, ...]
    elsewhere_share: float
    elsewhere_area: float
    focal_points: tuple[FocalPoint, ...]

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
        }


def shares(saliency: SaliencyMap, regions: Sequence[Region]) -> Shares:
    """Share of attention, share of area, lift and the rest for each region.

    Pixels that a region covers in part count in that part. Regions may overlap: each is measured as if it
    were alone, so that shares may add up to more than 1. A map that is 0 everywhere counts as uniform.

    Args:
        saliency: the picture's map.
        regions: any number, with different names.

    Raises:
        ConfigError: two regions of one name.

    >>> saliency = SaliencyMap(np.array([[0.1, 0.3], [0.2, 0.4]]))
    >>> right = shares(saliency, [Region.of_box("right half", 0.5, 0, 0.5, 1)])["right half"]
    >>> round(right.share, 6), right.area, round(right.lift, 6)
    (0.7, 0.5, 1.4)
    """
    check_names(regions)
    height, width = saliency.array.shape
    attention = saliency.array if saliency.array.any() else np.ones_like(saliency.array)
    total = float(attention.sum(dtype=np.float64))
    union = np.zeros((height, width), np.float32)
    measured = []
    for region in regions:
        rows, columns, weights = region.coverage(width, height)
        union[rows, columns] += weights
        pixels = float(weights.sum())
        share = _weighted(weights, attention[rows, columns]) / total
        measured.append((region, rows, columns, weights, pixels, min(1.0, share)))
    # Neighbours that divide a pixel between them cover all of it; only beyond that they overlap.
    np.minimum(union, 1, out=union)
    all_shares = [share for *_, share in measured]
    entries = []
    for region, rows, columns, weights, pixels, share in measured:
        area = pixels / (width * height)
        window = saliency.array[rows, columns]
        touched = weights > 0
        entries.append(
            RegionShare(
                region=region,
                share=share,
                area=area,
                lift=share / area if area else None,
                mean=_weighted(weights, window) / pixels if area else None,
                peak=float(window.max(where=touched, initial=0)) if area else None,
                rank=1 + sum(other - share > _EQUAL for other in all_shares),
                inside=min(1.0, pixels / region.size(width, height)) if area else 0.0,
                focal_points=focal_points_in(saliency.array, rows, columns, touched),
            )
        )
    whole = slice(0, height), slice(0, width)
    return Shares(
        width=width,
        height=height,
        regions=tuple(entries),
        elsewhere_share=max(0.0, 1 - _weighted(union, attention) / total),
        elsewhere_area=max(0.0, 1 - float(union.sum(dtype=np.float64)) / (width * height)),
        focal_points=focal_points_in(saliency.array, *whole, np.ones((height, width), bool)),
    )


def _weighted(weights: Array, values: Array) -> float:
    return float(np.einsum("ij,ij->", weights, values, dtype=np.float64))
