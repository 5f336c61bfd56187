"""The picture of a comparison: both heatmaps, where attention moved, and the shares as bars."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from salgan import render
from salgan._arrays import Array, Picture
from salgan._drawing import Tags, drawable, font, frame
from salgan.ab.difference import RegionChange, VariantComparison
from salgan.errors import ImageError
from salgan.regions import Shares
from salgan.saliency_map import SaliencyMap

__all__ = ["diverging", "draw", "draw_difference"]


_PANEL = (600, 760)  # the most pixels that a panel is wide and high
_GAP = 36
_TEXT = 17.0
_PAGE, _INK, _DIM = (252, 252, 251), (28, 28, 34), (110, 110, 118)
_PERCENTILE = 98
_BAR, _ROW, _MOST_ROWS = 16, 62, 40
_BAR_COLOURS = ((168, 168, 178), (76, 70, 110))
_NOTHING = 0.0005  # a change of share that rounds to 0.0 points
_FAINT = 0.1
"""The colour scale ends at no less than this part of the densities' own height."""


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
    faded = 255 - (255 - grey) * np.float32(0.5)
    ramp = np.minimum(np.abs(at) / np.float32(0.35), 1)
    weight = (np.float32(0.88) * ramp * ramp * (3 - 2 * ramp))[..., None]
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
    for picture, saliency in zip(pictures, maps, strict=True):
        if picture.dtype != np.uint8 or picture.shape != (*saliency.array.shape, 3):
            raise ImageError(
                f"page: a picture is {picture.dtype} {picture.shape}, its map {saliency.array.shape}"
            )
    panels = [
        _panel(picture, saliency, shares)
        for picture, saliency, shares in zip(pictures, maps, (result.a, result.b), strict=True)
    ]
    panels.append(_difference_panel(pictures[1], result))
    column, tallest = max(panel.width for panel in panels), max(panel.height for panel in panels)
    column = max(column, 420)
    top = _GAP + round(_TEXT * 2)
    bars = _bars_height(len(result.regions))
    below = top + tallest + round(_GAP * 0.8)
    page = Image.new("RGB", (3 * column + 4 * _GAP, below + max(bars, 130) + _GAP), _PAGE)
    pen = ImageDraw.Draw(page)
    titles = [f"A   {drawable(names[0], '')}", f"B   {drawable(names[1], '')}", "Where attention moved, on B"]
    lefts = [_GAP + number * (column + _GAP) for number in range(3)]
    for left, title, panel in zip(lefts, titles, panels, strict=True):
        pen.text((left, _GAP), _shortened(pen, title.strip(), column), fill=_INK, font=font(_TEXT * 1.15))
        page.paste(panel, (left, top))
    _draw_bars(pen, result.regions, lefts[0], below, 2 * column + _GAP)
    _draw_summary(page, result, lefts[2], below, column)
    return np.array(page)


def _fitted(width: int, height: int) -> tuple[int, int]:
    scale = min(_PANEL[0] / width, _PANEL[1] / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _panel(picture: Picture, saliency: SaliencyMap, shares: Shares) -> Image.Image:
    size = _fitted(shares.width, shares.height)
    small = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))
    values = Image.fromarray(saliency.array).resize(size, Image.Resampling.BILINEAR)
    overlay = render.overlay(small, SaliencyMap(np.clip(np.asarray(values), 0, 1)), opacity=0.6)
    labels = [f"{each.share:.1%}" if each.area else "" for each in shares.regions]
    return _with_regions(overlay, shares, labels)


def _difference_panel(picture: Picture, result: VariantComparison) -> Image.Image:
    size = _fitted(result.b.width, result.b.height)
    small = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))
    labels = [_points(each.change) if each.b.area else "" for each in result.regions]
    return _with_regions(draw_difference(small, result.difference), result.b, labels)


def _with_regions(pixels: Picture, shares: Shares, labels: list[str]) -> Image.Image:
    height, width = pixels.shape[:2]
    scale = (width / shares.width, height / shares.height)
    places = [each.region.in_pixels(shares.width, shares.height) * scale for each in shares.regions]
    for label, corners in zip(labels, places, strict=True):
        if label:
            frame(pixels, corners, 2.0)
    image = Image.fromarray(pixels)
    tags = Tags(image, _TEXT * 0.9)
    for number, (each, label, corners) in enumerate(zip(shares.regions, labels, places, strict=True), 1):
        if label:
            held = np.clip(corners, 0, [width, height])
            (left, top), (right, bottom) = held.min(axis=0), held.max(axis=0)
            tags.add((left, top, right, bottom), drawable(each.name, f"#{number}"), label)
    return image


def _bars_height(regions: int) -> int:
    return 40 + min(regions, _MOST_ROWS) * _ROW if regions else 0


def _draw_bars(
    pen: ImageDraw.ImageDraw, regions: tuple[RegionChange, ...], left: int, top: int, width: int
) -> None:
    """For each region its share in A and in B as bars, and the change in points."""
    if not regions:
        return
    face, small = font(_TEXT), font(_TEXT * 0.85)
    pen.text((left, top), "Share of the attention", fill=_DIM, font=face)
    longest = max(max(each.a.share, each.b.share) for each in regions) or 1.0
    names, figures, changes = 200, 70, 150
    room = width - names - figures - changes
    colours = (tuple(map(int, diverging()[8])), tuple(map(int, diverging()[-9])))
    for row, each in enumerate(regions[:_MOST_ROWS]):
        y = top + 40 + row * _ROW
        name = _shortened(pen, drawable(each.name, f"#{row + 1}"), names - 16)
        pen.text((left, y + _BAR + 3), name, fill=_INK, font=face, anchor="lm")
        for line, (letter, share) in enumerate((("A", each.a.share), ("B", each.b.share))):
            bar = y + line * (_BAR + 6)
            length = max(2, round(share / longest * (room - 24)))
            start = left + names + 20
            pen.text((start - 8, bar + _BAR / 2), letter, fill=_DIM, font=small, anchor="rm")
            pen.rounded_rectangle((start, bar, start + length, bar + _BAR - 1), 3, fill=_BAR_COLOURS[line])
            pen.text((start + length + 8, bar + _BAR / 2), f"{share:.1%}", fill=_INK, font=small, anchor="lm")
        fill = _DIM if abs(each.change) < _NOTHING else colours[each.change > 0]
        pen.text(
            (left + width, y + _BAR + 3), f"{_points(each.change)} points", fill=fill, font=face, anchor="rm"
        )


def _draw_summary(page: Image.Image, result: VariantComparison, left: int, top: int, width: int) -> None:
    """The colour scale of the difference, and how far attention moved."""
    pen = ImageDraw.Draw(page)
    face, small = font(_TEXT), font(_TEXT * 0.85)
    bar = Image.fromarray(diverging()[None]).resize((width, 14), Image.Resampling.BILINEAR)
    page.paste(bar, (left, top + 3))
    pen.text((left, top + 24), "less in B", fill=_DIM, font=small)
    pen.text((left + width, top + 24), "more in B", fill=_DIM, font=small, anchor="ra")
    number = f"{result.moved:.1%}"
    pen.text((left, top + 54), number, fill=_INK, font=font(_TEXT * 2.2))
    beside = left + pen.textlength(number, font=font(_TEXT * 2.2)) + 14
    pen.text((beside, top + 56), "of the attention", fill=_INK, font=face)
    pen.text((beside, top + 78), "is in another place", fill=_INK, font=face)
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
