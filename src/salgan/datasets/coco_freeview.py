"""COCO-FreeView: about 5,300 pictures of COCO, 10 viewers, free viewing for 5 seconds.

``COCOFreeView_fixations_trainval.json`` (any ``.json`` whose name begins with ``COCOFreeView_fixations``): a
list of scanpaths with ``name`` (the picture's file), ``subject``, ``X``, ``Y`` (pixels of the 1680×1050
picture), ``T`` (milliseconds) and ``split`` (``train``, ``valid``). The pictures are COCO-Search18's:
``images/TASK/NAME.jpg`` and ``coco_search18_images_TA/TASK/NAME.jpg``, padded to 1680×1050. One picture may
lie in the folders of several tasks and counts once. The test part has no scanpaths.

This layout was taken from pysaliency's reader (0.2.22), which downloads the authors' files, and not from the
files themselves. Whether X and Y count from 0 or 1 is not said there; they are taken to count from 0. No
source that was read says how many pixels one degree was.

Source: Chen et al., Characterizing target-absent human attention, CVPR Workshops 2022.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from salgan._files import read_file
from salgan._json import parse_json
from salgan.datasets._files import PICTURES, by_stem, first_line, picture_size
from salgan.datasets.stimulus import Dataset, Fixations, Stimulus
from salgan.errors import DatasetError

__all__ = ["find_coco_freeview", "open_coco_freeview"]

_PARTS = {"train": "train", "val": "valid", "test": "test"}
_SIZE = (1680, 1050)
_LARGEST = 1 << 30


def find_coco_freeview(root: Path) -> list[Path]:
    """The files of scanpaths in a folder; none if it does not hold COCO-FreeView."""
    return sorted(
        file for file in root.glob("*.json") if file.name.casefold().startswith("cocofreeview_fixations")
    )


def open_coco_freeview(root: Path, part: str | None = None) -> Dataset:
    """Read COCO-FreeView; names are those of the files, without ending.

    Args:
        root: the folder with the pictures' folders and the files of scanpaths.
        part: ``"train"``, ``"val"`` or ``"test"`` (pictures without scanpaths, or those that a file of
            scanpaths calls so); None takes everything.

    Raises:
        DatasetError: files missing or malformed, or no such part.
    """
    if part not in (None, *_PARTS):
        raise DatasetError(f"COCO-FreeView has no part named {part!r}; there are {', '.join(_PARTS)}")
    files = find_coco_freeview(root)
    if not files:
        raise DatasetError(f"{root}: has no COCOFreeView_fixations_trainval.json")
    pictures: dict[str, Path] = {}
    for path in by_stem(root, PICTURES, recursive=True).values():
        pictures.setdefault(path.stem, path)
    scanpaths: dict[str, list[tuple[int, list[Any], list[Any], list[Any]]]] = {}
    splits: dict[str, str] = {}
    for file in files:
        for entry in _load(file):
            name = Path(entry["name"]).stem
            who = entry["subject"]
            scanpaths.setdefault(name, []).append((who, entry["X"], entry["Y"], entry["T"]))
            splits[name] = entry["split"]
    if not pictures:
        raise DatasetError(f"{root}: holds no pictures; unpack COCO-Search18's images into it")
    stimuli = tuple(
        Stimulus(
            name,
            path,
            fixations=partial(_read, scanpaths[name], path) if name in scanpaths else None,
        )
        for name, path in sorted(pictures.items())
        if part is None or splits.get(name, "test") == _PARTS[part]
    )
    unmatched = tuple(f"{files[0].name}: {name}" for name in sorted(scanpaths) if name not in pictures)
    return Dataset("coco-freeview", None, stimuli, "coco-freeview", unmatched)


def _load(file: Path) -> list[dict[str, Any]]:
    try:
        entries = parse_json(read_file(file, DatasetError, most=_LARGEST))
    except ValueError as error:
        raise DatasetError(f"{file}: not JSON that can be read ({first_line(error)})") from None
    if not isinstance(entries, list):
        raise DatasetError(f"{file}: must hold a list of scanpaths")
    for number, entry in enumerate(entries, 1):
        lengths = set()
        if isinstance(entry, dict):
            lengths = {len(entry[key]) if isinstance(entry.get(key), list) else -1 for key in "XYT"}
        if (
            len(lengths) != 1
            or -1 in lengths
            or not all(isinstance(entry.get(key), str) for key in ("name", "split"))
            or not (isinstance(entry.get("subject"), int) and _fits(entry["subject"]))
            or not all(_fits(each) for key in "XYT" for each in entry[key])
        ):
            raise DatasetError(
                f"{file}: scanpath {number} lacks name, subject or split, or its X, Y and T differ in length"
            )
    return entries


def _fits(value: Any) -> bool:
    """Whether it is a number, and a whole one no larger than float64 and int64 hold exactly."""
    return isinstance(value, float) or (isinstance(value, int) and abs(value) <= 2**53)


def _read(scanpaths: list[tuple[int, list[Any], list[Any], list[Any]]], picture: Path) -> Fixations:
    size = picture_size(picture, exif=False)
    if size != _SIZE:
        raise DatasetError(
            f"{picture}: is {size[0]}×{size[1]}, but the fixations are on pictures of {_SIZE[0]}×{_SIZE[1]}; "
            "take those of COCO-Search18's archives"
        )
    x, y, duration = (
        np.concatenate([np.asarray(scanpath[place], dtype=np.float64) for scanpath in scanpaths])
        for place in (1, 2, 3)
    )
    viewer = np.repeat([scanpath[0] for scanpath in scanpaths], [len(scanpath[1]) for scanpath in scanpaths])
    return Fixations(x, y, viewer, duration)
