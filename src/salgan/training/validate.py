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
        self._looked = np.array([bool(len(validation.fixated(row))) for row in range(len(validation))])
        wanted = frozenset(need for name in self._names for need in needs(name))
        self._around = Surroundings(training, validation, wanted)

    @property
    def undefined(self) -> list[str]:
        """Names of the scores that no validation picture has, since fixations are missing."""
        return [name for name in self._names if not self._is_defined(name, np.arange(len(self._pool)))]

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
        result = self._means(scores, np.arange(len(self._pool)))
        if len(self._pool.sources) > 1:
            for source, rows in self._pool.sources.items():
                result |= {f"{source}/{name}": value for name, value in self._means(scores, rows).items()}
        return result

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
            elif self._is_defined(name, rows):
                columns.append(VALIDATION_SCORES[name](maps, *(truth[need]() for need in needs(name))))
            else:
                columns.append(undefined)
        return torch.stack([column.double() for column in columns], dim=1)

    def _is_defined(self, name: str, rows: np.ndarray) -> bool:
        """Whether any of these pictures has what a score needs."""
        wanted = needs(name)
        return (
            ("fixations" not in wanted or bool(self._looked[rows].any()))
            and ("baseline" not in wanted or self._around.bias is not None)
            and ("other_fixations" not in wanted or self._around.has_others)
        )

    def _means(self, scores: Tensor, rows: np.ndarray) -> dict[str, float]:
        means = torch.nanmean(scores[torch.from_numpy(rows)], dim=0).tolist()
        found = dict(zip(self._names, means, strict=True))
        return {name: value for name, value in found.items() if self._is_defined(name, rows)}


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
