"""SalNet, deep and shallow.

Pan et al., "Shallow and deep convolutional networks for saliency prediction", CVPR 2016. The layers follow
the deployment file of the authors' release for the deep network and their figure for the shallow one. Neither
ends in a sigmoid: both are trained to regress a shifted and scaled map, which
:mod:`salgan.networks.unit_map` undoes.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from salgan.errors import ModelError
from salgan.networks._inputs import check_pictures
from salgan.networks.rival import Rival, resized
from salgan.networks.unit_map import SALNET_SCALE, salnet_map, salnet_shallow_map

__all__ = ["SalNet", "SalNetShallow"]

_SALNET_MEAN = (100.0, 110.0, 118.0)  # BGR
_SHALLOW_SIDE = 96
_SHALLOW_MAP = 48


class SalNet(Rival):
    """The deep network: 25,806,209 parameters, nine convolutions and one transposed convolution.

    Pictures are RGB in 0..255. Inside they become BGR, the mean (100, 110, 118) is taken off and they are
    scaled by 2 / 255. The two poolings round their output size up, as Caffe does.

    A map in [0, 1] is the inverse of the training target, whose offset is 31 grey levels. The authors' demo
    adds 127 instead of 31, which lifts the whole map by 96 grey levels and saturates the brightest part, so
    it is not followed.

    Weights start as in the authors' solver file: Gaussian, with standard deviation sqrt(2 / fan_in) before a
    rectifier and sqrt(1 / fan_in) before the output, biases at zero. The transposed convolution starts as the
    mean of its input.

    Example:
        >>> SalNet().output(torch.zeros(1, 3, 48, 64)).shape
        torch.Size([1, 1, 48, 64])
    """

    name = "salnet"
    published_size = (240, 320)
    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.layers = nn.Sequential(
            *_rectified(3, 96, 7),
            nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0),
            pool,
            *_rectified(96, 256, 5),
            pool,
            *_rectified(256, 512, 3),
            *_rectified(512, 512, 5),
            *_rectified(512, 512, 5),
            *_rectified(512, 256, 7),
            *_rectified(256, 128, 11),
            *_rectified(128, 32, 11),
            nn.Conv2d(32, 1, 13, padding=6),
            nn.ConvTranspose2d(1, 1, 8, stride=4, padding=2, bias=False),
        )
        self.register_buffer("mean", torch.tensor(_SALNET_MEAN).reshape(1, 3, 1, 1), persistent=False)
        convolutions = [layer for layer in self.layers if isinstance(layer, nn.Conv2d)]
        for layer in convolutions:
            gain = 1.0 if layer is convolutions[-1] else 2.0
            fan_in = layer.weight[0].numel()
            nn.init.normal_(layer.weight, std=(gain / fan_in) ** 0.5)
            nn.init.zeros_(cast(Tensor, layer.bias))
        nn.init.constant_(cast(nn.ConvTranspose2d, self.layers[-1]).weight, 1 / 64)

    def check(self, pictures: Tensor) -> None:
        """Refuse what is not (N, 3, H, W); any height and width will do."""
        check_pictures(pictures, self.name)

    def output(self, pictures: Tensor) -> Tensor:
        """Compute the network's own output, which the Euclidean loss compares with the shifted target.

        Args:
            pictures: RGB in 0..255, (N, 3, H, W).

        Returns:
            (N, 1, H, W), unbounded; a true map of grey level s corresponds to ``(s - 31) * 2 / 255``.
        """
        self.check(pictures)
        height, width = pictures.shape[-2:]
        return resized(self.layers((pictures.flip(1) - self.mean) * SALNET_SCALE), (height, width))

    def map_of(self, output: Tensor) -> Tensor:
        """The output as a map in [0, 1], see :func:`salgan.networks.unit_map.salnet_map`."""
        return salnet_map(output)


class SalNetShallow(Rival):
    """The shallow network: 64,392,512 parameters, three convolutions and two dense layers with maxout.

    It takes pictures of 96×96 pixels only, RGB in 0..255, and answers with 48×48 values, which are enlarged
    to the picture's size.

    The second and third pooling round up. The authors' training code differs from their figure (2×2 poolings,
    64 channels in the third convolution); the figure has the number of parameters that the paper states.
    """

    name = "salnet-shallow"
    published_size = (_SHALLOW_SIDE, _SHALLOW_SIDE)

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 32, 5),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.Conv2d(64, 128, 3),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, ceil_mode=True),
        )
        self.hidden = nn.Linear(128 * 10 * 10, 2 * _SHALLOW_MAP**2)
        self.answer = nn.Linear(_SHALLOW_MAP**2, _SHALLOW_MAP**2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # every layer has one

    def check(self, pictures: Tensor) -> None:
        """Refuse pictures of any other size than 96×96."""
        check_pictures(pictures, self.name)
        if tuple(pictures.shape[-2:]) != self.published_size:
            height, width = pictures.shape[-2:]
            raise ModelError(
                f"pictures of {height}×{width} pixels: salnet-shallow takes 96×96 only; set size: [96, 96]"
            )

    def output(self, pictures: Tensor) -> Tensor:
        """Compute the network's own output, which is compared with ``map / 127.5 - 1``.

        Args:
            pictures: RGB in 0..255, (N, 3, 96, 96).

        Returns:
            (N, 1, 48, 48), unbounded.

        Raises:
            ModelError: pictures of another size.
        """
        self.check(pictures)
        hidden = self.hidden(self.features(pictures / 255).flatten(1))
        hidden = hidden.unflatten(1, (-1, 2)).amax(2)  # maxout over pairs
        output: Tensor = self.answer(hidden)
        return output.reshape(-1, 1, _SHALLOW_MAP, _SHALLOW_MAP)

    def map_of(self, output: Tensor) -> Tensor:
        """The output as a map in [0, 1], see :func:`salgan.networks.unit_map.salnet_shallow_map`."""
        return salnet_shallow_map(output)


def _rectified(inputs: int, outputs: int, kernel: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), nn.ReLU(inplace=True)
