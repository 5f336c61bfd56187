"""Table 1 and Figure 3 from the branches of the experiment."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from salgan._files import replacing
from salgan._words import markdown_table
from salgan.evaluation.compare import Difference, compare, disagreements
from salgan.evaluation.figures import Curve, history_figure, save
from salgan.evaluation.intervals import bootstrap_mean
from salgan.evaluation.report import conditions, dataset_label, interval_text, label
from salgan.evaluation.results import Results
from salgan.reproduce.experiment import PAPER_METRICS, Branch
from salgan.reproduce.published import matching, published

__all__ = ["best_epoch", "curves", "figure3", "preprint_table", "table1"]


def best_epoch(branch: Branch, metric: str) -> tuple[int, Results]:
    """The epoch with the best mean of a metric, and its evaluation; the first epoch wins a tie."""
    means = [float(np.nanmean(results.columns[metric])) for results in branch.evaluations]
    number = int(np.argmax(means))  # higher is better in all of them
    return branch.epochs[number], branch.evaluations[number]


def table1(found: Mapping[str, Branch], folder: Path) -> str:
    """Write ``table1.md`` and ``table1.json``: BCE and GAN, each at its best epoch and at the last one.

    Args:
        found: what :func:`salgan.reproduce.experiment.branches` returned.
        folder: where to write.

    Returns:
        The Markdown.
    """
    bce, gan = found["bce"], found["gan"]
    about = bce.evaluations[-1].about
    printed = published()["salicon-2015-val"]
    same = printed in matching(about)
    begin, further = bce.first - 1, len(bce.evaluations)
    lines = [
        f"# Table 1 on {dataset_label(about)}",
        "",
        f"From one bootstrap of {begin} epochs, {further} further epochs of BCE alone and of GAN, with the "
        "same seed. Both generators learn on the same batches, so that they take equally many steps: "
        "BCE's rests where GAN's discriminator learns.",
        "",
        "## Best through epochs, each metric by itself",
        "",
    ]
    headings = ["metric", "BCE", "epoch", "GAN", "epoch", "GAN − BCE", "p"]
    headings += ["paper: BCE", "paper: GAN", "paper: GAN − BCE"]
    best: list[list[str]] = []
    chosen: list[Difference] = []
    last: list[list[str]] = []
    record: dict[str, Any] = {"best": {}, "last": {}, "epochs": {"bootstrap": begin, "further": further}}
    for metric in bce.evaluations[-1].metrics:
        (bce_epoch, first), (gan_epoch, second) = best_epoch(bce, metric), best_epoch(gan, metric)
        difference = _difference(first, second, metric)
        scores = [row.scores for key in ("bce", "gan") if (row := printed.row(key)) is not None]
        paper = [f"{each[metric]:.3f}" if metric in each else "–" for each in scores]
        change = f"{scores[1][metric] - scores[0][metric]:+.3f}" if metric in PAPER_METRICS else "–"
        cells = [
            label(metric),
            _mean(first, metric),
            str(bce_epoch),
            _mean(second, metric),
            str(gan_epoch),
            *_change(difference),
            *paper,
            change,
        ]
        best.append(cells)
        chosen.append(difference)
        record["best"][metric] = {"bce_epoch": bce_epoch, "gan_epoch": gan_epoch} | _plain(difference)
    lines += [*markdown_table(headings, best), *_notes(chosen)]
    final: list[Difference] = []
    for metric in bce.evaluations[-1].metrics:
        first, second = bce.evaluations[-1], gan.evaluations[-1]
        difference = _difference(first, second, metric)
        cells = [label(metric), _mean(first, metric), _mean(second, metric), *_change(difference)]
        last.append(cells)
        final.append(difference)
        record["last"][metric] = _plain(difference)
    lines += [
        "",
        f"## At the last epoch ({begin + further})",
        "",
        *markdown_table(["metric", "BCE", "GAN", "GAN − BCE", "p"], last),
        *_notes(final),
        "",
        f"Paper: {printed.title}, {printed.rows[-1].source}, {printed.note}."
        + ("" if same else " That is other ground truth: compare the signs, not the numbers."),
        "",
        "Brackets are 95% bootstrap intervals over pictures, p is from a paired permutation test; neither "
        "knows of the variation between training runs. The best of many epochs, chosen on the pictures it "
        "is reported on, is optimistic in both columns; the last epoch is not chosen.",
        "",
        *(f"- {name}: {words}" for name, words in conditions(bce.evaluations[-1])),
        "",
    ]
    text = "\n".join(lines)
    _write(folder / "table1.md", text)
    _write(folder / "table1.json", json.dumps(record | {"evaluation": about}, indent=2) + "\n")
    return text


def preprint_table(rows: Mapping[str, Branch], folder: Path) -> str:
    """Write ``preprint.md``: MSE, and BCE by the downsampling before the loss.

    Args:
        rows: what :func:`salgan.reproduce.rows.preprint_rows` returned.
        folder: where to write.

    Returns:
        The Markdown.
    """
    about = next(iter(rows.values())).evaluations[-1].about
    metrics = next(iter(rows.values())).evaluations[-1].metrics
    lines = [f"# The preprint's content losses on {dataset_label(about)}", ""]
    lines += ["Measured, each after its last epoch:", ""]
    measured = []
    for branch in rows.values():
        means = [_mean(branch.evaluations[-1], metric) for metric in metrics]
        measured.append([f"{branch.title}, {branch.first} epochs", *means])
    lines += markdown_table(_headings(metrics), measured)
    for key in ("salicon-2015-val-epoch15", "salicon-2015-val"):
        benchmark = published()[key]
        lines += ["", f"Published ({benchmark.title}; {benchmark.note}):", ""]
        printed = [
            [f"{row.model} ({row.source})", *(f"{row.scores[metric]:.3f}" for metric in PAPER_METRICS)]
            for row in benchmark.rows
        ]
        lines += markdown_table(_headings(PAPER_METRICS), printed)
    lines += ["", *(f"- {name}: {words}" for name, words in conditions(branch.evaluations[-1])), ""]
    text = "\n".join(lines)
    _write(folder / "preprint.md", text)
    return text


def curves(found: Mapping[str, Branch]) -> list[Curve]:
    """Metrics against epochs: the bootstrap and BCE as one line, and GAN from where it branches off."""
    begin = found["bootstrap"]
    result = []
    for name, title in (("bce", "BCE"), ("gan", "GAN + BCE")):
        # Both lines start at the bootstrap's last epoch, which they share.
        shared = begin.evaluations if name == "bce" else begin.evaluations[-1:]
        evaluations = [*shared, *found[name].evaluations]
        epochs = [*begin.epochs[len(begin.epochs) - len(shared) :], *found[name].epochs]
        seed = evaluations[0].about["protocol"]["seed"]
        metrics = {
            metric: [bootstrap_mean(results.columns[metric], seed, resamples=2000) for results in evaluations]
            for metric in evaluations[0].metrics
        }
        result.append(Curve(title, epochs, metrics))
    return result


def figure3(found: Mapping[str, Branch], folder: Path) -> list[Path]:
    """Draw the metrics against epochs, both lines with bands, into ``figure3.pdf`` and ``.png``."""
    begin = len(found["bootstrap"].evaluations)
    metrics = found["bce"].evaluations[-1].metrics
    return save(history_figure(curves(found), metrics, begin=begin), folder / "figure3")


def _notes(differences: Sequence[Difference]) -> list[str]:
    return ["", *(f"- {note}" for note in found)] if (found := disagreements(differences)) else []


def _headings(metrics: Sequence[str]) -> list[str]:
    return ["loss", *(label(metric) for metric in metrics)]


def _difference(first: Results, second: Results, metric: str) -> Difference:
    return next(each for each in compare(first, second).differences if each.metric == metric)


def _mean(results: Results, metric: str) -> str:
    return interval_text(bootstrap_mean(results.columns[metric], results.about["protocol"]["seed"]))


def _change(difference: Difference) -> tuple[str, str]:
    if math.isnan(difference.p):
        return "–", "–"
    change = difference.difference
    p = f"{difference.p:.4f}" if difference.p >= 0.0001 else "< .0001"
    return f"{change.mean:+.3f} [{change.low:+.3f}, {change.high:+.3f}]", p


def _plain(difference: Difference) -> dict[str, Any]:
    change = difference.difference
    values = {
        "bce": difference.first,
        "gan": difference.second,
        "difference": change.mean,
        "low": change.low,
        "high": change.high,
        "p": difference.p,
        "n": change.n,
    }
    return {key: None if math.isnan(value) else value for key, value in values.items()}


def _write(path: Path, text: str) -> None:
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")
