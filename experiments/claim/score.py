"""Scores of the claim's runs on the validation pictures of the three sets, and paired differences.

    python experiments/claim/score.py DATA RUNS/full-seeds TABLE.csv [--control-seed 0]

scores the networks that runs of ``salgan train`` kept in RUNS/full-seeds/NAME-SEED. ``sweep.py`` does the
same for its own.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812  # its name everywhere

from salgan import metrics
from salgan.networks import load_network
from salgan.preprocessing import Preprocessing
from salgan.training.cache import prepare
from salgan.training.config import DataSource

__all__ = [
    "COLUMNS",
    "CRITERION",
    "SIZE",
    "Truth",
    "interval",
    "maps",
    "rows",
    "scores",
    "truth",
    "write_table",
]

CRITERION = ("sAUC", "AUC-Borji", "NSS", "CC", "IG", "AUC-Judd")
"""The columns whose mean rank chooses: the paper's five and AUC-Judd, the sampled ones at all thresholds."""
COLUMNS = (*CRITERION, "sAUC (.1)", "AUC-Borji (.1)", "KLD", "SIM")
SOURCES = (
    DataSource(path="osie", layout="fixations-mat", split="osie"),
    DataSource(path="eyecrowd", layout="fixations-mat", split="eyecrowd"),
    DataSource(path="sun500", layout="sun500", split="sun500"),
)
SIZE = (192, 256)
"""Height and width that everything is scored at."""
RESAMPLES = 10_000


class Truth:
    """The validation pictures of the three sets at :data:`SIZE`, with what the metrics need.

    Attributes:
        pictures: by size (height, width), uint8 (n, h, w, 3).
        density: (n, 192, 256), largest value 1.
        fixations: bool, likewise.
        others: fixations on ten other validation pictures of the same set, for sAUC.
        center: the mean density of the same set's training pictures, for IG.
        sets: name of each picture's set.
    """

    def __init__(self, data: Path, folder: Path | None) -> None:
        self._data, self._folder = data, folder
        density, fixations, others, center, self.sets = [], [], [], [], []
        draw = np.random.default_rng(5)
        for source in SOURCES:
            found = self._prepared(source, SIZE)
            rows = found.val
            maps = np.asarray(found.samples.density)
            points = np.asarray(found.samples.fixations)
            prior = np.mean(
                [maps[i].astype(float) / maps[i].astype(float).sum() for i in found.train], axis=0
            )
            for row in rows:
                density.append(maps[row].astype(float))
                fixations.append(points[row])
                chosen = draw.choice([other for other in rows if other != row], 10, replace=False)
                others.append(np.any(points[chosen], axis=0))
                center.append(prior)
                self.sets.append(source.label)
        self.density, self.fixations, self.others, self.center = density, fixations, others, center

    @cache  # noqa: B019  # one object per process
    def pictures(self, height: int, width: int) -> np.ndarray:
        """The pictures as the network of that size sees them, uint8 (n, h, w, 3)."""
        found = [self._prepared(source, (height, width)) for source in SOURCES]
        return np.concatenate([np.asarray(each.samples.pictures)[each.val] for each in found])

    def _prepared(self, source: DataSource, size: tuple[int, int]) -> Any:
        return prepare(source, self._data, Preprocessing(height=size[0], width=size[1]), self._folder)


@cache
def truth(data: Path, folder: Path | None) -> Truth:
    """Read once per process."""
    return Truth(data, folder)


@torch.no_grad()
def maps(weights: Path, against: Truth) -> np.ndarray:
    """A network's maps of all pictures, (n, 192, 256) in 0..1."""
    network = load_network(weights).eval()
    record = network.preprocessing
    pictures = torch.from_numpy(against.pictures(record.height, record.width)).permute(0, 3, 1, 2)
    found = [network(pictures[k : k + 10].float()) for k in range(0, len(pictures), 10)]
    whole = F.interpolate(torch.cat(found), SIZE, mode="bilinear", antialias=True, align_corners=False)
    return whole[:, 0].double().numpy()


def scores(predicted: Sequence[np.ndarray] | np.ndarray, against: Truth) -> np.ndarray:
    """Every column for every picture, (n, len(COLUMNS))."""
    found = []
    for k, S in enumerate(predicted):
        D, points, others = against.density[k], against.fixations[k], against.others[k]
        found.append(
            [
                metrics.sauc(S, points, others, step="all"),
                metrics.auc_borji(S, points, step="all"),
                metrics.nss(S, points),
                metrics.cc(S, D),
                metrics.ig(S, points, against.center[k]),
                metrics.auc_judd(S, points),
                metrics.sauc(S, points, others),
                metrics.auc_borji(S, points),
                metrics.kld(S, D),
                metrics.sim(S, D),
            ]
        )
    return np.array(found)


def interval(differences: np.ndarray) -> np.ndarray:
    """Mean and 95% bootstrap interval over pictures of each column, (3, columns)."""
    draw = np.random.default_rng(0)
    count = len(differences)
    means = np.array([differences[draw.integers(0, count, count)].mean(0) for _ in range(RESAMPLES)])
    return np.stack([differences.mean(0), *np.percentile(means, [2.5, 97.5], axis=0)])


def write_table(
    table: Path, runs: Path, data: Path, folder: Path | None, control_seed: int | None = None
) -> None:
    """Score what is not scored yet and write the table anew; see :func:`rows`."""
    found = rows(runs, data, folder, control_seed)
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(found[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)


def rows(
    runs: Path, data: Path, folder: Path | None, control_seed: int | None = None
) -> list[dict[str, Any]]:
    """One line per finished epoch of each run in a folder: means, and paired differences to BCE.

    A run is compared with ``BCE`` of the same epoch, that is after as many updates of the generator, and of
    the same seed or of ``control_seed``. The bootstrap beside the folder, if it is there, has a line, too,
    after its last epoch.
    """
    against = truth(data, folder)
    found: dict[tuple[str, str], np.ndarray] = {}
    facts: dict[tuple[str, str], dict[str, Any]] = {}
    bootstrap = runs.parent / f"{runs.name.removesuffix('-seeds')}-bootstrap"
    folders = sorted(path for path in runs.iterdir() if (path / "networks").is_dir())
    for run in [*([bootstrap] if bootstrap.is_dir() else []), *folders]:
        judged = _judged(run / "metrics.jsonl")
        weights_of = sorted((run / "networks").glob("*.safetensors"))
        for weights in weights_of[-1:] if run == bootstrap else weights_of:
            stored = run / f"scores-{weights.stem}.npy"
            if not stored.is_file():
                predicted = maps(weights, against)
                np.save(stored, scores(predicted, against))
                peaks = {"maximum": float(predicted.max((1, 2)).mean())}
                (run / f"maps-{weights.stem}.json").write_text(json.dumps(peaks), "utf-8")
            key = (run.name, weights.stem)
            found[key] = np.load(stored)
            facts[key] = judged.get(int(weights.stem), {}) | json.loads(
                (run / f"maps-{weights.stem}.json").read_text("utf-8")
            )
    lines = []
    for (run_name, epoch), each in found.items():
        seed = run_name.rpartition("-")[2] if runs.name.endswith("-seeds") else ""
        if seed and control_seed is not None:
            seed = str(control_seed)
        control = f"BCE-{seed}" if seed else "BCE"
        line: dict[str, Any] = {"run": run_name, "epoch": int(epoch)}
        line |= {name: f"{value:.4f}" for name, value in zip(COLUMNS, each.mean(0), strict=True)}
        for name in ("maximum", "accuracy_real", "accuracy_generated"):
            value = facts[run_name, epoch].get(name)
            line[name] = "" if value is None else f"{value:.3f}"
        other = found.get((control, epoch))
        change = None if other is None or control == run_name else interval(each - other)
        for k, name in enumerate(COLUMNS):
            line[f"{name} - BCE"] = (
                "" if change is None else "{:+.4f} [{:+.4f}, {:+.4f}]".format(*change[:, k])
            )
        lines.append(line)
    return lines


def _judged(path: Path) -> dict[int, dict[str, Any]]:
    """The discriminator's accuracy on validation maps after each epoch, by epoch; of a run with a record."""
    if not path.is_file():
        return {}
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return {
        line["epoch"]: line
        for line in lines
        if line["kind"] == "validation" and line["phase"] == "adversarial"
    }


def main() -> None:
    """Score the runs of a folder and write their table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder that holds osie, eyecrowd and sun500")
    parser.add_argument("runs", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("--control-seed", type=int, help="the seed of BCE, if one serves all runs")
    arguments = parser.parse_args()
    write_table(arguments.table, arguments.runs, arguments.data, None, arguments.control_seed)


if __name__ == "__main__":
    main()
