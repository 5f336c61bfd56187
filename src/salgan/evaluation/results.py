"""The folder of one evaluation: a row per picture, added as it is scored, and what was evaluated how.

``evaluation.json``  what was evaluated, on what, by which rules
``per_picture.csv``  one row per picture (``per_picture.parquet`` beside it where pyarrow is installed)
``summary.json``     means with intervals, and everything needed to read them
``summary.md``       the same as a table
"""

from __future__ import annotations

import csv
import importlib.util
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

import numpy as np

from salgan._arrays import Floats
from salgan._csv import as_cell, of_cell
from salgan._files import read_file, replacing
from salgan._json import parse_json
from salgan.errors import SalganError

__all__ = ["FACTS", "OtherVersionError", "Results", "RowFile"]

FACTS = ("picture", "width", "height", "map_width", "map_height", "fixations", "others", "sigma")
"""Columns before the scores: sizes in pixels, fixated pixels, pictures behind sAUC, sigma of the density in
pixels."""

_MOST_BYTES = 1_000_000_000

_NUMBER = (int, float)
_PARTS: dict[str, dict[str, tuple[type, ...]]] = {
    "model": {"name": (str,), "spec": (str, type(None))},
    "dataset": {"name": (str,), "without_map": (int,), "fingerprint": (str,)},
    "protocol": {
        "metrics": (list,),
        "sigma": (*_NUMBER, type(None)),
        "degrees": (*_NUMBER, type(None)),
        "others": (int,),
        "seed": (int,),
    },
    "center_bias": {
        "fitted_on": (str,),
        "leave_one_out": (bool,),
        "pictures": (int,),
        "fixations": (int,),
        "sigma": _NUMBER,
        "fingerprint": (str,),
    },
}
"""What readers of ``evaluation.json`` rely on; ``center_bias`` may be null."""

_MADE = ("per_picture.csv", "per_picture.parquet", "summary.json", "summary.md")
"""What is made from scores, and goes when an evaluation starts over."""

_COMPARED = {
    "protocol": "other metrics or settings",
    "model": "another model, or its file or --name has changed",
    "dataset": "another dataset, or its fixations have changed",
    "center_bias": "another center bias",
    "salgan": "another version of salgan",
}


class OtherVersionError(SalganError):
    """A folder holds the same evaluation, made by another version of this package."""


@dataclass(frozen=True)
class Results:
    """A finished (or interrupted) evaluation, read from its folder.

    Attributes:
        folder: where it is.
        about: what ``evaluation.json`` holds.
        pictures: names, in the dataset's order.
        columns: float64 (N,) per fact and metric; NaN where there is no value.
        notes: for each picture why a score is missing, "" if none is.
    """

    folder: Path
    about: dict[str, Any]
    pictures: tuple[str, ...]
    columns: dict[str, Floats]
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self.about["model"]["name"])

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics, in the order of the table."""
        return tuple(self.about["protocol"]["metrics"])

    def check_finished(self) -> None:
        """Raise if the evaluation was stopped before its last picture.

        Raises:
            SalganError: rows are missing; the message says how to go on.
        """
        total = self.about["dataset"].get("pictures", len(self.pictures))
        if len(self.pictures) < total:
            raise SalganError(
                f"{self.folder}: holds {len(self.pictures)} of {total} pictures, since its evaluation was "
                "stopped; finish it with the same salgan evaluate command"
            )

    @classmethod
    def read(cls, folder: Path) -> Results:
        """Read an evaluation's folder.

        Raises:
            SalganError: it holds no evaluation.
        """
        about = _read_about(folder)
        if about is None:
            raise SalganError(
                f"{folder}: holds no evaluation; "
                f"this makes one: salgan evaluate MODEL --data FOLDER --out {folder}"
            )
        metrics = about["protocol"]["metrics"]
        table = folder / "per_picture.csv"
        rows = _read_rows(table, [*FACTS, *metrics, "note"])
        try:
            columns = {
                name: np.array([float(row[name] or "nan") for row in rows], dtype=np.float64)
                for name in [*FACTS[1:], *metrics]
            }
        except ValueError as error:
            raise SalganError(f"{table}: holds a score that is not a number ({error})") from None
        return cls(
            folder,
            about,
            tuple(row["picture"] for row in rows),
            columns,
            tuple(row["note"] for row in rows),
        )


class RowFile:
    """The per-picture table while it grows; a context manager.

    A row is on disk as soon as its picture is scored, so a killed evaluation loses only the pictures it was
    working on.

    Args:
        folder: the folder of the evaluation; made if it is not there.
        about: what is evaluated how; an existing table is continued only if it was made from the same.
        overwrite: throw away another evaluation that is there.

    Attributes:
        done: names of the pictures that have a row.

    Raises:
        SalganError: the folder holds another evaluation or something else, or cannot be written.
    """

    def __init__(self, folder: Path, about: dict[str, Any], *, overwrite: bool = False) -> None:
        self.folder = folder
        self.columns = [*FACTS, *about["protocol"]["metrics"], "note"]
        self._path = folder / "per_picture.csv"
        self._file: TextIO | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SalganError(f"{folder}: cannot be made ({error.strerror})") from None
        before = _read_about(folder)
        if before is None and any(not name.name.startswith(".") for name in folder.iterdir()):
            raise SalganError(f"{folder}: holds something else; name a new folder")
        # An evaluation that stopped before its first picture has nothing to continue from or to keep.
        going_on = before is not None and not overwrite and self._has_rows()
        if before is not None and going_on:
            for part, words in _COMPARED.items():
                if _identity(before.get(part)) != _identity(about[part]):
                    kind = OtherVersionError if part == "salgan" else SalganError
                    raise kind(
                        f"{folder}: holds an evaluation of {words}; name another --out, or pass --overwrite"
                    )
            if about["model"].get("fingerprint", ...) is None:
                raise SalganError(
                    f"{folder}: holds scores of a model without a fingerprint, perhaps not of this one; give "
                    "the model a `fingerprint`, name another folder, or pass overwrite=True"
                )
        rows = _read_rows(self._path, self.columns) if going_on else []
        self.done = {row["picture"] for row in rows}
        if not going_on:
            # First of all, so that a kill never leaves the rows of one model under the name of another.
            _remove(folder / name for name in _MADE)
        with replacing(folder / "evaluation.json") as part_file:
            part_file.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        # Written again without the half line of a killed run.
        self._replace(rows)

    def __enter__(self) -> RowFile:
        self._file = _open(self._path, "a")
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def append(self, row: Mapping[str, Any]) -> None:
        """Add one picture's row."""
        if self._file is None:
            raise RuntimeError("open the table with `with` before appending to it")
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow([_cell(row.get(name), name) for name in self.columns])
        self._file.write(line.getvalue())
        self._file.flush()

    def finish(self, order: Sequence[str]) -> Results:
        """Sort the rows as the pictures of the dataset are, and write the Parquet file where possible."""
        by_name = {row["picture"]: row for row in _read_rows(self._path, self.columns)}
        self._replace([by_name[name] for name in order])
        results = Results.read(self.folder)
        if importlib.util.find_spec("pyarrow") is not None:
            _write_parquet(results, self.folder / "per_picture.parquet")
        return results

    def _has_rows(self) -> bool:
        if not self._path.is_file():
            return False
        with self._path.open("rb") as file:
            return sum(1 for _ in zip(file, range(2), strict=False)) == 2

    def _replace(self, rows: Sequence[Mapping[str, Any]]) -> None:
        with replacing(self._path) as part, _open(part, "w") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.columns)
            writer.writerows([[_cell(row[name], name) for name in self.columns] for row in rows])


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise SalganError(f"{path}: cannot be removed ({error.strerror}); name another --out") from None


def _open(path: Path, mode: Literal["a", "w"]) -> TextIO:
    """A table to write; names of files that are not UTF-8 are kept byte for byte."""
    return path.open(mode, newline="", encoding="utf-8", errors="surrogateescape")


def _cell(value: Any, column: str) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    if column == "picture":
        return as_cell(str(value))
    if column == "note":
        return as_cell(" ".join(str(value).split()))
    # repr keeps all digits of a float.
    return repr(float(value)) if isinstance(value, float) else str(value)


def _read_about(folder: Path) -> dict[str, Any] | None:
    path = folder / "evaluation.json"
    try:
        if not path.exists():
            return None
        about = parse_json(read_file(path, SalganError, most=_MOST_BYTES))
    except (OSError, ValueError) as error:
        raise SalganError(f"{path}: is not the record of an evaluation ({error})") from None
    wrong = _wrong_part(about)
    if wrong is not None:
        raise SalganError(f"{path}: is not the record of an evaluation (it lacks a sound {wrong})")
    return dict(about)


def _wrong_part(about: Any) -> str | None:
    """The first part of a record that is missing or of another type; None if the record is sound."""
    if not isinstance(about, dict) or not isinstance(about.get("salgan"), str):
        return "version"
    for part, fields in _PARTS.items():
        if part == "center_bias" and about.get(part, 0) is None:
            continue
        values = about.get(part)
        for name, kinds in fields.items():
            value = values.get(name, ...) if isinstance(values, dict) else ...
            if not isinstance(value, kinds) or (isinstance(value, int) and value < 0):
                return f"{part}.{name}"
    metrics = about["protocol"]["metrics"]
    if not all(isinstance(name, str) for name in metrics) or len(set(metrics)) < len(metrics):
        return "protocol.metrics"
    remarks = about["model"].get("remarks", [])
    if not isinstance(remarks, list) or not all(isinstance(each, str) for each in remarks):
        return "model.remarks"
    return None


def _identity(part: Any) -> Any:
    """What must be equal: the fingerprint and the names of maps where there are any, otherwise all of it."""
    if isinstance(part, dict) and "fingerprint" in part:
        return part["fingerprint"], part.get("names")
    return json.loads(json.dumps(part))


def _read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """All whole rows; a last line that a kill cut off is left out."""
    try:
        content = read_file(path, SalganError, most=_MOST_BYTES)
    except SalganError as error:
        raise SalganError(f"{error}; evaluate again") from None
    # Names that are not UTF-8 come back as they were.
    text = content[: content.rfind(b"\n") + 1].decode("utf-8", errors="surrogateescape")
    try:
        header, *lines = csv.reader(io.StringIO(text, newline="")) if text else [list(columns)]
    except csv.Error as error:
        raise SalganError(f"{path}: is not a table ({error}); evaluate again with --overwrite") from None
    if header != list(columns):
        raise SalganError(f"{path}: has other columns than its evaluation; evaluate again with --overwrite")
    rows = [dict(zip(columns, line, strict=True)) for line in lines if len(line) == len(columns)]
    for row in rows:
        row |= {name: of_cell(row[name]) for name in ("picture", "note")}
    return list({row["picture"]: row for row in rows}.values())


def _write_parquet(results: Results, path: Path) -> None:
    import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]
    from pyarrow import parquet  # type: ignore[import-untyped,unused-ignore]

    table = pa.table({"picture": _utf8(results.pictures), **results.columns, "note": _utf8(results.notes)})
    with replacing(path) as part:
        parquet.write_table(table, part)


def _utf8(texts: Iterable[str]) -> list[str]:
    """Texts as Parquet can hold them: what is not UTF-8 is escaped, as in the summary."""
    return [text.encode("utf-8", "backslashreplace").decode("utf-8") for text in texts]
