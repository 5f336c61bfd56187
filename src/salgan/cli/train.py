"""``salgan train``: a recipe in, a run folder out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from salgan.cli._common import Trust, say
from salgan.errors import ConfigError

if TYPE_CHECKING:
    from salgan.training import Config

__all__ = ["check_code", "train"]


def train(
    recipe: Annotated[
        Path,
        typer.Argument(
            help="A YAML file of settings, or the name of a recipe that comes with salgan: "
            "paper, released-code, lite, table1-light, salnet, salnet-cpu, mlnet, mlnet-cpu, salicon-net, "
            "salicon-net-cpu."
        ),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="Settings that replace the recipe's; dots lead into groups: bootstrap.optimiser.lr=1e-4.",
        ),
    ] = None,
    trust: Trust = False,
) -> None:
    """Train a network according to a recipe.

    [bold]salgan train paper data=~/datasets out=runs/paper[/bold]

    The first phase (bootstrap) trains on the content loss alone; the second is adversarial. The run folder
    [bold]out[/bold] holds the merged config.yaml, environment.json, metrics.jsonl, TensorBoard curves and
    pictures, checkpoints, and network.safetensors: the network with the best validation score, ready for
    [bold]salgan export[/bold].

    To resume a run that was stopped by a kill, Ctrl-C or time_limit=MINUTES, run the same command with
    [bold]resume=true[/bold]; it continues exactly from the last checkpoint. After Ctrl-C and SIGTERM, the run
    finishes its step, writes a checkpoint and ends with exit code 130 or 143.
    """
    from salgan.training import load_config

    config = load_config(recipe, overrides or [])
    check_code(config, overrides or [], trust=trust)
    from salgan.cli._common import messages, progress
    from salgan.training import train as run
    from salgan.training.processes import EndedWithOthersError

    try:
        with progress() as on_progress:
            outcome = run(
                config, say=lambda line: messages().print(line, markup=False), on_progress=on_progress
            )
    except EndedWithOthersError:
        raise typer.Exit(1) from None
    if not outcome.reports:
        return
    if outcome.finished:
        say(outcome.folder / "network.safetensors")
    else:
        say(
            f"stopped after {outcome.epochs} whole epochs; "
            f"go on with: salgan train {outcome.folder}/config.yaml resume=true"
            + (" --trust" if trust else ""),
            err=True,
        )
    if outcome.signal is not None:
        raise typer.Exit(128 + outcome.signal)


def check_code(config: Config, overrides: Sequence[str], *, trust: bool) -> bool:
    """Refuse to import the code that a recipe names, unless the user has named or trusted it.

    Returns:
        Whether files of the network may name code to import: the user has named or trusted it.

    Raises:
        ConfigError: the network is made by a function outside salgan, which only the recipe's file names.
    """
    place = config.network
    if trust or not isinstance(place, str):
        return trust
    if any(each.startswith("network=") for each in overrides):
        return True
    from salgan.networks.factory import is_ours

    if not is_ours(place):
        raise ConfigError(
            f"the recipe's network is made by the code of {place}; if you trust that code, add --trust"
        )
    return False
