"""Any model on any dataset: every picture scored, once, by the same rules."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from salgan._version import __version__
from salgan.benchmark._pool import in_order
from salgan.benchmark.baselines import CenterBiasBaseline
from salgan.benchmark.center_bias import CenterBias
from salgan.benchmark.gaze import Gaze, relative
from salgan.benchmark.models import open_source
from salgan.benchmark.report import write_summary
from salgan.benchmark.results import Results, RowFile
from salgan.benchmark.scoring import Protocol, Scorer
from salgan.datasets import Dataset, Stimulus, open_dataset
from salgan.errors import DatasetError, ModelError

__all__ = ["Data", "evaluate", "open_data"]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Data:
    """What to evaluate on.

    Attributes:
        dataset: the pictures to score.
        training: pictures to fit the center bias on; None fits it, for each picture, on all others of
            ``dataset``.
        path: the folder it was opened from, for the record.
        layout: the layout asked for.
        part: the part asked for.
    """

    dataset: Dataset
    training: Dataset | None = None
    path: Path | None = None
    layout: str | None = None
    part: str | None = None


def open_data(path: str | Path, layout: str | None = None, part: str | None = None) -> Data:
    """Open a dataset to evaluate on, and the training part that its center bias is fitted on.

    Args:
        path: the dataset's folder.
        layout: see :func:`salgan.datasets.open_dataset`.
        part: ``train``, ``val`` or ``test`` of a set that comes in parts; None takes all of it.

    Raises:
        DatasetError: it cannot be opened.
    """
    dataset = open_dataset(path, layout, part)
    training = None
    if part not in (None, "train"):
        training = open_dataset(path, layout, "train")
    return Data(dataset, training, Path(path), layout, part)


def evaluate(
    model: Any,
    data: Data | Dataset,
    out: str | Path,
    *,
    protocol: Protocol | None = None,
    processes: int = 1,
    skip_missing: bool = False,
    overwrite: bool = False,
    on_progress: Progress = lambda stage, done, total: None,
) -> Results:
    """Score a model on a dataset, into a folder.

    Rows are kept as pictures are scored; the same call goes on where a killed one stopped. With several
    processes, call it under ``if __name__ == "__main__":``, as Python's ``multiprocessing`` wants it.

    Args:
        model: what :func:`salgan.benchmark.open_source` takes: a name, a path, maps, a baseline, an object
            with ``predict(picture)``.
        data: the pictures, with the training part for the center bias, see :func:`open_data`; a bare
            dataset is scored against the center bias of its other pictures.
        out: the folder to write, see :mod:`salgan.benchmark.results`.
        protocol: the rules; None for all nine metrics of the MIT benchmark.
        processes: how many score pictures.
        skip_missing: leave out pictures without a map instead of refusing a set of maps with gaps.
        overwrite: replace another evaluation in ``out``.
        on_progress: is told (stage, done, total) after each picture.

    Returns:
        Every picture's scores; means and intervals are in ``summary.json`` and ``summary.md``.

    Raises:
        SalganError: something cannot be read, written, or does not fit together; the message says what.
    """
    protocol = protocol or Protocol()
    data = data if isinstance(data, Data) else Data(data)
    folder = Path(out)
    source = open_source(model, seed=protocol.seed, sigma=protocol.sigma, degrees=protocol.degrees)
    dataset, missing = _with_maps(source, data.dataset, skip_missing)
    _check_truth(dataset)
    scratch, made = folder / ".gaze", not folder.exists()
    try:
        shutil.rmtree(scratch, ignore_errors=True)  # of a run that was killed
        try:
            scratch.mkdir(parents=True)
        except OSError as error:
            raise ModelError(f"{folder}: cannot be written ({error.strerror}); name another --out") from None
        places = _places(dataset.stimuli, processes, on_progress, "reading fixations")
        gaze = Gaze.write(places, scratch)
        bias, leave_out = None, data.training is None
        if "baseline" in protocol.needs or isinstance(source, CenterBiasBaseline):
            bias = _center_bias(data, dataset, gaze, processes, on_progress)
        about = {
            "salgan": __version__,
            "model": {"name": source.name, "fingerprint": source.fingerprint, "spec": _spec(model)},
            "dataset": _describe(data, dataset, gaze, missing),
            "protocol": asdict(protocol) | {"metrics": list(protocol.metrics)},
            "center_bias": None if bias is None else _describe_bias(bias, leave_out),
        }
        scorer = Scorer(source, dataset.stimuli, gaze, bias, leave_out=leave_out, protocol=protocol)
        rows = RowFile(folder, about, overwrite=overwrite)
        with rows:
            todo = [number for number, stimulus in enumerate(dataset) if stimulus.name not in rows.done]
            done = len(dataset) - len(todo)
            on_progress("scoring", done, len(dataset))
            for number, row in enumerate(
                in_order(scorer, _tasks(source, dataset, todo), processes), done + 1
            ):
                rows.append(row)
                on_progress("scoring", number, len(dataset))
        results = rows.finish([stimulus.name for stimulus in dataset])
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if made and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    write_summary(results)
    return results


def _with_maps(source: Any, dataset: Dataset, skip: bool) -> tuple[Dataset, int]:
    """The pictures that have a map, and how many have none."""
    if not len(dataset):
        raise DatasetError(f"dataset {dataset.name}: holds no picture to score")
    if not hasattr(source, "missing"):
        return dataset, 0
    names = [stimulus.name for stimulus in dataset]
    missing = source.missing(names)
    if missing and (not skip or len(missing) == len(names)):
        hint = "are they maps of this set?" if len(missing) == len(names) else "or pass --skip-missing"
        raise ModelError(
            f"{source.path}: has no map for {len(missing)} of {len(names)} pictures, the first {missing[0]}; "
            f"add them, {hint}"
        )
    lacking = set(missing)
    return (dataset.select(n for n in names if n not in lacking) if missing else dataset), len(missing)


def _check_truth(dataset: Dataset) -> None:
    if not any(stimulus.has_fixations or stimulus.map_path for stimulus in dataset):
        raise DatasetError(
            f"dataset {dataset.name}: no picture has fixations or a published map, so there is nothing "
            "to score against; is this a test part whose ground truth is held back?"
        )


class _Relative:
    """Reads a chunk of stimuli's relative fixations; a class because it travels to worker processes."""

    def __call__(self, *stimuli: Stimulus) -> list[Any]:
        return [relative(stimulus) for stimulus in stimuli]


def _places(
    stimuli: tuple[Stimulus, ...], processes: int, on_progress: Progress, stage: str
) -> Iterator[Any]:
    """Relative fixations of each stimulus, in order."""
    size = 16  # stimuli per task: sending one at a time costs more than reading it
    chunks = [stimuli[start : start + size] for start in range(0, len(stimuli), size)]
    done = 0
    for chunk in in_order(_Relative(), chunks, processes if len(stimuli) >= 200 else 1):
        for one in chunk:
            done += 1
            on_progress(stage, done, len(stimuli))
            yield one


def _center_bias(
    data: Data, dataset: Dataset, gaze: Gaze, processes: int, on_progress: Progress
) -> CenterBias | None:
    if data.training is None:
        if not any(len(gaze[number]) for number in range(len(gaze))):
            return None
        return CenterBias.fit(
            (gaze[number] for number in range(len(gaze))), f"other pictures of {dataset.name}"
        )
    both = {stimulus.name for stimulus in dataset} & {stimulus.name for stimulus in data.training}
    if both and data.training.name == dataset.name:
        raise DatasetError(
            f"center bias: {min(both)} is both in the training part and among the pictures to score; "
            "use disjoint parts"
        )
    places = _places(data.training.stimuli, processes, on_progress, "fitting the center bias")
    return CenterBias.fit(places, f"training part of {data.training.name}")


def _tasks(source: Any, dataset: Dataset, todo: Iterable[int]) -> Iterator[tuple[Any, ...]]:
    """Positions to score; with their maps, where the model cannot go to other processes."""
    for number in todo:
        yield (number,) if source.portable else (number, source.predict(dataset.stimuli[number]))


def _spec(model: Any) -> str | None:
    """How to open the model again, for the gallery of a later comparison."""
    if not isinstance(model, str | Path):
        return None
    return str(Path(model).resolve()) if Path(model).exists() else str(model)


def _describe(data: Data, dataset: Dataset, gaze: Gaze, missing: int) -> dict[str, Any]:
    digest = hashlib.sha256(gaze.hash().encode())
    for stimulus in dataset:
        published = stimulus.map_path.stat().st_size if stimulus.map_path else -1
        digest.update(f"{stimulus.name}\0{stimulus.path.stat().st_size}\0{published}\n".encode())
    return {
        "name": dataset.name,
        "release": dataset.release,
        "layout": dataset.layout,
        "part": data.part,
        "pictures": len(dataset),
        "without_map": missing,
        "fingerprint": digest.hexdigest(),
        "path": None if data.path is None else str(data.path.resolve()),
        "asked_layout": data.layout,
    }


def _describe_bias(bias: CenterBias, leave_out: bool) -> dict[str, Any]:
    grid = np.ascontiguousarray(bias.grid).tobytes()
    return {
        "fitted_on": bias.source,
        "leave_one_out": leave_out,
        "pictures": bias.pictures,
        "fixations": bias.fixations,
        "sigma": bias.sigma,
        "fingerprint": hashlib.sha256(grid + f"{bias.sigma} {leave_out}".encode()).hexdigest(),
    }
