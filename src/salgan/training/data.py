"""Batches of prepared samples on the device, in an order that depends on (seed, epoch) alone.

Nothing here keeps state between steps, so a resumed run sees the very batches it would have seen.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import psutil
import torch
from PIL import Image
from torch import Tensor

from salgan._arrays import Floats
from salgan._cores import memory_limits
from salgan._parallel import in_order
from salgan.training.cache import Prepared, Samples

__all__ = ["WARMUP", "Batch", "Change", "Pool", "Shape", "epoch_order", "epoch_shapes", "steps_in_epoch"]

WARMUP = 1_000_000
"""Number of the warm-up's first epoch. It is so far from the run's own epochs that it takes none of their
batches: the generator sees the same ones with a warm-up and without."""

Shape: TypeAlias = tuple[int, int]
"""Rows and columns of pictures and maps."""

_DEVICE_SHARE = 0.5
"""Share of a GPU's free memory that samples, and then cached features, may take; the rest is for the step."""


@dataclass(frozen=True)
class Batch:
    """Samples on the device.

    Attributes:
        pictures: float RGB 0..255, (N, 3, h, w), channels last in memory.
        density: float, largest value 1, (N, 1, h, w).
        fixations: bool, true at fixated pixels, (N, 1, h, w).
        features: the network's frozen features of the pictures where those are kept, else None.
    """

    pictures: Tensor
    density: Tensor
    fixations: Tensor
    features: Tensor | None = None

    def __len__(self) -> int:
        return len(self.pictures)

    def parts(self, count: int) -> list[Batch]:
        """The batch in so many equal parts; what each of them holds is not copied."""
        if count == 1:
            return [self]
        features = [None] * count if self.features is None else self.features.chunk(count)
        columns = (each.chunk(count) for each in (self.pictures, self.density, self.fixations))
        return [Batch(*each) for each in zip(*columns, features, strict=True)]


Change: TypeAlias = Callable[[Batch, int], Batch]
"""What replaces a training batch, given its step in the run; see :func:`salgan.training.train`."""


class Pool:
    """The samples to train on, or to validate on, from all sources in one numbered row.

    They are kept on a GPU if all of them fit and have one shape. Otherwise every batch is read from the
    memory-mapped cache; with a GPU, a thread does this one batch ahead. A batch has one shape: its samples'
    own, or the one asked for, to which each sample is then resized.

    Args:
        prepared: the sources' caches.
        part: ``"train"`` or ``"val"``.
        device: where batches go.

    Attributes:
        names: name of every sample.
        sources: for every source with samples in this part, its name and the rows it has.
        shapes: every sample's shape in the cache.
    """

    def __init__(self, prepared: Sequence[Prepared], part: str, device: torch.device) -> None:
        self._device = device
        self._places: list[tuple[int, int]] = []
        self._samples = [source.samples for source in prepared]
        self.sources: dict[str, np.ndarray] = {}
        for number, source in enumerate(prepared):
            rows = getattr(source, part)
            if len(rows):
                self.sources[source.source] = len(self._places) + np.arange(len(rows))
            self._places += [(number, int(row)) for row in rows]
        self.names = [self._samples[number].names[row] for number, row in self._places]
        self.shapes: list[Shape] = [self._samples[number].density[row].shape for number, row in self._places]
        self.features: Tensor | None = None
        self._resident: tuple[Tensor, Tensor, Tensor] | None = None
        alike = len(set(self.shapes)) == 1
        if device.type == "cuda" and alike and self._bytes() < _free(device):
            self._resident = tuple(tensor.to(device) for tensor in self._read(np.arange(len(self))))  # type: ignore[assignment]

    def __len__(self) -> int:
        return len(self._places)

    def fixated(self, row: int) -> Floats:
        """Where people looked at a sample, as fractions of its sides: float64 (M, 2), x and y in [0, 1)."""
        number, place = self._places[row]
        fixations = self._samples[number].fixations[place]
        return (np.argwhere(fixations)[:, ::-1] + 0.5) / fixations.shape[::-1]

    def batch(self, rows: np.ndarray, shape: Shape | None = None) -> Batch:
        """The samples at these rows, at a shape; if it is None, at their own, which they must share."""
        return self._as_batch(*self._fetch(rows, shape), rows)

    def batches(
        self, chunks: Sequence[np.ndarray], shapes: Sequence[Shape | None] | None = None
    ) -> Iterator[Batch]:
        """One batch per array of rows, at its shape; those that must be read are read one ahead."""
        read = self._device.type == "cuda" and self._resident is None
        wanted = list(zip(chunks, shapes or [None] * len(chunks), strict=True))
        fetched = in_order(lambda each: self._fetch(*each), wanted, threads=1 if read else 0)
        for rows, tensors in zip(chunks, fetched, strict=True):
            yield self._as_batch(*tensors, rows)

    def keep_features(self, compute: Callable[[Tensor], Tensor], batch_size: int) -> bool:
        """Compute and keep every picture's frozen features if they fit into memory; return whether they do.

        Args:
            compute: from pictures (n, 3, h, w) to features (n, C, h / s, w / s).
            batch_size: pictures at a time.
        """
        kept: Tensor | None = None
        for start in range(0, len(self), batch_size):
            rows = np.arange(start, min(start + batch_size, len(self)))
            features = compute(self.batch(rows).pictures)
            if kept is None:
                if features[0].nbytes * len(self) > _free(self._device):
                    return False
                shape = (len(self), *features.shape[1:])
                kept = torch.empty(
                    shape, dtype=features.dtype, device=features.device, memory_format=torch.channels_last
                )
            kept[start : start + len(rows)] = features
        self.features = kept
        return kept is not None

    def _bytes(self) -> int:
        samples = self._samples[0]
        arrays = (samples.pictures, samples.density, samples.fixations)
        return len(self) * sum(int(array[0].nbytes) for array in arrays)

    def _read(self, rows: np.ndarray, shape: Shape | None = None) -> tuple[Tensor, Tensor, Tensor]:
        places = [self._places[row] for row in rows]
        samples = [_sample(self._samples[number], row, shape) for number, row in places]
        pictures, density, fixations = map(np.stack, zip(*samples, strict=True))
        return torch.from_numpy(pictures), torch.from_numpy(density), torch.from_numpy(fixations)

    def _fetch(self, rows: np.ndarray, shape: Shape | None) -> tuple[Tensor, Tensor, Tensor]:
        if self._resident is not None and shape in (None, self.shapes[0]):
            index = torch.from_numpy(rows).to(self._device, non_blocking=True)
            pictures, density, fixations = (tensor[index] for tensor in self._resident)
        else:
            pictures, density, fixations = self._read(rows, shape)
            if self._device.type == "cuda":
                pictures, density, fixations = (
                    tensor.pin_memory().to(self._device, non_blocking=True)
                    for tensor in (pictures, density, fixations)
                )
        return pictures, density, fixations

    def _as_batch(self, pictures: Tensor, density: Tensor, fixations: Tensor, rows: np.ndarray) -> Batch:
        # Pictures are stored as (N, h, w, 3), which is what channels_last means: permuting copies nothing.
        return Batch(
            pictures.to(self._device).permute(0, 3, 1, 2).float(),
            density.to(self._device).float().unsqueeze(1),
            fixations.to(self._device).unsqueeze(1),
            None if self.features is None else self.features[torch.from_numpy(rows).to(self._device)],
        )


def _sample(samples: Samples, row: int, shape: Shape | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A sample's picture, density (largest value 1) and fixation map at a shape, or at its own."""
    picture, density, fixations = samples.pictures[row], samples.density[row], samples.fixations[row]
    if shape is None or density.shape == shape:
        return picture, density, fixations
    rows, columns = shape
    resized, smooth = (
        np.array(Image.fromarray(array).resize((columns, rows), Image.Resampling.BILINEAR))
        for array in (picture, density.astype(np.float32))
    )
    moved = np.zeros(shape, dtype=np.bool_)
    places = np.argwhere(fixations) + 0.5  # pixels' centers: each falls into the pixel that covers its place
    y, x = np.floor(places * shape / density.shape).astype(np.int64).T
    moved[y, x] = True
    return resized, (smooth / smooth.max()).astype(np.float16), moved


def _free(device: torch.device) -> float:
    """Bytes that samples may take on a device."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] * _DEVICE_SHARE
    # A third for training's and a third for validation's, of which every process on this machine has its own.
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return float(min([psutil.virtual_memory().total, *memory_limits()])) / 3 / processes


def steps_in_epoch(count: int, batch_size: int) -> int:
    """Number of batches in an epoch over ``count`` samples, see :func:`epoch_order`."""
    return count // max(1, min(batch_size, count))


def epoch_order(seed: int, epoch: int, count: int, batch_size: int) -> list[np.ndarray]:
    """The rows of each batch of an epoch; the last, incomplete batch is left out (unless it is the only one).

    Args:
        seed: the run's seed.
        epoch: number of the epoch, from 0.
        count: number of samples.
        batch_size: samples in a batch.
    """
    order = np.random.default_rng([seed, epoch, 0]).permutation(count)
    size = min(batch_size, count)
    return [order[start : start + size] for start in range(0, count - size + 1, size)]


def epoch_shapes(
    seed: int, epoch: int, count: int, shapes: Sequence[Shape], shares: Sequence[float] | None = None
) -> list[Shape]:
    """The shape of each batch of an epoch.

    Args:
        seed: the run's seed.
        epoch: number of the epoch, from 0.
        count: number of batches.
        shapes: what to draw from.
        shares: how often each shape is drawn, as parts of their sum; evenly if None.
    """
    weights = np.array(shares if shares is not None else [1] * len(shapes), dtype=np.float64)
    # Streams 0 to 2 of an epoch are the order of the pictures and their augmentation.
    drawn = np.random.default_rng([seed, epoch, 3]).choice(len(shapes), count, p=weights / weights.sum())
    return [shapes[number] for number in drawn]
