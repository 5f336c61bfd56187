"""The content losses, the adversarial loss and the discriminator's loss, all computed from logits.

Every function takes logits and true maps as (N, 1, H, W) tensors and returns a scalar, the batch's mean.
Nothing here takes the logarithm of a probability that may have been rounded to 0 or 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # its name everywhere

from salgan.training import metrics
from salgan.training.config import OWN_LOSSES
from salgan.training.rival_losses import own_loss

if TYPE_CHECKING:
    from salgan.training.config import Content
    from salgan.training.generator import Answer

__all__ = [
    "ContentLoss",
    "adversarial_loss",
    "cc_loss",
    "content_loss",
    "discriminator_loss",
    "kld_loss",
    "log_pooled_probability",
    "mean_of_parts",
    "nss_loss",
    "pooled_bce",
    "pooled_mse",
    "sim_loss",
]


def log_pooled_probability(logits: Tensor, factor: int) -> Tensor:
    """Logarithm of the average-pooled probability, safe for logits of any size.

    ``log mean(sigmoid(z))`` over a cell is ``logsumexp(logsigmoid(z)) - log(factor²)``: no sigmoid is ever
    rounded to 0 before its logarithm. Negate the logits for ``log(1 - p)``.

    Args:
        logits: (N, 1, H, W), H and W multiples of ``factor``.
        factor: side of a cell, in pixels.

    Returns:
        (N, 1, H / factor, W / factor), at most 0.
    """
    log_probability = F.logsigmoid(logits)
    if factor == 1:
        return log_probability
    batch, channels, height, width = logits.shape
    cells = log_probability.reshape(batch, channels, height // factor, factor, width // factor, factor)
    return torch.logsumexp(cells, dim=(3, 5)) - 2 * math.log(factor)


def pooled_bce(logits: Tensor, truth: Tensor, factor: int = 4) -> Tensor:
    """Binary cross entropy between average-pooled maps, averaged over pixels (the paper's content loss).

    Args:
        logits: (N, 1, H, W).
        truth: true map in [0, 1], (N, 1, H, W).
        factor: pooling factor; the paper compares 1, 2, 4 and 8.
    """
    target = _pool(truth, factor)
    positive = log_pooled_probability(logits, factor)
    negative = log_pooled_probability(-logits, factor)
    return -(target * positive + (1 - target) * negative).mean()


def pooled_mse(logits: Tensor, truth: Tensor, factor: int = 4) -> Tensor:
    """Mean squared error between average-pooled maps, averaged over pixels (the paper's baseline).

    Args:
        logits: (N, 1, H, W).
        truth: true map in [0, 1], (N, 1, H, W).
        factor: pooling factor.
    """
    return F.mse_loss(_pool(logits.sigmoid(), factor), _pool(truth, factor))


def kld_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the predicted from the true density, in nats.

    Both maps are divided by their sum first. A true map that is 0 everywhere counts as 0.

    Args:
        logits: (N, 1, H, W).
        truth: true density up to a factor, at least 0, (N, 1, H, W).
    """
    mass = truth.flatten(1)
    density = mass / mass.sum(1, keepdim=True).clamp_min(torch.finfo(mass.dtype).tiny)
    predicted = F.logsigmoid(logits).flatten(1)
    log_predicted = predicted - predicted.logsumexp(1, keepdim=True)
    return (torch.xlogy(density, density) - density * log_predicted).sum(1).mean()


def cc_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """One minus Pearson's correlation of predicted and true map; 1 for a flat map.

    Args:
        logits: (N, 1, H, W).
        truth: true density up to a factor, (N, 1, H, W).
    """
    return 1 - _mean_where_defined(metrics.cc(logits.sigmoid(), truth))


def sim_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """One minus the similarity of predicted and true map, each min-max scaled and divided by its sum.

    Args:
        logits: (N, 1, H, W).
        truth: true density up to a factor, (N, 1, H, W). A picture without any does not count.
    """
    return 1 - _mean_where_defined(metrics.sim(logits.sigmoid(), truth))


def nss_loss(logits: Tensor, fixations: Tensor) -> Tensor:
    """Minus the normalised scanpath saliency: the standardised map's mean at fixated pixels.

    Args:
        logits: (N, 1, H, W).
        fixations: not 0 at fixated pixels, (N, 1, H, W). A picture without any does not count.
    """
    return -_mean_where_defined(metrics.nss(logits.sigmoid(), fixations))


def content_loss(logits: Tensor, truth: Tensor, fixations: Tensor, weights: Content, factor: int) -> Tensor:
    """The weighted sum of a recipe's content terms.

    Args:
        logits: (N, 1, H, W).
        truth: true map in [0, 1], (N, 1, H, W).
        fixations: 1 at fixated pixels, 0 elsewhere, (N, 1, H, W).
        weights: the recipe's weight per term; a term of weight 0 is not computed.
        factor: pooling factor of BCE and MSE.
    """
    logits, truth = _single(logits), _single(truth)
    total = logits.new_zeros(())
    if weights.bce:
        total = total + weights.bce * pooled_bce(logits, truth, factor)
    if weights.mse:
        total = total + weights.mse * pooled_mse(logits, truth, factor)
    if weights.kld:
        total = total + weights.kld * kld_loss(logits, truth)
    if weights.cc:
        total = total + weights.cc * cc_loss(logits, truth)
    if weights.nss:
        total = total + weights.nss * nss_loss(logits, fixations)
    if weights.sim:
        total = total + weights.sim * sim_loss(logits, truth)
    return total


@dataclass(frozen=True)
class ContentLoss:
    """A recipe's content loss: :func:`content_loss`, and the rivals' own losses, with its weights.

    Attributes:
        weights: the recipe's weight per term.
        factor: pooling factor of BCE and MSE.
    """

    weights: Content
    factor: int = 4

    def __call__(self, answer: Answer, truth: Tensor, fixations: Tensor) -> Tensor:
        """The weighted sum of the terms, for a network's answer to a batch."""
        total = content_loss(answer.logits, truth, fixations, self.weights, self.factor)
        for name in OWN_LOSSES:
            if weight := getattr(self.weights, name):
                total = total + weight * own_loss(name, answer, _single(truth))
        return total


def adversarial_loss(content: Tensor, judged: Tensor, alpha: float = 0.05) -> Tensor:
    """The generator's loss in the adversarial phase, ``alpha * content - log D(I, S_hat)`` (equation 1).

    Args:
        content: the content loss, a scalar.
        judged: the discriminator's logits for generated maps, (N, 1).
        alpha: weight of the content loss.
    """
    return alpha * content - F.logsigmoid(_single(judged)).mean()


def discriminator_loss(real: Tensor, generated: Tensor, smoothing: float = 0.0) -> Tensor:
    """The discriminator's loss, ``-log D(I, S) - log(1 - D(I, S_hat))``.

    Args:
        real: logits for true maps, (N, 1).
        generated: logits for generated maps, (N, 1).
        smoothing: real pairs are taught as ``1 - smoothing`` (one-sided; 0 in the paper).
    """
    real, generated = _single(real), _single(generated)
    right = F.binary_cross_entropy_with_logits(real, torch.full_like(real, 1 - smoothing))
    return right - F.logsigmoid(-generated).mean()


def mean_of_parts(parts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The losses of a batch, by name, from those of its equal parts."""
    if len(parts) == 1:
        return parts[0]
    return {name: torch.stack([each[name] for each in parts]).mean() for name in parts[0]}


def _single(tensor: Tensor) -> Tensor:
    """The values in at least float32, whatever the precision of the networks."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def _pool(maps: Tensor, factor: int) -> Tensor:
    return F.avg_pool2d(maps, factor) if factor > 1 else maps


def _mean_where_defined(scores: Tensor) -> Tensor:
    """Mean over the pictures whose score is defined; 0 if there is none."""
    defined = ~scores.isnan()
    return torch.where(defined, scores, 0).sum() / defined.sum().clamp_min(1)
