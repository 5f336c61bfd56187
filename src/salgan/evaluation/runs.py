"""How certain a mean is that rests on several training runs, all scored on the same pictures.

Another seed gives another network, and other pictures give other scores. An interval over pictures alone
says how the same networks would do on other pictures; it knows nothing of other runs, and is too narrow for a
claim about a method. Here both are random, and crossed, since every run is scored on every picture::

    score = mean + run + picture + rest

The variance of the mean is the sum of two estimates from the mean squares of that two-way table: one from the
runs, with one degree of freedom less than there are runs, and one from the pictures. The t quantile is their
average weighted by the two variances (Cochran 1964, "Approximate significance levels of the Behrens-Fisher
test", Biometrics 20), which errs on the side of wide intervals. Resampling runs with replacement would be
simpler, but three runs cannot show how far a fourth may lie from them: where runs differ most, such a 95 %
interval covers 78 % with three runs, and an interval over pictures alone 18 %, while this one covers 95 %.

In a k-fold cross-validation every picture is scored by one network alone, so pictures are nested in networks.
There the mean of a fold holds the luck of its network and of its pictures, and the spread of the folds' means
says how far both may lie from those of others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from salgan._arrays import Floats
from salgan.errors import MetricError, require
from salgan.evaluation.intervals import LEVEL

__all__ = ["MeanOverRuns", "mean_over_folds", "mean_over_runs"]

_LEAST = 1e-12
"""Half of the smallest p-value that is told from smaller ones."""


@dataclass(frozen=True)
class MeanOverRuns:
    """A mean over runs and pictures, with an interval that knows of both.

    Attributes:
        mean: the mean over runs and pictures; NaN if no picture has a score in every run.
        low: lower end, at ``LEVEL`` coverage.
        high: upper end.
        spread: standard deviation of the runs' means, with n - 1.
        p: two-sided p-value that the mean is 0, for differences.
        runs: number of runs, or of folds.
        n: number of pictures.
        each: the mean of every run or fold, in their order.
    """

    mean: float
    low: float
    high: float
    spread: float
    p: float
    runs: int
    n: int
    each: tuple[float, ...]


def mean_over_runs(values: ArrayLike) -> MeanOverRuns:
    """Mean with a 95 % interval for other runs on other pictures, in a model with two crossed random effects.

    Args:
        values: (runs, pictures), a score or a paired difference each. A picture that is NaN in any run is
            left out.

    Returns:
        The mean, the interval and the spread over runs. With a single picture the ends are NaN.

    Raises:
        MetricError: fewer than two runs, not a table, or infinite values.
        MissingExtraError: SciPy is not installed.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or len(table) < 2:
        raise MetricError(
            f"values must be (runs, pictures) with at least two runs, not {table.shape}; a single run has no "
            "spread over runs"
        )
    if np.isinf(table).any():
        raise MetricError("some scores are infinity, which has no mean; leave those pictures out")
    table = table[:, ~np.isnan(table).any(axis=0)]
    runs, pictures = table.shape
    if not pictures:
        nan = math.nan
        return MeanOverRuns(nan, nan, nan, nan, nan, runs, 0, (nan,) * runs)
    each, mean = table.mean(axis=1), float(table.mean())
    spread = float(each.std(ddof=1))
    low, high, p = _interval(table, mean) if pictures > 1 else (np.nan, np.nan, np.nan)
    return MeanOverRuns(mean, low, high, spread, p, runs, pictures, tuple(float(one) for one in each))


def mean_over_folds(values: ArrayLike, folds: ArrayLike) -> MeanOverRuns:
    """Mean with a 95 % interval for other networks and other pictures, where each fold has its own network.

    The variance of the mean is that of means of clusters (Liang and Zeger 1986, "Longitudinal data analysis
    using generalized linear models", Biometrika 73), with Student's t for one degree of freedom less than
    there are folds. Networks that share most of their training pictures are more alike than networks from
    other pictures would be, which no interval from one cross-validation knows (Bengio and Grandvalet 2004).

    Args:
        values: (pictures,), a score or a paired difference each. NaN is left out.
        folds: (pictures,), which fold each picture is in.

    Returns:
        The mean over pictures, the interval, and the mean and spread of the folds.

    Raises:
        MetricError: scores in fewer than two folds, arrays that do not fit together, or infinite values.
        MissingExtraError: SciPy is not installed.
    """
    scores, groups = np.asarray(values, dtype=np.float64), np.asarray(folds)
    if scores.ndim != 1 or groups.shape != scores.shape:
        raise MetricError(f"values {scores.shape} and folds {groups.shape} must be one number per picture")
    if np.isinf(scores).any():
        raise MetricError("some scores are infinity, which has no mean; leave those pictures out")
    scores, groups = scores[~np.isnan(scores)], groups[~np.isnan(scores)]
    names, group = np.unique(groups, return_inverse=True)
    count = len(names)
    if count < 2:
        raise MetricError(f"there are scores in {count} folds; an interval over folds needs two or more")
    sizes = np.bincount(group)
    each = np.bincount(group, scores) / sizes
    mean = float(scores.mean())
    error = math.sqrt(count / (count - 1) * float((sizes**2 * (each - mean) ** 2).sum())) / scores.size
    special = require("scipy.special", "eval")
    half = float(special.stdtrit(count - 1, (1 + LEVEL) / 2)) * error
    p = float(2 * special.stdtr(count - 1, -abs(mean) / error)) if error else float(mean == 0)
    return MeanOverRuns(
        mean,
        mean - half,
        mean + half,
        float(each.std(ddof=1)),
        p,
        count,
        scores.size,
        tuple(float(one) for one in each),
    )


def _interval(table: Floats, mean: float) -> tuple[float, float, float]:
    """Both ends, and the p-value of mean 0."""
    runs, pictures = table.shape
    of_runs = table.mean(axis=1, keepdims=True) - mean
    of_pictures = table.mean(axis=0, keepdims=True) - mean
    rest = table - mean - of_runs - of_pictures
    # Mean squares: expected are n V(run) + V(rest), R V(picture) + V(rest), and V(rest).
    between_runs = pictures * float((of_runs**2).sum()) / (runs - 1)
    between_pictures = runs * float((of_pictures**2).sum()) / (pictures - 1)
    within = float((rest**2).sum()) / ((runs - 1) * (pictures - 1))
    variances = np.array([between_runs, max(between_pictures - within, 0.0)]) / table.size
    error = math.sqrt(variances.sum())
    if error == 0:
        return mean, mean, float(mean == 0)
    quantile_of = require("scipy.special", "eval").stdtrit
    freedom, weights = np.array([runs - 1, pictures - 1]), variances / variances.sum()

    def quantile(above: float) -> float:
        return float(-(weights @ quantile_of(freedom, above)))

    half = quantile((1 - LEVEL) / 2) * error
    far = abs(mean) / error
    low, high = _LEAST, 0.5
    for _ in range(50):  # the p-value is where the interval just reaches 0
        middle = math.sqrt(low * high)
        low, high = (middle, high) if quantile(middle) > far else (low, middle)
    return mean - half, mean + half, min(2 * high, 1.0)
