"""The summary of an evaluation, as JSON and as Markdown: each number with what it takes to trust it."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

import numpy as np

from salgan._files import replacing
from salgan._words import markdown_table
from salgan.evaluation.intervals import LEVEL, Interval, bootstrap_mean
from salgan.evaluation.results import Results
from salgan.metrics import find_metric

__all__ = ["conditions", "dataset_label", "interval_text", "label", "markdown", "summarise", "write_summary"]


def label(metric: str) -> str:
    """A metric's name in tables and figures, with an arrow to where better is."""
    return find_metric(metric).heading


def dataset_label(about: dict[str, Any]) -> str:
    """A dataset's name with its release and part, as every table names it."""
    dataset = about["dataset"]
    release = f", release {dataset['release']}" if dataset.get("release") else ""
    part = dataset.get("part") or ""
    if part:
        part = f", {part}" if dataset.get("fold") else f", {part} part"
    return f"{dataset['name']}{release}{part}"


def summarise(results: Results) -> dict[str, Any]:
    """Mean and interval of every metric, and what they rest on.

    Returns:
        What ``summary.json`` holds: ``metrics`` by name (mean, low, high, n, undefined, variant),
        ``conditions`` as name and words, and the whole ``evaluation.json`` beside them.
    """
    seed = results.about["protocol"]["seed"]
    metrics: dict[str, Any] = {}
    for name in results.metrics:
        metric, interval = find_metric(name), bootstrap_mean(results.columns[name], seed)
        metrics[name] = {
            "label": metric.label,
            "higher_is_better": metric.higher_is_better,
            "mean": _or_none(interval.mean),
            "low": _or_none(interval.low),
            "high": _or_none(interval.high),
            "n": interval.n,
            "undefined": len(results.pictures) - interval.n,
            "variant": metric.variant,
        }
    return {
        "model": results.name,
        "metrics": metrics,
        "conditions": dict(conditions(results)),
        "evaluation": results.about,
    }


def conditions(results: Results) -> list[tuple[str, str]]:
    """Everything to be printed with the numbers, as name and words."""
    about, columns = results.about, results.columns
    protocol = about["protocol"]
    lines = [
        (
            "dataset",
            dataset_label(about) + (", release not stated" if _release_matters(about) else ""),
        ),
        ("pictures", _pictures(results)),
        ("fixations", f"{_total(columns['fixations']):,} fixated pixels"),
        ("density", _density(results)),
        ("maps", _map_sizes(columns, about["model"].get("files", True)) + _kind(about)),
        *(("remark", remark) for remark in about["model"].get("remarks", ())),
    ]
    if any(name.startswith("sauc") for name in results.metrics):
        drawn = columns["others"]
        drawn = drawn[np.isfinite(drawn)] if np.isfinite(drawn).any() else np.zeros(1)
        fewest, most = int(drawn.min()), int(drawn.max())
        number = f"{most}" if fewest == most else f"{fewest} to {most}"
        lines.append(("other fixations", f"{number} other pictures of the set each, drawn with the seed"))
    bias = about["center_bias"]
    if bias is not None:
        left_out = ", each picture left out for its own turn" if bias["leave_one_out"] else ""
        lines.append(
            (
                "center bias",
                f"{bias['fitted_on']} ({bias['pictures']:,} pictures, {bias['fixations']:,} fixations, "
                f"Gaussian {bias['sigma']:g} of each side{left_out})",
            )
        )
    lines += [
        ("intervals", f"{LEVEL:.0%} bootstrap over pictures"),
        ("seed", str(protocol["seed"])),
        ("version", f"salgan {about['salgan']}"),
    ]
    reasons = Counter(
        reason
        for note in results.notes
        if note
        # Numbers in brackets differ from picture to picture.
        for reason in dict.fromkeys(re.sub(r" \([^)]*\)", "", note).split("; "))
    )
    for reason, count in reasons.most_common(5):
        lines.append(("left out", f"{count} pictures: {reason}"))
    return lines


def interval_text(interval: Interval | dict[str, Any], digits: int = 3) -> str:
    """A mean with its interval, ``0.773 [0.770, 0.776]``; a dash where there is none."""
    mean, low, high = (
        (interval.mean, interval.low, interval.high)
        if isinstance(interval, Interval)
        else (interval["mean"], interval["low"], interval["high"])
    )
    if mean is None or math.isnan(mean):
        return "–"
    return f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def markdown(results: Results, summary: dict[str, Any]) -> str:
    """The summary as a Markdown document."""
    lines = [
        f"# {results.name} on {dataset_label(results.about)}",
        "",
        *markdown_table(
            ["metric", f"mean [{LEVEL:.0%} interval]", "n", "variant"],
            (
                [label(name), interval_text(found), str(found["n"]), found["variant"]]
                for name, found in summary["metrics"].items()
            ),
        ),
        "",
        *(f"- {name}: {words}" for name, words in conditions(results)),
        "",
    ]
    return "\n".join(lines)


def write_summary(results: Results) -> dict[str, Any]:
    """Write ``summary.json`` and ``summary.md`` into the evaluation's folder."""
    summary = summarise(results)
    for name, text in (
        ("summary.json", json.dumps(summary, indent=2, ensure_ascii=False) + "\n"),
        ("summary.md", markdown(results, summary)),
    ):
        with replacing(results.folder / name) as part:
            part.write_text(text, encoding="utf-8", errors="backslashreplace")
    return summary


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _total(column: Any) -> int:
    return int(np.nansum(column))


def _pictures(results: Results) -> str:
    skipped = results.about["dataset"]["without_map"]
    return f"{len(results.pictures):,}" + (
        f" ({skipped:,} more have no map and were skipped)" if skipped else ""
    )


def _release_matters(about: dict[str, Any]) -> bool:
    """Whether the dataset has releases with different ground truth, of which none is named."""
    return about["dataset"]["name"] == "salicon" and not about["dataset"].get("release")


def _density(results: Results) -> str:
    protocol, sigma = results.about["protocol"], results.columns["sigma"]
    made = sigma[np.isfinite(sigma)]
    if not made.size:
        needing = [name for name in results.metrics if "density" in find_metric(name).needs]
        if not any(np.isfinite(results.columns[name]).any() for name in needing):
            return "none; " + ("no picture has one" if needing else "these metrics do not need it")
        return "published maps"
    low, high = f"{made.min():.1f}", f"{made.max():.1f}"
    pixels = f"{low} px" if low == high else f"{low} to {high} px"
    if protocol["sigma"] is not None:
        return f"fixations blurred with a Gaussian, sigma {pixels}"
    degrees = protocol["degrees"] or 1
    return f"fixations blurred with a Gaussian, sigma {degrees:g}° of visual angle ({pixels})"


def _kind(about: dict[str, Any]) -> str:
    """What the maps were taken for, where that is not saliency."""
    kind = about["model"].get("maps", "saliency")
    if kind == "saliency":
        return ""
    best = "; for each metric the map that it rewards most" if about["protocol"].get("per_metric") else ""
    return f"; taken as {'log densities' if kind == 'log-density' else 'densities'}{best}"


def _map_sizes(columns: dict[str, Any], of_files: bool) -> str:
    sizes = np.stack([columns["map_width"], columns["map_height"]], axis=1)
    same = (sizes == np.stack([columns["width"], columns["height"]], axis=1)).all(axis=1)
    known = np.isfinite(sizes).all(axis=1)
    different, count = int(np.count_nonzero(~same & known)), int(np.count_nonzero(known))
    if not count:
        return "none"
    kinds = np.unique(sizes[known], axis=0).astype(int)
    words = f"{kinds[0][0]}×{kinds[0][1]}" if len(kinds) == 1 else f"{len(kinds)} sizes"
    if not different:
        return (
            f"{words}, {'as the pictures' if of_files else 'given by the model at the size of its pictures'}"
        )
    return f"{words}; {different:,} of {count:,} resized bilinearly to their picture's size"
