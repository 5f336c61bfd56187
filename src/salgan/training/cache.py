"""Prepared tensors: every picture, density and fixation map at the network's size, decoded once.

For a network with several input shapes, every picture is kept at the shape of its own aspect ratio, and those
to train on a little larger, since each training batch has another shape (``salgan.training.data``).

A cache is a folder of memory-mapped ``.npy`` files. Its name is a hash of everything that went into it,
including the content of the dataset's files, so it is never stale. If the dataset, the size or the blur
changes, another cache is built beside it; if the dataset is copied or moved, the same cache is found.
Parallel processes build it in a temporary folder, which is renamed when it is complete.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import platformdirs
from PIL import Image

from salgan._files import draft_of, files_below, read_file, sha256_of, sweep
from salgan._json import parse_json
from salgan._parallel import WorkerDiedError, cores, in_order
from salgan._progress import Progress, Say, silent, unsaid
from salgan.datasets import Dataset, Fixations, Stimulus, load_split, open_dataset
from salgan.datasets.description import parse_description
from salgan.errors import ConfigError, DatasetError
from salgan.image import SUFFIXES
from salgan.preprocessing import Preprocessing
from salgan.training.config import DataSource

__all__ = ["Prepared", "Samples", "find_dataset", "limited", "parts_of", "prepare"]

_CODE = 2
"""Increase this number when what is written to a cache changes."""
_MOST_BYTES = 100_000_000
"""The largest file that may list the pictures of parts."""
_CHUNK = 8
"""Stimuli that a worker prepares at a time."""
_ARRAYS = ("pictures", "density", "fixations")
_MARGIN = 1.25
"""Factor on the sides of pictures that batches show at shapes other than their own, to keep them sharp."""
_READ = SUFFIXES | {".mat", ".npy", ".csv", ".tsv", ".txt", ".toml", ".json", ".npz", ".h5", ".hdf5"}
"""Endings of the files that the readers of datasets read."""
_Rows: TypeAlias = Sequence[tuple[int, Stimulus]]
_Shapes: TypeAlias = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Samples:
    """Pictures with their gaze at the network's size, memory-mapped.

    Each attribute holds one array per picture: the rows of a single array where all have one shape, else a
    list.

    Attributes:
        names: name of each picture, ``source/stimulus``.
        pictures: uint8 RGB (h, w, 3).
        density: float16 (h, w), scaled so that each map's maximum is 1.
        fixations: bool (h, w), true at fixated pixels; nowhere true if only a map was published.
    """

    names: tuple[str, ...]
    pictures: np.ndarray | list[np.ndarray]
    density: np.ndarray | list[np.ndarray]
    fixations: np.ndarray | list[np.ndarray]

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Prepared:
    """One source's cached samples, with the rows to train and to validate on."""

    source: str
    samples: Samples
    train: np.ndarray
    val: np.ndarray


def prepare(
    source: DataSource,
    data: Path,
    preprocessing: Preprocessing,
    cache: Path | None = None,
    *,
    limit: int | None = None,
    say: Say = unsaid,
    on_progress: Progress = silent,
) -> Prepared:
    """Open a source's cache, building it first if needed.

    Args:
        source: which dataset, which parts, which blur.
        data: folder that ``source.path`` is relative to.
        preprocessing: shapes and filter for the pictures.
        cache: folder of all caches; this user's cache folder if None.
        limit: see :func:`limited`.
        say: is told which pictures are left out.
        on_progress: is told (stage, done, total) after each file compared and each picture prepared.

    Raises:
        ConfigError: the parts do not fit the dataset or each other.
        DatasetError: the dataset cannot be read.
    """
    root = find_dataset(source, data)
    train, val = (limited(stimuli, limit) for stimuli in parts_of(source, root))
    both = sorted({stimulus.name for stimulus in train} & {stimulus.name for stimulus in val})
    # The paper's final network was trained on SALICON's validation pictures too. So this is allowed for
    # those who name the part in both places; a split that leaks is not allowed.
    if both and not set(_listed(source.train)) & set(_listed(source.val)):
        raise ConfigError(f"{source.label}: {both[0]} is in both train and val; mend the split")
    stimuli = list({stimulus.name: stimulus for stimulus in [*train, *val]}.values())
    if not stimuli:
        raise ConfigError(f"{source.label}: no pictures in train={source.train} val={source.val}")
    if source.fold is not None:  # all folds of a set share one cache
        stimuli.sort(key=lambda stimulus: stimulus.name)
    shapes = _shapes(stimuli, train, preprocessing)
    key = _key(source, root, stimuli, preprocessing, shapes, on_progress)
    folder = _folder(cache) / f"{Path(source.path).name}-{key}"
    if not folder.is_dir():
        _build(folder, source, stimuli, preprocessing, shapes, on_progress)
    samples, empty = _load(folder, source.label)
    if empty:
        say(f"{source.label}: left out, nobody looked inside: {', '.join(empty)}")
    row = {stimulus.name: index for index, stimulus in enumerate(stimuli) if stimulus.name not in empty}
    return Prepared(source.label, samples, _rows(row, train), _rows(row, val))


def find_dataset(source: DataSource, data: Path) -> Path:
    """A source's folder.

    Raises:
        ConfigError: there is none.
    """
    root = data / source.path
    if not root.exists():
        raise ConfigError(
            f"{root}: no such dataset; data= names the folder that holds {root.name}, "
            "and sources.N.path says where in it"
        )
    return root


def limited(stimuli: Sequence[Stimulus], limit: int | None) -> list[Stimulus]:
    """At most this many stimuli, taken evenly from all over the list; all of them if None."""
    if limit is None or limit >= len(stimuli):
        return list(stimuli)
    return [stimuli[number] for number in np.linspace(0, len(stimuli) - 1, limit).round().astype(int)]


def _rows(row: Mapping[str, int], stimuli: Sequence[Stimulus]) -> np.ndarray:
    return np.array([row[stimulus.name] for stimulus in stimuli if stimulus.name in row], dtype=np.int64)


def _listed(parts: str | list[str] | None) -> list[str]:
    return [parts] if isinstance(parts, str) else list(parts or [])


def parts_of(source: DataSource, root: Path) -> tuple[list[Stimulus], list[Stimulus]]:
    """The stimuli to train and to validate on: by a fold, a split's names, or the dataset's own parts.

    Args:
        source: names the parts.
        root: the dataset's folder.

    Raises:
        ConfigError: the split cannot be read or lacks a part.
        DatasetError: the dataset cannot be read or lacks a part.
    """
    if source.fold is not None:
        train, val = open_dataset(root, layout=source.layout).fold(source.fold)
        return list(train), list(val)
    split = _split(source.split, root, source.layout) if source.split is not None else None
    wanted = {*_listed(source.train), *_listed(source.val)}
    opened: dict[str, Dataset] = {}
    if split is not None or "all" in wanted:
        opened["all"] = open_dataset(root, layout=source.layout)
    for part in sorted(wanted - {"all"}):
        if split is None:
            opened[part] = open_dataset(root, layout=source.layout, part=part)
        elif part in split:
            opened[part] = opened["all"].select(split[part])
        else:
            known = ", ".join(split)
            raise ConfigError(f"{source.label}: split {source.split} has no part {part!r}; it has {known}")
    return _joined(opened, _listed(source.train)), _joined(opened, _listed(source.val))


def _split(name: str, root: Path, layout: str | None) -> Mapping[str, Sequence[str]]:
    if name.endswith(".toml"):
        path = Path(name)
        try:
            said = parse_description(read_file(path, ConfigError, most=_MOST_BYTES).decode("utf-8-sig"), path)
        except UnicodeDecodeError as error:
            raise ConfigError(f"split: {name} cannot be read ({error})") from None
        return said.divide([stimulus.name for stimulus in open_dataset(root, layout=layout)])
    if not name.endswith(".json"):
        return load_split(name)
    try:
        split = parse_json(read_file(Path(name), ConfigError, most=_MOST_BYTES))
    except ValueError as error:
        raise ConfigError(f"split: {name} cannot be read ({error})") from None
    if not isinstance(split, dict) or not all(
        isinstance(names, list) and all(isinstance(each, str) for each in names) for names in split.values()
    ):
        raise ConfigError(f"split: {name} must hold an object of lists, {{part: [stimulus names]}}")
    return split


def _joined(opened: dict[str, Dataset], parts: Sequence[str]) -> list[Stimulus]:
    return [stimulus for part in parts for stimulus in opened[part]]


def _folder(cache: Path | None) -> Path:
    return cache if cache is not None else Path(platformdirs.user_cache_dir("salgan")) / "training"


def _shapes(
    stimuli: Sequence[Stimulus], train: Sequence[Stimulus], preprocessing: Preprocessing
) -> list[tuple[int, int]]:
    """Rows and columns to keep each picture at."""
    if not preprocessing.shapes:
        return [preprocessing.shape] * len(stimuli)
    learnt = {stimulus.name for stimulus in train}
    shapes = []
    for stimulus in stimuli:
        rows, columns = preprocessing.shape_for(stimulus.height, stimulus.width)
        factor = _MARGIN if stimulus.name in learnt else 1
        shapes.append((round(factor * rows), round(factor * columns)))
    return shapes


def _key(
    source: DataSource,
    root: Path,
    stimuli: Sequence[Stimulus],
    preprocessing: Preprocessing,
    shapes: _Shapes,
    on_progress: Progress,
) -> str:
    """Hash of everything the cached bytes depend on, the content of the set's files included."""
    digest = hashlib.sha256()
    settings: list[object] = [_CODE, source.layout, source.degrees, source.sigma]
    settings += [preprocessing.height, preprocessing.width, preprocessing.filter]
    if preprocessing.shapes:
        settings.append(shapes)
    digest.update(json.dumps([settings, [stimulus.name for stimulus in stimuli]]).encode())
    below = files_below(root, DatasetError)
    inside = [path for path in below if path.suffix.lower() in _READ and path.is_file()]
    names = {path: path.relative_to(root).as_posix() for path in inside}
    # pysaliency's files name pictures that may lie elsewhere.
    names |= {each.path: each.name for each in stimuli if not each.path.is_relative_to(root)}
    files = sorted(names)
    hashes = in_order(partial(sha256_of, error=DatasetError), files, threads=cores())
    for number, (path, content) in enumerate(zip(files, hashes, strict=True), 1):
        digest.update(f"{names[path]}\0{content}\n".encode())
        on_progress(f"comparing {source.label} with its cache", number, len(files))
    return digest.hexdigest()[:16]


def _build(
    folder: Path,
    source: DataSource,
    stimuli: Sequence[Stimulus],
    preprocessing: Preprocessing,
    shapes: _Shapes,
    on_progress: Progress,
) -> None:
    draft = draft_of(folder)
    try:
        sweep(folder.parent)
        draft.mkdir(parents=True)
        _make_arrays(draft, shapes, one=not preprocessing.shapes)
        empty: list[str] = []
        rows = list(enumerate(stimuli))
        chunks = [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]
        write = partial(_write_rows, draft, source, preprocessing)
        written = in_order(write, chunks, processes=min(cores(), len(chunks) // 2))
        for chunk, without in zip(chunks, written, strict=True):
            empty += without
            on_progress(f"preparing {source.label}", chunk[-1][0] + 1, len(rows))
        record = {"names": [stimulus.name for stimulus in stimuli], "empty": empty}
        (draft / "samples.json").write_text(json.dumps(record), encoding="utf-8")
        try:
            draft.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another run has built the same cache meanwhile: use that one
                raise
    except OSError as error:
        reason = error.strerror or error
        raise DatasetError(f"{folder.parent}: cannot write the cache ({reason}); set cache=FOLDER") from None
    except WorkerDiedError:
        raise DatasetError(
            f"{source.label}: a worker died while preparing it: is memory or disk full? "
            "(A script must call train() below: if __name__ == '__main__')"
        ) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _make_arrays(folder: Path, shapes: _Shapes, *, one: bool) -> None:
    """Empty arrays: (N, h, w, ...) of one shape, or all pictures' pixels in a row, with ``shapes.npy``."""
    pixels: tuple[int, ...] = (sum(rows * columns for rows, columns in shapes),)
    if one:
        pixels = (len(shapes), *shapes[0])
    else:
        np.save(folder / "shapes.npy", np.array(shapes, dtype=np.int64))
    for name, dtype, shape in (
        ("pictures", np.uint8, (*pixels, 3)),
        ("density", np.float16, pixels),
        ("fixations", np.bool_, pixels),
    ):
        path = folder / f"{name}.npy"
        np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape).flush()
        if hasattr(os, "posix_fallocate"):
            # A memory-mapped file has holes; writing one on a full disk kills the process with SIGBUS.
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _write_rows(folder: Path, source: DataSource, preprocessing: Preprocessing, rows: _Rows) -> list[str]:
    """Prepare some stimuli and write their rows; if there is nothing to learn from, the name stays empty."""
    arrays = [_mapped(folder, name, "r+") for name in _ARRAYS]
    pictures, density, fixations = (_by_picture(folder, array) for array in arrays)
    empty = []
    for row, stimulus in rows:
        fixated = stimulus.fixations
        if fixated is not None and not len(fixated.inside(stimulus.width, stimulus.height)):
            empty.append(stimulus.name)
            continue
        height, width = shape = density[row].shape
        pictures[row][:] = preprocessing.resize(stimulus.picture(), shape)
        density[row][:] = _density(stimulus, source, height, width)
        fixations[row][:] = _fixation_map(fixated, stimulus, height, width)
    for array in arrays:
        array.flush()
    return empty


def _mapped(folder: Path, name: str, mode: Literal["r", "r+"]) -> np.memmap:
    array = np.load(folder / f"{name}.npy", mmap_mode=mode, allow_pickle=False)
    if not isinstance(array, np.memmap):
        raise ValueError(f"{name}.npy is empty")
    return array


def _by_picture(folder: Path, array: np.ndarray) -> np.ndarray | list[np.ndarray]:
    """One array per picture of what :func:`_make_arrays` made."""
    if not (folder / "shapes.npy").exists():
        return array
    shapes = np.load(folder / "shapes.npy", allow_pickle=False)
    ends = np.cumsum(shapes.prod(axis=1))
    return [
        array[end - rows * columns : end].reshape(rows, columns, *array.shape[1:])
        for (rows, columns), end in zip(shapes.tolist(), ends.tolist(), strict=True)
    ]


def _density(stimulus: Stimulus, source: DataSource, height: int, width: int) -> np.ndarray:
    """The density at the network's size, largest value 1, as float16 (which keeps tails down to 6e-8)."""
    # Rounding to 8 bits would lose the tails, which decide KLD and the information gain.
    density = stimulus.density(source.sigma, degrees=source.degrees)
    image = Image.fromarray((density / density.max()).astype(np.float32))
    small = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    scaled: np.ndarray = small / small.max()
    return scaled.astype(np.float16)


def _fixation_map(fixations: Fixations | None, stimulus: Stimulus, height: int, width: int) -> np.ndarray:
    """Fixated pixels at the network's size: each fixation falls into the pixel that covers its place."""
    fixated = np.zeros((height, width), dtype=np.bool_)
    if fixations is not None:
        inside = fixations.inside(stimulus.width, stimulus.height)
        x = np.floor((inside.x + 0.5) * width / stimulus.width).astype(np.int64)
        y = np.floor((inside.y + 0.5) * height / stimulus.height).astype(np.int64)
        # A place on the outermost half pixel of the picture may round to just outside.
        fixated[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)] = True
    return fixated


def _load(folder: Path, source: str) -> tuple[Samples, list[str]]:
    try:
        record = parse_json((folder / "samples.json").read_bytes())
        pictures, density, fixations = (_by_picture(folder, _mapped(folder, name, "r")) for name in _ARRAYS)
        names = tuple(f"{source}/{name}" for name in record["names"])
        return Samples(names, pictures, density, fixations), list(record["empty"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{folder}: the cache is damaged ({error}); delete this folder and run again"
        ) from None
