"""Anybody's saliency maps: a folder, a zip archive or an HDF5 file with one map per picture.

Maps are found by the stimulus' name: its path below the dataset's pictures, without ending, or the last
part of it, where that is unique; or by a pattern, see :mod:`salgan.evaluation.map_names`. Their values are
taken as they are (any real range, no clipping), because most metrics do not care and those that do should
say so. All three kinds of file are hostile until parsed: nothing is unpickled, nothing is written to disk,
and what a header promises is checked before memory is set aside for it.
"""

from __future__ import annotations

import hashlib
import io
import math
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from salgan import image
from salgan._arrays import Array
from salgan.datasets import Stimulus
from salgan.errors import ImageError, ModelError, require
from salgan.evaluation.map_names import MapNames, is_map

__all__ = ["MAP_SUFFIXES", "FolderMaps", "Hdf5Maps", "NamedMaps", "ZipMaps", "decode_map"]

MAP_SUFFIXES = frozenset({".png", ".npy", ".tif", ".tiff", ".jpg", ".jpeg"})
"""Endings of files that are taken for maps, in lower case."""

_MOST_BYTES = 1 << 30
"""No single map of a zip archive may unpack to more than this."""

_HDF5_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".npy", ".bmp", ".tif", ".tiff"})


def decode_map(content: bytes | Path, name: str) -> Array:
    """Decode one map.

    Args:
        content: the bytes of a file, or its path: npy (never unpickled), or a picture (8 or 16 bit grey,
            float TIFF; colour becomes luma).
        name: what to call it; its ending tells npy from pictures.

    Returns:
        (H, W), values as stored.

    Raises:
        ModelError: not a map that can be read.
    """
    try:
        if PurePosixPath(name).suffix.lower() == ".npy":
            array = _load_npy(content)
        else:
            array = image.one_channel(image.decode(content)[0])
    except ImageError as error:
        raise ModelError(f"{name}: {str(error).removeprefix(f'{content!s}: ')}") from None
    except (OSError, ValueError, EOFError) as error:
        raise ModelError(f"{name}: is not a map that can be read ({error})") from None
    return _checked(array, name)


def _load_npy(content: bytes | Path) -> Array:
    if isinstance(content, Path):
        # Mapped, so that a header that promises more than the file holds costs no memory.
        return np.asarray(np.load(content, mmap_mode="r", allow_pickle=False))
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read_header = (
        np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read_header(stream)
    if math.prod(shape) * dtype.itemsize > len(content):
        raise ValueError("its header promises more than there is")
    stream.seek(0)
    return np.asarray(np.load(stream, allow_pickle=False))


def _checked(array: Array, name: str) -> Array:
    if array.ndim == 3 and 1 in (array.shape[0], array.shape[-1]):
        array = array[0] if array.shape[0] == 1 else array[..., 0]
    if array.ndim != 2 or not array.size or array.dtype.kind not in "buif":
        raise ModelError(f"{name}: holds {array.dtype} of shape {array.shape}, a map is (H, W) numbers")
    return array


class NamedMaps:
    """Maps found by the name of the stimulus; each subclass lists its keys and reads one of them.

    Attributes:
        path: of the folder or file.
        name: of the set, for tables.
        fingerprint: changes whenever a map may have changed.
        portable: whether it may be sent to other processes.
    """

    portable = True
    fingerprint: str

    def __init__(self, path: Path, keys: Iterable[str], suffixes: frozenset[str]) -> None:
        self.path = path
        self.name = path.stem if path.is_file() else path.resolve().name
        self._names = MapNames(str(path), keys, suffixes)

    def named(self, pattern: str) -> None:
        """Find maps by a pattern such as ``{stem}_saliency.png``.

        Raises:
            ModelError: as :meth:`~salgan.evaluation.map_names.MapNames.use`.
        """
        self._names.use(pattern)

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of the stimulus names that have no map, by name or by a pattern that holds for all.

        Raises:
            ModelError: two patterns hold for all.
        """
        return self._names.missing(list(names))

    def hint(self) -> str:
        """What maps there are, and how to say which of them belongs to which picture."""
        return self._names.hint()

    def scored(self, stimulus: Stimulus) -> Stimulus:
        """What the map is scored on: the stimulus as it is."""
        return stimulus

    def predict(self, stimulus: Stimulus) -> Array:
        """The map of a stimulus, (h, w) at its own size.

        Raises:
            ModelError: there is none, or it cannot be read.
        """
        key = self._names.key(stimulus.name)
        if key is None:
            raise ModelError(f"{self.path}: holds no map of {stimulus.name}")
        return self._read(key)

    def _read(self, key: str) -> Array:
        raise NotImplementedError


class FolderMaps(NamedMaps):
    """Maps in a folder and the folders below it, as PNG (8 or 16 bit), npy, TIFF or JPEG.

    Args:
        path: the folder.

    Raises:
        ModelError: no map in it, or two of one name.
    """

    def __init__(self, path: Path) -> None:
        files = {
            file.relative_to(path).as_posix(): file
            for file in path.rglob("*")
            if is_map(file.name, MAP_SUFFIXES) and file.is_file()
        }
        super().__init__(path, files, MAP_SUFFIXES)
        digest = hashlib.sha256()
        for key, file in sorted(files.items()):
            facts = file.stat()
            digest.update(f"{key}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
        self.fingerprint = digest.hexdigest()

    def _read(self, key: str) -> Array:
        return decode_map(self.path / key, key)


class ZipMaps(NamedMaps):
    """Maps in a zip archive, read in place: no name in it ever becomes a path on disk.

    Args:
        path: the archive.

    Raises:
        ModelError: not a zip archive, or no map in it, or two of one name.
    """

    def __init__(self, path: Path) -> None:
        self.fingerprint = _facts(path)
        self._archive: zipfile.ZipFile | None = None
        self.path = path
        keys = [item.filename for item in self._open().infolist() if is_map(item.filename, MAP_SUFFIXES)]
        super().__init__(path, keys, MAP_SUFFIXES)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_archive": None}

    def _open(self) -> zipfile.ZipFile:
        if self._archive is None:
            try:
                self._archive = zipfile.ZipFile(self.path)
            except (OSError, zipfile.BadZipFile) as error:
                raise ModelError(f"{self.path}: is not a zip archive that can be read ({error})") from None
        return self._archive

    def _read(self, key: str) -> Array:
        try:
            with self._open().open(key) as member:
                # The size in the directory is only a claim, so the limit is on what comes out.
                content = member.read(_MOST_BYTES + 1)
        except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
            raise ModelError(f"{self.path}: {key} cannot be unpacked ({error})") from None
        except Exception as error:  # zlib, lzma and bz2 each have an error of their own
            raise ModelError(f"{self.path}: {key} is damaged ({error})") from None
        if len(content) > _MOST_BYTES:
            raise ModelError(f"{self.path}: {key} unpacks to more than {_MOST_BYTES >> 20} MiB")
        return decode_map(content, key)


class Hdf5Maps(NamedMaps):
    """Maps in an HDF5 file: one two-dimensional dataset per picture, named like it, in groups or not.

    Links out of the file and storage outside of it are not followed.

    Args:
        path: the file.

    Raises:
        ModelError: not an HDF5 file, or no map in it, or two of one name.
        MissingExtraError: h5py is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.fingerprint = _facts(path)
        self._file: Any = None
        self.path = path
        h5py = require("h5py", "eval")
        keys: list[str] = []
        try:
            # visititems follows hard links only, each object once.
            self._open().visititems(
                lambda key, item: keys.append(key) if isinstance(item, h5py.Dataset) else None
            )
        except (OSError, RuntimeError, KeyError) as error:
            raise ModelError(f"{path}: is not an HDF5 file that can be read ({error})") from None
        super().__init__(path, keys, _HDF5_SUFFIXES)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}

    def _open(self) -> Any:
        if self._file is None:
            try:
                self._file = require("h5py", "eval").File(self.path, "r")
            except OSError as error:
                raise ModelError(f"{self.path}: is not an HDF5 file that can be read ({error})") from None
        return self._file

    def _read(self, key: str) -> Array:
        try:
            stored = self._open()[key]
            if stored.external or stored.is_virtual:
                raise ModelError(f"{self.path}: {key} keeps its values in another file, which is not opened")
            if stored.size * stored.dtype.itemsize > _MOST_BYTES:
                raise ModelError(f"{self.path}: {key} of shape {stored.shape} is too large for a map")
            return _checked(np.asarray(stored), key)
        except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{self.path}: {key} cannot be read ({error})") from None


def _facts(path: Path) -> str:
    """What tells a large file from another one without reading it: size and time of its last change."""
    try:
        facts = path.stat()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from None
    return hashlib.sha256(f"{facts.st_size}\0{facts.st_mtime_ns}".encode()).hexdigest()
