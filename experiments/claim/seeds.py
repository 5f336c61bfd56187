"""Differences between two kinds of run over all seeds, on the validation pictures.

    python experiments/claim/seeds.py RUNS/half-seeds GAN BCE [--seeds 0 1 2] [--control-seed 0] [--first 50]
    python experiments/claim/seeds.py RUNS/half no-warm-up BCE --seeds

RUNS/half-seeds is a folder of ``sweep.py --final``, whose scores of every picture lie beside its networks.
With no number after ``--seeds``, the names are two rows of the sweep, which have no seeds.
Printed are the paired difference of each seed and that of their mean, after the last epoch, each with its
95 % bootstrap interval over pictures; the last line is the standard deviation between the seeds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from score import COLUMNS, interval

from salgan._words import markdown_table


def last(run: Path) -> np.ndarray:
    """The scores of a run's last epoch, (pictures, columns)."""
    return np.load(sorted(run.glob("scores-*.npy"))[-1], allow_pickle=False)


def row(title: str, differences: np.ndarray) -> list[str]:
    """One line of the table."""
    cells = zip(*interval(differences), strict=True)
    return [title, *(f"{mean:+.4f} [{low:+.4f}, {high:+.4f}]" for mean, low, high in cells)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Differences between two kinds of run over all seeds.")
    parser.add_argument("runs", type=Path)
    parser.add_argument("names", nargs=2, metavar="NAME", help="such as GAN and BCE")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--control-seed", type=int, help="of the second name, if it is one for all")
    parser.add_argument(
        "--first", type=int, metavar="N", help="only the first N of the 130 pictures; OSIE's 50 come first"
    )
    arguments = parser.parse_args()
    mine, other = arguments.names
    ends = [f"-{seed}" for seed in arguments.seeds] or [""]
    control = arguments.control_seed
    others = ends if control is None else [f"-{control}"] * len(ends)
    differences = np.array(
        [
            last(arguments.runs / f"{mine}{end}") - last(arguments.runs / f"{other}{end_of_other}")
            for end, end_of_other in zip(ends, others, strict=True)
        ]
    )[:, : arguments.first]
    titles = [f"seed {seed}" for seed in arguments.seeds] or [""]
    rows = [row(title, each) for title, each in zip(titles, differences, strict=True)]
    if arguments.seeds:
        rows.append(row(f"mean of {len(rows)}", differences.mean(0)))
    if len(differences) > 1:
        spread = differences.mean(1).std(0, ddof=1)
        rows.append(["between seeds", *(f"±{value:.4f}" for value in spread)])
    print(*markdown_table([f"{mine} − {other}", *COLUMNS], rows), sep="\n")


if __name__ == "__main__":
    main()
