"""Plain folders: pictures, with maps and/or fixations beside them under the same names.

::

    set/images/a.jpg           (or stimuli/, pictures/, or the folder itself; folders below are fine)
    set/maps/a.png             fixation density: 8 or 16 bit picture, float TIFF, or npy (H, W)
    set/fixations/a.csv        x,y[,viewer[,duration]]: pixels, 0-based; ms; a first line may name them
    set/fixations/a.npy        float (N, 2 to 4) in that order, or points (H, W)
    set/fixations/a.png        points: bright where someone looked
"""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

import numpy as np

from salgan._arrays import Array
from salgan.datasets._files import PICTURES, by_stem, picture_size, read_array, read_points
from salgan.datasets.stimulus import Dataset, Fixations, Stimulus
from salgan.errors import DatasetError

__all__ = ["open_folder", "pictures_folder", "read_csv"]

_COLUMNS = ("x", "y", "viewer", "duration")
_POINTS = PICTURES | {".npy"}


def pictures_folder(root: Path) -> Path:
    """Where the pictures of a plain folder are."""
    for name in ("images", "stimuli", "pictures"):
        if (root / name).is_dir():
            return root / name
    return root


def open_folder(root: Path) -> Dataset:
    """Read a plain folder. EXIF orientation counts here, as everywhere a user's own pictures are read.

    Raises:
        DatasetError: no picture in it, or two files of one kind with the same name.
    """
    folder = pictures_folder(root)
    pictures = by_stem(folder, PICTURES, recursive=True)
    if folder == root:
        pictures = {stem: p for stem, p in pictures.items() if not stem.startswith(("maps/", "fixations/"))}
    if not pictures:
        raise DatasetError(f"{root}: no picture in it; expected images/, with maps/ and fixations/ beside it")
    maps = by_stem(root / "maps", _POINTS, recursive=True)
    points = by_stem(root / "fixations", _POINTS | {".csv"}, recursive=True)
    stimuli = tuple(
        Stimulus(
            stem,
            path,
            fixations=partial(_read, points[stem], path) if stem in points else None,
            map_path=maps.get(stem),
            exif=True,
        )
        for stem, path in pictures.items()
    )
    unmatched = [
        p.relative_to(root).as_posix()
        for kind in (maps, points)
        for s, p in kind.items()
        if s not in pictures
    ]
    return Dataset(root.resolve().name, None, stimuli, "folder", tuple(unmatched))


def _read(path: Path, picture: Path) -> Fixations:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return read_csv(path)
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
    viewer = None
    if len(columns) > 2:
        if not np.isfinite(columns[2]).all():
            raise DatasetError(f"{path}: viewer must be a whole number, is NaN or infinite")
        viewer = columns[2].astype(np.int64)
    return Fixations(columns[0], columns[1], viewer, columns[3] if len(columns) > 3 else None)


def read_csv(path: Path) -> Fixations:
    """Fixations from a table with the columns x, y and, if there, viewer and duration.

    The first line may name the columns, then in any order and with others among them; otherwise they are
    taken in this order. Viewers may be numbers or any text; text is numbered in the order it appears.

    Raises:
        DatasetError: the file, or a line of it (named), cannot be understood.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = [
                (number, row) for number, row in enumerate(csv.reader(stream), 1) if any(map(str.strip, row))
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: not a table that can be read ({error})") from None
    if not lines:
        return Fixations.none()
    first = [cell.strip().lower() for cell in lines[0][1]]
    if "x" in first and "y" in first:
        place = {name: first.index(name) for name in _COLUMNS if name in first}
        lines = lines[1:]
    else:
        place = {name: index for index, name in enumerate(_COLUMNS[: len(first)])}
    if len(place) < 2:
        raise DatasetError(f"{path}: needs at least the columns x and y")
    values: dict[str, list[float]] = {name: [] for name in place}
    viewers: dict[str, int] = {}
    for number, row in lines:
        for name, index in place.items():
            text = row[index].strip() if index < len(row) else ""
            try:
                values[name].append(_viewer(text, viewers) if name == "viewer" else float(text))
            except ValueError:
                raise DatasetError(f"{path}, line {number}: {name} is {text!r}, not a number") from None
    return Fixations(*(np.array(values[n]) if n in values else None for n in _COLUMNS))  # type: ignore[arg-type]


def _viewer(text: str, known: dict[str, int]) -> int:
    return int(text) if text.isascii() and text.isdigit() else known.setdefault(text, len(known))
