"""Areas under receiver operating characteristics, from values in ascending order."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import Literal

import numpy as np

from salgan.errors import MetricError
from salgan.metrics._inputs import Fixated, Float, Map

__all__ = ["Step", "area", "area_at_steps", "area_by_rank", "check_step", "thresholds"]

Step = float | Literal["all"]
"""Distance of the thresholds on the map scaled to 0..1, or ``"all"`` for a threshold at every value."""


def check_step(step: Step) -> Step:
    """Return a step that makes sense.

    Raises:
        MetricError: it is neither ``"all"`` nor a number from 1e-4 (ten thousand thresholds) to 1.
    """
    if step == "all" or (isinstance(step, int | float) and 1e-4 <= step <= 1):
        return step
    raise MetricError(f'step must be a number from 0.0001 to 1, such as 0.1 or 0.01, or "all", not {step!r}')


def thresholds(step: float) -> Float:
    """The multiples of a step from 1 to 0, descending, on the map scaled to 0..1."""
    # As MATLAB makes them: 6 * 0.1 is not 0.6, and 8-bit maps hold 153 / 255.
    return np.asarray(np.arange(math.floor(1 / step * (1 + 1e-12)), -1, -1) * step)


def area(false_positives: Float, true_positives: Float) -> float:
    """Trapezoid area under the curve from (0, 0) through the points given to (1, 1)."""
    x = np.concatenate(([0.0], false_positives, [1.0]))
    y = np.concatenate(([0.0], true_positives, [1.0]))
    return float(np.sum(np.diff(x) * (y[1:] + y[:-1])) / 2)


def area_at_steps(saliency: Map, fixated: Fixated, others: Float, step: Step) -> float:
    """Area with the shares of fixations and of other pixels at or above each threshold.

    Args:
        saliency: the map.
        fixated: the positives.
        others: the map's values at the negatives, ascending, (M,).
        step: distance of the thresholds, or ``"all"``.
    """
    positives = np.sort(fixated.values(saliency))
    if step == "all":
        return area_by_rank(positives, others)

    def share(values: Float) -> Float:
        below = [bisect_left(values, threshold, key=saliency.scaled) for threshold in thresholds(step)]
        return 1 - np.array(below) / values.size

    return area(share(others), share(positives))


def area_by_rank(positives: Float, negatives: Float) -> float:
    """Share of pairs in which the positive is the larger, ties counting half: the area over all thresholds.

    Both ascending. Source: Mann and Whitney 1947, "On a test of whether one of two random variables is
    stochastically larger than the other".
    """
    below = np.searchsorted(negatives, positives, side="left")
    not_above = np.searchsorted(negatives, positives, side="right")
    return float((below + not_above).sum() / (2 * positives.size * negatives.size))
