"""Where people looked, relative to each picture, for all pictures of a set, kept on disk.

The shuffled AUC of one picture needs the fixations of ten others. Reading their files again for every
picture would cost more than all metrics together, and keeping them in memory would grow with the set; so
they are read once and written into two memory-mapped arrays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from salgan.datasets import Stimulus

__all__ = ["Gaze", "marked", "relative", "seeded"]

Floats = NDArray[np.float64]


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
    digest = hashlib.sha256("\0".join([str(seed), *words]).encode()).digest()
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
    def _ends(self) -> NDArray[np.int64]:
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


def marked(places: Floats, height: int, width: int) -> NDArray[np.bool_]:
    """Relative places as marked pixels of a picture of another size: bool (height, width)."""
    pixels = np.zeros((height, width), dtype=np.bool_)
    pixels[(places[:, 1] * height).astype(np.intp), (places[:, 0] * width).astype(np.intp)] = True
    return pixels
