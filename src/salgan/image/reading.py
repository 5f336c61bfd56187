"""Anything that someone calls a picture becomes uint8 RGB."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from PIL import Image

from salgan._arrays import Array, Picture
from salgan.errors import ConfigError, ImageError, NotEnoughMemoryError
from salgan.image.arrays import check_order, from_array, from_tensor, is_tensor
from salgan.image.colour import to_rgb
from salgan.image.decoding import MAX_PIXELS, check_size, decode, pillow_kept_quiet, reason, turn_of

__all__ = ["Readable", "Source", "read"]


class Readable(Protocol):
    """A file object, opened for reading bytes: an open file, ``io.BytesIO``, a response of a web request."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to ``size`` bytes from where the object stands."""
        ...


class _Tensor(Protocol):
    """A PyTorch tensor, as far as it is needed here."""

    def detach(self) -> Any: ...


_BAND = 256

Source: TypeAlias = "str | Path | bytes | bytearray | memoryview | Readable | Image.Image | Array | _Tensor"
"""What :func:`read` takes for a picture."""


def read(
    source: Source,
    *,
    order: str = "rgb",
    max_pixels: int = MAX_PIXELS,
    background: tuple[int, int, int] = (255, 255, 255),
) -> Picture:
    """Read a picture as the models see it.

    For files: animations and multi-page files give their first frame; EXIF rotation is applied; transparency
    is laid over white, the page that most pictures with transparency are made for; 16-bit values keep their
    high byte; colours of another profile (Display P3, Adobe RGB, CMYK) become those of sRGB.

    For arrays and tensors, the type of the numbers decides what they mean: uint8 runs from 0 to 255, uint16
    to 65535, float from 0 to 1, and True is white. Every other type is refused. An array has its channels
    last, (H, W, C); only if the last axis is longer than 4 are they taken to come first, (C, H, W). A tensor
    has them first, as in PyTorch; only if the first axis is not 1, 3 or 4 are they taken to come last.

    Args:
        source: a file's path; the bytes of a file; a file object, read from where it stands; a Pillow image;
            a NumPy array or a PyTorch tensor: (H, W), or with 1, 3 or 4 channels.
        order: ``"rgb"``, or ``"bgr"`` for arrays and tensors whose first channel is blue, as in OpenCV.
        max_pixels: how many pixels a file may have, at most :data:`MAX_PIXELS`.
        background: the colour, RGB, over which the transparency of a file or a Pillow image is laid.

    Returns:
        uint8 RGB array (H, W, 3); an array that is one already comes back as it is, not copied.

    Raises:
        ImageError: the source is missing, empty, not a picture, damaged, or an array of another kind.
        ImageTooLargeError: it has too many pixels.
        NotEnoughMemoryError: this machine cannot hold the picture.
        ConfigError: an unknown order, or one for a picture that knows its own.

    >>> read(np.array([[[255, 0, 0]]], dtype=np.uint8), order="bgr").tolist()
    [[[0, 0, 255]]]
    """
    check_order(order)
    if isinstance(source, np.ndarray):
        return from_array(source, order)
    if is_tensor(source):
        return from_tensor(source, order)
    if order != "rgb":
        raise ConfigError(
            f"order {order!r} is for arrays and tensors; files and Pillow images know their own"
        )
    if isinstance(source, Image.Image):
        check_size(source.size, "picture")
        return _converted(source, "picture", background)
    image, name = decode(source, max_pixels=max_pixels)
    with image:
        return _converted(image, name, background)


def _as_array(image: Image.Image) -> Picture:
    """The pixels of an RGB image, in bands: NumPy's own way takes the picture's memory twice over again."""
    width, height = image.size
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _BAND):
        bottom = min(height, top + _BAND)
        pixels[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    return pixels


def _converted(image: Image.Image, name: str, background: tuple[int, int, int]) -> Picture:
    with pillow_kept_quiet():
        try:
            image.load()
            turn, rgb = turn_of(image), to_rgb(image, background)
            return _as_array(rgb if turn is None else rgb.transpose(turn))
        except ImageError as error:
            raise ImageError(f"{name}: {error}") from None
        except MemoryError:
            raise NotEnoughMemoryError(f"{name}: there is not enough memory to convert it to RGB") from None
        except Exception as error:  # a picture from a caller may be broken, closed, or of an odd mode
            raise ImageError(f"{name}: cannot be converted to RGB ({reason(error)})") from None
