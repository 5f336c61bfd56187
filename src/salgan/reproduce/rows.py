"""What is trained beside BCE and GAN: the preprint's other rows, and what Table 2 compares with BCE."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from salgan.errors import ConfigError
from salgan.reproduce.experiment import (
    Branch,
    Experiment,
    as_overrides,
    data_to_score,
    evaluate_epochs,
    open_truth,
    read_branches,
    read_epochs,
    start_of,
    train_run,
)

__all__ = [
    "preprint_rows",
    "preprint_settings",
    "read_preprint_rows",
    "read_table2_rows",
    "table2_rows",
    "table2_settings",
]

_PREPRINT = {
    "mse": "MSE, full size",
    "bce-1": "BCE, full size",
    "bce-2": "BCE, 1/2",
    "bce-4": "BCE, 1/4",
    "bce-8": "BCE, 1/8",
}
_TABLE2 = {"own": "own loss", "gan-paper": "the paper's GAN"}
_OWN_LOSS = {"salnet": "salnet", "salnet-shallow": "salnet_shallow", "mlnet": "mlnet", "salicon-net": "kld"}
"""The term of the content loss that each rival was published with; the other networks' is BCE."""
_AS_THE_PAPER = {
    "adversarial.alpha": 0.05,
    "adversarial.optimiser": {"name": "adagrad", "lr": 3e-4, "weight_decay": 1e-4},
    "adversarial.discriminator_optimiser": None,
    "adversarial.warmup.epochs": 0,
}


def preprint_settings(experiment: Experiment) -> dict[str, dict[str, Any]]:
    """What the preprint's other rows change in the recipe, row by row.

    Raises:
        ConfigError: the recipe cannot have one of them, such as a size that does not divide by 8.
    """
    terms = dict.fromkeys(type(experiment.config().content).model_fields, 0.0)
    rows: dict[str, dict[str, Any]] = {}
    for name in _PREPRINT:
        loss, _, factor = name.partition("-")
        changes = {"content": terms | {loss: 1.0}, "downsample": int(factor or 1), "adversarial.epochs": 0}
        experiment.config(*as_overrides(changes))
        rows[name] = changes
    return rows


def preprint_rows(experiment: Experiment) -> dict[str, Branch]:
    """Train and evaluate the preprint's other rows, from a fresh start, for the bootstrap's number of epochs.

    Returns:
        ``mse`` (on full-size maps), ``bce-1``, ``bce-2``, ``bce-4``, ``bce-8`` (by the downsampling before
        the loss), each with the evaluation of its last epoch.

    Raises:
        ConfigError: as :func:`preprint_settings`.
        DatasetError: as :func:`salgan.reproduce.experiment.data_to_score`.
        SalganError: training was stopped; the same call goes on.
    """
    config = experiment.config()
    rows = preprint_settings(experiment)
    data = data_to_score(experiment)
    last = config.bootstrap.epochs
    for name, settings in rows.items():
        train_run(experiment, name, settings)
    with open_truth(experiment, data) as truth:
        return {
            name: Branch(name, title, last, evaluate_epochs(experiment, data, truth, name, last, last))
            for name, title in _PREPRINT.items()
        }


def read_preprint_rows(run: Path) -> dict[str, Branch]:
    """The preprint's other rows, from the folder alone; empty if they were not trained.

    Raises:
        SalganError: an evaluation that cannot be read.
    """
    found = {name: read_epochs(run, name) for name in _PREPRINT}
    if not all(found.values()):
        return {}
    return {
        name: Branch(name, title, int(found[name][-1].folder.name), found[name][-1:])
        for name, title in _PREPRINT.items()
    }


def table2_settings(experiment: Experiment) -> dict[str, dict[str, Any]]:
    """What the continuations that Table 2 compares with ``bce`` change in the recipe, by their names.

    Raises:
        ConfigError: the recipe's content loss is not BCE, or it cannot have one of the changes.
    """
    config = experiment.config()
    terms = dict.fromkeys(type(config.content).model_fields, 0.0)
    if config.content.model_dump() != terms | {"bce": 1.0}:
        raise ConfigError(
            f"{experiment.recipe}: Table 2 compares with BCE, and the recipe's content loss is another; set "
            "content.bce=1, and the other terms that it names to 0"
        )
    rows: dict[str, dict[str, Any]] = {"gan-paper": _AS_THE_PAPER}
    if (own := _OWN_LOSS.get(getattr(config.network, "encoder", ""))) is not None:
        rows["own"] = {"content": terms | {own: 1.0}, "adversarial.control": True}
    for changes in rows.values():
        experiment.config(*as_overrides(changes))
    return rows


def table2_rows(experiment: Experiment) -> dict[str, Branch]:
    """Train and evaluate the other continuations of the bootstrap that Table 2 compares with ``bce``.

    Returns:
        ``own``, which goes on with the loss that the network was published with (there is none if that is
        BCE); and ``gan-paper``, which goes on adversarially with the paper's alpha and AdaGrad and without a
        warm-up. Both see the batches of ``bce``, take as many updates, and are evaluated after their last
        epoch.

    Raises:
        ConfigError: as :func:`table2_settings`; or as :func:`branches`, which comes first.
        DatasetError: as :func:`salgan.reproduce.experiment.data_to_score`.
        SalganError: training was stopped; the same call goes on.
    """
    config = experiment.config()
    rows = table2_settings(experiment)
    data = data_to_score(experiment)
    begin, further = config.bootstrap.epochs, config.adversarial.epochs
    for name, changes in rows.items():
        changed = experiment.config(*as_overrides(changes))
        start = start_of(experiment, changed) | {"seed": config.seed + 1}
        train_run(experiment, name, start | {"bootstrap.epochs": 0, "adversarial.epochs": further} | changes)
    with open_truth(experiment, data) as truth:
        return {
            name: Branch(
                name,
                _TABLE2[name],
                begin + further,
                evaluate_epochs(experiment, data, truth, name, further, further),
            )
            for name in rows
        }


def read_table2_rows(run: Path) -> dict[str, Branch]:
    """What :func:`table2_rows` has trained and evaluated, from the folder alone; empty if that is nothing.

    Raises:
        ConfigError: as :func:`read_branches`.
        SalganError: an evaluation that cannot be read.
    """
    last = read_branches(run)["gan"].epochs[-1]
    found = {name: read_epochs(run, name)[-1:] for name in _TABLE2}
    return {name: Branch(name, _TABLE2[name], last, each) for name, each in found.items() if each}
