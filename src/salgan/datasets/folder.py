"""Plain folders: pictures, with maps and/or fixations beside them under the same names.

::

    set/images/a.jpg           (or stimuli/, pictures/, or the folder itself; folders below are fine)
    set/maps/a.png             fixation density: 8 or 16 bit picture, float TIFF, or npy (H, W)
    set/fixations/a.csv        x,y[,viewer[,duration]]: pixels, 0-based; ms; a first line may name them
    set/fixations.csv          one table for all pictures, with a column that names the picture
    set/fixations/a.npy        float (N, 2 to 4) in that order, or points (H, W)
    set/fixations/a.png        points: bright where someone looked, or how many people did

Upper and lower case of the folders' names do not matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from salgan._arrays import Array
from salgan.datasets._files import PICTURES, by_stem, picture_size, read_array, read_points
from salgan.datasets.stimulus import Dataset, Fixations, Stimulus
from salgan.datasets.tables import SUFFIXES, check_unit, read_csv, read_csv_of_set
from salgan.errors import DatasetError

__all__ = ["open_folder", "pictures_folder", "read_csv", "tables"]

_POINTS = PICTURES | {".npy"}
_LARGEST_VIEWER = 2**53
"""Above it, float64 holds no longer every whole number."""
_MAPS = [
    *("maps", "map", "saliency_maps", "saliency_map", "saliency", "densities", "density"),
    *("heatmaps", "heatmap", "fixation_maps", "fixationmaps", "ground_truth", "groundtruth", "gt"),
]
"""What people call the folder of their maps, in lower case; the first that is there counts."""


def child(root: Path, *names: str) -> Path | None:
    """The first folder below ``root`` with one of the given names, in upper or lower case."""
    below = {path.name.casefold(): path for path in sorted(root.iterdir()) if path.is_dir()}
    return next((below[name] for name in names if name in below), None)


def pictures_folder(root: Path) -> Path:
    """Where the pictures of a plain folder are."""
    return child(root, "images", "stimuli", "pictures") or root


def open_folder(root: Path, viewers: str | None = None) -> Dataset:
    """Read a plain folder. EXIF orientation counts here, as everywhere a user's own pictures are read.

    Args:
        root: the folder.
        viewers: the column of its tables that says who looked, if it has another than the known names.

    Raises:
        DatasetError: no picture in it, several sets, or two files of one kind with the same name.
    """
    folder = pictures_folder(root)
    maps_folder = child(root, *_MAPS)
    points_folder = _points_folder(root)
    pictures = by_stem(folder, PICTURES, recursive=True)
    if folder == root:
        _check_one_set(root)
        apart = tuple(f"{each.name}/" for each in (maps_folder, points_folder) if each is not None)
        pictures = {stem: path for stem, path in pictures.items() if not stem.startswith(apart or "/")}
        _check_twins(root, pictures)
    if not pictures:
        raise DatasetError(f"{root}: no picture in it; expected images/, with maps/ and fixations/ beside it")
    maps = {} if maps_folder is None else by_stem(maps_folder, _POINTS, recursive=True)
    points = {} if points_folder is None else by_stem(points_folder, _POINTS | SUFFIXES, recursive=True)
    unmatched = [
        path.relative_to(root).as_posix()
        for kind in (maps, points)
        for stem, path in kind.items()
        if stem not in pictures
    ]
    of_set, unknown = _of_set(root, list(pictures), viewers)
    if twice := [stem for stem in points if stem in of_set]:
        raise DatasetError(
            f"{root}: {twice[0]} has fixations in the table of the whole set and in one of its own; "
            "keep one of them"
        )
    stimuli = tuple(
        Stimulus(
            stem,
            path,
            fixations=partial(_read, points[stem], path, viewers) if stem in points else of_set.get(stem),
            map_path=maps.get(stem),
            exif=True,
        )
        for stem, path in pictures.items()
    )
    return Dataset(root.resolve().name, None, stimuli, "folder", (*unmatched, *unknown))


def _check_one_set(root: Path) -> None:
    """Refuse a folder of several sets, as their pictures, maps and the rest would count as one set."""
    sets = [each.name for each in sorted(root.iterdir()) if each.is_dir() and pictures_folder(each) != each]
    if sets:
        raise DatasetError(f"{root}: holds sets and is not one itself; name one of {', '.join(sets[:5])}")


def _check_twins(root: Path, pictures: dict[str, Path]) -> None:
    """Refuse folders whose files have the names of the pictures above them: they are maps of some kind."""
    for stem in pictures:
        folder, _, name = stem.partition("/")
        if name in pictures and "/" not in name:
            raise DatasetError(
                f"{root / folder}: its files are called as the pictures in {root}; if they are maps, call "
                f"the folder maps; if they are pictures, put these and those into {root / 'images'}"
            )


def tables(root: Path) -> Iterator[Path]:
    """The tables of a plain folder: the one for all pictures first, then those of single pictures."""
    for file in sorted(root.iterdir()):
        if file.suffix.lower() in SUFFIXES and file.stem.casefold() in ("fixations", "fixation", "gaze"):
            yield file
    folder = _points_folder(root)
    if folder is not None:
        yield from by_stem(folder, SUFFIXES, recursive=True).values()


def _of_set(root: Path, names: list[str], viewers: str | None) -> tuple[dict[str, Fixations], list[str]]:
    """Fixations from one table for all pictures, and the names in it that belong to no picture."""
    file = next(tables(root), None)
    if file is None or file.parent != root:
        return {}, []
    found, unknown = read_csv_of_set(file, names, viewers)
    return found, [f"{file.name}: {name}" for name in unknown]


def _points_folder(root: Path) -> Path | None:
    return child(root, "fixations", "fixation", "gaze", "points")


def _read(path: Path, picture: Path, viewers: str | None) -> Fixations:
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return read_csv(path, viewers)
    if suffix == ".npy":
        table = read_array(path)
        width, height = picture_size(picture, exif=True)
        if table.shape != (height, width):
            return _from_table(table, path)
    return Fixations(*read_points(path, picture, exif=True))


def _from_table(table: Array, path: Path) -> Fixations:
    if table.ndim != 2 or not 2 <= table.shape[1] <= 4:
        raise DatasetError(
            f"{path}: shape {table.shape}; expected N × 2 to 4 (x, y, viewer, duration) "
            "or the picture's shape"
        )
    columns = list(table.T.astype(np.float64))
    check_unit(columns[0], columns[1], path)
    viewer = None
    if len(columns) > 2:
        if not (np.abs(columns[2]) < _LARGEST_VIEWER).all() or (columns[2] != np.rint(columns[2])).any():
            raise DatasetError(
                f"{path}: the third column is who looked, whole numbers, and here it holds others; durations "
                "come after it"
            )
        viewer = columns[2].astype(np.int64)
    return Fixations(columns[0], columns[1], viewer, columns[3] if len(columns) > 3 else None)
