"""The light decoder: a feature pyramid that serves any encoder with features at several strides."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # its name everywhere

__all__ = ["PyramidDecoder", "at_size"]


class PyramidDecoder(nn.Module):
    """Merge an encoder's features from coarse to fine and read one logit per pixel off the finest level.

    A 1×1 convolution brings every level to ``width`` channels. The coarsest one is joined with a summary of
    the whole picture, because where people look depends on what else there is. Going up, each level is added
    to the enlarged coarser one and refined by a convolution. A learned center bias, coarse and smooth, is
    added to the logits, that is, multiplied into the odds. Levels finer than ``finest_stride`` are not used,
    because a density blurred by one degree of visual angle has no detail there.

    Args:
        channels: channels of each feature level, fine to coarse.
        strides: stride of each level against the picture, fine to coarse.
        width: channels of the pyramid.
        finest_stride: the finest level used; the logits are computed there and enlarged bilinearly.
        prior: rows and columns of the learned center bias; ``None`` leaves it out.
        separable: refine by depthwise-separable 5×5 convolutions, which see further; else by full 3×3 ones,
            which have more weights and, on a CPU, take less time.

    Example:
        >>> decoder = PyramidDecoder([24, 40, 112], [4, 8, 16], width=32)
        >>> features = [torch.zeros(2, c, 48 // s, 64 // s) for c, s in zip([24, 40, 112], [4, 8, 16])]
        >>> decoder(features, (48, 64)).shape
        torch.Size([2, 1, 48, 64])
    """

    def __init__(
        self,
        channels: Sequence[int],
        strides: Sequence[int],
        *,
        width: int = 64,
        finest_stride: int = 4,
        prior: tuple[int, int] | None = (6, 8),
        separable: bool = True,
    ) -> None:
        super().__init__()
        if len(channels) != len(strides):
            raise ValueError(f"{len(channels)} channel counts for {len(strides)} strides")
        self.levels = [index for index, stride in enumerate(strides) if stride >= finest_stride]
        if not self.levels:
            raise ValueError(f"no level at stride {finest_stride} or coarser among {list(strides)}")
        self.width = width
        self.laterals = nn.ModuleList(_convolution(channels[level], width, 1) for level in self.levels)
        self.refinements = nn.ModuleList(
            _separable(width) if separable else _convolution(width, width, 3) for _ in self.levels
        )
        self.summary = nn.Sequential(nn.Linear(channels[self.levels[-1]], width), nn.ReLU(inplace=True))
        self.head = nn.Conv2d(width, 1, 3, padding=1)
        nn.init.constant_(self.head.bias, -2.0)  # type: ignore[arg-type]  # most of a map is dark
        self.prior = nn.Parameter(torch.zeros(1, 1, *prior)) if prior else None

    def forward(self, features: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """Compute logits.

        Args:
            features: the encoder's levels, fine to coarse, each (N, C, H / stride, W / stride).
            size: (H, W) of the picture.

        Returns:
            Logits (N, 1, H, W); their sigmoid is the saliency map.
        """
        return self.read(self.merge(features), size)

    def merge(self, features: Sequence[Tensor]) -> Tensor:
        """Merge the encoder's levels, (N, C, H / stride, W / stride), into the finest one used.

        Returns:
            (N, width, H / stride, W / stride) of that one.
        """
        used = [features[level] for level in self.levels]
        summary = self.summary(used[-1].mean((2, 3)))[:, :, None, None]
        merged: Tensor = self.refinements[-1](self.laterals[-1](used[-1]) + summary)
        for lateral, refine, feature in zip(
            reversed(self.laterals[:-1]), reversed(self.refinements[:-1]), reversed(used[:-1]), strict=True
        ):
            merged = refine(at_size(merged, feature.shape[-2:]) + lateral(feature))
        return merged

    def read(self, merged: Tensor, size: tuple[int, int]) -> Tensor:
        """Read logits (N, 1, H, W) of that size off what ``merge`` returned."""
        logits = self.head(merged)
        if self.prior is not None:
            logits = logits + at_size(self.prior, logits.shape[-2:])
        return at_size(logits, size)


def at_size(tensor: Tensor, size: Sequence[int]) -> Tensor:
    """Maps or features (N, C, H, W) at another height and width, bilinearly."""
    return F.interpolate(tensor, size=tuple(size), mode="bilinear", align_corners=False)


def _convolution(inputs: int, outputs: int, kernel: int, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _separable(width: int) -> nn.Sequential:
    return nn.Sequential(_convolution(width, width, 5, groups=width), _convolution(width, width, 1))
