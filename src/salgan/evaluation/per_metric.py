"""The best map for each metric, made from one density as in the Tübingen benchmark.

Source: Kümmerer, Wallis, Bethge 2018, "Saliency benchmarking made easy: separating models, maps and metrics".
A model states where people look, as a density; what each metric rewards then follows from the density alone:

=======================  ====================================================================================
AUC-Judd, AUC-Borji      the density (any increasing function of it ranks pixels alike)
sAUC                     the density over the center bias, since the negatives are drawn from that
NSS, IG, log-likelihood  the density
CC, KLD                  the density blurred as the ground truth is: the mean of all ground truths
SIM                      the map with the largest expected SIM with ground truths drawn from the density
EMD                      as CC
=======================  ====================================================================================
"""

from __future__ import annotations

import numpy as np

from salgan._arrays import Floats
from salgan.evaluation.ground_truth import seeded

__all__ = ["best_map"]

_DRAWS = 60
"""Ground truths drawn for SIM."""

_CELLS = 160
"""Longest side of the grid on which they are drawn and blurred."""


def best_map(
    metric: str,
    density: Floats,
    *,
    sigma: float | None,
    center_bias: Floats | None,
    fixations: int,
    seed: int,
    name: str,
) -> Floats:
    """The map that a metric rewards most, if fixations are drawn from a density.

    Args:
        metric: its name.
        density: float64 (H, W), sums to 1.
        sigma: width in pixels of the Gaussian behind the ground truth; None where that is a published map,
            which cannot be imitated: the density itself is taken.
        center_bias: float64 (H, W); None if there is none.
        fixations: how many fixations a ground truth of this set is made of.
        seed: the seed of the draws for SIM.
        name: the name of the picture, for the seed.
    """
    if metric.startswith("sauc") and center_bias is not None:
        return np.asarray(density / center_bias)
    if sigma is None or metric not in ("cc", "kld", "sim", "emd"):
        return density
    if metric == "sim":
        return _best_for_sim(density, sigma, max(1, fixations), seeded(seed, "sim", name))
    return _blurred(density, sigma)


def _blurred(values: Floats, sigma: float) -> Floats:
    """Blurred with a Gaussian, what crosses the border lost, divided by the sum."""
    height, width = values.shape
    blurred = _gaussian(height, sigma) @ values @ _gaussian(width, sigma)
    return np.asarray(blurred / blurred.sum())


def _gaussian(length: int, sigma: float) -> Floats:
    place = np.arange(length)
    return np.asarray(np.exp(-0.5 * ((place[:, None] - place[None, :]) / sigma) ** 2))


def _best_for_sim(density: Floats, sigma: float, fixations: int, rng: np.random.Generator) -> Floats:
    """Maximise the mean over drawn truths D of sum min(Q, D), for Q that sums to 1.

    At the optimum each pixel is as likely as any other to lie below its truths' values, as long as it is not
    0: Q is a pixel-wise quantile of the truths, the one whose sum is 1.
    """
    height, width = density.shape
    step = max(1, -(-max(height, width) // _CELLS))
    rows, columns = -(-height // step), -(-width // step)
    padded = np.zeros((rows * step, columns * step))
    padded[:height, :width] = density
    small = padded.reshape(rows, step, columns, step).sum(axis=(1, 3))
    counts = rng.multinomial(fixations, (small / small.sum()).ravel(), size=_DRAWS).astype(np.float64)
    down, across = _gaussian(rows, sigma / step), _gaussian(columns, sigma / step)
    truths = np.sort([t / t.sum() for t in (down @ c.reshape(small.shape) @ across for c in counts)], axis=0)
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        if _quantile(truths, middle).sum() < 1:
            low = middle
        else:
            high = middle
    best = _quantile(truths, high).repeat(step, axis=0).repeat(step, axis=1)[:height, :width]
    # Whole cells are steps; blurring by half a cell joins them.
    return _blurred(best, step / 2) if step > 1 else best


def _quantile(ascending: Floats, share: float) -> Floats:
    place = share * (len(ascending) - 1)
    below = int(place)
    above = min(below + 1, len(ascending) - 1)
    return np.asarray(ascending[below] + (place - below) * (ascending[above] - ascending[below]))
