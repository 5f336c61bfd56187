"""The crop that keeps the most attention out of all possible crops.

Every position of a window is considered: an integral image gives each one's sum in four look-ups. The sums
are whole numbers, so that equal windows are equal to the last digit and rounding does not choose among them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import Image

from salgan import image
from salgan._arrays import Integers, Map
from salgan.errors import ConfigError
from salgan.regions.focal import FocalPoint, focal_points_in
from salgan.saliency_map import SaliencyMap

__all__ = [
    "SCHEMA",
    "SCHEMA_OF_MANY",
    "Crop",
    "Shape",
    "best",
    "cut",
    "cut_window",
    "for_png",
    "largest",
    "parse_ratio",
    "parse_shapes",
    "parse_size",
]

SCHEMA = "salgan.crop/1"
"""Names the form of the JSON that ``salgan crop --json`` writes."""

SCHEMA_OF_MANY = "salgan.crop.many/1"
"""Names the form of the JSON that ``salgan crop --json`` writes for several pictures."""

_MOST_TO_ONE = 1000
_PNG_MODES = frozenset({"1", "L", "LA", "I", "I;16", "I;16B", "P", "RGB", "RGBA"})
_BAND = 256


@dataclass(frozen=True)
class Crop:
    """A window of a picture, whole pixels, never outside it.

    Attributes:
        left: its first column.
        top: its first row.
        width: its width in pixels.
        height: its height in pixels.
        kept: share of the picture's attention inside, in [0, 1].
        centre_kept: what the window of this size in the picture's centre keeps; never more than ``kept``.
        focal_point: where in the window people look most, as fractions of the whole picture.
    """

    left: int
    top: int
    width: int
    height: int
    kept: float
    centre_kept: float
    focal_point: FocalPoint

    def document(self) -> dict[str, Any]:
        """The crop as JSON values, with the focal point also as fractions of the window."""
        point = self.focal_point
        return {
            "box": {"left": self.left, "top": self.top, "width": self.width, "height": self.height},
            "kept": self.kept,
            "centre_kept": self.centre_kept,
            "focal_point": {
                **point.document(),
                "in_crop": [
                    (point.column + 0.5 - self.left) / self.width,
                    (point.row + 0.5 - self.top) / self.height,
                ],
            },
        }


@dataclass(frozen=True)
class Shape:
    """A crop that is asked for by its ratio or by its size.

    Attributes:
        label: the words that ask for it, such as ``16:9`` or ``400x300``.
        ratio: width / height.
        size: (width, height) in pixels to scale it to, if it is asked for by its size.
    """

    label: str
    ratio: Fraction
    size: tuple[int, int] | None = None

    def window(self, width: int, height: int) -> tuple[int, int]:
        """The largest window of this shape in a picture: (width, height) in pixels.

        Args:
            width: the width of the picture, in pixels.
            height: the height of the picture.

        Raises:
            ConfigError: its size is larger than the picture.
        """
        if self.size is not None and (self.size[0] > width or self.size[1] > height):
            raise ConfigError(
                f"size {self.label} is larger than the picture ({width}×{height}), which is never enlarged; "
                f"ask for the ratio {self.size[0]}:{self.size[1]}"
            )
        return largest(width, height, self.ratio)


def best(saliency: SaliencyMap, windows: Sequence[tuple[int, int]]) -> list[Crop]:
    """For each size of window, the position that keeps the most attention.

    Among positions that keep the same amount, the one nearest to the picture's centre is chosen, and among
    those the upper one, then the left one. So a map that favours no place gives the centre crop. For this,
    each pixel's saliency is rounded to a whole number of steps; the highest value has at least 2**34 steps.

    Args:
        saliency: the picture's map.
        windows: (width, height) of each, in pixels; :func:`largest` gives those for a ratio.

    Returns:
        One crop for each window, in order.

    Raises:
        ConfigError: a window is empty or larger than the picture.

    >>> saliency = SaliencyMap(np.array([[0.0, 0.1, 0.5, 0.4, 0.0, 0.0]]))
    >>> crop = best(saliency, [(2, 1)])[0]
    >>> crop.left, round(crop.kept, 6), round(crop.centre_kept, 6)
    (2, 0.9, 0.9)
    """
    height, width = saliency.array.shape
    for wide, high in windows:
        if not (1 <= wide <= width and 1 <= high <= height):
            raise ConfigError(f"a window of {wide}×{high} pixels does not fit into {width}×{height}")
    table = _integral(saliency.array)
    return [_best(saliency, table, wide, high) for wide, high in windows]


def largest(width: int, height: int, ratio: Fraction) -> tuple[int, int]:
    """The largest window of a ratio that fits into a picture.

    Args:
        width: the width of the picture, in pixels.
        height: the height of the picture.
        ratio: width / height of the window; it is met to the nearest whole pixel.

    Returns:
        (width, height): one of them is the picture's.
    """
    if width >= height * ratio:
        return max(1, round(height * ratio)), height
    return width, max(1, round(width / ratio))


def parse_ratio(text: str) -> Fraction:
    """Read a ratio such as ``16:9`` or ``1.91:1``, width first.

    Raises:
        ConfigError: it is not a ratio, or it is more extreme than 1000:1.

    >>> parse_ratio("16:9")
    Fraction(16, 9)
    """
    width, _, height = text.partition(":")
    try:
        ratio = _positive(width) / _positive(height)
    except ValueError:
        raise ConfigError(f"ratio {text!r} is not of the form WIDTH:HEIGHT, such as 16:9") from None
    if not Fraction(1, _MOST_TO_ONE) <= ratio <= _MOST_TO_ONE:
        raise ConfigError(f"ratio {text} is more extreme than {_MOST_TO_ONE}:1")
    return ratio


def parse_shapes(ratios: Sequence[str], sizes: Sequence[str]) -> list[Shape]:
    """Read ratios and sizes, in this order; one that is named twice is there once.

    Raises:
        ConfigError: one is neither a ratio nor a size, or none is named.
    """
    shapes = [Shape(text.replace(" ", ""), parse_ratio(text)) for text in ratios]
    for wide, high in map(parse_size, sizes):
        shapes.append(Shape(f"{wide}x{high}", Fraction(wide, high), (wide, high)))
    if not shapes:
        raise ConfigError("name at least one ratio or size, such as ratio 16:9 or size 400x300")
    return list(dict.fromkeys(shapes))


def parse_size(text: str) -> tuple[int, int]:
    """Read a size such as ``400x300``, width first.

    Raises:
        ConfigError: it is not a size.
    """
    width, _, height = text.lower().replace("×", "x").partition("x")
    if not (width.isdecimal() and height.isdecimal() and len(text) < 20 and int(width) and int(height)):
        raise ConfigError(f"size {text!r} is not of the form WIDTHxHEIGHT in pixels, such as 400x300")
    parse_ratio(f"{width}:{height}")
    return int(width), int(height)


def cut(picture: Image.Image, crop: Crop, size: tuple[int, int] | None = None) -> Image.Image:
    """Cut a crop out of its picture.

    Args:
        picture: upright, of the size the crop was made for. Its mode (transparency, 16 bits) and its colour
            profile are kept.
        crop: which part.
        size: (width, height) to scale it to; None leaves its pixels as they are.

    Returns:
        A new image.
    """
    window = (crop.left, crop.top, crop.left + crop.width, crop.top + crop.height)
    return cut_window(picture, window, size)


def cut_window(
    picture: Image.Image, window: tuple[int, int, int, int], size: tuple[int, int] | None = None
) -> Image.Image:
    """Cut a window, (left, top, right, bottom) in pixels, out of a picture; the rest as :func:`cut` does."""
    part = picture.crop(window)
    if size is not None and size != part.size:
        if part.mode in ("1", "P", "PA"):  # indices cannot be mixed
            part = part.convert("RGBA" if part.has_transparency_data else "RGB")
        part = _resized(part, size)
    return part


def for_png(part: Image.Image, profile: bytes | None) -> tuple[Image.Image, bytes | None]:
    """A cut and its colour profile as a PNG can hold them, which knows no CMYK and no floats.

    Args:
        part: what :func:`cut` gives.
        profile: the picture's ICC profile.

    Returns:
        Both as they are; or 8-bit RGB without a profile, since that belongs to the colours that were.
    """
    if part.mode in _PNG_MODES:
        return part, profile
    return Image.fromarray(image.read(part)), None


def _resized(part: Image.Image, size: tuple[int, int]) -> Image.Image:
    if not part.mode.startswith("I"):
        return part.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    # Pillow resizes 16 bits only as floats, which hold each of their values exactly.
    values = np.asarray(part)
    smaller = Image.fromarray(values.astype(np.float32)).resize(
        size, Image.Resampling.LANCZOS, reducing_gap=3.0
    )
    limits = np.iinfo(values.dtype)
    levels = np.rint(np.asarray(smaller)).clip(limits.min, limits.max)
    return Image.fromarray(levels.astype(values.dtype.newbyteorder("=")))


def _positive(text: str) -> Fraction:
    # Only plain decimals are read: a Fraction of "1e999999999" would fill the memory.
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text.strip()) or not (value := Fraction(text.strip())):
        raise ValueError
    return value


def _integral(array: Map) -> Integers:
    """Sums of all pixels above and to the left of each corner, in whole numbers: int64 (H + 1, W + 1)."""
    height, width = array.shape
    highest = float(array.max())
    # The power of two that brings the highest value as high as 64 bits allow for the sum of all pixels.
    # Scaling by it is exact, and a float32 has 24 bits: only values far below the highest one are rounded.
    bits = 61 - math.ceil(math.log2(array.size)) - (math.frexp(highest)[1] if highest else 0)
    table = np.zeros((height + 1, width + 1), np.int64)
    for top in range(0, height, _BAND):
        band = array[top : top + _BAND].astype(np.float64)
        table[top + 1 : top + 1 + len(band), 1:] = np.rint(np.ldexp(band, bits)) if highest else 1
    np.cumsum(table, axis=0, out=table)
    np.cumsum(table, axis=1, out=table)
    return table


def _best(saliency: SaliencyMap, table: Integers, wide: int, high: int) -> Crop:
    height, width = saliency.array.shape
    sums = table[high:, wide:] - table[:-high, wide:]
    sums -= table[high:, :-wide]
    sums += table[:-high, :-wide]
    tops, lefts = np.nonzero(sums == sums.max())
    from_centre = (2 * lefts + wide - width) ** 2 + (2 * tops + high - height) ** 2
    nearest = int(np.argmin(from_centre))
    top, left = int(tops[nearest]), int(lefts[nearest])
    rows, columns = slice(top, top + high), slice(left, left + wide)
    total = int(table[-1, -1])
    return Crop(
        left=left,
        top=top,
        width=wide,
        height=high,
        kept=int(sums[top, left]) / total,
        centre_kept=int(sums[(height - high) // 2, (width - wide) // 2]) / total,
        focal_point=focal_points_in(saliency.array, rows, columns, None)[0],
    )
