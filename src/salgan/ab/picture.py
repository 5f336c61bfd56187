"""The picture of a comparison: both heatmaps, where attention moved, and the shares as bars."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from salgan import render
from salgan._arrays import Array, Picture
from salgan._drawing import Box, Tags, drawable, font, frame
from salgan.ab.difference import RegionChange, VariantComparison
from salgan.errors import ImageError
from salgan.regions import VIEWS, RegionShare, Shares
from salgan.saliency_map import SaliencyMap

__all__ = ["difference_look", "diverging", "draw", "draw_difference", "draw_variants"]


_PANEL = (600, 760)  # the most pixels that a panel is wide and high
_GAP = 36
_TEXT = 17.0
_PAGE, _INK, _DIM = (252, 252, 251), (28, 28, 34), (110, 110, 118)
_PERCENTILE = 98
_COLUMNS = 3
_BAR, _MOST_ROWS = 16, 40
_BAR_COLOURS = ((168, 168, 178), (76, 70, 110))
_NOTHING = 0.0005  # a change of share that rounds to 0.0 points
_FAINT = 0.1
"""The colour scale ends at no less than this part of the densities' own height."""
_FADE, _OPACITY, _OPAQUE_FROM = 0.5, 0.88, 0.35


@lru_cache(maxsize=1)
def diverging() -> Picture:
    """Colours of a difference: uint8 RGB (255, 3), blue for less, near white for none, orange for more.

    Lightness and chroma (:func:`salgan.render.oklch`) are the same on either side, so that neither looks
    stronger than the other; they change evenly towards both ends.
    """
    away = np.linspace(-1, 1, 255)
    strength = np.abs(away)
    table = render.oklch(0.97 - 0.37 * strength, 0.165 * strength, np.where(away < 0, 256.0, 48.0))
    table.setflags(write=False)
    return table


def difference_look() -> dict[str, Any]:
    """What a painter elsewhere, such as the service's page, needs to draw as :func:`draw_difference` does.

    Returns:
        JSON values: the ``colours`` of :func:`diverging`, the ``percentile`` of the differences' size at
        which the scale ends, but not before ``faint`` over the number of pixels, how far the picture may
        ``fade`` to white, the ``opacity`` of strong colours, and ``opaque_from`` which part of the scale
        they have it.
    """
    return {
        "colours": diverging().tolist(),
        "percentile": _PERCENTILE,
        "faint": _FAINT,
        "fade": _FADE,
        "opacity": _OPACITY,
        "opaque_from": _OPAQUE_FROM,
    }


def draw_difference(picture: Picture, difference: Array) -> Picture:
    """Lay a difference of densities over a picture that fades to grey: blue lost attention, orange gained it.

    The scale is symmetric: the same colour strength is the same amount on either side. It ends at the 98th
    percentile of the differences' size, but never at so little that rounding would show.

    Args:
        picture: uint8 RGB (H, W, 3).
        difference: (h, w), any size; scaled to the picture's.

    Returns:
        uint8 RGB (H, W, 3), a new array.
    """
    height, width = picture.shape[:2]
    size = np.abs(difference)
    # A uniform density would be 1 / size everywhere, and a peak is some ten times as high.
    end = max(float(np.percentile(size, _PERCENTILE)), _FAINT / difference.size)
    signed = Image.fromarray((difference / end).astype(np.float32))
    at = np.asarray(signed.resize((width, height), Image.Resampling.BILINEAR)).clip(-1, 1)
    grey = np.asarray(Image.fromarray(picture).convert("L"), dtype=np.float32)[..., None]
    faded = 255 - (255 - grey) * np.float32(_FADE)
    ramp = np.minimum(np.abs(at) / np.float32(_OPAQUE_FROM), 1)
    weight = (np.float32(_OPACITY) * ramp * ramp * (3 - 2 * ramp))[..., None]
    colour = diverging()[np.rint(127 + 127 * at).astype(np.intp)]
    return np.asarray(np.rint(faded + (colour - faded) * weight), dtype=np.uint8)


def draw(
    result: VariantComparison,
    pictures: tuple[Picture, Picture],
    maps: tuple[SaliencyMap, SaliencyMap],
    names: tuple[str, str] = ("", ""),
) -> Picture:
    """Draw a comparison as one page: A and B with heatmap and regions, the difference over B, the shares.

    Args:
        result: what :func:`~salgan.ab.compare_variants` gave for the two maps.
        pictures: the two, uint8 RGB (H, W, 3).
        maps: theirs.
        names: to write beside "A" and "B".

    Returns:
        uint8 RGB, about 1,900 pixels wide.

    Raises:
        ImageError: a picture is not uint8 RGB, or not as large as its map.
    """
    return draw_variants([result], pictures, maps, names)


def draw_variants(
    results: Sequence[VariantComparison],
    pictures: Sequence[Picture],
    maps: Sequence[SaliencyMap],
    names: Sequence[str],
) -> Picture:
    """Draw a comparison of any number of variants with the first one, as one page.

    It shows each variant with heatmap and regions, the differences from A, and the shares as bars with their
    intervals.

    Args:
        results: for each variant after the first how it differs from that.
        pictures: all of them, uint8 RGB (H, W, 3), one more than there are results.
        maps: theirs.
        names: to write beside "A", "B" and so on.

    Returns:
        uint8 RGB, about 1,900 pixels wide.

    Raises:
        ImageError: a picture is not uint8 RGB, or not as large as its map.
    """
    for picture, saliency in zip(pictures, maps, strict=True):
        if picture.dtype != np.uint8 or picture.shape != (*saliency.array.shape, 3):
            raise ImageError(
                f"page: a picture is {picture.dtype} {picture.shape}, its map {saliency.array.shape}"
            )
    shares = [results[0].a, *(result.b for result in results)]
    letters = string.ascii_uppercase[: len(shares)]
    names_of_regions = list(dict.fromkeys(each.name for report in shares for each in report.regions))
    numbers = {name: number for number, name in enumerate(names_of_regions[:_MOST_ROWS], start=1)}
    panels = [
        (f"{letter}   {drawable(name, '')}".strip(), _panel(picture, saliency, each, numbers))
        for letter, name, picture, saliency, each in zip(letters, names, pictures, maps, shares, strict=True)
    ]
    for letter, picture, result in zip(letters[1:], pictures[1:], results, strict=True):
        title = f"Where attention moved, on {letter}" if len(results) == 1 else f"From A to {letter}"
        panels.append((title, _difference_panel(picture, result, numbers)))
    column = max(420, *(panel.width for _, panel in panels))
    rows = [panels[start : start + _COLUMNS] for start in range(0, len(panels), _COLUMNS)]
    lefts = [_GAP + number * (column + _GAP) for number in range(_COLUMNS)]
    top = _GAP
    tops = []
    for row in rows:
        tops.append(top)
        top += round(_TEXT * 2) + max(panel.height for _, panel in row) + round(_GAP * 0.8)
    bars = _bars(shares, letters, numbers)
    left_out = len(names_of_regions) - len(numbers)
    beside = 54 + len(results) * round(_TEXT * 1.5)
    high = sum(height for height, _ in bars) + 40 if bars else 0
    below = max(high + (round(_TEXT * 1.5) if left_out else 0), 130, beside)
    page = Image.new("RGB", (_COLUMNS * column + (_COLUMNS + 1) * _GAP, top + below + _GAP), _PAGE)
    pen = ImageDraw.Draw(page)
    for row, y in zip(rows, tops, strict=True):
        for left, (title, panel) in zip(lefts, row, strict=False):
            pen.text((left, y), _shortened(pen, title, column), fill=_INK, font=font(_TEXT * 1.15))
            page.paste(panel, (left, y + round(_TEXT * 2)))
    _draw_bars(pen, bars, lefts[0], top, 2 * column + _GAP)
    if left_out:
        pen.text((lefts[0], top + high), f"and {left_out:,} more regions", fill=_DIM, font=font(_TEXT))
    _draw_summary(page, results, letters[1:], lefts[2], top, column)
    return np.array(page)


def _fitted(width: int, height: int) -> tuple[int, int]:
    scale = min(_PANEL[0] / width, _PANEL[1] / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _panel(
    picture: Picture, saliency: SaliencyMap, shares: Shares, numbers: Mapping[str, int]
) -> Image.Image:
    size = _fitted(shares.width, shares.height)
    small = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))
    values = Image.fromarray(saliency.array).resize(size, Image.Resampling.BILINEAR)
    overlay = render.overlay(small, SaliencyMap(np.clip(np.asarray(values), 0, 1)), opacity=0.6)
    labels = [f"{each.share:.1%}" if each.area else "" for each in shares.regions]
    return _with_regions(overlay, shares, labels, numbers)


def _difference_panel(picture: Picture, result: VariantComparison, numbers: Mapping[str, int]) -> Image.Image:
    size = _fitted(result.b.width, result.b.height)
    small = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))
    words = {each.name: _change_in_words(each)[0].removesuffix(" points") for each in result.regions}
    labels = [words.get(each.name, "") if each.area else "" for each in result.b.regions]
    return _with_regions(draw_difference(small, result.difference), result.b, labels, numbers)


def _with_regions(
    pixels: Picture, shares: Shares, labels: Sequence[str], numbers: Mapping[str, int]
) -> Image.Image:
    """Frames and labels; a region without room for its label gets the number that stands before its bars.

    Regions without bars have neither.
    """
    labels = [
        label if each.name in numbers else "" for each, label in zip(shares.regions, labels, strict=True)
    ]
    height, width = pixels.shape[:2]
    scale = (width / shares.width, height / shares.height)
    places = [each.region.in_pixels(shares.width, shares.height) * scale for each in shares.regions]
    for label, corners in zip(labels, places, strict=True):
        if label:
            frame(pixels, corners, 2.0)
    image = Image.fromarray(pixels)
    held = [np.clip(corners, 0, [width, height]) for corners in places]
    boxes: list[Box] = [(*corners.min(axis=0), *corners.max(axis=0)) for corners in held]
    tags = Tags(image, _TEXT * 0.9, [box for box, label in zip(boxes, labels, strict=True) if label])
    for each, label, box in zip(shares.regions, labels, boxes, strict=True):
        if label and not tags.add(box, drawable(each.name, f"#{numbers[each.name]}"), label):
            tags.mark(box, str(numbers[each.name]))
    return image


@dataclass(frozen=True)
class _Bar:
    """One variant's bar of a region, and what to say behind it."""

    letter: str
    share: float
    interval: tuple[float, float] | None
    words: str
    colour: tuple[int, int, int]


def _bars(
    shares: Sequence[Shares], letters: str, numbers: Mapping[str, int]
) -> list[tuple[int, tuple[str, list[_Bar]]]]:
    """For each region its height on the page, its name, and its bars."""
    found = []
    for name, number in numbers.items():
        bars: list[_Bar] = []
        first: RegionShare | None = None
        for letter, report in zip(letters, shares, strict=True):
            here = next((each for each in report.regions if each.name == name), None)
            if here is None:
                continue
            words, colour = "", _DIM
            if letter == letters[0]:
                first = here
            elif first is not None:
                words, colour = _change_in_words(RegionChange(first, here))
            bars.append(_Bar(letter, here.share, here.interval, words, colour))
        found.append((len(bars) * (_BAR + 6) + 18, (f"{number}  {drawable(name, '')}", bars)))
    return found


def _change_in_words(change: RegionChange) -> tuple[str, tuple[int, int, int]]:
    if change.differs is False:
        return "no difference", _DIM
    if abs(change.change) < _NOTHING:
        return f"{_points(change.change)} points", _DIM
    less, more = (diverging()[place] for place in (8, -9))
    red, green, blue = (int(value) for value in (more if change.change > 0 else less))
    return f"{_points(change.change)} points", (red, green, blue)


def _draw_bars(
    pen: ImageDraw.ImageDraw, bars: list[tuple[int, tuple[str, list[_Bar]]]], left: int, top: int, width: int
) -> None:
    """For each region its share in every variant as a bar, and the change from A in points."""
    if not bars:
        return
    face, small = font(_TEXT), font(_TEXT * 0.85)
    has_intervals = any(bar.interval for _, (_, each) in bars for bar in each)
    title = "Share of the attention" + (f", and its range in {VIEWS} views" if has_intervals else "")
    pen.text((left, top), title, fill=_DIM, font=face)
    ends = [(bar.interval or (0, bar.share))[1] for _, (_, each) in bars for bar in each]
    longest = max(ends, default=0) or 1.0
    names, figures, changes = 200, 70, 150
    start = left + names + 20
    room = width - names - figures - changes - 24
    y = top + 40
    for height, (name, each) in bars:
        middle = y + (len(each) * (_BAR + 6) - 6) / 2
        pen.text((left, middle), _shortened(pen, name, names - 16), fill=_INK, font=face, anchor="lm")
        for line, bar in enumerate(each):
            above = y + line * (_BAR + 6)
            length = max(2, round(bar.share / longest * room))
            centre = above + _BAR / 2
            pen.text((start - 8, centre), bar.letter, fill=_DIM, font=small, anchor="rm")
            colour = _BAR_COLOURS[min(line, 1)]
            pen.rounded_rectangle((start, above, start + length, above + _BAR - 1), 3, fill=colour)
            end = start + length
            if bar.interval is not None:
                low, high = (start + round(share / longest * room) for share in bar.interval)
                pen.line((low, centre, high, centre), fill=_INK, width=2)
                for x in (low, high):
                    pen.line((x, centre - 4, x, centre + 4), fill=_INK, width=2)
                end = max(end, high)
            pen.text((end + 8, centre), f"{bar.share:.1%}", fill=_INK, font=small, anchor="lm")
            if bar.words:
                at = middle if len(each) == 2 else centre
                pen.text((left + width, at), bar.words, fill=bar.colour, font=face, anchor="rm")
        y += height


def _draw_summary(
    page: Image.Image, results: Sequence[VariantComparison], letters: str, left: int, top: int, width: int
) -> None:
    """The colour scale of the differences, and how far attention moved."""
    pen = ImageDraw.Draw(page)
    face, small = font(_TEXT), font(_TEXT * 0.85)
    bar = Image.fromarray(diverging()[None]).resize((width, 14), Image.Resampling.BILINEAR)
    page.paste(bar, (left, top + 3))
    here = letters if len(letters) == 1 else "it than in A"
    pen.text((left, top + 24), f"less in {here}", fill=_DIM, font=small)
    pen.text((left + width, top + 24), f"more in {here}", fill=_DIM, font=small, anchor="ra")
    if len(results) > 1:
        for line, (letter, result) in enumerate(zip(letters, results, strict=True)):
            words = f"From A to {letter}: {result.moved:.1%} moved, CC {result.cc:.3f}"
            if result.differs is False:
                words += ", no difference"
            pen.text((left, top + 54 + line * round(_TEXT * 1.5)), words, fill=_INK, font=face)
        return
    (result,) = results
    number = f"{result.moved:.1%}"
    pen.text((left, top + 54), number, fill=_INK, font=font(_TEXT * 2.2))
    beside = left + pen.textlength(number, font=font(_TEXT * 2.2)) + 14
    pen.text((beside, top + 56), "of the attention", fill=_INK, font=face)
    place = "is in another place" + (": no difference" if result.differs is False else "")
    pen.text((beside, top + 78), place, fill=_INK, font=face)
    words = f"CC {result.cc:.3f}"
    if result.emd is not None:
        words += f"     EMD {result.emd:.1%} of the longer side"
    pen.text((left, top + 112), words, fill=_DIM, font=small)


def _points(change: float) -> str:
    return "0.0" if abs(change) < _NOTHING else f"{change * 100:+.1f}"


def _shortened(pen: ImageDraw.ImageDraw, text: str, width: int) -> str:
    if pen.textlength(text, font=font(_TEXT * 1.15)) <= width:
        return text
    while text and pen.textlength(text + "...", font=font(_TEXT * 1.15)) > width:
        text = text[:-1]
    return text + "..."
