"""Kullback-Leibler divergence."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from salgan.metrics._inputs import EPS, Float, Map, as_density, as_map, summed

__all__ = ["kld"]


def kld(saliency: ArrayLike | Map, density: ArrayLike | Map) -> float:
    """Divergence of the saliency map from the fixation density: sum of D' * ln(eps + D' / (S' + eps)).

    S' and D' are the maps divided by their sums, without min-max scaling, eps is 2.22e-16, ln the natural
    logarithm. Source: ``KLdiv.m`` of the MIT saliency benchmark toolbox. Where the toolbox is not defined:

    - A map with negative values is not a distribution and raises (the toolbox turns complex); shift it or
      pass the exponential of a log density. Nothing is shifted silently, as that changes the score.
    - A flat saliency map, also one that is 0 everywhere, counts as uniform.
    - Rounding and eps take equal maps to about -1e-10; such a score is returned as 0.

    Args:
        saliency: (H, W), no negative values.
        density: (H, W) fixation density (blurred fixations), no negative values.

    Returns:
        Divergence in nats, at least 0; lower is better.

    Raises:
        MetricError: negative values, density 0 everywhere, different sizes, NaN or infinity.

    >>> round(kld([[1, 1], [1, 1]], [[1, 1], [0, 0]]), 6)  # ln 2
    0.693147
    """
    S = as_map(saliency, "saliency")
    D = as_density(density, S)
    S.check_distribution()
    D.check_distribution()

    def terms(s: Float, d: Float) -> Float:
        reference = D.share(d)
        return reference * np.log(EPS + reference / (S.share(s) + EPS))

    return max(0.0, summed(terms, S.array, D.array))
