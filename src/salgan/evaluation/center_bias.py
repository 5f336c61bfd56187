"""The center bias: where people look in the pictures of a set, independent of what is in the picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from PIL import Image

from salgan._arrays import Floats
from salgan.errors import DatasetError

__all__ = ["GRID", "SIGMAS", "CenterBias", "counts"]

GRID = (192, 256)
"""Rows and columns of the grid on which relative positions are counted."""

SIGMAS = (0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2)
"""Widths of the Gaussian that are tried, as a fraction of the picture's sides."""

_FOLDS = 5
_UNIFORM = 1e-3
"""Share of the uniform density mixed in, so that no place is impossible."""


def counts(places: Floats) -> Floats:
    """Count relative positions on the grid.

    Args:
        places: (N, 2), x and y as fractions of width and height, in [0, 1).

    Returns:
        float64 ``GRID``.
    """
    rows, columns = GRID
    grid = np.zeros(rows * columns)
    column = np.clip((places[:, 0] * columns).astype(np.intp), 0, columns - 1)
    row = np.clip((places[:, 1] * rows).astype(np.intp), 0, rows - 1)
    np.add.at(grid, row * columns + column, 1.0)
    return grid.reshape(GRID)


@dataclass(frozen=True, eq=False)
class CenterBias:
    """Fixations of many pictures in relative coordinates, blurred.

    Attributes:
        grid: counts, float64 ``GRID``.
        sigma: standard deviation of the Gaussian, as a fraction of the sides.
        pictures: how many pictures it was fitted on.
        fixations: how many fixations.
        source: words for a report: which pictures these were.
    """

    grid: Floats
    sigma: float
    pictures: int
    fixations: int
    source: str

    @classmethod
    def fit(cls, places: Iterable[Floats], source: str) -> CenterBias:
        """Count all fixations and choose the Gaussian's width by cross-validation over pictures.

        The width is the one of :data:`SIGMAS` under which the fixations of each fifth of the pictures have
        the largest log-likelihood given those of the others. Pictures pass through one at a time.

        Args:
            places: for each picture (N, 2) relative positions, in an order that does not depend on the
                machine.
            source: words for a report.

        Raises:
            DatasetError: there is no fixation at all.
        """
        folds, pictures, fixations = np.zeros((_FOLDS, *GRID)), 0, 0
        for number, one in enumerate(places):
            folds[number % _FOLDS] += counts(one)
            pictures += len(one) > 0
            fixations += len(one)
        if not fixations:
            raise DatasetError(
                f"center bias: the {source} hold no fixations to fit it on; name another set for it"
            )
        total = folds.sum(axis=0)
        sigma = max(SIGMAS, key=lambda width: _log_likelihood(folds, total, width))
        return cls(total, sigma, pictures, fixations, source)

    def without(self, places: Floats) -> CenterBias:
        """The center bias of the other pictures: all but the one with these fixations.

        Raises:
            DatasetError: no fixation is left.
        """
        left = self.fixations - len(places)
        if left <= 0:
            raise DatasetError("center bias: no other picture has fixations")
        return replace(
            self,
            grid=self.grid - counts(places),
            pictures=self.pictures - 1,
            fixations=left,
        )

    def density(self, height: int, width: int) -> Floats:
        """The center bias at a picture's size: float64 (height, width), positive, sums to 1."""
        small = Image.fromarray((_blurred(self.grid, self.sigma) * self.grid.size).astype(np.float32))
        large = np.asarray(small.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float64)
        return np.asarray(large / large.sum())


def _log_likelihood(folds: Floats, total: Floats, sigma: float) -> float:
    held_out = [fold for fold in folds if 0 < fold.sum() < total.sum()]
    # With a single picture there is nothing to hold out: every width is as good, and max takes the narrowest.
    return float(sum(np.sum(fold * np.log(_blurred(total - fold, sigma))) for fold in held_out))


def _blurred(grid: Floats, sigma: float) -> Floats:
    """Gaussian blur in relative coordinates; every fixation's mass stays in the picture; sums to 1."""
    rows, columns = grid.shape
    blurred = _kernel(rows, sigma) @ grid @ _kernel(columns, sigma).T
    return np.asarray((1 - _UNIFORM) * blurred / blurred.sum() + _UNIFORM / grid.size)


@lru_cache(maxsize=4 * len(SIGMAS))
def _kernel(cells: int, sigma: float) -> Floats:
    place = (np.arange(cells) + 0.5) / cells
    gaussian = np.exp(-0.5 * ((place[:, None] - place[None, :]) / sigma) ** 2)
    return np.asarray(gaussian / gaussian.sum(axis=0))
