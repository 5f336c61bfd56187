"""Pictures much longer than wide, or much wider than high, predicted in overlapping windows.

A full-page capture squeezed into one of a network's shapes is a grey smear, and no viewer ever sees it so:
they see a part of it at a time. Such a picture is cut into windows of the network's usual shape, each is
predicted by itself, and the windows are blended. As nothing is known of how long a viewer stays where, each
window is given as much attention as the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from salgan._arrays import Array, Floats32, Map
from salgan.models._sizes import at_picture_size
from salgan.preprocessing import Preprocessing
from salgan.saliency_map import SaliencyMap

__all__ = ["LONGEST", "Window", "join_windows", "windows_of"]

LONGEST = 3.0
"""How many times its shorter side a picture's longer side may be, to be predicted as a whole."""

_MOST = 32
"""Windows of one picture; of one that is longer still, each window shows more."""


@dataclass(frozen=True)
class Window:
    """A part of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, picture: Array) -> Array:
        """This part of a picture or of its map, not copied."""
        return picture[self.top : self.top + self.height, self.left : self.left + self.width]


def windows_of(height: int, width: int, record: Preprocessing) -> list[Window]:
    """The parts in which a picture is predicted: one, the whole, for all but very long pictures.

    Windows are as wide (or as high) as the picture, have the aspect ratio of the network's usual input and
    overlap by half at least. A network of one shape always sees the whole.

    Args:
        height: rows of the picture.
        width: columns of the picture.
        record: the network's shapes.
    """
    long, short = max(height, width), min(height, width)
    longest = max([LONGEST, *(max(shape) / min(shape) for shape in record.shapes)])
    if not record.shapes or long <= longest * short:
        return [Window(0, 0, height, width)]
    usual = record.width / record.height
    length = math.ceil(max(short * usual if width > height else short / usual, 2 * long / (_MOST + 1)))
    count = math.ceil(2 * (long - length) / length) + 1
    starts = [round(number * (long - length) / (count - 1)) for number in range(count)]
    if width > height:
        return [Window(0, start, height, length) for start in starts]
    return [Window(start, 0, length, width) for start in starts]


def join_windows(maps: Sequence[Floats32], windows: Sequence[Window], height: int, width: int) -> SaliencyMap:
    """Make a picture's map of its windows' maps.

    Every window's map is brought to a sum of one. Where windows overlap, each counts the more, the deeper a
    pixel lies inside it. The result is scaled so that its largest value is the largest of all windows.

    Args:
        maps: one per window, of any size, values in [0, 1].
        windows: as :func:`windows_of` gave them.
        height: rows of the picture.
        width: columns of the picture.

    Returns:
        The map at the picture's size; its note says so if there is more than one window.
    """
    if len(windows) == 1:
        return SaliencyMap(at_picture_size(maps[0], height, width))
    blended: Map = np.zeros((height, width), np.float32)
    wide = width > height
    weights = np.zeros((1, width) if wide else (height, 1))
    peak = 0.0
    for small, window in zip(maps, windows, strict=True):
        part = at_picture_size(small, window.height, window.width)
        peak = max(peak, float(part.max()))
        mass = float(part.sum(dtype=np.float64))
        part = part / mass if mass > 0 else np.full_like(part, 1 / part.size)
        depth = _depth(window, wide)
        window.cut(blended)[:] += part * depth
        window.cut(weights)[:] += depth
    blended /= weights.astype(np.float32)
    blended *= peak / float(blended.max())
    one = windows[0]
    note = (
        f"made of {len(windows)} overlapping windows of {one.width}×{one.height} pixels, "
        "each given the same share of attention"
    )
    return SaliencyMap(np.clip(blended, 0, 1, out=blended), note=note)


def _depth(window: Window, wide: bool) -> Floats32:
    """How deep each column (row) of a window lies inside it, in pixels: (1, width) or (height, 1)."""
    length = window.width if wide else window.height
    place = np.arange(length, dtype=np.float32) + np.float32(0.5)
    depth: Floats32 = np.minimum(place, np.float32(length) - place)
    return depth[None] if wide else depth[:, None]
