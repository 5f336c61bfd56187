"""One picture: its map, its ground truth, its scores. This is what runs in the worker processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from salgan._arrays import Array, Floats
from salgan.datasets import Stimulus
from salgan.datasets.density import resized
from salgan.errors import MetricError
from salgan.evaluation.baselines import CenterBiasBaseline, TooFewViewersError
from salgan.evaluation.gold import Gold
from salgan.evaluation.ground_truth import GroundTruth, marked, seeded
from salgan.evaluation.map_kinds import MapKind, as_density, check_aspect
from salgan.evaluation.maps import NamedMaps
from salgan.evaluation.per_metric import best_map
from salgan.evaluation.sources import MapSource
from salgan.metrics import DEFAULT_METRICS, METRICS, VARIANTS, find_metric, score
from salgan.saliency_map import UNIFORM_SHARE

__all__ = ["EvaluationProtocol", "Scorer"]

Row = dict[str, Any]


@dataclass(frozen=True)
class EvaluationProtocol:
    """The rules by which pictures are scored: everything that decides a digit.

    Attributes:
        metrics: names from :data:`salgan.metrics.METRICS` or :data:`salgan.metrics.VARIANTS`.
        sigma: width in pixels of the Gaussian that turns fixations into a density.
        degrees: the same in degrees of visual angle; with neither, one degree where the set says how many
            pixels that is, and otherwise the published map.
        others: number of other pictures whose fixations are sAUC's negatives.
        seed: the seed of the draw of those pictures, of the viewers in human baselines, and of the intervals.

        maps: what the values of maps are; None takes what a set of maps says of itself, recognises log
            densities, and takes everything else as saliency. A model's own maps count as densities divided by
            their sum if it is ``density``.
        per_metric: give each metric the map that it rewards most, made from the density, see
            :mod:`salgan.evaluation.per_metric`.

    Raises:
        MetricError: an unknown metric, none at all, or fewer than one other picture.
    """

    metrics: tuple[str, ...] = DEFAULT_METRICS
    sigma: float | None = None
    degrees: float | None = None
    others: int = 10
    seed: int = 0
    maps: MapKind | None = None
    per_metric: bool = False

    def __post_init__(self) -> None:
        if not self.metrics:
            raise MetricError(f"no metric named; there are {', '.join(METRICS | VARIANTS)}")
        object.__setattr__(self, "metrics", tuple(find_metric(name).name for name in self.metrics))
        if len(set(self.metrics)) < len(self.metrics):
            raise MetricError("a metric is named twice")
        if self.others < 1:
            raise MetricError(f"sAUC needs at least 1 other picture, not {self.others}")

    @property
    def needs(self) -> set[str]:
        """What the metrics take beside the map."""
        needs = {need for name in self.metrics for need in find_metric(name).needs}
        # The best map for sAUC is made with the center bias.
        return needs | {"baseline"} if self.per_metric else needs


class Scorer:
    """Scores one picture at a time; picklable.

    Args:
        source: see :class:`salgan.evaluation.sources.MapSource`.
        stimuli: the pictures to score.
        truth: their relative fixations, in the same order, and the center bias.
        protocol: the rules.
        kind: what the values of the maps are.
    """

    def __init__(
        self,
        source: MapSource,
        stimuli: tuple[Stimulus, ...],
        truth: GroundTruth,
        protocol: EvaluationProtocol,
        kind: MapKind = "saliency",
    ) -> None:
        self._kind = kind
        self.source = source
        self.stimuli = stimuli
        self._truth = truth
        self._protocol = protocol
        self._last_bias: Floats | None = None

    def __call__(self, task: tuple[int, Array | None]) -> Row:
        """Score the picture at a position.

        Args:
            task: position in the stimuli, and the map if it was predicted already.

        Returns:
            A row of the per-picture table. A score that is undefined is missing, and ``note`` says why.

        Raises:
            SalganError: the map, the picture or its ground truth cannot be read.
        """
        index, saliency = task
        stimulus = self.stimuli[index]
        height, width = stimulus.height, stimulus.width
        row: Row = {"picture": stimulus.name, "width": width, "height": height}
        if isinstance(self.source, Gold):
            return self._folds(self.source, index, row)
        try:
            truth, scored = self._ground_truth(self.source.scored(stimulus), row)
        except TooFewViewersError as error:
            return row | {"note": str(error)}
        if saliency is None:
            saliency = self._map(index, scored)
        row["map_width"], row["map_height"] = saliency.shape[1], saliency.shape[0]
        check_aspect(saliency.shape, height, width, stimulus.name)
        truth |= self._context(index, stimulus, row)
        metrics = self._protocol.metrics
        if self._kind == "saliency":
            scores, reasons = _scores(resized(saliency, height, width), truth, metrics)
            return row | scores | {"note": "; ".join(reasons)}
        density = as_density(saliency, self._kind, stimulus.name)
        # A model's own map may be 0 somewhere; as a density it has the floor of SaliencyMap.log_density.
        uniform = 0.0 if isinstance(self.source, NamedMaps) else UNIFORM_SHARE
        density = as_density(resized(density, height, width), "density", stimulus.name, uniform)
        if not self._protocol.per_metric:
            scores, reasons = _scores(density, truth, metrics, of_density=True)
        else:
            scores, reasons = self._best_scores(density, truth, row, index)
        return row | scores | {"note": "; ".join(reasons)}

    def _folds(self, gold: Gold, index: int, row: Row) -> Row:
        """The left-out viewers of a picture, each scored on the density of the others: the weighted mean."""
        stimulus = self.stimuli[index]
        context = self._context(index, stimulus, row)
        bias = self._center_bias(index, stimulus.height, stimulus.width)
        mixture = gold.mixture(stimulus, bias)
        sums: dict[str, float] = {}
        weights: dict[str, float] = {}
        reasons: dict[str, None] = {}
        fixated = 0
        for predicting, left_out in gold.folds(stimulus):
            truth, _ = self._ground_truth(left_out, row)
            if mixture is None or not (count := row["fixations"]):
                continue
            fixated += count
            density = mixture.density(predicting, bias)
            found, why = _scores(density, truth | context, self._protocol.metrics, of_density=True)
            for name, value in found.items():
                sums[name] = sums.get(name, 0.0) + count * value
                weights[name] = weights.get(name, 0.0) + count
            reasons |= dict.fromkeys(why)
        if not fixated:
            reasons[f"{gold.name}: fewer than two viewers looked at the picture"] = None
        row |= {"fixations": fixated, "map_width": stimulus.width, "map_height": stimulus.height}
        return row | {name: sums[name] / weights[name] for name in sums} | {"note": "; ".join(reasons)}

    def _best_scores(
        self, density: Floats, truth: dict[str, Any], row: Row, index: int
    ) -> tuple[dict[str, float], list[str]]:
        """Each metric on the map that it rewards most."""
        scores: dict[str, float] = {}
        reasons: dict[str, None] = {}
        for metric in self._protocol.metrics:
            best = best_map(
                metric,
                density,
                sigma=row.get("sigma"),
                center_bias=self._center_bias(index, *density.shape),
                fixations=self._truth.typical_fixations,
                seed=self._protocol.seed,
                name=row["picture"],
            )
            found, why = _scores(best, truth, (metric,), of_density=True)
            scores |= found
            reasons |= dict.fromkeys(why)
        return scores, list(reasons)

    def _map(self, index: int, stimulus: Stimulus) -> Array:
        if isinstance(self.source, CenterBiasBaseline):
            bias = self._center_bias(index, stimulus.height, stimulus.width)
            return bias if bias is not None else np.ones((stimulus.height, stimulus.width))
        return np.asarray(self.source.predict(self.stimuli[index]))

    def _ground_truth(self, scored: Stimulus, row: Row) -> tuple[dict[str, Any], Stimulus]:
        """Fixated pixels and density, as far as they exist; the fixations' file is read once."""
        protocol, truth = self._protocol, dict[str, Any]()
        scored = scored.with_fixations(scored.fixations, scored.map_path)
        fixated = None if scored.fixations is None else scored.fixation_map()
        row["fixations"] = 0 if fixated is None else int(fixated.sum())
        if row["fixations"]:
            truth["fixations"] = fixated
        if "density" in protocol.needs:
            if not row["fixations"] and scored.map_path is None:
                return truth, scored
            if not row["fixations"] and protocol.sigma is None and protocol.degrees is None:
                truth["density"] = scored.published_density()
            elif row["fixations"] or scored.fixations is None:
                truth["density"] = scored.density(protocol.sigma, degrees=protocol.degrees)
                row["sigma"] = self._sigma(scored)
        return truth, scored

    def _sigma(self, stimulus: Stimulus) -> float | None:
        """Width in pixels of the Gaussian behind the density; None if it is the published map."""
        if self._protocol.sigma is not None:
            return float(self._protocol.sigma)
        per_degree = stimulus.pixels_per_degree
        if self._protocol.degrees is None and (per_degree is None or not stimulus.has_fixations):
            return None
        return None if per_degree is None else float((self._protocol.degrees or 1.0) * per_degree)

    def _context(self, index: int, stimulus: Stimulus, row: Row) -> dict[str, Any]:
        """What other pictures say: their fixations, and the center bias."""
        context: dict[str, Any] = {}
        height, width = stimulus.height, stimulus.width
        if "other_fixations" in self._protocol.needs:
            rng = seeded(self._protocol.seed, "others", stimulus.name)
            places, row["others"] = self._truth.gaze.others(index, self._protocol.others, rng)
            if len(places):
                context["other_fixations"] = marked(places, height, width)
        if "baseline" in self._protocol.needs:
            bias = self._center_bias(index, height, width)
            if bias is not None:
                context["baseline"] = bias
        return context

    def _center_bias(self, index: int, height: int, width: int) -> Floats | None:
        """The center bias at a picture's size, made once for pictures of one size where it is the same."""
        kept = self._last_bias
        if kept is None or kept.shape != (height, width) or self._truth.leave_out:
            self._last_bias = self._truth.center_bias(index, height, width)
        return self._last_bias


_MISSING = {
    "fixations": "no fixation inside the picture",
    "density": "no fixation and no published map",
    "other_fixations": "no other picture has fixations",
    "baseline": "no other picture has fixations to fit the center bias on",
}


def _scores(
    saliency: Array, truth: Mapping[str, Any], metrics: tuple[str, ...], *, of_density: bool = False
) -> tuple[dict[str, float], list[str]]:
    """Scores by name where they are defined, and the reasons (each once) where they are not."""
    reasons = dict[str, None]()
    wanted = []
    for name in metrics:
        metric = find_metric(name)
        lacking = [need for need in metric.needs if need not in truth]
        if metric.of_density and not of_density:
            reasons[f"{name}: these maps are not densities"] = None
        elif lacking:
            reasons[_MISSING[lacking[0]]] = None
        else:
            wanted.append(name)
    if not wanted:
        return {}, list(reasons)
    try:
        return score(saliency, metrics=wanted, **truth), list(reasons)
    except MetricError:
        pass
    scores: dict[str, float] = {}
    for name in wanted:
        try:
            scores |= score(saliency, metrics=[name], **truth)
        except MetricError as error:
            # What follows a semicolon is advice, and a note uses semicolons to separate its reasons.
            reasons[f"{name}: {str(error).partition('; ')[0]}"] = None
    return scores, list(reasons)
