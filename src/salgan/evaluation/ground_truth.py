"""What all models are scored against: where people looked in each picture, in others, and the center bias.

The shuffled AUC of one picture needs the fixations of ten others. Reading their files again for every
picture would cost more than all metrics together, and keeping them in memory would grow with the set; so
they are read once and written into two memory-mapped arrays, as :class:`Gaze`.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from salgan._arrays import Floats, Integers, Mask
from salgan._parallel import in_order
from salgan._progress import Progress, silent
from salgan.datasets import Dataset, Stimulus
from salgan.errors import DatasetError, SalganError
from salgan.evaluation.center_bias import CenterBias

__all__ = ["Data", "Gaze", "GroundTruth", "ground_truth", "marked", "relative", "seeded"]


def relative(stimulus: Stimulus) -> Floats:
    """Fixations of one stimulus that lie inside it, as fractions of its sides.

    Returns:
        float64 (N, 2): x and y in [0, 1); N = 0 if none were published.
    """
    fixations = stimulus.fixations
    if fixations is None:
        return np.empty((0, 2))
    width, height = stimulus.width, stimulus.height
    inside = fixations.inside(width, height)
    places = np.stack([(inside.x + 0.5) / width, (inside.y + 0.5) / height], axis=1)
    return np.clip(places, 0, np.nextafter(1, 0))


def seeded(seed: int, *words: str) -> np.random.Generator:
    """A random generator that depends on a seed and some words, and on neither order nor machine."""
    text = "\0".join([str(seed), *words])
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()  # names need not be UTF-8
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


@dataclass(frozen=True)
class Gaze:
    """The relative fixations of a set's pictures, by position in the set. Picklable: only the folder travels.

    Attributes:
        folder: holds ``places.npy``, (total, 2), and ``ends.npy``, (pictures,).
    """

    folder: Path

    @classmethod
    def write(
        cls, places: Iterable[Floats], folder: Path, on_progress: Callable[[], None] = lambda: None
    ) -> Gaze:
        """Write what :func:`relative` gave for each picture, in order, one picture in memory at a time."""
        raw = folder / "places.raw"
        ends, end = [], 0
        with raw.open("wb") as file:
            for one in places:
                file.write(np.ascontiguousarray(one, dtype=np.float64).tobytes())
                end += len(one)
                ends.append(end)
                on_progress()
        np.save(folder / "ends.npy", np.array(ends, dtype=np.int64))
        return cls(folder)

    @cached_property
    def _ends(self) -> Integers:
        return np.asarray(np.load(self.folder / "ends.npy", mmap_mode="r"))

    @cached_property
    def _places(self) -> Floats:
        if not len(self) or not self._ends[-1]:
            return np.empty((0, 2))
        return np.memmap(self.folder / "places.raw", dtype=np.float64, mode="r").reshape(-1, 2)

    def __getstate__(self) -> dict[str, Path]:
        return {"folder": self.folder}

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> Floats:
        """Relative fixations of the picture at a position; float64 (N, 2)."""
        start = self._ends[index - 1] if index else 0
        return self._places[start : self._ends[index]]

    @property
    def typical(self) -> int:
        """Mean number of fixations of the pictures that have some; 0 if none has."""
        counts = np.diff(self._ends, prepend=0)
        return round(float(counts[counts > 0].mean())) if (counts > 0).any() else 0

    def hash(self) -> str:
        """SHA-256 of all fixations: two sets with the same hash have the same ground truth points."""
        digest = hashlib.sha256(self._ends.tobytes())
        for index in range(len(self)):
            digest.update(self[index].tobytes())
        return digest.hexdigest()

    def others(self, index: int, count: int, rng: np.random.Generator) -> tuple[Floats, int]:
        """Fixations of ``count`` other pictures that have some, drawn without replacement.

        Returns:
            Their relative places (M, 2), and from how many pictures they are: fewer than ``count`` where
            the set has no more.
        """
        looked_at = np.flatnonzero(np.diff(self._ends, prepend=0) > 0)
        candidates = looked_at[looked_at != index]
        chosen = rng.choice(candidates, min(count, len(candidates)), replace=False)
        if not len(chosen):
            return np.empty((0, 2)), 0
        return np.concatenate([self[int(other)] for other in chosen]), len(chosen)


def marked(places: Floats, height: int, width: int) -> Mask:
    """Relative places as marked pixels of a picture of another size: bool (height, width)."""
    pixels = np.zeros((height, width), dtype=np.bool_)
    pixels[(places[:, 1] * height).astype(np.intp), (places[:, 0] * width).astype(np.intp)] = True
    return pixels


@dataclass(frozen=True)
class Data:
    """What to evaluate on.

    Attributes:
        dataset: the pictures to score.
        training: pictures to fit the center bias on, or a function that opens them, which is called only
            where a metric needs the center bias; None fits it, for each picture, on all others of
            ``dataset``.
        path: the folder it was opened from, for the record.
        layout: the layout asked for.
        part: the part asked for.
        fold: the fold asked for, ``"2/5"``; ``training`` is then all pictures outside it.
    """

    dataset: Dataset
    training: Dataset | Callable[[], Dataset] | None = None
    path: Path | None = None
    layout: str | None = None
    part: str | None = None
    fold: str | None = None

    @property
    def share(self) -> str | None:
        """Which share of the set the pictures are, in words: its part, its fold, or both."""
        fold = None if self.fold is None else f"fold {self.fold}"
        return ", ".join(filter(None, (self.part, fold))) or None


@dataclass(frozen=True)
class GroundTruth:
    """What is read once for a dataset, and the same for all models.

    Attributes:
        gaze: relative fixations of the pictures to score, in their order.
        bias: the center bias; None if nobody asked for it, or no picture has fixations.
        leave_out: whether ``bias`` was fitted on these very pictures, so that each picture is left out when
            it is scored.
    """

    gaze: Gaze
    bias: CenterBias | None
    leave_out: bool

    @property
    def typical_fixations(self) -> int:
        """Mean number of fixations of the pictures that have some."""
        return self.gaze.typical

    def center_bias(self, index: int, height: int, width: int) -> Floats | None:
        """The center bias for the picture at a position: float64 (height, width), sums to 1.

        None if nobody asked for it, or no other picture has fixations.
        """
        if self.bias is None:
            return None
        if not self.leave_out:
            return self.bias.density(height, width)
        own = self.gaze[index]
        return None if self.bias.fixations == len(own) else self.bias.without(own).density(height, width)

    def describe_bias(self) -> dict[str, Any] | None:
        """What an evaluation records of the center bias; two with the same fingerprint are the same."""
        bias = self.bias
        if bias is None:
            return None
        grid = np.ascontiguousarray(bias.grid).tobytes()
        return {
            "fitted_on": bias.source,
            "leave_one_out": self.leave_out,
            "pictures": bias.pictures,
            "fixations": bias.fixations,
            "sigma": bias.sigma,
            "fingerprint": hashlib.sha256(grid + f"{bias.sigma} {self.leave_out}".encode()).hexdigest(),
        }


@contextlib.contextmanager
def ground_truth(
    data: Data,
    folder: Path,
    *,
    center_bias: bool,
    processes: int = 1,
    on_progress: Progress = silent,
) -> Iterator[GroundTruth]:
    """Read all fixations once, into a scratch folder that is gone when the block ends.

    Args:
        data: the pictures to score, and those to fit the center bias on.
        folder: where the scratch folder is made. It is created if it does not exist, and removed again if
            it stays empty.
        center_bias: whether a metric or a baseline needs it.
        processes: how many read.
        on_progress: is told (stage, done, total) after each picture.

    Raises:
        DatasetError: no picture has ground truth; the training part cannot be opened; or the center bias
            would be fitted on what it is scored on.
        SalganError: the folder cannot be written.
    """
    dataset = data.dataset
    _check_truth(dataset)
    # Opened before the fixations are read, which may take a while.
    training = _training(data) if center_bias else None
    scratch, made = folder / ".gaze", not folder.exists()
    try:
        shutil.rmtree(scratch, ignore_errors=True)  # of a run that was killed
        try:
            scratch.mkdir(parents=True)
        except OSError as error:
            raise SalganError(f"{folder}: cannot be written ({error.strerror}); name another --out") from None
        gaze = Gaze.write(_places(dataset.stimuli, processes, on_progress, "reading fixations"), scratch)
        bias = _center_bias(data, training, gaze, processes, on_progress) if center_bias else None
        yield GroundTruth(gaze, bias, data.training is None)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if made and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _check_truth(dataset: Dataset) -> None:
    if not any(stimulus.has_fixations or stimulus.map_path for stimulus in dataset):
        raise DatasetError(
            f"dataset {dataset.name}: no picture has fixations or a published map, so there is nothing "
            "to score against; is this a test part whose ground truth is held back?"
        )


def _relative(stimuli: Sequence[Stimulus]) -> list[Any]:
    return [relative(stimulus) for stimulus in stimuli]


def _places(
    stimuli: tuple[Stimulus, ...], processes: int, on_progress: Progress, stage: str
) -> Iterator[Any]:
    """Relative fixations of each stimulus, in order."""
    size = 16  # stimuli per task: sending one at a time costs more than reading it
    chunks = [stimuli[start : start + size] for start in range(0, len(stimuli), size)]
    done = 0
    for chunk in in_order(_relative, chunks, processes=processes if len(stimuli) >= 200 else 1):
        for one in chunk:
            done += 1
            on_progress(stage, done, len(stimuli))
            yield one


def _training(data: Data) -> Dataset | None:
    return data.training() if callable(data.training) else data.training


def _center_bias(
    data: Data, training: Dataset | None, gaze: Gaze, processes: int, on_progress: Progress
) -> CenterBias | None:
    dataset = data.dataset
    if training is None:
        if not any(len(gaze[number]) for number in range(len(gaze))):
            return None
        return CenterBias.fit(
            (gaze[number] for number in range(len(gaze))), f"other pictures of {dataset.name}"
        )
    both = {stimulus.name for stimulus in dataset} & {stimulus.name for stimulus in training}
    if both and training.name == dataset.name:
        raise DatasetError(
            f"center bias: {min(both)} is both in the training part and among the pictures to score; "
            "use disjoint parts"
        )
    places = _places(training.stimuli, processes, on_progress, "fitting the center bias")
    fitted_on = "training part" if data.fold is None else "other folds"
    return CenterBias.fit(places, f"{fitted_on} of {training.name}")
