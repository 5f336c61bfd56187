"""How far shares vary when nothing about a design has changed: its interval, and what counts as a difference.

A network does not say exactly the same of a page and of the same page a few pixels further down. So the
picture is predicted :data:`VIEWS` times: as it is, a little smaller at several places of its frame, and each
of these mirrored. What a figure does among these views is no news about the design.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Protocol

import numpy as np
from PIL import Image

from salgan._arrays import Floats, Map, Picture
from salgan._coverage import box_coverage, polygon_coverage
from salgan.errors import SalganError
from salgan.regions.region import Region
from salgan.regions.shares import Shares, shares
from salgan.saliency_map import SaliencyMap

__all__ = ["VIEWS", "Measured", "Predicts", "measure"]

_PLACES = (
    (1.0, 0.0, 0.0),
    *((0.98, x, y) for x, y in product((0.0, 1.0), repeat=2)),
    *((0.97, x, 0.5) for x in (0.0, 1.0)),
    (0.95, 0.5, 0.5),
)
"""Size of the picture in its frame, and how much of the room left is to its left and above it."""

VIEWS = 2 * len(_PLACES)
"""How many predictions an interval is made of: each place, plain and mirrored."""

_MOST_PIXELS = 400_000
"""Views of pictures that a network sees at once are made of this many pixels, several times what it takes."""

_SEEN_AT_ONCE = 3
"""A picture taller than this many times its width may be predicted in windows, by its number of pixels."""

_CELLS = 128
"""Cells across a picture between which attention counts as moved, for the noise floor of that figure."""

_Window = tuple[float, float, float, float]
"""What a view shows: left, top, width and height, in fractions of the picture's sides."""


class Predicts(Protocol):
    """What can predict pictures one after the other, such as :class:`salgan.Predictor`."""

    def predict(self, source: Picture, /) -> SaliencyMap:
        """The map of one picture."""
        ...

    def predict_many(self, sources: Iterable[Picture], /) -> Iterator[SaliencyMap | SalganError]:
        """The maps of several, in order."""
        ...


@dataclass(frozen=True)
class Measured:
    """A picture's map and what it says about the regions.

    Attributes:
        saliency: the map of the picture as it is.
        shares: the shares of the regions in that map, with intervals if they were measured.
    """

    saliency: SaliencyMap
    shares: Shares


def measure(
    predictor: Predicts, picture: Picture, regions: Sequence[Region], *, fast: bool = False
) -> Measured:
    """Predict a picture and measure its regions, each share with the interval in which it varies.

    The picture is predicted :data:`VIEWS` times: as it is; at 95 to 98 % of its size, at several places of
    its frame, with its border continued; and each of these mirrored. A share's interval is from the lowest
    to the highest share that the region gets in any of these predictions. It says how much the model's
    answer depends on where exactly the design lies in the picture, and nothing about how far people differ
    from the model.

    Args:
        predictor: predicts the map.
        picture: uint8 RGB (H, W, 3).
        regions: any number, with different names.
        fast: predict once; shares then have no intervals.

    Returns:
        The map of the picture as it is, and the shares in it.

    Raises:
        ConfigError: two regions of the same name.
        ModelError: the model cannot be run.
    """
    saliency = predictor.predict(picture)
    found = shares(saliency, regions)
    if fast:
        return Measured(saliency, found)
    height, width = saliency.array.shape
    cells = _cells(saliency.array, width, height)
    corners = [_cut(region.in_pixels(width, height) / (width, height)) for region in regions]
    seen = [[each.share for each in found.regions]]
    moved = 0.0
    views = _views()
    maps = predictor.predict_many(_made(picture, views))
    for (window, is_mirrored), predicted in zip(views, maps, strict=True):
        if isinstance(predicted, SalganError):
            raise predicted
        array = predicted.array[:, ::-1] if is_mirrored else predicted.array
        # Not moved back to where it was: moving a page a little is what must not count as a difference.
        moved = max(moved, float(np.abs(_cells(array, width, height) - cells).sum()) / 2)
        seen.append(_shares_in(array, corners, window))
    low, high = np.min(seen, axis=0), np.max(seen, axis=0)
    intervals = [(float(one), float(other)) for one, other in zip(low, high, strict=True)]
    entries = [
        replace(each, interval=interval) for each, interval in zip(found.regions, intervals, strict=True)
    ]
    return Measured(saliency, replace(found, regions=tuple(entries), noise=min(1.0, moved)))


def _views() -> list[tuple[_Window, bool]]:
    """What each view shows, and whether it is mirrored; all but the picture as it is."""
    views = []
    for size, x, y in _PLACES:
        side = 1 / size
        window = ((1 - side) * x, (1 - side) * y, side, side)
        views += [(window, False), (window, True)]
    return views[1:]


def _made(picture: Picture, views: Sequence[tuple[_Window, bool]]) -> Iterator[Picture]:
    height, width = picture.shape[:2]
    scale = (_MOST_PIXELS / (width * height)) ** 0.5
    # The number of pixels decides whether a long page is predicted in windows, so such a page keeps it.
    if scale < 1 and height <= _SEEN_AT_ONCE * width:
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        small = Image.fromarray(picture).resize((width, height), Image.Resampling.BOX, reducing_gap=2.0)
        picture = np.asarray(small)
    largest = 1 / min(size for size, _, _ in _PLACES) - 1
    right, down = (int(side * largest) + 4 for side in (width, height))
    # Its border goes on, so that smaller views have nothing in them that the picture does not have.
    plane = Image.fromarray(np.pad(picture, ((down, down), (right, right), (0, 0)), mode="edge"))
    for (left, top, wide, high), is_mirrored in views:
        x, y = right + left * width, down + top * height
        box = (x, y, x + wide * width, y + high * height)
        view = np.asarray(plane.resize((width, height), Image.Resampling.BILINEAR, box=box))
        yield np.ascontiguousarray(view[:, ::-1]) if is_mirrored else view


def _cut(corners: Floats) -> Floats:
    """What lies of a region in the picture: what a smaller view shows around it must not count.

    Each edge is split where it crosses a side of the picture, and what lies beyond is laid on that side,
    where it encloses nothing.
    """
    if corners.min() >= 0 and corners.max() <= 1:
        return corners
    steps = np.roll(corners, -1, axis=0) - corners
    with np.errstate(divide="ignore", invalid="ignore"):
        crossings = np.concatenate([-corners / steps, (1 - corners) / steps], axis=1)
    at = np.sort(np.clip(np.nan_to_num(crossings), 0, 1), axis=1)
    at = np.insert(at, 0, 0, axis=1)[:, :, None]
    pieces: Floats = np.clip(corners[:, None] + at * steps[:, None], 0, 1).reshape(-1, 2)
    return pieces


def _shares_in(array: Map, corners: Sequence[Floats], window: _Window) -> list[float]:
    """The regions' shares of what a view's map gives to the part of it that the picture covers."""
    height, width = array.shape
    left, top, wide, high = window
    placed = [(each - (left, top)) / (wide, high) * (width, height) for each in corners]
    frame = (np.array([[0.0, 0.0], [1.0, 1.0]]) - (left, top)) / (wide, high) * (width, height)
    (near, above), (far, below) = frame
    total, area = _inside(array, *box_coverage(near, above, far, below, width, height))
    found = []
    for region in placed:
        weight, pixels = _inside(array, *polygon_coverage(region, width, height))
        # As everywhere, a map that is 0 counts as uniform.
        found.append(min(1.0, weight / total) if total else pixels / area)
    return found


def _inside(array: Map, rows: slice, columns: slice, covered: Floats) -> tuple[float, float]:
    """The attention and the pixels that are covered."""
    part = array[rows, columns]
    return float(np.einsum("ij,ij->", covered, part, dtype=np.float64)), float(covered.sum())


def _cells(array: Map, width: int, height: int) -> Floats:
    """The density on few cells, as many for every view of a picture."""
    across = min(_CELLS, width)
    size = across, max(1, min(height, round(across * height / width)))
    smaller = Image.fromarray(np.ascontiguousarray(array)).resize(size, Image.Resampling.BOX)
    return SaliencyMap(np.clip(np.asarray(smaller), 0, 1)).density
