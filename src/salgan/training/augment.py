"""Changes to training pictures that keep gaze meaningful, drawn from (seed, epoch, picture) alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # its name everywhere

from salgan.training.config import Augmentation
from salgan.training.data import Batch

__all__ = ["DRAWS", "augmented", "epoch_draws"]

_PLACE = ("flip", "side", "across", "down")
_MORE = (
    "zoom",
    "aspect",
    "turn",
    "right",
    "lower",
    "brightness",
    "contrast",
    "saturation",
    "grey",
    "r",
    "g",
    "b",
)
DRAWS = (*_PLACE, *_MORE)
"""What each column of the random numbers decides."""
_GREY = 0.1
"""Share of the pictures that lose their colours, if colours change at all."""
_TINT = 0.25
"""Largest change of one primary, relative to the largest change of brightness."""
_LUMA = (0.299, 0.587, 0.114)
"""Share of red, green and blue in brightness (ITU-R BT.601)."""


def epoch_draws(seed: int, epoch: int, count: int) -> np.ndarray:
    """Uniform numbers in [0, 1) for every sample's augmentation in this epoch, one column per ``DRAWS``.

    Args:
        seed: the run's seed.
        epoch: number of the epoch, from 0.
        count: number of samples.

    Returns:
        float32 (count, len(DRAWS)).
    """
    # Streams 0 to 2 of an epoch: order of the pictures, flips and crops, everything else.
    streams = [(1, len(_PLACE)), (2, len(_MORE))]
    return np.concatenate(
        [
            np.random.default_rng([seed, epoch, stream]).random((count, width), dtype=np.float32)
            for stream, width in streams
        ],
        axis=1,
    )


def augmented(batch: Batch, settings: Augmentation, draws: np.ndarray) -> Batch:
    """Flip, crop and warp pictures, densities and fixations alike, and change the pictures' colours.

    A crop is enlarged to full size, so a fixation in it may cover a few pixels; the density keeps its values.
    Where a warp reaches beyond the picture, the picture continues as its mirror image, without fixations.

    Args:
        batch: the samples.
        settings: how much may change.
        draws: (N, len(DRAWS)), from :func:`epoch_draws`.
    """
    if not settings.active:
        return batch
    numbers = torch.from_numpy(draws).to(batch.pictures.device, non_blocking=True)
    draw = dict(zip(DRAWS, numbers.unbind(1), strict=True))
    if settings.moves:
        batch = _moved(batch, _crop(settings, draw) @ _warp(settings, draw, batch.pictures.shape))
    elif settings.hflip:
        flip = (draw["flip"] < settings.hflip)[:, None, None, None]
        pictures, density, fixations = (
            torch.where(flip, maps.flip(-1), maps)
            for maps in (batch.pictures, batch.density, batch.fixations)
        )
        batch = replace(batch, pictures=pictures, density=density, fixations=fixations)
    if settings.colour:
        batch = replace(batch, pictures=_recoloured(batch.pictures, settings.colour, draw))
    return batch


def _moved(batch: Batch, transform: Tensor) -> Batch:
    """Read every map at ``transform · (x, y, 1)``, in coordinates from -1 to 1; (N, 3, 3)."""
    grid = F.affine_grid(transform[:, :2], list(batch.pictures.shape), align_corners=False)
    inside = (grid.abs().amax(-1) <= 1)[:, None]

    def sample(maps: Tensor, mode: str, beyond: str) -> Tensor:
        return F.grid_sample(maps, grid, mode=mode, padding_mode=beyond, align_corners=False)

    pictures = sample(batch.pictures, "bilinear", "reflection")
    return replace(
        batch,
        pictures=pictures.contiguous(memory_format=torch.channels_last),
        density=sample(batch.density, "bilinear", "border") * inside,
        fixations=(sample(batch.fixations.float(), "nearest", "border") > 0.5) & inside,
    )


def _crop(settings: Augmentation, draw: dict[str, Tensor]) -> Tensor:
    """A window of the picture, flipped or not: (N, 3, 3)."""
    side = settings.crop + (1 - settings.crop) * draw["side"]
    across, down = (_both_ways(draw[axis]) * (1 - side) for axis in ("across", "down"))
    width = torch.where(draw["flip"] < settings.hflip, -side, side)
    return _matrix([[width, 0, across], [0, side, down], [0, 0, 1]])


def _warp(settings: Augmentation, draw: dict[str, Tensor], shape: torch.Size) -> Tensor:
    """Zoom, aspect, turn and shift, each evenly distributed in both directions: (N, 3, 3)."""
    zoom = torch.exp(settings.warp * _both_ways(draw["zoom"]))
    half = settings.warp / 2
    aspect = torch.exp(half * _both_ways(draw["aspect"]))
    turn = half * _both_ways(draw["turn"])
    right, lower = (half * _both_ways(draw[axis]) for axis in ("right", "lower"))
    # Coordinates run from -1 to 1 both ways, so a turn of square pixels needs the sides' ratio.
    ratio = shape[-2] / shape[-1]
    wide, high = zoom * aspect, zoom / aspect
    return _matrix(
        [
            [wide * turn.cos(), -high * turn.sin() * ratio, right],
            [wide * turn.sin() / ratio, high * turn.cos(), lower],
            [0, 0, 1],
        ]
    )


def _recoloured(pictures: Tensor, strength: float, draw: dict[str, Tensor]) -> Tensor:
    """Brightness, contrast, saturation and tint, in this order; RGB in 0..255."""

    def factor(name: str) -> Tensor:
        return (1 + strength * _both_ways(draw[name]))[:, None, None, None]

    luma = pictures.new_tensor(_LUMA)[None, :, None, None]
    pictures = pictures * factor("brightness")
    middle = (pictures * luma).sum(1, keepdim=True).mean((2, 3), keepdim=True)
    pictures = middle + (pictures - middle) * factor("contrast")
    grey = (pictures * luma).sum(1, keepdim=True)
    colourful = (draw["grey"] >= _GREY)[:, None, None, None]
    pictures = grey + (pictures - grey) * factor("saturation") * colourful
    tint = torch.cat([1 + _TINT * (factor(primary) - 1) for primary in "rgb"], dim=1)
    return (pictures * tint).clamp(0, 255)


def _both_ways(numbers: Tensor) -> Tensor:
    """From [0, 1) to [-1, 1)."""
    return 2 * numbers - 1


def _matrix(rows: list[list[Tensor | float]]) -> Tensor:
    """Matrices (N, 3, 3) from entries that are tensors (N,) or numbers."""
    like = next(entry for row in rows for entry in row if isinstance(entry, Tensor))
    return torch.stack(
        [torch.stack([torch.zeros_like(like) + entry for entry in row], dim=1) for row in rows], dim=1
    )
