"""Level sets of a map, and how long they are: a number for how smooth the map is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from salgan.errors import require

__all__ = ["SHARES", "level_set_length", "levels", "lines"]

SHARES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7)
"""Parts of the picture that the level sets enclose. By area, so that contrast does not matter, only shape."""

Floats = NDArray[np.float64]


def levels(saliency: NDArray[Any]) -> Floats:
    """The values above which :data:`SHARES` of the pixels lie, descending, one per share.

    Args:
        saliency: (H, W), real.
    """
    values: Floats = np.quantile(np.asarray(saliency, dtype=np.float64), 1 - np.array(SHARES))
    return values


def lines(saliency: NDArray[Any], level: float) -> list[Floats]:
    """The level set at a value as polylines, each (N, 2) of x and y in pixels; none beyond the map's range.

    Raises:
        MissingExtraError: contourpy, which comes with Matplotlib, is not installed.
    """
    contourpy = require("contourpy", "eval")
    found = contourpy.contour_generator(z=np.asarray(saliency, dtype=np.float64)).lines(level)
    return [np.asarray(line) for line in found]


def level_set_length(saliency: NDArray[Any]) -> float:
    """Mean length of the level sets, in diagonals of the picture.

    The boundary of an area is the longer, the more ragged it is and the more pieces it is in; a smooth map
    with few peaks has short ones. Not in the paper, which shows level sets (preprint, Figure 5) without a
    number.

    Args:
        saliency: (H, W), real.

    Returns:
        Mean over the level sets that enclose :data:`SHARES` of the picture; 0 for a flat map.

    Raises:
        MissingExtraError: contourpy, which comes with Matplotlib, is not installed.
    """
    height, width = saliency.shape
    if saliency.min() == saliency.max():
        return 0.0
    total = sum(
        float(np.hypot(*np.diff(line, axis=0).T).sum())
        for level in levels(saliency)
        for line in lines(saliency, level)
    )
    return total / len(SHARES) / float(np.hypot(height - 1, width - 1))
