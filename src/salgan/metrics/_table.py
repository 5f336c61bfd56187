"""The table of the metrics, and all of them in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from numpy.typing import ArrayLike

from salgan._words import did_you_mean
from salgan.errors import MetricError
from salgan.metrics._inputs import Fixated, Map, as_fixated, as_map
from salgan.metrics.auc_borji import auc_borji
from salgan.metrics.auc_judd import auc_judd
from salgan.metrics.cc import cc
from salgan.metrics.emd import emd
from salgan.metrics.ig import ig
from salgan.metrics.kld import kld
from salgan.metrics.log_likelihood import ig_density, log_likelihood
from salgan.metrics.nss import nss
from salgan.metrics.sauc import sauc
from salgan.metrics.sim import sim

__all__ = ["DEFAULT_METRICS", "METRICS", "STEPPED", "VARIANTS", "Metric", "find_metric", "score"]


@dataclass(frozen=True)
class Metric:
    """One metric, or a variant of one, and how to read it.

    Attributes:
        name: as in code and files.
        label: as in tables and figures.
        higher_is_better: whether a larger score is a better one.
        needs: what it takes beside the saliency map, in the order of the function's arguments:
            ``"fixations"``, ``"density"``, ``"other_fixations"``, ``"baseline"``.
        variant: which variant of the metric a number is, in a few words for a table.
        function: computes it.
        of_density: whether the map itself must be a density that sums to 1.
    """

    name: str
    label: str
    higher_is_better: bool
    needs: tuple[str, ...]
    variant: str
    function: Callable[..., float]
    of_density: bool = False

    @property
    def heading(self) -> str:
        """The label with an arrow to where better is, as tables and figures show it."""
        return f"{self.label} {'↑' if self.higher_is_better else '↓'}"


def _table(*metrics: Metric) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


_POINTS = ("fixations",)
_SHUFFLED = ("fixations", "other_fixations")
_DENSITY = ("density",)
_EXACT = "exact expectation"

METRICS = _table(
    Metric(
        "auc_judd", "AUC-Judd", True, _POINTS, "thresholds at fixated values, ties in expectation", auc_judd
    ),
    Metric("auc_borji", "AUC-Borji", True, _POINTS, f"threshold step .1, {_EXACT}", auc_borji),
    Metric("sauc", "sAUC", True, _SHUFFLED, f"threshold step .1, {_EXACT}", sauc),
    Metric("nss", "NSS", True, _POINTS, "standard deviation with n - 1", nss),
    Metric("ig", "IG", True, ("fixations", "baseline"), "bits per fixation, over the center bias", ig),
    Metric("cc", "CC", True, _DENSITY, "Pearson", cc),
    Metric("sim", "SIM", True, _DENSITY, "min-max scaled", sim),
    Metric("kld", "KLD", False, _DENSITY, "nats, eps 2.2e-16", kld),
    Metric("emd", "EMD", False, _DENSITY, "cells of 32 px, area averaged", emd),
)
"""The nine metrics by name, as the MIT saliency benchmark defines them."""

VARIANTS = _table(
    Metric(
        "auc_judd_jitter",
        "AUC-Judd (jittered)",
        True,
        _POINTS,
        "jitter 1e-7, seed 0",
        partial(auc_judd, jitter=True),
    ),
    Metric(
        "auc_borji_0.01",
        "AUC-Borji (step .01)",
        True,
        _POINTS,
        f"threshold step .01, {_EXACT}",
        partial(auc_borji, step=0.01),
    ),
    Metric(
        "auc_borji_all",
        "AUC-Borji (all thresholds)",
        True,
        _POINTS,
        "all thresholds",
        partial(auc_borji, step="all"),
    ),
    Metric(
        "sauc_0.01",
        "sAUC (step .01)",
        True,
        _SHUFFLED,
        f"threshold step .01, {_EXACT}",
        partial(sauc, step=0.01),
    ),
    Metric("sauc_all", "sAUC (all thresholds)", True, _SHUFFLED, "all thresholds", partial(sauc, step="all")),
    Metric(
        "log_likelihood",
        "LL",
        True,
        _POINTS,
        "bits per fixation, over the uniform density",
        log_likelihood,
        of_density=True,
    ),
    Metric(
        "ig_density",
        "IG (density)",
        True,
        ("fixations", "baseline"),
        "bits per fixation, densities as they are",
        ig_density,
        of_density=True,
    ),
)
"""Variants that other tools use, each under a name of its own."""

DEFAULT_METRICS = (
    "auc_judd",
    "auc_borji",
    "auc_borji_all",
    "sauc",
    "sauc_all",
    *(name for name in METRICS if name not in ("auc_judd", "auc_borji", "sauc")),
)
"""What an evaluation reports unless told otherwise: the nine, and two of them at all thresholds as well.

At steps of a tenth those two can be moved by a change of the map's histogram alone."""

STEPPED = {"auc_borji": "auc_borji_all", "sauc": "sauc_all"}
"""Metrics at steps of a tenth, and the same at all thresholds."""


def score(
    saliency: ArrayLike,
    *,
    fixations: ArrayLike | None = None,
    density: ArrayLike | None = None,
    other_fixations: ArrayLike | None = None,
    baseline: ArrayLike | None = None,
    metrics: Iterable[str] | None = None,
) -> dict[str, float]:
    """Score one saliency map by several metrics in one pass, sharing sorted values and sums.

    Each score equals that of the metric's own function, where what it needs is described.

    Args:
        saliency: (H, W), any real range (``kld`` and ``emd``: no negative values).
        fixations: (H, W) binary.
        density: (H, W) fixation density.
        other_fixations: (H, W) binary, from other pictures.
        baseline: (H, W).
        metrics: names from :data:`METRICS` or :data:`VARIANTS`. Default: of the nine, all that the given
            inputs allow, without ``emd``, which needs the extra ``eval``; ``metrics=METRICS`` asks for all.

    Returns:
        Scores by name, in the order asked for.

    Raises:
        MetricError: an unknown name, an input missing for a metric asked for, or inputs the metric rejects.
        MissingExtraError: ``emd`` is asked for and POT is not installed.

    >>> score([[0, 1], [2, 3]], fixations=[[0, 0], [0, 1]], metrics=["auc_judd", "auc_borji"])
    {'auc_judd': 1.0, 'auc_borji': 0.875}
    """
    S = as_map(saliency, "saliency")
    inputs: dict[str, Map | Fixated] = {}
    for name, values in (("fixations", fixations), ("other_fixations", other_fixations)):
        if values is not None:
            inputs[name] = as_fixated(values, name, S)
    for name, values in (("density", density), ("baseline", baseline)):
        if values is not None:
            inputs[name] = as_map(values, name, S)
    if metrics is None:
        chosen = [m for m in METRICS.values() if m.name != "emd" and inputs.keys() >= set(m.needs)]
    else:
        chosen = [find_metric(name) for name in ([metrics] if isinstance(metrics, str) else metrics)]
    if not chosen:
        raise MetricError("nothing to score with; pass fixations=, density=, or both")
    for metric in chosen:
        for need in metric.needs:
            if need not in inputs:
                raise MetricError(f"{metric.name} needs {need}; pass {need}=, or leave {metric.name} out")
    return {m.name: m.function(S, *(inputs[need] for need in m.needs)) for m in chosen}


def find_metric(name: str) -> Metric:
    """The metric of a name, from :data:`METRICS` or :data:`VARIANTS`.

    Args:
        name: as in code (``auc_judd``) or as in tables and figures (``AUC-Judd``), with or without the arrow.

    Raises:
        MetricError: there is no such metric; the message names the closest one.
    """
    known = METRICS | VARIANTS
    if name in known:
        return known[name]
    by_label = {metric.label.casefold(): metric for metric in known.values()}
    printed = name.strip(" ↑↓").casefold()
    if printed in by_label:
        return by_label[printed]
    hint = did_you_mean(printed, known, f"use one of {', '.join(known)}")
    raise MetricError(f"no metric {name!r}; {hint}")
