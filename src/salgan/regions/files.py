"""Regions as people write them: on the command line, in JSON and in CSV files."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from salgan._csv import of_cell
from salgan._files import read_file
from salgan._json import parse_json
from salgan.errors import ConfigError
from salgan.regions.region import Region, check_names

__all__ = ["parse_box", "parse_polygon", "read_regions", "regions_from"]

_MOST_BYTES = 10_000_000
_MOST_REGIONS = 2_000
_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(px|%)?")
_COLUMNS = {"w": "width", "h": "height"}


def parse_box(text: str) -> Region:
    """Read ``NAME:X,Y,WIDTH,HEIGHT``.

    Numbers are fractions of the picture's sides, or pixels if one of them exceeds 1; ``%`` or ``px`` behind
    them (all, or only the last) says so explicitly.

    Raises:
        ConfigError: it is not of this form, or no region (:meth:`Region.of_box`).

    >>> parse_box("cta:60%,80%,30%,10%") == parse_box("cta:0.6,0.8,0.3,0.1")
    True
    """
    name, numbers, unit = _split(text, "NAME:X,Y,WIDTH,HEIGHT, such as cta:0.6,0.8,0.3,0.1")
    if len(numbers) != 4:
        raise ConfigError(f"region {name}: a box has 4 numbers (x, y, width, height), not {len(numbers)}")
    x, y, width, height = numbers
    return Region.of_box(name, x, y, width, height, unit)


def parse_polygon(text: str) -> Region:
    """Read ``NAME:X,Y,X,Y,X,Y[,X,Y...]``; units as in :func:`parse_box`.

    Raises:
        ConfigError: it is not of this form, or no region (:meth:`Region.of_polygon`).
    """
    name, numbers, unit = _split(text, "NAME:X,Y,X,Y,X,Y, such as sail:0.5,0.1,0.8,0.6,0.4,0.7")
    if len(numbers) % 2:
        raise ConfigError(f"region {name}: a polygon has two numbers per corner, these are {len(numbers)}")
    return Region.of_polygon(name, zip(numbers[::2], numbers[1::2], strict=True), unit)


def read_regions(path: str | Path) -> list[Region]:
    """Read a file of regions.

    JSON files hold a list of ``{"name": "cta", "box": [0.6, 0.8, 0.3, 0.1]}`` or
    ``{"name": "sail", "polygon": [[0.5, 0.1], [0.8, 0.6], [0.4, 0.7]]}``, each with an optional ``"unit"``
    (``"fraction"`` or ``"pixel"``); or an object with such a list under ``"regions"``, like the reports of
    ``salgan regions --json``. CSV files hold boxes, with the header ``name,x,y,width,height[,unit]``; other
    columns are not looked at, nor rows without any of the four numbers: so the service's table has polygons.

    Args:
        path: a file whose name ends in .json or .csv, with at most 2,000 regions.

    Returns:
        At least one region.

    Raises:
        ConfigError: the file cannot be read, holds no regions, too many, or two of the same name.
    """
    path = Path(path)
    text = read_text(path)
    try:
        regions = regions_from(parse_json(text)) if path.suffix.lower() == ".json" else _from_csv(text)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: is not JSON ({error})") from None
    if not regions:
        raise ConfigError(f"{path}: holds no regions")
    check_count(path, len(regions))
    return regions


def check_count(path: Path, count: int) -> None:
    """Refuse more regions of one picture than a file may hold.

    Raises:
        ConfigError: there are more than 2,000.
    """
    if count > _MOST_REGIONS:
        raise ConfigError(f"{path}: holds {count:,} regions, and a file may hold {_MOST_REGIONS:,}")


def read_text(path: Path) -> str:
    """The text of a file of regions, JSON or CSV.

    Raises:
        ConfigError: its name ends differently, it cannot be read, is very large, or is not UTF-8.
    """
    if path.suffix.lower() not in (".json", ".csv"):
        raise ConfigError(f"{path}: a file of regions ends in .json or .csv")
    try:
        return read_file(path, ConfigError, most=_MOST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None


def regions_from(document: Any) -> list[Region]:
    """Make regions of parsed JSON, as :func:`read_regions` describes it.

    Raises:
        ConfigError: it is not of that form, or two regions have one name.
    """
    if isinstance(document, Mapping) and "pictures" in document:
        raise ConfigError('it names regions of several pictures ("pictures"), where one list is expected')
    entries = document.get("regions") if isinstance(document, Mapping) else document
    if not isinstance(entries, list):
        raise ConfigError('expected a list of regions, or an object with such a list under "regions"')
    regions = [from_entry(entry, number) for number, entry in enumerate(entries, start=1)]
    check_names(regions)
    return regions


def from_entry(entry: Any, number: int) -> Region:
    """A region of its JSON, as :func:`read_regions` describes it; the number is for the error message."""
    if (
        not isinstance(entry, Mapping)
        or not isinstance(entry.get("name"), str)
        or ("box" in entry) == ("polygon" in entry)
    ):
        raise ConfigError(f'region {number}: expected an object with "name" and either "box" or "polygon"')
    name, unit = str(entry["name"]), entry.get("unit")
    if "polygon" in entry:
        return Region.of_polygon(name, entry["polygon"], unit)
    box = entry["box"]
    if not isinstance(box, list) or len(box) != 4:
        raise ConfigError(f'region {number}: "box" is [x, y, width, height]')
    x, y, width, height = box
    return Region.of_box(name, x, y, width, height, unit)


def boxes_of_csv(text: str) -> dict[str, list[Region]]:
    """The boxes of a CSV file's text by what its column ``picture`` says, ``""`` where it says nothing."""
    rows = csv.reader(io.StringIO(text), skipinitialspace=True)
    found: dict[str, list[Region]] = {}
    try:
        header = [_COLUMNS.get(word, word) for word in (cell.strip().lower() for cell in next(rows, []))]
        if not {"name", "x", "y", "width", "height"} <= set(header):
            raise ConfigError("its first line must be name,x,y,width,height (and unit, if you like)")
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise ConfigError(f"line {rows.line_num} has {len(cells)} cells, the header {len(header)}")
            row = dict(zip(header, (cell.strip() for cell in cells), strict=True))
            if not any(row[column] for column in ("x", "y", "width", "height")):
                continue
            try:
                x, y, width, height = (float(row[column]) for column in ("x", "y", "width", "height"))
            except ValueError as error:
                raise ConfigError(f"line {rows.line_num}: {error}") from None
            region = Region.of_box(of_cell(row["name"]), x, y, width, height, row.get("unit") or None)
            found.setdefault(of_cell(row.get("picture", "")), []).append(region)
    except csv.Error as error:
        raise ConfigError(f"line {rows.line_num}: {error}") from None
    for regions in found.values():
        check_names(regions)
    return found


def _from_csv(text: str) -> list[Region]:
    found = list(boxes_of_csv(text).values())
    if len(found) > 1:
        raise ConfigError('its column "picture" names several pictures, where one list is expected')
    return found[0] if found else []


def _split(text: str, form: str) -> tuple[str, Sequence[float], str | None]:
    """Name, numbers and unit of a region on the command line."""
    name, colon, rest = text.rpartition(":")
    matches = [_NUMBER.fullmatch(word.strip()) for word in rest.split(",")]
    if not colon or not name.strip() or None in matches:
        raise ConfigError(f"{text!r} is not a region; write {form}")
    found = [match for match in matches if match is not None]
    said = [match[2] for match in found]
    units = {unit for unit in said if unit is not None}
    # "10,20,300,80px" is as clear as four times px; anything else is a slip.
    if len(units) > 1 or (units and None in said and (said[-1] is None or any(said[:-1]))):
        raise ConfigError(f"region {name}: put the same unit behind all numbers, or behind the last one only")
    numbers = [float(match[1]) for match in found]
    if units == {"%"}:
        return name, [number / 100 for number in numbers], "fraction"
    return name, numbers, "pixel" if units else None
