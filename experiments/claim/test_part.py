"""Score the final networks on OSIE's test part, once, and compare GAN with BCE over all seeds.

    python experiments/claim/test_part.py OSIE RUNS [--size full] [--seeds 0 1 2] [--control-seeds 0]
        [--bootstrap FILE] [--table test-full.csv]

RUNS is the folder of ``sweep.py --final``, in which SIZE-seeds holds NAME-SEED. Every network is evaluated
as ``salgan evaluate`` does it, at the pictures' own size; differences are paired over the 100 pictures,
after the seeds of each picture were averaged, and once more per seed. The table, test-SIZE.csv if it has no
name, is written here.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from score import interval

from salgan.evaluation import EvaluationProtocol, evaluate, open_data
from salgan.evaluation.ground_truth import ground_truth

METRICS = ("sauc_all", "auc_borji_all", "nss", "cc", "ig", "auc_judd", "sauc", "auc_borji", "kld", "sim")


def main() -> None:
    """Evaluate what is not evaluated yet, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("osie", type=Path, help="OSIE's folder, with the committed split")
    parser.add_argument("runs", type=Path)
    parser.add_argument("--size", choices=["full", "half"], default="full")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--names", nargs="+", default=["GAN"], help="of the adversarial runs")
    parser.add_argument(
        "--control-seeds", type=int, nargs="+", help="of BCE, if they are others: one for all"
    )
    parser.add_argument(
        "--bootstrap", type=Path, help="if it is not the run SIZE-bootstrap of RUNS; left out without either"
    )
    parser.add_argument("--table", help="the table's name")
    arguments = parser.parse_args()
    size, seeds = arguments.size, arguments.seeds
    run = arguments.runs / f"{size}-bootstrap"
    start = arguments.bootstrap or (_last(run) if run.is_dir() else None)
    found = {"bootstrap": [start]} if start else {}
    seeds_of = {"BCE": arguments.control_seeds or seeds} | dict.fromkeys(arguments.names, seeds)
    for name, each in seeds_of.items():
        found[name] = [_last(arguments.runs / f"{size}-seeds" / f"{name}-{seed}") for seed in each]
    data = open_data(arguments.osie, "fixations-mat", "test")
    protocol = EvaluationProtocol(METRICS)
    columns: dict[str, np.ndarray] = {}
    with ground_truth(data, arguments.runs / "test", center_bias=True) as truth:
        for name, networks in found.items():
            results = []
            for number, network in enumerate(networks):
                folder = arguments.runs / "test" / f"{size}-{name}-{number}"
                results.append(evaluate(network, data, folder, protocol=protocol, truth=truth))
            columns[name] = np.array([[each.columns[metric] for metric in METRICS] for each in results])
    lines = [
        {"row": name} | {metric: f"{value:.4f}" for metric, value in zip(METRICS, means, strict=True)}
        for name, values in columns.items()
        for means in [np.nanmean(values, axis=(0, 2))]
    ]
    differences = {}
    if start:
        for name in ("BCE", *arguments.names):
            differences[f"{name} - bootstrap"] = columns[name].mean(0) - columns["bootstrap"][0]
    for name in arguments.names:
        change = columns[name] - columns["BCE"]
        differences[f"{name} - BCE"] = change.mean(0)
        differences |= {f"{name} - BCE, seed {seed}": change[k] for k, seed in enumerate(seeds)}
    for name, each in differences.items():
        mean, low, high = interval(each.T)
        cells = [f"{m:+.4f} [{a:+.4f}, {b:+.4f}]" for m, a, b in zip(mean, low, high, strict=True)]
        lines.append({"row": name} | dict(zip(METRICS, cells, strict=True)))
    table = Path(__file__).with_name(arguments.table or f"test-{size}.csv")
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["row", *METRICS], lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    print(table.read_text("utf-8"))


def _last(run: Path) -> Path:
    return sorted((run / "networks").glob("*.safetensors"))[-1]


if __name__ == "__main__":
    main()
