"""Reading HDF5 files, none of which is trusted: links and storage outside of the file are refused."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from salgan._arrays import Array
from salgan.datasets._files import first_line
from salgan.errors import DatasetError, require

__all__ = ["array_of", "attribute", "is_hdf5", "member", "opened"]

_MOST = 1 << 29
"""Most values that one array may promise: 4 GB of float64."""

_MAGIC = b"\x89HDF\r\n\x1a\n"


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 does; MATLAB 7.3 writes 512 bytes of its own before."""
    try:
        with path.open("rb") as stream:
            start = stream.read(512 + len(_MAGIC))
    except OSError:
        return False
    return start.startswith(_MAGIC) or start[512:] == _MAGIC


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """An HDF5 file to read.

    Raises:
        DatasetError: no such file, or not HDF5 that can be read; also for whatever HDF5 raises in the block.
        MissingExtraError: h5py is not installed.
    """
    h5py = require("h5py", "eval")
    if not path.is_file():
        raise DatasetError(f"{path}: no such file")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (DatasetError, MemoryError):
        raise
    except Exception as error:  # a damaged file raises nearly anything
        raise DatasetError(f"{path}: not an HDF5 file that can be read ({first_line(error)})") from None


def array_of(group: Any, key: Any, path: Path) -> Array:
    """An array of a file, by its name or by a reference to it.

    Raises:
        DatasetError: there is none, it is kept in another file, or it promises more than memory should hold.
    """
    h5py = require("h5py", "eval")
    name = key if isinstance(key, str) else "a reference"
    stored = member(group, key, path) if isinstance(key, str) else group[key]
    if stored is None:
        raise DatasetError(f"{path}: holds no {name!r}")
    if not isinstance(stored, h5py.Dataset):
        raise DatasetError(f"{path}: {name} is not an array")
    if stored.external or stored.is_virtual:
        raise DatasetError(f"{path}: {name} keeps its values in another file, which is not opened")
    if math.prod(stored.shape) > _MOST or math.prod(stored.chunks or ()) > _MOST:
        raise DatasetError(f"{path}: {name} promises {math.prod(stored.shape):,} values, too many to read")
    return np.asarray(stored[...])


def member(group: Any, name: str, path: Path) -> Any:
    """What a group holds under a name; None if there is nothing.

    Raises:
        DatasetError: it is a link, which may lead through another link into another file.
    """
    h5py = require("h5py", "eval")
    found = group
    for part in name.split("/"):
        link = found.get(part, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise DatasetError(f"{path}: {name} is a link, which is not followed: it may be in another file")
        found = found[part]
    return found


def attribute(group: Any, name: str) -> str | None:
    """A text attribute, or None."""
    value = group.attrs.get(name)
    if value is None:
        return None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
