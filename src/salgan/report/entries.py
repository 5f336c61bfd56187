"""What a report says about one picture: its views, scores, regions and crops."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from salgan import crop, image, regions, render
from salgan._arrays import Picture
from salgan._drawing import encoded
from salgan.regions import Region, RegionShare, Shares
from salgan.regions.intervals import Predicts
from salgan.report.scores import above_fold, first_regions, focus
from salgan.saliency_map import SaliencyMap

__all__ = ["CROPS", "Cropped", "Entry", "look_at"]

CROPS = ("1:1", "4:5", "16:9", "9:16")
"""The ratios of the crops in a report."""

_SIDE, _CROP_SIDE = 1100, 260
_LONGEST = 3_000
"""Pixels along the longer side of a page's views in a report; below, it is reduced to ``_SIDE`` across."""


@dataclass(frozen=True)
class Cropped:
    """A crop: its ratio, the share of the attention that it keeps, what the centre keeps, and its picture."""

    ratio: str
    kept: float
    centre_kept: float
    file: bytes


@dataclass(frozen=True)
class Entry:
    """One picture of a report.

    Attributes:
        path: where it lies.
        shares: the shares of its regions.
        focus: see :func:`salgan.report.focus`.
        above_fold: see :func:`salgan.report.above_fold`.
        first: see :func:`salgan.report.first_regions`.
        overlay: the heatmap with the regions, a WebP file.
        fog: the fog view, a WebP file.
        crops: the crops that keep the most attention.
    """

    path: Path
    shares: Shares
    focus: float
    above_fold: float | None
    first: list[tuple[int, RegionShare]]
    overlay: bytes
    fog: bytes
    crops: list[Cropped]

    @property
    def name(self) -> str:
        """The path in letters that can be printed."""
        text = os.fsencode(self.path).decode("utf-8", "replace")
        return "".join(letter if letter.isprintable() else "�" for letter in text)


def look_at(
    predictor: Predicts,
    path: Path,
    wanted: Sequence[Region],
    *,
    fast: bool = False,
    fold: float | None = None,
) -> Entry:
    """Predict a picture, and make everything that a report shows of it.

    Args:
        predictor: predicts the map.
        path: the picture.
        wanted: its regions.
        fast: predict once, without intervals.
        fold: rows above the fold; see :func:`salgan.report.above_fold`.

    Raises:
        ImageError: the picture cannot be read.
        ConfigError: two regions of the same name.
        ModelError: the model cannot be run.
    """
    picture = image.read(path)
    found = regions.measure(predictor, picture, wanted, fast=fast)
    saliency, shares = found.saliency, found.shares
    small, reduced = _reduced(picture, saliency)
    return Entry(
        path=path,
        shares=shares,
        focus=focus(saliency),
        above_fold=above_fold(saliency, fold),
        first=first_regions(shares),
        overlay=encoded(regions.draw(small, reduced, _scaled(shares, small)), ".webp"),
        fog=encoded(render.overlay(small, reduced, view="fog"), ".webp"),
        crops=_crops(picture, saliency),
    )


def _reduced(picture: Picture, saliency: SaliencyMap) -> tuple[Picture, SaliencyMap]:
    """Picture and map at the size at which a page shows them."""
    height, width = picture.shape[:2]
    scale = min(1.0, _SIDE / width, _LONGEST / height)
    if scale == 1:
        return picture, saliency
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    values = Image.fromarray(saliency.array).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(small), SaliencyMap(np.clip(np.asarray(values), 0, 1))


def _scaled(shares: Shares, small: Picture) -> Shares:
    """The same shares with their regions in fractions, which fit a reduced picture."""
    from dataclasses import replace

    entries = []
    for each in shares.regions:
        corners = each.region.in_pixels(shares.width, shares.height) / (shares.width, shares.height)
        region = replace(each.region, corners=tuple(map(tuple, corners.tolist())), unit="fraction", box=None)
        entries.append(replace(each, region=region))
    return replace(shares, width=small.shape[1], height=small.shape[0], regions=tuple(entries))


def _crops(picture: Picture, saliency: SaliencyMap) -> list[Cropped]:
    height, width = picture.shape[:2]
    windows = [crop.largest(width, height, crop.parse_ratio(ratio)) for ratio in CROPS]
    found = []
    for ratio, best in zip(CROPS, crop.best(saliency, windows), strict=True):
        part = crop.cut(Image.fromarray(picture), best)
        part.thumbnail((_CROP_SIDE, _CROP_SIDE))
        found.append(Cropped(ratio, best.kept, best.centre_kept, encoded(np.asarray(part), ".webp")))
    return found
