"""Pictures of saliency maps for people: a heatmap laid over the photograph, and other ways to see it.

Pure functions: arrays in, arrays out.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from salgan._arrays import Map, Picture
from salgan._words import did_you_mean
from salgan.errors import ConfigError, ImageError
from salgan.render.contours import CONTOUR_SHARES, draw_contours, sample
from salgan.render.palettes import colours, palette_for, tone_of, tones
from salgan.saliency_map import SaliencyMap

__all__ = ["VIEWS", "heat", "look", "overlay"]

VIEWS = ("heat", "fog", "contours", "focus")
"""The ways to see where people look: colours; fog over everything else; lines; sharpness and colour."""

_PERCENTILES = (25.0, 99.5)
_GAMMA = 0.8
_OPAQUE_FROM = 0.6
_BAND = 256
_FOG = {"light": (34, 34, 42), "middle": (20, 20, 26), "dark": (226, 226, 232)}
_LEGEND_PAPER, _LEGEND_INK = (252, 252, 251), (28, 28, 34)


def heat(saliency: SaliencyMap) -> Map:
    """Scale a map for viewing: float32 (H, W) in [0, 1].

    The lower quartile becomes 0 and the 99.5th percentile 1, so that one hot spot does not hide the rest;
    a gentle gamma lifts the middle. A flat map, which favours no place, is 0 everywhere.
    """
    return _scaled(saliency.array, *_ends(saliency.array))


def _ends(array: Map) -> tuple[float, float]:
    """Which values become 0 and 1; equal where the map is flat."""
    low, high = np.percentile(sample(array), _PERCENTILES)
    if high <= low:  # nearly flat: what stands out is smaller than the percentiles see, or nothing does
        low, high = array.min(), array.max()
    return float(low), float(high)


def _scaled(array: Map, low: float, high: float) -> Map:
    if high <= low:
        return np.zeros_like(array)
    scaled = (array - np.float32(low)) / np.float32(high - low)
    np.clip(scaled, 0, 1, out=scaled)
    scaled **= np.float32(_GAMMA)
    return scaled


def look() -> dict[str, Any]:
    """What a painter elsewhere, such as the service's page, needs to draw maps as this module does.

    Returns:
        JSON values: the ``tones`` (from which median luminance on a picture is light, to which it is dark,
        and for each the 256 colours of its palette and the blend mode they are laid on with), the
        ``percentiles`` and the ``gamma`` of :func:`heat`,
        ``opaque_from`` (the heat from which :func:`overlay` is as opaque as it gets; below, smoothstep), the
        ``contour_shares``, and how many values a ``sample`` for percentiles and shares has at least.
    """
    return {
        "tones": tones(),
        "percentiles": list(_PERCENTILES),
        "gamma": _GAMMA,
        "opaque_from": _OPAQUE_FROM,
        "contour_shares": list(CONTOUR_SHARES),
        "sample": 500_000,
    }


def overlay(
    picture: Picture,
    saliency: SaliencyMap,
    *,
    opacity: float = 0.7,
    contours: bool = False,
    legend: bool | Literal["inside"] = False,
    palette: str = "auto",
    view: str = "heat",
    out: Picture | None = None,
) -> Picture:
    """Lay a map over its picture: a heatmap, clear where nobody looks and coloured where people do.

    Args:
        picture: uint8 RGB (H, W, 3).
        saliency: its map, (H, W).
        opacity: the opacity of the colours at the most salient places, or of the fog at the least salient
            ones, 0 to 1.
        contours: draw the outlines of the smallest regions that hold 25, 50 and 75 % of the attention.
        legend: draw a colour bar below the picture, if that is large enough to read it; ``"inside"`` draws it
            into the lower right corner, which keeps the size.
        palette: one of :data:`salgan.render.PALETTES`; ``"auto"`` takes one that darkens light pictures, one
            that lights up dark ones, and ``"magma"`` for the rest.
        view: one of :data:`VIEWS`: ``"heat"``; ``"fog"``, which hides what nobody looks at; ``"contours"``
            alone; or ``"focus"``, which blurs the rest and takes its colours.
        out: an array like the picture, perhaps itself, that may be overwritten to save memory.

    Returns:
        uint8 RGB (H, W, 3), a new array or ``out``, with more rows if there is a legend below.

    Raises:
        ImageError: the picture is not uint8 RGB, or not as large as the map.
        ConfigError: the opacity is outside [0, 1], or there is no such palette or view.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ImageError(f"overlay: the picture is {picture.dtype} {picture.shape}, not uint8 (H, W, 3)")
    if picture.shape[:2] != saliency.array.shape:
        raise ImageError(
            f"overlay: the picture is {picture.shape[:2]}, its map {saliency.array.shape} (height, width)"
        )
    if not 0 <= opacity <= 1:
        raise ConfigError(f"opacity {opacity} is not between 0 and 1")
    if view not in VIEWS:
        raise ConfigError(f"view {view!r} is unknown; {did_you_mean(view, VIEWS)}")
    palette = palette_for(picture, palette)
    if view == "contours":
        result = picture.copy() if out is not picture else picture
    elif view == "heat":
        result = _heated(picture, saliency, opacity, palette, out)
    else:
        result = _cleared(picture, saliency, opacity, _behind(picture, view))
    if contours or view == "contours":
        draw_contours(result, saliency, bold=view == "contours")
    if legend:
        words = "lines hold 25, 50, 75 % of attention" if contours or view == "contours" else ""
        bar = palette if view == "heat" else None
        result = (
            _with_legend_inside(result, words, bar)
            if legend == "inside"
            else _with_legend(result, words, bar)
        )
    return result


def _heated(
    picture: Picture, saliency: SaliencyMap, opacity: float, palette: str, out: Picture | None
) -> Picture:
    weight = opacity * _ramp()
    table = colours(palette).astype(np.float64)
    # Ink on paper takes light away from what is there, a lamp adds some to it: text keeps its contrast.
    if palette == "paper":
        table = 255 - weight[:, None] * (255 - table)
    elif palette == "night":
        table *= weight[:, None]
    inks = np.rint(table).astype(np.uint8).tobytes()
    opacities = [round(255 * value) for value in weight]
    low, high = _ends(saliency.array)
    result = np.empty_like(picture) if out is None else out
    for top in range(0, len(picture), _BAND):  # a large picture takes several times its own memory on the way
        band = slice(top, top + _BAND)
        steps = _steps(saliency.array[band], low, high)
        mask = steps.point(opacities)
        steps.putpalette(inks)
        ink, below = steps.convert("RGB"), Image.fromarray(np.ascontiguousarray(picture[band]))
        if palette == "paper":
            drawn = ImageChops.multiply(below, ink)
        elif palette == "night":
            drawn = ImageChops.screen(below, ink)
        else:
            drawn = Image.composite(ink, below, mask)
        result[band] = np.asarray(drawn)
    return result


def _cleared(picture: Picture, saliency: SaliencyMap, opacity: float, behind: Image.Image) -> Picture:
    """The picture where people look, and something else where they do not."""
    most = 1 - (1 - opacity) ** 2  # what hides must be denser than colours that are looked through
    opacities = [round(255 * most * (1 - value)) for value in _ramp()]
    low, high = _ends(saliency.array)
    if high <= low:  # a flat map hides nothing
        return picture.copy()
    result = np.empty_like(picture)
    for top in range(0, len(picture), _BAND):
        band = slice(top, top + _BAND)
        mask = _steps(saliency.array[band], low, high).point(opacities)
        below = Image.fromarray(np.ascontiguousarray(picture[band]))
        over = behind.crop((0, top, below.width, top + below.height))
        result[band] = np.asarray(Image.composite(over, below, mask))
    return result


def _behind(picture: Picture, view: str) -> Image.Image:
    height, width = picture.shape[:2]
    tone = tone_of(picture)
    if view == "fog":
        return Image.new("RGB", (width, height), _FOG[tone])
    blurred = Image.fromarray(picture).filter(ImageFilter.BoxBlur(max(height, width) / 160))
    grey = blurred.convert("L").convert("RGB")
    return Image.blend(grey, Image.new("RGB", grey.size, "black" if tone == "dark" else "white"), 0.35)


def _ramp() -> Any:
    """How opaque each of 256 steps of heat is, 0 to 1: smoothstep, so that there is no edge at either end."""
    ramp = np.minimum(np.linspace(0, 1 / _OPAQUE_FROM, 256), 1)
    return ramp * ramp * (3 - 2 * ramp)


def _steps(array: Map, low: float, high: float) -> Image.Image:
    heat_of_band = _scaled(array, low, high)
    return Image.fromarray((heat_of_band * np.float32(255) + np.float32(0.5)).astype(np.uint8))


def _with_legend(result: Picture, words: str, palette: str | None) -> Picture:
    """The picture with a strip below it that says what the colours and lines mean."""
    height, width = result.shape[:2]
    text = min(height / 30, width / 46, 40.0)
    if text < 8 or not (words or palette):
        return result
    font, pad = ImageFont.load_default(text), round(text * 0.8)
    rows = round(text * 1.2) + 2 * pad
    strip = Image.new("RGB", (width, rows), _LEGEND_PAPER)
    draw = ImageDraw.Draw(strip)
    middle, left = rows / 2, pad
    if palette:
        draw.text((left, middle), "less", fill=_LEGEND_INK, font=font, anchor="lm")
        left += round(draw.textlength("less", font=font)) + pad
        bar = Image.fromarray(colours(palette)[None]).resize((round(text * 12), round(text * 0.8)))
        strip.paste(bar, (left, round(middle - text * 0.4)))
        left += bar.width + pad
        draw.text((left, middle), "more attention", fill=_LEGEND_INK, font=font, anchor="lm")
    if words:
        at = (width - pad, middle) if palette else (left, middle)
        draw.text(at, words, fill=_LEGEND_INK, font=font, anchor="rm" if palette else "lm")
    return np.concatenate([result, np.asarray(strip)])


def _with_legend_inside(result: Picture, words: str, palette: str | None) -> Picture:
    height, width = result.shape[:2]
    text = min(height / 36, width / 46)
    if text < 8 or not (words or palette):
        return result
    image = Image.fromarray(result)
    font = ImageFont.load_default(text)
    margin, pad, bar_height = round(text), round(text * 0.7), round(text * 0.6)
    bar_width = round(text * 13) if palette else 0
    line_height = round(text * 1.5)
    inner_width = max(bar_width, math.ceil(font.getlength(words)))
    inner_height = (bar_height + line_height if palette else 0) + (line_height if words else 0)
    right, bottom = width - margin, height - margin
    left, top = right - inner_width - 2 * pad, bottom - inner_height - 2 * pad
    panel = Image.new("L", image.size, 0)
    ImageDraw.Draw(panel).rounded_rectangle((left, top, right, bottom), radius=pad, fill=150)
    image.paste((12, 12, 16), mask=panel)
    draw, white, line = ImageDraw.Draw(image), (245, 245, 245), top + pad
    if palette:
        bar = Image.fromarray(colours(palette)[None, :])
        image.paste(bar.resize((inner_width, bar_height), Image.Resampling.BILINEAR), (left + pad, line))
        line += bar_height + round(text * 0.35)
        draw.text((left + pad, line), "less", fill=white, font=font)
        draw.text((right - pad, line), "more attention", fill=white, font=font, anchor="ra")
        line += line_height
    if words:
        draw.text((left + pad, line), words, fill=white, font=font)
    return np.array(image)
