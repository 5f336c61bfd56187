"""Tables of fixations as trackers and spreadsheets write them.

Columns may be separated by commas, semicolons, tabs or spaces, and decimal commas are read if commas do not
separate columns. The text may be UTF-8 or UTF-16. Columns may come in any order, under the names that
trackers use, and lost eyes may be ``.``, ``NA`` or empty. What could be read in two ways is refused:
coordinates between 0 and 1, which are fractions of the picture and would all fall into its first pixel; two
columns that may be x; and a line with more cells than the first.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from salgan._arrays import Floats
from salgan._files import read_file
from salgan._words import did_you_mean
from salgan.datasets.names import match_names
from salgan.datasets.stimulus import Fixations
from salgan.errors import DatasetError

__all__ = ["SUFFIXES", "check_unit", "read_csv", "read_csv_of_set", "viewers_column"]

SUFFIXES = frozenset({".csv", ".tsv", ".txt"})
"""Endings of files that are read as tables, in lower case."""

_COLUMNS = ("x", "y", "viewer", "duration")
_NAMES = {
    "x": "x fix_x fixation_x gaze_x pos_x current_fix_x fixationx fixation_point_x x_px gaze_point_x",
    "y": "y fix_y fixation_y gaze_y pos_y current_fix_y fixationy fixation_point_y y_px gaze_point_y",
    "viewer": "viewer subject participant observer user subj subject_id participant_id user_id "
    "participant_name recording_session_label recording_name",
    "duration": "duration duration_ms fix_duration fixation_duration current_fix_duration "
    "gaze_event_duration fixation_duration_ms",
    "picture": "picture image stimulus file filename image_name img stimulus_name media_name "
    "presented_media_name presented_stimulus_name image_file",
}
_COLUMN_OF = {alias: name for name, aliases in _NAMES.items() for alias in aliases.split()}
_LOST = frozenset({".", "na", "n/a", "nan", "null", "none", "-", "#n/a"})
"""What replaces a coordinate where the tracker lost the eye, in lower case; it may also be empty."""

_MOST_BYTES = 1_000_000_000
_MOSTLY = 0.9
"""The part of the coordinates between 0 and 1 from which on all are taken for fractions."""

_Rows = list[tuple[int, list[str]]]


def read_csv(path: Path, viewers: str | None = None) -> Fixations:
    """Fixations of one picture from a table with the columns x, y and, if there, viewer and duration.

    The first line may name the columns; they can then come in any order and with others among them.
    Otherwise they are taken in this order. Viewers may be numbers or any text; unless all of them are whole
    numbers, they are numbered in the order in which they appear.

    Args:
        path: the table.
        viewers: the name of the column that says who looked, if it has another than those known.

    Raises:
        DatasetError: the file, or a line of it (named), cannot be understood; or all coordinates are
            fractions.
    """
    rows, decimal_comma = _rows(path)
    place, rows = _columns(rows, path, viewers)
    return _fixations(rows, place, path, decimal_comma, _viewers(rows, place))


def read_csv_of_set(
    path: Path, names: Sequence[str], viewers: str | None = None
) -> tuple[dict[str, Fixations], list[str]]:
    """Fixations of many pictures from one table, which names each line's picture.

    Args:
        path: the table. Pictures may be named with their folder and ending or without; lines that name one
            picture in different ways belong together.
        names: the names of the stimuli.
        viewers: the name of the column that says who looked, if it has another than those known.

    Returns:
        The fixations by stimulus, and what is written where a line means none of them.

    Raises:
        DatasetError: as :func:`read_csv`, or no column names the picture.
    """
    rows, decimal_comma = _rows(path)
    place, rows = _columns(rows, path, viewers)
    if "picture" not in place:
        raise DatasetError(
            f"{path}: no column names the picture (expected one of {_NAMES['picture'].split()[:5]}); "
            "or give every picture a table of its own, fixations/NAME.csv"
        )
    written = list(dict.fromkeys(_cell(row, place["picture"]) for _, row in rows))
    stimuli = match_names(written, names)
    groups: dict[str, _Rows] = {}
    for number, row in rows:
        stimulus = stimuli.get(_cell(row, place["picture"]))
        if stimulus is not None:
            groups.setdefault(stimulus, []).append((number, row))
    viewers_of_set = _viewers(rows, place)
    whole = _fixations(rows, place, path, decimal_comma, viewers_of_set)  # fractions show in all together
    del whole
    found = {
        stimulus: _fixations(own, place, path, decimal_comma, viewers_of_set, whole=False)
        for stimulus, own in groups.items()
    }
    return found, [each for each in written if each not in stimuli]


def _rows(path: Path) -> tuple[_Rows, bool]:
    """Lines that are not blank as (number, cells), and whether numbers may have a decimal comma."""
    try:
        content = read_file(path, DatasetError, most=_MOST_BYTES)
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not a table that can be read ({error})") from None
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = next((mark for mark in "\t;," if mark in first), None)
    try:
        if delimiter is None:
            lines = [line.split() for line in text.splitlines()]
        else:
            lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise DatasetError(f"{path}: not a table that can be read ({error})") from None
    rows = [(number, row) for number, row in enumerate(lines, 1) if any(map(str.strip, row))]
    return rows, delimiter != ","


def viewers_column(path: Path) -> str | None:
    """The column of a table that says who looked, as its first line names it; None if no known name does.

    Raises:
        DatasetError: the file cannot be read as a table.
    """
    rows, _ = _rows(path)
    first = rows[0][1] if rows else []
    return next((cell.strip() for cell in first if _COLUMN_OF.get(_plain(cell)) == "viewer"), None)


def _plain(cell: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", cell.strip().lower()).strip("_")


def _columns(rows: _Rows, path: Path, viewers: str | None = None) -> tuple[dict[str, int], _Rows]:
    """Positions of the columns, and the rows without the line that names them."""
    if not rows:
        return {"x": 0, "y": 1}, rows
    for number, row in rows:
        if any(map(str.strip, row[len(rows[0][1]) :])):
            raise DatasetError(
                f"{path}, line {number}: has more cells than the first line; decimal commas need columns "
                "that are separated by something else"
            )
    place: dict[str, int] = {}
    for index, cell in enumerate(rows[0][1]):
        name = _COLUMN_OF.get(_plain(cell))
        if name is not None and place.setdefault(name, index) != index and name in ("x", "y"):
            both = " and ".join(repr(rows[0][1][each].strip()) for each in (place[name], index))
            raise DatasetError(f"{path}: {both} may both be {name}; leave one out, or give it another name")
    if viewers is not None:
        headings = [_plain(cell) for cell in rows[0][1]]
        if _plain(viewers) not in headings:
            near = did_you_mean(viewers, [cell.strip() for cell in rows[0][1]])
            raise DatasetError(
                f"{path}: no column is called {viewers!r}, which salgan.toml names as viewers; {near}"
            )
        place["viewer"] = headings.index(_plain(viewers))
    if {"x", "y"} <= place.keys():
        return place, rows[1:]
    if len(rows[0][1]) < 2:
        raise DatasetError(f"{path}: needs at least the columns x and y")
    return {name: index for index, name in enumerate(_COLUMNS[: len(rows[0][1])])}, rows


def _viewers(rows: _Rows, place: dict[str, int]) -> dict[str, int]:
    """The number of each viewer by what the table calls them."""
    if "viewer" not in place:
        return {}
    names = dict.fromkeys(_cell(row, place["viewer"]) for _, row in rows)
    # Among names, "0" is one more name: it must not be the number that another name was given. A number of
    # more digits than int64 holds is a name, too.
    numeric = all(name.isascii() and name.isdigit() and len(name) < 19 for name in names)
    return {name: int(name) if numeric else number for number, name in enumerate(names)}


def _cell(row: list[str], index: int) -> str:
    return row[index].strip() if index < len(row) else ""


def _fixations(
    rows: _Rows,
    place: dict[str, int],
    path: Path,
    decimal_comma: bool,
    viewers: dict[str, int],
    *,
    whole: bool = True,
) -> Fixations:
    values: dict[str, list[float]] = {name: [] for name in _COLUMNS if name in place}
    for number, row in rows:
        cells = {name: _cell(row, place[name]) for name in values}
        lost = not cells["x"] and not cells["y"] and len(row) > max(place["x"], place["y"])
        for name, text in cells.items():
            if name == "viewer":
                values[name].append(viewers[text])
                continue
            if (lost and name in ("x", "y")) or text.lower() in _LOST:
                values[name].append(np.nan)
                continue
            try:
                plain = text.replace(",", ".") if decimal_comma and "." not in text else text
                values[name].append(float(plain))
            except ValueError:
                raise DatasetError(f"{path}, line {number}: {name} is {text!r}, not a number") from None
    viewer = np.array(values.pop("viewer"), dtype=np.int64) if "viewer" in values else None
    arrays = {name: np.array(column, dtype=np.float64) for name, column in values.items()}
    if whole:
        check_unit(arrays["x"], arrays["y"], path)
    return Fixations(arrays["x"], arrays["y"], viewer, arrays.get("duration"))


def check_unit(x: Floats, y: Floats, path: Path) -> None:
    """Refuse coordinates that can only be fractions of the picture's sides.

    Raises:
        DatasetError: nearly all lie between 0 and 1, and not all of these are whole numbers.
    """
    values = np.concatenate([x, y])
    values = values[np.isfinite(values)]
    inside = values[(values >= 0) & (values <= 1)]
    # Some looked a little beyond the picture; of pixels, next to none lie in the first.
    if len(inside) < _MOSTLY * len(values) or (inside == np.rint(inside)).all():
        return
    raise DatasetError(
        f"{path}: {len(inside):,} of {len(values):,} coordinates lie between 0 and 1, so they are fractions "
        "of the picture and not pixels; multiply x by the picture's width and y by its height (or round "
        "them, if they are pixels)"
    )
