"""SALICON, the 2015 and the 2017 release, as published.

``images/{train,val,test}/COCO_*.jpg``, ``maps/{train,val}/COCO_*.png`` and
``fixations/{train,val}/COCO_*.mat`` (a struct array ``gaze``, one element per viewer, with ``location``,
``timestamp`` and ``fixations``: x, y, 1-based) or ``*.png`` (0/255 points); the test part comes without
ground truth.

It is not known how many pixels one degree was, because people took part at home, so the density is the
published map. The authors' tool blurs with a sigma of 19 pixels (``buildFixMap`` in NUS-VIP/salicon-api). The
two releases have different ground truth under the same file names, so only the folder's name can tell them
apart. If it contains 2015 or 2017, that is the dataset's release; otherwise
:func:`~salgan.datasets.open_dataset` has to be told.

Source: Jiang, Huang, Duan, Zhao, SALICON: Saliency in context, CVPR 2015.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from salgan.datasets._files import PICTURES, by_stem, field, pairs, read_points, records
from salgan.datasets._mat import load_mat
from salgan.datasets.stimulus import Dataset, Fixations, Stimulus
from salgan.errors import DatasetError

__all__ = ["PARTS", "RELEASES", "is_salicon", "open_salicon"]

PARTS = ("train", "val", "test")

RELEASES = ("2015", "2017")
"""Years of its ground truths."""


def is_salicon(root: Path) -> bool:
    """Whether a folder holds SALICON's pictures."""
    return any(next((root / "images" / part).glob("COCO_*"), None) is not None for part in PARTS)


def open_salicon(root: Path, part: str | None = None) -> Dataset:
    """Read SALICON; names are ``train/COCO_...`` and so on.

    Args:
        root: the folder with ``images``, ``maps`` and ``fixations``.
        part: ``"train"``, ``"val"``, ``"test"``, or None for all that are there.

    Raises:
        DatasetError: the folder does not hold the part, or no part at all.
    """
    if part not in (None, *PARTS):
        raise DatasetError(f"SALICON has no part named {part!r}; there are {', '.join(PARTS)}")
    found = [name for name in PARTS if (root / "images" / name).is_dir() and part in (None, name)]
    if not found:
        raise DatasetError(
            f"{root / 'images' / (part or 'train')}: no such folder; this part of SALICON is not here"
        )
    stimuli: list[Stimulus] = []
    unmatched: list[str] = []
    for name in found:
        _add_part(root, name, stimuli, unmatched)
    release = next((year for year in RELEASES if year in root.resolve().name), None)
    return Dataset("salicon", release, tuple(stimuli), "salicon", tuple(unmatched))


def _add_part(root: Path, part: str, stimuli: list[Stimulus], unmatched: list[str]) -> None:
    pictures = by_stem(root / "images" / part, PICTURES)
    maps = by_stem(root / "maps" / part, PICTURES)
    mats = by_stem(root / "fixations" / part, frozenset({".mat"}))
    points = by_stem(root / "fixations" / part, PICTURES)
    for stem, path in pictures.items():
        fixations: Callable[[], Fixations] | None = None
        if stem in mats:  # preferred to points, as it knows the viewers
            fixations = partial(_read_mat, mats[stem])
        elif stem in points:
            fixations = partial(_read_points, points[stem], path)
        stimuli.append(Stimulus(f"{part}/{stem}", path, fixations=fixations, map_path=maps.get(stem)))
    for files in (maps, mats, points):
        unmatched += [
            path.relative_to(root).as_posix() for stem, path in files.items() if stem not in pictures
        ]


def _read_mat(path: Path) -> Fixations:
    viewers = [pairs(field(gaze, "fixations", path), path) for gaze in records(load_mat(path, "gaze"))]
    if not viewers:
        return Fixations.none()
    points = np.concatenate(viewers) - 1
    viewer = np.repeat(np.arange(len(viewers)), [len(v) for v in viewers])
    return Fixations(points[:, 0], points[:, 1], viewer)


def _read_points(path: Path, picture: Path) -> Fixations:
    return Fixations(*read_points(path, picture, exif=False))
