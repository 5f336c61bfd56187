"""Correlation coefficient."""

from __future__ import annotations

from numpy.typing import ArrayLike

from salgan.metrics._inputs import Map, as_density, as_map, summed

__all__ = ["cc"]


def cc(saliency: ArrayLike | Map, density: ArrayLike | Map) -> float:
    """Pearson's correlation of the saliency map and the fixation density over all pixels.

    Source: ``CC.m`` of the MIT saliency benchmark toolbox. If either map is flat the score is 0
    (the toolbox: NaN), as it tells nothing about the other.

    Args:
        saliency: (H, W), any real range.
        density: (H, W) fixation density (blurred fixations), any scale.

    Returns:
        Correlation in [-1, 1]; 0 is chance, higher is better.

    Raises:
        MetricError: density 0 everywhere, different sizes, NaN or infinity.

    >>> round(cc([[0, 1], [2, 3]], [[1, 3], [5, 7]]), 12)
    1.0
    """
    S = as_map(saliency, "saliency")
    D = as_density(density, S)
    if S.std == 0 or D.std == 0:
        return 0.0
    products = summed(lambda s, d: (s - S.mean) * (d - D.mean), S.array, D.array)
    return min(1.0, max(-1.0, products / (S.array.size - 1) / S.std / D.std))
