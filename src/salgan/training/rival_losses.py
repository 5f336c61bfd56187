"""The losses that the rivals of the paper's Table 2 were published with, beside the ones of :mod:`losses`.

Every function takes a network's own output and true maps as (N, 1, H, W) tensors and returns a scalar, the
batch's mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # its name everywhere

from salgan.networks.unit_map import SALNET_OFFSET, SALNET_SCALE, mlnet_map

if TYPE_CHECKING:
    from salgan.training.generator import Answer

__all__ = ["mlnet_loss", "own_loss", "salnet_loss", "salnet_shallow_loss", "salnet_target"]


def salnet_target(truth: Tensor) -> Tensor:
    """What the deep SalNet is trained to answer: ``(s - 31) * 2 / 255`` for grey levels s in 0..255.

    Args:
        truth: true map in [0, 1], of any shape.

    Returns:
        The same shape, in -0.243..1.757.
    """
    return (truth * 255 - SALNET_OFFSET) * SALNET_SCALE


def salnet_loss(output: Tensor, truth: Tensor) -> Tensor:
    """Half the mean squared error against :func:`salnet_target`.

    The authors' Euclidean loss sums over pixels and their learning rate of 1.302e-7 is 0.01 divided by the
    number of pixels; on the mean the rate is 0.01, whatever the size of the picture.

    Args:
        output: the network's linear output, (N, 1, H, W).
        truth: true map in [0, 1], (N, 1, H, W).
    """
    return 0.5 * (output - salnet_target(truth)).square().mean()


def salnet_shallow_loss(output: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error against ``map / 127.5 - 1`` of grey levels, the target of the shallow SalNet.

    Args:
        output: the network's linear output, (N, 1, 48, 48).
        truth: true map in [0, 1] at that size.
    """
    return (output - (2 * truth - 1)).square().mean()


def mlnet_loss(
    output: Tensor, truth: Tensor, alpha: float = 1.1, form: Literal["code", "paper"] = "code"
) -> Tensor:
    """ML-Net's weighted squared error between the output, divided by its maximum, and the true map.

    ``code`` divides the squared error by ``alpha - truth``, as the authors' release does; ``paper`` divides
    the error by it before squaring. Both weigh salient pixels more. (The form of the paper's equation is
    given from memory and was not looked up.) The gradient passes through the maximum. An output that is zero
    everywhere counts as a zero map, where the release's would be NaN.

    Args:
        output: the network's output, at least 0, (N, 1, H, W).
        truth: true map in [0, 1], (N, 1, H, W).
        alpha: a number above 1.
        form: where the weight stands.
    """
    error = mlnet_map(output) - truth
    weight = alpha - truth
    weighted = error.square() / weight if form == "code" else (error / weight).square()
    return weighted.mean()


def own_loss(name: str, answer: Answer, truth: Tensor) -> Tensor:
    """A rival's published loss, at the resolution of the network's own output.

    Args:
        name: one of :data:`salgan.training.config.OWN_LOSSES`.
        answer: the network's, with its output.
        truth: true map in [0, 1] at the pictures' size, (N, 1, H, W); it is averaged down to the output's
            cells. For ML-Net, whose own maps always reach 1, it keeps its largest value. At the published
            size that changes little, but the cells of a small picture average the peaks away, and then a
            black map is as good as a learnt one.
    """
    assert answer.output is not None  # noqa: S101  # the recipe was checked: the network has one
    output = answer.output.to(truth.dtype)
    small = F.interpolate(truth, size=tuple(output.shape[-2:]), mode="area")
    if name.startswith("mlnet"):
        highest = small.amax((2, 3), keepdim=True).clamp_min(torch.finfo(small.dtype).tiny)
        small = small * (truth.amax((2, 3), keepdim=True) / highest)
    if name == "salnet":
        loss = salnet_loss(output, small)
    elif name == "salnet_shallow":
        loss = salnet_shallow_loss(output, small)
    else:
        loss = mlnet_loss(output, small, form="paper" if name == "mlnet_paper" else "code")
    return loss if answer.penalty is None else loss + answer.penalty
