"""``salgan regions``: how much of the attention each part of a picture gets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from salgan._words import did_you_mean
from salgan.cli._common import Model
from salgan.errors import ConfigError

if TYPE_CHECKING:
    from salgan.regions import Region, Shares

__all__ = ["CHECK_FAILED", "regions"]

CHECK_FAILED = 3
"""The exit code if everything worked but a region got less than ``--fail-under`` asks for."""


def regions(
    picture: Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture.")],
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
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Read regions from a .json or .csv file.")
    ] = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=SHARE",
            help=f"Exit with code {CHECK_FAILED} if the region gets less than this: cta=8% or cta=0.08. "
            "Repeat for more.",
        ),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report as JSON; - means stdout.")
    ] = None,
    png: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the regions and the heatmap over the picture.")
    ] = None,
    model: Model = "lite",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that already exist.")] = False,
) -> None:
    """Measure how much of the attention each part of a picture gets.

    [bold]salgan regions page.png --box cta:0.6,0.8,0.3,0.1 --box logo:20,20,160,60[/bold]

    For each box, this prints its share of the attention, its share of the area, and their ratio, the lift.
    A box with a lift above 1 draws more than its size explains. --png draws it, and --json keeps every digit.

    [bold]salgan regions page.png --file regions.json --fail-under cta=8%[/bold]

    In a build, this ends with exit code 3 if a change of the design costs the button its attention.

    Each region is measured as if it were alone; what lies outside the picture does not count.
    """
    from salgan import image
    from salgan.cli._common import load_predictor
    from salgan.cli._results import check_targets, collect_regions, write_json
    from salgan.regions import shares

    wanted = collect_regions(box, polygon, file)
    if not wanted:
        raise ConfigError("name at least one region: --box cta:0.6,0.8,0.3,0.1, or --file regions.json")
    minima = _minima(fail_under or [], wanted)
    if png is not None and png.suffix.lower() != ".png":
        raise ConfigError(f"{png}: the picture's name must end in .png")
    check_targets([json, png], overwrite=overwrite)
    pixels = image.read(picture)
    predictor = load_predictor(model)
    saliency = predictor.predict(pixels)
    report = shares(saliency, wanted)
    if png is not None:
        from salgan._drawing import save_png
        from salgan.regions import draw

        save_png(draw(pixels, saliency, report), png)
    checks = [
        {
            "region": name,
            "at_least": least,
            "share": report[name].share,
            "passed": report[name].share >= least,
        }
        for name, least in minima
    ]
    if json is not None:
        document = report.document()
        document["picture"] = {"path": str(picture), **document["picture"]}
        write_json({**document, "model": predictor.name, "checks": checks}, json)
    if json is None or str(json) != "-":
        _print_table(report)
    for each in report.regions:
        if not each.area:
            typer.echo(f"salgan: warning: region {each.name} lies outside the picture", err=True)
    failed = [check for check in checks if not check["passed"]]
    for check in failed:
        typer.echo(
            f"salgan: check failed: {check['region']} gets {check['share']:.2%} of the attention, "
            f"less than {check['at_least']:.2%}",
            err=True,
        )
    if failed:
        raise typer.Exit(CHECK_FAILED)


def _minima(texts: list[str], regions: list[Region]) -> list[tuple[str, float]]:
    """The names and minimum shares that ``--fail-under`` gave."""
    names = [region.name for region in regions]
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


def _print_table(report: Shares) -> None:
    from salgan.cli._results import print_table

    rows = []
    for each in report.regions:
        point = each.focal_points[0] if each.focal_points else None
        rows.append(
            [
                each.name,
                f"{each.share:.1%}",
                f"{each.area:.1%}",
                _number(each.lift),
                _number(each.mean),
                _number(each.peak),
                str(each.rank),
                "-" if point is None else f"{point.x:.3f}, {point.y:.3f}",
            ]
        )
    header = ["region", "attention", "area", "lift", "mean", "peak", "rank", "focal point"]
    print_table(
        header, rows, note=["elsewhere", f"{report.elsewhere_share:.1%}", f"{report.elsewhere_area:.1%}"]
    )


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:.2f}"
