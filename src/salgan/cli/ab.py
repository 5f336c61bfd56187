"""``salgan ab``: two or more variants of a design side by side."""

from __future__ import annotations

import glob
import string
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from salgan.cli._common import Device, Fast, Model, RegionFile, say
from salgan.errors import ConfigError

if TYPE_CHECKING:
    from salgan.ab import VariantComparison
    from salgan.regions import Measured, Shares

__all__ = ["ab"]


def _at_least_two(variants: list[str]) -> list[str]:
    """Refuse one picture while the command line is read; a list, a folder or a pattern may hold more."""
    several = variants[0].startswith("@") or Path(variants[0]).is_dir() or glob.has_magic(variants[0])
    if len(variants) == 1 and not several:
        raise typer.BadParameter("Missing variant B: salgan ab old.png new.png")
    return variants


def ab(
    variants: Annotated[
        list[str],
        typer.Argument(
            metavar="A B [C...]",
            help="The variants' pictures, or @list.txt with one of them a line.",
            callback=_at_least_two,
        ),
    ],
    box: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:X,Y,W,H",
            help="A box that all variants have, in the form that `salgan regions` takes. Give fractions if "
            "the sizes differ. Repeat for more.",
        ),
    ] = None,
    polygon: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:X,Y,X,Y,X,Y", help="A polygon, named by its corners. Repeat for more."),
    ] = None,
    file: RegionFile = None,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report as JSON; - means stdout.")
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a row for each variant and region; - means stdout."),
    ] = None,
    png: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the variants, the differences and the shares.")
    ] = None,
    fast: Fast = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no table.")] = False,
    model: Model = "lite",
    device: Device = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that already exist.")] = False,
) -> None:
    """Compare where people look in two or more variants of a design.

    [bold]salgan ab old.png new.png --box cta:0.6,0.8,0.3,0.1 --png old-new.png[/bold]

    This prints what each box gets in each variant, and how far attention moved from A: the part of it that is
    in another place, the correlation of the two densities (CC) and, with the extra eval, the earth mover's
    distance (EMD).

    [bold]salgan ab old.png new.png bold.png --file regions.json[/bold]

    If a button is larger in one variant, give that variant its own box in the file; docs/ab.md shows how.

    Each variant is predicted 16 times, slightly shifted, scaled and mirrored. What is within the range of
    these predictions is "no difference". --fast skips this and takes a sixteenth of the time.

    Pictures of different sizes are compared place by place in fractions of their sides.
    """
    from salgan import image
    from salgan.ab import compare_measured
    from salgan.ab.difference import check_units
    from salgan.cli._common import load_predictor, progress
    from salgan.cli._results import check_targets, collect_regions, found_pictures, say_unused
    from salgan.jobs.lists import expand_lists
    from salgan.regions import measure

    # The same file may be given twice, which tells how little of a difference counts as one.
    paths = [path for source in expand_lists(variants) for path in found_pictures([source]).paths]
    if not 2 <= len(paths) <= len(string.ascii_uppercase):
        raise ConfigError(f"ab compares 2 to 26 pictures, not {len(paths)}: salgan ab old.png new.png")
    regions = collect_regions(box, polygon, file)
    if png is not None and png.suffix.lower() != ".png":
        raise ConfigError(f"{png}: the picture's name must end in .png")
    check_targets([json, csv, png], overwrite=overwrite)
    say_unused(regions, paths)
    pictures = [image.read(path) for path in paths]
    for path, picture in zip(paths[1:], pictures[1:], strict=True):
        in_a, in_b = regions.for_picture(paths[0]), regions.for_picture(path)
        check_units(pictures[0].shape[:2], picture.shape[:2], in_a, in_b)
    predictor = load_predictor(model)
    measured: list[Measured] = []
    with progress() as on_progress:
        for path, picture in zip(paths, pictures, strict=True):
            on_progress("variants", len(measured), len(paths))
            measured.append(measure(predictor, picture, regions.for_picture(path), fast=fast))
        on_progress("variants", len(paths), len(paths))
    results = [compare_measured(measured[0], each) for each in measured[1:]]
    shares = [each.shares for each in measured]
    if png is not None:
        from salgan._drawing import save_png
        from salgan.ab import draw_variants

        maps = [each.saliency for each in measured]
        save_png(draw_variants(results, pictures, maps, [path.name for path in paths]), png)
    if json is not None:
        _write_json(results, shares, paths, predictor.name, json)
    if csv is not None:
        _write_csv(shares, paths, csv)
    if not quiet and "-" not in (str(json), str(csv)):
        _print(results, shares)
    for letter, result in zip(string.ascii_uppercase[1:], results, strict=False):
        if not result.same_size:
            say(
                f"salgan: note: A is {result.a.width}×{result.a.height}, {letter} {result.b.width}×"
                f"{result.b.height}; places are compared as fractions of the sides",
                err=True,
            )


def _write_json(
    results: list[VariantComparison], shares: list[Shares], paths: list[Path], model: str, target: Path
) -> None:
    """The report of two variants, or of more: every variant's shares, and how each differs from A."""
    from salgan.ab import SCHEMA_OF_MANY, most_in
    from salgan.cli._results import write_json

    reports = [each.document() for each in shares]
    for report, path in zip(reports, paths, strict=True):
        report["picture"] = {"path": str(path), **report["picture"]}
    if len(results) == 1:
        write_json({**results[0].document(), "a": reports[0], "b": reports[1], "model": model}, target)
        return
    comparisons = []
    for letter, result in zip(string.ascii_uppercase[1:], results, strict=False):
        document = result.document()
        del document["schema"], document["a"], document["b"]
        comparisons.append({"a": "A", "b": letter, **document})
    most: dict[str, Any] = {}
    for name in _names(shares):
        place = most_in(shares, name)
        most[name] = None if place is None else string.ascii_uppercase[place]
    write_json(
        {
            "schema": SCHEMA_OF_MANY,
            "variants": [
                {"name": letter, **report}
                for letter, report in zip(string.ascii_uppercase, reports, strict=False)
            ],
            "comparisons": comparisons,
            "most_in": most,
            "model": model,
        },
        target,
    )


def _write_csv(shares: list[Shares], paths: list[Path], target: Path) -> None:
    from salgan.cli._results import REGION_COLUMNS, region_cells, write_csv

    rows = [
        [letter, *cells]
        for letter, path, each in zip(string.ascii_uppercase, paths, shares, strict=False)
        for cells in region_cells(path, each)
    ]
    write_csv(["variant", *REGION_COLUMNS], rows, target)


def _names(shares: list[Shares]) -> list[str]:
    return list(dict.fromkeys(each.name for report in shares for each in report.regions))


def _print(results: list[VariantComparison], shares: list[Shares]) -> None:
    from salgan.ab import most_in
    from salgan.cli._results import print_table
    from salgan.regions import VIEWS

    letters = string.ascii_uppercase[: len(shares)]
    is_pair = len(results) == 1
    rows = []
    for name in _names(shares):
        cells = [name]
        for report in shares:
            cells.append(_share(report, name))
        for result in results:
            found = [each for each in result.regions if each.name == name]
            cells.append(_change(found[0].change, found[0].differs) if found else "-")
            if is_pair:
                ratio = found[0].ratio if found else None
                cells.append("-" if ratio is None else f"{ratio:.2f}")
        if not is_pair and shares[0].noise is not None:
            place = most_in(shares, name)
            cells.append("no difference" if place is None else letters[place])
        rows.append(cells)
    if rows:
        changes = ["change", "B / A"] if is_pair else [f"{letter} - A" for letter in letters[1:]]
        header = ["region", "attention in A", *(f"in {letter}" for letter in letters[1:]), *changes]
        if not is_pair and shares[0].noise is not None:
            header.append("most in")
        print_table(header, rows)
        say()
    for letter, result in zip(letters[1:], results, strict=True):
        if not is_pair:
            say(f"From A to {letter}:")
        moved = f"moved  {result.moved:.1%} of the attention is in another place"
        if result.noise is not None:
            told = "more" if result.differs else "no difference, not more"
            moved += f": {told} than the {result.noise:.1%} that moves among {VIEWS} views of one variant"
        say(moved)
        say(f"CC     {result.cc:.3f}")
        if result.emd is None:
            say("EMD    needs POT; run: pip install 'salgan[eval]'")
        else:
            say(f"EMD    {result.emd:.1%} of the longer side: the mean distance that attention moved")


def _share(report: Shares, name: str) -> str:
    from salgan.cli._results import percent_range

    for each in report.regions:
        if each.name == name:
            return f"{each.share:.1%}" + (f" ({percent_range(each.interval)})" if each.interval else "")
    return "-"


def _change(change: float, differs: bool | None) -> str:
    return "no difference" if differs is False else f"{change * 100:+.1f} points"
