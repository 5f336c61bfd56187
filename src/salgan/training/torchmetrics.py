"""The batched scores as a torchmetrics metric, for training loops that are not ours.

>>> from salgan.training.torchmetrics import SaliencyScore
>>> scores = MetricCollection({"nss": SaliencyScore("nss"), "cc": SaliencyScore("cc")})  # doctest: +SKIP
>>> scores.update(maps, fixations=fixations, density=density)  # doctest: +SKIP

Lightning brings torchmetrics, so ``pip install 'salgan[train]'`` is enough.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from salgan._words import did_you_mean
from salgan.errors import MetricError
from salgan.metrics import find_metric
from salgan.training.validate import VALIDATION_SCORES

__all__ = ["SaliencyScore"]


class SaliencyScore(Metric):
    """The mean of a score over pictures, on whatever device the maps are; processes are added up.

    Args:
        name: one of :data:`salgan.training.validate.VALIDATION_SCORES`, such as ``"auc_judd"``, or as tables
            print it.
        keywords: what every torchmetrics metric takes, such as ``sync_on_compute``.

    Raises:
        MetricError: there is no such score in batches.
    """

    is_differentiable = False
    full_state_update = False

    total: Tensor
    count: Tensor

    def __init__(self, name: str, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.name = find_metric(name).name
        if self.name not in VALIDATION_SCORES:
            hint = did_you_mean(self.name, VALIDATION_SCORES)
            raise MetricError(f"{name} is not computed in batches; {hint}")
        self.add_state("total", default=torch.zeros(()), dist_reduce_fx="sum")
        self.add_state("count", default=torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]  # a constant of the class, over there
        """Whether a larger mean is a better one."""
        return find_metric(self.name).higher_is_better

    def update(
        self,
        saliency: Tensor,
        *,
        fixations: Tensor | None = None,
        density: Tensor | None = None,
        other_fixations: Tensor | None = None,
        baseline: Tensor | None = None,
    ) -> None:
        """Add a batch; what the score does not need is left aside, so a collection can be given everything.

        Args:
            saliency: (N, 1, H, W) or (N, H, W); so are the others.
            fixations: not 0 where somebody looked.
            density: fixation densities of any scale.
            other_fixations: not 0 where people looked in other pictures.
            baseline: the center bias.

        Raises:
            MetricError: what the score needs is missing, or shapes differ.
        """
        given = {
            "fixations": fixations,
            "density": density,
            "other_fixations": other_fixations,
            "baseline": baseline,
        }
        truth = []
        for need in find_metric(self.name).needs:
            if (tensor := given[need]) is None:
                raise MetricError(f"{self.name} needs {need}; pass {need}=")
            truth.append(tensor)
        scores = VALIDATION_SCORES[self.name](saliency, *truth)
        self.total = self.total + scores.nansum().to(self.total.dtype)
        self.count = self.count + (~scores.isnan()).sum()

    def compute(self) -> Tensor:
        """The mean over the pictures for which the score is defined; NaN if there are none."""
        return self.total / self.count
