"""Lines and labels on pictures, legible on light and dark ones; the drawings of several verbs share them.

Pillow draws lines without smoothing; here a line is a thin polygon whose exact coverage of each pixel is
its opacity there.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from salgan._arrays import Array, Picture
from salgan._coverage import polygon_coverage
from salgan._files import replacing

__all__ = ["Tags", "drawable", "font", "frame", "save_png", "text_size"]


Colour = tuple[int, int, int]

INK = (16, 16, 20)
PAPER = (250, 250, 250)


@lru_cache(maxsize=16)
def font(size: float) -> Any:
    """Pillow's own scalable font: the same on every machine."""
    return ImageFont.load_default(size)


def text_size(width: int, height: int) -> float:
    """A text size that is easy to read on a picture of this size, seen as a whole."""
    return max(11.0, math.sqrt(width * height) / 36)


def drawable(text: str, otherwise: str) -> str:
    """The text in letters that the font has, without accents; or another text if that is not enough."""
    plain = "".join(
        letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter)
    )
    return plain if all(" " <= letter <= "~" for letter in plain) else otherwise


def frame(pixels: Picture, corners: Array, line: float, colour: Colour = PAPER) -> None:
    """Draw a closed line through (x, y) corners in place, with a dark rim that keeps it legible.

    Args:
        pixels: uint8 RGB (H, W, 3), changed.
        corners: (N, 2), in pixels; those beyond the picture are drawn at its border.
        line: its width, in pixels.
        colour: RGB.
    """
    height, width = pixels.shape[:2]
    # An even line along the border between pixels is as sharp as they are.
    line = 2 * max(1, round(line / 2))
    held = np.clip(np.rint(corners), line, [max(line, width - line), max(line, height - line)])
    for thickness, paint, opacity in ((line * 2, INK, 0.7), (line, colour, 1.0)):
        _stroke(pixels, held, thickness, paint, opacity)


def _stroke(pixels: Picture, corners: Array, line: float, colour: Colour, opacity: float) -> None:
    height, width = pixels.shape[:2]
    # Sides are gathered before anything is painted, or corners, where two overlap, would be painted twice.
    mask = np.zeros((height, width), np.float32)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        length = float(np.hypot(*(end - start)))
        if not length:
            continue
        along = (end - start) / length * (line / 2)
        across = np.array([-along[1], along[0]])
        side = [start - along - across, end + along - across, end + along + across, start - along + across]
        rows, columns, weights = polygon_coverage(np.array(side), width, height)
        np.maximum(mask[rows, columns], weights, out=mask[rows, columns])
    touched = np.nonzero(mask)
    weight = mask[touched][:, None] * np.float32(opacity)
    painted = pixels[touched] * (1 - weight) + np.array(colour, np.float32) * weight
    pixels[touched] = np.rint(painted).astype(np.uint8)


class Tags:
    """Labels on one picture that keep off each other.

    Args:
        image: RGB, drawn on.
        size: the size of the text, in pixels.
        taken: more rectangles (left, top, right, bottom) to keep off.
    """

    def __init__(self, image: Image.Image, size: float, taken: Sequence[tuple[float, ...]] = ()) -> None:
        self._image = image
        self._size = size
        self._taken = list(taken)

    def add(self, box: tuple[float, float, float, float], name: str, figures: str) -> bool:
        """Label a rectangle (left, top, right, bottom): above it if there is room, or inside, or below.

        Returns:
            Whether there was room for it in the picture at all.
        """
        draw = ImageDraw.Draw(self._image)
        size, pad = self._size, round(self._size * 0.45)
        face = font(size)
        name_width, gap = draw.textlength(name, font=face), size * 0.55
        wide = round(name_width + (gap + draw.textlength(figures, font=face) if figures else 0) + 2 * pad)
        high = round(size * 1.55)
        place = self._place(box, wide, high)
        if place is None:
            return False
        left, top = place
        self._taken.append((left, top, left + wide, top + high))
        # The panel is blended by hand at its own size: a mask as large as the picture would cost its memory.
        panel = self._image.crop((left, top, left + wide, top + high))
        mask = Image.new("L", panel.size, 0)
        ImageDraw.Draw(mask).rounded_rectangle((0, 0, wide - 1, high - 1), radius=round(size * 0.3), fill=225)
        panel.paste(INK, mask=mask)
        self._image.paste(panel, (left, top))
        middle = top + high / 2
        draw.text((left + pad, middle), name, fill=PAPER, font=face, anchor="lm")
        if figures:
            accent = (255, 205, 120)
            draw.text((left + pad + name_width + gap, middle), figures, fill=accent, font=face, anchor="lm")
        return True

    def _place(self, box: tuple[float, float, float, float], wide: int, high: int) -> tuple[int, int] | None:
        left, top, right, bottom = box
        gap = round(self._size * 0.3)
        width, height = self._image.size
        if wide > width or high > height:
            return None
        levels = [top - high - gap, top + gap, bottom + gap, bottom - high - gap]
        asked = [(x, y) for y in levels for x in (left, right - wide)]
        asked += [(left, top + gap + step * (high + 2)) for step in range(1, 12)]
        # Moved into the picture; a place that had to move up or down would hide what it names.
        held = [(round(min(max(x, 0), width - wide)), round(min(max(y, 0), height - high))) for x, y in asked]
        free = [place for place in held if not self._meets(place, wide, high)]
        still = [place for place, (_, y) in zip(held, asked, strict=True) if abs(place[1] - y) < 1]
        return next((place for place in still if place in free), (free or held)[0])

    def _meets(self, place: tuple[int, int], wide: int, high: int) -> bool:
        left, top = place
        return any(
            left < other[2] and other[0] < left + wide and top < other[3] and other[1] < top + high
            for other in self._taken
        )


def save_png(image: Image.Image | Picture, path: Path) -> None:
    """Write a picture, whole or not at all.

    Raises:
        SalganError: it cannot be written.
    """
    with replacing(path) as part:
        (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(
            part, format="PNG", compress_level=3
        )
