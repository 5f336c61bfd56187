"""Scores of groups of validation pictures: text, several faces, no object, symmetrical scenes.

    salgan evaluate MODEL --data FOLDER/osie --part val --out results/osie      (likewise eyecrowd, sun500)
    python experiments/lite/groups.py results/osie results/eyecrowd results/sun500

``groups.json`` names the pictures. They were sorted by eye, from a contact sheet of the validation pictures
and before any score was seen; a crowd (EyeCrowd) is a group by itself. Means with 95 % bootstrap intervals.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from salgan.errors import SalganError
from salgan.evaluation import Results, bootstrap_mean

METRICS = ("cc", "nss", "sim", "kld", "sauc")


def row(title: str, results: Results, names: set[str] | None) -> str:
    """One line of the table, for the named pictures or all of them."""
    chosen = np.array([names is None or picture in names for picture in results.pictures])
    if names is not None and chosen.sum() != len(names):
        raise SystemExit(
            f"{results.folder} lacks {len(names) - chosen.sum()} pictures of the group {title!r}"
        )
    cells = [bootstrap_mean(results.columns[metric][chosen]) for metric in METRICS]
    texts = [f"{cell.mean:.3f} [{cell.low:.3f}, {cell.high:.3f}]" for cell in cells]
    return f"| {title} | {chosen.sum()} | " + " | ".join(texts) + " |"


def main(folders: list[Path]) -> None:
    """Print one row per set and one per group."""
    sets = {result.about["dataset"]["name"]: result for result in map(Results.read, folders)}
    print("| group | pictures | " + " | ".join(name.upper() for name in METRICS) + " |")
    print("|---|---|" + "---|" * len(METRICS))
    for name, results in sets.items():
        print(row(f"all of {name}", results, None))
    groups = json.loads(Path(__file__).with_name("groups.json").read_text("utf-8"))
    for title, members in groups.items():
        for name, pictures in members.items():
            if name in sets:
                print(row(f"{title} ({name})", sets[name], set(pictures)))


if __name__ == "__main__":
    try:
        main([Path(argument) for argument in sys.argv[1:]])
    except SalganError as error:
        sys.exit(f"error: {error}")
