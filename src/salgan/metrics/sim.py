"""Similarity, or histogram intersection."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from salgan.metrics._inputs import Map, as_density, as_map, summed

__all__ = ["sim"]


def sim(saliency: ArrayLike | Map, density: ArrayLike | Map) -> float:
    """Sum over all pixels of min(S', D'), each map min-max scaled and then divided by its sum.

    Source: ``similarity.m`` of the MIT saliency benchmark toolbox; Judd et al. 2012, "A benchmark of
    computational models of saliency to predict human fixations". A flat map counts as uniform (the toolbox:
    NaN).

    Args:
        saliency: (H, W), any real range.
        density: (H, W) fixation density (blurred fixations), any scale.

    Returns:
        Shared mass in [0, 1]; 1 for equal maps, higher is better.

    Raises:
        MetricError: density 0 everywhere, different sizes, NaN or infinity.

    >>> sim([[0, 1], [1, 2]], [[0, 2], [1, 1]])
    0.75
    """
    S = as_map(saliency, "saliency")
    D = as_density(density, S)
    return min(1.0, summed(lambda s, d: np.minimum(S.scaled_share(s), D.scaled_share(d)), S.array, D.array))
