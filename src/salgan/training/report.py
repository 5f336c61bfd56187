"""What a run reports: a line per epoch to a person, ``metrics.jsonl`` to programs, curves to a logger."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, cast

import torch
from lightning.fabric import Fabric
from torch import Tensor

from salgan._progress import Progress, Say
from salgan.errors import TrainingError
from salgan.training.folder import RunFolder
from salgan.training.judging import Accuracy
from salgan.training.loggers import Logger
from salgan.training.resume import check_number

__all__ = ["Reporter", "Window"]


class Window:
    """Losses of the steps since the last line of ``metrics.jsonl``.

    They stay on the device until a line is due, so that no step waits for the device. Each of several
    processes adds the losses of its own share, and fetching them makes them those of the whole batch.

    Args:
        entries: entries of a checkpoint's window, from :attr:`entries`.
        judged: likewise, from :attr:`judged`.

    Attributes:
        entries: epoch, step and losses of every step since the last line.
        judged: the discriminator's two accuracies in every step of the present epoch in which it learned, as
            far as they have been fetched.
    """

    def __init__(self, entries: Sequence[Any] = (), judged: Sequence[Any] = ()) -> None:
        self.entries: list[tuple[int, int, dict[str, Any]]] = [tuple(entry) for entry in entries]
        self.judged: list[tuple[Any, Any]] = [tuple(each) for each in judged]
        self._fetched = len(self.entries)

    def check(self) -> None:
        """Raise ModelError if this is not what :attr:`entries` and :attr:`judged` hold."""
        for epoch, step, losses in self.entries:
            for place, value in (("epoch", epoch), ("step", step), *losses.items()):
                check_number(value, f"window.{place}")
        for real, generated in self.judged:
            check_number(real, "judged")
            check_number(generated, "judged")

    def add(self, epoch: int, step: int, losses: dict[str, Tensor]) -> None:
        """Take in one step's losses: epoch and step (in the epoch, both from 0) say which batch it was."""
        self.entries.append((epoch, step, losses))

    def first_not_finite(self, fabric: Fabric) -> tuple[int, int, str] | None:
        """Fetch the losses from the device: epoch, step and name of the first NaN or infinity, or None.

        Args:
            fabric: the processes whose shares the losses are of; all of them must call this together.
        """
        new = self.entries[self._fetched :]
        values = [value.double() for _, _, losses in new for value in losses.values()]
        if values:
            means = torch.stack(values)
            if fabric.world_size > 1:
                means = cast(Tensor, fabric.all_reduce(means, reduce_op="mean"))
            found = iter(means.tolist())
            new = [(epoch, step, {name: next(found) for name in losses}) for epoch, step, losses in new]
            self.entries[self._fetched :] = new
        self.judged += [
            (losses["accuracy_real"], losses["accuracy_generated"])
            for _, _, losses in new
            if "accuracy_real" in losses
        ]
        self._fetched = len(self.entries)
        for epoch, step, losses in self.entries:
            for name, value in losses.items():
                if not math.isfinite(value):
                    return epoch, step, name
        return None

    def take(self) -> dict[str, float]:
        """Mean of every loss over the steps that had it; the window is empty afterwards."""
        values: dict[str, list[float]] = {}
        for _, _, losses in self.entries:
            for name, value in losses.items():
                values.setdefault(name, []).append(float(value))
        self.entries, self._fetched = [], 0
        return {name: sum(each) / len(each) for name, each in values.items()}

    def take_judged(self) -> Accuracy | None:
        """The discriminator's accuracy over the epoch, None if it did not learn; forgotten afterwards."""
        shares = [[float(share) for share in each] for each in zip(*self.judged, strict=True)]
        self.judged = []
        return Accuracy(*(sum(each) / len(each) for each in shares)) if shares else None


class Reporter:
    """Writes lines, curves and pictures, and tells how far the run has come; only the first process writes.

    Args:
        folder: the run folder.
        epochs: epochs of the whole run.
        logger: where curves and pictures go; None if nowhere.
        say: is told one line per epoch, and what a person should know.
        on_progress: is told of every step.
    """

    def __init__(
        self, folder: RunFolder, epochs: int, logger: Logger | None, say: Say, on_progress: Progress
    ) -> None:
        self._folder = folder
        self._epochs = epochs
        self.say = say
        self._on_progress = on_progress
        self._stage, self._done, self._steps = "", 0, 0
        self._logger = logger
        self._lap = self._epoch_start = time.perf_counter()
        self._lap_pictures = self._epoch_pictures = 0

    def __enter__(self) -> Reporter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # TensorBoard's thread would print a traceback of its own for the disk error that is under way.
        disk = isinstance(error, OSError) or (error is not None and isinstance(error.__cause__, OSError))
        if self._logger is not None and not disk:
            self._logger.close(failed=error is not None)

    def begin_epoch(self, title: str, step: int, steps: int) -> None:
        """Start an epoch, perhaps in its middle, and its clock."""
        self._stage, self._done, self._steps = title, step, steps
        self._lap = self._epoch_start = time.perf_counter()
        self._lap_pictures = self._epoch_pictures = 0

    def step(self, pictures: int) -> None:
        """Count one step's pictures."""
        self._lap_pictures += pictures
        self._epoch_pictures += pictures
        self._done += 1
        self._on_progress(self._stage, self._done, self._steps)

    def losses(self, facts: dict[str, Any], values: dict[str, float]) -> None:
        """Write the line of a few steps: losses, learning rates, pictures per second since the last line."""
        now = time.perf_counter()
        speed = self._lap_pictures / max(now - self._lap, 1e-9)
        self._lap, self._lap_pictures = now, 0
        self._folder.log({"kind": "step", **facts, **values, "pictures_per_second": round(speed, 2)})
        self._curves("train", values, facts["step"])

    def speed(self) -> float:
        """Pictures per second of the present epoch's training."""
        return self._epoch_pictures / max(time.perf_counter() - self._epoch_start, 1e-9)

    def validation(
        self,
        facts: dict[str, Any],
        scores: dict[str, float],
        *,
        best: bool,
        speed: float,
        share: float | None,
    ) -> None:
        """Write the line of an epoch and report it to the person.

        Args:
            facts: epoch, step and phase.
            scores: validation scores; empty without validation pictures.
            best: whether the one that chooses the network is the best so far.
            speed: pictures per second of the epoch's training.
            share: share of the device's peak arithmetic, None if that is not known.
        """
        finite = {name: value if math.isfinite(value) else None for name, value in scores.items()}
        line = {"kind": "validation", **facts, **finite, "best": best, "pictures_per_second": round(speed, 2)}
        self._folder.log(line if share is None else {**line, "share_of_peak": round(share, 4)})
        self._curves("validation", scores, facts["step"])
        said = " · ".join(
            f"{name.replace('_', ' ')} {value:.4f}" for name, value in scores.items() if "/" not in name
        )
        self.say(
            f"epoch {facts['epoch']}/{self._epochs} {facts['phase']}"
            + (f" · {said}" if said else "")
            + (" (best)" if best else "")
            + f" · {_pace(speed)}"
            + (f", {share:.0%} of peak" if share is not None else "")
        )

    def warmed(self, facts: dict[str, Any], title: str, accuracy: Accuracy) -> None:
        """Write and report the line of an epoch of warm-up, in which the generator rested."""
        scores = accuracy.as_dict()
        self._folder.log(
            {"kind": "validation", **facts, **scores, "pictures_per_second": round(self.speed(), 2)}
        )
        self._curves("validation", scores, facts["step"])
        self.say(
            f"{title} · the discriminator is right about {accuracy.accuracy_real:.0%} of true and "
            f"{accuracy.accuracy_generated:.0%} of generated maps · {_pace(self.speed())}"
        )

    def pictures(self, rows: Tensor, step: int) -> None:
        """Show rows of picture | truth | prediction: (n, 3, H, 3·W) in [0, 1]."""
        if self._logger is not None and len(rows):
            self._logger.pictures(torch.cat(list(rows), dim=1).clamp(0, 1), step)

    def _curves(self, group: str, values: dict[str, float], step: int) -> None:
        if self._logger is not None:
            self._logger.curves({f"{group}/{name}": value for name, value in values.items()}, step)


def _pace(speed: float) -> str:
    """A rate in words: a large network on a CPU takes more than a second for a picture, which is not 0."""
    return f"{speed:.0f} pictures/s" if speed >= 10 else f"{speed:.2g} pictures/s"


def not_finite(name: str, pictures: Sequence[str]) -> TrainingError:
    """The error for a loss that is NaN or infinite, with the batch it came from."""
    shown = ", ".join(pictures[:8]) + (f" and {len(pictures) - 8} more" if len(pictures) > 8 else "")
    return TrainingError(
        f"the {name} loss is NaN or infinite in the batch of {shown}; the last checkpoint is kept: "
        "look at these pictures, or start again with a lower learning rate or clip"
    )
