"""Earth mover's distance."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from salgan.errors import MetricError, require
from salgan.metrics._inputs import Float, Map, as_density, as_map

__all__ = ["emd"]

CELL = 32
"""Side of a cell in pixels, as in the toolbox."""

MOST_CELLS = 4096
"""Beyond this, the distances alone take more than 128 MiB and the transport many seconds."""


def emd(saliency: ArrayLike | Map, density: ArrayLike | Map) -> float:
    """Least work that turns the saliency map into the fixation density, in cells of 32 pixels.

    Both maps are reduced to ceil(H / 32) × ceil(W / 32) cells by area averaging and divided by their sums;
    the ground distance is Euclidean, in cells. Source: ``EMD.m`` of the MIT saliency benchmark toolbox, whose
    bicubic reduction is replaced, as it overshoots below 0; Pele and Werman 2009, "Fast and robust earth
    mover's distances". Optimal transport by POT (Flamary et al. 2021). A flat saliency map counts as uniform.

    Args:
        saliency: (H, W), no negative values.
        density: (H, W) fixation density (blurred fixations), no negative values.

    Returns:
        Mean distance that a unit of mass moves, in cells; 0 for equal maps, lower is better.

    Raises:
        MetricError: negative values, density 0 everywhere, different sizes, NaN or infinity, a map of more
            than 4,096 cells (about 2,048 × 2,048 pixels).
        MissingExtraError: POT is not installed.

    >>> left, right = np.zeros((32, 128)), np.zeros((32, 128))
    >>> left[:, :32], right[:, 96:] = 1, 1
    >>> emd(left, right)
    3.0
    """
    S = as_map(saliency, "saliency")
    D = as_density(density, S)
    rows, columns = (math.ceil(side / CELL) for side in S.array.shape)
    if rows * columns > MOST_CELLS:
        height, width = S.array.shape
        raise MetricError(
            f"emd of {height}×{width} pixels would need {rows * columns} cells (at most {MOST_CELLS});"
            f" resize both maps, for example to {height // 2}×{width // 2}"
        )
    source, target = (_cells(m, rows, columns) for m in (S, D))
    transport = require("ot", "eval")
    return max(0.0, float(transport.emd2(source, target, _distances(rows, columns), numItermax=10_000_000)))


def _cells(values: Map, rows: int, columns: int) -> Float:
    """Mean over each cell, divided by the sum of all; (rows * columns,)."""
    values.check_distribution()
    if values.is_flat:
        return np.full(rows * columns, 1 / (rows * columns))
    top, height = _spans(values.array.shape[0], rows)
    left, width = _spans(values.array.shape[1], columns)
    sums = np.add.reduceat(np.add.reduceat(values.array, top, axis=0), left, axis=1)
    # The largest sum is brought to 1 first: means of the smallest numbers there are would vanish.
    means = (sums / sums.max() / np.outer(height, width)).ravel()
    cells: Float = means / means.sum()
    return cells


def _spans(pixels: int, cells: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First pixel and number of pixels of each of ``cells`` equal parts.

    A pixel belongs to the part that holds its centre, as in Pillow's BOX filter.
    """
    first = (2 * np.arange(cells + 1) * pixels + cells) // (2 * cells)
    return first[:-1], np.diff(first)


@lru_cache(maxsize=4)
def _distances(rows: int, columns: int) -> Float:
    """Euclidean distances between all cells; (rows * columns, rows * columns)."""
    y, x = np.divmod(np.arange(rows * columns), columns)
    distances: Float = np.hypot(y[:, None] - y, x[:, None] - x)
    return distances
