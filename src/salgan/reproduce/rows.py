"""What Table 2 compares with BCE beside GAN: a network's published loss, and the paper's own GAN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from salgan.errors import ConfigError
from salgan.reproduce.experiment import (
    Branch,
    Experiment,
    as_overrides,
    evaluate_epochs,
    open_truth,
    read_branches,
    read_epochs,
    start_of,
    train_run,
    validation_data,
)

__all__ = ["read_table2_rows", "table2_rows"]

_TABLE2 = {"own": "own loss", "gan-paper": "the paper's GAN"}
_OWN_LOSS = {"salnet": "salnet", "salnet-shallow": "salnet_shallow", "mlnet": "mlnet", "salicon-net": "kld"}
"""The term of the content loss that each rival was published with; the other networks' is BCE."""
_AS_THE_PAPER = {
    "adversarial.alpha": 0.05,
    "adversarial.optimiser": {"name": "adagrad", "lr": 3e-4, "weight_decay": 1e-4},
    "adversarial.discriminator_optimiser": None,
    "adversarial.warmup.epochs": 0,
}


def table2_rows(experiment: Experiment) -> dict[str, Branch]:
    """Train and evaluate the other continuations of the bootstrap that Table 2 compares with ``bce``.

    Returns:
        ``own``, which goes on with the loss that the network was published with (there is none if that is
        BCE); and ``gan-paper``, which goes on adversarially with the paper's alpha and AdaGrad and without a
        warm-up. Both see the batches of ``bce``, take as many updates, and are evaluated after their last
        epoch.

    Raises:
        ConfigError: the recipe's content loss is not BCE; or as :func:`branches`, which comes first.
        SalganError: training was stopped; the same call goes on.
    """
    config = experiment.config()
    terms = dict.fromkeys(type(config.content).model_fields, 0.0)
    if config.content.model_dump() != terms | {"bce": 1.0}:
        raise ConfigError(
            f"{experiment.recipe}: Table 2 compares with BCE, and the recipe's content loss is another; set "
            "content.bce=1, and the other terms that it names to 0"
        )
    data = experiment.data or validation_data(config, experiment.release)
    begin, further = config.bootstrap.epochs, config.adversarial.epochs
    rows: dict[str, dict[str, Any]] = {"gan-paper": _AS_THE_PAPER}
    if (own := _OWN_LOSS.get(getattr(config.network, "encoder", ""))) is not None:
        rows["own"] = {"content": terms | {own: 1.0}, "adversarial.control": True}
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
