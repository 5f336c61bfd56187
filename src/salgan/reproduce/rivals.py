"""Table 2 as an experiment: what the adversarial phase brings each network, beside its published loss.

Every network has an experiment of its own (:func:`salgan.reproduce.experiment.branches`, with
:func:`salgan.reproduce.rows.table2_rows`). Here their folders are read, compared with BCE picture by
picture, and put side by side with what the networks cost. Nothing is trained.

PyTorch and ONNX Runtime are imported inside the functions that measure the cost.
"""

from __future__ import annotations

import csv
import json
import math
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from salgan._csv import as_cell
from salgan._files import replacing
from salgan._private import onnx_runtime
from salgan._progress import Progress, silent
from salgan._words import markdown_table
from salgan.errors import ConfigError
from salgan.evaluation.compare import Difference, compare
from salgan.evaluation.figures import differences_figure, save
from salgan.evaluation.report import conditions, dataset_label, label
from salgan.evaluation.results import Results
from salgan.reproduce.experiment import read_branches
from salgan.reproduce.rows import read_table2_rows
from salgan.reproduce.seeds import check_alike

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Cost", "Trained", "costs", "is_experiment", "read_trained", "rivals_table"]

_RUNS = {
    "bootstrap": "bootstrap",
    "own": "own loss",
    "bce": "BCE",
    "gan": "BCE + GAN",
    "gan-paper": "BCE + the paper's GAN",
}
_PAIRS = {
    ("gan", "bce"): "GAN − BCE",
    ("gan-paper", "bce"): "the paper's GAN − BCE",
    ("own", "bce"): "own loss − BCE",
    ("gan", "own"): "GAN − own loss",
    ("bce", "bootstrap"): "BCE − bootstrap",
}
_DRAWN = ("sauc_all", "auc_borji_all", "nss", "cc", "ig")
_PAPERS_SIZE = (192, 256)  # of SalGAN and of whatever has the paper's recipe but another encoder
_ROUNDS = 15
_ENDS = {"first - second": "mean", "low": "low", "high": "high"}


@dataclass(frozen=True)
class Trained:
    """A network's experiment, as far as it is finished.

    Attributes:
        name: of the folder.
        folder: what ``salgan reproduce run`` wrote.
        runs: the evaluation of the last epoch of every run, by the run's name.
        epochs: of the bootstrap, and of each continuation.
    """

    name: str
    folder: Path
    runs: Mapping[str, Results]
    epochs: tuple[int, int]

    @property
    def weights(self) -> Path:
        """The network after its last epoch of BCE."""
        return self.folder / "runs" / "bce" / "networks" / f"{self.epochs[1]:03d}.safetensors"


@dataclass(frozen=True)
class Cost:
    """What one prediction costs.

    Attributes:
        parameters: of the network.
        size: height and width of the pictures it was trained with.
        gmac: billions of multiplications with an addition, a picture of that size.
        ms: milliseconds of processor time a picture in ONNX Runtime with one thread, the median of 15.
        published_size: height and width that the network was published with.
        published_gmac: as ``gmac`` at that size.
    """

    parameters: int
    size: tuple[int, int]
    gmac: float
    ms: float
    published_size: tuple[int, int]
    published_gmac: float


def is_experiment(folder: Path) -> bool:
    """Whether a folder is an experiment's, and not an evaluation's or something else."""
    return (folder / "evaluations").is_dir() or (folder / "runs").is_dir()


def read_trained(folders: Iterable[Path]) -> list[Trained]:
    """Read the experiments of several networks.

    Args:
        folders: one for each network, with the name that it has in tables.

    Raises:
        ConfigError: one holds no finished experiment, they were not evaluated alike, or two have one name.
        SalganError: an evaluation that cannot be read.
    """
    found = []
    for folder in folders:
        branches = read_branches(folder)
        all_branches = branches | read_table2_rows(folder)
        runs = {name: all_branches[name].evaluations[-1] for name in _RUNS if name in all_branches}
        epochs = len(branches["bootstrap"].epochs), len(branches["bce"].epochs)
        found.append(Trained(folder.resolve().name, folder, runs, epochs))
    check_alike([results for each in found for results in each.runs.values()])
    names = [each.name for each in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"two folders are called {twice}; the table names networks by their folders")
    return found


def costs(
    trained: Sequence[Trained], on_progress: Progress = silent, *, trust: bool = False
) -> dict[str, Cost]:
    """Measure what the networks cost, all in one run and in turns, so that a busy moment meets all of them.

    Args:
        trained: the networks; their weights after the last epoch of BCE must be there.
        on_progress: is told (stage, done, total).
        trust: import the code of a network of your own.

    Returns:
        By the network's name.

    Raises:
        ModelError: weights that are missing, a network that cannot be exported, or one that needs ``trust``.
    """
    from salgan.export import export_onnx
    from salgan.networks import load_network
    from salgan.networks.rival import Rival
    from salgan.networks.weights import preprocessing_of

    runtime = onnx_runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    counted, sessions = {}, {}
    with TemporaryDirectory() as folder:
        for k, each in enumerate(trained):
            on_progress("exporting", k, len(trained))
            network = load_network(each.weights, trust=trust)
            record = preprocessing_of(network)
            size = record.height, record.width
            path = export_onnx(network, Path(folder) / f"{k}.onnx").path
            sessions[each.name] = runtime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
            published = network.published_size if isinstance(network, Rival) else _PAPERS_SIZE
            parameters = sum(weight.numel() for weight in network.parameters())
            counted[each.name] = (
                parameters,
                size,
                _gmac(network, size),
                published,
                _gmac(network, published),
            )
    taken: dict[str, list[float]] = {name: [] for name in sessions}
    rng = np.random.default_rng(0)
    for turn in range(_ROUNDS + 1):
        on_progress("timing", turn, _ROUNDS + 1)
        for name, session in sessions.items():
            picture = rng.uniform(0, 255, (1, 3, *counted[name][1])).astype(np.float32)
            start = time.process_time()
            session.run(None, {"picture": picture})
            if turn:  # the first is the warm-up
                taken[name].append(1000 * (time.process_time() - start))
    return {
        name: Cost(parameters, size, gmac, statistics.median(taken[name]), published, published_gmac)
        for name, (parameters, size, gmac, published, published_gmac) in counted.items()
    }


def _gmac(network: nn.Module, size: tuple[int, int]) -> float:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.to("meta")(torch.empty(1, 3, *size, device="meta"))
    return float(counter.get_total_flops()) / 2e9


def rivals_table(trained: Sequence[Trained], measured: Mapping[str, Cost], folder: Path | None = None) -> str:
    """Compare the networks' runs.

    Args:
        trained: the networks.
        measured: what :func:`costs` returned for them.
        folder: where to write ``table2.md``, ``scores.csv``, ``differences.csv``, ``costs.csv`` and the
            figure ``table2.pdf`` and ``.png``; None writes nothing.

    Returns:
        The Markdown.
    """
    first = trained[0].runs["bce"]
    differences = {
        (each.name, pair): compare(each.runs[pair[1]], each.runs[pair[0]]).differences
        for each in trained
        for pair in _PAIRS
        if each.runs.keys() >= set(pair)
    }
    headings = [label(metric) for metric in first.metrics]
    lines = [f"# Table 2: with and without an adversarial phase, on {dataset_label(first.about)}", ""]
    lines += ["## Training", "", *markdown_table(*_training_rows(trained)), "", "## Scores", ""]
    rows = [
        [each.name, _RUNS[run], *(f"{_mean(results, metric):.4f}" for metric in first.metrics)]
        for each in trained
        for run, results in each.runs.items()
    ]
    lines += markdown_table(["network", "run", *headings], rows)
    for pair, title in _PAIRS.items():
        rows = [
            [name, *(_cell(difference) for difference in found)]
            for (name, which), found in differences.items()
            if which == pair
        ]
        lines += ["", f"## {title}", "", *markdown_table(["network", *headings], rows)] if rows else []
    lines += ["", "## Cost", "", *markdown_table(*_cost_rows(measured)), ""]
    lines += [
        "Every run is scored after its last epoch. Brackets are 95 % bootstrap intervals over pictures, p is "
        "from a paired permutation test, and differences are bold where the interval excludes 0. Neither "
        "knows of the variation between training runs.",
        "",
        "Milliseconds are processor time a picture in ONNX Runtime with one thread, measured in turns.",
        "",
        *(f"- {name}: {words}" for name, words in conditions(first)),
        "",
    ]
    text = "\n".join(lines)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / "table2.md") as part:
            part.write_text(text, encoding="utf-8", errors="backslashreplace")
        _write(folder / "scores.csv", _scores(trained))
        _write(folder / "differences.csv", _changes(differences))
        _write(folder / "costs.csv", _cost_lines(measured))
        drawn = {
            title: {
                name: {each.metric: each.difference for each in found}
                for (name, which), found in differences.items()
                if which == pair
            }
            for pair, title in _PAIRS.items()
            if pair[1] == "bce"
        }
        save(
            differences_figure({title: rows for title, rows in drawn.items() if rows}, _DRAWN),
            folder / "table2",
        )
    return text


def _training_rows(trained: Sequence[Trained]) -> tuple[list[str], list[list[str]]]:
    """Updates and pictures of every network, and how often its discriminator was right in the end."""
    from salgan.training import load_config

    rows = []
    for each in trained:
        runs = each.folder / "runs"
        config = load_config(runs / "bce" / "config.yaml")
        begin = load_config(runs / "bootstrap" / "config.yaml").bootstrap.optimiser
        judged = _last_validation(runs / "gan")
        turns = config.adversarial.turns
        share = sum(turn != "discriminator" for turn in turns) / len(turns)
        steps = [_last_validation(runs / run)["step"] for run in ("bootstrap", "bce")]
        height, width = config.size
        rows.append(
            [
                each.name,
                f"{width}×{height}",
                f"{steps[0]} + {round(steps[1] * share)}",
                str(config.batch_size),
                f"{begin.name} {begin.lr:g}",
                " / ".join(f"{judged[f'accuracy_{kind}']:.2f}" for kind in ("real", "generated")),
            ]
        )
    titles = ["network", "size", "updates", "pictures each", "bootstrap's optimiser and rate"]
    return [*titles, "discriminator right at the end (true / generated)"], rows


def _last_validation(run: Path) -> dict[str, Any]:
    try:
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
        return next(line for line in reversed(lines) if line["kind"] == "validation")
    except (OSError, ValueError, KeyError, StopIteration):
        raise ConfigError(f"{run}: is not a finished training run; salgan reproduce run makes it") from None


def _mean(results: Results, metric: str) -> float:
    return float(np.nanmean(results.columns[metric]))


def _cell(found: Difference) -> str:
    change = found.difference
    if math.isnan(change.mean):
        return "–"
    mean = f"{change.mean:+.4f}"
    mean = f"**{mean}**" if change.low > 0 or change.high < 0 else mean
    p = f"p {found.p:.4f}" if found.p >= 0.0001 else "p < .0001"
    return f"{mean} [{change.low:+.4f}, {change.high:+.4f}] {p}"


def _cost_rows(measured: Mapping[str, Cost]) -> tuple[list[str], list[list[str]]]:
    lines = _cost_lines(measured)
    return list(lines[0]), [
        [f"{each[key]:,}" if key == "parameters" else str(each[key]) for key in each] for each in lines
    ]


def _cost_lines(measured: Mapping[str, Cost]) -> list[dict[str, Any]]:
    return [
        {
            "network": name,
            "parameters": cost.parameters,
            "size": f"{cost.size[1]}×{cost.size[0]}",
            "GMAC": f"{cost.gmac:.2f}",
            "ms": f"{cost.ms:.1f}",
            "published size": f"{cost.published_size[1]}×{cost.published_size[0]}",
            "GMAC at that size": f"{cost.published_gmac:.1f}",
        }
        for name, cost in measured.items()
    ]


def _scores(trained: Sequence[Trained]) -> list[dict[str, Any]]:
    return [
        {"network": each.name, "run": run}
        | {metric: f"{_mean(results, metric):.4f}" for metric in results.metrics}
        for each in trained
        for run, results in each.runs.items()
    ]


def _changes(
    differences: Mapping[tuple[str, tuple[str, str]], Sequence[Difference]],
) -> list[dict[str, Any]]:
    return [
        {"network": name, "first": pair[0], "second": pair[1], "metric": each.metric}
        | {key: f"{getattr(each.difference, end):.4f}" for key, end in _ENDS.items()}
        | {"p": f"{each.p:.4f}", "n": each.difference.n}
        for (name, pair), found in differences.items()
        for each in found
    ]


def _write(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Lines of one kind as CSV."""
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        # A folder may be called like a formula; numbers stay what they are.
        writer.writerows({**line, "network": as_cell(line["network"])} for line in lines)
