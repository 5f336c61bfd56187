"""Many pictures in files: which there are, what their results are called, and predicting them all.

Decoding and writing run in threads beside the network, and only a few pictures are under way at a time, so
memory does not grow with their number.
"""

from __future__ import annotations

import glob
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from salgan import image
from salgan._files import replacing
from salgan.errors import ImageError, SalganError
from salgan.models.predictor import Predictor
from salgan.saliency_map import FORMATS, SaliencyMap

__all__ = ["Job", "Outcome", "distinct_names", "find_jobs", "make_folder", "predict_all"]

Draw = Callable[[np.ndarray[Any, Any], SaliencyMap], np.ndarray[Any, Any]]
_MOST_WORKERS = 8  # each may hold a picture and its map, which may be large

T = TypeVar("T")
R = TypeVar("R")

_RESULT_NAMES = (*(f".saliency{ending}" for ending in FORMATS.values()), ".overlay.png", ".timeline.png")


@dataclass(frozen=True)
class Job:
    """One picture and the files to make of it.

    Attributes:
        source: the picture's path.
        format: of the map, a key of :data:`salgan.saliency_map.FORMATS`.
        map_path: where the map goes; None if it is not wanted.
        overlay_path: where the overlay goes; None if it is not wanted.
    """

    source: Path
    format: str
    map_path: Path | None
    overlay_path: Path | None

    @property
    def paths(self) -> list[Path]:
        """The files to make."""
        return [path for path in (self.map_path, self.overlay_path) if path is not None]


@dataclass(frozen=True)
class Outcome:
    """What became of a job: ``error`` is None if its files are written."""

    job: Job
    error: SalganError | None = None


def find_jobs(
    sources: Sequence[str], out: Path, *, outputs: Sequence[str], format: str
) -> tuple[list[Job], list[SalganError]]:
    """Find the pictures and name their results.

    ``photo.jpg`` gives ``photo.saliency.npy`` and ``photo.overlay.png``; below a folder its tree is kept.
    Where two pictures would share a name (``a.jpg`` and ``a.png``), both keep their ending
    (``a.jpg.saliency.npy``); where that is not enough, as many of their folders' names as tell them apart.
    So names depend on what is predicted together, and on nothing else.

    Args:
        sources: files, folders (searched with all folders below, but for hidden ones and earlier results),
            and glob patterns.
        out: the folder the results go to.
        outputs: ``"map"``, ``"overlay"`` or both.
        format: of the map, a key of :data:`salgan.saliency_map.FORMATS`.

    Returns:
        The jobs, in the order of the sources, and what was wrong with sources that gave none.
    """
    found: dict[Path, Path] = {}  # absolute path → path below its source, for the first source to bring it
    names: dict[Path, Path] = {}
    errors: list[SalganError] = []
    for source in sources:
        try:
            for path, below in _pictures(source):
                absolute = Path(os.path.abspath(path))  # noqa: PTH100  (resolve would follow links)
                found.setdefault(absolute, below)
                names.setdefault(absolute, path)
        except ImageError as error:
            errors.append(error)
    jobs = []
    for absolute, name in distinct_names(found).items():
        base = str(out / name)
        map_path = Path(f"{base}.saliency{FORMATS[format]}") if "map" in outputs else None
        overlay_path = Path(f"{base}.overlay.png") if "overlay" in outputs else None
        jobs.append(Job(names[absolute], format, map_path, overlay_path))
    return jobs, errors


def predict_all(jobs: Iterable[Job], predictor: Predictor, *, draw: Draw) -> Iterator[Outcome]:
    """Predict every job's picture and write its files, each whole or not at all.

    Args:
        jobs: what to do.
        predictor: the network.
        draw: makes the overlay, uint8 RGB, of a uint8 RGB picture and its map.

    Yields:
        One outcome per job, in order, when its files are written or it has failed.

    Raises:
        ModelError: the network fails, which no other picture would mend.
    """
    workers = min(os.cpu_count() or 2, _MOST_WORKERS)
    with ThreadPoolExecutor(workers) as readers, ThreadPoolExecutor(workers) as writers:

        def predicted() -> Iterator[Callable[[], Outcome]]:
            for job, reading in _ahead(readers, lambda job: image.read(job.source), jobs, workers):
                try:
                    picture = reading.result()
                except ImageError as error:
                    yield partial(Outcome, job, error)
                else:
                    yield partial(_write, job, picture, predictor.predict_batch([picture])[0], draw)

        for _, writing in _ahead(writers, lambda finish: finish(), predicted(), workers):
            yield writing.result()


def _write(job: Job, picture: np.ndarray[Any, Any], saliency: SaliencyMap, draw: Draw) -> Outcome:
    try:
        for path in job.paths:
            make_folder(path.parent)
        if job.map_path is not None:
            saliency.save(job.map_path, job.format)
        if job.overlay_path is not None:
            overlay = Image.fromarray(draw(picture, saliency))
            with replacing(job.overlay_path) as part:
                overlay.save(part, format="PNG", compress_level=3)
    except SalganError as error:
        return Outcome(job, error)
    return Outcome(job)


def make_folder(folder: Path) -> None:
    """Make a folder for results, with all above it, unless it is there.

    Raises:
        SalganError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SalganError(f"{folder}: cannot be made a folder ({error.strerror})") from None


def _ahead(
    pool: ThreadPoolExecutor, function: Callable[[T], R], items: Iterable[T], limit: int
) -> Iterator[tuple[T, Future[R]]]:
    """Let the pool work on up to ``limit`` items beyond the one that is yielded, in order."""
    under_way: deque[tuple[T, Future[R]]] = deque()
    for item in items:
        under_way.append((item, pool.submit(function, item)))
        if len(under_way) > limit:
            yield under_way.popleft()
    yield from under_way


def _pictures(source: str) -> list[tuple[Path, Path]]:
    """The pictures of one source: (path, path below the source)."""
    path = Path(source)
    if path.is_dir():
        return _below(path)
    if path.exists():
        return [(path, Path(path.name))]
    if not glob.has_magic(source):
        raise ImageError(f"{source}: no such file or folder")
    matches = [Path(match) for match in sorted(glob.glob(source, recursive=True))]  # noqa: PTH207
    found = [(match, Path(match.name)) for match in matches if match.is_file() and _is_picture(match.name)]
    if not found:
        raise ImageError(f"{source}: matches no pictures")
    return found


def _below(folder: Path) -> list[tuple[Path, Path]]:
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = (Path(parent, name) for name in sorted(files) if _is_picture(name))
        found += [(path, path.relative_to(folder)) for path in paths]
    if not found:
        raise ImageError(f"{folder}: holds no pictures ({', '.join(sorted(image.SUFFIXES))})")
    return found


def _is_picture(name: str) -> bool:
    lower = name.lower()
    return (
        Path(lower).suffix in image.SUFFIXES
        and not lower.startswith(".")
        and not lower.endswith(_RESULT_NAMES)
    )


def distinct_names(found: dict[Path, Path]) -> dict[Path, Path]:
    """Give each file the shortest of its names that no other has, to call its results by.

    Args:
        found: absolute path → path below its source.

    Returns:
        Absolute path → the name, whose last part has no ending if that is enough to tell it apart.
    """
    choices = {path: _names(path, below) for path, below in found.items()}
    while True:
        # Case-blind, because many file systems are.
        count = Counter(str(names[0]).casefold() for names in choices.values())
        shared = [n for n in choices.values() if count[str(n[0]).casefold()] > 1 and len(n) > 1]
        if not shared:
            return {path: names[0] for path, names in choices.items()}
        for names in shared:
            names.popleft()


def _names(path: Path, below: Path) -> deque[Path]:
    """What a picture's results may be called, the shortest first; the last is its whole path."""
    above = path.parts[1 : len(path.parts) - len(below.parts)]
    longer = [Path(*above[start:], below) for start in range(len(above), -1, -1)]
    return deque([below.with_suffix(""), *longer])
