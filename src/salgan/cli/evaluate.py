"""``salgan evaluate``: score any model or folder of maps on any dataset by all metrics."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from salgan.cli._common import Device, Engine, Threads, Trust
from salgan.errors import ConfigError

if TYPE_CHECKING:
    from salgan.evaluation import Data, EvaluationProtocol, Results

__all__ = ["evaluate", "make_protocol", "processes_or_cores", "run_evaluation", "show"]


def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            help="A model's name, an .onnx or .safetensors file, or a training run's folder; a folder, .zip, "
            ".npz or .h5 of maps; or baseline:NAME (uniform, center-bias, one-viewer, half-viewers, gold, "
            "spectral-residual)."
        ),
    ],
    data: Annotated[
        Path, typer.Option(metavar="FOLDER", help="The dataset's folder (salgan data check reports on it).")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for results; evaluations/MODEL-on-DATASET if not given."),
    ] = None,
    layout: Annotated[str | None, typer.Option(help="The dataset's layout; detected if not given.")] = None,
    part: Annotated[
        str | None,
        typer.Option(
            help="train, val or test, or a part that salgan.toml names; the center bias is then fitted on "
            "the training part."
        ),
    ] = None,
    fold: Annotated[
        str | None,
        typer.Option(
            metavar="K/N",
            help="Fold K of N, drawn at random; the center bias is then fitted on the other folds.",
        ),
    ] = None,
    release: Annotated[
        str | None,
        typer.Option(
            help="Release of the ground truth, if the folder's name does not say: SALICON's 2015 or 2017."
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(help="Comma-separated names, such as nss,cc,sauc_0.01; eleven if not given."),
    ] = None,
    sigma: Annotated[
        str | None,
        typer.Option(help="Sigma of the density's Gaussian: pixels (24), or degrees of visual angle (1deg)."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Random seed for sAUC's draws, human baselines and intervals.")
    ] = 0,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Number of scoring processes; one per core if not given.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="How the maps are named, such as '{stem}_map.png'; detected if not given."),
    ] = None,
    maps: Annotated[
        str | None,
        typer.Option(help="What the maps hold: saliency, density or log-density; detected if not given."),
    ] = None,
    per_metric: Annotated[
        bool,
        typer.Option("--per-metric", help="Score each metric on the best map that the density gives for it."),
    ] = False,
    device: Device = "auto",
    threads: Threads = None,
    trust: Trust = False,
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Leave out pictures that have no map in a set of maps.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace another evaluation in the folder.")
    ] = False,
    engine: Engine = "local",
) -> None:
    """Score a model on a dataset: the field's metrics with 95% intervals, and all it takes to trust them.

    The results are per_picture.csv (also as Parquet if pyarrow is installed),
    summary.json and summary.md. To resume an evaluation that was killed, run the
    same command again. Maps that differ in size from their picture are resized
    bilinearly.

    [bold]salgan evaluate lite --data osie --part test[/bold]

    [bold]salgan evaluate my-maps.zip --data salicon --part val --metrics nss,cc,sauc[/bold]
    """
    from salgan.cli._cluster import check_engine
    from salgan.evaluation import open_data
    from salgan.evaluation.map_kinds import kind_named

    check_engine(engine)
    protocol = make_protocol(metrics, sigma, seed)
    if maps is not None or per_metric:
        kind = None if maps is None else kind_named(maps)
        protocol = replace(protocol, maps=kind, per_metric=per_metric)
    opened = open_data(data, layout, part, release, fold)
    results = run_evaluation(
        model,
        opened,
        out or default_folder(model, opened, trust=trust),
        protocol,
        processes,
        names=name,
        trust=trust,
        skip_missing=skip_missing,
        overwrite=overwrite,
        engine=engine,
    )
    show(results)


def make_protocol(metrics: str | None, sigma: str | None, seed: int = 0) -> EvaluationProtocol:
    """The rules of an evaluation, made from the options as typed."""
    from salgan.evaluation import EvaluationProtocol
    from salgan.metrics import DEFAULT_METRICS

    names = (
        DEFAULT_METRICS
        if metrics is None
        else tuple(name.strip() for name in metrics.split(",") if name.strip())
    )
    pixels, degrees = (None, None) if sigma is None else _width(sigma)
    return EvaluationProtocol(names, pixels, degrees, seed=seed)


def _width(text: str) -> tuple[float | None, float | None]:
    """A Gaussian's width as typed: pixels, or degrees of visual angle; the other one is None."""
    number, unit = re.fullmatch(r"\s*(.*?)\s*(px|deg|°)?\s*", text).groups()  # type: ignore[union-attr]
    try:
        width = float(number)
    except ValueError:
        raise ConfigError(
            f"--sigma {text!r} is not a width; write 24 for pixels or 1deg for degrees"
        ) from None
    if not 0 < width < math.inf:
        raise ConfigError(f"--sigma {text} must be above 0")
    return (width, None) if unit in (None, "px") else (None, width)


def processes_or_cores(processes: int | None) -> int:
    """How many processes score pictures: as many as asked for, or one per core this process may use."""
    from salgan._parallel import cores

    return cores() if processes is None else processes


def default_folder(model: str, data: Data, *, trust: bool = False) -> Path:
    """The folder for results if none is given; it is named after the model, the dataset and the part."""
    from salgan.evaluation import open_map_source

    name = open_map_source(model, trust=trust).name.replace("/", "-")
    prefix = "baseline-" if model.startswith("baseline:") else ""
    part = "" if data.share is None else "-" + re.sub(r"\W+", "-", data.share)
    return Path("evaluations") / f"{prefix}{name}-on-{data.dataset.name}{part}"


def run_evaluation(
    model: str,
    data: Data,
    out: Path,
    protocol: EvaluationProtocol,
    processes: int | None,
    *,
    names: str | None = None,
    trust: bool = False,
    skip_missing: bool = False,
    overwrite: bool = False,
    engine: str = "local",
) -> Results:
    """Evaluate with a progress bar; where it is stopped, say how to go on."""
    from salgan.cli._common import messages, progress, say
    from salgan.evaluation import evaluate as run

    try:
        with progress() as on_progress:
            return run(
                model,
                data,
                out,
                protocol=protocol,
                processes=processes,
                engine=engine,
                names=names,
                trust=trust,
                skip_missing=skip_missing,
                overwrite=overwrite,
                on_progress=on_progress,
                say=lambda line: messages().print(f"note: {line}", markup=False),
            )
    except KeyboardInterrupt:
        without = ", without --overwrite" if overwrite else ""
        say(f"salgan: stopped; what is scored is in {out}; go on with the same command{without}", err=True)
        raise


def show(results: Results) -> None:
    """Print the summary as a table, with the conditions below it."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from salgan._words import printable
    from salgan.cli._common import messages
    from salgan.evaluation.report import conditions, dataset_label, interval_text, label, summarise

    summary = summarise(results)
    title = Text(printable(f"{results.name} on {dataset_label(results.about)}"))
    table = Table(title=title, title_justify="left")
    for heading in ("metric", "mean [95% interval]", "n", "variant"):
        table.add_column(heading, justify="right" if heading == "n" else "left", no_wrap=heading != "variant")
    for name, found in summary["metrics"].items():
        table.add_row(
            label(name), interval_text(found).replace("[", r"\["), str(found["n"]), found["variant"]
        )
    console = Console(highlight=False)
    console.print(table)
    for name, words in conditions(results):
        console.print(printable(f"{name}: {words}"), markup=False, soft_wrap=True)
    messages().print(f"per picture and summary: {results.folder}", markup=False)
