"""Pages that are longer than a screen, predicted in overlapping windows.

A full-page capture squeezed into one of a network's shapes is a grey smear, and no viewer ever sees it like
that: they see one part at a time as they scroll. Such a page is cut into windows of the network's usual
shape, each window is predicted by itself, and the results are blended. As it is not known how long a viewer
stays at each place, every window is given the same amount of attention.

A banner, or a strip of a photograph, is seen at a glance and predicted as a whole; windows do far worse
there (docs/models/lite.md has the figures).
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

__all__ = ["LONGEST", "SCREEN", "Window", "join_windows", "windows_of"]

LONGEST = 3.0
"""The tallest picture that is seen as a whole, as height over width; phone screens reach 2.4."""

SCREEN = 2000
"""About how many rows fit on a screen; anything no taller, such as a skyscraper banner, is seen at once."""

_MOST = 32
"""The most windows for one page; if a page is longer still, each window shows more of it."""


@dataclass(frozen=True)
class Window:
    """Some rows of a picture, over its whole width."""

    top: int
    rows: int

    def cut(self, picture: Array) -> Array:
        """These rows of a picture or of its map, not copied."""
        return picture[self.top : self.top + self.rows]


def windows_of(height: int, width: int, record: Preprocessing) -> list[Window]:
    """The parts in which a picture is predicted: one, the whole, for all but long pages.

    Windows are as wide as the page, have the aspect ratio of the network's usual input and overlap by at
    least half. A network with one shape always sees the whole picture.

    Args:
        height: rows of the picture.
        width: columns of the picture.
        record: the network's shapes.
    """
    if not record.shapes or height <= max(LONGEST * width, SCREEN):
        return [Window(0, height)]
    rows = math.ceil(max(width * record.height / record.width, 2 * height / (_MOST + 1)))
    count = math.ceil(2 * (height - rows) / rows) + 1
    tops = [round(number * (height - rows) / (count - 1)) for number in range(count)]
    return [Window(top, rows) for top in tops]


def join_windows(maps: Sequence[Floats32], windows: Sequence[Window], height: int, width: int) -> SaliencyMap:
    """Make a picture's map from its windows' maps.

    Every window's map is scaled to a sum of one. Where windows overlap, a window counts more the deeper a row
    lies inside it. The result is scaled so that its largest value is the largest of all windows.

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
    weights: Floats32 = np.zeros((height, 1), np.float32)
    peak = 0.0
    for small, window in zip(maps, windows, strict=True):
        part = at_picture_size(small, window.rows, width)
        peak = max(peak, float(part.max()))
        mass = float(part.sum(dtype=np.float64))
        part = part / mass if mass > 0 else np.full_like(part, 1 / part.size)
        depth = _depth(window.rows)
        window.cut(blended)[:] += part * depth
        window.cut(weights)[:] += depth
    blended /= weights
    blended *= peak / float(blended.max())
    note = (
        f"made of {len(windows)} overlapping windows of {width}×{windows[0].rows} pixels, "
        "as seen while scrolling, each given the same share of attention"
    )
    return SaliencyMap(np.clip(blended, 0, 1, out=blended), note=note)


def _depth(rows: int) -> Floats32:
    """How deep each row of a window lies inside it, in pixels: (rows, 1)."""
    place = np.arange(rows, dtype=np.float32) + np.float32(0.5)
    depth: Floats32 = np.minimum(place, np.float32(rows) - place)
    return depth[:, None]
