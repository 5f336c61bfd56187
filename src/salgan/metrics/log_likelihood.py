"""Log-likelihood of fixations under a density, and its gain over a baseline; nothing is rescaled."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from salgan.errors import MetricError
from salgan.metrics._inputs import Fixated, Float, Map, as_fixated, as_map

__all__ = ["ig_density", "log_likelihood"]

_OFF = 1e-3
"""How far a density's sum may be from 1."""


def log_likelihood(density: ArrayLike | Map, fixations: ArrayLike | Fixated) -> float:
    """Mean over the fixated pixels of log2(P * H * W): the density against the uniform one.

    Source: Kümmerer et al. 2015, "Information-theoretic model comparison unifies saliency metrics".

    Args:
        density: (H, W), not negative, sums to 1.
        fixations: (H, W) binary, 1 (or 255) where somebody looked.

    Returns:
        Bits per fixation; 0 is the uniform density, higher is better.

    Raises:
        MetricError: the map is not a density, or is 0 at a fixation; no fixation, fixations not binary,
            different sizes, NaN or infinity.

    >>> log_likelihood([[0.1, 0.1], [0.3, 0.5]], [[0, 0], [0, 1]])
    1.0
    """
    P = as_map(density, "density")
    F = as_fixated(fixations, "fixations", P)
    return float(_bits(P, F).mean()) + math.log2(P.array.size)


def ig_density(density: ArrayLike | Map, fixations: ArrayLike | Fixated, baseline: ArrayLike | Map) -> float:
    """Mean over the fixated pixels of log2(P) - log2(B), in bits per fixation, both taken as they are.

    The toolbox's :func:`~salgan.metrics.ig` scales both maps to 0..1 first, which takes a density's floor
    away; this is the information gain of Kümmerer et al. 2015 itself.

    Args:
        density: (H, W), not negative, sums to 1.
        fixations: (H, W) binary, 1 (or 255) where somebody looked.
        baseline: (H, W), a density too; usually the center bias of the training pictures.

    Returns:
        Bits per fixation by which the density beats the baseline; higher is better.

    Raises:
        MetricError: as :func:`log_likelihood`.

    >>> ig_density([[0.1, 0.1], [0.3, 0.5]], [[0, 0], [0, 1]], [[0.25, 0.25], [0.25, 0.25]])
    1.0
    """
    P = as_map(density, "density")
    F = as_fixated(fixations, "fixations", P)
    return float((_bits(P, F) - _bits(as_map(baseline, "baseline", P), F)).mean())


def _bits(density: Map, fixated: Fixated) -> Float:
    """log2 of the density at the fixated pixels."""
    if density.low < 0 or abs(density.total - 1) > _OFF:
        raise MetricError(
            f"{density.name} is not a density (lowest value {density.low:.4g}, sum {density.total:.4g}); "
            "divide a map by its sum, or pass np.exp of a log density"
        )
    values = fixated.values(density)
    if not values.min() > 0:
        raise MetricError(
            f"{density.name} is 0 at a fixation, so that the log-likelihood is minus infinity; mix in a "
            "little of the uniform density"
        )
    return np.asarray(np.log2(values))
