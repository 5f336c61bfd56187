"""k-fold cross-validation of an experiment: every picture is scored by networks that never saw it.

A set of some hundred pictures has none to spare for a test part. It is divided into folds. For each of them
the experiment is run on all other pictures, in ``fold-1``, ``fold-2`` and so on, and scored on the fold's
own. The scores are pooled over all pictures, into evaluations in ``pooled`` that ``salgan compare`` reads.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from salgan._arrays import Floats, Integers
from salgan._files import replacing
from salgan._words import markdown_table
from salgan.datasets.split import parse_fold
from salgan.errors import ConfigError
from salgan.evaluation.report import conditions, dataset_label, label, write_summary
from salgan.evaluation.results import FACTS, Results, RowFile
from salgan.evaluation.runs import MeanOverRuns, mean_over_folds, mean_over_runs
from salgan.reproduce.experiment import Branch, Experiment, bootstrap_alone, branches, read_bootstrap_alone
from salgan.reproduce.seeds import change_cells, plain_mean, read_seeds, run_seeds, titled

__all__ = ["folds_table", "has_folds", "in_folds", "read_folds", "run_folds"]

_Fold: TypeAlias = list[dict[str, Branch]]
"""The branches of every seed, on one fold."""

_SHARED = (
    "Networks of different folds share most of their training pictures, so no interval knows how far "
    "networks from another set would lie from them."
)


def in_folds(experiment: Experiment, count: int) -> list[Experiment]:
    """The same experiment on every fold of its data, each in its folder.

    The first source that has validation pictures is divided, as a whole; sources that are only trained on are
    left as they are.

    Args:
        experiment: what to divide; ``data`` must be None, because a fold is scored on its own pictures.
        count: how many folds.

    Raises:
        ConfigError: no source has validation pictures, or another source trains on the divided folder.
    """
    config = experiment.config()
    number = next((number for number, source in enumerate(config.sources) if source.val), None)
    if number is None:
        raise ConfigError(f"{experiment.recipe}: no source has validation pictures that folds could be of")
    divided = config.sources[number]
    for other, source in enumerate(config.sources):
        if other != number and source.train and Path(source.path) == Path(divided.path):
            raise ConfigError(
                f"sources.{other} trains on {source.path} too, so that networks would see the pictures of "
                "their fold; leave it out of the recipe"
            )
    return [
        replace(
            experiment,
            overrides=(
                *experiment.overrides,
                f"sources.{number}.split=null",
                f"sources.{number}.train=train",
                f"sources.{number}.val=val",
                f"sources.{number}.fold={fold}/{count}",
            ),
            out=experiment.out / f"fold-{fold}",
            on_progress=titled(experiment, f"fold {fold} of {count}"),
        )
        for fold in range(1, count + 1)
    ]


def run_folds(experiment: Experiment, count: int, seeds: int = 1) -> list[_Fold]:
    """Train and evaluate the experiment on every fold in turn; finished work is not repeated.

    A recipe without an adversarial phase is trained as it is.

    Args:
        experiment: see :func:`in_folds`.
        count: how many folds.
        seeds: with how many seeds each.

    Returns:
        The branches of every seed, for every fold.

    Raises:
        ConfigError: see :func:`in_folds` and :func:`salgan.reproduce.experiment.branches`.
        SalganError: training was stopped; the same call goes on.
    """
    make = branches if experiment.config().adversarial.epochs else bootstrap_alone
    found = []
    for fold, each in enumerate(in_folds(experiment, count), 1):
        experiment.say(f"fold {fold} of {count}: {each.out}")
        found.append(run_seeds(each, seeds, make=make))
    return found


def has_folds(run: Path) -> bool:
    """Whether a folder holds an experiment in folds."""
    return (run / "fold-1").is_dir()


def read_folds(run: Path) -> list[_Fold]:
    """The branches of every seed for every fold, from the experiment's folder alone.

    Seeds that are not finished in every fold are left out.

    Raises:
        ConfigError: a fold is not finished.
        SalganError: an evaluation that cannot be read.
    """
    found: list[_Fold] = []
    count = 1
    while len(found) < count:
        folder = run / f"fold-{len(found) + 1}"
        try:
            alone = read_bootstrap_alone(folder)
            seeds = read_seeds(folder, read_bootstrap_alone) if alone else read_seeds(folder)
            _, count = parse_fold(str(seeds[0]["bootstrap"].evaluations[0].about["dataset"].get("fold")))
        except ConfigError:
            raise ConfigError(
                f"{folder}: is not finished; go on with the same salgan reproduce run --folds command"
            ) from None
        found.append(seeds)
    complete = min(map(len, found))
    return [seeds[:complete] for seeds in found]


def folds_table(found: Sequence[_Fold], folder: Path) -> str:
    """Pool the last epoch of every branch over all folds, and write ``folds.md`` and ``folds.json``.

    The pooled evaluations are written into ``pooled``, those of further seeds into ``pooled/seed-2`` etc.

    Args:
        found: the branches of every seed, for every fold.
        folder: where to write.

    Returns:
        The Markdown.

    Raises:
        ConfigError: the folds were not evaluated by the same rules.
    """
    seeds, names = len(found[0]), list(found[0][0])
    shown = [name for name in ("bce", "gan") if name in names] or names
    pooled: list[dict[str, Results]] = []
    for seed in range(seeds):
        place = folder / "pooled" if seed == 0 else folder / "pooled" / f"seed-{seed + 1}"
        pooled.append(
            {
                name: _pool(
                    [fold[seed][name] for fold in found], place / name.replace("bootstrap", "network")
                )
                for name in shown
            }
        )
    first = pooled[0][shown[0]]
    groups = _folds_of([fold[0][shown[0]].evaluations[-1] for fold in found], first)
    mean = partial(_mean, folds=groups)
    record: dict[str, Any] = {"folds": len(found), "seeds": seeds, "evaluation": first.about}
    rows, record["last"] = [], {}
    for metric in first.metrics:
        scores = {name: np.stack([seed[name].columns[metric] for seed in pooled]) for name in shown}
        means = {name: mean(table) for name, table in scores.items()}
        cells = [_interval(found_mean) for found_mean in means.values()]
        if len(shown) == 2:
            means["difference"] = mean(scores["gan"] - scores["bce"])
            cells += change_cells(means["difference"])
        rows.append([label(metric), *cells])
        record["last"][metric] = {name: plain_mean(each) for name, each in means.items()}
    titles = [found[0][0][name].title for name in shown]
    each = "each fold" if seeds == 1 else "each seed"
    headings = ["metric", *titles, *(["GAN − BCE", "p", each] if len(shown) == 2 else [])]
    rest = (
        "the folds' means, each of which holds the luck of its network and of its pictures"
        if seeds == 1
        else "a model with two crossed random effects, seeds and pictures"
    )
    text = "\n".join(
        [
            f"# {' against '.join(reversed(titles)) if len(shown) == 2 else first.name} on "
            f"{dataset_label(first.about)}" + (f", {seeds} seeds" if seeds > 1 else ""),
            "",
            "Every picture is scored by a network that never saw it, the one of its fold, after its last "
            f"epoch. Brackets are 95 % intervals for other networks and other pictures, from {rest}"
            + ("; p belongs to the difference. " if len(shown) == 2 else ". ")
            + _SHARED,
            "",
            *markdown_table(headings, rows),
            "",
            *(f"- {name}: {words}" for name, words in conditions(first) if name != "intervals"),
            "",
        ]
    )
    for name, content in (("folds.md", text), ("folds.json", json.dumps(record, indent=2) + "\n")):
        with replacing(folder / name) as part:
            part.write_text(content, encoding="utf-8")
    return text


def _pool(parts: Sequence[Branch], folder: Path) -> Results:
    """One evaluation of all pictures from the last epochs of a branch's folds."""
    evaluations = [branch.evaluations[-1] for branch in parts]
    first = evaluations[0]
    for results in evaluations[1:]:
        if results.about["protocol"] != first.about["protocol"]:
            raise ConfigError(
                f"{results.folder} and {first.folder} were not evaluated by the same rules; run all folds of "
                "one experiment with the same settings"
            )
    abouts = [results.about for results in evaluations]
    total = sum(len(results.pictures) for results in evaluations)
    about = first.about | {
        "model": first.about["model"]
        | {
            "name": parts[0].title,
            "fingerprint": _joined(about["model"].get("fingerprint") for about in abouts),
            "spec": None,
            "remarks": [
                f"each picture is scored by the network of its fold, of {len(parts)}, which never saw it"
            ],
        },
        "dataset": first.about["dataset"]
        | {
            "part": f"{len(parts)} folds",
            "fold": f"1 to {len(parts)}",
            "path": None,
            "pictures": total,
            "without_map": sum(about["dataset"]["without_map"] for about in abouts),
            "fingerprint": _joined(about["dataset"]["fingerprint"] for about in abouts),
        },
        "center_bias": first.about["center_bias"]
        and first.about["center_bias"]
        | {
            "fitted_on": "for each fold the pictures of the others",
            "pictures": total,
            "fixations": sum(about["center_bias"]["fixations"] for about in abouts) // (len(parts) - 1),
            "fingerprint": _joined(about["center_bias"]["fingerprint"] for about in abouts),
        },
    }
    with RowFile(folder, about, overwrite=True) as rows:
        for results in evaluations:
            for number, (picture, note) in enumerate(zip(results.pictures, results.notes, strict=True)):
                row = {name: _whole(name, results.columns[name][number]) for name in results.columns}
                rows.append(row | {"picture": picture, "note": note})
    pooled = rows.finish(sorted(picture for results in evaluations for picture in results.pictures))
    write_summary(pooled)
    return pooled


def _whole(name: str, value: float) -> float | int:
    """Facts are counts and sizes, written as they were; sigma and scores keep their fraction."""
    whole = name in FACTS and name != "sigma" and not math.isnan(value)
    return int(value) if whole else float(value)


def _joined(fingerprints: Any) -> str:
    return hashlib.sha256("\n".join(map(str, fingerprints)).encode()).hexdigest()


def _folds_of(evaluations: Sequence[Results], pooled: Results) -> Integers:
    """Which fold each pooled picture is in."""
    fold = {picture: number for number, results in enumerate(evaluations) for picture in results.pictures}
    return np.array([fold[picture] for picture in pooled.pictures], dtype=np.int64)


def _mean(table: Floats, folds: Integers) -> MeanOverRuns:
    """Mean of (seeds, pictures): over seeds if there are several, over folds otherwise."""
    if len(table) > 1:
        return mean_over_runs(table)
    scored = folds[~np.isnan(table[0])]
    if len(np.unique(scored)) < 2:
        nan = math.nan
        return MeanOverRuns(nan, nan, nan, nan, nan, 0, 0, ())
    return mean_over_folds(table[0], folds)


def _interval(mean: MeanOverRuns) -> str:
    return "–" if math.isnan(mean.mean) else f"{mean.mean:.3f} [{mean.low:.3f}, {mean.high:.3f}]"
