"""The discriminator: does this map belong to this picture, or did the generator make it?"""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # its name everywhere
from torch.nn.utils import parametrizations

from salgan.errors import ModelError

__all__ = ["Discriminator"]

_Layer = TypeVar("_Layer", nn.Conv2d, nn.Linear)


class Discriminator(nn.Module):
    """Six convolutions, three poolings and three dense layers over a picture and its saliency map.

    Pan et al. 2017: convolutions 3, 32 | pool | 64, 64 | pool | 64, 64 | pool, dense 100, 2, 1; ReLU after
    convolutions, tanh after the first two dense layers. The sources differ in details, so there are three
    ways to build it:

    - ``Discriminator(size)``: the abstract, all convolutions 3×3 and all poolings 2×2;
    - ``Discriminator(size, first_kernel=1)``: the preprint's table;
    - ``Discriminator.released_code(size)``: the code of 2017.

    Weights start Glorot-uniform and biases at zero.

    Args:
        size: (H, W) of the pictures and maps; the first dense layer is made for it.
        first_kernel: size of the first convolution's kernel, odd.
        first_pool: size and stride of the first pooling.
        weight_norm: normalise the kernels of the last two convolutions to length 1 (Salimans and Kingma 2016,
            with a scale g that stays 1).
        picture_scale: factor on 0..255. The papers give none; 1/255 puts the picture beside a map in [0, 1],
            where raw values would drown it and saturate the tanh. The released code feeds raw values, 1.
        downsample: average pooling of pictures and maps before anything else; ``size`` stays theirs.

    Raises:
        ModelError: a size that is too small for the poolings or not a multiple of ``downsample``, or an even
            kernel.

    Example:
        >>> network = Discriminator((64, 96))
        >>> network(torch.zeros(2, 3, 64, 96), torch.zeros(2, 1, 64, 96)).shape
        torch.Size([2, 1])
    """

    def __init__(
        self,
        size: tuple[int, int] = (192, 256),
        *,
        first_kernel: int = 3,
        first_pool: int = 2,
        weight_norm: bool = False,
        picture_scale: float = 1 / 255,
        downsample: int = 1,
    ) -> None:
        super().__init__()
        self._details: dict[str, Any] = {
            "first_kernel": first_kernel,
            "first_pool": first_pool,
            "weight_norm": weight_norm,
            "picture_scale": picture_scale,
            "downsample": downsample,
        }
        if first_kernel < 1 or first_kernel % 2 == 0:
            raise ModelError(f"discriminator: first_kernel {first_kernel} must be odd, such as 1 or 3")
        if first_pool < 1:
            raise ModelError(f"discriminator: first_pool {first_pool} must be at least 1")
        if downsample < 1 or any(side % downsample for side in size):
            raise ModelError(
                f"discriminator: pictures of {size[0]}×{size[1]} pixels do not divide by "
                f"downsample {downsample}"
            )
        rows, columns = (side // downsample // first_pool // 2 // 2 for side in size)
        if min(rows, columns) < 1:
            least = downsample * first_pool * 4
            raise ModelError(
                f"discriminator: pictures of {size[0]}×{size[1]} pixels vanish in its poolings; "
                f"use at least {least}×{least}"
            )
        self.size = (size[0], size[1])
        self.picture_scale = picture_scale
        self.downsample = downsample
        self.convolutions = nn.Sequential(
            *_convolution(4, 3, first_kernel),
            *_convolution(3, 32),
            nn.MaxPool2d(first_pool),
            *_convolution(32, 64),
            *_convolution(64, 64),
            nn.MaxPool2d(2),
            *_convolution(64, 64, normalised=weight_norm),
            *_convolution(64, 64, normalised=weight_norm),
            nn.MaxPool2d(2),
        )
        self.dense = nn.Sequential(
            _dense(64 * rows * columns, 100), nn.Tanh(), _dense(100, 2), nn.Tanh(), _dense(2, 1)
        )

    @classmethod
    def released_code(cls, size: tuple[int, int] = (192, 256)) -> Discriminator:
        """Build the discriminator of the code released in 2017 (its weights file has 5.4 MB at 192×256)."""
        return cls(size, first_kernel=1, first_pool=4, weight_norm=True, picture_scale=1.0)

    def anew(self) -> Discriminator:
        """Another discriminator built in the same way, with first weights of its own."""
        return type(self)(self.size, **self._details)

    def forward(self, pictures: Tensor, maps: Tensor) -> Tensor:
        """Judge pairs.

        Args:
            pictures: RGB in 0..255, (N, 3, H, W), float or uint8.
            maps: saliency maps in [0, 1], (N, 1, H, W).

        Returns:
            Logits (N, 1); their sigmoid is the probability D(I, S) that the map is a true one.

        Raises:
            ModelError: shapes that the network was not built for.
        """
        height, width = self.size
        count = len(pictures)
        if pictures.shape != (count, 3, height, width) or maps.shape != (count, 1, height, width):
            raise ModelError(
                f"discriminator for {height}×{width} pixels got pictures {tuple(pictures.shape)} and maps "
                f"{tuple(maps.shape)}; it takes (N, 3, {height}, {width}) and (N, 1, {height}, {width})"
            )
        pairs = torch.cat([maps, pictures.to(maps.dtype) * self.picture_scale], dim=1)
        if self.downsample > 1:
            pairs = F.avg_pool2d(pairs, self.downsample)
        features: Tensor = self.convolutions(pairs)
        logits: Tensor = self.dense(features.flatten(1))
        return logits


def _convolution(inputs: int, outputs: int, kernel: int = 3, *, normalised: bool = False) -> list[nn.Module]:
    layer: nn.Module = _glorot(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2))
    if normalised:
        layer = parametrizations.weight_norm(layer)
        length = layer.parametrizations.weight.original0  # type: ignore[union-attr]  # g in the paper
        nn.init.ones_(length)  # type: ignore[arg-type]
        length.requires_grad_(False)
    return [layer, nn.ReLU(inplace=True)]


def _dense(inputs: int, outputs: int) -> nn.Linear:
    return _glorot(nn.Linear(inputs, outputs))


def _glorot(layer: _Layer) -> _Layer:
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer
