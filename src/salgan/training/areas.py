"""Areas under ROC curves of a batch on its own device, equal to the NumPy versions in ``salgan.metrics``.

They depend on the order of a map's values, so they have no gradient. Otherwise they are like the functions in
``salgan.training.metrics``: they take (N, 1, H, W) or (N, H, W) tensors and return one score per picture, NaN
where a picture has none, and nothing waits for the device.
"""

from __future__ import annotations

import torch
from torch import Tensor

from salgan.metrics._roc import Step, check_step, thresholds
from salgan.training.metrics import rows

__all__ = ["auc_judd", "sauc"]


@torch.no_grad()
def auc_judd(saliency: Tensor, fixations: Tensor) -> Tensor:
    """Area under the curve, Judd's variant, ties in expectation, as :func:`salgan.metrics.auc_judd`.

    Args:
        saliency: (N, 1, H, W) or (N, H, W), any real range; a flat map scores 0.5.
        fixations: the same shape, not 0 where somebody looked.

    Returns:
        (N,) in [0, 1]; NaN where no pixel is fixated, or every pixel is.

    Raises:
        MetricError: shapes differ or are none of the two.
    """
    S, F = rows(saliency, fixations)
    looked = F != 0
    positives, negatives = _count(looked), _count(~looked)
    below, not_above = _ranks(S, ~looked)
    # What the trapezoid exceeds the area by ranks by, see salgan.metrics.auc_judd.
    lowest = S.masked_fill(~looked, torch.inf).amin(1, keepdim=True)
    tied = lowest == S
    tied_positives = _count(tied & looked)
    share = tied_positives / (tied_positives + 1)
    above_lowest = _count((lowest < S) & ~looked) + _count(tied & ~looked) * share
    total = torch.where(looked, below + not_above, 0).sum(1) + above_lowest
    area = total / (2 * positives * negatives)
    return _defined(area, S, (positives > 0) & (negatives > 0))


@torch.no_grad()
def sauc(saliency: Tensor, fixations: Tensor, other_fixations: Tensor, *, step: Step = 0.1) -> Tensor:
    """Shuffled area under the curve, as :func:`salgan.metrics.sauc`.

    Args:
        saliency: (N, 1, H, W) or (N, H, W), any real range; a flat map scores 0.5.
        fixations: the same shape, not 0 where somebody looked.
        other_fixations: the same shape, not 0 where people looked in other pictures.
        step: distance of the thresholds on the map scaled to 0..1, or ``"all"`` for one at every value.

    Returns:
        (N,) in [0, 1]; NaN for a picture without fixation here or elsewhere.

    Raises:
        MetricError: shapes differ or are none of the two; no such step.
    """
    S, F = rows(saliency, fixations)
    looked, elsewhere = F != 0, rows(saliency, other_fixations)[1] != 0
    positives, negatives = _count(looked), _count(elsewhere)
    if check_step(step) == "all":
        below, not_above = _ranks(S, elsewhere)
        area = torch.where(looked, below + not_above, 0).sum(1) / (2 * positives * negatives)
    else:
        area = _area_at(S, looked, elsewhere, float(step))
    return _defined(area, S, (positives > 0) & (negatives > 0))


def _area_at(S: Tensor, looked: Tensor, elsewhere: Tensor, step: float) -> Tensor:
    """The area through the shares of both sets at or above each threshold, (N,)."""
    exact = S.to(_widest(S))
    low, high = exact.amin(1, keepdim=True), exact.amax(1, keepdim=True)
    scaled = (exact - low) / (high - low)
    x, y = [torch.zeros_like(scaled[:, 0])], [torch.zeros_like(scaled[:, 0])]
    for threshold in thresholds(step).tolist():
        at_or_above = scaled >= threshold
        x.append(_count(at_or_above & elsewhere) / _count(elsewhere))
        y.append(_count(at_or_above & looked) / _count(looked))
    x.append(torch.ones_like(x[0]))
    y.append(torch.ones_like(y[0]))
    return torch.trapezoid(torch.stack(y, dim=1), torch.stack(x, dim=1), dim=1)


def _ranks(S: Tensor, among: Tensor) -> tuple[Tensor, Tensor]:
    """How many of the marked values lie below each value, and how many do not lie above it; (N, pixels)."""
    ascending = S.masked_fill(~among, torch.inf).sort(1).values
    found = [torch.searchsorted(ascending, S.contiguous(), right=right) for right in (False, True)]
    below, not_above = (numbers.to(_widest(S)) for numbers in found)
    return below, not_above


def _count(marked: Tensor) -> Tensor:
    """Number of marked pixels of each picture, (N,), as a float, so that products of counts fit."""
    return marked.sum(1).to(_widest(marked))


def _widest(tensor: Tensor) -> torch.dtype:
    """Double precision, except on Apple's GPUs, which have none."""
    return torch.float32 if tensor.device.type == "mps" else torch.float64


def _defined(area: Tensor, S: Tensor, defined: Tensor) -> Tensor:
    """Chance for flat maps; NaN where there is nothing to score with, or a map is not finite."""
    flat = S.amax(1) == S.amin(1)
    sound = defined & S.isfinite().all(1)
    return area.masked_fill(flat, 0.5).masked_fill(~sound, torch.nan)
