"""Arrays and tensors as pictures: the type of their numbers decides which value is white."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from salgan._arrays import Array, Picture
from salgan.errors import ConfigError, ImageError
from salgan.image.colour import ACCEPTED, to_8_bit, to_rgb
from salgan.image.decoding import check_size

__all__ = ["check_order", "from_array", "from_tensor", "is_tensor"]

ORDERS = ("rgb", "bgr")
_CHANNELS = (1, 3, 4)


def check_order(order: str) -> None:
    """Refuse an order of channels that does not exist."""
    if order not in ORDERS:
        raise ConfigError(f'order {order!r} is not known; it is "rgb", or "bgr" for arrays of OpenCV')


def is_tensor(source: object) -> bool:
    """Whether this is a PyTorch tensor; PyTorch itself is not imported to find out."""
    return any(base.__module__ == "torch" and base.__name__ == "Tensor" for base in type(source).__mro__)


def from_tensor(tensor: Any, order: str = "rgb") -> Picture:
    """A picture from a PyTorch tensor, (C, H, W) as PyTorch has it, (H, W) or (H, W, C), on any device.

    Raises:
        ImageError: its shape or type is another one.
    """
    try:
        array = np.asarray(tensor.detach().cpu().numpy())
    except (RuntimeError, TypeError) as error:
        raise ImageError(f"a tensor of {tensor.dtype} cannot be read ({error}); make it uint8") from None
    if array.ndim == 3 and array.shape[0] in _CHANNELS:
        array = np.moveaxis(array, 0, 2)
    return from_array(array, order)


def from_array(array: Array, order: str = "rgb") -> Picture:
    """A picture from an array; see :func:`salgan.image.read` for what is accepted.

    Raises:
        ImageError: its shape, type or range is another one.
    """
    if array.ndim == 4:
        raise ImageError(
            f"{ACCEPTED}; this one has shape {array.shape}, a batch: pass its pictures one by one"
        )
    if array.ndim == 3 and array.shape[2] > max(_CHANNELS) and array.shape[0] in _CHANNELS:
        array = np.moveaxis(array, 0, 2)
    shape = array.shape
    if array.ndim not in (2, 3) or (array.ndim == 3 and shape[2] not in _CHANNELS):
        raise ImageError(f"{ACCEPTED}; this one has shape {shape}")
    check_size((shape[1], shape[0]), "array")
    levels = to_8_bit(array)
    if order == "bgr" and array.ndim == 3 and shape[2] > 1:
        levels = levels[:, :, [2, 1, 0, 3][: shape[2]]]
    if array.ndim == 2 or shape[2] == 1:
        return np.repeat(levels.reshape(*shape[:2], 1), 3, axis=2)
    if shape[2] == 4:
        return np.array(to_rgb(Image.fromarray(np.ascontiguousarray(levels))))
    return np.ascontiguousarray(levels)
