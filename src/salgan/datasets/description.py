"""``salgan.toml``: what the owner of a set knows of it beyond its files, written beside the pictures.

::

    name = "mine"
    layout = "folder"            what open_dataset calls it; recognised if it is not said
    pixels_per_degree = 31.5     pixels that one degree of visual angle covered
    release = "2024"             of the ground truth
    viewers = "who"              the column of the tables that says who looked
    licence = "CC BY 4.0"
    seed = 2017                  of the folds
    folds = 5                    how many --fold K/N has; any number if it is not said

    [parts]
    train = "rest"               whatever no other part has
    val = "fold 1/10"            the first of ten random parts
    test = ["lists/test.txt", "cats/*", "dogs/7.jpg"]    lists of names, patterns, names

A file that came with somebody's data is hostile until it is parsed, and lists are read from the set's folder
alone.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from salgan._files import read_file
from salgan._words import did_you_mean
from salgan.datasets.names import match_names, stem_of
from salgan.datasets.split import SEED, folds_of, parse_fold
from salgan.errors import DatasetError

__all__ = ["FILE", "REST", "Description", "parse_description", "read_description"]

FILE = "salgan.toml"
"""The name of the file, directly in the set's folder."""

REST = "rest"
"""What a part is called that has whatever no other part has."""

_LARGEST = 1 << 20
_LARGEST_LIST = 1 << 28
_KEYS = ("name", "layout", "pixels_per_degree", "release", "viewers", "licence", "seed", "folds", "parts")


@dataclass(frozen=True)
class Description:
    """What a ``salgan.toml`` says; what it does not say is None or empty.

    Attributes:
        path: the file.
        text: what is in it.
        name: what the set is called.
        layout: the layout of the folder.
        pixels_per_degree: pixels that one degree of visual angle covered, above 0.
        release: the release of the ground truth.
        viewers: the column of the tables that says who looked.
        licence: the terms under which the set may be used.
        seed: the seed of the folds.
        folds: how many folds the set has; None leaves that to whoever asks for one.
        parts: for every part the rules that say which pictures it has.
    """

    path: Path
    text: str = ""
    name: str | None = None
    layout: str | None = None
    pixels_per_degree: float | None = None
    release: str | None = None
    viewers: str | None = None
    licence: str | None = None
    seed: int = SEED
    folds: int | None = None
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def part(self, part: str, names: Sequence[str]) -> tuple[str, ...]:
        """The stimuli of one part, in the order of ``names``.

        Args:
            part: its name.
            names: the names of all stimuli.

        Raises:
            DatasetError: no such part, a rule that matches nothing, or a picture in two parts.
        """
        if part not in self.parts:
            raise DatasetError(f"{self.path}: no part named {part!r}; {did_you_mean(part, self.parts)}")
        return self.divide(names)[part]

    def divide(self, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The stimuli of every part, in the order of ``names``.

        Raises:
            DatasetError: as :meth:`part`.
        """
        owner: dict[str, str] = {}
        rest: str | None = None
        for part, rules in self.parts.items():
            if rules == (REST,):
                rest = part
                continue
            for rule in rules:
                for name in self._matching(part, rule, names):
                    if owner.setdefault(name, part) != part:
                        raise DatasetError(
                            f"{self.path}: {name} is both in part {owner[name]} and in part {part}; "
                            "each picture belongs to one part"
                        )
        found = {part: tuple(name for name in names if owner.get(name, rest) == part) for part in self.parts}
        for part, chosen in found.items():
            if not chosen:
                raise DatasetError(f"{self.path}: part {part} has no picture; change its line or remove it")
        return found

    def _matching(self, part: str, rule: str, names: Sequence[str]) -> Iterable[str]:
        if rule.startswith("fold "):
            number, count = parse_fold(rule.removeprefix("fold "))
            return folds_of(names, count, self.seed)[number - 1]
        if rule.endswith(".txt"):
            return self._listed(part, rule, names)
        if re.search(r"[*?\[]", rule):
            pattern = stem_of(rule)
            chosen = [name for name in names if fnmatchcase(name, pattern)]
            if not chosen:
                raise DatasetError(f"{self.path}: part {part}: no picture is called {rule!r}")
            return chosen
        return self._named(f"{self.path}: part {part}", [rule], names)

    def _listed(self, part: str, rule: str, names: Sequence[str]) -> Iterable[str]:
        folder = self.path.parent.resolve()
        file = (folder / rule).resolve()
        if not file.is_relative_to(folder):
            raise DatasetError(
                f"{self.path}: part {part}: {rule} is outside the set's folder; put it beside the pictures"
            )
        try:
            lines = read_file(file, DatasetError, most=_LARGEST_LIST).decode("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            raise DatasetError(f"{self.path}: part {part}: {rule} is not UTF-8 text") from None
        except DatasetError as error:
            raise DatasetError(f"{self.path}: part {part}: {error}") from None
        listed = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        return self._named(str(self.path.parent / rule), listed, names)

    def _named(self, where: str, written: Sequence[str], names: Sequence[str]) -> Iterable[str]:
        matched = match_names(written, names)
        for each in written:
            if each not in matched:
                near = did_you_mean(stem_of(each), names, otherwise="salgan data check lists the names")
                raise DatasetError(f"{where}: no picture is called {each!r}; {near}")
        return matched.values()


def read_description(root: Path) -> Description | None:
    """What the ``salgan.toml`` of a set says; None if there is none.

    Raises:
        DatasetError: it cannot be read, is not TOML, or says something that is not understood.
    """
    path = root / FILE
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > _LARGEST:
            raise DatasetError(f"{path}: is larger than 1 MB; long lists of pictures belong into .txt files")
        return parse_description(path.read_text("utf-8-sig"), path)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise DatasetError(f"{path}: cannot be read ({reason})") from None


def parse_description(text: str, path: Path) -> Description:
    """What the text of a ``salgan.toml`` says.

    Args:
        text: TOML.
        path: the file that it is from, or will be in.

    Raises:
        DatasetError: it is not TOML, or says something that is not understood.
    """
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also a number of more digits than Python reads
        raise DatasetError(f"{path}: is not TOML ({error})") from None
    for key in table:
        if key not in _KEYS:
            raise DatasetError(f"{path}: there is no key {key!r}; {did_you_mean(key, _KEYS)}")
    texts = {key: _text(table, key, path) for key in ("name", "layout", "release", "viewers", "licence")}
    degree = table.get("pixels_per_degree")
    if degree is not None and not (_is_number(degree) and 0 < degree <= sys.float_info.max):
        raise DatasetError(f"{path}: pixels_per_degree is {_shown(degree)}; it must be a number above 0")
    return Description(
        path,
        text,
        **texts,
        pixels_per_degree=None if degree is None else float(degree),
        seed=_count(table, "seed", 0, path) or (0 if "seed" in table else SEED),
        folds=_count(table, "folds", 2, path),
        parts=_parts(table.get("parts", {}), path),
    )


def _text(table: Mapping[str, Any], key: str, path: Path) -> str | None:
    value = table.get(key)
    if value is None:
        return None
    if key == "release" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # a year without quotes
    if not isinstance(value, str) or not value.strip():
        raise DatasetError(f'{path}: {key} is {_shown(value)}; it must be text in quotes: {key} = "..."')
    return value.strip()


def _count(table: Mapping[str, Any], key: str, least: int, path: Path) -> int | None:
    value = table.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise DatasetError(f"{path}: {key} is {_shown(value)}; it must be a whole number from {least}")
    return value


def _parts(value: Any, path: Path) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise DatasetError(
            f'{path}: parts must be a table: [parts], then lines such as val = "lists/val.txt"'
        )
    parts: dict[str, tuple[str, ...]] = {}
    for part, rules in value.items():
        listed = [rules] if isinstance(rules, str) else rules
        if not isinstance(listed, list) or not listed or not all(isinstance(each, str) for each in listed):
            raise DatasetError(
                f"{path}: part {part} is {_shown(rules)}; it must be text or a list of texts: a .txt file of "
                f'names, a pattern, a name, "fold 1/5" or "{REST}"'
            )
        if REST in listed and len(listed) > 1:
            raise DatasetError(f'{path}: part {part}: "{REST}" stands alone')
        if not re.fullmatch(r"[\w.-]+", part) or part == "all":
            raise DatasetError(f"{path}: a part cannot be called {part!r}; use letters, digits, - and _")
        parts[part] = tuple(listed)
        for rule in listed:
            if rule.startswith("fold "):
                try:
                    parse_fold(rule.removeprefix("fold "))
                except DatasetError as error:
                    raise DatasetError(f"{path}: part {part}: {error}") from None
    if sum(rules == (REST,) for rules in parts.values()) > 1:
        raise DatasetError(f'{path}: two parts are "{REST}"; only one can have what the others leave')
    return parts


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)[:80]
