"""The gold standard: how well the other viewers of a picture predict a viewer, in bits.

It is a kernel density of the predicting viewers' fixations, mixed with the center bias and the uniform
density. The kernel's width and the three shares are those under which left-out viewers are most likely
(Kümmerer et al. 2015), for the whole set or for each picture. Either one viewer is left out at a time, or
each half of the viewers predicts the other. A picture's score is the mean over the viewers that were left
out, weighted by their fixations. A pixel that several of them fixated counts once, for one of them drawn at
random, so the same pixels count as for a model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from salgan._arrays import Array, Floats
from salgan.datasets import Fixations, Stimulus
from salgan.datasets.density import density as blurred
from salgan.datasets.density import pixels
from salgan.errors import ModelError
from salgan.evaluation.ground_truth import seeded
from salgan.evaluation.sources import EveryPicture

__all__ = ["GOLD", "WIDTHS", "Gold", "Mixture", "fit"]

GOLD = ("gold", "gold-half", "gold-per-picture")
"""Names of the gold standards: one viewer left out, halves, one left out with a fit per picture."""

WIDTHS = (0.008, 0.012, 0.018, 0.026, 0.038, 0.055, 0.08)
"""Widths of the kernel that are tried, as a share of the picture's diagonal."""

CenterBiasOf = Callable[[int], Floats | None]

_STEPS = 40
"""Steps of expectation maximisation for the shares, which converge long before."""

_PICTURES = 300
"""Most pictures that the fit for a whole set looks at."""

_LEAST = 1e-3
"""Smallest share of the uniform density: no place is impossible."""


@dataclass(frozen=True)
class Mixture:
    """How a density is made of fixations.

    Attributes:
        width: standard deviation of the kernel, as a share of the picture's diagonal.
        shares: the shares of the kernel density, the center bias and the uniform density; they sum to 1.
    """

    width: float
    shares: tuple[float, float, float]

    def density(self, stimulus: Stimulus, center_bias: Floats | None) -> Floats:
        """The density of a stimulus' fixations: float64 (H, W), positive, sums to 1."""
        height, width = stimulus.height, stimulus.width
        uniform = np.full((height, width), 1 / (height * width))
        fixations = stimulus.fixations
        parts = [uniform, uniform if center_bias is None else center_bias, uniform]
        if fixations is not None and len(fixations.inside(width, height)):
            sigma = max(self.width * float(np.hypot(height, width)), 0.5)
            parts[0] = blurred(fixations.x, fixations.y, width, height, sigma)
        return np.asarray(sum(share * part for share, part in zip(self.shares, parts, strict=True)))


class Gold(EveryPicture):
    """Viewers of a picture predict its other viewers.

    Args:
        name: one of :data:`GOLD`.
        seed: the seed for drawing the halves.
    """

    portable = True

    def __init__(self, name: str, *, seed: int = 0) -> None:
        self.name = name
        self.fingerprint = f"baseline:{name}:{seed}"
        self._seed = seed
        self._mixture: Mixture | None = None

    def folds(self, stimulus: Stimulus) -> Iterator[tuple[Stimulus, Stimulus]]:
        """The stimulus with the predicting and with the left-out viewers' fixations, for each fold.

        Raises:
            ModelError: the set does not say who looked where.
        """
        inside = _inside(stimulus)
        viewer = np.asarray(inside.viewer)
        viewers = np.unique(viewer)
        if len(viewers) < 2:
            return
        if self.name == "gold-half":
            order = seeded(self._seed, "viewers", stimulus.name).permutation(viewers)
            half = np.isin(viewer, order[: len(viewers) // 2])
            groups = [half, ~half]
        else:
            groups = [viewer == each for each in viewers]
        column, row, _ = pixels(inside.x, inside.y, stimulus.width, stimulus.height)
        order = seeded(self._seed, "pixels", stimulus.name).permutation(len(viewer))
        _, first = np.unique((row * stimulus.width + column)[order], return_index=True)
        counts = np.zeros(len(viewer), dtype=np.bool_)
        counts[order[first]] = True
        for left_out in groups:
            yield _with(stimulus, inside, ~left_out), _with(stimulus, inside, left_out & counts)

    def fit(self, stimuli: Sequence[Stimulus], center_bias: CenterBiasOf) -> Mixture | None:
        """Choose width and shares for a whole set, from some of its pictures; None if each has its own.

        Args:
            stimuli: the stimuli of the set.
            center_bias: gives the center bias for the stimulus at a position.

        Raises:
            ModelError: no picture was seen by two viewers.
        """
        if self.name != "gold-per-picture":
            order = seeded(self._seed, "gold").permutation(len(stimuli))[:_PICTURES]
            chosen = sorted(int(number) for number in order)
            likelihoods = self._likelihoods((stimuli[n], center_bias(n)) for n in chosen)
            if likelihoods is None:
                raise ModelError(f"{self.name}: no picture was seen by two viewers")
            self._mixture = fit(likelihoods)
        return self._mixture

    def mixture(self, stimulus: Stimulus, center_bias: Floats | None) -> Mixture | None:
        """Width and shares for a picture; None if they are fitted to it and fewer than two viewers saw it."""
        if self._mixture is not None:
            return self._mixture
        likelihoods = self._likelihoods([(stimulus, center_bias)])
        return None if likelihoods is None else fit(likelihoods)

    def predict(self, stimulus: Stimulus) -> Array:
        """Never called in an evaluation, which scores each left-out viewer on a map of the others'.

        Raises:
            ModelError: always.
        """
        raise ModelError(
            f"baseline:{self.name} has a map for every left-out viewer and not one per picture; it can only "
            "be evaluated"
        )

    def _likelihoods(
        self, pictures: Iterable[tuple[Stimulus, Floats | None]]
    ) -> tuple[Floats, Floats, Floats] | None:
        """What :func:`fit` takes, of some pictures; None if none of them was seen by two viewers."""
        kernels, biases, uniforms = [], [], []
        for stimulus, bias in pictures:
            height, width = stimulus.height, stimulus.width
            for predicting, scored in self.folds(stimulus):
                mine, theirs = np.argwhere(scored.fixation_map())[:, ::-1], _pixels(predicting)
                if not len(mine) or not len(theirs):
                    continue
                kernels.append(np.stack([_kernel(mine, theirs, each, height, width) for each in WIDTHS]))
                uniform = np.full(len(mine), 1 / (height * width))
                uniforms.append(uniform)
                biases.append(uniform if bias is None else bias[mine[:, 1], mine[:, 0]])
        if not kernels:
            return None
        return np.concatenate(kernels, axis=1), np.concatenate(biases), np.concatenate(uniforms)


def fit(likelihoods: tuple[Floats, Floats, Floats]) -> Mixture:
    """The mixture under which left-out fixations are most likely.

    Args:
        likelihoods: those of N left-out fixations under the kernel density of each of :data:`WIDTHS`,
            (widths, N), under the center bias, (N,), and under the uniform density, (N,).
    """
    kernels, bias, uniform = likelihoods
    best: tuple[float, Mixture] | None = None
    for width, kernel in zip(WIDTHS, kernels, strict=True):
        parts = np.stack([kernel, bias, uniform])
        shares = np.full(3, 1 / 3)
        for _ in range(_STEPS):
            weighted = shares[:, None] * parts
            shares = (weighted / weighted.sum(axis=0)).mean(axis=1)
            shares[2] = max(shares[2], _LEAST)
            shares /= shares.sum()
        likelihood = float(np.log(shares @ parts).mean())
        if best is None or likelihood > best[0]:
            best = (likelihood, Mixture(width, (float(shares[0]), float(shares[1]), float(shares[2]))))
    assert best is not None  # noqa: S101 - there are widths
    return best[1]


def _kernel(mine: Array, theirs: Array, share: float, height: int, width: int) -> Floats:
    """Density at some pixels of a Gaussian around each of the others' fixations, all of it in the picture."""
    sigma = max(share * float(np.hypot(height, width)), 0.5)
    along = np.exp(-0.5 * ((mine[:, 0, None] - theirs[None, :, 0]) / sigma) ** 2)
    down = np.exp(-0.5 * ((mine[:, 1, None] - theirs[None, :, 1]) / sigma) ** 2)
    mass = _mass(width, sigma)[theirs[:, 0]] * _mass(height, sigma)[theirs[:, 1]]
    return np.asarray((along * down).sum(axis=1) / mass.sum())


@lru_cache(maxsize=64)
def _mass(length: int, sigma: float) -> Floats:
    """Sum over a line of pixels of a Gaussian of height 1 around each of them: float64 (length,)."""
    sums = np.cumsum(np.exp(-0.5 * (np.arange(length) / sigma) ** 2))
    return np.asarray(sums + sums[::-1] - 1)


def _inside(stimulus: Stimulus) -> Fixations:
    fixations = stimulus.fixations
    if fixations is None or fixations.viewer is None:
        raise ModelError(f"gold needs to know who looked where; {stimulus.name} of this dataset does not say")
    return fixations.inside(stimulus.width, stimulus.height)


def _with(stimulus: Stimulus, fixations: Fixations, kept: Array) -> Stimulus:
    viewer = np.asarray(fixations.viewer)
    return stimulus.with_fixations(Fixations(fixations.x[kept], fixations.y[kept], viewer[kept]))


def _pixels(stimulus: Stimulus) -> Array:
    """Pixels of all fixations, as often as they were looked at: (N, 2) of column and row."""
    fixations = stimulus.fixations
    if fixations is None:
        return np.empty((0, 2), np.intp)
    column, row, _ = pixels(fixations.x, fixations.y, stimulus.width, stimulus.height)
    return np.stack([column, row], axis=1)
