"""``fixations.mat``: the form in which OSIE and EyeCrowd are published and MIT1003 is redistributed.

``stimuli/*.jpg`` and ``eye/fixations.mat`` (or ``fixations.mat``): one cell per picture with ``img``, the
file's name, and ``subjects``, each with ``fix_x`` and ``fix_y`` (pixels, 1-based) and ``fix_duration`` (ms).

Sources: Xu et al., Predicting human gaze beyond pixels, Journal of Vision 2014 (OSIE); Jiang, Xu, Zhao,
Saliency in crowd, ECCV 2014 (EyeCrowd); Judd et al., Learning to predict where humans look, ICCV 2009
(MIT1003).
"""

from __future__ import annotations

import re
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from salgan._arrays import Array
from salgan.datasets._files import PICTURES, by_stem, field, numbers, picture_size, records
from salgan.datasets._mat import load_mat
from salgan.datasets.stimulus import Dataset, Fixations, Stimulus
from salgan.errors import DatasetError

__all__ = ["find", "open_fixations_mat"]

# How sets are told apart: names of all pictures, size of the first (None: they differ); pixels per degree.
_KNOWN: dict[str, tuple[str, tuple[int, int] | None, float]] = {
    "osie": (r"1[0-7]\d\d\.jpg", (800, 600), 24.0),
    "eyecrowd": (r"[0-5]\d\d\.jpg", (1024, 768), 26.0),
    "mit1003": (r"i.+\.jpeg", None, 35.0),
}


def find(root: Path) -> Path | None:
    """The ``fixations.mat`` of a folder in this layout, or None."""
    if (root / "stimuli").is_dir():
        for candidate in (root / "eye" / "fixations.mat", root / "fixations.mat"):
            if candidate.is_file():
                return candidate
    return None


def open_fixations_mat(root: Path) -> Dataset:
    """Read a folder in this layout; fixations are matched to pictures by name.

    OSIE, EyeCrowd and MIT1003 are recognised by the names and sizes of their pictures and know how many
    pixels one degree of visual angle was (24, 26 and 35); any other set is named after its folder.

    Raises:
        DatasetError: files missing or malformed.
    """
    file = find(root)
    if file is None:
        raise DatasetError(f"{root}: has no stimuli folder with eye/fixations.mat or fixations.mat beside it")
    fixations = _read(file)
    pictures = by_stem(root / "stimuli", PICTURES)
    name, pixels_per_degree = _recognise(pictures, root)
    by_name = {path.name: stem for stem, path in pictures.items()}
    stimuli = (
        Stimulus(stem, path, fixations=fixations.get(path.name), pixels_per_degree=pixels_per_degree)
        for stem, path in pictures.items()
    )
    unmatched = tuple(f"{file.name}: {img}" for img in fixations if img not in by_name)
    return Dataset(name, None, tuple(stimuli), "fixations-mat", unmatched)


def _read(path: Path) -> dict[str, Fixations]:
    found: dict[str, Fixations] = {}
    for entry in records(load_mat(path, "fixations")):
        img = field(entry, "img", path)
        if not isinstance(img, str):
            raise DatasetError(f"{path}: a picture's name (img) is not text")
        img = PurePath(img.replace("\\", "/")).name
        if img in found:
            raise DatasetError(f"{path}: {img} is in it twice")
        found[img] = _join([_subject(s, path) for s in records(field(entry, "subjects", path))])
    return found


def _subject(subject: Any, path: Path) -> tuple[Array, Array, Array]:
    if (
        isinstance(subject, np.ndarray) and subject.size == 0
    ):  # an empty cell: a viewer who missed the picture
        return np.empty(0), np.empty(0), np.empty(0)
    x, y, duration = (
        numbers(field(subject, name, path), path).reshape(-1) for name in ("fix_x", "fix_y", "fix_duration")
    )
    if not len(x) == len(y) == len(duration):
        raise DatasetError(f"{path}: fix_x, fix_y and fix_duration of a viewer differ in length")
    return x - 1, y - 1, duration


def _join(viewers: list[tuple[Array, Array, Array]]) -> Fixations:
    if not viewers:
        return Fixations.none()
    x, y, duration = (np.concatenate(part) for part in zip(*viewers, strict=True))
    viewer = np.repeat(np.arange(len(viewers)), [len(v[0]) for v in viewers])
    return Fixations(x, y, viewer, duration)


def _recognise(pictures: dict[str, Path], root: Path) -> tuple[str, float | None]:
    for name, (pattern, size, pixels_per_degree) in _KNOWN.items():
        if not pictures or not all(re.fullmatch(pattern, path.name) for path in pictures.values()):
            continue
        if size is None or picture_size(next(iter(pictures.values())), exif=False) == size:
            return name, pixels_per_degree
    return root.resolve().name, None
