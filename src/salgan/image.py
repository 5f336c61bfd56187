"""Whatever someone calls a picture, read as one thing: a uint8 RGB array.

Files are hostile until decoded: only the formats named in :data:`FORMATS` are tried, a header that promises
more than :data:`MAX_PIXELS` is refused before a pixel is decoded, and whatever a broken file makes the
decoder raise becomes one :class:`~salgan.errors.ImageError` in one line.
"""

from __future__ import annotations

import contextlib
import io
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from salgan._arrays import Array, Picture
from salgan.errors import ImageError, ImageTooLargeError

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "SUFFIXES",
    "decode",
    "one_channel",
    "pillow_kept_quiet",
    "read",
    "upright",
]

MAX_PIXELS = 100_000_000
"""Pictures with more pixels than this are refused, before they are decoded."""

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
"""Pillow's names of the formats that are tried; its other decoders never see a user's bytes."""

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif"})
"""Lower-case file name endings of these formats."""

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_ACCEPTED_ARRAYS = (
    "an array must be (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), of uint8, uint16, bool, or float in [0, 1]"
)


def read(source: str | Path | bytes | Image.Image | Array, *, max_pixels: int = MAX_PIXELS) -> Array:
    """Read a picture as the models see it.

    Animations and multi-page files give their first frame. EXIF rotation is applied. Transparency is laid
    over white, the page most pictures with transparency are made for. 16-bit values keep their high byte.
    Colour profiles are not applied.

    Args:
        source: a file's path; the bytes of a file; a Pillow image; or an array: (H, W), (H, W, 1), (H, W, 3)
            or (H, W, 4) of uint8, uint16, bool, or floats in [0, 1].
        max_pixels: how many pixels a file may have, at most :data:`MAX_PIXELS`.

    Returns:
        uint8 RGB array (H, W, 3); an array that is one already comes back as it is, not copied.

    Raises:
        ImageError: the source is missing, empty, no picture, damaged, or an array of another kind.
        ImageTooLargeError: it has too many pixels.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        _check_size(source.size, "picture")
        return _from_pillow(source, "picture")
    image, name = decode(source, max_pixels=max_pixels)
    with image:
        return _from_pillow(image, name)


def decode(source: str | Path | bytes, *, max_pixels: int = MAX_PIXELS) -> tuple[Image.Image, str]:
    """Decode a file's first frame into memory, as it is stored (neither rotated nor converted).

    Args:
        source: a file's path, or its bytes.
        max_pixels: how many pixels it may have, at most :data:`MAX_PIXELS`.

    Returns:
        The loaded Pillow image, and the name to call it in a message.

    Raises:
        ImageError: the file is missing, empty, no picture or damaged.
        ImageTooLargeError: it has too many pixels.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return _decode(io.BytesIO(source), "picture", max_pixels), "picture"
    try:
        path = Path(source)
    except TypeError:
        kind = type(source).__name__
        raise ImageError(f"a picture is a path, bytes, a Pillow image or an array, not {kind}") from None
    try:
        if path.is_dir():
            raise ImageError(f"{path}: is a folder, not a picture")
        if path.exists() and not path.is_file():
            raise ImageError(f"{path}: is no regular file; pass its bytes instead")
        with path.open("rb") as file:
            return _decode(file, str(path), max_pixels), str(path)
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ImageError(f"{path}: cannot be opened ({reason})") from None


def one_channel(image: Image.Image) -> Array:
    """A decoded grey picture's values as they are stored, (H, W); colour becomes luma.

    Args:
        image: what :func:`decode` gave: 1, 8, 16 or 32 bits, or float.
    """
    grey = image.mode in ("1", "L", "F") or image.mode.startswith("I")
    return np.asarray(image if grey else image.convert("L"))


def upright(image: Image.Image) -> Image.Image:
    """Turn a decoded picture as its EXIF orientation says, as :func:`read` does; its mode is kept."""
    turn = _UPRIGHT.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def _decode(file: BinaryIO, name: str, max_pixels: int) -> Image.Image:
    if not file.read(1):
        raise ImageError(f"{name}: is empty")
    file.seek(0)
    with pillow_kept_quiet():
        try:
            image = Image.open(file, formats=FORMATS)
        except UnidentifiedImageError:
            raise ImageError(
                f"{name}: is no picture in a known format (JPEG, PNG, WebP, TIFF, BMP, GIF), or is cut off"
            ) from None
        except Image.DecompressionBombError:
            raise _too_large(name, "its header says so", max_pixels) from None
        except Exception as error:  # a hostile header makes decoders raise nearly anything
            raise ImageError(f"{name}: is damaged ({_reason(error)})") from None
        _check_size(image.size, name, max_pixels)
        try:
            image.load()
        except Exception as error:  # so does hostile data after a good header
            raise ImageError(f"{name}: is damaged or cut off ({_reason(error)})") from None
    return image


def _from_pillow(image: Image.Image, name: str) -> Picture:
    with pillow_kept_quiet():
        try:
            image.load()
            turn = _UPRIGHT.get(_orientation(image))
            image = _to_rgb(image)
            return np.array(image if turn is None else image.transpose(turn))
        except ImageError as error:
            raise ImageError(f"{name}: {error}") from None
        except Exception as error:  # a picture from a caller may be broken, closed, or of an odd mode
            raise ImageError(f"{name}: cannot be converted to RGB ({_reason(error)})") from None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        # Pillow's own conversion clips at 255. It reads a 12-bit TIFF into the same mode.
        bits = 12 if _bits_per_sample(image) == 12 else 16
        return Image.fromarray((np.asarray(image) >> (bits - 8)).astype(np.uint8)).convert("RGB")
    if image.mode == "I":
        raise ImageError("32-bit integers have no agreed white; convert it to 8 or 16 bits first")
    if image.mode == "F":
        return Image.fromarray(_from_array(np.asarray(image)))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        page = Image.new("RGB", image.size, "white")
        page.paste(image, mask=image.getchannel("A"))
        return page
    return image.convert("RGB")


def _from_array(array: Array) -> Picture:
    shape, kind = array.shape, array.dtype
    if array.ndim not in (2, 3) or (array.ndim == 3 and shape[2] not in (1, 3, 4)):
        raise ImageError(f"{_ACCEPTED_ARRAYS}; this one has shape {shape}")
    _check_size((shape[1], shape[0]), "array")
    if kind == np.uint16:
        array = (array >> 8).astype(np.uint8)
    elif kind == np.bool_:
        array = array.astype(np.uint8) * 255
    elif np.issubdtype(kind, np.floating):
        low, high = float(array.min()), float(array.max())
        if not (low >= 0 and high <= 1):  # also refuses NaN, which either of them then is
            raise ImageError(f"{_ACCEPTED_ARRAYS}; this one runs from {low:g} to {high:g}")
        array = np.rint(array * np.float32(255)).astype(np.uint8)
    elif kind != np.uint8:
        raise ImageError(f"{_ACCEPTED_ARRAYS}; this one is {kind}")
    if array.ndim == 2 or shape[2] == 1:
        return np.repeat(array.reshape(*shape[:2], 1), 3, axis=2)
    if shape[2] == 4:
        return np.array(_to_rgb(Image.fromarray(np.ascontiguousarray(array))))
    return np.ascontiguousarray(array)


def _check_size(size: tuple[int, int], name: str, max_pixels: int = MAX_PIXELS) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise ImageError(f"{name}: has no pixels ({width}×{height})")
    if width * height > min(max_pixels, MAX_PIXELS):
        raise _too_large(name, f"{width}×{height}", max_pixels)


def _too_large(name: str, why: str, max_pixels: int) -> ImageTooLargeError:
    limit = min(max_pixels, MAX_PIXELS) / 1e6
    return ImageTooLargeError(f"{name}: has more than {limit:g} megapixels ({why}); scale it down first")


def _orientation(image: Image.Image) -> int:
    # Broken EXIF is no reason to refuse a good picture. (A TIFF's was applied, and removed, by load.)
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:
        return 1


def _bits_per_sample(image: Image.Image) -> int | None:
    bits = getattr(image, "tag_v2", {}).get(258)
    return bits[0] if isinstance(bits, tuple) and bits else None


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


_quiet_lock = threading.Lock()
_quiet_depth = 0
_quiet_filters = contextlib.ExitStack()


@contextlib.contextmanager
def pillow_kept_quiet() -> Iterator[None]:
    """Silence Pillow about odd metadata and pictures above 89 megapixels, both of which are dealt with here.

    Any number of threads may be inside at once.
    """
    # Warning filters belong to the whole process, so threads that read at once share one change of
    # them: the first one in makes it, the last one out takes it back.
    global _quiet_depth
    with _quiet_lock:
        if _quiet_depth == 0:
            _quiet_filters.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", module=r"PIL\.")
        _quiet_depth += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_depth -= 1
            if _quiet_depth == 0:
                _quiet_filters.close()
