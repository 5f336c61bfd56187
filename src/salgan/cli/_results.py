"""Results of the verbs that look at one picture: where they go, and how they are written."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Generator, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from salgan.cli._common import say
from salgan.errors import OF_ONE_PICTURE, ConfigError, SalganError

if TYPE_CHECKING:
    from salgan._arrays import Picture
    from salgan.jobs import Pictures
    from salgan.regions import Region, RegionSet, Shares

__all__ = [
    "REGION_COLUMNS",
    "about",
    "check_targets",
    "collect_regions",
    "found_pictures",
    "percent_range",
    "pictures_or_stdin",
    "print_table",
    "read_each",
    "refuse_to_overwrite",
    "region_cells",
    "say_unused",
    "write_csv",
    "write_json",
]


REGION_COLUMNS = (
    *("picture", "region", "share", "share_low", "share_high", "area", "lift", "mean", "peak", "rank"),
    *("inside", "focal_x", "focal_y"),
)
"""The columns of the tables with a row for each picture and region; what is not known is empty."""


_STDIN = Path("-")
"""In the place of a picture's path."""


def check_targets(paths: Sequence[Path | None], *, overwrite: bool) -> None:
    """Before any work is done, refuse files that exist and folders that do not.

    Raises:
        ConfigError: a file exists and ``overwrite`` is off, its folder does not exist, or two are the same.
    """
    if sum(str(path) == "-" for path in paths) > 1:
        raise ConfigError("two tables cannot go to one stdout; give - to one option and a file to the other")
    named = [path for path in paths if path is not None and str(path) != "-"]
    for number, path in enumerate(named):
        if any(path.absolute() == other.absolute() for other in named[:number]):
            raise ConfigError(f"{path}: two results cannot go into one file; give each its own")
        if path.is_dir() or not path.parent.is_dir():
            raise ConfigError(f"{path}: {'is a folder' if path.is_dir() else 'its folder does not exist'}")
        if path.exists() and not overwrite:
            raise ConfigError(f"{path} exists already; add --overwrite to replace it")


def refuse_to_overwrite(paths: Iterable[Path]) -> None:
    """Before any work is done, refuse files of which some exist.

    Raises:
        ConfigError: one exists; the message names the options to add.
    """
    there = [path for path in paths if path.exists()]
    if there:
        who = f"{there[0]} exists" if len(there) == 1 else f"{there[0]} and {len(there) - 1} more exist"
        raise ConfigError(f"{who} already; add --skip-existing or --overwrite")


def read_each(
    paths: Sequence[Path], errors: list[SalganError]
) -> Generator[tuple[Path, Picture], None, None]:
    """Read pictures one after the other, and show how far it is; close it, so that the bar goes first.

    Args:
        paths: the pictures; ``-`` is the one on stdin.
        errors: is told of those among several that cannot be read.

    Yields:
        The path and the uint8 RGB array (H, W, 3) of each picture that can be read.

    Raises:
        SalganError: the only picture cannot be read.
    """
    from salgan import image
    from salgan.cli._common import progress

    with progress() as on_progress:
        for number, path in enumerate(paths):
            on_progress("pictures", number, len(paths))
            try:
                pixels = image.read(sys.stdin.buffer if path == _STDIN else path)
            except OF_ONE_PICTURE as error:
                if len(paths) == 1:
                    raise
                errors.append(error)
                continue
            yield path, pixels
        on_progress("pictures", len(paths), len(paths))


def about(path: Path, error: SalganError) -> SalganError:
    """An error of one of several pictures, in a line that names the picture."""
    return error if str(error).startswith(str(path)) else SalganError(f"{path}: {error}")


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


def write_csv(header: Sequence[str], rows: Iterable[Sequence[Any]], target: Path) -> None:
    """Write a table as CSV to a file, whole or not at all, or to stdout if the target is ``-``.

    Raises:
        SalganError: the file cannot be written.
    """
    import csv
    import io

    from salgan._csv import as_cell
    from salgan._files import replacing

    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([as_cell(cell) if isinstance(cell, str) else cell for cell in row])
    if str(target) == "-":
        typer.echo(file.getvalue(), nl=False)
        return
    with replacing(target) as part:
        part.write_text(file.getvalue(), encoding="utf-8", errors="backslashreplace", newline="")


def collect_regions(boxes: list[str] | None, polygons: list[str] | None, file: Path | None) -> RegionSet:
    """The regions of ``--file``, ``--box`` and ``--polygon``, in this order, for any number of pictures.

    Raises:
        ConfigError: one cannot be read, or two have the same name.
    """
    from salgan.regions import RegionSet, parse_box, parse_polygon, read_region_set

    found = RegionSet() if file is None else read_region_set(file)
    more: list[Region] = [parse_box(text) for text in boxes or []]
    more += [parse_polygon(text) for text in polygons or []]
    return found.with_common(more)


def say_unused(regions: RegionSet, paths: Sequence[Path]) -> None:
    """Say what of a file of regions has no effect: pictures that were not given, absent ones nobody has."""
    from salgan._words import did_you_mean

    for entry, name in regions.absent_nowhere_else():
        hint = did_you_mean(name, regions.names)
        say(f"salgan: warning: {entry}: region {name} is absent, and no picture has it; {hint}", err=True)
    unused = regions.unused(paths)
    if not unused:
        return
    # A picture that has an entry of its own is not what another entry was meant to name.
    names = [path.name for path in paths if not regions.has_entry_for(path)]
    hint = did_you_mean(unused[0], names, "") if len(unused) == 1 and len(names) < 1000 else ""
    shown = ", ".join(unused[:3]) + (f" and {len(unused) - 3} more" if len(unused) > 3 else "")
    verb = "is" if len(unused) == 1 else "are"
    say(
        f"salgan: warning: --file has regions of {shown}, which {verb} not among the pictures"
        + (f"; {hint}" if hint else ""),
        err=True,
    )


def found_pictures(sources: list[str]) -> Pictures:
    """The pictures that a command is given; what was left out of folders is said on stderr.

    Raises:
        SalganError: a source is wrong, so that nothing is done before that is mended.
    """
    from salgan.jobs import find_pictures

    found = find_pictures(sources)
    for line in found.left_out:
        say(line, err=True)
    if found.errors:
        raise found.errors[0]
    return found


def pictures_or_stdin(sources: list[str]) -> list[Path]:
    """The pictures that a command is given; ``-`` alone is the one on stdin.

    Raises:
        SalganError: as :func:`found_pictures` does; ``-`` is not alone, or stdin is closed or a terminal.
    """
    if "-" not in sources:
        return found_pictures(sources).paths
    if len(sources) > 1:
        raise ConfigError("IMAGE - is one picture from stdin; give no others beside it")
    if sys.stdin is None or sys.stdin.isatty():
        raise ConfigError("IMAGE - reads a picture from stdin: salgan regions - --box cta:0,0,1,1 < page.png")
    return [_STDIN]


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

    from salgan._words import printable

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, title in enumerate(header):
        table.add_column(title, justify="left" if number in left else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    if note is not None:
        table.add_row(*(Text(cell, style="dim") for cell in note))
    # A file or a pipe gets the whole table, however wide it is.
    Console(width=None if sys.stdout.isatty() else 200, highlight=False).print(table)


def percent_range(interval: tuple[float, float] | None) -> str:
    """An interval as people read it, such as ``5.2 to 7.0%``; empty if there is none."""
    return "" if interval is None else f"{interval[0] * 100:.1f} to {interval[1]:.1%}"


def region_cells(path: Path, report: Shares) -> list[list[Any]]:
    """The rows of a picture in a table of :data:`REGION_COLUMNS`."""
    rows: list[list[Any]] = []
    for each in report.regions:
        low, high = each.interval or (None, None)
        point = each.focal_points[0] if each.focal_points else None
        rows.append(
            [
                *(str(path), each.name, each.share, low, high, each.area, each.lift, each.mean, each.peak),
                *(each.rank, each.inside, point and point.x, point and point.y),
            ]
        )
    return rows
