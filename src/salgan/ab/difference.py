"""Two variants, two maps: what each region gains or loses, and how far attention has moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from salgan import metrics
from salgan._arrays import Floats
from salgan.errors import ConfigError, MissingExtraError
from salgan.regions import Region, RegionShare, Shares, shares
from salgan.saliency_map import SaliencyMap

__all__ = ["SCHEMA", "RegionChange", "VariantComparison", "compare_variants"]

SCHEMA = "salgan.ab/1"
"""Names the form of :meth:`VariantComparison.document`, as :data:`salgan.regions.SCHEMA` does for regions."""

_EMD_CELLS = 20
"""Cells along the longer side between which the earth mover's distance moves attention."""

_EMD_CELL = 32  # pixels, as salgan.metrics.emd has it


@dataclass(frozen=True)
class RegionChange:
    """One region in both variants.

    Attributes:
        a: what variant A gives it.
        b: what variant B gives it.
    """

    a: RegionShare
    b: RegionShare

    @property
    def name(self) -> str:
        """The region's name."""
        return self.a.name

    @property
    def change(self) -> float:
        """Share of attention in b minus that in a, in [-1, 1]."""
        return self.b.share - self.a.share

    @property
    def ratio(self) -> float | None:
        """Share of attention in b over that in a; None if a's is 0."""
        return self.b.share / self.a.share if self.a.share else None


@dataclass(frozen=True)
class VariantComparison:
    """How the maps of two variants differ.

    Attributes:
        a: the shares in variant A.
        b: the shares in variant B.
        cc: Pearson's correlation of the densities, in [-1, 1]; 1 for equal ones, 0 if one of two is flat.
        moved: the part of the attention that is in another place, in [0, 1]: half the sum of the absolute
            differences of the densities (total variation), which is 1 minus their similarity.
        emd: how far a unit of attention moves on average, as a part of the picture's longer side (earth
            mover's distance between 20 cells along it); None where POT is not installed (extra ``eval``).
        difference: density of b minus that of a, float64 (H, W), which sums to 0. If the sizes differ, it
            has the smaller width and the smaller height.
    """

    a: Shares
    b: Shares
    cc: float
    moved: float
    emd: float | None
    difference: Floats

    @property
    def regions(self) -> tuple[RegionChange, ...]:
        """How each region changed, in the order given."""
        return tuple(map(RegionChange, self.a.regions, self.b.regions))

    @property
    def same_size(self) -> bool:
        """Whether both pictures have the same size; if not, places are compared as fractions of the sides."""
        return (self.a.width, self.a.height) == (self.b.width, self.b.height)

    def document(self) -> dict[str, Any]:
        """The report as JSON values, in the form that :data:`SCHEMA` names."""
        return {
            "schema": SCHEMA,
            "cc": self.cc,
            "moved": self.moved,
            "emd": self.emd,
            "same_size": self.same_size,
            "regions": [
                {
                    "name": each.name,
                    "a": each.a.share,
                    "b": each.b.share,
                    "change": each.change,
                    "ratio": each.ratio,
                }
                for each in self.regions
            ],
            "a": self.a.document(),
            "b": self.b.document(),
        }


def compare_variants(a: SaliencyMap, b: SaliencyMap, regions: Sequence[Region] = ()) -> VariantComparison:
    """Compare where people look in two variants of a design.

    Pictures of different sizes are compared place by place in fractions of their sides: both maps are
    averaged over the smaller width and the smaller height. The caller judges whether that makes sense: it
    does for two resolutions of one design, and it does not for pages of different length.

    Args:
        a: the map of variant A.
        b: the map of variant B.
        regions: the regions to measure in both; they must be in fractions if the sizes differ.

    Raises:
        ConfigError: two regions of the same name, or a region in pixels though the sizes differ.

    >>> a, b = SaliencyMap(np.array([[1.0, 0, 0, 0]])), SaliencyMap(np.array([[0, 0, 1.0, 0]]))
    >>> compare_variants(a, b).moved
    1.0
    """
    if a.array.shape != b.array.shape:
        for region in regions:
            if region.unit == "pixel":
                (high_a, wide_a), (high_b, wide_b) = a.array.shape, b.array.shape
                raise ConfigError(
                    f"region {region.name} is in pixels, but the pictures differ in size "
                    f"({wide_a}×{high_a}, {wide_b}×{high_b}); give it in fractions"
                )
    height, width = np.minimum(a.array.shape, b.array.shape)
    first, second = (_density_at(saliency, int(width), int(height)) for saliency in (a, b))
    difference = second - first
    moved = min(1.0, float(np.abs(difference).sum()) / 2)
    return VariantComparison(
        a=shares(a, regions),
        b=shares(b, regions),
        # Two flat maps agree, though a correlation cannot see it.
        cc=metrics.cc(first, second) if moved else 1.0,
        moved=moved,
        emd=_emd(a, b) if moved else 0.0,
        difference=difference,
    )


def _density_at(saliency: SaliencyMap, width: int, height: int) -> Floats:
    """The density on fewer pixels, each with the mean of the pixels that it replaces."""
    if saliency.array.shape == (height, width):
        return saliency.density
    smaller = Image.fromarray(saliency.array).resize((width, height), Image.Resampling.BOX)
    return SaliencyMap(np.clip(np.asarray(smaller), 0, 1)).density


def _emd(a: SaliencyMap, b: SaliencyMap) -> float | None:
    height, width = a.array.shape
    longer = max(height, width)
    cells = (max(1, round(side / longer * _EMD_CELLS)) for side in (width, height))
    wide, high = (count * _EMD_CELL for count in cells)
    try:
        distance = metrics.emd(*(_density_at(saliency, wide, high) for saliency in (a, b)))
    except MissingExtraError:
        return None
    return distance / _EMD_CELLS
