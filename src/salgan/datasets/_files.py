"""Reading the files of a dataset, none of which is trusted until it is parsed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from salgan import image
from salgan._arrays import Array, Floats, Picture
from salgan._files import check_file, files_below
from salgan.datasets._mat import Struct
from salgan.errors import DatasetError, ImageError

PICTURES = image.SUFFIXES
"""Suffixes, in lower case, that count as a picture."""

_ORIENTATION = 0x0112


def by_stem(folder: Path, suffixes: frozenset[str], *, recursive: bool = False) -> dict[str, Path]:
    """Files of a folder by their path below it without suffix, sorted by it.

    Hidden files (a Mac leaves ``._photo.jpg`` beside ``photo.jpg``) are passed over.

    Args:
        folder: where to look; a folder that does not exist holds nothing.
        suffixes: in lower case, with the dot.
        recursive: whether to look in the folders below, too.

    Raises:
        DatasetError: two files differ only in their suffix, a folder cannot be read, or a link leads in a
            circle.
    """
    if not folder.is_dir():
        return {}
    found: dict[str, Path] = {}
    try:
        every = files_below(folder, DatasetError) if recursive else folder.iterdir()
        paths = sorted(path for path in every if path.suffix.lower() in suffixes and path.name[:1] != ".")
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be read ({error.strerror})") from None
    for path in paths:
        if path.is_dir():
            continue
        stem = path.relative_to(folder).with_suffix("").as_posix()
        if stem in found:
            raise DatasetError(f"{path} and {found[stem].name} share a name; rename one of them")
        found[stem] = path
    return found


def numbered(folder: Path, count: int, of: str) -> Iterator[tuple[int, str, Path]]:
    """The pictures of a set that calls them by their numbers: number, name and file of each, by number.

    Args:
        folder: the folder of the pictures.
        count: how many the set has; the first is 1.
        of: the set's name, for errors.

    Raises:
        DatasetError: a picture whose name is not its number.
    """
    pictures = by_stem(folder, PICTURES)
    for stem, path in sorted(pictures.items(), key=lambda each: (len(each[0]), each[0])):
        if not (stem.isascii() and stem.isdigit() and 1 <= int(stem) <= count):
            raise DatasetError(f"{path}: {of}'s pictures are called 1.jpg to {count}.jpg; remove this one")
        yield int(stem), stem, path


def picture_size(path: Path, *, exif: bool) -> tuple[int, int]:
    """Width and height from a picture's header, without decoding it."""
    try:
        return image.size_of(path, turned=exif)
    except ImageError as error:
        raise DatasetError(str(error)) from None


def read_picture(path: Path, *, exif: bool) -> Picture:
    """A picture as uint8 RGB (H, W, 3)."""
    try:
        if exif:
            return image.read(path)
        stored, _ = image.decode(path)
        stored.getexif().pop(_ORIENTATION, None)
        return image.read(stored)
    except ImageError as error:
        raise DatasetError(str(error)) from None


def read_array(path: Path) -> Array:
    """The array in an npy file; never unpickles."""
    check_file(path, DatasetError)
    try:
        with path.open("rb") as stream:
            array = np.lib.format.read_array(stream, allow_pickle=False)
    except MemoryError:
        raise
    except Exception as error:  # a hostile header can raise nearly anything
        raise DatasetError(f"{path}: not a npy file that can be read ({first_line(error)})") from None
    if array.dtype.kind not in "biuf":
        raise DatasetError(f"{path}: holds no array of numbers; save one with numpy.save")
    return np.asarray(array)


def read_map(path: Path) -> Floats:
    """One channel of values as stored, float64 (H, W), finite and not negative; a picture or npy."""
    if path.suffix.lower() == ".npy":
        values = read_array(path).astype(np.float64)
    else:
        try:
            stored, _ = image.decode(path)
        except ImageError as error:
            raise DatasetError(str(error)) from None
        try:
            values = image.one_channel(stored).astype(np.float64)
        except ImageError as error:
            raise DatasetError(f"{path}: {error}") from None
    if values.ndim == 3 and 1 in (values.shape[0], values.shape[-1]):
        values = values[0] if values.shape[0] == 1 else values[..., 0]
    if values.ndim != 2:
        raise DatasetError(f"{path}: a map has rows and columns, this has shape {values.shape}")
    if not np.isfinite(values).all() or (values < 0).any():
        raise DatasetError(f"{path}: a map must be finite and not negative everywhere")
    return values


_MOST_COUNTED = 64
"""Highest number of people in a picture of counts; a blurred map is brighter."""


def read_points(path: Path, picture: Path, *, exif: bool) -> tuple[Floats, Floats]:
    """Fixations published as a picture of points: x and y of the marked pixels.

    A pixel may hold how many people looked there, and then it counts that many times. In a JPEG, in which
    every point rings (as in MIT1003), only the upper half of the range counts.

    Args:
        path: a picture or npy of points.
        picture: the stimulus; the points must have its size.
        exif: whether the stimulus' EXIF orientation counts.

    Raises:
        DatasetError: the size is wrong, or it is a blurred map rather than points.
    """
    values = read_map(path)
    width, height = picture_size(picture, exif=exif)
    if values.shape != (height, width):
        raise DatasetError(
            f"{path}: points are {values.shape[1]}×{values.shape[0]} pixels, the picture {width}×{height}; "
            "they must be the same"
        )
    top = values.max(initial=0)
    if path.suffix.lower() in (".jpg", ".jpeg"):
        y, x = np.nonzero(values >= max(top, 1) / 2)
        return x.astype(np.float64), y.astype(np.float64)
    y, x = np.nonzero(values > 0)
    marked = values[y, x]
    if len(marked) and marked.min() < top:
        if top > _MOST_COUNTED or (marked != np.rint(marked)).any():
            raise DatasetError(
                f"{path}: has values from {marked.min():g} to {top:g}, which are neither points nor counts "
                "of people; a blurred map belongs into maps/"
            )
        times = marked.astype(np.intp)
        x, y = x.repeat(times), y.repeat(times)
    return x.astype(np.float64), y.astype(np.float64)


def field(record: Any, name: str, path: Path) -> Any:
    """A field of a MATLAB struct."""
    if not isinstance(record, Struct) or name not in record.fields:
        raise DatasetError(f"{path}: a struct without the field {name!r}")
    return record.fields[name]


def records(value: Any) -> list[Any]:
    """The elements of a MATLAB cell or struct array; squeezing makes a lone element bare."""
    return [value] if not isinstance(value, np.ndarray) else list(value.reshape(-1))


def numbers(value: Any, path: Path) -> Floats:
    """A MATLAB matrix as float64."""
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{array.dtype} is not a number")
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DatasetError(f"{path}: numbers expected, found something else ({first_line(error)})") from None


def pairs(value: Any, path: Path, columns: int = 2) -> Floats:
    """A MATLAB N × ``columns`` matrix as float64, although squeezing may have changed its shape."""
    array = numbers(value, path)
    if array.size == 0:
        return np.empty((0, columns))
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or array.shape[1] != columns:
        raise DatasetError(f"{path}: expected {columns} numbers per fixation, found shape {array.shape}")
    return array


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
