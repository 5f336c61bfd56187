"""The paper's experiment: is the adversarial phase better than more of the same?

From one bootstrap on the content loss, two runs continue: one with the content loss alone (BCE), one
adversarially (GAN). They have the same number of epochs, the same seed and therefore the same batches, and
the same number of generator updates. The network of every epoch of both is evaluated picture by picture.

PyTorch is imported inside the functions that train, so reading a finished experiment does not need it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salgan._progress import Progress, Say, silent, unsaid
from salgan.datasets import open_dataset
from salgan.datasets.split import SIZES
from salgan.errors import ConfigError, DatasetError, SalganError
from salgan.evaluation.baselines import Uniform
from salgan.evaluation.evaluate import evaluate
from salgan.evaluation.ground_truth import Data, GroundTruth, ground_truth
from salgan.evaluation.results import OtherVersionError, Results
from salgan.evaluation.scoring import EvaluationProtocol, Scorer

if TYPE_CHECKING:
    from salgan.training import Config

__all__ = [
    "EXPERIMENT_METRICS",
    "PAPER_METRICS",
    "Branch",
    "Experiment",
    "as_overrides",
    "bootstrap_alone",
    "branches",
    "data_to_score",
    "evaluate_epochs",
    "open_truth",
    "read_bootstrap_alone",
    "read_branches",
    "read_epochs",
    "start_of",
    "train_run",
    "validation_data",
]

PAPER_METRICS = ("sauc", "auc_borji", "nss", "cc", "ig")
"""The columns of the paper's Table 1, in its order."""

EXPERIMENT_METRICS = ("sauc", "sauc_all", "auc_borji", "auc_borji_all", "nss", "cc", "ig")
"""What the experiment's networks are scored by: the paper's five, and two of them at all thresholds, since at
steps of .1 they measure a map's histogram as well as its order."""

_TITLES = {"bootstrap": "bootstrap", "bce": "BCE", "gan": "GAN"}


@dataclass(frozen=True)
class Branch:
    """One training run of the experiment, with its epochs' evaluations.

    Attributes:
        name: ``bootstrap``, ``bce``, ``gan``, a row of the preprint such as ``bce-8``, or one of Table 2
            such as ``own``.
        title: for tables.
        first: number of its first epoch in the whole experiment, from 1.
        evaluations: one per epoch (only for the last epoch, in a row of the preprint or of Table 2).
    """

    name: str
    title: str
    first: int
    evaluations: tuple[Results, ...]

    @property
    def epochs(self) -> list[int]:
        """Numbers of the evaluated epochs in the whole experiment."""
        return [self.first + number for number in range(len(self.evaluations))]


@dataclass(frozen=True)
class Experiment:
    """What is trained and how it is evaluated.

    Attributes:
        recipe: a training recipe; its phases' lengths are the experiment's.
        overrides: ``key=value`` settings for it, including ``data``.
        out: the folder for everything: ``runs/``, ``evaluations/``, tables, figures.
        data: what to evaluate on; None for the recipe's own validation pictures.
        release: the release of those pictures' ground truth, if their folder's name does not say.
        protocol: the rules; the metrics are :data:`EXPERIMENT_METRICS`.
        processes: how many score pictures.
        on_progress: is told (stage, done, total) while networks train and pictures are scored.
        say: is told one line per epoch of training, and what is scored again.
        trust: import the code of a network of your own to score it, as training does.
    """

    recipe: Path
    overrides: tuple[str, ...]
    out: Path
    data: Data | None = None
    release: str | None = None
    protocol: EvaluationProtocol = EvaluationProtocol(EXPERIMENT_METRICS)  # noqa: RUF009 - frozen
    processes: int = 1
    on_progress: Progress = silent
    say: Say = unsaid
    trust: bool = False

    def config(self, *more: str) -> Config:
        """The recipe with the experiment's overrides and some more.

        Raises:
            ConfigError: they do not make sense, or ask for several processes: the others would go on to the
                evaluations beside the first one.
        """
        from salgan.training import load_config

        config = load_config(self.recipe, [*self.overrides, "out=.", *more])
        if config.devices > 1 or os.environ.get("WORLD_SIZE", "1") != "1":
            raise ConfigError("reproduce trains on one device; leave out torchrun, and set devices=1")
        return config


def branches(experiment: Experiment) -> dict[str, Branch]:
    """Train and evaluate the bootstrap and its two continuations; finished work is not repeated.

    Returns:
        ``bootstrap``, ``bce`` and ``gan``.

    Raises:
        ConfigError: the recipe has no adversarial phase or no bootstrap, or another experiment is in the
            folder.
        DatasetError: the pictures cannot be scored, see :func:`data_to_score`; nothing was trained.
        SalganError: training was stopped; the same call goes on.
    """
    config = experiment.config()
    begin, further = config.bootstrap.epochs, config.adversarial.epochs
    if not begin or not further:
        raise ConfigError(
            f"{experiment.recipe}: bootstrap.epochs is {begin} and adversarial.epochs {further}; "
            "both must be above 0"
        )
    data = data_to_score(experiment)
    train_run(experiment, "bootstrap", {"adversarial.epochs": 0})
    start = start_of(experiment, config) | {"seed": config.seed + 1}
    start |= {"bootstrap.epochs": 0, "adversarial.epochs": further}
    # The control's generator learns on the same batches and no others, with the same optimiser.
    train_run(experiment, "bce", start | {"adversarial.control": True})
    train_run(experiment, "gan", start)
    epochs = {"bootstrap": (1, begin), "bce": (begin + 1, further), "gan": (begin + 1, further)}
    with open_truth(experiment, data) as truth:
        return {
            name: Branch(name, _TITLES[name], first, evaluate_epochs(experiment, data, truth, name, count))
            for name, (first, count) in epochs.items()
        }


def bootstrap_alone(experiment: Experiment) -> dict[str, Branch]:
    """Train and evaluate a recipe without an adversarial phase; finished work is not repeated.

    Returns:
        ``bootstrap`` alone.

    Raises:
        ConfigError: the recipe has no bootstrap, or another experiment is in the folder.
        DatasetError: the pictures cannot be scored, see :func:`data_to_score`; nothing was trained.
        SalganError: training was stopped; the same call goes on.
    """
    config = experiment.config()
    count = config.bootstrap.epochs
    if not count:
        raise ConfigError(f"{experiment.recipe}: has neither bootstrap.epochs nor adversarial.epochs above 0")
    data = data_to_score(experiment)
    train_run(experiment, "bootstrap", {})
    with open_truth(experiment, data) as truth:
        evaluations = evaluate_epochs(experiment, data, truth, "bootstrap", count)
    return {"bootstrap": Branch("bootstrap", "the network", 1, evaluations)}


def read_branches(run: Path) -> dict[str, Branch]:
    """The branches of a finished experiment, from its folder alone.

    Args:
        run: where :func:`branches` put ``evaluations/``.

    Raises:
        ConfigError: the folder holds no finished experiment.
        SalganError: an evaluation that cannot be read.
    """
    if (run / "fold-1").is_dir():
        raise ConfigError(f"{run}: holds an experiment in folds; name one of them, such as {run / 'fold-1'}")
    found = {name: read_epochs(run, name) for name in _TITLES}
    if not all(found.values()) or len(found["bce"]) != len(found["gan"]):
        raise ConfigError(
            f"{run}: holds no finished experiment; this makes one or goes on with it: "
            f"salgan reproduce run --data FOLDER --out {run}"
        )
    further = len(found["bootstrap"]) + 1
    return {
        name: Branch(name, title, 1 if name == "bootstrap" else further, found[name])
        for name, title in _TITLES.items()
    }


def read_bootstrap_alone(run: Path) -> dict[str, Branch]:
    """What :func:`bootstrap_alone` made, from the folder alone; empty if that is not what is there.

    Raises:
        SalganError: an evaluation that cannot be read.
    """
    found = () if (run / "runs" / "bce").exists() else read_epochs(run, "bootstrap")
    return {"bootstrap": Branch("bootstrap", "the network", 1, found)} if found else {}


def read_epochs(run: Path, name: str) -> tuple[Results, ...]:
    """The evaluations of a branch's epochs; none if there are none or one is not finished."""
    folders = sorted((run / "evaluations" / name).glob("[0-9]*"))
    finished = all((folder / "summary.json").is_file() for folder in folders)
    return tuple(Results.read(folder) for folder in folders) if finished else ()


def validation_data(config: Config, release: str | None = None) -> Data:
    """A recipe's first validation pictures, with the same source's training pictures for the center bias.

    Args:
        config: the recipe.
        release: the release of their ground truth, if the folder's name does not say.

    Raises:
        ConfigError: no source has validation pictures, or the first that has trains on them too.
    """
    from salgan.training.cache import limited, parts_of

    for source in config.sources:
        if not source.val:
            continue
        root = Path(config.data) / source.path
        if not root.is_dir():
            raise DatasetError(f"{root}: no such dataset; set data=FOLDER")
        train, val = (limited(stimuli, config.limit) for stimuli in parts_of(source, root))
        if both := {stimulus.name for stimulus in train} & {stimulus.name for stimulus in val}:
            raise ConfigError(
                f"the recipe trains on {min(both)}, which is among its validation pictures too; name others "
                "to evaluate on with --test"
            )
        # Sets that come in parts say their release only when a part is opened.
        # Those with a committed split have parts of the same names.
        own_parts = source.split in (None, *SIZES) and source.fold is None
        part = source.val if own_parts and isinstance(source.val, str) and source.val != "all" else None
        opened = open_dataset(root, source.layout, part, release)
        return Data(
            replace(opened, stimuli=tuple(val), unmatched=()),
            replace(opened, stimuli=tuple(train), unmatched=()) if train else None,
            root,
            source.layout,
            part,
            source.fold,
        )
    raise ConfigError(
        "the recipe's sources have no validation pictures to evaluate on; name some with --test"
    )


def start_of(experiment: Experiment, config: Config) -> dict[str, Any]:
    """Where continuations start: the bootstrap's checkpoint, or its network if the optimiser is a new one."""
    run = experiment.out / "runs" / "bootstrap"
    if config.adversarial.optimiser is not None:
        return {"init": str(run / "last.safetensors")}
    return {"init": str(run / "checkpoints" / "last.pt")}


def train_run(experiment: Experiment, name: str, settings: Mapping[str, Any]) -> None:
    """Run (or go on with, or find finished) one training run that keeps the network of every epoch."""
    from salgan.training import train

    folder = experiment.out / "runs" / name
    resume = (folder / "config.yaml").is_file()
    config = experiment.config(*as_overrides(settings), f"resume={str(resume).lower()}", "keep_networks=true")
    outcome = train(
        config.model_copy(update={"out": str(folder)}), say=experiment.say, on_progress=experiment.on_progress
    )
    if not outcome.finished:
        raise SalganError(
            f"{folder}: training was stopped after epoch {outcome.epochs}; run the same command to go on"
        )


def as_overrides(settings: Mapping[str, Any]) -> list[str]:
    """Settings as ``key=value``; flow-style YAML keeps a whole group in one."""
    import yaml

    return [
        f"{key}={yaml.safe_dump(value, default_flow_style=True, width=1000).strip()}".removesuffix("\n...")
        for key, value in settings.items()
    ]


def data_to_score(experiment: Experiment) -> Data:
    """The pictures that an experiment's networks are scored on, once one of them has been scored.

    So nothing is trained that cannot be scored. Nothing is read where epochs have been scored already.

    Raises:
        ConfigError: as :func:`validation_data`.
        DatasetError: ground truth that is held back or cannot be read, a center bias of the pictures to
            score, or a density that the protocol cannot make of them.
    """
    data = experiment.data or validation_data(experiment.config(), experiment.release)
    if any((experiment.out / "evaluations").glob("*/*/summary.json")):
        return data
    # A folder of its own: another process may be scoring epochs in the experiment's.
    scratch = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with scratch as folder, _truth(experiment, data, Path(folder)) as truth:
        looked_at = (number for number in range(len(truth.gaze)) if len(truth.gaze[number]))
        scorer = Scorer(Uniform(), data.dataset.stimuli, truth, experiment.protocol)
        scorer((next(looked_at, 0), None))
    return data


def open_truth(experiment: Experiment, data: Data) -> AbstractContextManager[GroundTruth]:
    """Read once for all epochs."""
    return _truth(experiment, data, experiment.out / "evaluations")


def _truth(experiment: Experiment, data: Data, folder: Path) -> AbstractContextManager[GroundTruth]:
    return ground_truth(
        data,
        folder,
        center_bias=True,
        processes=experiment.processes,
        on_progress=experiment.on_progress,
    )


def evaluate_epochs(
    experiment: Experiment, data: Data, truth: GroundTruth, name: str, last: int, first: int = 1
) -> tuple[Results, ...]:
    """Evaluate the networks of a run's epochs, from the first to the last.

    What another version of this package has scored is scored again, so that all scores are of one version.
    """
    said = False

    def scored(epoch: int, *, overwrite: bool = False) -> Results:
        return evaluate(
            experiment.out / "runs" / name / "networks" / f"{epoch:03d}.safetensors",
            data,
            experiment.out / "evaluations" / name / f"{epoch:03d}",
            protocol=experiment.protocol,
            processes=experiment.processes,
            trust=experiment.trust,
            overwrite=overwrite,
            truth=truth,
            on_progress=lambda stage, done, total: experiment.on_progress(
                f"{name}, epoch {epoch}: {stage}", done, total
            ),
        )

    found = []
    for epoch in range(first, last + 1):
        try:
            found.append(scored(epoch))
        except OtherVersionError:
            if not said:
                experiment.say(f"{name}: was scored by another version of salgan, and is scored again")
            said = True
            found.append(scored(epoch, overwrite=True))
    return tuple(found)
