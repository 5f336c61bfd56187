"""Anybody's saliency maps: a folder, a zip or npz archive or an HDF5 file with one map per picture.

Maps are found by the stimulus' name: its path below the dataset's pictures, without ending, or the last
part of it, where no other map and no other picture shares that; or by a pattern, see
:mod:`salgan.evaluation.map_names`. Their values are taken as they are (any real range, no clipping), because
most metrics do not care and those that do should say so. All these files are hostile until parsed: nothing
is unpickled, nothing is written to disk, and what a header promises is checked before memory is set aside for
it.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from salgan import image
from salgan._arrays import Array
from salgan._files import check_file, files_below
from salgan.datasets import Stimulus
from salgan.errors import ModelError, require
from salgan.evaluation.map_files import EXTRA, check_promise, checked_map, decode_map, remark_on
from salgan.evaluation.map_kinds import MapKind, kind_named
from salgan.evaluation.map_names import MapNames, is_map
from salgan.models.spec import distinct_name

__all__ = [
    "MAP_SUFFIXES",
    "FolderMaps",
    "Hdf5Maps",
    "NamedMaps",
    "NpzMaps",
    "ZipMaps",
    "decode_map",
    "remark_on",
]

MAP_SUFFIXES = frozenset({".png", ".npy", ".tif", ".tiff", ".jpg", ".jpeg"})
"""Endings of files that are taken for maps, in lower case."""

_SMALL = 4_000_000
"""A map may always have this many pixels; a larger one is compared with its picture."""

_TIMES = 4
"""The most pixels a larger map may have, as a multiple of its picture's."""

_RECORD = "kind.npy"
"""The member of an npz file that says what its maps are."""

_HDF5_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".npy", ".bmp", ".tif", ".tiff"})


class NamedMaps:
    """Maps found by the name of the stimulus; each subclass lists its keys and reads one of them.

    Attributes:
        path: the path of the folder or file.
        name: the name of the set, for tables.
        fingerprint: changes whenever a map may have changed.
        portable: whether it may be sent to other processes.
        kind: what the values are, where the set says so itself.
    """

    portable = True
    fingerprint: str
    kind: MapKind | None = None

    def __init__(self, path: Path, keys: Iterable[str], suffixes: frozenset[str]) -> None:
        self.path = path
        self.name = distinct_name(path)
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
        return self._read(self._key(stimulus), _most(stimulus))

    def remark(self, stimulus: Stimulus) -> str | None:
        """What is wrong with the file of a stimulus' map, in one line; None if nothing is."""
        content = self._content(self._key(stimulus), image.MAX_PIXELS)
        return None if content is None else remark_on(content, self._key(stimulus))

    def _key(self, stimulus: Stimulus) -> str:
        key = self._names.key(stimulus.name)
        if key is None:
            raise ModelError(f"{self.path}: holds no map of {stimulus.name}")
        return key

    def _read(self, key: str, most: int) -> Array:
        content = self._content(key, most)
        if content is None:
            raise NotImplementedError
        return decode_map(content, key, most)

    def _content(self, key: str, most: int) -> bytes | Path | None:
        """The file of a map, or its bytes; None where maps are not files."""
        return None


def _most(stimulus: Stimulus) -> int:
    """How many pixels a stimulus' map may have."""
    if not str(stimulus.path or ""):
        return image.MAX_PIXELS
    return min(image.MAX_PIXELS, max(_SMALL, _TIMES * stimulus.width * stimulus.height))


class FolderMaps(NamedMaps):
    """Maps in a folder and the folders below it, as PNG (8 or 16 bit), npy, TIFF or JPEG.

    Args:
        path: the folder.

    Raises:
        ModelError: no map in it, or two of the same name.
    """

    def __init__(self, path: Path) -> None:
        files = {
            file.relative_to(path).as_posix(): file
            for file in files_below(path, ModelError)
            if is_map(file.name, MAP_SUFFIXES) and file.is_file()
        }
        super().__init__(path, files, MAP_SUFFIXES)
        digest = hashlib.sha256()
        for key, file in sorted(files.items()):
            facts = file.stat()
            line = f"{key}\0{facts.st_size}\0{facts.st_mtime_ns}\n"
            digest.update(line.encode("utf-8", "surrogatepass"))  # names need not be UTF-8
        self.fingerprint = digest.hexdigest()

    def _content(self, key: str, most: int) -> Path:
        return self.path / key


class ZipMaps(NamedMaps):
    """Maps in a zip archive, read in place: no name in it ever becomes a path on disk.

    Args:
        path: the archive.

    Raises:
        ModelError: not a zip archive, or no map in it, or two of the same name.
    """

    def __init__(self, path: Path) -> None:
        self.fingerprint = _facts(path)
        self._archive: zipfile.ZipFile | None = None
        self.path = path
        super().__init__(path, self._maps(), MAP_SUFFIXES)

    def _maps(self) -> list[str]:
        """The names of the maps in the archive."""
        return [item.filename for item in self._open().infolist() if is_map(item.filename, MAP_SUFFIXES)]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_archive": None}

    def _open(self) -> zipfile.ZipFile:
        if self._archive is None:
            try:
                self._archive = zipfile.ZipFile(self.path)
            except MemoryError:
                raise
            except Exception as error:  # a hostile directory raises nearly anything
                raise ModelError(f"{self.path}: is not a zip archive that can be read ({error})") from None
        return self._archive

    def _content(self, key: str, most: int) -> bytes:
        # This assumes float64, the largest type that a map may be stored as.
        limit = 8 * most + EXTRA
        try:
            with self._open().open(key) as member:
                # The size in the directory is only a claim, so the limit is on what comes out.
                content = member.read(limit + 1)
        except MemoryError:
            raise ModelError(f"{self.path}: {key} needs more memory than there is") from None
        except Exception as error:  # zipfile, zlib, lzma and bz2 each have errors of their own
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ModelError(f"{self.path}: {key} cannot be unpacked ({reason})") from None
        if len(content) > limit:
            raise ModelError(f"{self.path}: {key} unpacks to more than a map of its picture can have")
        return content


class NpzMaps(ZipMaps):
    """Maps in an ``.npz`` file: an array per picture, named like it, and a text ``kind``: what they are.

    >>> import numpy as np
    >>> np.savez("maps.npz", kind="log-density", **{"1001": maps[0], "cats/2": maps[1]})  # doctest: +SKIP

    Args:
        path: the file.

    Raises:
        ModelError: not an npz file, no map in it, two of the same name, or a kind that there is not.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        if _RECORD in self._open().namelist():
            self.kind = _recorded_kind(self._content(_RECORD, EXTRA), f"{path}: {_RECORD}")

    def _maps(self) -> list[str]:
        return [key for key in super()._maps() if key != _RECORD]


def _recorded_kind(content: bytes, name: str) -> MapKind:
    """The kind that a text in an npy file says."""
    try:
        said = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except MemoryError:
        raise
    except Exception as error:  # a hostile header can raise nearly anything
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{name} cannot be read ({reason}); it must be a text") from None
    if said.dtype.kind != "U" or said.size != 1:
        raise ModelError(f"{name} says what the maps are, and must be a text: kind='log-density'")
    return kind_named(str(said.reshape(-1)[0]))


class Hdf5Maps(NamedMaps):
    """Maps in an HDF5 file: one two-dimensional dataset per picture, named like it, in groups or not.

    Links out of the file and storage outside of it are not followed.

    Args:
        path: the file.

    Raises:
        ModelError: not an HDF5 file, or no map in it, or two of the same name.
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
            said = self._open().attrs.get("kind")
        except (ModelError, MemoryError):
            raise
        except Exception as error:  # a damaged file raises nearly anything
            raise ModelError(f"{path}: is not an HDF5 file that can be read ({error})") from None
        self.kind = None if said is None else kind_named(_text(said))
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

    def _read(self, key: str, most: int) -> Array:
        try:
            stored = self._open()[key]
            if stored.external or stored.is_virtual:
                raise ModelError(f"{self.path}: {key} keeps its values in another file, which is not opened")
            for shape in (stored.shape, stored.chunks or ()):
                check_promise(shape, stored.dtype, f"{self.path}: {key}", most)
            return checked_map(np.asarray(stored), key)
        except ModelError:
            raise
        except MemoryError:
            raise ModelError(f"{self.path}: {key} needs more memory than there is") from None
        except Exception as error:  # a damaged file raises nearly anything
            raise ModelError(f"{self.path}: {key} cannot be read ({error})") from None


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _facts(path: Path) -> str:
    """What identifies a large file without reading it: its size and the time of its last change."""
    check_file(path, ModelError)
    try:
        facts = path.stat()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from None
    return hashlib.sha256(f"{facts.st_size}\0{facts.st_mtime_ns}".encode()).hexdigest()
