"""ML-Net (Cornia et al., "A deep multi-level network for saliency prediction", ICPR 2016)."""

from __future__ import annotations

from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # its name everywhere

from salgan.networks._inputs import check_pictures
from salgan.networks.encoders import Vgg16Encoder
from salgan.networks.rival import Rival
from salgan.networks.unit_map import mlnet_map
from salgan.preprocessing import VGG16_CAFFE

__all__ = ["MLNet", "MLNetReleased", "enlarge_prior"]

_PRIOR = (6, 8)
_DIVISOR = 8


class MLNet(Rival):
    """VGG-16 features of three levels, joined at an eighth of the picture, times a learned center bias.

    15,452,145 parameters. The fourth pooling of VGG-16 has stride 1, so that the third pooling (256
    channels), the fourth (512) and the last convolution (512) all have an eighth of the picture's size. A
    picture of 480×640 gives a map of 60×80.

    Pictures are RGB in 0..255 and become BGR minus the Caffe mean inside. (The authors fit the picture into
    640×480 with black bars; here, as for every other network of this project, the caller resizes it.)

    The output is rectified and has no upper bound. A map in [0, 1] is the output divided by its maximum, as
    in the authors' loss.

    Attributes:
        encoder: the 13 convolutions of VGG-16, none frozen, with the key names of :class:`Vgg16Encoder`.
        prior: what is added to 1 to make the learned center bias, (1, 1, 6, 8); it starts at zero.
    """

    name = "mlnet"
    published_size = (480, 640)
    shifted_pools: ClassVar[bool] = False
    """Whether the first three poolings are those of Theano, see :class:`MLNetReleased`."""
    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Vgg16Encoder(frozen=0)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Sequential(
            nn.Conv2d(256 + 512 + 512, 64, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(64, 1, 1),
            nn.ReLU(inplace=True),
        )
        for module in self.head:
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_normal_(module.weight)
                nn.init.zeros_(cast(Tensor, module.bias))
        self.prior = nn.Parameter(torch.zeros(1, 1, *_PRIOR))
        self.register_buffer("mean", torch.tensor(VGG16_CAFFE.mean).reshape(1, 3, 1, 1), persistent=False)

    @property
    def vgg16_trunks(self) -> tuple[Vgg16Encoder, ...]:
        """The encoder."""
        return (self.encoder,)

    def check(self, pictures: Tensor) -> None:
        """Refuse heights and widths that are not multiples of 8."""
        check_pictures(pictures, self.name, _DIVISOR)

    def output(self, pictures: Tensor) -> Tensor:
        """Compute the network's own output.

        Args:
            pictures: RGB in 0..255, (N, 3, H, W), H and W multiples of 8.

        Returns:
            (N, 1, H / 8, W / 8), at least 0.

        Raises:
            ModelError: a size that is not a multiple of 8; the message names one that is.
        """
        self.check(pictures)
        features = self.dropout(self._features(pictures.flip(1) - self.mean))
        maps = self.head(features)
        return F.relu(maps * (1 + enlarge_prior(self.prior, maps.shape[-2], maps.shape[-1])))

    def map_of(self, output: Tensor) -> Tensor:
        """The output divided by its maximum, see :func:`salgan.networks.unit_map.mlnet_map`."""
        return mlnet_map(output)

    def penalty(self) -> Tensor:
        """The mean square of the learned center bias, which is part of the authors' loss."""
        return self.prior.square().mean()

    def _features(self, normalised: Tensor) -> Tensor:
        """The three levels side by side, (N, 1280, H / 8, W / 8)."""
        levels, pools = [], 0
        value = normalised
        for layer in self.encoder.features:
            if not isinstance(layer, nn.MaxPool2d):
                value = layer(value)
                continue
            pools += 1
            if pools == 4:
                value = _pool_up_and_left(value, stride=1)  # of stride 1, it keeps the size
            elif self.shifted_pools:
                value = _pool_up_and_left(value, stride=2)
            else:
                value = layer(value)
            if pools >= 3:
                levels.append(value)
        return torch.cat([*levels, value], dim=1)


class MLNetReleased(MLNet):
    """ML-Net with the poolings that its released weights were trained with.

    Keras 1 on Theano pads both sides of a "same" pooling and crops, so that every window reaches one pixel up
    and left of where it lies elsewhere. For weights that start from VGG-16's own this would be wrong.
    """

    shifted_pools = True


def _pool_up_and_left(value: Tensor, stride: int) -> Tensor:
    height, width = (side // stride for side in value.shape[-2:])
    return F.max_pool2d(value, 2, stride, padding=1)[..., :height, :width]


def enlarge_prior(prior: Tensor, height: int, width: int) -> Tensor:
    """Enlarge the learned center bias linearly to a map's size, with its edges repeated.

    At ten times its size this is the authors' layer: a triangular kernel of 19 values, whose source pixel i
    lands on output pixel 10 i + 4. That is half an output pixel off PyTorch's ``align_corners=False``.

    Args:
        prior: (1, 1, h, w).
        height: rows of the result.
        width: columns of the result.

    Returns:
        (1, 1, height, width).
    """
    rows = _interpolation(prior.shape[-2], height).to(prior)
    columns = _interpolation(prior.shape[-1], width).to(prior)
    return rows @ prior @ columns.T


def _interpolation(inputs: int, outputs: int) -> Tensor:
    """Weights (outputs, inputs) of a linear interpolation with repeated edges; rows sum to one."""
    places = (torch.arange(outputs, dtype=torch.float64) + 1) * (inputs / outputs) - 0.5
    places = places.clamp(0, inputs - 1)
    return (1 - (places[:, None] - torch.arange(inputs)).abs()).clamp_min(0)
