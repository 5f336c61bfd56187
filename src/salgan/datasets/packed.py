"""All fixations of a set in one NumPy file: ``stimuli/`` and ``fixations.npz``.

The arrays are ``names`` (N texts, the files of the pictures), ``offsets`` (N + 1: picture i owns the rows
``offsets[i]:offsets[i + 1]``), ``xy`` (pixels, 0-based, fractional) and, if known, ``viewer``. Halves
of FiWI and of sets of designs are passed on in this form; FiWI as its authors published it is
:mod:`salgan.datasets.fiwi`.
"""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePath

import numpy as np

from salgan._arrays import Array
from salgan.datasets._files import PICTURES, by_stem, first_line
from salgan.datasets.stimulus import Dataset, Fixations, Stimulus
from salgan.datasets.tables import check_unit
from salgan.errors import DatasetError

__all__ = ["is_packed", "open_packed"]

_LARGEST = 1 << 31


def is_packed(root: Path) -> bool:
    """Whether a folder holds pictures and all their fixations in one file."""
    return (root / "stimuli").is_dir() and (root / "fixations.npz").is_file()


def open_packed(root: Path) -> Dataset:
    """Read a folder in this layout; the set is named after it.

    Raises:
        DatasetError: files missing or malformed.
    """
    if not is_packed(root):
        raise DatasetError(f"{root}: has no stimuli folder with fixations.npz beside it")
    file = root / "fixations.npz"
    fixations = _read(file)
    pictures = by_stem(root / "stimuli", PICTURES)
    stimuli = tuple(
        Stimulus(stem, path, fixations=fixations.pop(path.name, None)) for stem, path in pictures.items()
    )
    unmatched = tuple(f"{file.name}: {name}" for name in fixations)
    return Dataset(root.resolve().name, None, stimuli, "packed", unmatched)


def _read(file: Path) -> dict[str, Fixations]:
    arrays = _arrays(file)
    names, offsets, xy = arrays["names"], arrays["offsets"], arrays["xy"]
    viewer = arrays.get("viewer")
    if (
        names.ndim != 1
        or names.dtype.kind != "U"
        or offsets.shape != (len(names) + 1,)
        or offsets.dtype.kind not in "iu"
        or xy.ndim != 2
        or xy.shape[1] != 2
        or xy.dtype.kind not in "iuf"
        or (viewer is not None and (viewer.shape != xy.shape[:1] or viewer.dtype.kind not in "iu"))
    ):
        raise DatasetError(f"{file}: names, offsets, xy and viewer do not fit together; see docs/data.md")
    if len(names) and (
        offsets[0] != 0 or offsets[-1] != len(xy) or (np.diff(offsets.astype(np.int64)) < 0).any()
    ):
        raise DatasetError(f"{file}: offsets must rise from 0 to the number of fixations, {len(xy)}")
    found: dict[str, Fixations] = {}
    for number, name in enumerate(names):
        own = slice(int(offsets[number]), int(offsets[number + 1]))
        who = None if viewer is None else viewer[own]
        picture = PurePath(str(name)).name
        if picture in found:
            raise DatasetError(f"{file}: names {picture} twice")
        found[picture] = Fixations(xy[own, 0], xy[own, 1], who)
    check_unit(xy[:, 0].astype(np.float64), xy[:, 1].astype(np.float64), file)
    return found


def _arrays(file: Path) -> dict[str, Array]:
    try:
        with zipfile.ZipFile(file) as archive:
            if sum(member.file_size for member in archive.infolist()) > _LARGEST:
                raise DatasetError(f"{file}: unpacks to more than 2 GB, which fixations are not")
        with np.load(file, allow_pickle=False) as stored:
            wanted = [name for name in ("names", "offsets", "xy", "viewer") if name in stored.files]
            arrays = {name: np.asarray(stored[name]) for name in wanted}
    except (DatasetError, MemoryError):
        raise
    except Exception as error:  # a hostile header can raise nearly anything
        raise DatasetError(f"{file}: not an npz file that can be read ({first_line(error)})") from None
    if missing := [name for name in ("names", "offsets", "xy") if name not in arrays]:
        raise DatasetError(f"{file}: has no array {missing[0]!r}")
    return arrays
