"""Normalized scanpath saliency."""

from __future__ import annotations

from numpy.typing import ArrayLike

from salgan.metrics._inputs import Fixated, Map, as_fixated, as_map

__all__ = ["nss"]


def nss(saliency: ArrayLike | Map, fixations: ArrayLike | Fixated) -> float:
    """Mean over the fixated pixels F of (S - mean S) / std S, the standard deviation with n - 1.

    Source: ``NSS.m`` of the MIT saliency benchmark toolbox; Peters et al. 2005, "Components of bottom-up gaze
    allocation in natural images". A flat map scores 0 (the toolbox: NaN). With all pixels fixated every
    map scores 0.

    Args:
        saliency: (H, W), any real range.
        fixations: (H, W) binary, 1 (or 255) where somebody looked.

    Returns:
        Standard deviations above the map's mean; 0 is chance, higher is better.

    Raises:
        MetricError: no fixation, fixations not binary, different sizes, NaN or infinity.

    >>> nss([[0, 0], [0, 1]], [[0, 0], [0, 1]])
    1.5
    """
    S = as_map(saliency, "saliency")
    F = as_fixated(fixations, "fixations", S)
    return float((F.values(S) - S.mean).mean() / S.std) if S.std > 0 else 0.0
