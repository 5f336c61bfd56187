"""The colours of heatmaps, and which of them suit a picture.

``magma`` runs from violet through crimson and orange to pale yellow and is laid over photographs. On a white
page its hottest end would be white on white, and it would wash out the text. So light pictures are printed
with ``paper``, whose colours only take light away, and dark ones lit with ``night``, whose colours only add
light: dark text stays dark, and white text stays white. All three are computed in OKLCh, a space in which
equal steps look equal (Björn Ottosson, 2020), with lightness always rising or always falling, so that the
map still reads in grey and to the colour-blind. ``classic`` is the rainbow of many eye-tracking reports,
which does not.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import numpy as np

from salgan._arrays import Array, Floats, Picture
from salgan._words import did_you_mean
from salgan.errors import ConfigError

__all__ = ["PALETTES", "Tone", "colours", "luminance", "oklch", "palette_for", "tone_of", "tones"]

Tone = Literal["light", "dark", "middle"]
"""Whether a picture is mostly as bright as paper, mostly as dark as a screen at night, or neither."""

# Lightness, chroma and hue (degrees) in OKLCh, at even steps of heat.
_ANCHORS = {
    "magma": (
        (0.38, 0.17, 290),
        (0.49, 0.22, 325),
        (0.61, 0.225, 372),
        (0.74, 0.185, 410),
        (0.86, 0.165, 445),
        (0.97, 0.10, 468),
    ),
    "paper": (
        (0.97, 0.07, 105),
        (0.90, 0.16, 88),
        (0.78, 0.17, 65),
        (0.66, 0.21, 42),
        (0.55, 0.215, 27),
        (0.47, 0.19, 22),
    ),
    "night": (
        (0.30, 0.16, 275),
        (0.38, 0.19, 295),
        (0.46, 0.21, 325),
        (0.54, 0.21, 360),
        (0.62, 0.21, 385),
        (0.72, 0.18, 410),
    ),
    "classic": (
        (0.45, 0.26, 264),
        (0.72, 0.15, 215),
        (0.80, 0.22, 145),
        (0.92, 0.19, 108),
        (0.74, 0.18, 60),
        (0.60, 0.24, 29),
    ),
}

PALETTES = ("auto", *_ANCHORS)
"""The names of the palettes; ``auto`` chooses by the picture."""

_BY_TONE = {"light": "paper", "dark": "night", "middle": "magma"}
_LIGHT, _DARK = 0.45, 0.03
"""A picture is light if its median luminance is at least the one, and dark if it is at most the other."""

_BLENDS = {"paper": "multiply", "night": "screen"}
"""How a palette's ink is laid on, if not opaquely over what is there."""

_SAMPLE = 250_000


@lru_cache(maxsize=len(_ANCHORS))
def colours(palette: str = "magma") -> Picture:
    """A colour map: uint8 RGB (256, 3), from the least to the most salient.

    Args:
        palette: one of :data:`PALETTES`, but for ``auto``.

    Raises:
        ConfigError: there is no such palette.
    """
    if palette not in _ANCHORS:
        raise ConfigError(f"palette {palette!r} is unknown; {did_you_mean(palette, PALETTES)}")
    anchors = _ANCHORS[palette]
    at = np.linspace(0, len(anchors) - 1, 256)
    lightness, chroma, hue = (
        np.interp(at, np.arange(len(anchors)), channel) for channel in zip(*anchors, strict=True)
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


def luminance(colour: Array) -> Floats:
    """The relative luminance of sRGB colours as WCAG defines it: (..., 3) in 0..255 to (...) in [0, 1]."""
    value = np.asarray(colour, dtype=np.float64) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    found: Floats = linear @ np.array([0.2126, 0.7152, 0.0722])
    return found


def tones() -> dict[str, Any]:
    """What chooses a palette by the picture, as JSON values for a painter elsewhere."""
    return {
        "light_from": _LIGHT,
        "dark_to": _DARK,
        "palettes": {
            tone: {"colours": colours(name).tolist(), "blend": _BLENDS.get(name, "normal")}
            for tone, name in _BY_TONE.items()
        },
    }


def tone_of(picture: Picture) -> Tone:
    """Whether a picture, uint8 RGB (H, W, 3), is light, dark or neither, by the median of its luminance."""
    step = max(1, int((picture.shape[0] * picture.shape[1] / _SAMPLE) ** 0.5))
    median = float(np.median(luminance(picture[::step, ::step])))
    return "light" if median >= _LIGHT else "dark" if median <= _DARK else "middle"


def palette_for(picture: Picture, palette: str = "auto") -> str:
    """The palette to draw with: the one named, or for ``auto`` the one that suits the picture.

    Raises:
        ConfigError: there is no such palette.
    """
    if palette != "auto":
        colours(palette)
        return palette
    return _BY_TONE[tone_of(picture)]
