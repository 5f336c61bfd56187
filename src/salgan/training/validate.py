"""Scores of a network on the validation pictures, each at the network's input shape for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from salgan.preprocessing import Preprocessing
from salgan.training.data import Batch, Pool, Shape
from salgan.training.generator import Logits
from salgan.training.losses import ContentLoss
from salgan.training.metrics import cc, kld, nss, sim

__all__ = ["LOWER_IS_BETTER", "VALIDATION_METRICS", "validate"]

VALIDATION_METRICS = ("nss", "cc", "sim", "kld", "content")
"""What is measured for every picture; ``content`` is the recipe's content loss."""
LOWER_IS_BETTER = frozenset({"kld", "content"})


@torch.no_grad()
def validate(
    network: nn.Module,
    pool: Pool,
    content: ContentLoss,
    batch_size: int,
    fabric: Fabric,
    record: Preprocessing,
) -> dict[str, float]:
    """Score a network on every validation picture.

    Args:
        network: from pictures to maps; left in evaluation mode.
        pool: the validation pictures.
        content: the recipe's content loss.
        batch_size: pictures at a time, over all processes.
        fabric: precision; each of several processes scores its share.
        record: the shape that each picture is predicted at.

    Returns:
        The mean over pictures of every metric, then the same per source as ``source/metric`` where there is
        more than one. A metric that is undefined for a picture (NSS without fixations) leaves it out.
    """
    network.eval()
    logits_of = Logits(network)
    scores = torch.zeros(len(pool), len(VALIDATION_METRICS), dtype=torch.float64)
    size = max(1, batch_size // fabric.world_size)
    chunks = _alike([record.shape_for(*shape) for shape in pool.shapes], size)
    mine = chunks[fabric.global_rank :: fabric.world_size]
    rows_of, shapes = [rows for _, rows in mine], [shape for shape, _ in mine]
    for rows, batch in zip(rows_of, pool.batches(rows_of, shapes), strict=True):
        with fabric.autocast():
            logits = logits_of(batch.pictures, batch.features)
        scores[torch.from_numpy(rows)] = _scores(logits.float(), batch, content).double().cpu()
    if fabric.world_size > 1:
        scores = cast(Tensor, fabric.all_reduce(scores.to(fabric.device), reduce_op="sum")).cpu()
    result = _means(scores, range(len(pool)))
    if len(pool.sources) > 1:
        for source, rows in pool.sources.items():
            result |= {f"{source}/{name}": value for name, value in _means(scores, rows).items()}
    return result


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


def _scores(logits: Tensor, batch: Batch, content: ContentLoss) -> Tensor:
    """Metrics of each picture, (N, len(VALIDATION_METRICS))."""
    maps = logits.sigmoid()
    samples = zip(logits, batch.density, batch.fixations, strict=True)
    losses = torch.stack([content(z[None], s[None], f[None]) for z, s, f in samples])
    return torch.stack(
        [
            nss(maps, batch.fixations),
            cc(maps, batch.density),
            sim(maps, batch.density),
            kld(maps, batch.density),
            losses,
        ],
        dim=1,
    )


def _means(scores: Tensor, rows: Iterable[int]) -> dict[str, float]:
    means = torch.nanmean(scores[torch.as_tensor(np.fromiter(rows, dtype=np.int64))], dim=0)
    return dict(zip(VALIDATION_METRICS, means.tolist(), strict=True))
