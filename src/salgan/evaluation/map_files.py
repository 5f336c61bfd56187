"""One saliency map of anybody's, from a file or its bytes: npy or a picture, hostile until parsed."""

from __future__ import annotations

import io
import math
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from salgan import image
from salgan._arrays import Array
from salgan.errors import ImageError, ModelError

__all__ = ["EXTRA", "check_promise", "checked_map", "decode_map", "remark_on"]

EXTRA = 4096
"""Bytes that a file may have beside a map's values, for its header."""

_VISIBLE = 12
"""Channels that differ by more than this mean that a picture is coloured, not grey with compression noise."""


def decode_map(content: bytes | Path, name: str, most: int = image.MAX_PIXELS) -> Array:
    """Decode one map.

    Args:
        content: the bytes of a file, or its path: npy (never unpickled), or a picture (8 or 16 bit grey,
            float TIFF; colour becomes luma).
        name: what to call it; its ending tells npy from pictures.
        most: how many pixels it may have.

    Returns:
        (H, W), values as stored.

    Raises:
        ModelError: not a map that can be read.
    """
    try:
        if PurePosixPath(name).suffix.lower() == ".npy":
            array = _load_npy(content, name, most)
        else:
            array = image.one_channel(
                image.decode(content, max_pixels=most)[0], luma=True
            )  # remark_on says so
    except ImageError as error:
        raise ModelError(f"{name}: {str(error).removeprefix(f'{content!s}: ')}") from None
    except (ModelError, MemoryError):
        raise
    except Exception as error:  # NumPy evaluates an npy file's header, and raises nearly anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(f"{name}: is not a map that can be read ({reason})") from None
    return checked_map(array, name)


def _load_npy(content: bytes | Path, name: str, most: int) -> Array:
    with content.open("rb") if isinstance(content, Path) else io.BytesIO(content) as stream:
        version = np.lib.format.read_magic(stream)
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else _header_2
        shape, _, dtype = reader(stream)
        check_promise(shape, dtype, name, most)
        start = stream.tell()
        there = stream.seek(0, io.SEEK_END) - start
        if math.prod(shape) * dtype.itemsize > there:
            raise ModelError(f"{name}: is not a map that can be read (it ends before its header says)")
        stream.seek(0)
        return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))


def _header_2(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    return np.lib.format.read_array_header_2_0(stream)


def check_promise(shape: tuple[int, ...], dtype: np.dtype[Any], name: str, most: int) -> None:
    """Refuse what cannot be a map, or is too large for one, before memory is set aside for it."""
    if dtype.kind not in "buif":
        raise ModelError(f"{name}: is not a map that can be read (it holds {dtype}, and not numbers)")
    if math.prod(shape) > most:
        sides = "×".join(map(str, shape))
        raise ModelError(f"{name}: has {sides} values, too many for its picture; at most {most:,} are read")


def remark_on(content: bytes | Path, name: str) -> str | None:
    """What is wrong with scoring this picture of a map, in one line; None if nothing is wrong.

    Args:
        content: as :func:`decode_map` takes it.
        name: the name of the file.
    """
    if PurePosixPath(name).suffix.lower() == ".npy":
        return None
    try:
        picture = image.decode(content)[0]
    except ImageError:
        return None  # reading it says so
    if picture.mode in ("RGB", "RGBA", "P", "CMYK", "YCbCr"):
        colours = np.asarray(picture.convert("RGB"), dtype=np.int16)
        if int(np.ptp(colours, axis=-1).max()) > _VISIBLE:
            return (
                f"{name} is a coloured picture, and its brightness is scored as if it were saliency; "
                "a colour map such as jet is for looking: save grey values, best as npy or 16-bit PNG"
            )
    if PurePosixPath(name).suffix.lower() in (".jpg", ".jpeg"):
        return (
            f"{name} is a JPEG: 8 bits and its compression move KLD and information gain; "
            "save npy, TIFF or 16-bit PNG"
        )
    return None


def checked_map(array: Array, name: str) -> Array:
    """An array as a map, (h, w); an axis of length 1 for the channel goes.

    Raises:
        ModelError: it is of another shape, empty, or not of numbers.
    """
    if array.ndim == 3 and 1 in (array.shape[0], array.shape[-1]):
        array = array[0] if array.shape[0] == 1 else array[..., 0]
    if array.ndim != 2 or not array.size or array.dtype.kind not in "buif":
        raise ModelError(f"{name}: holds {array.dtype} of shape {array.shape}, a map is (H, W) numbers")
    return array
