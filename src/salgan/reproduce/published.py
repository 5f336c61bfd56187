"""The published numbers, read from ``published.toml``, and a model's own beside them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from salgan._words import did_you_mean, markdown_table
from salgan.errors import SalganError
from salgan.evaluation.report import conditions, dataset_label, interval_text, label, summarise
from salgan.evaluation.results import Results

__all__ = [
    "PublishedBenchmark",
    "PublishedRow",
    "find_benchmark",
    "matching",
    "published",
    "published_table",
    "table2",
    "unstated",
]

_THEIRS = {"auc": "AUC ↑"}
"""Headings of scores that are none of our metrics: an AUC of a kind that whoever scored does not name."""


@dataclass(frozen=True)
class PublishedRow:
    """One published model.

    Attributes:
        model: its name.
        source: where the numbers are printed.
        scores: the scores by metric.
        key: what our own experiments call it; "" if none corresponds to it.
        remark: where sources differ.
    """

    model: str
    source: str
    scores: Mapping[str, float]
    key: str = ""
    remark: str = ""


@dataclass(frozen=True)
class PublishedBenchmark:
    """Numbers that may stand in one column: one dataset, one release, one part, one choice of the epoch."""

    id: str
    title: str
    dataset: str
    release: str
    part: str
    note: str
    rows: tuple[PublishedRow, ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that any row has, in the order in which they appear."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row.scores))

    def row(self, key: str) -> PublishedRow | None:
        """The row that our own experiments call by this name."""
        return next((row for row in self.rows if row.key == key), None)


@cache
def published() -> dict[str, PublishedBenchmark]:
    """All published numbers, by the benchmark's id."""
    text = resources.files("salgan.reproduce").joinpath("published.toml").read_text("utf-8")
    found: dict[str, PublishedBenchmark] = {}
    for name, table in tomllib.loads(text).items():
        rows = tuple(PublishedRow(**row) for row in table.pop("rows"))
        found[name] = PublishedBenchmark(id=name, rows=rows, **table)
    return found


def find_benchmark(name: str) -> PublishedBenchmark:
    """The published numbers of a benchmark, by its id.

    Raises:
        SalganError: there is none of that name; the message gives the nearest or the list.
    """
    known = published()
    if name not in known:
        raise SalganError(f"no benchmark is called {name!r}; {did_you_mean(name, known)}")
    return known[name]


def matching(about: Mapping[str, Any]) -> list[PublishedBenchmark]:
    """The published benchmarks with the very ground truth of an evaluation: dataset, release and part.

    Args:
        about: what ``evaluation.json`` holds.
    """
    dataset = about["dataset"]
    mine = (dataset["name"], dataset.get("release"), dataset.get("part"))
    return [each for each in published().values() if (each.dataset, each.release, each.part) == mine]


def unstated(about: Mapping[str, Any]) -> list[str]:
    """The releases that an evaluation which names none may belong to: those of its dataset and part."""
    dataset = about["dataset"]
    if dataset.get("release"):
        return []
    mine = (dataset["name"], dataset.get("part"))
    return sorted({each.release for each in published().values() if (each.dataset, each.part) == mine})


def table2(evaluations: Sequence[Results]) -> str:
    """Evaluations beside the published numbers, as Markdown: one table per dataset and release, never mixed.

    Args:
        evaluations: any number, of any datasets.

    Raises:
        SalganError: none is given.
    """
    if not evaluations:
        raise SalganError(
            "table2 needs at least one evaluation; make one with: salgan evaluate MODEL --data ..."
        )
    lines = ["# Own scores beside published ones", ""]
    groups: dict[tuple[str, str], list[Results]] = {}
    for results in evaluations:
        results.check_finished()
        key = (dataset_label(results.about), results.about["dataset"]["fingerprint"])
        groups.setdefault(key, []).append(results)
    shown: set[str] = set()
    for (title, _), members in groups.items():
        benchmarks = matching(members[0].about)
        shown |= {benchmark.id for benchmark in benchmarks}
        lines += [f"## Measured: {title}", "", *_own(members), ""]
        lines += [f"- {name}: {words}" for name, words in conditions(members[0])] + [""]
        for release in unstated(members[0].about):
            lines += [
                f"The release is not stated: if it is {release}, evaluate with `--release {release}`.",
                "",
            ]
        if not benchmarks:
            lines += [
                "Nothing published below was scored on this ground truth; "
                "numbers must not be compared across tables.",
                "",
            ]
        for benchmark in benchmarks:
            lines += _printed(benchmark, "the same dataset, release and part; their variants of the metrics")
    lines += [
        "# Published on other ground truth",
        "",
        "Not to be compared with the numbers measured above.",
        "",
    ]
    for benchmark in published().values():
        if benchmark.id not in shown:
            lines += _printed(benchmark, "")
    return "\n".join(lines)


def _own(members: Sequence[Results]) -> list[str]:
    metrics = list(dict.fromkeys(name for results in members for name in results.metrics))
    rows = []
    for results in members:
        found = summarise(results)["metrics"]
        cells = [interval_text(found[name]) if name in found else "–" for name in metrics]
        rows.append([results.name, *cells, f"measured, n = {len(results.pictures)}"])
    return markdown_table(_headings(metrics), rows)


def published_table(benchmark: PublishedBenchmark) -> list[str]:
    """The published numbers of one benchmark as lines of Markdown: a title, a table, and what it rests on."""
    return _printed(benchmark, "")


def _printed(benchmark: PublishedBenchmark, words: str) -> list[str]:
    metrics = list(benchmark.metrics)
    rows = []
    for row in benchmark.rows:
        cells = [f"{row.scores[name]:g}" if name in row.scores else "–" for name in metrics]
        source = row.source + (f" ({row.remark})" if row.remark else "")
        rows.append([row.model, *cells, source])
    table = markdown_table(_headings(metrics), rows)
    notes = [f"- {benchmark.note}", *([f"- {words}"] if words else [])]
    return [f"## Published: {benchmark.title}", "", *table, "", *notes, ""]


def _headings(metrics: Sequence[str]) -> list[str]:
    return ["model", *(_THEIRS.get(name) or label(name) for name in metrics), "source"]
