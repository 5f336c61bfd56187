"""Any model on any dataset: every picture scored, once, by the same rules."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from salgan._arrays import Array, Floats
from salgan._files import locked
from salgan._parallel import cores, in_order
from salgan._progress import Progress, Say, silent, unsaid
from salgan._version import __version__
from salgan.datasets import Dataset, open_dataset
from salgan.errors import DatasetError, ModelError
from salgan.evaluation.baselines import CenterBiasBaseline
from salgan.evaluation.gold import Gold
from salgan.evaluation.ground_truth import Data, Gaze, GroundTruth, ground_truth
from salgan.evaluation.map_kinds import MapKind, looks_like_log_density
from salgan.evaluation.map_sources import ModelSource, lacks, open_map_source
from salgan.evaluation.maps import NamedMaps
from salgan.evaluation.report import write_summary
from salgan.evaluation.results import Results, RowFile
from salgan.evaluation.scoring import EvaluationProtocol, Row, Scorer
from salgan.evaluation.sources import MapSource, Model
from salgan.metrics import DEFAULT_METRICS, METRICS, VARIANTS

__all__ = ["evaluate", "open_data"]

_TOGETHER = 4
"""Pictures that an actor of a cluster is handed at a time."""


def open_data(
    path: str | Path,
    layout: str | None = None,
    part: str | None = None,
    release: str | None = None,
    fold: str | None = None,
) -> Data:
    """Open a dataset to evaluate on. Its training part is opened only if a metric needs the center bias.

    Args:
        path: the dataset's folder.
        layout: see :func:`salgan.datasets.open_dataset`.
        part: ``train``, ``val`` or ``test`` of a set that comes in parts, or a part that its
            ``salgan.toml`` names; None takes all of it.
        release: the release of its ground truth, for the record, if the folder's name does not say.
        fold: ``2/5`` takes the second of five folds of these pictures, and the center bias is fitted on the
            other four; None takes them all.

    Raises:
        DatasetError: it cannot be opened.
    """
    dataset = open_dataset(path, layout, part, release)
    training: Dataset | Callable[[], Dataset] | None = None
    if fold is not None:
        training, dataset = dataset.fold(fold)
    elif part not in (None, "train") and _has_training(dataset):
        training = partial(_open_training, path, layout)
    return Data(dataset, training, Path(path), layout, part, fold)


def _open_training(path: str | Path, layout: str | None) -> Dataset:
    """The training part of a set, for the center bias."""
    try:
        return open_dataset(path, layout, "train")
    except DatasetError as error:
        needing = [name for name, metric in (METRICS | VARIANTS).items() if "baseline" in metric.needs]
        raise DatasetError(
            f"the center bias is fitted on the training part, which cannot be opened ({error}); add it, or "
            f"score without {' and '.join(needing)}: --metrics auc_judd,sauc,nss,cc"
        ) from None


def _has_training(dataset: Dataset) -> bool:
    """Whether a set that comes in parts has one called train; a ``salgan.toml`` may name none so."""
    said = dataset.description
    return said is None or not said.parts or "train" in said.parts


def evaluate(
    model: str | Path | MapSource | Model,
    data: Data | Dataset,
    out: str | Path,
    *,
    protocol: EvaluationProtocol | None = None,
    processes: int | None = 1,
    engine: str = "local",
    names: str | None = None,
    trust: bool = False,
    skip_missing: bool = False,
    overwrite: bool = False,
    truth: GroundTruth | None = None,
    on_progress: Progress = silent,
    say: Say = unsaid,
) -> Results:
    """Score a model on a dataset, into a folder.

    Rows are kept as pictures are scored, and the same call continues where a killed one stopped. An object
    is known again by its ``fingerprint`` (a text of yours, such as a hash of its weights). Without one it may
    be another than the one whose rows are there, so even a killed evaluation of it is not continued.
    With several processes, call it under ``if __name__ == "__main__":``, as Python's ``multiprocessing``
    requires.

    Args:
        model: what :func:`salgan.evaluation.open_map_source` takes: a name, a path, maps, a baseline, an
            object with ``predict(picture)``.
        data: the pictures, with the training part for the center bias, see :func:`open_data`; a bare
            dataset is scored against the center bias of its other pictures.
        out: the folder to write, see :mod:`salgan.evaluation.results`.
        protocol: the rules; None for :data:`salgan.metrics.DEFAULT_METRICS`.
        processes: how many score pictures; None is one per core, of this machine or of the cluster.
        engine: ``"local"``, or ``"ray"`` to predict and score on a cluster of Ray, every machine of which
            must see the dataset and the model under the same paths. The rows are the same.
        names: how a set of maps names its maps, such as ``{stem}_saliency.png``; None recognises it.
        trust: import the code of a network of your own.
        skip_missing: leave out pictures without a map instead of refusing a set of maps with gaps.
        overwrite: replace another evaluation in ``out``, or one of a model without a ``fingerprint``.
        truth: what :func:`salgan.evaluation.ground_truth.ground_truth` read from ``data``, to evaluate many
            models without reading it again; None reads it.
        on_progress: is told (stage, done, total) after each picture.
        say: is told, in a line each, what to know about the maps before trusting their scores.

    Returns:
        Every picture's scores; means and intervals are in ``summary.json`` and ``summary.md``.

    Raises:
        SalganError: something cannot be read, written, or does not fit together; the message says what.
    """
    protocol = protocol or EvaluationProtocol()
    data = data if isinstance(data, Data) else Data(data)
    folder = Path(out)
    source = open_map_source(
        model,
        seed=protocol.seed,
        sigma=protocol.sigma,
        degrees=protocol.degrees,
        names=names,
        trust=trust,
    )
    dataset, missing = _with_maps(source, data.dataset, skip_missing)
    bias = "baseline" in protocol.needs or isinstance(source, CenterBiasBaseline | Gold)
    kind, remarks = _look_at(source, dataset, protocol)
    if kind != "saliency" and protocol.metrics == DEFAULT_METRICS:
        protocol = replace(protocol, metrics=(*DEFAULT_METRICS, "log_likelihood", "ig_density"))
    for remark in remarks:
        say(remark)
    with contextlib.ExitStack() as stack:
        stack.enter_context(locked(folder))
        if truth is None or missing:
            truth = stack.enter_context(
                ground_truth(
                    replace(data, dataset=dataset),
                    folder,
                    center_bias=bias,
                    processes=cores() if processes is None else processes,
                    on_progress=on_progress,
                )
            )
        if isinstance(source, Gold):
            remarks += _fit(source, dataset, truth)
        about = {
            "salgan": __version__,
            "model": {
                "name": source.name,
                "fingerprint": source.fingerprint,
                "spec": _spec(model),
                "names": names,
                "maps": kind,
                "files": isinstance(source, NamedMaps),
                "remarks": remarks,
            },
            "dataset": _describe(data, dataset, truth.gaze, missing),
            "protocol": asdict(protocol) | {"metrics": list(protocol.metrics)},
            "center_bias": truth.describe_bias() if bias else None,
        }
        scorer = Scorer(source, dataset.stimuli, truth, protocol, kind)
        rows = stack.enter_context(RowFile(folder, about, overwrite=overwrite))
        todo = [number for number, stimulus in enumerate(dataset) if stimulus.name not in rows.done]
        done = len(dataset) - len(todo)
        on_progress("scoring", done, len(dataset))
        scored = _scored(scorer, dataset, todo, processes, engine)
        for number, row in enumerate(scored, done + 1):
            rows.append(row)
            on_progress("scoring", number, len(dataset))
    results = rows.finish([stimulus.name for stimulus in dataset])
    write_summary(results)
    return results


def _scored(
    scorer: Scorer, dataset: Dataset, todo: Sequence[int], processes: int | None, engine: str
) -> Iterator[Row]:
    """The rows of the pictures at some positions; in their order, or from a cluster in any."""
    if engine == "local":
        workers = cores() if processes is None else processes
        yield from in_order(scorer, _tasks(scorer.source, dataset, todo), processes=workers)
        return
    from salgan.cluster import cluster, on_cluster

    if not scorer.source.portable:
        raise ModelError(
            f"{scorer.source.name}: can only run in this process; export it for --engine ray (salgan export)"
        )
    with cluster(processes) as pool:
        tasks = list(_tasks(scorer.source, dataset, todo))
        yield from on_cluster(lambda task, _: scorer(task), tasks, pool, together=_TOGETHER)


def _with_maps(source: MapSource, dataset: Dataset, skip: bool) -> tuple[Dataset, int]:
    """The pictures that have a map, and how many have none."""
    if not len(dataset):
        raise DatasetError(f"dataset {dataset.name}: holds no picture to score")
    names = [stimulus.name for stimulus in dataset]
    missing = source.missing(names)
    if missing and (not skip or len(missing) == len(names)):
        raise ModelError(lacks(source, missing, len(names), "; or pass --skip-missing"))
    lacking = set(missing)
    return (dataset.select(n for n in names if n not in lacking) if missing else dataset), len(missing)


def _fit(gold: Gold, dataset: Dataset, truth: GroundTruth) -> list[str]:
    """Fit a gold standard to a set, and report the result."""

    def center_bias(index: int) -> Floats | None:
        stimulus = dataset.stimuli[index]
        return truth.center_bias(index, stimulus.height, stimulus.width)

    mixture = gold.fit(dataset.stimuli, center_bias)
    if mixture is None:
        return ["the gold standard's width and shares were chosen for each picture"]
    kernel, bias, uniform = mixture.shares
    return [
        f"the gold standard is a kernel of {mixture.width:.1%} of the diagonal ({kernel:.1%}), the center "
        f"bias ({bias:.1%}) and the uniform density ({uniform:.1%})"
    ]


def _look_at(source: MapSource, dataset: Dataset, protocol: EvaluationProtocol) -> tuple[MapKind, list[str]]:
    """What the values of the maps are, and what to know before trusting their scores."""
    first = dataset.stimuli[0]
    remarks: list[str] = []
    kind = protocol.maps
    if isinstance(source, NamedMaps):
        if remark := source.remark(first):
            remarks.append(remark)
        if kind is None:
            kind = source.kind
        if kind is None and looks_like_log_density(source.predict(first)):
            kind = "log-density"
            remarks.append(
                "the maps are log densities (their exponentials sum to 1), and the densities are scored; "
                "--maps saliency scores the logarithms themselves"
            )
    if isinstance(source, Gold):
        kind = "density"
    kind = kind or ("density" if protocol.per_metric and not isinstance(source, NamedMaps) else "saliency")
    if protocol.per_metric and kind == "saliency":
        raise ModelError(
            f"{source.name}: the best map for each metric is made from a density; if these maps are "
            "densities, say --maps density or --maps log-density"
        )
    return kind, remarks


def _tasks(source: MapSource, dataset: Dataset, todo: Sequence[int]) -> Iterator[tuple[int, Array | None]]:
    """Positions to score; with their maps, where the model cannot go to other processes."""
    if source.portable:
        yield from ((number, None) for number in todo)
        return
    each = source.predict_each if isinstance(source, ModelSource) else partial(map, source.predict)
    yield from zip(todo, each(dataset.stimuli[number] for number in todo), strict=True)


def _spec(model: str | Path | MapSource | Model) -> str | None:
    """How to open the model again, for the gallery of a later comparison."""
    if not isinstance(model, str | Path):
        return None
    return str(Path(model).resolve()) if Path(model).exists() else str(model)


def _describe(data: Data, dataset: Dataset, gaze: Gaze, missing: int) -> dict[str, Any]:
    digest = hashlib.sha256(gaze.hash().encode())
    for stimulus in dataset:
        published = stimulus.map_path.stat().st_size if stimulus.map_path else -1
        facts = f"{stimulus.name}\0{stimulus.path.stat().st_size}\0{published}\n"
        digest.update(facts.encode("utf-8", "surrogatepass"))  # names need not be UTF-8
    if dataset.description is not None:
        digest.update(dataset.description.fingerprint.encode())
    return {
        "name": dataset.name,
        "release": dataset.release,
        "layout": dataset.layout,
        "part": data.share,
        "pictures": len(dataset),
        "without_map": missing,
        "fingerprint": digest.hexdigest(),
        "path": None if data.path is None else str(data.path.resolve()),
        "asked_layout": data.layout,
        "asked_part": data.part,
        "fold": data.fold,
    }
