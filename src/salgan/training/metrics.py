"""Scores of a batch on its own device, equal to the NumPy versions in ``salgan.metrics``.

All functions take (N, 1, H, W) or (N, H, W) tensors and return one score per picture, (N,), in at least
float32. Nothing waits for the device: where the NumPy functions raise because of what a picture holds, that
picture's score is NaN here. Average with ``torch.nanmean``. These functions are differentiable in the
saliency maps; areas under curves, which are not, are in ``salgan.training.areas``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from salgan.errors import MetricError
from salgan.metrics._inputs import EPS

__all__ = ["cc", "ig", "kld", "nss", "rows", "sim"]


def nss(saliency: Tensor, fixations: Tensor) -> Tensor:
    """Normalized scanpath saliency, as :func:`salgan.metrics.nss`.

    Args:
        saliency: (N, 1, H, W) or (N, H, W), any real range.
        fixations: the same shape, not 0 where somebody looked.

    Returns:
        (N,) standard deviations above the map's mean; NaN for a picture without fixation.

    Raises:
        MetricError: shapes differ or are none of the two.
    """
    S, F = rows(saliency, fixations)
    looked = F != 0
    count = looked.sum(1)
    at_fixations = torch.where(looked, _standard(S), 0).sum(1) / count.clamp(min=1)
    return at_fixations.masked_fill(count == 0, torch.nan)


def cc(saliency: Tensor, density: Tensor) -> Tensor:
    """Pearson's correlation, as :func:`salgan.metrics.cc`.

    Args:
        saliency: (N, 1, H, W) or (N, H, W), any real range.
        density: the same shape, fixation densities of any scale.

    Returns:
        (N,) in [-1, 1]; NaN where the density is 0 everywhere.

    Raises:
        MetricError: shapes differ or are none of the two.
    """
    S, D = rows(saliency, density)
    correlation = (_standard(S) * _standard(D)).sum(1) / max(S.shape[1] - 1, 1)
    return correlation.clamp(-1, 1).masked_fill(_empty(D), torch.nan)


def sim(saliency: Tensor, density: Tensor) -> Tensor:
    """Similarity of the min-max scaled maps, as :func:`salgan.metrics.sim`.

    Args:
        saliency: (N, 1, H, W) or (N, H, W), any real range.
        density: the same shape, fixation densities of any scale.

    Returns:
        (N,) in [0, 1]; NaN where the density is 0 everywhere.

    Raises:
        MetricError: shapes differ or are none of the two.
    """
    S, D = rows(saliency, density)
    shared = torch.minimum(_share(_scaled(S)), _share(_scaled(D))).sum(1)
    return shared.clamp(max=1).masked_fill(_empty(D), torch.nan)


def kld(saliency: Tensor, density: Tensor) -> Tensor:
    """Kullback-Leibler divergence, as :func:`salgan.metrics.kld`.

    Args:
        saliency: (N, 1, H, W) or (N, H, W), no negative values.
        density: the same shape, fixation densities, no negative values.

    Returns:
        (N,) nats, at least 0; NaN where a value is negative or the density is 0 everywhere.

    Raises:
        MetricError: shapes differ or are none of the two.
    """
    S, D = rows(saliency, density)
    reference = _share(D)
    divergence = (reference * torch.log(EPS + reference / (_share(S) + EPS))).sum(1)
    undefined = _empty(D) | (S < 0).any(1) | (D < 0).any(1)
    return divergence.clamp(min=0).masked_fill(undefined, torch.nan)


def ig(saliency: Tensor, fixations: Tensor, baseline: Tensor) -> Tensor:
    """Information gain over a baseline, as :func:`salgan.metrics.ig`.

    Args:
        saliency: (N, 1, H, W) or (N, H, W), any real range.
        fixations: the same shape, not 0 where somebody looked.
        baseline: the same shape, any real range; usually the center bias of the training pictures.

    Returns:
        (N,) bits per fixation; NaN for a picture without fixation.

    Raises:
        MetricError: shapes differ or are none of the two.
    """
    S, F = rows(saliency, fixations)
    B = rows(saliency, baseline)[1]
    looked = F != 0
    gain = torch.log2(EPS + _share(_scaled(S))) - torch.log2(EPS + _share(_scaled(B)))
    count = looked.sum(1)
    mean = torch.where(looked, gain, 0).sum(1) / count.clamp(min=1)
    return mean.masked_fill(count == 0, torch.nan)


def rows(saliency: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Both as (N, pixels), in float32 at least: half precision cannot hold a share of a large picture."""
    single = saliency.ndim == 3 or (saliency.ndim == 4 and saliency.shape[1] == 1)
    if not single or saliency.shape != other.shape:
        raise MetricError(
            f"batched metrics take two (N, 1, H, W) or two (N, H, W) tensors of one shape,"
            f" not {tuple(saliency.shape)} and {tuple(other.shape)}; resize or unsqueeze one of them"
        )
    first, second = (x.flatten(1).to(torch.promote_types(x.dtype, torch.float32)) for x in (saliency, other))
    return first, second


def _flat(maps: Tensor) -> Tensor:
    return maps.amax(1) == maps.amin(1)


def _empty(maps: Tensor) -> Tensor:
    return (maps == 0).all(1)


def _scaled(maps: Tensor) -> Tensor:
    """Min-max scaled to 0..1; 0 if flat."""
    low = maps.amin(1, keepdim=True)
    spread = (maps.amax(1, keepdim=True) - low).masked_fill(_flat(maps)[:, None], 1)
    return (maps - low) / spread


def _standard(maps: Tensor) -> Tensor:
    """(x - mean) / std, with n - 1; 0 if flat. Scaled first, as squares of tiny values vanish in float32."""
    deviations = _scaled(maps)
    deviations = deviations - deviations.mean(1, keepdim=True)
    variance = deviations.square().sum(1, keepdim=True) / max(maps.shape[1] - 1, 1)
    # The root's slope is infinite at 0: flat maps must not reach it.
    return deviations / variance.masked_fill(_flat(maps)[:, None], 1).sqrt()


def _share(maps: Tensor) -> Tensor:
    """Divided by the sum; uniform if flat."""
    flat = _flat(maps)[:, None]
    total = maps.sum(1, keepdim=True).masked_fill(flat, 1)
    return torch.where(flat, 1 / maps.shape[1], maps / total)
