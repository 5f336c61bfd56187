"""Lines and labels on pictures, legible on light and dark ones; the drawings of several verbs share them.

Pillow draws lines without smoothing; here a line is a thin polygon whose exact coverage of each pixel is
its opacity there.
"""

from __future__ import annotations

import io
import math
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from salgan._arrays import Array, Picture
from salgan._coverage import polygon_coverage
from salgan._files import replacing
from salgan.errors import SalganError

__all__ = [
    "Box",
    "Tags",
    "drawable",
    "encoded",
    "font",
    "frame",
    "save_picture",
    "save_png",
    "text_size",
    "with_list",
]


Colour = tuple[int, int, int]

INK = (16, 16, 20)
PAPER = (250, 250, 250)


@lru_cache(maxsize=16)
def font(size: float) -> Any:
    """Pillow's own scalable font: the same on every machine."""
    return ImageFont.load_default(size)


def text_size(width: int, height: int) -> float:
    """A text size that is easy to read on a picture of this size, seen as a whole."""
    return max(11.0, math.sqrt(width * height) / 44)


def drawable(text: str, otherwise: str) -> str:
    """The text in letters that the font has, without accents; or another text if that is not enough."""
    plain = "".join(
        letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter)
    )
    return plain if all(" " <= letter <= "~" for letter in plain) else otherwise


def frame(
    pixels: Picture, corners: Array, line: float, colour: Colour = PAPER, *, dash: float | None = None
) -> None:
    """Draw a closed line through (x, y) corners in place, with a dark rim that keeps it legible.

    Args:
        pixels: uint8 RGB (H, W, 3), changed.
        corners: (N, 2), in pixels; those beyond the picture are drawn at its border.
        line: its width, in pixels.
        colour: RGB.
        dash: about how long the strokes of a dashed line are, in pixels; None draws a whole line.
    """
    height, width = pixels.shape[:2]
    # An even line along the border between pixels is as sharp as they are.
    line = 2 * max(1, round(line / 2))
    held = np.clip(np.rint(corners), line, [max(line, width - line), max(line, height - line)])
    for thickness, paint, opacity in ((line * 2, INK, 0.7), (line, colour, 1.0)):
        _stroke(pixels, held, thickness, paint, opacity, dash)


def _stroke(
    pixels: Picture, corners: Array, line: float, colour: Colour, opacity: float, dash: float | None
) -> None:
    # Only what the line may reach is looked at, since there may be thousands of lines.
    low, high = np.floor(corners.min(axis=0) - line), np.ceil(corners.max(axis=0) + line)
    left, top = np.maximum(low, 0).astype(int)
    pixels = pixels[top : max(top, int(high[1])), left : max(left, int(high[0]))]
    corners = corners - (left, top)
    height, width = pixels.shape[:2]
    # Sides are gathered before anything is painted, or corners, where two overlap, would be painted twice.
    mask = np.zeros((height, width), np.float32)
    for start, end in _strokes(corners, dash):
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


def _strokes(corners: Array, dash: float | None) -> Iterator[tuple[Array, Array]]:
    """The sides through the corners; of dashed ones the strokes, of which one lies at either end."""
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if dash is None:
            yield start, end
            continue
        # Twice as much gap as stroke, as the line's own ends and its rim make strokes longer.
        length = float(np.hypot(*(end - start)))
        begins = 3 * np.arange(max(1, round((length / dash + 2) / 3)))
        unit = (end - start) / (begins[-1] + 1)
        for begin in begins:
            yield start + begin * unit, start + (begin + 1) * unit


Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""

_ACCENT = (255, 205, 120)
_TRIED = 200
"""Places for a label at the end of a line that are looked at, the nearest first."""

_FARTHEST = 0.35
"""A leader line is at most this part of the picture's longer side long."""


class Tags:
    """Labels on one picture that cover neither each other nor what they name.

    Args:
        image: RGB, drawn on.
        size: the size of the text, in pixels.
        boxes: what the labels name; they keep off all of it.
    """

    def __init__(self, image: Image.Image, size: float, boxes: Sequence[Box] = ()) -> None:
        self._image = image
        self._size = size
        self._taken: list[Box] = []
        self._boxes = list(boxes)

    def add(self, box: Box, name: str, figures: str) -> bool:
        """Label a rectangle: beside it if there is room, or farther off with a line that leads to it.

        Returns:
            Whether there was room for it in the picture.
        """
        draw = ImageDraw.Draw(self._image)
        size, pad = self._size, round(self._size * 0.45)
        face = font(size)
        name_width, gap = draw.textlength(name, font=face), size * 0.55
        wide = round(name_width + (gap + draw.textlength(figures, font=face) if figures else 0) + 2 * pad)
        high = round(size * 1.55)
        place = self._beside(box, wide, high) or self._away(box, wide, high)
        if place is None:
            return False
        left, top = place
        self._taken.append((left, top, left + wide, top + high))
        self._lead(box, self._taken[-1])
        self._panel(left, top, wide, high, size * 0.3)
        middle = top + high / 2
        draw.text((left + pad, middle), name, fill=PAPER, font=face, anchor="lm")
        if figures:
            draw.text((left + pad + name_width + gap, middle), figures, fill=_ACCENT, font=face, anchor="lm")
        return True

    def mark(self, box: Box, text: str) -> None:
        """Mark a rectangle with a number or short name: beside it, or at its corner if there is no room."""
        high = round(self._size * 1.3)
        draw, face = ImageDraw.Draw(self._image), font(self._size * 0.9)
        wide = max(high, round(draw.textlength(text, font=face) + self._size * 0.6))
        width, height = self._image.size
        corner = (max(0, min(round(box[0]), width - wide)), max(0, min(round(box[1]), height - high)))
        left, top = self._beside(box, wide, high) or corner
        self._taken.append((left, top, left + wide, top + high))
        self._panel(left, top, wide, high, high / 2)
        draw.text((left + wide / 2, top + high / 2), text, fill=PAPER, font=face, anchor="mm")

    def _panel(self, left: int, top: int, wide: int, high: int, radius: float) -> None:
        # Blended by hand at its own size: a mask as large as the picture would cost its memory.
        panel = self._image.crop((left, top, left + wide, top + high))
        mask = Image.new("L", panel.size, 0)
        ImageDraw.Draw(mask).rounded_rectangle((0, 0, wide - 1, high - 1), radius=round(radius), fill=235)
        panel.paste(INK, mask=mask)
        self._image.paste(panel, (left, top))

    def _beside(self, box: Box, wide: int, high: int) -> tuple[int, int] | None:
        """A free place that touches the box: above, below, or at one side of it."""
        left, top, right, bottom = box
        gap = round(self._size * 0.3)
        rows, columns = (top - high - gap, bottom + gap), (left - wide - gap, right + gap)
        asked = [(x, y) for y in rows for x in (left, right - wide, (left + right - wide) / 2)]
        asked += [(x, y) for x in reversed(columns) for y in (top, bottom - high, (top + bottom - high) / 2)]
        width, height = self._image.size
        if wide > width or high > height:
            return None
        # Moved along the side that it touches until it is in the picture.
        held = [
            (
                round(x if x in columns else min(max(x, 0), width - wide)),
                round(y if y in rows else min(max(y, 0), height - high)),
            )
            for x, y in asked
        ]
        places = np.array(
            [(x, y) for x, y in held if 0 <= x <= width - wide and 0 <= y <= height - high]
        ).reshape(-1, 2)
        # What lies in another box cannot help covering that one.
        around = [each for each in self._boxes if each != box and not _holds(each, box)]
        for obstacles in ([*self._boxes, box, *self._taken], [*around, box, *self._taken]):
            free = places[~_meet(places, wide, high, obstacles)]
            if len(free):
                return int(free[0, 0]), int(free[0, 1])
        return None

    def _away(self, box: Box, wide: int, high: int) -> tuple[int, int] | None:
        """The free place that is nearest to the box."""
        width, height = self._image.size
        if wide > width or high > height:
            return None
        step = max(2, round(self._size / 2))
        x, y = np.meshgrid(np.arange(0, width - wide + 1, step), np.arange(0, height - high + 1, step))
        places = np.stack([x.ravel(), y.ravel()], axis=1)
        places = places[~_meet(places, wide, high, [*self._boxes, box, *self._taken])]
        left, top, right, bottom = box
        across = np.maximum(0, np.maximum(left - places[:, 0] - wide, places[:, 0] - right))
        down = np.maximum(0, np.maximum(top - places[:, 1] - high, places[:, 1] - bottom))
        distance = np.hypot(across, down)
        others = [*(each for each in self._boxes if each != box and not _holds(each, box)), *self._taken]
        for number in np.argsort(distance, kind="stable")[:_TRIED]:
            if distance[number] > _FARTHEST * max(width, height):
                break
            column, row = int(places[number, 0]), int(places[number, 1])
            start, end = map(np.array, _shortest(box, (column, row, column + wide, row + high)))
            line = start + np.linspace(0, 1, 50)[:, None] * (end - start)
            if not _meet(line, 0, 0, others).any():
                return column, row
        return None

    def _lead(self, box: Box, label: Box) -> None:
        """A line from the label to the box, unless they are neighbours."""
        start, end = _shortest(box, label)
        if math.dist(start, end) <= self._size * 0.6:
            return
        draw, line = ImageDraw.Draw(self._image), max(1, round(self._size / 10))
        draw.line((*start, *end), fill=PAPER, width=3 * line)
        draw.line((*start, *end), fill=INK, width=line)


def _shortest(box: Box, label: Box) -> tuple[list[float], list[float]]:
    """The shortest line from a label to a box: where it starts and ends."""
    start: list[float] = []
    end: list[float] = []
    for low, high, near, far in (
        (box[0], box[2], label[0], label[2]),
        (box[1], box[3], label[1], label[3]),
    ):
        middle = (max(low, near) + min(high, far)) / 2 if max(low, near) <= min(high, far) else None
        end.append(middle if middle is not None else low if far < low else high)
        start.append(middle if middle is not None else far if far < low else near)
    return start, end


def _holds(outer: Box, inner: Box) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and inner[2] <= outer[2] and inner[3] <= outer[3]


def _meet(places: Array, wide: int, high: int, obstacles: Sequence[Box]) -> Any:
    """Which of the rectangles at these places, (N, 2), overlap an obstacle: bool (N,)."""
    met = np.zeros(len(places), bool)
    for left, top, right, bottom in obstacles:
        x, y = places[:, 0], places[:, 1]
        met |= (x < right) & (left < x + wide) & (y < bottom) & (top < y + high)
    return met


def with_list(image: Image.Image, lines: Sequence[tuple[str, str, str]], size: float) -> Image.Image:
    """The picture with a list beside it, on its right.

    Args:
        image: RGB.
        lines: number, name and figures of each line.
        size: the size of the text, in pixels.

    Returns:
        A wider RGB image, and a higher one if the list is long.
    """
    face, pad = font(size), round(size)
    draw = ImageDraw.Draw(image)
    first, second, third = (
        max(draw.textlength(line[column], font=face) for line in lines) for column in range(3)
    )
    row = round(size * 1.7)
    width = round(first + second + third + 4 * pad)
    page = Image.new("RGB", (image.width + width, max(image.height, len(lines) * row + 2 * pad)), PAPER)
    page.paste(image, (0, 0))
    draw = ImageDraw.Draw(page)
    for place, (number, name, figures) in enumerate(lines):
        y, x = pad + (place + 0.5) * row, image.width + pad
        draw.text((x + first, y), number, fill=(110, 110, 118), font=face, anchor="rm")
        draw.text((x + first + pad, y), name, fill=INK, font=face, anchor="lm")
        draw.text((page.width - pad, y), figures, fill=INK, font=face, anchor="rm")
    return page


def save_png(image: Image.Image | Picture, path: Path) -> None:
    """Write a picture, whole or not at all.

    Raises:
        SalganError: it cannot be written.
    """
    with replacing(path) as part:
        (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(
            part, format="PNG", compress_level=3
        )


_WRITTEN_AS: dict[str, dict[str, Any]] = {
    ".png": {"format": "PNG", "compress_level": 3},
    # Without subsampling: the edges of text would be smeared by the colours of the heatmap.
    ".jpg": {"format": "JPEG", "quality": 90, "subsampling": 0},
    ".webp": {"format": "WEBP", "quality": 90},
}
_MOST_SIDE = {".jpg": 65_500, ".webp": 16_383}


def save_picture(picture: Picture, path: Path) -> None:
    """Write a picture as its name's ending says (.png, .jpg or .webp), whole or not at all.

    Raises:
        SalganError: it cannot be written, or has more pixels along a side than the format allows.
    """
    content = encoded(picture, path.suffix.lower())
    with replacing(path) as part:
        part.write_bytes(content)


def encoded(picture: Picture, ending: str) -> bytes:
    """The bytes of a picture's file of a given ending: .png, .jpg or .webp.

    Raises:
        SalganError: it has more pixels along a side than the format allows.
    """
    most, longer = _MOST_SIDE.get(ending), max(picture.shape[:2])
    if most is not None and longer > most:
        raise SalganError(f"{longer} pixels along a side are too many for {ending}; take .png")
    file = io.BytesIO()
    Image.fromarray(picture).save(file, **_WRITTEN_AS[ending])
    return file.getvalue()
