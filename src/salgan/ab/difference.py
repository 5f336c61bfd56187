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
from salgan.regions import Measured, Region, RegionShare, Shares, shares
from salgan.saliency_map import SaliencyMap

__all__ = [
    "SCHEMA",
    "SCHEMA_OF_MANY",
    "RegionChange",
    "VariantComparison",
    "compare_measured",
    "compare_variants",
    "most_in",
]

SCHEMA = "salgan.ab/1"
"""Names the form of :meth:`VariantComparison.document`, as :data:`salgan.regions.SCHEMA` does for regions."""

SCHEMA_OF_MANY = "salgan.ab.many/1"
"""Names the form of the JSON that ``salgan ab --json`` writes for more than two variants."""

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

    @property
    def interval(self) -> tuple[float, float] | None:
        """The least and the greatest change that the intervals of both shares allow; None without them."""
        if self.a.interval is None or self.b.interval is None:
            return None
        return self.b.interval[0] - self.a.interval[1], self.b.interval[1] - self.a.interval[0]

    @property
    def differs(self) -> bool | None:
        """Whether the change is more than the noise, so that the two intervals do not overlap.

        None if there are no intervals to tell it by.
        """
        return None if self.interval is None else self.interval[0] > 0 or self.interval[1] < 0


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
        """How each region that both variants have changed, in the order of A's."""
        in_b = {each.name: each for each in self.b.regions}
        return tuple(RegionChange(each, in_b[each.name]) for each in self.a.regions if each.name in in_b)

    @property
    def noise(self) -> float | None:
        """How much of the attention moves when either variant is only shifted, scaled or mirrored a little.

        None without intervals.
        """
        if self.a.noise is None or self.b.noise is None:
            return None
        return max(self.a.noise, self.b.noise)

    @property
    def differs(self) -> bool | None:
        """Whether more of the attention moved than :attr:`noise`; None if that is not known."""
        return None if self.noise is None else self.moved > self.noise

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
                    **({} if each.interval is None else {"interval": each.interval, "differs": each.differs}),
                }
                for each in self.regions
            ],
            **({} if self.noise is None else {"noise": self.noise, "differs": self.differs}),
            "a": self.a.document(),
            "b": self.b.document(),
        }


def compare_variants(
    a: SaliencyMap,
    b: SaliencyMap,
    regions: Sequence[Region] = (),
    regions_of_b: Sequence[Region] | None = None,
) -> VariantComparison:
    """Compare where people look in two variants of a design, by one prediction of each.

    Pictures of different sizes are compared place by place in fractions of their sides: both maps are
    averaged over the smaller width and the smaller height. The caller judges whether that makes sense: it
    does for two resolutions of one design, and it does not for pages of different length.

    Args:
        a: the map of variant A.
        b: the map of variant B.
        regions: the regions to measure in both; they must be in fractions if the sizes differ.
        regions_of_b: those of variant B, if they lie elsewhere; those of one name are compared.

    Raises:
        ConfigError: two regions of the same name, or a region of both in pixels though the sizes differ.

    >>> a, b = SaliencyMap(np.array([[1.0, 0, 0, 0]])), SaliencyMap(np.array([[0, 0, 1.0, 0]]))
    >>> compare_variants(a, b).moved
    1.0
    """
    own = regions if regions_of_b is None else regions_of_b
    check_units(a.array.shape, b.array.shape, regions, own)
    return compare_measured(Measured(a, shares(a, regions)), Measured(b, shares(b, own)))


def compare_measured(a: Measured, b: Measured) -> VariantComparison:
    """Compare two variants that were measured before, with intervals or without.

    Args:
        a: what :func:`salgan.regions.measure` gave for variant A.
        b: and for variant B.

    Raises:
        ConfigError: a region of both is in pixels though the sizes differ.
    """
    check_units(
        a.saliency.array.shape,
        b.saliency.array.shape,
        [each.region for each in a.shares.regions],
        [each.region for each in b.shares.regions],
    )
    height, width = np.minimum(a.saliency.array.shape, b.saliency.array.shape)
    first, second = (_density_at(each.saliency, int(width), int(height)) for each in (a, b))
    difference = second - first
    moved = min(1.0, float(np.abs(difference).sum()) / 2)
    return VariantComparison(
        a=a.shares,
        b=b.shares,
        # Two flat maps agree, though a correlation cannot see it.
        cc=metrics.cc(first, second) if moved else 1.0,
        moved=moved,
        emd=_emd(a.saliency, b.saliency) if moved else 0.0,
        difference=difference,
    )


def most_in(variants: Sequence[Shares], name: str) -> int | None:
    """Which of several variants gives a region the most attention, if that can be told.

    Args:
        variants: the shares in each, with intervals.
        name: the region's.

    Returns:
        The place in ``variants`` of the one whose interval lies above those of all others that have the
        region; None if there is none, or if fewer than two have the region with an interval.
    """
    found = [
        (each.interval, place)
        for place, report in enumerate(variants)
        for each in report.regions
        if each.name == name and each.interval is not None
    ]
    if len(found) < 2:
        return None
    (low, _), best = max(found, key=lambda each: each[0][0])
    return best if all(high < low for (_, high), place in found if place != best) else None


def check_units(
    a: tuple[int, ...], b: tuple[int, ...], in_a: Sequence[Region], in_b: Sequence[Region]
) -> None:
    """Refuse a box in pixels that is to be the same one in pictures of different size.

    Args:
        a: (height, width) of variant A.
        b: (height, width) of variant B.
        in_a: the regions of variant A.
        in_b: those of variant B.

    Raises:
        ConfigError: there is one.
    """
    if a == b:
        return
    for region in in_a:
        if region.unit == "pixel" and region in in_b:
            (high_a, wide_a), (high_b, wide_b) = a, b
            raise ConfigError(
                f"region {region.name} is in pixels, but the pictures differ in size "
                f"({wide_a}×{high_a}, {wide_b}×{high_b}); give it in fractions, or each picture its own"
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
