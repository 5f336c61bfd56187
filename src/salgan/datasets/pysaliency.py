"""pysaliency's HDF5: ``stimuli.hdf5`` and ``fixations.hdf5`` in one folder, read and written.

Sets in parts have ``stimuli_train.hdf5`` with ``fixations_train.hdf5`` and so on. Stimuli may be files
(``FileStimuli``: names relative to the HDF5 file) or arrays in the file (``Stimuli``); fixations may be
``Fixations``, ``FixationTrains``, ``ScanpathFixations`` or ``Scanpaths``.

pysaliency rounds coordinates down: 5.0 to 5.99 is the sixth pixel. Here 5 is the centre of that pixel. So
half a pixel comes off when reading and is added when writing, and a fixation stays in its pixel. Durations
are seconds there and milliseconds here.

The formats were taken from the code of pysaliency 0.2.22 and, for scanpaths, of its repository in 2025.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from salgan._arrays import Array, Floats, Integers, Picture
from salgan._files import make_folder, replacing
from salgan._progress import Progress, silent
from salgan.datasets._files import PICTURES, picture_size
from salgan.datasets._hdf5 import array_of, attribute, member, opened
from salgan.datasets.stimulus import Dataset, Fixations, Stimulus
from salgan.errors import DatasetError, require

__all__ = ["is_pysaliency", "open_pysaliency", "write_pysaliency"]

_PARTS = {"train": ("_train",), "val": ("_validation", "_val"), "test": ("_test",)}
_HALF = 0.5
_SECOND = 1000.0


class _ArrayStimulus(Stimulus):
    """A stimulus whose pixels are an array of an HDF5 file."""

    __slots__ = ("_key",)

    def __init__(self, name: str, path: Path, key: str, size: tuple[int, int], fixations: Fixations) -> None:
        super().__init__(name, path, fixations=fixations)
        self._key = key
        self._size = size

    def picture(self) -> Picture:
        with opened(self.path) as file:
            pixels = array_of(file, self._key, self.path)
        if pixels.ndim == 2:
            pixels = pixels[..., None]
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4):
            raise DatasetError(
                f"{self.path}: stimulus {self._key} is {pixels.dtype} of shape {pixels.shape}; expected "
                "uint8 (H, W) or (H, W, 3)"
            )
        return np.ascontiguousarray(np.broadcast_to(pixels[..., :3], (*pixels.shape[:2], 3)))


def is_pysaliency(root: Path) -> bool:
    """Whether a folder holds stimuli and fixations in pysaliency's HDF5."""
    return bool(_files(root, None))


def open_pysaliency(root: Path, part: str | None = None) -> Dataset:
    """Read pysaliency's stimuli and fixations; the set is named after the folder.

    Args:
        root: the folder with the HDF5 files.
        part: ``"train"``, ``"val"`` or ``"test"``, of a set whose files are called so; None takes all.

    Raises:
        DatasetError: files missing or malformed, or no such part.
        MissingExtraError: h5py is not installed.
    """
    if part not in (None, *_PARTS):
        raise DatasetError(f"{root}: no part named {part!r}; there are {', '.join(_PARTS)}")
    files = _files(root, part)
    if not files:
        wanted = f"_{part}" if part else ""
        raise DatasetError(f"{root}: has no stimuli{wanted}.hdf5 with fixations{wanted}.hdf5 beside it")
    stimuli: list[Stimulus] = []
    unmatched: list[str] = []
    for prefix, stimuli_file, fixations_file in files:
        fixations = _read_fixations(fixations_file)
        found = _read_stimuli(stimuli_file, prefix if len(files) > 1 else "", fixations)
        stimuli += found
        unmatched += [f"{fixations_file.name}: stimulus {n}" for n in fixations.beyond(len(found))]
    return Dataset(root.resolve().name, None, tuple(stimuli), "pysaliency", tuple(unmatched))


def write_pysaliency(dataset: Dataset, out: Path, on_progress: Progress = silent) -> None:
    """Write a dataset as ``stimuli.hdf5`` and ``fixations.hdf5``; pictures stay where they are.

    Fixations whose viewers are known are written as ``FixationTrains``, one train per viewer and picture;
    others as ``Fixations`` of one subject. Those outside their picture are left out, as pysaliency expects.

    Args:
        dataset: what to write.
        out: the folder to write into; it is made if it does not exist.
        on_progress: is told (stage, done, total) after each stimulus.

    Raises:
        DatasetError: ``out`` has such files already; a stimulus without fixations, or one whose picture is
            turned by its EXIF orientation, which pysaliency does not look at.
        SalganError: the folder cannot be written.
        MissingExtraError: h5py is not installed.
    """
    h5py = require("h5py", "eval")
    targets = [out / "stimuli.hdf5", out / "fixations.hdf5"]
    for target in targets:
        if target.exists():
            raise DatasetError(f"{target} exists; name another folder")
    found: list[Fixations] = []
    for number, stimulus in enumerate(dataset, 1):
        if isinstance(stimulus, _ArrayStimulus):
            raise DatasetError(f"{stimulus.path}: holds pysaliency's stimuli already, as arrays")
        size = (stimulus.width, stimulus.height)
        if picture_size(stimulus.path, exif=False) != size:
            raise DatasetError(
                f"{stimulus.path}: is turned by EXIF, which pysaliency does not look at; save it upright"
            )
        fixations = stimulus.fixations
        if fixations is None:
            raise DatasetError(
                f"{stimulus.name}: has no fixations, which pysaliency needs; leave it out with a part"
            )
        found.append(fixations.inside(*size))
        on_progress("reading fixations", number, len(dataset))
    make_folder(out)
    # A link or a relative name would otherwise lead elsewhere from the new folder.
    names = [os.path.relpath(each.path.resolve(), out.resolve()) for each in dataset]
    # Made in memory, since h5py may crash where it finds no room on the disk.
    contents = io.BytesIO(), io.BytesIO()
    with h5py.File(contents[0], "w") as file:
        _write_stimuli(file, dataset, names)
    with h5py.File(contents[1], "w") as file:
        if any(len(each) and each.viewer is None for each in found):
            _write_fixations(file, found)
        else:
            _write_trains(file, found)
    # Both get their names when both are whole.
    with contextlib.ExitStack() as stack:
        for target, content in zip(targets, contents, strict=True):
            stack.enter_context(replacing(target)).write_bytes(content.getbuffer())


def _write_stimuli(file: Any, dataset: Dataset, names: list[str]) -> None:
    h5py = require("h5py", "eval")
    _label(file, "FileStimuli", "2.1")
    text = h5py.string_dtype()
    file.create_dataset("filenames", data=[PurePosixPath(n).as_posix() for n in names], dtype=text)
    shapes = file.create_dataset("shapes", (len(names),), dtype=h5py.vlen_dtype(np.dtype("int64")))
    for place, stimulus in enumerate(dataset):
        shapes[place] = np.array([stimulus.height, stimulus.width, 3])
    file.attrs["__attributes__"] = np.bytes_("[]")
    file.attrs["size"] = len(names)


def _files(root: Path, part: str | None) -> list[tuple[str, Path, Path]]:
    """Name of the part with a slash, stimuli and fixations, for each pair of files."""
    wanted = [("", ("",)), *_PARTS.items()] if part is None else [(part, _PARTS[part])]
    pairs = []
    for name, endings in wanted:
        for ending in endings:
            both = [root / f"{kind}{ending}.hdf5" for kind in ("stimuli", "fixations")]
            if all(file.is_file() for file in both):
                pairs.append((f"{name}/" if name else "", both[0], both[1]))
                break
    return pairs


def _read_stimuli(file: Path, prefix: str, fixations: _ByStimulus) -> list[Stimulus]:
    with opened(file) as hdf5:
        kind = attribute(hdf5, "type")
        if kind == "FileStimuli":
            stored = [_text(name) for name in array_of(hdf5, "filenames", file).reshape(-1)]
            paths = [file.parent / name for name in stored]
            names = [prefix + name for name in _names(paths, file)]
            return [
                Stimulus(name, path, fixations=fixations.of(number))
                for number, (name, path) in enumerate(zip(names, paths, strict=True))
            ]
        if kind == "Stimuli":
            count = int(hdf5.attrs.get("size", 0))
            if not 0 <= count <= len(hdf5):
                raise DatasetError(
                    f"{file}: says that it holds {count} stimuli, and holds {len(hdf5)} arrays"
                )
            found: list[Stimulus] = []
            for number in range(count):
                key = str(number)
                shape: tuple[Any, ...] = tuple(getattr(member(hdf5, key, file), "shape", ()))
                if len(shape) not in (2, 3):
                    raise DatasetError(f"{file}: holds no picture {key!r}")
                size = (int(shape[1]), int(shape[0]))
                name = f"{prefix}{number:0{len(str(count - 1))}d}"
                found.append(_ArrayStimulus(name, file, key, size, fixations.of(number)))
            return found
    raise DatasetError(f"{file}: is of type {kind!r}; expected pysaliency's FileStimuli or Stimuli")


def _names(paths: list[Path], file: Path) -> list[str]:
    """Paths below the folder that all are in, without ending."""
    if not paths:
        return []
    folders = {os.path.normpath(path.parent) for path in paths}
    common = Path(os.path.commonpath(folders))
    names = [Path(os.path.normpath(path)).relative_to(common).with_suffix("").as_posix() for path in paths]
    if len(set(names)) < len(names):
        raise DatasetError(f"{file}: two stimuli are called {max(names, key=names.count)}")
    for path in paths:
        if path.suffix.lower() not in PICTURES:
            raise DatasetError(f"{file}: {path.name} is not a picture")
    return names


class _ByStimulus:
    """The fixations of all stimuli, by the stimulus' number.

    Args:
        n: the number of each fixation's stimulus, from 0.
        whole: all fixations, in pixels counted from the centre of the first.
    """

    def __init__(self, n: Integers, whole: Fixations) -> None:
        self._order = np.argsort(n, kind="stable")
        self._n = n[self._order]
        self._whole = whole

    def of(self, number: int) -> Fixations:
        """Those of one stimulus."""
        start, end = np.searchsorted(self._n, [number, number + 1])
        own, whole = self._order[start:end], self._whole
        return Fixations(
            whole.x[own],
            whole.y[own],
            None if whole.viewer is None else whole.viewer[own],
            None if whole.duration is None else whole.duration[own],
        )

    def beyond(self, count: int) -> list[int]:
        """The numbers that none of so many stimuli has."""
        numbers = np.unique(self._n)
        return [int(n) for n in numbers[(numbers < 0) | (numbers >= count)]]


def _read_fixations(file: Path) -> _ByStimulus:
    with opened(file) as hdf5:
        kind = attribute(hdf5, "type")
        if kind == "Fixations":
            return _plain(hdf5, file)
        if kind == "FixationTrains":
            return _trains(hdf5, file)
        if kind == "ScanpathFixations":
            hdf5 = member(hdf5, "scanpaths", file)
            kind = None if hdf5 is None else attribute(hdf5, "type")
        if kind == "Scanpaths":
            return _scanpaths(hdf5, file)
    raise DatasetError(f"{file}: is of type {kind!r}; expected pysaliency's Fixations or FixationTrains")


def _plain(hdf5: Any, file: Path) -> _ByStimulus:
    name = "subjects" if "subjects" in hdf5 else "subject"
    viewer = _integers(hdf5, name, file) if name in hdf5 else None
    if viewer is not None and len(np.unique(viewer)) <= 1:
        viewer = None  # pysaliency has no other way to say that viewers are unknown
    columns = _reals(hdf5, "x", file), _reals(hdf5, "y", file)
    return _checked(file, _integers(hdf5, "n", file), *columns, viewer, None)


def _trains(hdf5: Any, file: Path) -> _ByStimulus:
    xs, ys = (np.asarray(array_of(hdf5, name, file), dtype=np.float64) for name in ("train_xs", "train_ys"))
    n, subject = _integers(hdf5, "train_ns", file), _integers(hdf5, "train_subjects", file)
    if xs.ndim != 2 or xs.shape != ys.shape or not len(xs) == len(n) == len(subject):
        raise DatasetError(f"{file}: train_xs, train_ys, train_ns and train_subjects do not fit together")
    seen = np.isfinite(xs)
    lengths = seen.sum(axis=1)
    durations = None
    group = member(hdf5, "scanpath_fixation_attributes", file)
    if group is not None and "durations" in group:
        durations = np.asarray(array_of(group, "durations", file), dtype=np.float64)
        if durations.shape != xs.shape:
            raise DatasetError(f"{file}: durations have shape {durations.shape}, train_xs {xs.shape}")
        durations = durations[seen] * _SECOND
    return _checked(file, n.repeat(lengths), xs[seen], ys[seen], subject.repeat(lengths), durations)


def _scanpaths(hdf5: Any, file: Path) -> _ByStimulus:
    n, lengths = _integers(hdf5, "n", file), _integers(hdf5, "lengths", file)
    xs, ys = (np.asarray(array_of(hdf5, name, file), dtype=np.float64) for name in ("xs", "ys"))
    if xs.ndim != 2 or xs.shape != ys.shape or not len(xs) == len(n) == len(lengths):
        raise DatasetError(f"{file}: xs, ys, n and lengths do not fit together")
    seen = np.arange(xs.shape[1]) < lengths[:, None]
    subject = None
    if "subject" in (about := member(hdf5, "scanpath_attributes", file) or {}):
        _, subject = np.unique(array_of(about, "subject", file), return_inverse=True)
        subject = subject.reshape(-1).repeat(lengths)
    durations = None
    if "durations" in (about := member(hdf5, "fixation_attributes", file) or {}):
        durations = np.asarray(array_of(about, "durations", file), dtype=np.float64)[seen] * _SECOND
    return _checked(file, n.repeat(lengths), xs[seen], ys[seen], subject, durations)


def _checked(
    file: Path, n: Integers, x: Floats, y: Floats, viewer: Integers | None, duration: Floats | None
) -> _ByStimulus:
    if any(each is not None and each.shape != n.shape for each in (x, y, viewer, duration)):
        raise DatasetError(f"{file}: its arrays differ in length")
    return _ByStimulus(n, Fixations(x - _HALF, y - _HALF, viewer, duration))


def _reals(group: Any, name: str, file: Path) -> Floats:
    return np.asarray(array_of(group, name, file), dtype=np.float64).reshape(-1)


def _integers(group: Any, name: str, file: Path) -> Integers:
    return np.asarray(array_of(group, name, file), dtype=np.int64).reshape(-1)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _label(group: Any, kind: str, version: str) -> None:
    group.attrs["type"], group.attrs["version"] = np.bytes_(kind), np.bytes_(version)


def _write_fixations(file: Any, found: list[Fixations]) -> None:
    _label(file, "Fixations", "1.0")
    n = np.repeat(np.arange(len(found)), [len(each) for each in found])
    columns: dict[str, Array] = {
        "x": np.concatenate([each.x for each in found]) + _HALF,
        "y": np.concatenate([each.y for each in found]) + _HALF,
        "t": np.zeros(len(n)),
        **{f"{axis}_hist": np.full((len(n), 1), np.nan) for axis in "xyt"},
        "n": n,
        "subjects": np.zeros(len(n), dtype=np.int64),
    }
    for name, values in columns.items():
        file.create_dataset(name, data=values)
    file.attrs["__attributes__"] = np.bytes_(json.dumps(["subjects"]))


def _write_trains(file: Any, found: list[Fixations]) -> None:
    _label(file, "FixationTrains", "1.2")
    trains = [
        (number, int(viewer), each.viewer == viewer)
        for number, each in enumerate(found)
        if each.viewer is not None
        for viewer in np.unique(each.viewer)
    ]
    longest = max((int(own.sum()) for _, _, own in trains), default=1)
    timed = all(each.duration is not None for each in found if len(each))
    names = ["train_xs", "train_ys", "train_ts", *(["durations"] if timed else [])]
    arrays = {name: np.full((len(trains), longest), np.nan) for name in names}
    for row, (number, _, own) in enumerate(trains):
        each, count = found[number], int(own.sum())
        arrays["train_xs"][row, :count] = each.x[own] + _HALF
        arrays["train_ys"][row, :count] = each.y[own] + _HALF
        arrays["train_ts"][row, :count] = np.arange(count)
        if each.duration is not None and timed:
            arrays["durations"][row, :count] = each.duration[own] / _SECOND
    for name in ("train_xs", "train_ys", "train_ts"):
        file.create_dataset(name, data=arrays[name])
    file.create_dataset("train_ns", data=np.array([number for number, _, _ in trains], dtype=np.int64))
    file.create_dataset("train_subjects", data=np.array([who for _, who, _ in trains], dtype=np.int64))
    file.attrs["__attributes__"] = np.bytes_("[]")
    file.attrs["scanpath_attribute_mapping"] = np.bytes_(
        json.dumps({"durations": "duration"} if timed else {})
    )
    for name, attributes in (
        ("scanpath_attributes", {}),
        ("scanpath_fixation_attributes", {"durations": arrays["durations"]} if timed else {}),
    ):
        group = file.create_group(name)
        for key, values in attributes.items():
            group.create_dataset(key, data=values)
        group.attrs["__attributes__"] = np.bytes_(json.dumps(sorted(attributes)))
