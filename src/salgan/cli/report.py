"""``salgan report``: one page about many designs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from salgan.cli._common import Device, Fast, Model, RegionFile, say
from salgan.errors import ConfigError, SalganError

if TYPE_CHECKING:
    from salgan.report import Entry

__all__ = ["report"]


def report(
    designs: Annotated[
        list[str],
        typer.Argument(
            metavar="DESIGN...", help="Pictures, folders, quoted globs, or @list.txt with one of them a line."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="The page to write, an .html file.")
    ] = None,
    pdf: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also, or only, print the page to a PDF file.")
    ] = None,
    file: RegionFile = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write a row for each picture and region.")
    ] = None,
    fold: Annotated[
        float | None,
        typer.Option(
            min=1, metavar="PIXELS", help="Rows above the fold; 9/16 of each picture's width if left out."
        ),
    ] = None,
    fast: Fast = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
    model: Model = "lite",
    device: Device = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that already exist.")] = False,
) -> None:
    r"""Write one page about many designs: heatmaps, fog, regions, rankings and crops.

    [bold]salgan report designs/ --file regions.json -o report.html --csv report.csv[/bold]

    The page needs no other file and can be sent as it is; --pdf report.pdf prints it (pip install
    'salgan\[pdf]'), and so does any browser. The regions' file names regions once for all pictures and says
    what differs in some; docs/report.md shows how. Without it, the page has heatmaps, scores and crops.

    Each picture is predicted 16 times for the intervals. --fast predicts it once.
    """
    from salgan._files import replacing
    from salgan.cli._common import load_predictor, progress, say_error
    from salgan.cli._results import about, check_targets, collect_regions, found_pictures, say_unused
    from salgan.errors import OF_ONE_PICTURE, require
    from salgan.report import look_at, page
    from salgan.report import pdf as printed

    if (out is None and pdf is None) or (out is not None and out.suffix.lower() not in (".html", ".htm")):
        raise ConfigError("say where the page goes, a name that ends in .html: -o report.html")
    if pdf is not None and pdf.suffix.lower() != ".pdf":
        raise ConfigError(f"--pdf {pdf}: a PDF file's name ends in .pdf")
    require("jinja2", "report")
    if pdf is not None:
        printed("<p>A first sheet, to find out now rather than at the end whether this can be done.</p>")
    regions = collect_regions(None, None, file)
    check_targets([out, pdf, csv], overwrite=overwrite)
    paths = found_pictures(designs).paths
    say_unused(regions, paths)
    predictor = load_predictor(model)
    entries: list[Entry] = []
    errors: list[SalganError] = []
    with progress() as on_progress:
        for number, path in enumerate(paths):
            on_progress("pictures", number, len(paths))
            try:
                wanted = regions.for_picture(path)
                entries.append(look_at(predictor, path, wanted, fast=fast, fold=fold))
            except OF_ONE_PICTURE as error:
                errors.append(about(path, error))
        on_progress("pictures", len(paths), len(paths))
    if not entries:
        raise errors[0]
    text = page(entries, predictor.name, unreadable=errors)
    if out is not None:
        with replacing(out) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
    if pdf is not None:
        with replacing(pdf) as part:
            part.write_bytes(printed(text))
    if csv is not None:
        _write_csv(entries, csv)
    if not quiet:
        for each_file in (out, pdf):
            if each_file is not None:
                say(each_file)
        if fold is None and any(entry.above_fold is not None for entry in entries):
            say("the fold is taken to be at 9/16 of the width; --fold PIXELS says another", err=True)
    for each in errors:
        say_error(each)
    if errors:
        raise typer.Exit(1)


def _write_csv(entries: list[Entry], target: Path) -> None:
    """A row for each picture and region; a picture without regions has one row, with its scores alone."""
    from salgan.cli._results import REGION_COLUMNS, region_cells, write_csv

    rows: list[list[Any]] = []
    for entry in entries:
        cells = region_cells(entry.path, entry.shares) or [
            [str(entry.path), *[None] * (len(REGION_COLUMNS) - 1)]
        ]
        rows += [[*row, entry.focus, entry.above_fold] for row in cells]
    write_csv([*REGION_COLUMNS, "focus", "above_fold"], rows, target)
