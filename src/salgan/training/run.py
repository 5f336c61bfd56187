"""A training run from its configuration to its network: read it from top to bottom.

Lightning's Fabric gives devices, precision and DDP. The loop is our own, and not Lightning's Trainer, because
two things must be exact: generator and discriminator take turns batch by batch with an optimiser each, and
a run that was killed in the middle of an epoch goes on bit for bit. Both follow from a loop in which the
batches of an epoch are a pure function of (seed, epoch) and the state is one dictionary.
"""

from __future__ import annotations

import math
import random
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning.fabric
import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor

from salgan.errors import ConfigError
from salgan.networks import Discriminator, Generator
from salgan.networks.weights import describe
from salgan.training.augment import augmented, epoch_draws
from salgan.training.build import (
    build_generator,
    initial_weights,
    preprocessing_of,
    save_generator,
)
from salgan.training.cache import Prepared, find_dataset, prepare
from salgan.training.config import Config
from salgan.training.data import WARMUP, Pool, epoch_order
from salgan.training.folder import RunFolder
from salgan.training.generator import Logits
from salgan.training.judging import advice, judge_validation, warmup_ends
from salgan.training.module import SalGAN
from salgan.training.report import Reporter, Window, not_finite
from salgan.training.stopping import Stopper
from salgan.training.throughput import Meter
from salgan.training.validate import LOWER_IS_BETTER, METRICS, validate

__all__ = ["Outcome", "train"]


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


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        folder: the run folder.
        finished: whether all epochs are done; otherwise it stopped at its time limit or was interrupted.
        epochs: epochs that are finished.
        best: best validation score, None without validation.
    """

    folder: Path
    finished: bool
    epochs: int
    best: float | None


def train(config: Config) -> Outcome:
    """Train as a configuration says, into its run folder.

    In a script, call it below ``if __name__ == "__main__"``: the processes that prepare pictures import it.

    Args:
        config: see :func:`salgan.training.load_config`.

    Returns:
        How it ended; ``network.safetensors`` in the run folder is the network to use.

    Raises:
        ConfigError: a setting that does not fit the data or the run folder.
        DatasetError: data that cannot be read.
        ModelError: weights that cannot be read.
        SalganError: a file that cannot be written; what was written before is whole.
        TrainingError: a loss became NaN or infinite.
    """
    fabric = Fabric(accelerator=config.accelerator, devices=config.devices, precision=_precision(config))
    fabric.launch()
    folder = RunFolder(Path(config.out), writes=fabric.is_global_zero)
    folder.check(config)
    for source in config.sources:  # before weights are downloaded
        find_dataset(source, Path(config.data))
    lightning.fabric.seed_everything(config.seed, verbose=False)
    torch.backends.cudnn.benchmark = True  # batches keep one shape, so the fastest convolution is sought once

    generator = build_generator(config)
    prepared = _prepared(config, generator, fabric)
    training, validation = (Pool(prepared, part, fabric.device) for part in ("train", "val"))
    _check_metric(config, validation)

    batches = len(epoch_order(config.seed, 0, len(training), config.batch_size))
    carried = initial_weights(config.init, generator) if config.init else None
    salgan = SalGAN(fabric, config, generator, _discriminator(config), batches)
    if carried is not None:
        salgan.adopt_optimiser(carried)
    position, window = Position(), Window()
    state = fabric.broadcast(folder.open(config) if fabric.is_global_zero else None)
    if state is not None:
        salgan.load_state(state["salgan"])
        position, window = Position(**state["position"]), Window(state["window"], state["judged"])
        _set_random_states(state["random"])
    if config.cache_features and not config.augmentation.active and _has_frozen_features(generator):
        generator.eval()
        for pool in (training, validation):
            pool.keep_features(salgan.frozen_features, config.batch_size)

    def check() -> None:
        """Stop at the first NaN or infinity, before it reaches a checkpoint."""
        found = window.first_not_finite()
        if found is not None:
            epoch, step, name = found
            rows = epoch_order(config.seed, epoch, len(training), config.batch_size)[step]
            raise not_finite(name, [training.names[row] for row in rows])

    def checkpoint(path: Path | None = None) -> None:
        check()
        states = {"position": asdict(position), "window": window.entries, "judged": window.judged}
        states |= {"random": _random_states()}
        # What a reader of the checkpoint alone needs to build the network; nobody knows it of a user's own.
        described = describe(generator) if isinstance(generator, Generator) else None
        folder.save({"salgan": salgan.state(), "description": described, **states}, path)

    meter = Meter.of_device(fabric.device, fabric.world_size, _precision(config))
    epochs = config.bootstrap.epochs + config.adversarial.epochs
    with (
        folder.guarded(),
        Reporter(folder, epochs, position.steps) as report,
        Stopper(config.time_limit, fabric) as stopper,
    ):
        while position.epoch < epochs:
            if position.epoch == config.bootstrap.epochs and salgan.phase == "bootstrap":
                if position.epoch > 0:
                    checkpoint(folder.bootstrap)
                warm = config.adversarial.warmup.epochs and not config.adversarial.control
                (salgan.begin_warmup if warm else salgan.begin_adversarial)(position.steps)
            warming = salgan.phase == "warmup"
            number = WARMUP + position.warmup if warming else position.epoch
            order = epoch_order(config.seed, number, len(training), config.batch_size)
            draws = epoch_draws(config.seed, number, len(training))
            shares = [rows[fabric.global_rank :: fabric.world_size] for rows in order[position.step :]]
            salgan.begin_epoch()
            title = f"epoch {position.epoch + 1}/{epochs}"
            if warming:
                title = f"warm-up {position.warmup + 1}/{config.adversarial.warmup.epochs}"
            report.begin_epoch(title, position.step, len(order))

            for rows, batch in zip(shares, training.batches(shares), strict=True):
                changed = augmented(batch, config.augmentation, draws[rows])
                turn = salgan.turn(position.steps)
                with meter.watching(turn, len(rows)):
                    losses = salgan.step(turn, changed, position.steps)
                window.add(number, position.step, losses)
                position.step, position.steps = position.step + 1, position.steps + 1
                report.step(len(rows) * fabric.world_size)
                if position.steps % config.log_every == 0:
                    check()
                    report.losses(_facts(position, salgan), window.take() | salgan.learning_rates())
                if config.checkpoint_every and position.steps % config.checkpoint_every == 0:
                    checkpoint()
                if stopper.due():
                    checkpoint()
                    return Outcome(folder.path, False, position.epoch, position.best)

            check()
            position.step = 0
            judged = window.take_judged()
            tested = judged
            if judged is not None and len(validation):
                tested = judge_validation(
                    salgan.discriminator, salgan.generator, validation, config.batch_size, fabric
                )
            if warming and tested is not None:
                position.warmup += 1
                report.warmed(_facts(position, salgan), title, tested)
                if warmup_ends(config.adversarial.warmup, position.warmup, tested, report.say):
                    salgan.begin_adversarial(position.steps)
                checkpoint()
                continue
            position.epoch += 1
            speed = report.speed()
            share = meter.share(speed, salgan.turns)
            scores = validate(salgan.best_guess, validation, config, fabric) if len(validation) else {}
            best = _is_better(config.keep_best, scores, position.best)
            if best and config.keep_best in scores:
                position.best = scores[config.keep_best]
            if folder.writes:
                facts = {"salgan.epoch": str(position.epoch)}
                save_generator(salgan.best_guess, folder.last_network, facts)
                if config.keep_networks:
                    folder.networks.mkdir(exist_ok=True)
                    save_generator(
                        salgan.best_guess, folder.networks / f"{position.epoch:03d}.safetensors", facts
                    )
                if best:
                    save_generator(salgan.best_guess, folder.network, facts)
            if tested is not None:
                scores |= tested.as_dict()
            report.validation(_facts(position, salgan), scores, best=best, speed=speed, share=share)
            if judged is not None and (line := advice(judged, config.adversarial)):
                report.say(line)
            report.pictures(_rows(salgan, validation, config.image_rows), position.steps)
            checkpoint()
    return Outcome(folder.path, True, position.epoch, position.best)


def _prepared(config: Config, generator: torch.nn.Module, fabric: Fabric) -> list[Prepared]:
    """The sources' caches; the first process builds them, the others find them."""
    record = preprocessing_of(generator, config)
    cache = Path(config.cache) if config.cache else None
    with fabric.rank_zero_first():
        prepared = [prepare(source, Path(config.data), record, cache) for source in config.sources]
    if not any(len(source.train) for source in prepared):
        raise ConfigError("sources: no picture to train on; look at the sources' train parts")
    return prepared


def _discriminator(config: Config) -> Discriminator:
    height, width = config.size
    return Discriminator((height, width), **config.adversarial.discriminator.model_dump())


def _check_metric(config: Config, validation: Pool) -> None:
    """Raise before the first epoch if the metric that chooses the network will not be measured."""
    if config.keep_best is None or not len(validation):
        return
    known = [*METRICS]
    if len(validation.sources) > 1:
        known += [f"{source}/{name}" for source in validation.sources for name in METRICS]
    if config.keep_best not in known:
        raise ConfigError(
            f"keep_best: {config.keep_best!r} is not measured; choose one of {', '.join(known)}"
        )


def _is_better(name: str | None, scores: dict[str, float], best: float | None) -> bool:
    """Whether network.safetensors is to be replaced; always, where nothing is there to choose by."""
    if name is None or not scores:
        return True
    value = scores[name]
    if not math.isfinite(value):
        return best is None
    if best is None or not math.isfinite(best):
        return True
    return value < best if name.rpartition("/")[2] in LOWER_IS_BETTER else value > best


def _facts(position: Position, salgan: SalGAN) -> dict[str, Any]:
    """What every line of metrics.jsonl begins with; ``epoch`` counts finished ones."""
    return {"epoch": position.epoch, "step": position.steps, "phase": salgan.phase}


@torch.no_grad()
def _rows(salgan: SalGAN, validation: Pool, count: int) -> Tensor:
    """The first validation pictures as picture | truth | prediction, (n, 3, H, 3·W) in [0, 1]."""
    shown = np.linspace(0, len(validation) - 1, min(count, len(validation))).astype(np.int64)
    if not len(shown):
        return torch.empty(0)
    batch = validation.batch(shown)
    prediction = Logits(salgan.best_guess.eval())(batch.pictures, batch.features).sigmoid()
    maps = [maps.expand(-1, 3, -1, -1).float() for maps in (batch.density, prediction)]
    return torch.cat([batch.pictures / 255, *maps], dim=3).cpu()


def _has_frozen_features(network: torch.nn.Module) -> bool:
    """Whether a part of the network never changes and is worth keeping per picture."""
    return getattr(network, "frozen_stride", 1) > 1


def _precision(config: Config) -> Any:
    if config.precision != "auto":
        return config.precision
    gpu = config.accelerator == "gpu" or (config.accelerator == "auto" and torch.cuda.is_available())
    return "bf16-mixed" if gpu and torch.cuda.is_available() else "32-true"


def _random_states() -> dict[str, Any]:
    """All random states as tensors and plain values, which load without unpickling."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002  # a user's network may draw from it
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python": random.getstate(),
        "numpy": (kind, torch.from_numpy(np.array(keys, dtype=np.int64)), *rest),
    }


def _set_random_states(states: dict[str, Any]) -> None:
    torch.set_rng_state(states["torch"])
    if torch.cuda.is_available() and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])
    random.setstate(states["python"])
    kind, keys, *rest = states["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002  # see above
