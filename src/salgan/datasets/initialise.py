"""A first ``salgan.toml`` for a set: what its files tell, and a line to fill in for what they do not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from salgan._files import replacing
from salgan._words import did_you_mean
from salgan.datasets.description import FILE, REST, parse_description
from salgan.datasets.folder import tables
from salgan.datasets.layouts import HAVE_PARTS, open_described
from salgan.datasets.split import PARTS, SIZES
from salgan.datasets.stimulus import Dataset
from salgan.datasets.tables import viewers_column
from salgan.errors import DatasetError

__all__ = ["SETTINGS", "initialise"]

SETTINGS: Mapping[str, str] = {
    "name": "what the set is called in tables",
    "layout": "see: salgan data list",
    "pixels_per_degree": "pixels that one degree of visual angle covered: the width of densities",
    "release": "of the ground truth",
    "viewers": "the column of the tables that says who looked",
    "licence": "the terms under which the set may be used",
    "seed": "of the folds; another one draws others",
    "folds": "how many --fold K/N has; any number without this line",
}
"""Every key that stands before the parts, and what it says."""

_NUMBERS = ("pixels_per_degree", "seed", "folds")
_EXAMPLES = {
    "name": '"mine"',
    "layout": '"folder"',
    "pixels_per_degree": "30",
    "release": '"2024"',
    "viewers": '"subject"',
    "licence": '"CC BY 4.0"',
    "seed": "2017",
    "folds": "5",
}
_FEWEST = 10
"""Fewer pictures than this are not divided into parts without being asked to."""


def initialise(root: Path, settings: Iterable[str] = ()) -> tuple[Dataset, list[str]]:
    """Write ``salgan.toml`` into a set's folder: what its files tell and what is said here.

    Args:
        root: the folder.
        settings: ``KEY=VALUE`` for any of :data:`SETTINGS`, and ``parts.NAME=RULE[,RULE]``.

    Returns:
        The dataset as it is read with the new file, and what to know about it, in a line each.

    Raises:
        DatasetError: there is such a file already; the folder is not a dataset; an unknown setting, or one
            that does not fit the set.
        SalganError: the file cannot be written.
    """
    path = root / FILE
    if path.exists():
        raise DatasetError(f"{path} exists; edit it, or remove it to begin again")
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder; name the one that holds the set's pictures")
    values, parts = _parse(settings)
    said = parse_description(_toml(values, parts), path)
    dataset = open_described(root, said)
    remarks: list[str] = []
    found: dict[str, object] = {"name": dataset.name, "layout": dataset.layout}
    if dataset.layout == "folder" and "viewers" not in values:
        column = _viewers(root, remarks)
        if column is not None:
            found["viewers"] = column
    if not parts:
        parts = _proposed(root, dataset, remarks)
    text = _toml({**found, **values}, parts)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DatasetError(
            f"{path}: the folder's name is not UTF-8 text; give the set a name: name=NAME"
        ) from None
    said = parse_description(text, path)
    dataset = open_described(root, said)
    if said.parts:
        divided = said.divide([stimulus.name for stimulus in dataset])
        remarks.append("parts: " + ", ".join(f"{part} {len(names)}" for part, names in divided.items()))
    if len(dataset) and dataset.stimuli[0].pixels_per_degree is None:
        remarks.append(
            "pixels_per_degree is not known; until the file says it, densities are the published maps, or "
            "as wide as --sigma says"
        )
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")
    return dataset, remarks


def _parse(settings: Iterable[str]) -> tuple[dict[str, object], dict[str, list[str]]]:
    values: dict[str, object] = {}
    parts: dict[str, list[str]] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise DatasetError(f"{setting!r} is not KEY=VALUE, such as pixels_per_degree=30")
        if key.startswith("parts.") and key != "parts.":
            parts[key.removeprefix("parts.")] = [rule.strip() for rule in value.split(",") if rule.strip()]
        elif key not in SETTINGS:
            known = [*SETTINGS, *(f"parts.{part}" for part in PARTS)]
            raise DatasetError(f"there is no setting {key!r}; {did_you_mean(key, known)}")
        elif key in _NUMBERS:
            values[key] = _number(key, value)
        else:
            values[key] = value
    return values, parts


def _number(key: str, value: str) -> float | int:
    try:
        number = float(value)
    except ValueError:
        raise DatasetError(f"{key}={value}: must be a number") from None
    return int(number) if number.is_integer() and abs(number) < 1e15 else number


def _viewers(root: Path, remarks: list[str]) -> str | None:
    """The column that says who looked, as the first table has it."""
    table = next(tables(root), None)
    if table is None:
        return None
    column = viewers_column(table)
    if column is None:
        remarks.append(
            f"{table.name} has no column with a known name for viewers; if one of them is, say viewers=COLUMN"
        )
    return column


def _proposed(root: Path, dataset: Dataset, remarks: list[str]) -> dict[str, list[str]]:
    """Parts as the files tell them: lists beside the pictures, folders, or random tenths."""
    if dataset.layout in HAVE_PARTS or dataset.name.removesuffix("-mouse") in SIZES:
        return {}  # it has parts of its own
    lists = {part: [f"{part}.txt"] for part in PARTS if (root / f"{part}.txt").is_file()}
    if lists:
        remarks.append(f"the parts are those of {', '.join(rules[0] for rules in lists.values())}")
        return lists
    folders = {stimulus.name.partition("/")[0] for stimulus in dataset if "/" in stimulus.name}
    if len(folders & set(PARTS)) > 1:
        remarks.append("the parts are the folders of their names")
        return {part: [f"{part}/*"] for part in PARTS if part in folders}
    if len(dataset) < _FEWEST:
        return {}
    remarks.append("the parts are random tenths: one for validation, one for the test, the rest for training")
    return {"train": [REST], "val": ["fold 1/10"], "test": ["fold 2/10"]}


def _toml(values: Mapping[str, object], parts: Mapping[str, Sequence[str]]) -> str:
    """The file's text; keys without a value are comments to fill in."""
    lines = ["# What salgan knows of this set beyond its files."]
    for key, meaning in SETTINGS.items():
        line = f"{key} = {_value(values[key])}" if key in values else f"# {key} = {_EXAMPLES[key]}"
        lines.append(f"{line:<30} # {meaning}")
    lines += [
        "",
        "# A part is a list of: a .txt file of names, a pattern, a name, a fold; or what is left.",
        "[parts]",
    ]
    lines += [
        f"{_key(part)} = {_value(rules[0] if len(rules) == 1 else list(rules))}"
        for part, rules in parts.items()
    ]
    if not parts:
        lines += ['# train = "rest"', '# val = "fold 1/10"', '# test = ["lists/test.txt", "cats/*"]']
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    # JSON's strings, numbers and lists of strings are TOML's, but for one control character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(part: str) -> str:
    return part if part.isascii() and part.replace("-", "").replace("_", "").isalnum() else _value(part)
