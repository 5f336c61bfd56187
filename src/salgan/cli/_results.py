"""Results of the verbs that look at one picture: where they go, and how they are written."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from salgan.errors import ConfigError

if TYPE_CHECKING:
    from salgan.regions import Region

__all__ = ["check_targets", "collect_regions", "print_table", "write_json"]


def check_targets(paths: Sequence[Path | None], *, overwrite: bool) -> None:
    """Before any work is done, refuse files that exist and folders that do not.

    Raises:
        ConfigError: a file exists and ``overwrite`` is off, or its folder does not exist.
    """
    for path in paths:
        if path is None or str(path) == "-":
            continue
        if path.is_dir() or not path.parent.is_dir():
            raise ConfigError(f"{path}: {'is a folder' if path.is_dir() else 'its folder does not exist'}")
        if path.exists() and not overwrite:
            raise ConfigError(f"{path} exists already; add --overwrite to replace it")


def write_json(document: dict[str, Any], target: Path) -> None:
    """Write JSON to a file, whole or not at all, or to stdout if the target is ``-``.

    Raises:
        SalganError: the file cannot be written.
    """
    from salgan._files import replacing

    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if str(target) == "-":
        typer.echo(text, nl=False)
        return
    with replacing(target) as part:
        # A file name that is not UTF-8 is kept as JSON's own escapes, and can be read back.
        part.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def collect_regions(boxes: list[str] | None, polygons: list[str] | None, file: Path | None) -> list[Region]:
    """The regions of ``--file``, ``--box`` and ``--polygon``, in this order.

    Raises:
        ConfigError: one cannot be read, or two have the same name.
    """
    from salgan.regions import check_names, parse_box, parse_polygon, read_regions

    regions = [] if file is None else read_regions(file)
    regions += [parse_box(text) for text in boxes or []]
    regions += [parse_polygon(text) for text in polygons or []]
    check_names(regions)
    return regions


def print_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: Collection[int] = (0,),
    note: Sequence[str] | None = None,
) -> None:
    """Print a table on stdout.

    Args:
        header: the columns' headings.
        rows: the rows' cells, shown as they are, without markup.
        left: which columns hold words; the others are aligned to the right.
        note: the cells of a last, less prominent row.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, title in enumerate(header):
        table.add_column(title, justify="left" if number in left else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    if note is not None:
        table.add_row(*(Text(cell, style="dim") for cell in note))
    # A file or a pipe gets the whole table, however wide it is.
    Console(width=None if sys.stdout.isatty() else 200, highlight=False).print(table)
