"""Pictures of saliency maps for people: a heatmap laid over the photograph.

The colours run from violet through crimson and orange to pale yellow. They are computed here in OKLCh, a
space in which equal steps look equal (Björn Ottosson, 2020), with lightness always rising, so the map still
reads in grey and to the colour-blind. Pure functions: arrays in, arrays out.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from salgan._arrays import Array, Map, Picture
from salgan.errors import ConfigError, ImageError
from salgan.saliency_map import SaliencyMap

__all__ = ["CONTOUR_SHARES", "colours", "heat", "look", "overlay"]

CONTOUR_SHARES = (0.25, 0.5, 0.75)
"""The shares of the attention that contours enclose, each with the smallest regions that hold it."""

_PERCENTILES = (25.0, 99.5)
_GAMMA = 0.8
_OPAQUE_FROM = 0.6
_SAMPLE = 500_000
_BAND = 256
# Lightness, chroma and hue (degrees) in OKLCh, at even steps of heat.
_ANCHORS = (
    (0.38, 0.17, 290),
    (0.49, 0.22, 325),
    (0.61, 0.225, 372),
    (0.74, 0.185, 410),
    (0.86, 0.165, 445),
    (0.97, 0.10, 468),
)


@lru_cache(maxsize=1)
def colours() -> Picture:
    """The colour map: uint8 RGB (256, 3), from the least to the most salient."""
    at = np.linspace(0, len(_ANCHORS) - 1, 256)
    lightness, chroma, hue = (
        np.interp(at, np.arange(len(_ANCHORS)), channel) for channel in zip(*_ANCHORS, strict=True)
    )
    table = oklch(lightness, chroma, hue)
    table.setflags(write=False)
    return table


def oklch(lightness: Array, chroma: Array, hue: Array) -> Picture:
    """Colours of OKLCh as sRGB; what a screen cannot show is clipped.

    Args:
        lightness: (N,), 0 is black and 1 white.
        chroma: (N,), 0 is grey; screens reach about 0.3.
        hue: (N,), in degrees.

    Returns:
        uint8 RGB (N, 3).
    """
    a, b = chroma * np.cos(np.radians(hue)), chroma * np.sin(np.radians(hue))
    # OKLab to linear sRGB: the two matrices of its definition.
    cone = np.stack(
        [
            lightness + 0.3963377774 * a + 0.2158037573 * b,
            lightness - 0.1055613458 * a - 0.0638541728 * b,
            lightness - 0.0894841775 * a - 1.2914855480 * b,
        ]
    )
    linear = (
        np.array(
            [
                [4.0767416621, -3.3077115913, 0.2309699292],
                [-1.2684380046, 2.6097574011, -0.3413193965],
                [-0.0041960863, -0.7034186147, 1.7076147010],
            ]
        )
        @ cone**3
    ).clip(0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    table: Picture = np.rint(encoded.T * 255).astype(np.uint8)
    return table


def heat(saliency: SaliencyMap) -> Map:
    """Scale a map for viewing: float32 (H, W) in [0, 1].

    The lower quartile becomes 0 and the 99.5th percentile 1, so that one hot spot does not hide the rest;
    a gentle gamma lifts the middle. A flat map, which favours no place, is 0 everywhere.
    """
    return _scaled(saliency.array, *_ends(saliency.array))


def _ends(array: Map) -> tuple[float, float]:
    """Which values become 0 and 1; equal where the map is flat."""
    low, high = np.percentile(_sample(array), _PERCENTILES)
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
        JSON values: ``colours`` (256 of [R, G, B]), the ``percentiles`` and the ``gamma`` of :func:`heat`,
        ``opaque_from`` (the heat from which :func:`overlay` is as opaque as it gets; below, smoothstep), the
        ``contour_shares``, and how many values a ``sample`` for percentiles and shares has at least.
    """
    return {
        "colours": colours().tolist(),
        "percentiles": list(_PERCENTILES),
        "gamma": _GAMMA,
        "opaque_from": _OPAQUE_FROM,
        "contour_shares": list(CONTOUR_SHARES),
        "sample": _SAMPLE,
    }


def overlay(
    picture: Picture,
    saliency: SaliencyMap,
    *,
    opacity: float = 0.7,
    contours: bool = False,
    legend: bool = False,
) -> Picture:
    """Lay a heatmap over its picture: clear where nobody looks, coloured where people do.

    Args:
        picture: uint8 RGB (H, W, 3).
        saliency: its map, (H, W).
        opacity: the opacity of the colours at the most salient places, 0 to 1; it falls with saliency.
        contours: draw the outlines of the smallest regions that hold 25, 50 and 75 % of the attention.
        legend: draw a colour bar into the lower right corner, if the picture is large enough to read it.

    Returns:
        uint8 RGB (H, W, 3), a new array.

    Raises:
        ImageError: the picture is not uint8 RGB, or not as large as the map.
        ConfigError: the opacity is outside [0, 1].
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ImageError(f"overlay: the picture is {picture.dtype} {picture.shape}, not uint8 (H, W, 3)")
    if picture.shape[:2] != saliency.array.shape:
        raise ImageError(
            f"overlay: the picture is {picture.shape[:2]}, its map {saliency.array.shape} (height, width)"
        )
    if not 0 <= opacity <= 1:
        raise ConfigError(f"opacity {opacity} is not between 0 and 1")
    ramp = np.minimum(np.linspace(0, 1 / _OPAQUE_FROM, 256), 1)
    weight = opacity * ramp * ramp * (3 - 2 * ramp)  # smoothstep: no edge at either end
    opacities = [round(255 * value) for value in weight]
    low, high = _ends(saliency.array)
    result = np.empty_like(picture)
    for top in range(0, len(picture), _BAND):  # a large picture takes several times its own memory on the way
        band = slice(top, top + _BAND)
        heat_of_band = _scaled(saliency.array[band], low, high)
        steps = Image.fromarray((heat_of_band * np.float32(255) + np.float32(0.5)).astype(np.uint8))
        mask = steps.point(opacities)
        steps.putpalette(colours().tobytes())
        below = Image.fromarray(np.ascontiguousarray(picture[band]))
        result[band] = np.asarray(Image.composite(steps.convert("RGB"), below, mask))
    if contours:
        _draw_contours(result, saliency)
    if legend:
        result = _with_legend(result, contours)
    return result


def _sample(array: Array) -> Array:
    """At most about half a million values on a regular grid: enough for percentiles and shares."""
    step = max(1, int((array.size / _SAMPLE) ** 0.5))
    return array[::step, ::step]


def _draw_contours(result: Picture, saliency: SaliencyMap) -> None:
    values = np.sort(_sample(saliency.array), axis=None)[::-1]
    held = np.cumsum(values, dtype=np.float64)
    if held[-1] == 0 or min(saliency.array.shape) < 3:
        return
    levels = [values[np.searchsorted(held, share * held[-1])] for share in CONTOUR_SHARES]
    width = max(1.0, min(saliency.array.shape) / 400)
    for top in range(0, len(result), _BAND):
        bottom = min(len(result), top + _BAND)
        # One more row on either side, so that slopes at a band's edge are those of the whole map.
        first, last = max(0, top - 1), min(len(result), bottom + 1)
        if last - first < 2:
            first = last - 2
        band = saliency.array[first:last]
        slope = np.hypot(*np.gradient(band))
        slope[slope == 0] = np.nan  # a plateau has no line on it, not even at its own level
        rows = slice(top - first, bottom - first)
        # |value - level| / slope is the distance to the line in pixels; it fades over the last half pixel.
        distance = np.full(band.shape, np.inf, np.float32)
        for level in levels:
            np.fmin(distance, np.abs(band - level) / slope, out=distance)
        halo = (np.clip(width * 1.1 + 0.5 - distance[rows], 0, 1) * 0.45)[..., None]
        line = (np.clip(width * 0.5 + 0.5 - distance[rows], 0, 1) * 0.95)[..., None]
        painted = result[top:bottom] * (1 - halo)
        result[top:bottom] = painted + (255 - painted) * line + 0.5


def _with_legend(result: Picture, contours: bool) -> Picture:
    height, width = result.shape[:2]
    text = min(height / 36, width / 46)
    if text < 8:
        return result
    image = Image.fromarray(result)
    font = ImageFont.load_default(text)
    words = "lines hold 25, 50, 75 % of it" if contours else ""
    margin, pad, bar_height = round(text), round(text * 0.7), round(text * 0.6)
    bar_width = round(text * 13)
    inner_height = bar_height + round(text * 1.5) * (2 if contours else 1)
    right, bottom = width - margin, height - margin
    left, top = right - bar_width - 2 * pad, bottom - inner_height - 2 * pad
    panel = Image.new("L", image.size, 0)
    ImageDraw.Draw(panel).rounded_rectangle((left, top, right, bottom), radius=pad, fill=150)
    image.paste((12, 12, 16), mask=panel)
    bar = Image.fromarray(colours()[None, :]).resize((bar_width, bar_height), Image.Resampling.BILINEAR)
    image.paste(bar, (left + pad, top + pad))
    draw = ImageDraw.Draw(image)
    line = top + pad + bar_height + round(text * 0.35)
    white = (245, 245, 245)
    draw.text((left + pad, line), "less", fill=white, font=font)
    draw.text((right - pad, line), "more attention", fill=white, font=font, anchor="ra")
    if words:
        draw.text((left + pad, line + round(text * 1.5)), words, fill=white, font=font)
    return np.array(image)
