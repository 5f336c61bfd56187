"""``salgan ab``: two variants of a design side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from salgan.cli._common import Model
from salgan.errors import ConfigError

if TYPE_CHECKING:
    from salgan.ab import VariantComparison

__all__ = ["ab"]


def ab(
    a: Annotated[Path, typer.Argument(metavar="A", help="The picture of variant A.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="The picture of variant B.")],
    box: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:X,Y,W,H",
            help="A box that both variants have, in the form that `salgan regions` takes. Give fractions if "
            "the sizes differ. Repeat for more.",
        ),
    ] = None,
    polygon: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:X,Y,X,Y,X,Y", help="A polygon, named by its corners. Repeat for more."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Read regions from a .json or .csv file.")
    ] = None,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report as JSON; - means stdout.")
    ] = None,
    png: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw both variants, the difference and the shares.")
    ] = None,
    model: Model = "lite",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that already exist.")] = False,
) -> None:
    """Compare where people look in two variants of a design.

    [bold]salgan ab old.png new.png --box cta:0.6,0.8,0.3,0.1 --png old-new.png[/bold]

    This prints what each box gets in A and in B, and how far attention moved: the part of it that is in
    another place, the correlation of the two densities (CC) and, with the extra eval, the earth mover's
    distance (EMD).

    Pictures of different sizes are compared place by place in fractions of their sides.
    """
    from salgan import image
    from salgan.ab import compare_variants
    from salgan.cli._common import load_predictor
    from salgan.cli._results import check_targets, collect_regions, write_json

    wanted = collect_regions(box, polygon, file)
    if png is not None and png.suffix.lower() != ".png":
        raise ConfigError(f"{png}: the picture's name must end in .png")
    check_targets([json, png], overwrite=overwrite)
    first, second = image.read(a), image.read(b)
    predictor = load_predictor(model)
    maps = predictor.predict(first), predictor.predict(second)
    result = compare_variants(*maps, wanted)
    if png is not None:
        from salgan._drawing import save_png
        from salgan.ab import draw

        save_png(draw(result, (first, second), maps, (a.name, b.name)), png)
    if json is not None:
        document = result.document()
        for letter, path in (("a", a), ("b", b)):
            document[letter]["picture"] = {"path": str(path), **document[letter]["picture"]}
        write_json({**document, "model": predictor.name}, json)
    if json is None or str(json) != "-":
        _print(result)
    if not result.same_size:
        typer.echo(
            f"salgan: note: A is {result.a.width}×{result.a.height}, B {result.b.width}×{result.b.height}; "
            "places are compared as fractions of the sides",
            err=True,
        )


def _print(result: VariantComparison) -> None:
    from salgan.cli._results import print_table

    if result.regions:
        rows = [
            [
                each.name,
                f"{each.a.share:.1%}",
                f"{each.b.share:.1%}",
                f"{each.change * 100:+.1f} points",
                "-" if each.ratio is None else f"{each.ratio:.2f}",
            ]
            for each in result.regions
        ]
        print_table(["region", "attention in A", "in B", "change", "B / A"], rows)
        typer.echo()
    typer.echo(f"moved  {result.moved:.1%} of the attention is in another place")
    typer.echo(f"CC     {result.cc:.3f}")
    if result.emd is None:
        typer.echo("EMD    needs POT; run: pip install 'salgan[eval]'")
    else:
        typer.echo(f"EMD    {result.emd:.1%} of the longer side: the mean distance that attention moved")
