"""Score the runs of train.py on the pictures that no run learnt from, and draw the page's table and figure.

    python experiments/table2/report.py DATA OUT [--cache FOLDER] [--figure FILE.png] [--costs]

Every run that is finished is scored after its last epoch (none is chosen), on the pictures of the part
``report`` of OUT/split.json, at 256×192. scores.csv and differences.csv are written here, and costs.csv
with ``--costs``. Differences are paired over pictures; intervals are 95 % bootstrap intervals, and p is from
a permutation test.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812  # its name everywhere
from torch.utils.flop_counter import FlopCounterMode

from salgan._private import onnx_runtime
from salgan.evaluation.intervals import bootstrap_mean, permutation_p
from salgan.networks import load_network
from salgan.networks.rival import Rival
from salgan.preprocessing import Preprocessing
from salgan.training.cache import Prepared, prepare
from salgan.training.config import DataSource

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "claim"))
from score import COLUMNS, SIZE, scores  # noqa: E402  # the claim's, so that both tables have the same columns
from train import NETWORKS  # noqa: E402

RUNS = ("own", "bootstrap", "bce", "gan", "gan-paper")
PAIRS = (("gan", "bce"), ("gan-paper", "bce"), ("own", "bce"), ("bce", "bootstrap"))
SHOWN = ("sAUC", "AUC-Borji", "NSS", "CC", "IG")
"""The paper's five metrics, its two AUCs at all thresholds, as the figure shows them."""
PUBLISHED = {"light": (192, 256), "salgan": (192, 256)}


class Truth:
    """The pictures to report on at :data:`SIZE`, with what the metrics need; named as the claim's."""

    def __init__(self, data: Path, out: Path, folder: Path | None) -> None:
        self._source = DataSource(
            path="osie", layout="fixations-mat", split=str(out / "split.json"), val="report"
        )
        self._data, self._folder = data, folder
        found = self._prepared(SIZE)
        maps = np.asarray(found.samples.density).astype(float)
        points = np.asarray(found.samples.fixations)
        prior = np.mean([maps[row] / maps[row].sum() for row in found.train], axis=0)
        draw = np.random.default_rng(5)
        self.density = [maps[row] for row in found.val]
        self.fixations = [points[row] for row in found.val]
        self.others = [
            np.any(
                points[draw.choice([each for each in found.val if each != row], 10, replace=False)], axis=0
            )
            for row in found.val
        ]
        self.center = [prior] * len(found.val)

    @cache  # noqa: B019  # one object per process
    def pictures(self, height: int, width: int) -> torch.Tensor:
        """The pictures as the network of that size sees them, (n, 3, h, w)."""
        found = self._prepared((height, width))
        return torch.from_numpy(np.asarray(found.samples.pictures)[found.val]).permute(0, 3, 1, 2)

    def _prepared(self, size: tuple[int, int]) -> Prepared:
        record = Preprocessing(height=size[0], width=size[1])
        return prepare(self._source, self._data, record, self._folder)


@torch.no_grad()
def maps_of(weights: Path, truth: Truth) -> np.ndarray:
    """A network's maps of all pictures, (n, 192, 256) in 0..1."""
    network = load_network(weights).eval()
    record = network.preprocessing
    pictures = truth.pictures(record.height, record.width)
    found = [network(pictures[k : k + 8].float()) for k in range(0, len(pictures), 8)]
    whole = F.interpolate(torch.cat(found), SIZE, mode="bilinear", antialias=True, align_corners=False)
    return whole[:, 0].double().numpy()


def scored(out: Path, truth: Truth) -> dict[tuple[str, str], np.ndarray]:
    """Every finished run's scores, (pictures, len(COLUMNS)), kept beside it."""
    found = {}
    for name in NETWORKS:
        for run in RUNS:
            weights = out / name / run / "networks" / "001.safetensors"
            stored = out / name / run / "scores.npy"
            if not weights.is_file():
                continue
            if not stored.is_file():
                np.save(stored, scores(maps_of(weights, truth), truth))
                print(f"scored {name} {run}", file=sys.stderr, flush=True)
            found[name, run] = np.load(stored)
    return found


def differences(found: dict[tuple[str, str], np.ndarray]) -> list[dict[str, Any]]:
    """Paired differences between runs of a network, a line each metric."""
    lines = []
    for name in NETWORKS:
        for first, second in PAIRS:
            if (name, first) not in found or (name, second) not in found:
                continue
            change = found[name, first] - found[name, second]
            for k, column in enumerate(COLUMNS):
                interval = bootstrap_mean(change[:, k])
                lines.append(
                    {"network": name, "runs": f"{first} - {second}", "metric": column}
                    | {"difference": f"{interval.mean:+.4f}"}
                    | {"low": f"{interval.low:+.4f}", "high": f"{interval.high:+.4f}"}
                    | {"p": f"{permutation_p(change[:, k]):.4f}", "n": interval.n}
                )
    return lines


def costs(folder: Path) -> list[dict[str, Any]]:
    """Parameters, multiplications, and milliseconds of processor time a picture in ONNX Runtime, one thread.

    None of them depends on the weights, so the networks are made anew.
    """
    from salgan.export import export_onnx
    from salgan.training.build import build_generator, preprocessing_of
    from salgan.training.config import Network

    onnxruntime = onnx_runtime()
    lines = []
    for name, settings in NETWORKS.items():
        size = settings["size"]
        torch.manual_seed(0)
        network = build_generator(Network(**settings["network"]), size).eval()
        network.preprocessing = preprocessing_of(network, size)
        published = network.published_size if isinstance(network, Rival) else PUBLISHED[name]
        done = export_onnx(network, folder / f"{name}.onnx")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(done.path), options, providers=["CPUExecutionProvider"])
        picture = {"picture": np.random.default_rng(0).uniform(0, 255, (1, 3, *size)).astype(np.float32)}
        session.run(None, picture)
        taken = []
        for _ in range(15):
            start = time.process_time()
            session.run(None, picture)
            taken.append(time.process_time() - start)
        count = sum(weight.numel() for weight in network.parameters())
        lines.append(
            {
                "network": name,
                "parameters": count,
                "size": f"{size[1]}×{size[0]}",
                "GMAC": f"{_gmac(network, size):.1f}",
                "ms": f"{1000 * sorted(taken)[len(taken) // 2]:.0f}",
                "published size": f"{published[1]}×{published[0]}",
                "published GMAC": f"{_gmac(network, published):.1f}",
            }
        )
        print(lines[-1], file=sys.stderr, flush=True)
    return lines


def _gmac(network: torch.nn.Module, size: tuple[int, int]) -> float:
    network = network.to("meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.empty(1, 3, *size, device="meta"))
    return counter.get_total_flops() / 2e9


def figure(lines: list[dict[str, Any]], path: Path) -> None:
    """Differences to BCE as points with intervals, one row a network, one column a metric."""
    import matplotlib.pyplot as plt

    titles = {
        "gan - bce": "adversarial phase",
        "gan-paper - bce": "the paper's, alpha .05",
        "own - bce": "own loss",
    }
    kinds = [kind for kind in titles if any(line["runs"] == kind for line in lines)]
    names = [
        name
        for name in NETWORKS
        if any((line["network"], line["runs"]) == (name, kinds[0]) for line in lines)
    ]
    drawn, panels = plt.subplots(
        1, len(SHOWN), figsize=(11, 0.6 * len(names) + 1.4), layout="constrained", sharey=True
    )
    for panel, metric in zip(panels, SHOWN, strict=True):
        panel.axvline(0, color="grey", linewidth=0.8)
        for line in lines:
            if line["runs"] in kinds and line["network"] in names and line["metric"] == metric:
                k = kinds.index(line["runs"])
                mean, low, high = (float(line[key]) for key in ("difference", "low", "high"))
                place = names.index(line["network"]) + 0.22 * (k - (len(kinds) - 1) / 2)
                panel.plot([low, high], [place, place], color=f"C{k}", linewidth=1.5)
                panel.plot(mean, place, "o", color=f"C{k}", markersize=5)
        panel.set_title(metric)
        panel.set_yticks(range(len(names)), names)
        panel.set_ylim(len(names) - 0.5, -0.5)
        panel.margins(x=0.12)
        panel.spines[["top", "right"]].set_visible(False)
    if len(kinds) > 1:
        handles = [
            plt.Line2D([], [], color=f"C{k}", marker="o", label=titles[kind]) for k, kind in enumerate(kinds)
        ]
        drawn.legend(handles=handles, loc="outside upper center", ncols=len(kinds), frameon=False)
    what = titles[kinds[0]] if len(kinds) == 1 else "difference"
    drawn.supxlabel(f"{what} − BCE with as many updates; right is better", fontsize="medium")
    drawn.savefig(path, dpi=110)


def main() -> None:
    """Score, compare, and print the page's tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--costs", action="store_true", help="measure them too")
    arguments = parser.parse_args()
    found = scored(arguments.out, Truth(arguments.data, arguments.out, arguments.cache))
    means = [
        {"network": name, "run": run}
        | {column: f"{value:.4f}" for column, value in zip(COLUMNS, np.nanmean(each, axis=0), strict=True)}
        for (name, run), each in found.items()
    ]
    changes = differences(found)
    _write(HERE / "scores.csv", means)
    _write(HERE / "differences.csv", changes)
    if arguments.costs:
        _write(HERE / "costs.csv", costs(arguments.out))
    if arguments.figure:
        figure(changes, arguments.figure)
    print(table(means, changes))


def table(means: list[dict[str, Any]], changes: list[dict[str, Any]]) -> str:
    """The page's two tables: means, and paired differences to BCE."""
    from salgan._words import markdown_table

    rows = [[each["network"], each["run"], *(each[column] for column in COLUMNS)] for each in means]
    lines = [*markdown_table(["network", "run", *COLUMNS], rows), ""]
    cells: dict[tuple[str, str], list[str]] = {}
    for line in changes:
        p = "< .001" if float(line["p"]) < 0.001 else line["p"].lstrip("0").removesuffix("0")
        text = f"{line['difference']} [{line['low']}, {line['high']}], p {p}"
        cells.setdefault((line["network"], line["runs"]), []).append(text)
    return "\n".join(
        [
            *lines,
            *markdown_table(["network", "runs", *COLUMNS], [[*key, *each] for key, each in cells.items()]),
        ]
    )


def _write(path: Path, lines: list[dict[str, Any]]) -> None:
    if not lines:
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


if __name__ == "__main__":
    main()
