"""Made-up pages, cards, charts and posters, with the boxes of their lines of text, to learn from.

Their words are letters at random, in the fonts that come with matplotlib; their pictures are given. Nobody
has looked at them: they teach where text is, not where people look.

    python experiments/lite/pages.py -o pages.png

draws twelve of them with their boxes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from salgan._arrays import Picture
from salgan._drawing import save_png
from salgan.errors import SalganError
from salgan.image import read

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""
Colour = tuple[int, int, int]
Area = tuple[float, float, float, float]
"""Left, top, width and height, in pixels."""

_FAMILIES = ("DejaVuSans", "DejaVuSerif", "STIXGeneral", "cmr10", "cmss10", "cmtt10")
FONTS = [
    path
    for path in sorted((Path(matplotlib.get_data_path()) / "fonts" / "ttf").glob("*.ttf"))
    if path.stem.startswith(_FAMILIES) and "Display" not in path.stem
]
SIZES = (
    *((1280, 1024), (1280, 1024), (1366, 768), (1200, 900), (1024, 768), (900, 1200), (750, 1334)),
    *((1000, 1000), (1600, 900)),
)
_LETTERS = np.array(list("etaoinshrdlucmfwypvbgkqjxz"))
_FREQUENCIES = np.array(
    [127, 91, 82, 75, 70, 67, 63, 61, 60, 43, 40, 28, 28, 24, 22, 24, 20, 19, 10, 15, 20, 8, 1, 2, 2, 1]
)
_LUMINANCE = (0.299, 0.587, 0.114)


@cache
def font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    """A font in a size in pixels."""
    return ImageFont.truetype(str(path), size)


def word(random: np.random.Generator) -> str:
    """Letters at random, as often as in English, or a number."""
    kind = random.random()
    if kind < 0.07:
        return str(random.integers(0, 10 ** int(random.integers(1, 6))))
    length = int(np.clip(random.poisson(4) + 1, 1, 12))
    letters = "".join(random.choice(_LETTERS, length, p=_FREQUENCIES / _FREQUENCIES.sum()))
    return letters.upper() if kind < 0.12 else letters.capitalize() if kind < 0.3 else letters


class Page:
    """A page in the making.

    Args:
        draw: decides everything.
        photographs: pictures to place, each with its own lines of text.
    """

    def __init__(self, draw: np.random.Generator, photographs: Sequence[tuple[Picture, list[Box]]]) -> None:
        self.random, self.photographs = draw, photographs
        self.width, self.height = SIZES[draw.integers(len(SIZES))]
        self.lines: list[Box] = []
        self.ground = self._tint(light=bool(draw.random() >= 0.22))
        self.image = Image.new("RGB", (self.width, self.height), self.ground)
        self.pen = ImageDraw.Draw(self.image)
        self.face = FONTS[draw.integers(len(FONTS))]

    def poster(self) -> None:
        """Words over a picture."""
        self.photograph((0, 0, self.width, self.height))
        for _ in range(self.random.integers(1, 5)):
            x, y = self._between(0, 0.4) * self.width, self._between(0, 0.85) * self.height
            size = float(self.random.choice([14, 20, 30, 50, 80, 120]))
            red, green, blue = self.image.getpixel((int(x), int(y)))  # type: ignore[misc]  # of an RGB picture
            wide = (self.width - x) * self._between(0.4, 0.95)
            high = min(self.height - y, 5 * size)
            ink = self._ink((red, green, blue))
            self.paragraph((x, y, wide, high), size, ink, most=int(self.random.integers(1, 5)))

    def divide(self, area: Area, depth: int) -> None:
        """Divide an area at random and fill its parts."""
        x, y, width, height = area
        small = width * height < 0.02 * self.width * self.height
        if depth == 0 or small or (depth < 3 and self.random.random() < 0.25):
            self.block((x + 8, y + 8, width - 16, height - 16))
            return
        part = self._between(0.25, 0.75)
        if (width > height) == (self.random.random() < 0.75):
            self.divide((x, y, width * part, height), depth - 1)
            self.divide((x + width * part, y, width * (1 - part), height), depth - 1)
        else:
            self.divide((x, y, width, height * part), depth - 1)
            self.divide((x, y + height * part, width, height * (1 - part)), depth - 1)

    def block(self, area: Area) -> None:
        """Fill an area with one thing, or leave it empty."""
        x, y, width, height = area
        if width < 60 or height < 24:
            return
        around = self.ground
        if self.random.random() < 0.3:  # a card
            self.ground = self._tint(light=bool(self.random.random() < 0.6))
            corner = [x, y, x + width, y + height]
            self.pen.rounded_rectangle(corner, int(self.random.integers(20)), fill=self.ground)
            pad = min(width, height) * 0.06
            x, y, width, height = x + pad, y + pad, width - 2 * pad, height - 2 * pad
        area, ink, kind = (x, y, width, height), self._ink(self.ground), self.random.random()
        if kind < 0.30:
            end = y
            if self.random.random() < 0.6:
                size = self._between(18, min(64, max(20, height * 0.3)))
                end = self.paragraph(area, size, ink, most=int(self.random.integers(1, 3))) + 4
            self.paragraph((x, end, width, y + height - end), self._between(9, 22), ink)
        elif kind < 0.42:
            size = self._between(24, min(110, max(25, height * 0.6)))
            self.paragraph(area, size, ink, most=int(self.random.integers(1, 4)))
        elif kind < 0.62:
            self.photograph(area)
        elif kind < 0.70:
            self.chart((x + width * 0.1, y + height * 0.05, width * 0.85, height * 0.8))
        elif kind < 0.78:
            self.buttons(area)
        elif kind < 0.86:
            self.menu(area, ink)
        elif kind < 0.93:
            self.shapes(area)
        self.ground = around

    def line(self, x: float, y: float, size: float, text: str, ink: Colour) -> float:
        """Write a line; returns its length."""
        face = font(self.face, int(size))
        self.pen.text((x, y), text, fill=ink, font=face)
        self.lines.append(self.pen.textbbox((x, y), text, font=face))
        return face.getlength(text)

    def paragraph(self, area: Area, size: float, ink: Colour, most: int = 99) -> float:
        """Fill an area with at most so many lines; returns where the next one would begin."""
        x, y, width, height = area
        bottom, lead = y + height, size * self._between(1.2, 1.7)
        for _ in range(most):
            if y + size * 1.2 >= bottom:
                break
            last = self.random.random() < 0.15
            if text := self._fitting(size, width * (self._between(0.2, 0.9) if last else 1)):
                self.line(x, y, size, text, ink)
            y += lead * (1.6 if last else 1)
        return y

    def menu(self, area: Area, ink: Colour) -> None:
        """Words in a row."""
        x, y, width, height = area
        size, end = self._between(11, 20), x + width * 0.9
        while x < end:
            x += self.line(x, y + height * 0.3, size, word(self.random), ink) + size * self._between(1, 3)

    def buttons(self, area: Area) -> None:
        """Filled rectangles with labels."""
        x, y, width, height = area
        size = self._between(11, 24)
        for _ in range(self.random.integers(1, 4)):
            left, top = x + self._between(0, width * 0.5), y + self._between(0, height * 0.8)
            label = " ".join(word(self.random) for _ in range(self.random.integers(1, 4)))
            length, fill = font(self.face, int(size)).getlength(label), self._colour()
            corners = [left - size, top - size * 0.5, left + length + size, top + size * 1.7]
            self.pen.rounded_rectangle(corners, int(self.random.integers(15)), fill=fill)
            self.line(left, top, size, label, self._ink(fill))

    def photograph(self, area: Area) -> None:
        """A part of one of the photographs, with the lines of text in it."""
        x, y, width, height = area
        if width < 8 or height < 8 or not self.photographs:
            return
        picture, lines = self.photographs[self.random.integers(len(self.photographs))]
        rows, columns = picture.shape[:2]
        wide = int(columns * self._between(0.5, 1))
        high = max(8, min(rows, int(wide * height / width)))
        wide = max(8, min(columns, int(high * width / height)))
        left, top = int(self.random.integers(columns - wide + 1)), int(self.random.integers(rows - high + 1))
        part = Image.fromarray(picture[top : top + high, left : left + wide])
        self.image.paste(part.resize((int(width), int(height))), (int(x), int(y)))
        for line in lines:
            across = (np.clip(line[0::2], left, left + wide) - left) * width / wide + x
            down = (np.clip(line[1::2], top, top + high) - top) * height / high + y
            if across[1] > across[0] and down[1] > down[0]:
                self.lines.append((across[0], down[0], across[1], down[1]))

    def chart(self, area: Area) -> None:
        """Bars, points, curves or slices, with labels at the axes."""
        x, y, width, height = area
        ink, size, kind = self._ink(self.ground), int(self.random.integers(9, 18)), self.random.integers(4)
        axes = [(x, y), (x, y + height), (x + width, y + height)]
        self.pen.line(axes, fill=ink, width=int(self.random.integers(1, 4)))
        count = int(self.random.integers(3, 14))
        for number in range(count):
            left, top = x + width * (number + 0.2) / count, y + height * (1 - self._between(0.1, 0.95))
            if kind == 0:
                corners = [left, top, left + width * 0.6 / count, y + height]
                self.pen.rectangle(corners, fill=self._colour())
            elif kind == 1:
                corners = [left, top, left + self._between(4, 30), top + self._between(4, 30)]
                self.pen.ellipse(corners, fill=self._colour())
            if self.random.random() < 0.6:
                longest = int(max(1, width / count / size * 1.6))
                self.line(left, y + height + 4, size, word(self.random)[:longest], ink)
            level = y + height * number / count
            if self.random.random() < 0.5:
                self.line(max(0, x - size * 2.6), level, size, str(self.random.integers(999)), ink)
            if self.random.random() < 0.3:
                mixed = [int(0.7 * one + 0.3 * other) for one, other in zip(self.ground, ink, strict=True)]
                self.pen.line([(x, level), (x + width, level)], fill=(mixed[0], mixed[1], mixed[2]))
        if kind == 2:
            for _ in range(self.random.integers(1, 5)):
                steps = self.random.normal(0, height * 0.1, count).cumsum() + y + height / 2
                heights = np.clip(steps, y, y + height).tolist()
                points = [(x + width * number / count, level) for number, level in enumerate(heights)]
                self.pen.line(points, fill=self._colour(), width=int(self.random.integers(1, 6)))
        elif kind == 3:
            start, side = 0.0, min(width, height)
            for _ in range(count):
                end = start + 360 / count * self._between(0.5, 1)
                self.pen.pieslice([x, y, x + side, y + side], start, end, fill=self._colour())
                start = end

    def shapes(self, area: Area) -> None:
        """Icons without words."""
        x, y, width, height = area
        for _ in range(self.random.integers(1, 8)):
            left, top, side = x + self._between(0, width), y + self._between(0, height), self._between(6, 80)
            kind, fill, stroke = self.random.integers(3), self._colour(), int(self.random.integers(1, 5))
            if kind == 0:
                self.pen.ellipse([left, top, left + side, top + side], fill=fill)
            elif kind == 1:
                corners = [left, top, left + side * self._between(0.3, 3), top + side]
                self.pen.rectangle(corners, outline=fill, width=stroke)
            else:
                ends = [left, top, left + side, top + self._between(-side, side)]
                self.pen.line(ends, fill=fill, width=stroke)

    def _between(self, low: float, high: float) -> float:
        return float(self.random.uniform(low, high))

    def _colour(self) -> Colour:
        red, green, blue = self.random.integers(0, 256, 3).tolist()
        return red, green, blue

    def _tint(self, *, light: bool) -> Colour:
        """A light or a dark colour, grey in one case of two."""
        colour = np.array(self._colour()) // 4
        if self.random.random() < 0.5:
            colour = np.full(3, self.random.integers(0, 20 if light else 60))
        red, green, blue = (255 - colour if light else colour).tolist()
        return red, green, blue

    def _ink(self, ground: Colour) -> Colour:
        """A colour that can be read on another."""
        bright = float(np.dot(ground, _LUMINANCE))
        for _ in range(20):
            ink = self._tint(light=bright < 128) if self.random.random() < 0.75 else self._colour()
            if abs(float(np.dot(ink, _LUMINANCE)) - bright) > 70:
                return ink
        return (255, 255, 255) if bright < 128 else (0, 0, 0)

    def _fitting(self, size: float, width: float) -> str:
        """As many words as fit into a line, at most 40; none if the first does not."""
        face, words = font(self.face, int(size)), [word(self.random)]
        while len(words) <= 40 and face.getlength(" ".join(words)) < width:
            words.append(word(self.random))
        return " ".join(words[:-1])


def page(seed: int, photographs: Sequence[tuple[Picture, list[Box]]]) -> tuple[Picture, list[Box]]:
    """A made-up page and its lines of text; the same seed and photographs always give the same.

    Args:
        seed: decides everything.
        photographs: to be placed in it, each with its own lines of text.
    """
    random = np.random.default_rng(seed)
    made = Page(random, photographs)
    if random.random() < 0.3 and photographs:
        made.poster()
    else:
        made.divide((0, 0, made.width, made.height), int(random.integers(2, 6)))
    return np.asarray(made.image), made.lines


def main() -> None:
    """Draw twelve pages with their boxes."""
    parser = argparse.ArgumentParser(description="Draw twelve made-up pages with the boxes of their text.")
    parser.add_argument("-o", "--out", type=Path, required=True)
    arguments = parser.parse_args()
    photograph = read(Path(__file__).parents[2] / "examples" / "photo.jpg")
    sheet = Image.new("RGB", (1600, 1200))
    for number in range(12):
        picture, lines = page(number, [(photograph, [])])
        image = Image.fromarray(picture)
        pen = ImageDraw.Draw(image)
        for line in lines:
            pen.rectangle(line, outline=(255, 0, 0))
        image.thumbnail((400, 400))
        sheet.paste(image, (number % 4 * 400, number // 4 * 400))
    save_png(np.asarray(sheet), arguments.out)


if __name__ == "__main__":
    try:
        main()
    except SalganError as error:
        sys.exit(f"error: {error}")
