"""Lines around the smallest regions that hold a share of the attention."""

from __future__ import annotations

import numpy as np
from PIL import Image

from salgan._arrays import Array, Floats32, Map, Picture
from salgan.render.palettes import tone_of
from salgan.saliency_map import SaliencyMap

__all__ = ["CONTOUR_SHARES", "draw_contours", "sample"]

CONTOUR_SHARES = (0.25, 0.5, 0.75)
"""The shares of the attention that contours enclose, each with the smallest regions that hold it."""

_SAMPLE = 500_000
_BAND = 256
_SMOOTHED_AT = 512
"""Pixels along the longer side at which a map is smoothed before its lines are drawn."""

_SIGMA = 4.0
"""Standard deviation of that, in those pixels: about one pixel of a network's map, whose grid would show."""


def sample(array: Array) -> Array:
    """At most about half a million values on a regular grid: enough for percentiles and shares."""
    step = max(1, int((array.size / _SAMPLE) ** 0.5))
    return array[::step, ::step]


def draw_contours(result: Picture, saliency: SaliencyMap, *, bold: bool = False) -> None:
    """Draw the lines into a picture, uint8 RGB (H, W, 3): white ones, or dark ones on a light picture."""
    height, width = saliency.array.shape
    if min(height, width) < 3 or not saliency.array.any() or saliency.array.min() == saliency.array.max():
        return
    smooth = _smoothed(saliency.array)
    values = np.sort(sample(_at_size(smooth, 0, height, height, width)), axis=None)[::-1]
    held = np.cumsum(values, dtype=np.float64)
    levels = [values[np.searchsorted(held, share * held[-1])] for share in CONTOUR_SHARES]
    thickness = max(1.0, min(height, width) / (260 if bold else 400))
    is_light = tone_of(result) == "light"
    outer, inner = (255, (36, 12, 60)) if is_light else (0, (255, 255, 255))
    for top in range(0, height, _BAND):
        bottom = min(height, top + _BAND)
        # One more row on either side, so that slopes at a band's edge are those of the whole map.
        first, last = max(0, top - 1), min(height, bottom + 1)
        if last - first < 2:
            first = last - 2
        band = _at_size(smooth, first, last, height, width)
        slope = np.hypot(*np.gradient(band))
        slope[slope == 0] = np.nan  # a plateau has no line on it, not even at its own level
        rows = slice(top - first, bottom - first)
        # |value - level| / slope is the distance to the line in pixels; it fades over the last half pixel.
        distance = np.full(band.shape, np.inf, np.float32)
        for level in levels:
            with np.errstate(over="ignore"):  # next to flat, a line is infinitely far
                np.fmin(distance, np.abs(band - level) / slope, out=distance)
        halo = (np.clip(thickness * 1.1 + 0.5 - distance[rows], 0, 1) * (0.7 if is_light else 0.45))[
            ..., None
        ]
        line = (np.clip(thickness * 0.5 + 0.5 - distance[rows], 0, 1) * 0.95)[..., None]
        painted = result[top:bottom] + (outer - result[top:bottom].astype(np.float32)) * halo
        result[top:bottom] = painted + (np.array(inner, np.float32) - painted) * line + 0.5


def _smoothed(array: Map) -> Floats32:
    """The map at a moderate size, blurred by about one pixel of the network, borders continued."""
    height, width = array.shape
    scale = min(1.0, _SMOOTHED_AT / max(height, width))
    small = array
    if scale < 1:
        size = max(2, round(width * scale)), max(2, round(height * scale))
        small = np.asarray(Image.fromarray(array).resize(size, Image.Resampling.BOX))
    sigma = _SIGMA * max(small.shape) / _SMOOTHED_AT
    reach = int(3 * sigma + 0.5)
    if not reach:
        return small
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    for axis in (0, 1):
        side = small.shape[axis]
        padded = np.pad(small, [(reach, reach) if each == axis else (0, 0) for each in (0, 1)], mode="edge")
        parts = (np.take(padded, range(k, k + side), axis=axis) * kernel[k] for k in range(len(kernel)))
        total = next(parts)
        for part in parts:
            total += part
        small = total
    return np.asarray(small, dtype=np.float32)


def _at_size(small: Floats32, top: int, bottom: int, height: int, width: int) -> Floats32:
    """Some rows of the smoothed map at the picture's size."""
    if small.shape == (height, width):
        return small[top:bottom]
    rows, columns = small.shape
    box = (0, top * rows / height, columns, bottom * rows / height)
    resized = Image.fromarray(small).resize((width, bottom - top), Image.Resampling.BICUBIC, box=box)
    return np.asarray(resized)
