"""Area under the ROC curve, Borji's variant: negatives anywhere in the picture."""

from __future__ import annotations

from numpy.typing import ArrayLike

from salgan.metrics._inputs import Fixated, Map, as_fixated, as_map
from salgan.metrics._roc import Step, area_at_steps, check_step

__all__ = ["auc_borji"]


def auc_borji(saliency: ArrayLike | Map, fixations: ArrayLike | Fixated, *, step: Step = 0.1) -> float:
    """Area under the curve of fixated pixels against random pixels of the picture, in expectation.

    On the map min-max scaled to 0..1, at the thresholds 0, step, 2 step, ...: tp = share of fixated pixels
    at or above, fp = share of *all* pixels at or above. ``AUC_Borji.m`` of the MIT saliency benchmark toolbox
    draws N random pixels, 100 times; the area is linear in fp, so this is the exact mean over all such draws.
    The metric is from Borji et al. 2013, "Quantitative analysis of human-model agreement in visual saliency
    modeling".
    A flat map scores 0.5 (the toolbox: NaN), and so does every map if all pixels are fixated.

    Args:
        saliency: (H, W), any real range.
        fixations: (H, W) binary, 1 (or 255) where somebody looked.
        step: distance of the thresholds: 0.1 is the toolbox's; 0.01 is finer; ``"all"`` puts one at every
            value, so that any increasing map of the values leaves the score unchanged.

    Returns:
        Area in [0, 1]; 0.5 is chance, higher is better.

    Raises:
        MetricError: no fixation, fixations not binary, different sizes, NaN or infinity, no such step.

    >>> auc_borji([[0, 1], [2, 3]], [[0, 0], [0, 1]])
    0.875
    """
    S = as_map(saliency, "saliency")
    F = as_fixated(fixations, "fixations", S)
    return area_at_steps(S, F, S.ascending, check_step(step))
