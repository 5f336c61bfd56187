"""What the rivals of the paper's Table 2 have in common, so that every recipe trains them alike."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # its name everywhere

from salgan.networks.encoders import Vgg16Encoder
from salgan.networks.unit_map import logit_of_map
from salgan.preprocessing import Preprocessing

__all__ = ["Rival"]


class Rival(nn.Module):
    """A network with an output of its own, which :mod:`salgan.networks.unit_map` turns into a map in [0, 1].

    Attributes:
        name: what recipes call it (``network.encoder``).
        published_size: height and width of the pictures it was published with.
        preprocessing: how pictures are resized for it; None until a file or a run says so.
    """

    name: ClassVar[str]
    published_size: ClassVar[tuple[int, int]]
    preprocessing: Preprocessing | None = None

    def check(self, pictures: Tensor) -> None:
        """Refuse pictures that the network cannot take.

        Args:
            pictures: what should be (N, 3, H, W); only its shape is looked at.

        Raises:
            ModelError: the message names a size that works.
        """
        raise NotImplementedError

    def output(self, pictures: Tensor) -> Tensor:
        """The network's own output at its own resolution, from RGB pictures in 0..255, (N, 3, H, W)."""
        raise NotImplementedError

    def map_of(self, output: Tensor) -> Tensor:
        """The output as a map in [0, 1], of the same shape."""
        raise NotImplementedError

    def logits_of(self, output: Tensor, size: tuple[int, int]) -> Tensor:
        """The output as logits of a map of another size, (N, 1, *size)."""
        return logit_of_map(resized(self.map_of(output), size))

    def penalty(self) -> Tensor | None:
        """What the network's own loss adds for its weights; None if nothing."""
        return None

    @property
    def vgg16_trunks(self) -> tuple[Vgg16Encoder, ...]:
        """The parts that start from VGG-16."""
        return ()

    def logits(self, pictures: Tensor) -> Tensor:
        """Predict logits of maps, (N, 1, H, W), from RGB pictures in 0..255, (N, 3, H, W)."""
        return self.logits_of(self.output(pictures), _size(pictures))

    def forward(self, pictures: Tensor) -> Tensor:
        """Predict saliency maps in [0, 1], (N, 1, H, W), from RGB pictures in 0..255, (N, 3, H, W)."""
        return resized(self.map_of(self.output(pictures)), _size(pictures))


def resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps (N, 1, h, w) at another size; the same tensor where they have it already."""
    if not torch.compiler.is_exporting() and tuple(maps.shape[-2:]) == size:
        return maps
    return F.interpolate(maps, size=size, mode="bilinear", align_corners=False)


def _size(pictures: Tensor) -> tuple[int, int]:
    height, width = pictures.shape[-2:]
    return height, width
