"""``salgan submit``: the archive that a benchmark with hidden ground truth asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from salgan.cli._common import Device, Model, Trust

__all__ = ["submit"]


def submit(
    benchmark: Annotated[str, typer.Argument(help="The benchmark: salicon, mit300 or cat2000.")],
    pictures: Annotated[
        Path, typer.Argument(metavar="PICTURES", help="The folder of the benchmark's test pictures.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The .zip to write, or .hdf5 for log densities.")],
    model: Model = "lite",
    trust: Trust = False,
    device: Device = "auto",
    name: Annotated[
        str | None,
        typer.Option(help="How the maps are named, such as '{stem}_map.png'; detected if not given."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the archive if it exists.")] = False,
) -> None:
    """Predict a benchmark's test pictures and pack the maps as its server wants them.

    The pictures' names, number, sizes and kind are checked before the first
    prediction, and those of the archive's maps before it gets its name. For a
    slow model, predict into a folder first (salgan predict can be interrupted)
    and pass that folder as --model.

    The MIT/Tübingen benchmark takes log densities for mit300 and cat2000: name a
    file that ends in .hdf5.

    [bold]salgan submit mit300 BenchmarkIMAGES -o lite-mit300.zip[/bold]
    """
    from salgan.cli._common import messages, progress
    from salgan.evaluation.submissions import submit as run

    with progress() as on_progress:
        count = run(
            benchmark,
            model,
            pictures,
            out,
            names=name,
            trust=trust,
            overwrite=overwrite,
            on_progress=on_progress,
            say=lambda line: messages().print(f"note: {line}", markup=False),
        )
    messages().print(f"{count:,} maps: {out}", markup=False)
