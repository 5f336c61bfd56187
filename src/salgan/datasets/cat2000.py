"""CAT2000 as published: stimuli by category, fixation maps and fixation locations.

``trainSet/Stimuli/CATEGORY/NNN.jpg`` (and pictures in a folder ``Output`` that are not stimuli),
``trainSet/FIXATIONMAPS/CATEGORY/NNN.jpg`` and ``trainSet/FIXATIONLOCS/CATEGORY/NNN.mat`` with the matrix
``fixLocs``, 0 or 1 at each pixel. ``testSet`` holds stimuli only. Viewers and durations are not in these
files.

No source says how many pixels one degree was, so the density is the published map unless a sigma is given.
One picture of the test set has a wrong EXIF orientation, which is ignored, as it is for all published sets.

Source: Borji, Itti, CAT2000: A large scale fixation dataset for boosting saliency research, 2015.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from salgan.datasets._files import PICTURES, by_stem, numbers, picture_size
from salgan.datasets._mat import load_mat
from salgan.datasets.stimulus import Dataset, Fixations, Stimulus
from salgan.errors import DatasetError

__all__ = ["is_cat2000", "open_cat2000"]

_PARTS = {"train": "trainSet", "test": "testSet"}


def is_cat2000(root: Path) -> bool:
    """Whether a folder holds CAT2000, or one part of it."""
    named = root.resolve().name in _PARTS.values()
    if (root / "Stimuli").is_dir() and (named or (root / "FIXATIONLOCS").is_dir()):
        return True
    return any((root / folder / "Stimuli").is_dir() for folder in _PARTS.values())


def open_cat2000(root: Path, part: str | None = None) -> Dataset:
    """Read CAT2000; names are ``Action/001``, or ``train/Action/001`` where root holds the parts.

    Args:
        root: the folder with ``trainSet`` and ``testSet``, or one of these.
        part: ``"train"``, ``"test"``, or None for all that are there.

    Raises:
        DatasetError: the folder does not hold the part, or no part at all.
    """
    if part not in (None, *_PARTS):
        raise DatasetError(f"CAT2000 has no part named {part!r}; there are {', '.join(_PARTS)}")
    if (root / "Stimuli").is_dir() and part in (None, _part_of(root)):
        folders = {"": root}
    else:
        folders = {
            f"{name}/": root / folder
            for name, folder in _PARTS.items()
            if part in (None, name) and (root / folder / "Stimuli").is_dir()
        }
    if not folders:
        wanted = root / _PARTS[part or "train"] / "Stimuli"
        raise DatasetError(f"{wanted}: no such folder; this part of CAT2000 is not here")
    stimuli: list[Stimulus] = []
    unmatched: list[str] = []
    for prefix, folder in folders.items():
        pictures = _without_output(by_stem(folder / "Stimuli", PICTURES, recursive=True))
        maps = _without_output(by_stem(folder / "FIXATIONMAPS", PICTURES, recursive=True))
        locations = by_stem(folder / "FIXATIONLOCS", frozenset({".mat"}), recursive=True)
        stimuli += [
            Stimulus(
                prefix + stem,
                path,
                fixations=partial(_read, locations[stem], path) if stem in locations else None,
                map_path=maps.get(stem),
            )
            for stem, path in pictures.items()
        ]
        for files in (maps, locations):
            unmatched += [p.relative_to(root).as_posix() for stem, p in files.items() if stem not in pictures]
    return Dataset("cat2000", None, tuple(stimuli), "cat2000", tuple(unmatched))


def _part_of(root: Path) -> str | None:
    return next((part for part, folder in _PARTS.items() if root.resolve().name == folder), None)


def _without_output(files: dict[str, Path]) -> dict[str, Path]:
    return {stem: path for stem, path in files.items() if "Output" not in stem.split("/")[:-1]}


def _read(locations: Path, picture: Path) -> Fixations:
    fixated = numbers(load_mat(locations, "fixLocs"), locations)
    width, height = picture_size(picture, exif=False)
    if fixated.shape != (height, width):
        raise DatasetError(
            f"{locations}: fixLocs has shape {fixated.shape}, the picture ({height}, {width}); "
            "they must be the same"
        )
    y, x = np.nonzero(fixated)
    return Fixations(x.astype(np.float64), y.astype(np.float64))
