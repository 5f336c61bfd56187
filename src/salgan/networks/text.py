"""Where a picture has text, read off the features that the saliency network computes anyway.

Gaze on screens cannot be had freely to learn from, but text can: a page that a script has drawn says where
its lines are. So the network learns to see text by itself, and what text is worth is one number, in
:class:`~salgan.networks.screens.ScreenPrior`.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from salgan.networks.pyramid import at_size

__all__ = ["TextHead"]

_FINE, _MIXED = 32, 24
"""Channels of the finer features on the way down, and before the last convolution."""


class TextHead(nn.Module):
    """How much of each place is covered by text.

    It is not trained with the network, since content losses do not see it, but afterwards, with the network
    as it is (``experiments/lite/text.py``). Until then it sees no text anywhere.

    Args:
        fine: channels of the features at half the stride of the pyramid's finest level.
        width: channels of the pyramid.

    Example:
        >>> head = TextHead(24, 64)
        >>> head(torch.zeros(1, 24, 64, 80), torch.zeros(1, 64, 32, 40)).shape
        torch.Size([1, 1, 32, 40])
    """

    def __init__(self, fine: int, width: int) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(fine, _FINE, 3, stride=2, padding=1), nn.ReLU(inplace=True))
        self.mix = nn.Sequential(nn.Conv2d(width + _FINE, _MIXED, 3, padding=1), nn.ReLU(inplace=True))
        self.read = nn.Conv2d(_MIXED, 1, 1)
        nn.init.zeros_(self.read.weight)
        nn.init.constant_(self.read.bias, -100.0)  # type: ignore[arg-type]  # its sigmoid is 0 in float32
        self.requires_grad_(False)

    def logits(self, fine: Tensor, pyramid: Tensor) -> Tensor:
        """What ``forward`` returns, before its sigmoid."""
        features = torch.cat([pyramid, at_size(self.down(fine), pyramid.shape[-2:])], 1)
        return cast(Tensor, self.read(self.mix(features)))

    def forward(self, fine: Tensor, pyramid: Tensor) -> Tensor:
        """Find text.

        Args:
            fine: the encoder's features, (N, ``fine``, 2h, 2w).
            pyramid: the decoder's features at its finest level, (N, ``width``, h, w).

        Returns:
            The share of each place that lines of text cover, in [0, 1], (N, 1, h, w).
        """
        return torch.sigmoid(self.logits(fine, pyramid))
