"""What gives a number its meaning: models that know nothing or only where people usually look, and people.

=====================  ===================================================================================
``uniform``            the same everywhere: chance
``center-bias``        where people look in the set's other pictures, blurred
``one-viewer``         the fixations of one viewer, blurred; scored on those of all others
``half-viewers``       the fixations of one half of the viewers, blurred; scored on those of the other half
``gold``               a density of all other viewers predicts each viewer: the human ceiling, in bits
``gold-half``          the same, with each half of the viewers predicting the other
``gold-per-picture``   the same as ``gold``, with width and shares of the density chosen for each picture
``spectral-residual``  Hou and Zhang 2007, from OpenCV's contributed modules
=====================  ===================================================================================

The viewers' baselines are the human ceiling for as many viewers as there are; they are scored on fewer
fixations than a model is, which the number of fixations in the per-picture table shows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from salgan._arrays import Array
from salgan._words import did_you_mean
from salgan.datasets import Fixations, Stimulus
from salgan.errors import DatasetError, MissingExtraError, ModelError, require
from salgan.evaluation.gold import GOLD, Gold
from salgan.evaluation.ground_truth import seeded
from salgan.evaluation.sources import EveryPicture, MapSource

__all__ = [
    "BASELINES",
    "FROM_FIXATIONS",
    "CenterBiasBaseline",
    "SpectralResidual",
    "TooFewViewersError",
    "Uniform",
    "Viewers",
    "baseline",
]


class TooFewViewersError(DatasetError):
    """A picture on which no viewer can predict another."""


class Uniform(EveryPicture):
    """The same value everywhere."""

    name = "uniform"
    fingerprint = "baseline:uniform"
    portable = True

    def predict(self, stimulus: Stimulus) -> Array:
        """Ones, (height, width) of the picture."""
        return np.ones((stimulus.height, stimulus.width), np.float32)


class CenterBiasBaseline(EveryPicture):
    """The center bias against which the evaluation's information gain is measured: its IG is 0 by definition.

    The evaluation knows it (fitted on the training part, or on all other pictures) and fills it in.
    """

    name = "center-bias"
    fingerprint = "baseline:center-bias"
    portable = True

    def predict(self, stimulus: Stimulus) -> Array:
        """Never called in an evaluation, which passes its own center bias instead.

        Raises:
            ModelError: always; outside an evaluation there are no fixations to fit it on.
        """
        raise ModelError(
            "baseline:center-bias is fitted on a dataset's fixations, and here there are none; it can only "
            "be evaluated (salgan evaluate baseline:center-bias --data FOLDER)"
        )


class Viewers(EveryPicture):
    """Some viewers predict the others.

    Args:
        name: ``one-viewer`` or ``half-viewers``.
        choose: how many of the viewers predict.
        seed: the seed of the draw of viewers, which differs from picture to picture.
        sigma: width in pixels of the Gaussian with which their fixations are blurred.
        degrees: the same in degrees of visual angle; with neither, one degree.
    """

    portable = True

    def __init__(
        self,
        name: str,
        choose: Callable[[int], int],
        *,
        seed: int,
        sigma: float | None,
        degrees: float | None,
    ) -> None:
        self.name = name
        self.fingerprint = f"baseline:{name}:{seed}:{sigma}:{degrees}"
        self._choose = choose
        self._seed, self._sigma, self._degrees = seed, sigma, degrees

    def predict(self, stimulus: Stimulus) -> Array:
        """Density of the predicting viewers' fixations, (height, width).

        Raises:
            ModelError: the set does not say who looked.
            TooFewViewersError: fewer than two viewers did; such a picture is left out.
        """
        return self._part(stimulus, predicting=True).density(self._sigma, degrees=self._degrees)

    def scored(self, stimulus: Stimulus) -> Stimulus:
        """The stimulus with the other viewers' fixations only.

        Raises:
            ModelError: as :meth:`predict`.
            TooFewViewersError: as :meth:`predict`.
        """
        return self._part(stimulus, predicting=False)

    def _part(self, stimulus: Stimulus, *, predicting: bool) -> Stimulus:
        fixations = stimulus.fixations
        if fixations is None or fixations.viewer is None:
            raise ModelError(
                f"{self.name} needs to know who looked where; {stimulus.name} of this dataset does not say"
            )
        inside = fixations.inside(stimulus.width, stimulus.height)
        viewer = np.asarray(inside.viewer)
        viewers = np.unique(viewer)
        if len(viewers) < 2:
            raise TooFewViewersError(f"{self.name}: only {len(viewers)} viewer(s) looked at the picture")
        order = seeded(self._seed, "viewers", stimulus.name).permutation(viewers)
        chosen = np.isin(viewer, order[: self._choose(len(viewers))]) == predicting
        return stimulus.with_fixations(Fixations(inside.x[chosen], inside.y[chosen], viewer[chosen]))


class SpectralResidual(EveryPicture):
    """Static saliency by spectral residual (Hou and Zhang 2007) as OpenCV computes it.

    Raises:
        MissingExtraError: no OpenCV with its contributed modules is installed.
    """

    name = "spectral-residual"
    fingerprint = "baseline:spectral-residual"
    portable = True

    def __init__(self) -> None:
        hint = (
            "spectral residual needs OpenCV's contributed modules; "
            "run: pip install opencv-contrib-python-headless"
        )
        try:
            module = require("cv2", "eval")
        except MissingExtraError:
            raise MissingExtraError(hint) from None
        if not hasattr(module, "saliency"):
            raise MissingExtraError(hint)

    def predict(self, stimulus: Stimulus) -> Array:
        """OpenCV's map, float32 (height, width).

        Raises:
            ModelError: OpenCV fails on this picture.
        """
        cv2 = require("cv2", "eval")
        method = cv2.saliency.StaticSaliencySpectralResidual_create()
        done, saliency = method.computeSaliency(np.ascontiguousarray(stimulus.picture()[..., ::-1]))
        if not done:
            raise ModelError(f"{stimulus.name}: OpenCV cannot compute its spectral residual")
        return np.asarray(saliency, dtype=np.float32)


def _one(viewers: int) -> int:
    return 1


def _half(viewers: int) -> int:
    return viewers // 2


_VIEWERS = {"one-viewer": _one, "half-viewers": _half}
_OTHERS: dict[str, Callable[[], MapSource]] = {
    "uniform": Uniform,
    "center-bias": CenterBiasBaseline,
    "spectral-residual": SpectralResidual,
}

BASELINES = (*_OTHERS, *_VIEWERS, *GOLD)
"""Their names."""

FROM_FIXATIONS = (CenterBiasBaseline, Viewers, Gold)
"""Baselines that are made from fixations of the set they are scored on, and predict nothing without them."""


def baseline(
    name: str, *, seed: int = 0, sigma: float | None = None, degrees: float | None = None
) -> MapSource:
    """Make a baseline.

    Args:
        name: one of :data:`BASELINES`.
        seed: the seed of the draw of viewers.
        sigma: width in pixels of the viewers' Gaussian.
        degrees: the same in degrees of visual angle.

    Raises:
        ModelError: there is no baseline of that name.
        MissingExtraError: OpenCV is not installed.
    """
    if name in _VIEWERS:
        return Viewers(name, _VIEWERS[name], seed=seed, sigma=sigma, degrees=degrees)
    if name in GOLD:
        return Gold(name, seed=seed)
    if name in _OTHERS:
        return _OTHERS[name]()
    raise ModelError(f"no baseline {name!r}; {did_you_mean(name, BASELINES)}")
