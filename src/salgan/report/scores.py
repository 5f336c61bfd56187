"""Scores of a picture that people ask for, each from its saliency map alone."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from salgan.errors import ConfigError
from salgan.regions import RegionShare, Shares
from salgan.saliency_map import SaliencyMap

__all__ = ["FOLD", "above_fold", "first_regions", "focus"]

FOLD = 9 / 16
"""Where the fold is assumed to be, as height over the picture's width: the first screen of a monitor."""

_CELLS = 64
"""Cells along the longer side in which focus is measured, so that it does not depend on the resolution."""


def focus(saliency: SaliencyMap) -> float:
    """How concentrated the attention is: 1 minus the entropy of its density over the largest possible one.

    The density is taken in cells, 64 along the longer side. 0 is a map that favours no place, 1 one with all
    the attention in one cell.

    >>> flat = SaliencyMap(np.full((64, 64), 0.3))
    >>> abs(round(focus(flat), 6))
    0.0
    """
    height, width = saliency.array.shape
    scale = min(1.0, _CELLS / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size[0] * size[1] == 1:
        return 0.0
    smaller = np.asarray(Image.fromarray(saliency.array).resize(size, Image.Resampling.BOX))
    density = SaliencyMap(np.clip(smaller, 0, 1)).density
    held = density[density > 0]
    entropy = float(-(held * np.log(held)).sum())
    return min(1.0, max(0.0, 1 - entropy / math.log(density.size)))


def above_fold(saliency: SaliencyMap, fold: float | None = None) -> float | None:
    """The share of the attention above the fold, the part of a page that is seen without scrolling.

    Args:
        saliency: the page's map.
        fold: how many rows are above it; :data:`FOLD` of the picture's width if None.

    Returns:
        The share, in [0, 1]; None for a picture that ends above the fold, of which all is seen at once.

    Raises:
        ConfigError: the fold is not below the top.

    >>> page = SaliencyMap(np.repeat([[0.9], [0.1]], 50, axis=0).repeat(60, axis=1))
    >>> round(above_fold(page, 50), 6)
    0.9
    """
    height, width = saliency.array.shape
    rows = FOLD * width if fold is None else fold
    if not rows > 0:
        raise ConfigError(
            f"a fold {rows:g} pixels below the top hides the whole page; give its height in pixels"
        )
    if rows >= height:
        return None
    whole = int(rows)
    in_rows = saliency.array.sum(axis=1, dtype=np.float64)
    total = float(in_rows.sum())
    if not total:
        return float(rows / height)
    return min(1.0, float(in_rows[:whole].sum() + (rows - whole) * in_rows[whole]) / total)


def first_regions(report: Shares, most: int = 3) -> list[tuple[int, RegionShare]]:
    """The regions that are expected to get the most attention, each with its place.

    A region's place is one more than the number of regions whose intervals lie wholly above its own (or,
    without intervals, whose shares are greater), so regions that cannot be told apart share a place. It is no
    order of gaze: the model does not say what is looked at first.

    Args:
        report: the regions' shares.
        most: how many regions to give.

    Returns:
        (place, region), the greatest share first; regions without attention are left out.
    """

    def is_above(one: RegionShare, other: RegionShare) -> bool:
        if one.interval is None or other.interval is None:
            return one.share > other.share
        return one.interval[0] > other.interval[1]

    found = sorted((each for each in report.regions if each.share > 0), key=lambda each: -each.share)
    return [(1 + sum(is_above(other, each) for other in found), each) for each in found[:most]]
