"""SalNet, deep and shallow.

Pan et al., "Shallow and deep convolutional networks for saliency prediction", CVPR 2016. The layers follow
the deployment file of the authors' release for the deep network and their figure for the shallow one. Neither
ends in a sigmoid: both are trained to regress a shifted and scaled map, and ``forward`` undoes that.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # its name everywhere

from salgan.errors import ModelError
from salgan.networks._inputs import check_pictures

__all__ = ["SALNET_OFFSET", "SALNET_SCALE", "SalNet", "SalNetShallow"]

SALNET_OFFSET = 31.0
"""Grey level of the true map (0..255) that the deep network is trained to answer with 0."""

SALNET_SCALE = 2 / 255
"""Factor from grey levels, after the offset, to the deep network's output."""

_SALNET_MEAN = (100.0, 110.0, 118.0)  # BGR
_SHALLOW_SIDE = 96
_SHALLOW_MAP = 48


class SalNet(nn.Module):
    """The deep network: 25,806,209 parameters, nine convolutions and one transposed convolution.

    Pictures are RGB in 0..255. Inside they become BGR, the mean (100, 110, 118) is taken off and they are
    scaled by 2 / 255. The two poolings round their output size up, as Caffe does.

    A map in [0, 1] is the inverse of the training target, ``clip(output / SALNET_SCALE + SALNET_OFFSET, 0,
    255) / 255``. The authors' demo adds 127 instead of 31, which lifts the whole map by 96 grey levels and
    saturates the brightest part, so it is not followed.

    Weights start as in the authors' solver file: Gaussian, with standard deviation sqrt(2 / fan_in) before a
    rectifier and sqrt(1 / fan_in) before the output, biases at zero. The transposed convolution starts as the
    mean of its input.

    Example:
        >>> SalNet().linear(torch.zeros(1, 3, 48, 64)).shape
        torch.Size([1, 1, 48, 64])
    """

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

    def linear(self, pictures: Tensor) -> Tensor:
        """Compute the network's own output, which the Euclidean loss compares with the shifted target.

        Args:
            pictures: RGB in 0..255, (N, 3, H, W).

        Returns:
            (N, 1, H, W), unbounded; a true map of grey level s corresponds to ``(s - 31) * 2 / 255``.
        """
        check_pictures(pictures, "salnet")
        output = self.layers((pictures.flip(1) - self.mean) * SALNET_SCALE)
        return _resized(output, pictures)

    def forward(self, pictures: Tensor) -> Tensor:
        """Predict saliency maps in [0, 1], (N, 1, H, W), from RGB pictures in 0..255, (N, 3, H, W)."""
        levels = self.linear(pictures) / SALNET_SCALE + SALNET_OFFSET
        return (levels / 255).clamp(0, 1)


class SalNetShallow(nn.Module):
    """The shallow network: 64,392,512 parameters, three convolutions and two dense layers with maxout.

    It takes pictures of 96×96 pixels only, RGB in 0..255, and answers with 48×48 values, which are enlarged
    to the picture's size. A map in [0, 1] is the inverse of the target ``map / 127.5 - 1``, that is ``(output
    + 1) / 2``.

    The second and third pooling round up. The authors' training code differs from their figure (2×2 poolings,
    64 channels in the third convolution); the figure has the number of parameters that the paper states.
    """

    size = (_SHALLOW_SIDE, _SHALLOW_SIDE)

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
        self.output = nn.Linear(_SHALLOW_MAP**2, _SHALLOW_MAP**2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # every layer has one

    def linear(self, pictures: Tensor) -> Tensor:
        """Compute the network's own output, which is compared with ``map / 127.5 - 1``.

        Args:
            pictures: RGB in 0..255, (N, 3, 96, 96).

        Returns:
            (N, 1, 48, 48), unbounded.

        Raises:
            ModelError: pictures of another size.
        """
        check_pictures(pictures, "salnet-shallow")
        if tuple(pictures.shape[-2:]) != self.size:
            height, width = pictures.shape[-2:]
            raise ModelError(
                f"pictures of {height}×{width} pixels: salnet-shallow takes 96×96 only; set size: [96, 96]"
            )
        hidden = self.hidden(self.features(pictures / 255).flatten(1))
        hidden = hidden.unflatten(1, (-1, 2)).amax(2)  # maxout over pairs
        output: Tensor = self.output(hidden)
        return output.reshape(-1, 1, _SHALLOW_MAP, _SHALLOW_MAP)

    def forward(self, pictures: Tensor) -> Tensor:
        """Predict saliency maps in [0, 1], (N, 1, 96, 96), from RGB pictures in 0..255, (N, 3, 96, 96)."""
        return _resized((self.linear(pictures) + 1) / 2, pictures).clamp(0, 1)


def _rectified(inputs: int, outputs: int, kernel: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), nn.ReLU(inplace=True)


def _resized(maps: Tensor, pictures: Tensor) -> Tensor:
    """Maps at the pictures' size; the same tensor where they have it already."""
    size = pictures.shape[-2:]
    if maps.shape[-2:] == size:
        return maps
    return F.interpolate(maps, size=tuple(size), mode="bilinear", align_corners=False)
