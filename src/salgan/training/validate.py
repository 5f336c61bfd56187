"""Scores of a network on the validation pictures, each at the network's input shape for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from salgan.metrics import find_metric
from salgan.preprocessing import Preprocessing
from salgan.training.areas import auc_judd, sauc
from salgan.training.config import Config
from salgan.training.data import Batch, Pool, Shape
from salgan.training.generator import Answer, Answers
from salgan.training.losses import ContentLoss
from salgan.training.metrics import cc, ig, kld, nss, sim
from salgan.training.surroundings import Surroundings

__all__ = ["CONTENT", "VALIDATION_SCORES", "Validator", "lower_is_better", "needs"]

VALIDATION_SCORES: dict[str, Callable[..., Tensor]] = {
    "nss": nss,
    "cc": cc,
    "sim": sim,
    "kld": kld,
    "auc_judd": auc_judd,
    "sauc": sauc,
    "sauc_all": partial(sauc, step="all"),
    "ig": ig,
}
"""What ``validation_scores`` may name: functions of maps and of what the metric needs beside them."""

CONTENT = "content"
"""The recipe's content loss, which is measured in any case."""


def needs(name: str) -> tuple[str, ...]:
    """What a score takes beside the maps, as in :class:`salgan.metrics.Metric`."""
    return () if name == CONTENT else find_metric(name).needs


def lower_is_better(name: str) -> bool:
    """Whether a lower value of a score is a better one; ``osie/kld`` is the score ``kld`` of a source."""
    metric = name.rpartition("/")[2]
    return metric == CONTENT or not find_metric(metric).higher_is_better


class Validator:
    """Scores networks on the validation pictures.

    Args:
        config: the recipe: which scores, which content loss, how many pictures at a time.
        training: pictures that the center bias is fitted on.
        validation: pictures that are scored.
        record: the shape that each picture is predicted at.
        fabric: precision; each of several processes scores its share.
    """

    def __init__(
        self, config: Config, training: Pool, validation: Pool, record: Preprocessing, fabric: Fabric
    ) -> None:
        self._names = (*config.validation_scores, CONTENT)
        self._pool = validation
        self._content = ContentLoss(config.content, config.downsample)
        self._fabric = fabric
        size = max(1, config.batch_size // fabric.world_size)
        chunks = _alike([record.shape_for(*shape) for shape in validation.shapes], size)
        self._chunks = chunks[fabric.global_rank :: fabric.world_size]
        looked = [len(validation.fixated(row)) > 0 for row in range(len(validation))]
        self._looked = np.array(looked, dtype=np.bool_)
        wanted = frozenset(need for name in self._names for need in needs(name))
        self._around = Surroundings(training, validation, wanted)
        self._defined = {name: self._pictures_with(name) for name in self._names}
        # By what comes before the score's own name: all pictures, then each source where there are several.
        self._groups = {"": np.arange(len(validation))}
        if len(validation.sources) > 1:
            self._groups |= {f"{source}/": rows for source, rows in validation.sources.items()}

    @property
    def measured(self) -> list[str]:
        """Names of the scores that every network gets, in their order."""
        return [
            group + name
            for group, rows in self._groups.items()
            for name in self._names
            if self._defined[name][rows].any()
        ]

    @property
    def undefined(self) -> list[str]:
        """Names of the scores that no picture has, since fixations are missing: at all, or in a source."""
        missing = [name for name in self._names if not self._defined[name].any()]
        return missing + [
            group + name
            for group, rows in self._groups.items()
            for name in self._names
            if name not in missing and not self._defined[name][rows].any()
        ]

    @torch.no_grad()
    def __call__(self, network: nn.Module) -> dict[str, float]:
        """Score a network, from pictures to maps; it is left in evaluation mode.

        Returns:
            The mean over pictures of every score, then the same per source as ``source/score`` where there is
            more than one. A score that is undefined for a picture (NSS without fixations) leaves it out, and
            one that is undefined for every picture is left out itself.
        """
        network.eval()
        answer_of = Answers(network)
        scores = torch.zeros(len(self._pool), len(self._names), dtype=torch.float64)
        rows_of, shapes = [rows for _, rows in self._chunks], [shape for shape, _ in self._chunks]
        for rows, batch in zip(rows_of, self._pool.batches(rows_of, shapes), strict=True):
            with self._fabric.autocast():
                answer = answer_of(batch.pictures, batch.features)
            scores[torch.from_numpy(rows)] = self._scores(answer, batch, rows).double().cpu()
        if self._fabric.world_size > 1:
            summed = self._fabric.all_reduce(scores.to(self._fabric.device), reduce_op="sum")
            scores = cast(Tensor, summed).cpu()
        means = {
            group + name: mean
            for group, rows in self._groups.items()
            for name, mean in zip(
                self._names, torch.nanmean(scores[torch.from_numpy(rows)], dim=0).tolist(), strict=True
            )
        }
        return {name: means[name] for name in self.measured}

    def _scores(self, answer: Answer, batch: Batch, rows: np.ndarray) -> Tensor:
        """Scores of each picture, (N, number of scores)."""
        maps = answer.logits.float().sigmoid()
        shape, device = maps.shape[2:], maps.device
        truth: dict[str, Callable[[], Tensor]] = {
            "fixations": lambda: batch.fixations,
            "density": lambda: batch.density,
            "baseline": lambda: self._around.baseline(len(rows), (shape[0], shape[1]), device),
            "other_fixations": lambda: self._around.other_fixations(rows, (shape[0], shape[1]), device),
        }
        undefined = torch.full((len(rows),), torch.nan, device=device)
        columns = []
        for name in self._names:
            if name == CONTENT:
                samples = enumerate(zip(batch.density, batch.fixations, strict=True))
                losses = [self._content(answer.picture(k), s[None], f[None]) for k, (s, f) in samples]
                columns.append(torch.stack(losses))
            elif self._defined[name][rows].any():
                columns.append(VALIDATION_SCORES[name](maps, *(truth[need]() for need in needs(name))))
            else:
                columns.append(undefined)
        return torch.stack([column.double() for column in columns], dim=1)

    def _pictures_with(self, score: str) -> np.ndarray:
        """Which of the pictures have what a score needs, bool (pictures,)."""
        wanted, found = needs(score), np.ones(len(self._pool), dtype=np.bool_)
        if "fixations" in wanted:
            found &= self._looked
        if "baseline" in wanted:
            found &= self._around.bias is not None
        if "other_fixations" in wanted:
            found &= self._around.has_others
        return found


def _alike(shapes: Sequence[Shape], size: int) -> list[tuple[Shape, np.ndarray]]:
    """Rows in chunks of at most ``size`` that have one shape, with that shape."""
    rows_of: dict[Shape, list[int]] = {}
    for row, shape in enumerate(shapes):
        rows_of.setdefault(shape, []).append(row)
    return [
        (shape, np.array(rows[start : start + size]))
        for shape, rows in rows_of.items()
        for start in range(0, len(rows), size)
    ]
