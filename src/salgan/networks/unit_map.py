"""What "a map in [0, 1]" means for a network that does not end in a sigmoid, and the logit of such a map.

The content losses, the discriminator and every metric take maps in [0, 1]. Each rival of the paper's Table 2
answers in a range of its own, and this is the one place that says how that becomes such a map:

========================  ===========================================================================
network                   a map in [0, 1]
========================  ===========================================================================
SalNet                    the training target undone and clipped: ``(output * 127.5 + 31) / 255``
SalNet, shallow           the same for its own target: ``(output + 1) / 2``, clipped
ML-Net                    the output divided by its maximum, so that the brightest pixel is always 1
SALICON-net               the sigmoid of the output
========================  ===========================================================================
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

__all__ = [
    "FLOOR",
    "SALNET_OFFSET",
    "SALNET_SCALE",
    "clipped",
    "logit_of_map",
    "mlnet_map",
    "salnet_map",
    "salnet_shallow_map",
]

SALNET_OFFSET = 31.0
"""Grey level of the true map (0..255) that the deep SalNet is trained to answer with 0."""

SALNET_SCALE = 2 / 255
"""Factor from grey levels, after the offset, to the deep SalNet's output."""

FLOOR = 0.5 / 255
"""How near a map's logit comes to 0 and 1: half a grey level. Nearer, cross entropy's slope has no bound."""


def salnet_map(output: Tensor) -> Tensor:
    """The deep SalNet's output, of any shape, as a map in [0, 1]."""
    return clipped((output / SALNET_SCALE + SALNET_OFFSET) / 255)


def salnet_shallow_map(output: Tensor) -> Tensor:
    """The shallow SalNet's output, of any shape, as a map in [0, 1]."""
    return clipped((output + 1) / 2)


def mlnet_map(output: Tensor) -> Tensor:
    """ML-Net's output, (N, 1, H, W) and at least 0, as a map in [0, 1]; one that is 0 everywhere stays so."""
    highest = output.amax((2, 3), keepdim=True)
    return output / highest.clamp_min(torch.finfo(output.dtype).tiny)


def clipped(values: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Values clipped to [low, high], with a gradient that leads back.

    Beyond a limit, an ordinary clamp has no gradient, so a pixel that once fell below zero could never learn
    to rise again. Here a gradient that would bring the value back passes, and only one that would take it
    further out is dropped.
    """
    return cast(Tensor, _Clip.apply(values, low, high))


def logit_of_map(maps: Tensor) -> Tensor:
    """Logits of maps in [0, 1], for losses and the discriminator; maps keep :data:`FLOOR` from both ends."""
    return torch.logit(clipped(maps.float(), FLOOR, 1 - FLOOR))


class _Clip(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward(values)
        ctx.low, ctx.high = low, high
        return values.clamp(low, high)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (values,), (gradient,) = ctx.saved_tensors, gradients
        # A step goes against the gradient, so a positive one lowers the value.
        outwards = ((values < ctx.low) & (gradient > 0)) | ((values > ctx.high) & (gradient < 0))
        return gradient.masked_fill(outwards, 0), None, None
