"""SALICON-net (Huang et al., "SALICON: reducing the semantic gap in saliency prediction", ICCV 2015)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # its name everywhere

from salgan.errors import ModelError
from salgan.networks._inputs import check_pictures
from salgan.networks.encoders import Vgg16Encoder
from salgan.networks.rival import Rival, resized
from salgan.preprocessing import VGG16_CAFFE

__all__ = ["SaliconNet"]

_SMALLEST = 32


class SaliconNet(Rival):
    """Two VGG-16 trunks with weights of their own, on the picture and its half, and one convolution.

    29,430,401 parameters. A picture of 600×800 gives fine features of 37×50 and, from 300×400, coarse ones of
    18×25; those are enlarged to the fine ones, and a 1×1 convolution over the 1,024 channels makes one map of
    37×50.

    The authors' code was never released. This follows the paper as later reimplementations describe it: the
    trunks end with the last convolution (stride 16). Pictures are RGB in 0..255 and become BGR minus the
    Caffe mean inside, which is what VGG-16's weights expect. The coarse features are enlarged bilinearly with
    their corners aligned.

    A map in [0, 1] is the sigmoid of the one channel. The last convolution starts at zero, so an untrained
    network gives one half everywhere.

    Attributes:
        fine: trunk for the picture, with the key names of :class:`Vgg16Encoder`.
        coarse: trunk for its half.
    """

    name = "salicon-net"
    published_size = (600, 800)
    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.fine = Vgg16Encoder(frozen=0)
        self.coarse = Vgg16Encoder(frozen=0)
        self.head = nn.Conv2d(1024, 1, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(cast(Tensor, self.head.bias))
        self.register_buffer("mean", torch.tensor(VGG16_CAFFE.mean).reshape(1, 3, 1, 1), persistent=False)

    @property
    def encoder(self) -> nn.ModuleList:
        """Both trunks, whose learning rate may differ from the head's (``encoder_lr``)."""
        return nn.ModuleList([self.fine, self.coarse])

    @property
    def vgg16_trunks(self) -> tuple[Vgg16Encoder, ...]:
        """Both trunks, which start from the same weights."""
        return (self.fine, self.coarse)

    def check(self, pictures: Tensor) -> None:
        """Refuse pictures with a side under 32, whose half would leave no features."""
        check_pictures(pictures, self.name)
        height, width = pictures.shape[-2:]
        if not torch.compiler.is_exporting() and min(height, width) < _SMALLEST:
            raise ModelError(
                f"pictures of {height}×{width} pixels: salicon-net takes {_SMALLEST}×{_SMALLEST} or more; "
                "the paper's size is 600×800"
            )

    def output(self, pictures: Tensor) -> Tensor:
        """Compute logits at the network's own resolution.

        Args:
            pictures: RGB in 0..255, (N, 3, H, W), H and W at least 32.

        Returns:
            (N, 1, H // 16, W // 16).

        Raises:
            ModelError: a smaller picture.
        """
        self.check(pictures)
        normalised = pictures.flip(1) - self.mean
        fine = self.fine.features(normalised)
        coarse = self.coarse.features(F.avg_pool2d(normalised, 2))
        coarse = F.interpolate(coarse, size=tuple(fine.shape[-2:]), mode="bilinear", align_corners=True)
        return cast(Tensor, self.head(torch.cat([fine, coarse], dim=1)))

    def map_of(self, output: Tensor) -> Tensor:
        """The sigmoid of the output."""
        return output.sigmoid()

    def logits_of(self, output: Tensor, size: tuple[int, int]) -> Tensor:
        """The output, enlarged: logits need no detour through the map."""
        return resized(output, size)

    def forward(self, pictures: Tensor) -> Tensor:
        """Predict saliency maps in [0, 1], (N, 1, H, W): enlarged first, then through the sigmoid."""
        return self.logits(pictures).sigmoid()
