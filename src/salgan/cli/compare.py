"""``salgan compare``: whether two models differ, and where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from salgan.cli._common import Trust

if TYPE_CHECKING:
    from salgan.evaluation import Comparison

__all__ = ["compare"]

_PICTURES = 8
"""The number of pictures in the gallery; on half of them the first model is better."""


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="A folder that salgan evaluate wrote.")],
    second: Annotated[
        Path, typer.Argument(metavar="B", help="The other evaluation; differences are B minus A.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the comparison.")] = Path("comparison"),
    gallery: Annotated[
        str | None,
        typer.Option(
            metavar="METRIC|none",
            help="The metric that chooses the gallery's pictures, or none for no gallery. The default is NSS "
            "where there is one.",
        ),
    ] = None,
    trust: Trust = False,
) -> None:
    """Compare two evaluations picture by picture: paired differences, 95% intervals, permutation p-values.

    This writes comparison.md, comparison.json and a gallery (PDF and PNG) of the
    eight pictures on which the two differ most. It evaluates nothing itself.

    [bold]salgan evaluate lite --data osie --part test --out results/lite[/bold]

    [bold]salgan evaluate peer-maps.zip --data osie --part test --out results/peer[/bold]

    [bold]salgan compare results/lite results/peer[/bold]
    """
    from salgan.evaluation import Results
    from salgan.evaluation import compare as run
    from salgan.evaluation.compare import write

    comparison = run(Results.read(first), Results.read(second))
    write(comparison, out)
    _show(comparison)
    if gallery != "none":
        _draw(comparison, out, gallery, trust)


def _show(comparison: Comparison) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from salgan._words import printable
    from salgan.cli._common import messages
    from salgan.evaluation.compare import headings, notes, rows

    first, second = comparison.first.name, comparison.second.name
    table = Table(title=Text(printable(f"{second} against {first}")), title_justify="left")
    for heading in headings(comparison):
        table.add_column(Text(printable(heading)), justify="left" if heading == "metric" else "right")
    for cells in rows(comparison.differences):
        table.add_row(*map(Text, cells))
    Console(highlight=False).print(table)
    for words in notes(comparison):
        messages().print(f"note: {words}", markup=False)


def _draw(comparison: Comparison, out: Path, metric: str | None, trust: bool) -> None:
    from salgan.cli._common import messages
    from salgan.errors import SalganError
    from salgan.evaluation.gallery import gallery
    from salgan.metrics import find_metric

    names = [each.metric for each in comparison.differences]
    chosen = find_metric(metric).name if metric else "nss" if "nss" in names else names[0]
    try:
        files = gallery(comparison, out / "gallery", chosen, _PICTURES, trust=trust)
    except SalganError as error:
        if metric is not None:
            raise
        messages().print(f"no gallery: {error}", markup=False)
        return
    messages().print(f"gallery: {files[0]}", markup=False)
