"""``salgan regions --suggest``: regions to choose from, written as a file of regions."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from salgan.cli._common import say, say_error
from salgan.cli._results import (
    check_targets,
    pictures_or_stdin,
    print_table,
    read_each,
    write_csv,
    write_json,
)
from salgan.errors import ConfigError, SalganError

if TYPE_CHECKING:
    from salgan.regions import Suggestion

__all__ = ["suggest_regions"]

_COLUMNS = ("name", "kind", "score", "x", "y", "width", "height", "unit")


def suggest_regions(
    pictures: list[str],
    *,
    json: Path | None,
    csv: Path | None,
    png: Path | None,
    quiet: bool,
    overwrite: bool,
) -> None:
    """Find regions in pictures; print, write and draw them, and measure none.

    Raises:
        MissingExtraError: the extra ``suggest`` is not installed.
        SalganError: a picture or a target is wrong.
    """
    from salgan._drawing import save_png
    from salgan.regions import draw_suggestions, suggest, suggested_kinds

    if png is not None and png.suffix.lower() != ".png":
        raise ConfigError(f"{png}: the picture's name must end in .png")
    check_targets([json, csv, png], overwrite=overwrite)
    if "face" not in suggested_kinds():
        say("salgan: note: there is no face detector for this machine; faces are not suggested", err=True)
    paths = pictures_or_stdin(pictures)
    is_one = len(paths) == 1
    if png is not None and not is_one:
        raise ConfigError(f"--png draws one picture, not {len(paths)}; name one")
    found: list[tuple[Path, list[Suggestion]]] = []
    errors: list[SalganError] = []
    with closing(read_each(paths, errors)) as readable:
        for path, pixels in readable:
            found.append((path, suggest(pixels)))
            if png is not None:
                save_png(draw_suggestions(pixels, found[-1][1]), png)
    if json is not None:
        write_json(_document(found, is_one=is_one), json)
    if csv is not None:
        rows = [[str(path), *row] for path, those in found for row in _rows(those)]
        # Without a picture's name, the regions of one picture serve others, too.
        write_csv(("picture", *_COLUMNS)[is_one:], [row[is_one:] for row in rows], csv)
    if not quiet and "-" not in (str(json), str(csv)):
        _print(found, is_one=is_one)
    for each in errors:
        say_error(each)
    if errors:
        raise typer.Exit(1)


def _document(found: list[tuple[Path, list[Suggestion]]], *, is_one: bool) -> dict[str, Any]:
    """A file of regions: those of one picture, or each picture's own."""
    from salgan.regions import SUGGESTIONS_SCHEMA

    entries = {str(path): [each.document() for each in those] for path, those in found}
    if is_one:
        return {"schema": SUGGESTIONS_SCHEMA, "regions": next(iter(entries.values()))}
    return {"schema": SUGGESTIONS_SCHEMA, "pictures": entries}


def _rows(suggestions: list[Suggestion]) -> list[list[Any]]:
    return [
        [
            *(each.region.name, each.kind, round(each.score, 3)),
            *(each.region.box or ("",) * 4),
            each.region.unit,
        ]
        for each in suggestions
    ]


def _print(found: list[tuple[Path, list[Suggestion]]], *, is_one: bool) -> None:
    rows = [
        [
            *([] if is_one else [str(path)]),
            *(each.region.name, f"{each.score:.2f}"),
            ", ".join(f"{number:.3f}" for number in each.region.box or ()),
        ]
        for path, those in found
        for each in those
    ]
    if not rows:
        say("no faces, lines of text or button-like blocks were found")
        return
    header = ["suggested", "score", "x, y, width, height"]
    if is_one:
        print_table(header, rows)
    else:
        print_table(["picture", *header], rows, left={0, 1})
