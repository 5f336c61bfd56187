"""Rank the rows of sweep.csv by the criterion of README.md and print the table.

python experiments/claim/choose.py [sweep.csv]
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
from score import CRITERION

UNRANKED = ("BCE", "KLD")
"""Beginnings of rows that are controls or have another content loss: shown, and not ranked."""


def ranked(lines: list[dict[str, str]]) -> list[tuple[float | None, dict[str, str]]]:
    """The last epoch of every run with its mean rank over the criterion's columns; unranked ones are last."""
    last = {line["run"]: line for line in sorted(lines, key=lambda line: int(line["epoch"]))}
    rows = [line for name, line in last.items() if not name.startswith((*UNRANKED, "half-bootstrap"))]
    values = np.array([[float(row[name]) for name in CRITERION] for row in rows])
    # Rank 1 is the best; equal scores share the mean of their ranks.
    better = (values[None] > values[:, None]).sum(1)
    equal = (values[None] == values[:, None]).sum(1)
    means = (better + (equal + 1) / 2).mean(1)
    found = sorted(zip(means.tolist(), rows, strict=True), key=lambda each: each[0])
    others = [line for name, line in last.items() if line not in rows]
    return [*found, *((None, line) for line in others)]


def main(path: Path) -> None:
    """Print Markdown."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    print("| run | mean rank |", " | ".join(CRITERION), "| D right, true / generated |")
    print("|---|---|" + "---|" * (len(CRITERION) + 1))
    for rank, line in ranked(lines):
        judged = [line["accuracy_real"], line["accuracy_generated"]]
        right = " / ".join(f"{float(each):.2f}" for each in judged) if all(judged) else "–"
        cells = [line[name] for name in CRITERION]
        print(f"| {line['run']} | {'–' if rank is None else f'{rank:.2f}'} | {' | '.join(cells)} | {right} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("sweep.csv"))
