"""``salgan compare``: do two models differ, and where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from salgan.evaluation import Comparison, Data, EvaluationProtocol, Results

__all__ = ["compare", "evaluation"]


def compare(
    first: Annotated[
        str, typer.Argument(metavar="A", help="An evaluation's folder, or with --data a model.")
    ],
    second: Annotated[str, typer.Argument(metavar="B", help="The other; differences are B minus A.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the comparison.")] = Path("comparison"),
    data: Annotated[
        Path | None, typer.Option(help="Dataset to evaluate A and B on, where they are models.")
    ] = None,
    layout: Annotated[str | None, typer.Option(help="The dataset's layout; recognised if not given.")] = None,
    part: Annotated[str | None, typer.Option(help="train, val or test.")] = None,
    release: Annotated[
        str | None, typer.Option(help="Release of the ground truth, such as SALICON's 2015 or 2017.")
    ] = None,
    metrics: Annotated[str | None, typer.Option(help="Comma-separated names; all nine if not given.")] = None,
    sigma: Annotated[float | None, typer.Option(help="Sigma of the density in pixels.")] = None,
    degrees: Annotated[float | None, typer.Option(help="The same in degrees of visual angle.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of draws and intervals.")] = 0,
    processes: Annotated[int | None, typer.Option(min=1, help="Processes that score.")] = None,
    gallery: Annotated[
        str | None,
        typer.Option(help="Metric by which the gallery chooses pictures; nss, or the first there is."),
    ] = None,
    pictures: Annotated[int, typer.Option(min=0, max=40, help="Pictures in the gallery; 0 for none.")] = 8,
) -> None:
    """Compare two models picture by picture: paired differences with 95% intervals and permutation p-values.

    Writes comparison.md, comparison.json and a gallery (PDF and PNG) of the
    pictures on which they differ most.

    [bold]salgan compare evaluations/lite-on-osie-test evaluations/peer-on-osie-test[/bold]

    [bold]salgan compare lite peer-maps.zip --data osie --part test[/bold]
    """
    from salgan.cli.evaluate import make_protocol
    from salgan.evaluation import compare as run
    from salgan.evaluation import open_data
    from salgan.evaluation.compare import write

    protocol = make_protocol(metrics, sigma, degrees, seed=seed)
    opened = None if data is None else open_data(data, layout, part, release)
    evaluations = [
        evaluation(model, out / side, opened, protocol, processes)
        for model, side in ((first, "a"), (second, "b"))
    ]
    comparison = run(*evaluations)
    write(comparison, out)
    _show(comparison)
    if pictures:
        _draw(comparison, out, gallery, pictures)


def evaluation(
    model: str,
    out: Path,
    data: Data | None,
    protocol: EvaluationProtocol,
    processes: int | None,
) -> Results:
    """Read an evaluation, or make it."""
    from salgan.cli.evaluate import run_evaluation
    from salgan.errors import ConfigError
    from salgan.evaluation import Results

    if (Path(model) / "evaluation.json").is_file():
        return Results.read(Path(model))
    if data is None:
        raise ConfigError(
            f"{model}: is no evaluation's folder; name the dataset to evaluate it on with --data"
        )
    return run_evaluation(model, data, out, protocol, processes, title=model)


def _show(comparison: Comparison) -> None:
    from rich.console import Console
    from rich.table import Table

    from salgan.cli._common import messages
    from salgan.evaluation.compare import caution, rows

    first, second = comparison.first.name, comparison.second.name
    table = Table(title=f"{second} against {first}", title_justify="left")
    for heading in ("metric", first, second, "difference [95% interval]", "p", "better on", "n"):
        table.add_column(heading.replace("[", r"\["), justify="left" if heading == "metric" else "right")
    for cells in rows(comparison.differences):
        table.add_row(*(cell.replace("[", r"\[") for cell in cells))
    Console(highlight=False).print(table)
    if words := caution(comparison):
        messages().print(f"note: {words}", markup=False)


def _draw(comparison: Comparison, out: Path, metric: str | None, pictures: int) -> None:
    from salgan.cli._common import messages
    from salgan.errors import SalganError
    from salgan.evaluation.gallery import gallery

    names = [each.metric for each in comparison.differences]
    chosen = metric or ("nss" if "nss" in names else names[0])
    try:
        files = gallery(comparison, out / "gallery", chosen, pictures)
    except SalganError as error:
        if metric is not None:
            raise
        messages().print(f"no gallery: {error}", markup=False)
        return
    messages().print(f"gallery: {files[0]}", markup=False)
