"""How certain a mean over pictures is, and whether two models differ: seeded resampling in NumPy alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from salgan._arrays import Floats
from salgan.errors import MetricError

__all__ = ["LEVEL", "RESAMPLES", "Interval", "bootstrap_mean", "permutation_p"]

LEVEL = 0.95
"""Coverage of the intervals."""

RESAMPLES = 10_000
"""Bootstrap resamples, and sign flips of the permutation test."""

_BLOCK = 4_000_000
"""Numbers drawn at a time, so that memory does not grow with the number of pictures."""


@dataclass(frozen=True)
class Interval:
    """A mean with its bootstrap interval.

    Attributes:
        mean: the mean of the values; NaN if there are none.
        low: lower end, at ``LEVEL`` coverage.
        high: upper end.
        n: how many values it is the mean of.
    """

    mean: float
    low: float
    high: float
    n: int


def bootstrap_mean(values: ArrayLike, seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """Mean and 95 % percentile bootstrap interval (Efron 1979), resampling pictures with replacement.

    Args:
        values: (N,), one score per picture; NaN means undefined there and is left out.
        seed: the seed of the resampling; the same seed and values give the same interval.
        resamples: how many.

    Returns:
        The mean and its interval; with one value the interval is that value, with none all are NaN.

    Raises:
        MetricError: infinite values.
    """
    kept = _defined(values)
    if not kept.size:
        return Interval(np.nan, np.nan, np.nan, 0)
    rng = np.random.default_rng(seed)
    means = np.concatenate(
        [
            kept[rng.integers(0, kept.size, (rows, kept.size), dtype=np.int32)].mean(axis=1)
            for rows in _blocks(resamples, kept.size)
        ]
    )
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(kept.mean()), float(low), float(high), int(kept.size))


def permutation_p(differences: ArrayLike, seed: int = 0, resamples: int = RESAMPLES) -> float:
    """Two-sided p-value that paired differences have mean 0: the paired permutation test.

    Under the null hypothesis each picture's difference may have either sign (Fisher 1935; Good 2005,
    "Permutation, Parametric and Bootstrap Tests of Hypotheses"). All 2^N sign patterns are tried if they
    do not exceed ``resamples``; otherwise that many are drawn, and the observed one counts among them,
    so that p is never 0.

    Args:
        differences: (N,), one per picture; NaN is left out.
        seed: the seed of the sign flips.
        resamples: how many.

    Returns:
        p in (0, 1]; 1 if there is no difference at all, NaN if there are no values.

    Raises:
        MetricError: infinite values.
    """
    kept = _defined(differences)
    if not kept.size:
        return float("nan")
    # Sums of the same numbers in another order must count as equal.
    observed = abs(kept.sum()) - 1e-12 * np.abs(kept).sum()
    if kept.size <= np.log2(resamples):
        patterns = np.arange(2**kept.size)[:, None] >> np.arange(kept.size) & 1
        return float(np.mean(np.abs((1 - 2 * patterns) @ kept) >= observed))
    rng = np.random.default_rng(seed)
    extreme = sum(
        int(np.count_nonzero(np.abs(_signs(rng, rows, kept.size) @ kept) >= observed))
        for rows in _blocks(resamples, kept.size)
    )
    return (1 + extreme) / (1 + resamples)


def _defined(values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64).ravel()
    if np.isinf(array).any():
        raise MetricError("some scores are infinity, which has no mean; leave those pictures out")
    return array[~np.isnan(array)]


def _signs(rng: np.random.Generator, rows: int, columns: int) -> Floats:
    bits = np.unpackbits(rng.integers(0, 256, (rows, -(-columns // 8)), dtype=np.uint8), axis=1)
    return np.asarray(1.0 - 2.0 * bits[:, :columns], dtype=np.float64)


def _blocks(rows: int, columns: int) -> Iterator[int]:
    """Split ``rows`` into numbers of rows of which each takes about ``_BLOCK`` numbers."""
    step = max(1, _BLOCK // columns)
    for start in range(0, rows, step):
        yield min(step, rows - start)
