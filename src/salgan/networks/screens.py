"""What a network that learnt from photographs lacks on screens, posters and charts.

Such pictures are drawn and not taken: large areas have one colour. On them people look at what is written or
drawn, hardly at the ground between, and begin at the upper left, as they read. A network that was shown
photographs alone knows neither, and no free data of gaze on such pictures teaches it. Both are simple enough
to be stated, in a layer without weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # its name everywhere

from salgan.networks.pyramid import at_size

__all__ = ["ScreenPrior"]

_LUMINANCE = (0.299, 0.587, 0.114)
_FLAT = 1.0
"""A pixel is flat if its luminance differs from its neighbours' by less than this, of 255."""
_POOL = 4
"""Side of the squares, in every second pixel, over which contrast is averaged."""
_GRID = 32
"""Rows and columns at which the reading bias is kept."""


class ScreenPrior(nn.Module):
    """Mix a saliency map with the picture's contrast, and bias it to where reading begins.

    How far depends on the share of flat pixels: a picture in which less than ``drawn[0]`` of them are flat
    keeps its map, and from ``drawn[1]`` on the mixture is full. Contrast is the mean absolute difference in
    luminance between neighbouring pixels, blurred; its share of the mixture is ``contrast``. The bias is a
    Gaussian about ``start`` (fractions of height and width) with the standard deviation ``spread``; it is for
    scripts that are read from the left. Where a :class:`~salgan.networks.text.TextHead` finds text, attention
    is multiplied by up to e to the power of ``text``. The map's maximum stays as it is.

    All numbers were chosen on pictures for validation, see docs/models/lite.md. Nothing here is trained.

    Args:
        drawn: shares of flat pixels, from and to.
        contrast: share of contrast in the mixture, 0 to 1.
        start: where reading begins, as fractions of the height and of the width.
        spread: standard deviation of the reading bias, as a fraction of the sides.
        text: what full coverage by text adds to the logarithm of the attention.

    Example:
        >>> photograph = torch.rand(1, 3, 64, 96) * 255
        >>> ScreenPrior()(photograph, torch.full((1, 1, 64, 96), 0.5)).unique().tolist()
        [0.5]
    """

    weights: Tensor
    reading: Tensor

    def __init__(
        self,
        *,
        drawn: tuple[float, float] = (0.25, 0.5),
        contrast: float = 0.8,
        start: tuple[float, float] = (0.3, 0.3),
        spread: float = 0.5,
        text: float = 0.75,
    ) -> None:
        super().__init__()
        self.drawn, self.contrast, self.text = drawn, contrast, text
        places = (torch.arange(_GRID) + 0.5) / _GRID
        squares = (places[:, None] - start[0]) ** 2 + (places[None] - start[1]) ** 2
        self.register_buffer("weights", torch.tensor(_LUMINANCE).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("reading", (-0.5 * squares / spread**2)[None, None], persistent=False)

    def forward(self, pictures: Tensor, maps: Tensor, text: Tensor | None = None) -> Tensor:
        """Change the maps of drawn pictures.

        Args:
            pictures: RGB in 0..255, (N, 3, H, W), as the network was given them.
            maps: their saliency maps in [0, 1], (N, 1, H, W).
            text: the share of each place that text covers, in [0, 1], (N, 1, h, w), if that is known.

        Returns:
            Maps in [0, 1], (N, 1, H, W), each with the maximum that it had.
        """
        steps = self._steps(pictures.to(maps.dtype))
        flat = (steps < _FLAT).to(maps.dtype).mean((2, 3), keepdim=True)
        low, high = self.drawn
        gate = ((flat - low) / (high - low)).clamp(0, 1)
        contrast = F.avg_pool2d(F.avg_pool2d(steps, _POOL), 3, 1, 1, count_include_pad=False)
        # As much of it as of the map: both have the same mean.
        contrast = contrast * (_mean(maps) / _mean(contrast).clamp_min(1e-6))
        gain = at_size(self.reading, contrast.shape[-2:])
        if text is not None:
            gain = gain + self.text * at_size(text, contrast.shape[-2:])
        bias = (gate * gain).exp()
        share = self.contrast * gate
        # (map * (1 - share) + contrast * share) * bias; all but the map is smooth, so small arrays will do.
        factors = at_size(torch.cat([(1 - share) * bias, share * bias * contrast], 1), maps.shape[-2:])
        mixed = maps * factors[:, :1] + factors[:, 1:]
        return mixed * (_highest(maps) / _highest(mixed).clamp_min(1e-6))

    def _steps(self, pictures: Tensor) -> Tensor:
        """Every second pixel's difference to its right and lower neighbours, (N, 1, H / 2, W / 2)."""
        height, width = pictures.shape[-2:]
        luminance = F.conv2d(pictures[..., : height // 2 * 2, : width // 2 * 2], self.weights)
        here = luminance[..., ::2, ::2]
        return (luminance[..., ::2, 1::2] - here).abs() + (luminance[..., 1::2, ::2] - here).abs()


def _mean(maps: Tensor) -> Tensor:
    return maps.mean((2, 3), keepdim=True)


def _highest(maps: Tensor) -> Tensor:
    return maps.amax((2, 3), keepdim=True)
