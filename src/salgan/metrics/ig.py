"""Information gain over a baseline."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from salgan.metrics._inputs import EPS, Fixated, Map, as_fixated, as_map

__all__ = ["ig"]


def ig(saliency: ArrayLike | Map, fixations: ArrayLike | Fixated, baseline: ArrayLike | Map) -> float:
    """Mean over the fixated pixels of log2(eps + S') - log2(eps + B'), in bits per fixation.

    S' and B' are the saliency map and the baseline, each min-max scaled and then divided by its sum; eps is
    2.22e-16. Source: ``InfoGain.m`` of the MIT saliency benchmark toolbox; Kümmerer et al. 2015,
    "Information-theoretic model comparison unifies saliency metrics" (which scales nothing: there the maps
    are densities from the start). A flat map counts as uniform (the toolbox: NaN).

    Args:
        saliency: (H, W), any real range.
        fixations: (H, W) binary, 1 (or 255) where somebody looked.
        baseline: (H, W), any real range; usually the center bias of the training pictures.

    Returns:
        Bits per fixation by which the map beats the baseline; 0 is no better, higher is better.

    Raises:
        MetricError: no fixation, fixations not binary, different sizes, NaN or infinity.

    >>> round(ig([[0, 1], [1, 2]], [[0, 0], [0, 1]], [[1, 1], [1, 1]]), 6)
    1.0
    """
    S = as_map(saliency, "saliency")
    F = as_fixated(fixations, "fixations", S)
    B = as_map(baseline, "baseline", S)
    gains = np.log2(EPS + S.scaled_share(F.values(S))) - np.log2(EPS + B.scaled_share(F.values(B)))
    return float(gains.mean())
