"""Area under the ROC curve, Judd's variant: thresholds at the fixated values."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from salgan.errors import MetricError
from salgan.metrics._inputs import Fixated, Float, Map, as_fixated, as_map
from salgan.metrics._roc import area

__all__ = ["auc_judd"]

Ties = Literal["expected", "above"]

JITTER = 1e-7
"""Largest noise that the toolbox adds, in the map's own units."""


def auc_judd(
    saliency: ArrayLike | Map,
    fixations: ArrayLike | Fixated,
    *,
    jitter: bool = False,
    ties: Ties = "expected",
    seed: int = 0,
) -> float:
    """Area under the curve with thresholds at the N fixated values, negatives at all other pixels.

    At the i-th highest fixated value t: tp = i / N, fp = (#{S >= t} - i) / (pixels - N); trapezoid from
    (0, 0) to (1, 1). Source: ``AUC_Judd.m`` of the MIT saliency benchmark toolbox; Judd et al. 2009,
    "Learning to predict where humans look". Without ties at fixated values all variants below agree.

    The trapezoid lies above the true step curve, so that a map without any information has the mean
    0.5 + 1 / (2 (N + 1)), not 0.5. A flat map ranks nothing and scores 0.5 by definition.

    Args:
        saliency: (H, W), any real range.
        fixations: (H, W) binary, 1 (or 255) where somebody looked.
        jitter: break ties as the toolbox does by default, with uniform noise in 0..1e-7 added to the map. It
            also reorders values that differ by less than 1e-7, which matters for densities.
        ties: what to do where fixated and other pixels have equal values.
            ``"expected"``: the exact mean of the score over all ways to break the ties, without randomness;
            any increasing map of the values leaves it unchanged.
            ``"above"``: the toolbox with its jitter off: tied pixels all count as at or above. Far too low on
            maps with large flat parts.
        seed: the seed of the noise of ``jitter``.

    Returns:
        Area in [0, 1]; higher is better.

    Raises:
        MetricError: no fixation, all pixels fixated, fixations not binary, different sizes, NaN or infinity,
            an unknown ``ties``.

    >>> auc_judd([[0, 1], [2, 3]], [[0, 0], [0, 1]])
    1.0
    """
    S = as_map(saliency, "saliency")
    F = as_fixated(fixations, "fixations", S)
    if len(F) == S.array.size:
        raise MetricError(
            "auc_judd is undefined when all pixels are fixated, as no pixel is left to compare with"
        )
    if ties not in ("expected", "above"):
        raise MetricError(f'ties must be "expected" or "above", not {ties!r}; for noise pass jitter=True')
    if S.is_flat:
        return 0.5
    if jitter:
        S = Map(S.array + np.random.default_rng(seed).random(S.array.shape) * JITTER, "saliency")
    positives = np.sort(F.values(S))
    return _expected(positives, S.ascending) if ties == "expected" else _literal(positives, S.ascending)


def _literal(positives: Float, ascending: Float) -> float:
    """The toolbox's formula as it stands; both arguments ascending."""
    n, rank = positives.size, np.arange(1, positives.size + 1)
    at_or_above = ascending.size - np.searchsorted(ascending, positives[::-1])
    return area((at_or_above - rank) / (ascending.size - n), rank / n)


def _expected(positives: Float, ascending: Float) -> float:
    """Mean of the toolbox's formula over random orders of tied pixels; both arguments ascending.

    The trapezoid exceeds the area by ranks (ties half) by fp_N / (2 N), with fp_N the share of negatives
    above the lowest positive. Of a positives and b negatives tied there, the mean of b a / (a + 1) lie above.
    """
    n, negatives = positives.size, ascending.size - positives.size
    # Negatives below, and not above, each positive: all pixels there less the positives among them.
    below = np.searchsorted(ascending, positives) - np.searchsorted(positives, positives)
    not_above = np.searchsorted(ascending, positives, "right") - np.searchsorted(
        positives, positives, "right"
    )
    tied_positives = int(np.searchsorted(positives, positives[0], "right"))
    tied_negatives = not_above[0] - below[0]
    above_lowest = negatives - not_above[0] + tied_negatives * tied_positives / (tied_positives + 1)
    return float(((below + not_above).sum() + above_lowest) / (2 * n * negatives))
