"""A training run from its configuration to its network: what it needs is made here, and the loop runs it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import lightning.fabric
import torch
from lightning.fabric import Fabric

from salgan._files import locked
from salgan._progress import Progress, Say, silent, unsaid
from salgan.errors import ConfigError, ModelError
from salgan.networks import Discriminator, Generator
from salgan.preprocessing import Preprocessing
from salgan.training.build import build_generator, preprocessing_of, read_initial
from salgan.training.cache import Prepared, find_dataset, prepare
from salgan.training.config import Config
from salgan.training.data import Change, Pool, steps_in_epoch
from salgan.training.folder import RunFolder
from salgan.training.loggers import check_logger
from salgan.training.loop import Loop, TrainingOutcome
from salgan.training.losses import ContentLoss
from salgan.training.module import SalGAN
from salgan.training.processes import agreed, ending_together, first_alone, launch, precision_of
from salgan.training.validate import Validator

__all__ = ["TrainingOutcome", "train"]


def train(
    config: Config,
    *,
    change: Change | None = None,
    say: Say = unsaid,
    on_progress: Progress = silent,
) -> TrainingOutcome:
    """Train as a configuration says, into its run folder.

    In a script, call it below ``if __name__ == "__main__"``: the processes that prepare pictures import it.

    Args:
        config: see :func:`salgan.training.load_config`.
        change: is given every training batch after its augmentation, with the number of its step in the run,
            and returns the batch to learn from; None changes nothing. A resumed run continues bit for bit
            only if the same batch and number always give the same answer.
        say: is told one line per epoch, and what a person should know.
        on_progress: is told (stage, done, total) while data is prepared and after each step.

    Returns:
        How it ended; ``network.safetensors`` in the run folder is the network to use.

    Raises:
        ConfigError: a setting that does not fit the data or the run folder.
        DatasetError: data that cannot be read.
        MissingExtraError: the logger's package is not installed.
        ModelError: weights that cannot be read, or a network of one's own whose maps are of another shape.
        SalganError: a file that cannot be written; what was written before is whole.
        TrainingError: a loss became NaN or infinite.
    """
    check_logger(config.logger)
    fabric = launch(config)
    with ending_together(fabric):
        return _train(config, fabric, change, say, on_progress)


def _train(
    config: Config, fabric: Fabric, change: Change | None, say: Say, on_progress: Progress
) -> TrainingOutcome:
    """The same, in each of the processes."""
    if not fabric.is_global_zero:  # only one of several processes reports
        say, on_progress = unsaid, silent
    folder = RunFolder(Path(config.out), writes=fabric.is_global_zero)

    def check() -> None:
        folder.check(config)
        for source in config.sources:  # before weights are downloaded
            find_dataset(source, Path(config.data))

    first_alone(fabric, check)
    lightning.fabric.seed_everything(config.seed, verbose=False)
    torch.backends.cudnn.benchmark = True  # shapes are few; the fastest convolution is sought once for each

    height, width = config.size
    spec = config.init
    initial = agreed(fabric, lambda: read_initial(spec)) if spec else None
    generator = first_alone(fabric, lambda: build_generator(config.network, (height, width), initial))
    record = preprocessing_of(generator, (height, width))
    if config.shapes is not None:
        record = replace(record, shapes=tuple((rows, columns) for rows, columns in config.shapes))
    if isinstance(generator, Generator):
        generator.preprocessing = record
    if config.activation_checkpointing:
        agreed(fabric, lambda: _checkpoint_activations(generator))
    prepared = _prepared(config, record, fabric, say, on_progress)
    training, validation = (Pool(prepared, part, fabric.device) for part in ("train", "val"))

    def check_more() -> Validator:
        _check_shares(config, len(training), fabric.world_size)
        _check_points(config, training)
        validator = Validator(config, training, validation, record, fabric)
        if len(validation):
            _check_choice(config, validator)
            if validator.undefined:
                say(f"not measured, since fixations are missing: {', '.join(validator.undefined)}")
        return validator

    validator = agreed(fabric, check_more)
    salgan = SalGAN(
        fabric,
        generator,
        Discriminator((height, width), **config.adversarial.discriminator.model_dump()),
        bootstrap=config.bootstrap,
        adversarial=config.adversarial,
        content=ContentLoss(config.content, config.downsample),
        steps_per_epoch=steps_in_epoch(len(training), config.batch_size),
        ema=config.ema,
        accumulate=config.accumulate,
        compile=config.compile,
    )
    if initial is not None and initial.optimiser is not None:
        try:
            salgan.adopt_optimiser(initial.optimiser)
        except ModelError as error:
            raise ModelError(f"init: {initial.spec} cannot be read ({error})") from None
    loop = Loop(
        config, record, fabric, folder, salgan, training, validation, validator, change, say, on_progress
    )
    with locked(folder.path) if folder.writes else nullcontext():
        folder.check(config)  # again, because another run may have begun there since
        state = fabric.broadcast(folder.open(config) if fabric.is_global_zero else None)
        agreed(fabric, lambda: loop.go_on_from(state))
        # All epochs show the same pictures.
        still = change is None and not config.augmentation.active and not record.shapes
        if config.cache_features and still and _has_frozen_features(generator):
            generator.eval()
            for pool in (training, validation):
                pool.keep_features(salgan.frozen_features, config.batch_size)
        return loop.run(precision_of(config))


def _prepared(
    config: Config, record: Preprocessing, fabric: Fabric, say: Say, on_progress: Progress
) -> list[Prepared]:
    """The sources' caches; the first process builds them, the others find them."""
    cache = Path(config.cache) if config.cache else None
    prepared = first_alone(
        fabric,
        lambda: [
            prepare(
                source, Path(config.data), record, cache, limit=config.limit, say=say, on_progress=on_progress
            )
            for source in config.sources
        ],
    )
    if not any(len(source.train) for source in prepared):
        raise ConfigError("sources: no picture to train on; look at the sources' train parts")
    return prepared


def _check_choice(config: Config, validator: Validator) -> None:
    """Raise before the first epoch if the score that chooses the network will not be measured.

    Raises:
        ConfigError: nobody asked for it, or no picture has the fixations that it needs.
    """
    chosen, measured = config.keep_best, validator.measured
    if chosen is None or chosen in measured:
        return
    if chosen in validator.undefined:
        raise ConfigError(
            f"keep_best: {chosen} is not measured, since fixations are missing; add them, or choose one of "
            f"{', '.join(measured)}"
        )
    raise ConfigError(
        f"keep_best: {chosen!r} is not measured; choose one of {', '.join(measured)}, or name it in "
        "validation_scores too"
    )


def _check_points(config: Config, pool: Pool) -> None:
    """Raise before the first epoch if a loss needs fixations and no training picture has any.

    Raises:
        ConfigError: the sources hold density maps only.
    """
    if config.content.nss > 0 and not any(len(pool.fixated(row)) for row in range(len(pool))):
        raise ConfigError(
            "the sources hold no fixations, only density maps, and there is no NSS without fixations; add "
            "them, or set content.nss=0"
        )


def _check_shares(config: Config, pictures: int, processes: int) -> None:
    """Raise if the only batch of a small set cannot be shared evenly; see :func:`epoch_order`.

    Raises:
        ConfigError: fewer pictures than a batch, and they do not divide.
    """
    if pictures < config.batch_size and pictures % (processes * config.accumulate):
        raise ConfigError(
            f"the {pictures} training pictures are one batch, which does not divide by {processes} processes "
            f"times accumulate {config.accumulate}; lower batch_size or one of these"
        )


def _checkpoint_activations(network: torch.nn.Module) -> None:
    """Let a network compute activations again.

    Raises:
        ConfigError: it cannot.
    """
    try:
        if not isinstance(network, Generator):
            raise ModelError(f"{type(network).__name__} is not vgg16")
        network.checkpoint_activations()
    except ModelError as error:
        raise ConfigError(f"activation_checkpointing: {error}; leave it out") from None


def _has_frozen_features(network: torch.nn.Module) -> bool:
    """Whether a part of the network never changes and is worth keeping per picture."""
    return getattr(network, "frozen_stride", 1) > 1
