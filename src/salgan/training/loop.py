"""The loop of a training run: epochs, and what follows each of them.

Lightning's Fabric provides devices, precision and DDP. The loop is our own rather than Lightning's Trainer,
because two things must be exact. Generator and discriminator take turns batch by batch, each with its own
optimiser; and a run that was killed in the middle of an epoch continues bit for bit. Both follow from a loop
in which the batches of an epoch are a pure function of (seed, epoch) and the state is one dictionary.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor

from salgan._progress import Progress, Say
from salgan.errors import ModelError
from salgan.networks import save_network
from salgan.networks.weights import describe
from salgan.preprocessing import Preprocessing
from salgan.training.augment import augmented, epoch_draws
from salgan.training.chance import random_states, set_random_states
from salgan.training.config import Config
from salgan.training.data import WARMUP, Change, Pool, Shape, epoch_order, epoch_shapes
from salgan.training.folder import RunFolder
from salgan.training.generator import Answers
from salgan.training.judging import Accuracy, advice, judge_validation, to_be_drawn_anew, warmup_ends
from salgan.training.loggers import Logger, open_logger
from salgan.training.module import SalGAN
from salgan.training.processes import EndedWithOthersError
from salgan.training.report import Reporter, Window, not_finite
from salgan.training.resume import check_number
from salgan.training.stopping import Stopper
from salgan.training.throughput import Meter
from salgan.training.validate import Validator, lower_is_better

__all__ = ["Loop", "TrainingOutcome"]


_MISFITS = (ModelError, AttributeError, LookupError, OverflowError, RuntimeError, TypeError, ValueError)
"""What our own checks, PyTorch and Python raise for a state that does not fit."""


@dataclass
class Position:
    """Where a run is.

    Attributes:
        epoch: epochs that are finished; those of the discriminator's warm-up are not among them.
        warmup: epochs of the warm-up that are finished.
        step: steps taken in the present epoch.
        steps: steps taken in the whole run.
        best: best validation score so far, None before the first.
    """

    epoch: int = 0
    warmup: int = 0
    step: int = 0
    steps: int = 0
    best: float | None = None

    def check(self) -> None:
        """Raise ModelError if these cannot be numbers of epochs and steps."""
        for name in ("epoch", "warmup", "step", "steps"):
            value = getattr(self, name)
            if type(value) is not int or not 0 <= value < 1 << 40:
                raise ModelError(f"position.{name} is {value!r}")
        if self.best is not None:
            check_number(self.best, "position.best")


@dataclass(frozen=True)
class TrainingOutcome:
    """How a run ended.

    Attributes:
        folder: the run folder.
        finished: whether all epochs are done; otherwise it stopped at its time limit or was interrupted.
        epochs: epochs that are finished.
        best: best validation score, None without validation.
        signal: the number of the signal that asked the run to stop, None if there was none.
        reports: whether this is the process that reports, the first of several.
    """

    folder: Path
    finished: bool
    epochs: int
    best: float | None
    signal: int | None = None
    reports: bool = True


class Loop:
    """A run's networks, data and folder, and where it is in its epochs.

    Args:
        config: the whole recipe.
        record: the shapes of its pictures.
        fabric: devices and precision.
        folder: where everything is written.
        salgan: the networks in training.
        training: the samples to learn from.
        validation: the samples to validate on; there may be none.
        validator: scores networks on them.
        change: see :func:`salgan.training.train`; so are the two below.
        say: is told what a person should know, line by line.
        on_progress: is told of every step.
    """

    def __init__(
        self,
        config: Config,
        record: Preprocessing,
        fabric: Fabric,
        folder: RunFolder,
        salgan: SalGAN,
        training: Pool,
        validation: Pool,
        validator: Validator,
        change: Change | None,
        say: Say,
        on_progress: Progress,
    ) -> None:
        self._config = config
        self._record = record
        self._fabric = fabric
        self._folder = folder
        self._salgan = salgan
        self._training = training
        self._validation = validation
        self._validator = validator
        self._change = change
        self._say = say
        self._on_progress = on_progress
        factory = config.network if isinstance(config.network, str) else None
        self._description = describe(salgan.generator, factory=factory, preprocessing=record)
        self._position = Position()
        self._window = Window()
        self._epochs = config.bootstrap.epochs + config.adversarial.epochs

    def go_on_from(self, state: dict[str, Any] | None) -> None:
        """Continue from a checkpoint's state; None starts from the beginning.

        Raises:
            ModelError: it is not the state of such a run.
        """
        if state is None:
            return
        pictures = self._pictures()
        if state.get("pictures", pictures) != pictures:
            raise ModelError(
                f"{self._folder.checkpoint}: the pictures are no longer those that this run began with; put "
                "them back, or start anew with another out=FOLDER and init= this run"
            )
        try:
            self._salgan.load_state(state["salgan"])
            self._position = Position(**state["position"])
            self._position.check()
            self._window = Window(state["window"], state["judged"])
            self._window.check()
            set_random_states(state["random"])
        except _MISFITS as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelError(
                f"{self._folder.checkpoint}: a run cannot go on from it ({reason}); start anew with another "
                "out=FOLDER"
            ) from None

    def run(self, precision: str) -> TrainingOutcome:
        """Train until the last epoch is finished, or until the run is told to stop."""
        fabric, position = self._fabric, self._position
        self._meter = Meter.of_device(fabric.device, fabric.world_size, precision)
        with (
            self._folder.guarded(),
            Reporter(
                self._folder, self._epochs, self._logger(), self._say, self._on_progress
            ) as self._report,
            Stopper(self._config.time_limit, fabric) as stopper,
        ):
            stopped = False
            while position.epoch < self._epochs and not stopped:
                self._enter_phase()
                stopped = not self._epoch(stopper)
                if not stopped:
                    self._after_epoch()
            fabric.barrier()  # whoever started the processes may end all of them with the first that leaves
        return TrainingOutcome(
            self._folder.path,
            not stopped,
            position.epoch,
            position.best,
            signal=stopper.signal,
            reports=self._folder.writes,
        )

    def _logger(self) -> Logger | None:
        """Where curves go; only the first of several processes writes."""
        writes = self._folder.writes
        return open_logger(self._config, self._folder.path, self._position.steps) if writes else None

    def _enter_phase(self) -> None:
        """If the bootstrap is over, begin what follows it."""
        config, position = self._config, self._position
        if position.epoch < config.bootstrap.epochs or self._salgan.phase != "bootstrap":
            return
        if position.epoch > 0:
            self._checkpoint(self._folder.bootstrap)
        if config.adversarial.warmup.epochs and not config.adversarial.control:
            self._salgan.begin_warmup(position.steps)
        else:
            self._salgan.begin_adversarial(position.steps)

    @property
    def _number(self) -> int:
        """The present epoch's number, which decides its batches."""
        return WARMUP + self._position.warmup if self._warming else self._position.epoch

    @property
    def _warming(self) -> bool:
        return self._salgan.phase == "warmup"

    @property
    def _title(self) -> str:
        if self._warming:
            return f"warm-up {self._position.warmup + 1}/{self._config.adversarial.warmup.epochs}"
        return f"epoch {self._position.epoch + 1}/{self._epochs}"

    def _epoch(self, stopper: Stopper) -> bool:
        """Take the steps of an epoch, or those that are left; return False if the run was told to stop."""
        config, fabric, salgan, position = self._config, self._fabric, self._salgan, self._position
        number = self._number
        order = epoch_order(config.seed, number, len(self._training), config.batch_size)
        draws = epoch_draws(config.seed, number, len(self._training))
        every_shape = self._record.shapes or (self._record.shape,)
        shapes = epoch_shapes(config.seed, number, len(order), every_shape, config.shape_shares)
        shares = [rows[fabric.global_rank :: fabric.world_size] for rows in order[position.step :]]
        salgan.begin_epoch()
        self._report.begin_epoch(self._title, position.step, len(order))
        batches = self._training.batches(shares, shapes[position.step :])
        for rows, batch in zip(shares, batches, strict=True):
            batch = augmented(batch, config.augmentation, draws[rows])
            if self._change is not None:
                batch = self._change(batch, position.steps)
            turn = salgan.turn(position.steps)
            with self._meter.watching(turn, len(rows)):
                losses = salgan.step(turn, batch, position.steps)
            self._window.add(number, position.step, losses)
            position.step, position.steps = position.step + 1, position.steps + 1
            self._report.step(len(rows) * fabric.world_size if losses else 0)
            if position.steps % config.log_every == 0:
                self._check()
                self._report.losses(self._facts(), self._window.take() | salgan.learning_rates())
            if config.checkpoint_every and position.steps % config.checkpoint_every == 0:
                self._checkpoint()
            if stopper.due():
                self._checkpoint()
                return False
        self._check()
        return True

    def _after_epoch(self) -> None:
        """Validate, report and save; at the end of a warm-up begin what follows it."""
        title, learnt = self._title, self._window.take_judged()
        self._position.step = 0
        judged = learnt
        if learnt is not None and len(self._validation):
            judged = judge_validation(
                self._salgan.discriminator,
                self._salgan.generator,
                self._validation,
                self._config.batch_size,
                self._fabric,
            )
        if self._warming and judged is not None:
            self._after_warmup_epoch(title, judged)
        else:
            self._after_own_epoch(learnt, judged)
        self._checkpoint()

    def _after_warmup_epoch(self, title: str, judged: Accuracy) -> None:
        self._position.warmup += 1
        self._report.warmed(self._facts(), title, judged)
        if warmup_ends(self._config.adversarial.warmup, self._position.warmup, judged, self._report.say):
            self._salgan.begin_adversarial(self._position.steps)
        elif to_be_drawn_anew(self._position.warmup, judged):
            self._salgan.draw_discriminator(self._config.seed + self._position.warmup)
            self._say("the discriminator only guesses; it goes on from other first weights")

    def _after_own_epoch(self, learnt: Accuracy | None, judged: Accuracy | None) -> None:
        """Score and save the generator, which has learnt in this epoch."""
        config, salgan, position = self._config, self._salgan, self._position
        position.epoch += 1
        speed = self._report.speed()
        share = self._meter.share(speed, salgan.turns)
        scores: dict[str, float] = {}
        if len(self._validation):
            scores = self._validator(salgan.best_guess)
        best = _is_better(config.keep_best, scores, position.best)
        if best and config.keep_best in scores:
            position.best = scores[config.keep_best]
        self._save_networks(best)
        if judged is not None:
            scores |= judged.as_dict()
        # A network that is kept because it is the latest is not the best.
        chosen = best and config.keep_best in scores
        self._report.validation(self._facts(), scores, best=chosen, speed=speed, share=share)
        if learnt is not None and (line := advice(learnt, config.adversarial)):
            self._report.say(line)
        if self._folder.writes:
            with self._fabric.autocast():  # features that were kept have the precision of training
                shown = _rows(salgan, self._validation, config.image_rows, self._record.shape)
            self._report.pictures(shown, position.steps)

    def _save_networks(self, best: bool) -> None:
        if not self._folder.writes:
            return
        network, epoch = self._salgan.best_guess, self._position.epoch
        places = [self._folder.last_network]
        if self._config.keep_networks:
            self._folder.networks.mkdir(exist_ok=True)
            places.append(self._folder.networks / f"{epoch:03d}.safetensors")
        if best:
            places.append(self._folder.network)
        for place in places:
            save_network(network, place, metadata={"salgan.epoch": str(epoch)}, description=self._description)

    def _check(self) -> None:
        """Stop at the first NaN or infinity, before it reaches a checkpoint."""
        found = self._window.first_not_finite(self._fabric)
        if found is not None:
            if not self._folder.writes:
                raise EndedWithOthersError("a loss is NaN or infinite, as the first process says")
            number, step, name = found
            order = epoch_order(self._config.seed, number, len(self._training), self._config.batch_size)
            raise not_finite(name, [self._training.names[row] for row in order[step]])

    def _checkpoint(self, path: Path | None = None) -> None:
        self._check()
        state = {
            "salgan": self._salgan.state(),
            "description": self._description,  # what a reader of the checkpoint alone builds the network from
            "position": asdict(self._position),
            "window": self._window.entries,
            "judged": self._window.judged,
            "random": random_states(),
            "pictures": self._pictures(),
        }
        self._folder.save(state, path)

    def _pictures(self) -> str:
        """Which pictures there are: a run goes on with those that it began with, in the same order."""
        names = [*self._training.names, "", *self._validation.names]
        return hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()

    def _facts(self) -> dict[str, Any]:
        """What every line of metrics.jsonl begins with; ``epoch`` counts finished ones."""
        position = self._position
        return {"epoch": position.epoch, "step": position.steps, "phase": self._salgan.phase}


def _is_better(name: str | None, scores: dict[str, float], best: float | None) -> bool:
    """Whether network.safetensors is to be replaced; always, if there is no score to choose by."""
    if name is None or not scores:
        return True
    value = scores[name]
    if not math.isfinite(value):
        return best is None
    if best is None or not math.isfinite(best):
        return True
    return value < best if lower_is_better(name) else value > best


@torch.no_grad()
def _rows(salgan: SalGAN, validation: Pool, count: int, shape: Shape) -> Tensor:
    """Some validation pictures as picture | truth | prediction at one shape, (n, 3, H, 3·W) in [0, 1].

    Truth and prediction are each divided by their highest value, since KLD and CC leave the scale open.
    """
    shown = np.linspace(0, len(validation) - 1, min(count, len(validation))).astype(np.int64)
    if not len(shown):
        return torch.empty(0)
    batch = validation.batch(shown, shape)
    prediction = Answers(salgan.best_guess.eval())(batch.pictures, batch.features).logits.sigmoid()
    tallest = [maps.float().amax((2, 3), keepdim=True) for maps in (batch.density, prediction)]
    maps = [
        (maps.float() / top.clamp_min(torch.finfo(top.dtype).tiny)).expand(-1, 3, -1, -1)
        for maps, top in zip((batch.density, prediction), tallest, strict=True)
    ]
    return torch.cat([batch.pictures / 255, *maps], dim=3).cpu()
