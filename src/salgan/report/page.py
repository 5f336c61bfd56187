"""The page of a report, by a template that escapes whatever a file or a region is called."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from salgan._version import __version__
from salgan._words import printable
from salgan.errors import SalganError, require
from salgan.regions import VIEWS, RegionShare
from salgan.report.entries import Entry

__all__ = ["page"]


@dataclass(frozen=True)
class _Row:
    """A picture in the ranking by one region; its place is shared if it cannot be told from others."""

    place: int
    entry: Entry
    number: int
    region: RegionShare


def page(
    entries: Sequence[Entry],
    model: str,
    title: str = "Where people look",
    *,
    unreadable: Sequence[SalganError] = (),
) -> str:
    """Write a report on some pictures as one page of HTML.

    Pictures are in the page itself; it loads nothing, runs no script, and its own policy forbids both.
    Printed, each picture begins a sheet of its own; :func:`salgan.report.pdf` does it.

    Args:
        entries: what :func:`salgan.report.look_at` gave for each picture.
        model: the name of the model.
        title: the heading.
        unreadable: what is wrong with the pictures that are missing; the page says it at its head.

    Raises:
        MissingExtraError: Jinja is not installed (extra ``report``).
    """
    jinja2 = require("jinja2", "report")
    entries = _with_short_names(entries)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["percent"] = _percent
    environment.filters["interval"] = _interval
    environment.filters["source"] = _source
    template = environment.from_string(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    text: str = template.render(
        entries=entries,
        model=model,
        title=title,
        unreadable=[printable(str(error)) for error in unreadable],
        version=__version__,
        views=VIEWS,
        has_intervals=any(each.shares.noise is not None for each in entries),
        rankings=_rankings(entries),
        by_focus=sorted(enumerate(entries, start=1), key=lambda each: -each[1].focus),
    )
    return text


def _with_short_names(entries: Sequence[Entry]) -> list[Entry]:
    """The same with their paths seen from the folder that they all lie in."""
    paths = [each.path.absolute() for each in entries]
    try:
        common = os.path.commonpath([path.parent for path in paths])
    except ValueError:  # on different drives, or none at all
        return list(entries)
    return [replace(each, path=path.relative_to(common)) for each, path in zip(entries, paths, strict=True)]


def _rankings(entries: Sequence[Entry]) -> dict[str, list[_Row]]:
    """For each region that two pictures or more have, the pictures by its share."""
    names = dict.fromkeys(each.name for entry in entries for each in entry.shares.regions)
    rankings = {}
    for name in names:
        found = [
            (number, entry, each)
            for number, entry in enumerate(entries, start=1)
            for each in entry.shares.regions
            if each.name == name
        ]
        if len(found) > 1:
            rows = [
                _Row(1 + sum(_is_above(other, each) for _, _, other in found), entry, number, each)
                for number, entry, each in found
            ]
            rankings[name] = sorted(rows, key=lambda row: (row.place, -row.region.share))
    return rankings


def _is_above(one: RegionShare, other: RegionShare) -> bool:
    if one.interval is None or other.interval is None:
        return one.share > other.share
    return one.interval[0] > other.interval[1]


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0] * 100:.1f} to {interval[1]:.1%}"


def _source(file: bytes) -> str:
    """A WebP file as the source of a picture."""
    return "data:image/webp;base64," + base64.b64encode(file).decode("ascii")
