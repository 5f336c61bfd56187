"""What every network checks of its input, with a size that works in the message."""

from __future__ import annotations

import torch
from torch import Tensor

from salgan.errors import ModelError

__all__ = ["check_pictures"]


def check_pictures(pictures: Tensor, network: str, divisor: int = 1) -> None:
    """Refuse what a network cannot take.

    Args:
        pictures: what should be (N, 3, H, W).
        network: what the message calls the network.
        divisor: H and W must be multiples of it. An export, where sizes are symbols, does not check this.

    Raises:
        ModelError: another shape, or a size that is not a multiple; the message names one that is.
    """
    if pictures.ndim != 4 or pictures.shape[1] != 3:
        raise ModelError(f"pictures have shape {tuple(pictures.shape)}; the network takes (N, 3, H, W)")
    if torch.compiler.is_exporting():
        return  # a comparison would fix the sizes
    height, width = pictures.shape[-2:]
    if height % divisor or width % divisor:
        good = tuple(max(divisor, round(side / divisor) * divisor) for side in (height, width))
        raise ModelError(
            f"pictures of {height}×{width} pixels: {network} takes heights and "
            f"widths that are multiples of {divisor}; resize them, to {good[0]}×{good[1]} for instance"
        )
