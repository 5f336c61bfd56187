"""The paper's experiment with several seeds: what BCE and GAN differ by, over runs and over pictures.

The first seed's runs lie in the experiment's folder itself, so an experiment that was run once can be run
with more seeds. Those of the others lie in ``seed-2``, ``seed-3`` and so on, each an experiment of its own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from salgan._files import replacing
from salgan._progress import Progress
from salgan._words import markdown_table
from salgan.errors import ConfigError
from salgan.evaluation.report import conditions, dataset_label, label
from salgan.evaluation.results import Results
from salgan.evaluation.runs import MeanOverRuns, mean_over_runs
from salgan.reproduce.experiment import Branch, Experiment, branches, read_branches
from salgan.reproduce.rows import preprint_rows, preprint_settings, table2_rows, table2_settings
from salgan.reproduce.table1 import best_epoch

__all__ = [
    "change_cells",
    "check_alike",
    "experiments",
    "plain_mean",
    "read_seeds",
    "run_seeds",
    "seeds_table",
    "titled",
]

_Make: TypeAlias = Callable[[Experiment], dict[str, Branch]]

_Read: TypeAlias = Callable[[Path], dict[str, Branch]]

_STEP = 2
"""Distance of the seeds: the continuations of a seed take the next one."""


def experiments(experiment: Experiment, seeds: int) -> list[Experiment]:
    """The same experiment with several seeds, each in its folder; the first is the experiment itself.

    Raises:
        ConfigError: the recipe does not make sense.
    """
    if seeds == 1:
        return [experiment]
    first = experiment.config().seed
    return [
        experiment
        if number == 0
        else replace(
            experiment,
            overrides=(*experiment.overrides, f"seed={first + _STEP * number}"),
            out=experiment.out / f"seed-{number + 1}",
            on_progress=titled(experiment, f"seed {number + 1} of {seeds}"),
        )
        for number in range(seeds)
    ]


def run_seeds(
    experiment: Experiment,
    seeds: int,
    *,
    preprint: bool = False,
    table2: bool = False,
    make: _Make = branches,
) -> list[dict[str, Branch]]:
    """Train and evaluate the experiment with every seed in turn; finished work is not repeated.

    Args:
        experiment: see :func:`salgan.reproduce.experiment.branches`.
        seeds: how many.
        preprint: also train the preprint's rows with every seed.
        table2: also train what Table 2 compares with every seed.
        make: what trains and evaluates one of them.

    Returns:
        The branches of every seed.

    Raises:
        ConfigError: as :func:`salgan.reproduce.experiment.branches` raises it, or the recipe cannot have one
            of the other rows; nothing was trained then.
        DatasetError: the pictures cannot be scored; likewise.
        SalganError: training was stopped; the same call goes on.
    """
    if preprint:
        preprint_settings(experiment)
    if table2:
        table2_settings(experiment)
    found = []
    for number, each in enumerate(experiments(experiment, seeds), 1):
        if seeds > 1:
            experiment.say(f"seed {number} of {seeds}: {each.out}")
        found.append(make(each))
        if preprint:
            preprint_rows(each)
        if table2:
            table2_rows(each)
    return found


def read_seeds(run: Path, read: _Read = read_branches) -> list[dict[str, Branch]]:
    """The branches of every finished seed of an experiment, from its folder alone.

    Args:
        run: the experiment's folder.
        read: what reads one of them.

    Raises:
        ConfigError: the folder holds no finished experiment.
        SalganError: an evaluation that cannot be read.
    """
    found = [read(run)]
    for folder in sorted(run.glob("seed-*"), key=lambda path: (len(path.name), path.name)):
        try:
            found.append(read(folder))
        except ConfigError:  # not finished yet
            continue
    return [branches for branches in found if branches]


def seeds_table(found: Sequence[Mapping[str, Branch]], folder: Path) -> str:
    """Write ``seeds.md`` and ``seeds.json``: BCE and GAN over several seeds.

    Args:
        found: the branches of every seed, at least two.
        folder: where to write.

    Returns:
        The Markdown.

    Raises:
        ConfigError: the seeds were not evaluated alike.
        MetricError: there is only one seed.
    """
    finals = [{name: seed[name].evaluations[-1] for name in ("bce", "gan")} for seed in found]
    check_alike([results for seed in finals for results in seed.values()])
    first = finals[0]["bce"]
    record: dict[str, Any] = {"seeds": len(found), "evaluation": first.about}
    lines = [
        f"# BCE against GAN over {len(found)} seeds on {dataset_label(first.about)}",
        "",
        "Every seed has its own bootstrap, from which both continue. ± is the standard deviation of the "
        "seeds' means. Brackets are 95 % intervals of the difference for other seeds and other pictures, in "
        "a model with two crossed random effects; p belongs to them.",
        "",
    ]
    for key, title, choose in _CHOICES:
        rows, record[key] = [], {}
        for metric in first.metrics:
            chosen = [{name: choose(seed[name], metric) for name in ("bce", "gan")} for seed in found]
            scores = {
                name: np.stack([seed[name].columns[metric] for seed in chosen]) for name in ("bce", "gan")
            }
            means = {name: mean_over_runs(table) for name, table in scores.items()}
            change = mean_over_runs(scores["gan"] - scores["bce"])
            rows.append(
                [label(metric), *(_plus_minus(means[name]) for name in ("bce", "gan")), *change_cells(change)]
            )
            record[key][metric] = {
                name: plain_mean(mean) for name, mean in (means | {"difference": change}).items()
            }
        headings = ["metric", "BCE", "GAN", "GAN − BCE", "p", "each seed"]
        lines += [f"## {title}", "", *markdown_table(headings, rows), ""]
    lines += [
        "The best of many epochs is chosen on the pictures that it is reported on, in both columns; the last "
        "epoch is not chosen.",
        "",
        *(f"- {name}: {words}" for name, words in conditions(first) if name != "intervals"),
        "",
    ]
    text = "\n".join(lines)
    for name, content in (("seeds.md", text), ("seeds.json", json.dumps(record, indent=2) + "\n")):
        with replacing(folder / name) as part:
            part.write_text(content, encoding="utf-8")
    return text


def _last(branch: Branch, metric: str) -> Results:
    return branch.evaluations[-1]


def _best(branch: Branch, metric: str) -> Results:
    return best_epoch(branch, metric)[1]


_CHOICES: tuple[tuple[str, str, Callable[[Branch, str], Results]], ...] = (
    ("last", "At the last epoch", _last),
    ("best", "Best through epochs, each metric and seed by itself", _best),
)


def titled(experiment: Experiment, title: str) -> Progress:
    """An experiment's progress, with a title before each stage."""

    def report(stage: str, done: int, total: int | None) -> None:
        experiment.on_progress(f"{title}, {stage}", done, total)

    return report


def check_alike(evaluations: Sequence[Results]) -> None:
    """Check that all scored the same pictures by the same rules.

    Raises:
        ConfigError: two did not.
    """
    first = evaluations[0]
    for results in evaluations[1:]:
        same = all(
            results.about[part] == first.about[part]
            if part == "protocol"
            else results.about[part]["fingerprint"] == first.about[part]["fingerprint"]
            for part in ("protocol", "dataset")
        )
        if not same or results.pictures != first.pictures:
            raise ConfigError(
                f"{results.folder} and {first.folder} were not evaluated alike; evaluate both "
                "with the same settings"
            )


def _plus_minus(mean: MeanOverRuns) -> str:
    return "–" if math.isnan(mean.mean) else f"{mean.mean:.3f} ± {mean.spread:.3f}"


def change_cells(change: MeanOverRuns) -> tuple[str, str, str]:
    """A difference with its interval, its p-value, and the difference of every run, as cells of a table."""
    if math.isnan(change.p):
        return "–", "–", "–"
    p = f"{change.p:.4f}" if change.p >= 0.0001 else "< .0001"
    each = ", ".join(f"{one:+.3f}" for one in change.each)
    return f"{change.mean:+.3f} [{change.low:+.3f}, {change.high:+.3f}]", p, each


def plain_mean(mean: MeanOverRuns) -> dict[str, Any]:
    """A mean as JSON holds it: null where there is no number."""
    values = asdict(mean) | {"each": list(mean.each)}
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in values.items()
    }
