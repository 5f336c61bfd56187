"""Shuffled area under the ROC curve: negatives where people looked in other pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from salgan.metrics._inputs import Fixated, Map, as_fixated, as_map
from salgan.metrics._roc import Step, area_at_steps, check_step

__all__ = ["sauc"]


def sauc(
    saliency: ArrayLike | Map,
    fixations: ArrayLike | Fixated,
    other_fixations: ArrayLike | Fixated,
    *,
    step: Step = 0.1,
) -> float:
    """Area under the curve of fixated pixels against those fixated in other pictures, in expectation.

    As :func:`salgan.metrics.auc_borji`, but the negatives are the pixels fixated in other pictures (by habit
    10 of them), so that a map of the center bias alone is near chance. ``AUC_shuffled.m`` of the MIT saliency
    benchmark toolbox draws N of them, 100 times; the area is linear in fp, so this is the exact mean over all
    such draws. The metric is from Tatler et al. 2005, "Visual correlates of fixation selection", and
    Zhang et al. 2008, "SUN: a Bayesian framework for saliency using natural statistics".

    Args:
        saliency: (H, W), any real range; a flat map scores 0.5 (the toolbox: NaN).
        fixations: (H, W) binary, 1 (or 255) where somebody looked.
        other_fixations: (H, W) binary, 1 (or 255) where people looked in other pictures. Pixels that are
            also in ``fixations`` stay, as in the toolbox.
        step: distance of the thresholds: 0.1 is the toolbox's; 0.01 the SALICON server's; ``"all"`` puts one
            at every value, so that any increasing map of the values leaves the score unchanged.

    Returns:
        Area in [0, 1]; 0.5 is chance, higher is better.

    Raises:
        MetricError: no fixation here or elsewhere, fixations not binary, different sizes, NaN or infinity,
            no such step.

    >>> sauc([[0, 1], [2, 3]], [[0, 0], [0, 1]], [[1, 0], [1, 0]])
    1.0
    """
    S = as_map(saliency, "saliency")
    F = as_fixated(fixations, "fixations", S)
    O = as_fixated(other_fixations, "other_fixations", S)  # noqa: E741 - the field's letter
    return area_at_steps(S, F, np.sort(O.values(S)), check_step(step))
