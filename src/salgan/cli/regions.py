"""``salgan regions``: how much of the attention each part of a picture gets."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from salgan._words import did_you_mean
from salgan.cli._common import Device, Fast, Model, RegionFile, say
from salgan.errors import OF_ONE_PICTURE, ConfigError, SalganError

if TYPE_CHECKING:
    from salgan.regions import RegionSet, Shares

__all__ = ["CHECK_FAILED", "regions"]

CHECK_FAILED = 3
"""The exit code if everything worked but a region got less than ``--fail-under`` asks for."""


def regions(
    pictures: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE...",
            help="Pictures, folders, quoted globs, @list.txt with one of them a line, or - for one picture "
            "from stdin.",
        ),
    ],
    box: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:X,Y,W,H",
            help="A box, given by its upper left corner and its size, in fractions of the picture (0.6 or "
            "60%) or in pixels (480px, or any number above 1). Repeat for more.",
        ),
    ] = None,
    polygon: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:X,Y,X,Y,X,Y", help="A polygon, named by its corners. Repeat for more."),
    ] = None,
    file: RegionFile = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=SHARE",
            help=f"Exit with code {CHECK_FAILED} if even the upper end of the region's interval is less than "
            "this: cta=8% or cta=0.08. Repeat for more.",
        ),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report as JSON; - means stdout.")
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a row for each picture and region; - means stdout."),
    ] = None,
    png: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the regions and the heatmap over the picture, if it is one."),
    ] = None,
    suggest: Annotated[
        bool,
        typer.Option(
            "--suggest",
            help="Measure nothing; find faces, lines of text and button-like blocks to choose from. --json "
            "and --csv write them as a file for --file, and --png draws them dashed.",
        ),
    ] = False,
    fast: Fast = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no table.")] = False,
    model: Model = "lite",
    device: Device = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that already exist.")] = False,
) -> None:
    """Measure how much of the attention each part of a picture gets.

    [bold]salgan regions page.png --box cta:0.6,0.8,0.3,0.1 --box logo:20,20,160,60[/bold]

    For each box, this prints its share of the attention, its share of the area, and their ratio, the lift.
    A box with a lift above 1 draws more than its size explains. --png draws it, and --json keeps every digit.

    The picture is predicted 16 times, slightly shifted, scaled and mirrored; the column "in 16 views" says
    between which shares the box then lies. --fast skips this and takes a sixteenth of the time.

    [bold]salgan regions pages/ --file regions.json --csv shares.csv --quiet[/bold]

    Many pictures are measured with the same regions, or with those that the file gives each of them.

    [bold]salgan regions page.png --file regions.json --fail-under cta=8%[/bold]

    In a build, this ends with exit code 3 if a change of the design costs the button its attention.

    [bold]salgan regions page.png --suggest --json regions.json --png suggested.png[/bold]

    This proposes boxes. Rename those that matter, delete the others, and give the file to --file.

    Each region is measured as if it were alone; what lies outside the picture does not count.
    """
    from salgan.cli._common import load_predictor, say_error
    from salgan.cli._results import (
        REGION_COLUMNS,
        about,
        check_targets,
        collect_regions,
        pictures_or_stdin,
        read_each,
        region_cells,
        say_unused,
        write_csv,
        write_json,
    )
    from salgan.regions import measure

    if suggest:
        from salgan.cli._suggest import suggest_regions

        if box or polygon or file or fail_under or fast:
            raise ConfigError(
                "--suggest measures nothing; leave out --box, --polygon, --file, --fail-under and --fast"
            )
        suggest_regions(pictures, json=json, csv=csv, png=png, quiet=quiet, overwrite=overwrite)
        return
    wanted = collect_regions(box, polygon, file)
    if not wanted.names:
        raise ConfigError("name at least one region: --box cta:0.6,0.8,0.3,0.1, or --file regions.json")
    minima = _minima(fail_under or [], wanted.names)
    if png is not None and png.suffix.lower() != ".png":
        raise ConfigError(f"{png}: the picture's name must end in .png")
    check_targets([json, csv, png], overwrite=overwrite)
    paths = pictures_or_stdin(pictures)
    is_one = len(paths) == 1
    if png is not None and not is_one:
        raise ConfigError(f"--png draws one picture, not {len(paths)}; name one")
    say_unused(wanted, paths)
    _check_minima(minima, wanted, paths)
    predictor = load_predictor(model)
    reports: list[tuple[Path, Shares]] = []
    errors: list[SalganError] = []
    with closing(read_each(paths, errors)) as readable:
        for path, pixels in readable:
            try:
                found = measure(predictor, pixels, wanted.for_picture(path), fast=fast)
            except OF_ONE_PICTURE as error:
                if is_one:
                    raise
                errors.append(about(path, error))
                continue
            reports.append((path, found.shares))
            if png is not None:
                from salgan._drawing import save_png
                from salgan.regions import draw

                save_png(draw(pixels, found.saliency, found.shares), png)
    checks = [check for path, report in reports for check in _checks(path, report, minima, is_one=is_one)]
    if json is not None:
        write_json(_document(reports, checks, predictor.name, is_one=is_one), json)
    if csv is not None:
        write_csv(
            REGION_COLUMNS, [row for path, report in reports for row in region_cells(path, report)], csv
        )
    if not quiet and "-" not in (str(json), str(csv)):
        _print_table(reports, is_one=is_one)
    for path, report in reports:
        if report.note:
            say(f"{path}: {report.note}", err=True)
        for each in report.regions:
            if not each.area:
                where = "the picture" if is_one else str(path)
                say(f"salgan: warning: region {each.name} lies outside {where}", err=True)
    _say_checks(checks)
    for each_error in errors:
        say_error(each_error)
    if errors:
        raise typer.Exit(1)
    if not all(check["passed"] for check in checks):
        raise typer.Exit(CHECK_FAILED)


def _document(
    reports: list[tuple[Path, Shares]], checks: list[dict[str, Any]], model: str, *, is_one: bool
) -> dict[str, Any]:
    from salgan.regions import SCHEMA_OF_MANY

    documents = []
    for path, report in reports:
        document = report.document()
        document["picture"] = {"path": str(path), **document["picture"]}
        documents.append(document)
    rest = {"model": model, "checks": checks}
    return {**documents[0], **rest} if is_one else {"schema": SCHEMA_OF_MANY, "pictures": documents, **rest}


def _checks(
    path: Path, report: Shares, minima: list[tuple[str, float]], *, is_one: bool
) -> list[dict[str, Any]]:
    """What ``--fail-under`` asks for and what came out, for the regions that the picture has."""
    of_name = {each.name: each for each in report.regions}
    checks = []
    for name, least in minima:
        if name in of_name:
            share, interval = of_name[name].share, of_name[name].interval
            check: dict[str, Any] = {"region": name, "at_least": least, "share": share}
            if not is_one:
                check = {"picture": str(path), **check}
            if interval is not None:
                check["interval"] = list(interval)
            checks.append({**check, "passed": (share if interval is None else interval[1]) >= least})
    return checks


def _say_checks(checks: list[dict[str, Any]]) -> None:
    from salgan.cli._results import percent_range

    for check in checks:
        where = f"{check['picture']}: " if "picture" in check else ""
        interval = check.get("interval")
        among = "" if interval is None else f" ({percent_range(tuple(interval))})"
        if not check["passed"]:
            say(
                f"salgan: check failed: {where}{check['region']} gets {check['share']:.2%} of the attention, "
                f"less than {check['at_least']:.2%}",
                err=True,
            )
        elif check["share"] < check["at_least"]:
            say(
                f"salgan: note: {where}{check['region']} gets {check['share']:.2%} of the attention{among}, "
                f"which cannot be told from {check['at_least']:.2%}",
                err=True,
            )


def _minima(texts: list[str], names: list[str]) -> list[tuple[str, float]]:
    """The names and minimum shares that ``--fail-under`` gave."""
    minima = []
    for text in texts:
        name, _, share = (part.strip() for part in text.rpartition("="))
        digits = share.removesuffix("%").strip()
        try:
            least = float(digits) / (100 if share.endswith("%") else 1)
        except ValueError:
            least = -1.0
        if not (name and 0 <= least <= 1):
            raise ConfigError(
                f"--fail-under {text!r} is not of the form NAME=SHARE, such as cta=8% or cta=0.08"
            )
        if name not in names:
            raise ConfigError(f"--fail-under: no region {name!r}; {did_you_mean(name, names)}")
        minima.append((name, least))
    return minima


def _check_minima(minima: list[tuple[str, float]], wanted: RegionSet, paths: list[Path]) -> None:
    """Refuse ``--fail-under`` for a region that no picture has: it would pass without being looked at."""
    there = {region.name for path in paths for region in wanted.for_picture(path)} if minima else set()
    for name, _ in minima:
        if name not in there:
            raise ConfigError(
                f"--fail-under: none of the pictures has a region {name!r}; look at their names in --file"
            )


def _print_table(reports: list[tuple[Path, Shares]], *, is_one: bool) -> None:
    from salgan.cli._results import percent_range, print_table
    from salgan.regions import VIEWS

    has_intervals = any(report.noise is not None for _, report in reports)
    rows = []
    for path, report in reports:
        for each in report.regions:
            point = each.focal_points[0] if each.focal_points else None
            rows.append(
                [
                    *([] if is_one else [str(path)]),
                    each.name,
                    f"{each.share:.1%}",
                    *([percent_range(each.interval)] if has_intervals else []),
                    f"{each.area:.1%}",
                    _number(each.lift),
                    _number(each.mean),
                    _number(each.peak),
                    str(each.rank),
                    "-" if point is None else f"{point.x:.3f}, {point.y:.3f}",
                ]
            )
    views = [f"in {VIEWS} views"] if has_intervals else []
    header = ["region", "attention", *views, "area", "lift", "mean", "peak", "rank", "focal point"]
    if not is_one:
        print_table(["picture", *header], rows, left={0, 1})
        return
    report = reports[0][1]
    blank = [""] if has_intervals else []
    note = ["elsewhere", f"{report.elsewhere_share:.1%}", *blank, f"{report.elsewhere_area:.1%}"]
    print_table(header, rows, note=note)


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:.2f}"
