"""Two models on the same pictures: paired differences, and the pictures on which they differ most."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from salgan._files import replacing
from salgan._words import markdown_table
from salgan.errors import SalganError
from salgan.evaluation.gold import GOLD
from salgan.evaluation.intervals import LEVEL, Interval, bootstrap_mean, permutation_p
from salgan.evaluation.report import conditions, interval_text, label
from salgan.evaluation.results import Results
from salgan.metrics import STEPPED, find_metric

__all__ = [
    "Comparison",
    "Difference",
    "caution",
    "compare",
    "disagreements",
    "explained",
    "markdown",
    "most_different",
    "notes",
    "write",
]

_MUST_AGREE = {
    "dataset": "were made on different pictures or ground truth",
    "center_bias": "measure information gain against different center biases",
}


@dataclass(frozen=True)
class Difference:
    """How two models differ in one metric, over the pictures on which both have a score.

    Attributes:
        metric: its name.
        first: mean of the first model.
        second: mean of the second model.
        difference: second minus first, with its paired bootstrap interval.
        p: two-sided p-value of the paired permutation test.
        better: share of pictures on which the second model is better, ties counting half.
    """

    metric: str
    first: float
    second: float
    difference: Interval
    p: float
    better: float


@dataclass(frozen=True)
class Comparison:
    """Two evaluations and their differences."""

    first: Results
    second: Results
    differences: tuple[Difference, ...]


def compare(first: Results, second: Results) -> Comparison:
    """Compare two evaluations picture by picture.

    Args:
        first: one of them; differences are measured from it.
        second: the other.

    Returns:
        A difference per metric that both have.

    Raises:
        SalganError: they do not share the same pictures, ground truth and rules.
    """
    for results in (first, second):
        results.check_finished()
    for part, words in _MUST_AGREE.items():
        mine, theirs = (results.about[part] or {} for results in (first, second))
        if mine and theirs and mine["fingerprint"] != theirs["fingerprint"]:
            raise SalganError(f"{first.folder} and {second.folder} {words}; evaluate both in the same way")
    for key in ("sigma", "degrees", "others", "seed"):
        mine, theirs = (results.about["protocol"][key] for results in (first, second))
        if mine != theirs:
            raise SalganError(
                f"{first.folder} was made with {key} {mine}, {second.folder} with {theirs}; they must agree"
            )
    for one, other in ((first, second), (second, first)):
        if _per_metric(one) and not _per_metric(other):
            raise SalganError(
                f"{one.folder} was scored on the best map for each metric (--per-metric), {other.folder} on "
                "one map for all; evaluate both in the same way"
            )
    metrics = [name for name in first.metrics if name in second.metrics]
    if not metrics:
        raise SalganError(f"{first.folder} and {second.folder} have no metric in common")
    row = {name: number for number, name in enumerate(second.pictures)}
    for one, other in ((first, second), (second, first)):
        lacking = set(other.pictures).difference(one.pictures)
        if lacking:
            raise SalganError(f"{one.folder}: lacks the scores of {min(lacking)}; run its evaluation again")
    order = np.array([row[name] for name in first.pictures], dtype=np.intp)
    return Comparison(first, second, tuple(_difference(first, second, order, name) for name in metrics))


def _per_metric(results: Results) -> bool:
    return bool(results.about["protocol"].get("per_metric"))


def _difference(first: Results, second: Results, order: NDArray[np.intp], metric: str) -> Difference:
    mine, theirs = first.columns[metric], second.columns[metric][order]
    both = ~np.isnan(mine) & ~np.isnan(theirs)
    mine, theirs = mine[both], theirs[both]
    seed = first.about["protocol"]["seed"]
    change = theirs - mine
    gain = change if find_metric(metric).higher_is_better else -change
    if not change.size:
        return Difference(metric, math.nan, math.nan, bootstrap_mean(change, seed), math.nan, math.nan)
    return Difference(
        metric,
        float(mine.mean()),
        float(theirs.mean()),
        bootstrap_mean(change, seed),
        permutation_p(change, seed),
        float(np.mean(gain > 0) + np.mean(gain == 0) / 2),
    )


def most_different(comparison: Comparison, metric: str, count: int) -> list[tuple[str, float]]:
    """The pictures on which the second model is best and worst against the first.

    Returns:
        Names with second minus first: at most ``count``, half of them from either end, the second's gains
        first.

    Raises:
        SalganError: the metric is not in both evaluations.
    """
    first, second = comparison.first, comparison.second
    if metric not in first.columns or metric not in second.columns:
        raise SalganError(f"no metric {metric!r} in both evaluations; there are {', '.join(first.metrics)}")
    scores = dict(zip(second.pictures, second.columns[metric], strict=True))
    sign = 1 if find_metric(metric).higher_is_better else -1
    changes = [
        (name, float(scores[name] - value))
        for name, value in zip(first.pictures, first.columns[metric], strict=True)
        if not math.isnan(scores[name] - value)
    ]
    ranked = sorted(changes, key=lambda pair: -sign * pair[1])
    if len(ranked) <= count:
        return ranked
    return ranked[: count - count // 2] + ranked[len(ranked) - count // 2 :]


def caution(comparison: Comparison) -> str | None:
    """What to keep in mind when one of the two was scored on fewer fixations than the other; or None."""
    counts = [np.nansum(results.columns["fixations"]) for results in (comparison.first, comparison.second)]
    if counts[0] == counts[1]:
        return None
    return (
        f"the two were scored on different fixations ({counts[0]:,.0f} and {counts[1]:,.0f}): a baseline of "
        "viewers is scored on those of the others"
    )


def disagreements(differences: Sequence[Difference]) -> list[str]:
    """Notes on metrics whose difference has one sign at steps of a tenth and the other at all thresholds.

    At such steps AUC-Borji and sAUC depend on the map's histogram as well as on its order; at all thresholds
    they depend on the order alone.
    """
    by_name = {each.metric: each.difference.mean for each in differences}
    return [
        f"{label(stepped)} is {by_name[stepped]:+.3f} at threshold steps of .1 and {by_name[whole]:+.3f} at "
        "all thresholds: at steps of .1 it depends on the maps' histogram, not on their order alone"
        for stepped, whole in STEPPED.items()
        if stepped in by_name and whole in by_name and by_name[stepped] * by_name[whole] < 0
    ]


def explained(comparison: Comparison) -> str | None:
    """How much of the information that viewers have about each other a model has too, as a share; or None.

    It exists only if one of the two is a gold standard and both are densities. It is the model's information
    gain over the center bias, divided by that of the gold standard.
    """
    gain = next((each for each in comparison.differences if each.metric == "ig_density"), None)
    golden = [results.name in GOLD for results in (comparison.first, comparison.second)]
    if gain is None or golden[0] == golden[1]:
        return None
    gold, model = (gain.first, gain.second) if golden[0] else (gain.second, gain.first)
    name = comparison.second.name if golden[0] else comparison.first.name
    return (
        f"explained information: {name} has {model / gold:.1%} of the gold standard's" if gold > 0 else None
    )


def notes(comparison: Comparison) -> list[str]:
    """Everything to keep in mind when reading a comparison."""
    found = [caution(comparison), explained(comparison), *disagreements(comparison.differences)]
    return [note for note in found if note]


def markdown(comparison: Comparison) -> str:
    """The comparison as a Markdown document."""
    first, second = comparison.first.name, comparison.second.name
    lines = [
        f"# {second} against {first}",
        "",
        *markdown_table(headings(comparison), rows(comparison.differences)),
        "",
        "Differences are paired, picture by picture; p is two-sided, from a paired permutation test, "
        "and not corrected for the number of metrics.",
        "",
        *(f"- {note}" for note in notes(comparison)),
        *(f"- {name}: {words}" for name, words in _conditions(comparison)),
        "",
    ]
    return "\n".join(lines)


def _conditions(comparison: Comparison) -> list[tuple[str, str]]:
    """The conditions of the first evaluation, and what the second's maps were where that differs."""
    found = [each for each in conditions(comparison.first) if each[0] != "left out"]
    theirs = dict(conditions(comparison.second))["maps"]
    if theirs == dict(found)["maps"]:
        return found
    place = [name for name, _ in found].index("maps") + 1
    return [*found[:place], (f"maps of the second, {comparison.second.name}", theirs), *found[place:]]


def headings(comparison: Comparison) -> list[str]:
    """Headings of the table's columns."""
    first, second = comparison.first.name, comparison.second.name
    change = f"difference [{LEVEL:.0%} interval]"
    return ["metric", first, second, change, "p", f"{second} is better on", "n"]


def rows(differences: Sequence[Difference]) -> list[list[str]]:
    """Cells of the table, one list per metric."""
    return [
        [
            label(each.metric),
            _number(each.first),
            _number(each.second),
            interval_text(each.difference) if each.difference.n else "–",
            "–" if math.isnan(each.p) else f"{each.p:.4f}" if each.p >= 0.0001 else "< .0001",
            "–" if math.isnan(each.better) else f"{each.better:.0%}",
            str(each.difference.n),
        ]
        for each in differences
    ]


def write(comparison: Comparison, folder: Path) -> None:
    """Write ``comparison.json`` and ``comparison.md``.

    Raises:
        SalganError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SalganError(f"{folder}: cannot be made ({error.strerror})") from None
    record: dict[str, Any] = {
        "first": comparison.first.about,
        "second": comparison.second.about,
        "differences": [_plain(asdict(each)) for each in comparison.differences],
    }
    with replacing(folder / "comparison.json") as part:
        part.write_text(
            json.dumps(record, indent=2, ensure_ascii=False) + "\n",
            encoding="utf-8",
            errors="backslashreplace",
        )
    with replacing(folder / "comparison.md") as part:
        part.write_text(markdown(comparison), encoding="utf-8", errors="backslashreplace")


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _plain(value: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
