"""``salgan data``: look at a dataset before trusting it, or make one to try things with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from salgan.cli._common import say

__all__ = ["data"]

_WIDTH = 240
"""Columns of the list where it does not go to a terminal."""

data = typer.Typer(
    help="Check a dataset, describe your own, list the known ones, or make a synthetic one.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@data.command()
def check(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The dataset's folder.")],
    layout: Annotated[
        str | None,
        typer.Option(help="The dataset's layout (salgan data list names all); detected if not given."),
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(help="Only this part: train, val or test, or one that salgan.toml names."),
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="Also write a contact sheet (PNG) of pictures with their density.")
    ] = None,
    sigma: Annotated[
        float | None,
        typer.Option(help="Width of the contact sheet's Gaussian in pixels; one degree if not given."),
    ] = None,
) -> None:
    """Read a whole dataset and report what is there, what is missing and what is wrong.

    The report gives counts and sizes, and names pictures without ground truth,
    files without a picture, fixations outside the picture, and pictures without
    any fixation. The exit code is 1 if something cannot be read or does not fit
    together.

    A plain folder holds images/ with maps/ (pictures or npy) and/or fixations/
    under the same names: csv with x,y[,viewer[,duration]] in pixels from 0, npy,
    or png with bright points.

    Example: salgan data check data/osie --sheet osie.png
    """
    from salgan.cli._common import messages, progress
    from salgan.datasets import open_dataset
    from salgan.datasets.check import check as check_dataset
    from salgan.datasets.sheet import contact_sheet

    dataset = open_dataset(folder, layout, part)
    with progress() as on_progress:
        report = check_dataset(dataset, on_progress)
    for line in report.lines():
        say(line)
    if sheet is not None:
        contact_sheet(dataset, sheet, sigma=sigma)
        messages().print(f"contact sheet: {sheet}", markup=False)
    if report.errors:
        raise typer.Exit(1)


@data.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The dataset's folder.")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="What the files do not tell: name, pixels_per_degree, release, viewers, licence, layout, "
            "folds, seed, parts.NAME.",
        ),
    ] = None,
) -> None:
    """Write salgan.toml beside the pictures: what every command should know of your own set.

    The file says what the set is called, how many pixels one degree of visual
    angle covered (so that --sigma need not be said), which release and licence it
    has, which column of its tables names the viewers, and its parts: lists of
    names, patterns, or random folds. --part, --fold and training recipes read it.
    What nobody says stays as a comment to fill in.

    [bold]salgan data init mine pixels_per_degree=31 licence="CC BY 4.0"[/bold]

    [bold]salgan data init mine 'parts.val=cats/*' parts.test=lists/test.txt
    parts.train=rest[/bold]
    """
    from salgan.cli._common import messages
    from salgan.datasets.initialise import initialise

    dataset, remarks = initialise(folder, settings or [])
    say(folder / "salgan.toml")
    console = messages()
    console.print(f"{dataset.name}, layout {dataset.layout}: {len(dataset)} pictures", markup=False)
    for remark in remarks:
        console.print(remark, markup=False)
    console.print(f"next: look at the file, then: salgan data check {folder}", markup=False)


@data.command("list")
def known() -> None:
    """List the published sets that are read: what each is, viewers, task, licence, where it is to be had.

    The layouts are recognised by their folders; docs/data.md has a tree for
    each. Nothing is downloaded: ask the authors, unpack, and give the folder.

    [bold]salgan data list[/bold]
    """
    from rich.console import Console
    from rich.table import Table

    from salgan.datasets.catalogue import KNOWN

    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("set", "layout", "pictures", "viewers", "task", "licence", "where"):
        table.add_column(heading, overflow="fold")
    for each in KNOWN:
        table.add_row(
            each.name, each.layout, each.pictures, each.viewers, each.task, each.licence, each.where
        )
    Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH).print(table)


@data.command()
def convert(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The dataset's folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for stimuli.hdf5 and fixations.hdf5.")],
    part: Annotated[
        str | None,
        typer.Option(help="Only this part: train, val or test, or one that salgan.toml names."),
    ] = None,
) -> None:
    """Write a dataset as pysaliency's HDF5 stimuli and fixations; the pictures stay where they are.

    A folder with these two files is a dataset for every command here, too.

    [bold]salgan data convert osie --part val -o osie-val[/bold]
    """
    from salgan.cli._common import messages, progress
    from salgan.datasets import open_dataset
    from salgan.datasets.pysaliency import write_pysaliency

    dataset = open_dataset(folder, None, part)
    with progress() as on_progress:
        write_pysaliency(dataset, out, on_progress)
    messages().print(f"{len(dataset)} pictures: {out}/stimuli.hdf5 and fixations.hdf5", markup=False)


@data.command()
def synthetic(
    out: Annotated[Path, typer.Argument(help="The folder to make; it must be new or empty.")],
    n: Annotated[int, typer.Option("-n", min=1, help="How many pictures.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Another seed makes another set.")] = 0,
) -> None:
    """Make a small dataset with a known density, for trying things out.

    It is a plain folder with pictures of coloured shapes and face-like blobs,
    fixations of 8 viewers drawn from a known density, and that density as maps.

    Example: salgan data synthetic made-up -n 50
    """
    from salgan.cli._common import messages
    from salgan.datasets import synthetic as make

    make(out, n, seed)
    messages().print(
        f"{n} pictures in {out}; look at them: salgan data check {out} --sheet sheet.png", markup=False
    )
