"""Pictures with their maps, opened again from the records of evaluations."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from salgan._arrays import Array
from salgan.datasets import Dataset, Stimulus
from salgan.datasets.density import resized
from salgan.errors import DatasetError, ModelError, SalganError
from salgan.evaluation.baselines import CenterBiasBaseline
from salgan.evaluation.compare import Comparison, most_different
from salgan.evaluation.evaluate import open_data
from salgan.evaluation.figures import Example, examples_figure, save
from salgan.evaluation.ground_truth import Data, GroundTruth, ground_truth
from salgan.evaluation.map_sources import open_map_source
from salgan.evaluation.results import Results
from salgan.evaluation.sources import EveryPicture, MapSource
from salgan.metrics import find_metric

__all__ = ["check_unchanged", "data_of", "examples", "gallery", "map_of", "truth_of"]


def data_of(results: Results) -> Data:
    """Open the dataset of an evaluation again, with the training part of its center bias.

    Raises:
        DatasetError: the evaluation does not say where it is, or it is not there any more.
    """
    record = results.about["dataset"]
    if record["path"] is None:
        raise DatasetError(
            f"{results.folder}: does not say in which folder its dataset is, since it was pooled over folds "
            "or its dataset was opened by a program"
        )
    part = record.get("asked_part", record["part"])
    return open_data(record["path"], record["asked_layout"], part, fold=record.get("fold"))


def check_unchanged(source: MapSource, results: Results) -> None:
    """Check that what was opened again is what an evaluation scored.

    Raises:
        ModelError: its maps may be others by now.
    """
    about = results.about["model"]
    if source.fingerprint != about.get("fingerprint", source.fingerprint):
        raise ModelError(
            f"{about['spec']}: has changed since it was scored; evaluate it again with "
            f"--out {results.folder} --overwrite"
        )


def truth_of(stimulus: Stimulus, protocol: dict[str, Any]) -> Array:
    """The density of a stimulus under an evaluation's rules, with 1 as its highest value."""
    return _to_one(stimulus.density(protocol["sigma"], degrees=protocol["degrees"]))


def map_of(source: MapSource, stimulus: Stimulus) -> Array:
    """A model's map of a stimulus at the picture's size, lowest value 0 or as it is, highest value 1."""
    return _to_one(resized(source.predict(stimulus), stimulus.height, stimulus.width))


def gallery(
    comparison: Comparison, stem: Path, metric: str, count: int, *, trust: bool = False
) -> list[Path]:
    """Draw the pictures on which two models differ most: picture, truth, and both maps.

    Args:
        comparison: a comparison of two evaluations whose dataset and models are still where they were.
        stem: the stem of the files to write, without ending.
        metric: the metric in which they differ.
        count: number of pictures, half of them where the first model is better, half where the second is.
        trust: import the code of a network of your own.

    Returns:
        The files written.

    Raises:
        SalganError: the models or the dataset cannot be opened again, a model has changed since it was
            scored, or the metric is not there.
    """
    chosen = most_different(comparison, metric, count)
    if not chosen:
        raise SalganError(f"no picture has a {metric} score from both models, so a gallery cannot be drawn")
    data = data_of(comparison.first)
    pairs = ((comparison.first, comparison.second), (comparison.second, comparison.first))
    protocol = comparison.first.about["protocol"]
    found = find_metric(metric)
    examples = []
    with contextlib.ExitStack() as stack:
        sources = {_title(results, other): _open(results, data, stack, trust) for results, other in pairs}
        pictures = data.dataset.select(name for name, _ in chosen)
        for stimulus, (name, change) in zip(pictures, chosen, strict=True):
            maps = {title: map_of(source, stimulus) for title, source in sources.items()}
            note = f"{found.label} {change:+.2f}"
            examples.append(
                Example(name, stimulus.picture(), {"truth": truth_of(stimulus, protocol)} | maps, note)
            )
    second, first = _title(comparison.second, comparison.first), _title(comparison.first, comparison.second)
    better = "above" if found.higher_is_better else "below"
    caption = (
        f"numbers: {found.label} of {second} minus {found.label} of {first}, picture by picture; "
        f"{better} 0, {second} is better"
    )
    scale = "each map divided by its highest value"
    return save(examples_figure(examples, scale, caption), stem)


class _CenterBias(EveryPicture):
    """The center bias of an evaluation's pictures, each under its own rules, fitted again."""

    name = "center-bias"
    portable = False

    def __init__(self, truth: GroundTruth, dataset: Dataset, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self._truth = truth
        self._position = {stimulus.name: number for number, stimulus in enumerate(dataset)}

    def predict(self, stimulus: Stimulus) -> Array:
        height, width = stimulus.height, stimulus.width
        bias = self._truth.center_bias(self._position[stimulus.name], height, width)
        return bias if bias is not None else np.ones((height, width))


def _open(results: Results, data: Data, stack: contextlib.ExitStack, trust: bool) -> MapSource:
    spec, protocol = results.about["model"]["spec"], results.about["protocol"]
    if spec is None:
        raise ModelError(f"{results.name}: was an object in a program, which cannot be opened again")
    source = open_map_source(
        spec,
        seed=protocol["seed"],
        sigma=protocol["sigma"],
        degrees=protocol["degrees"],
        names=results.about["model"].get("names"),
        trust=trust,
    )
    check_unchanged(source, results)
    source.missing(
        stimulus.name for stimulus in data.dataset
    )  # so that a pattern in the maps' names is found
    if isinstance(source, CenterBiasBaseline):
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        truth = stack.enter_context(ground_truth(data, scratch, center_bias=True))
        fitted, recorded = truth.describe_bias(), results.about["center_bias"]
        if fitted is None or fitted["fingerprint"] != recorded["fingerprint"]:
            raise ModelError(
                f"{results.folder}: its center bias was fitted on pictures that it does not name"
            )
        return _CenterBias(truth, data.dataset, fitted["fingerprint"])
    return source


def _title(results: Results, other: Results) -> str:
    """The model's name; its folder's where both models have one name."""
    return results.name if results.name != other.name else results.folder.name


def _to_one(values: Array) -> Array:
    low, high = min(float(values.min()), 0.0), float(values.max())
    return np.asarray((values - low) / (high - low) if high > low else np.zeros(values.shape))


def examples(
    dataset: Dataset, names: Sequence[str], sources: Mapping[str, MapSource], protocol: dict[str, Any]
) -> list[Example]:
    """Rows for a figure: the named pictures with their truth and each source's map."""
    return [
        Example(
            stimulus.name,
            stimulus.picture(),
            {"ground truth": truth_of(stimulus, protocol)}
            | {title: map_of(source, stimulus) for title, source in sources.items()},
        )
        for stimulus in dataset.select(names)
    ]
