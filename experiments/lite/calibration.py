"""Do shares of attention mean what they say? Predicted against true shares of boxes, on validation pictures.

    python experiments/lite/calibration.py FOLDER [MODEL]

FOLDER holds osie, eyecrowd and sun500. In every picture, 50 boxes of each size lie at random (seed 0, aspect
from 1:2 to 2:1). The predicted share is what ``salgan regions`` prints, and the true share is the part of the
fixations in the box. Printed are the reliability curve (by predicted share, and by size), the error of a
share of 10 %, and what a gamma on the map would change: the mean log-likelihood of the fixations and the
error of the shares. Intervals are 95 % bootstrap intervals over pictures.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from shapes import LAYOUTS, opened

from salgan._arrays import Floats, Picture
from salgan._words import markdown_table
from salgan.datasets import load_split, open_dataset
from salgan.errors import SalganError

SIZES = (0.01, 0.03, 0.1, 0.3)
"""The boxes' parts of the picture's area."""
EDGES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 1.01)
"""Limits of the bins of predicted share."""
BOXES = 50
"""Of each size, in each picture."""
GAMMAS = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)


def boxes(height: int, width: int, rng: np.random.Generator) -> list[tuple[int, tuple[slice, slice]]]:
    """Boxes of every size that lie inside the picture, each with its size's number."""
    found = []
    for number, size in enumerate(SIZES):
        for ratio in np.exp(rng.uniform(-np.log(2), np.log(2), BOXES)):
            high = min(height, max(1, round(np.sqrt(size * height * width / ratio))))
            wide = min(width, max(1, round(size * height * width / high)))
            top, left = rng.integers(height - high + 1), rng.integers(width - wide + 1)
            found.append((number, np.s_[top : top + high, left : left + wide]))
    return found


def summed(values: Floats) -> Floats:
    """Sums over every corner rectangle, one row and column larger than the map: any box is four lookups."""
    return np.pad(values.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))


def inside(sums: Floats, box: tuple[slice, slice]) -> float:
    """The sum over a box."""
    rows, columns = box
    return float(
        sums[rows.stop, columns.stop]
        - sums[rows.start, columns.stop]
        - sums[rows.stop, columns.start]
        + sums[rows.start, columns.start]
    )


def interval(values: Callable[[np.ndarray], float], pictures: int) -> str:
    """A number and its 95 % interval, over pictures drawn again with the seed 0."""
    rng = np.random.default_rng(0)
    draws = [values(rng.integers(pictures, size=pictures)) for _ in range(1000)]
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return f"{values(np.arange(pictures)):.3f} [{low:.3f}, {high:.3f}]"


def print_table(headings: list[str], rows: list[list[str]]) -> None:
    """A table in Markdown and an empty line."""
    print(*markdown_table(headings, rows), sep="\n", end="\n\n")


@dataclass(frozen=True)
class Measured:
    """What was found in n pictures with m boxes each, for g gammas.

    Attributes:
        shares: (n, g, m), the predicted shares of the boxes.
        truth: (n, m), the parts of the fixations in them.
        sizes: (m,), the numbers of their sizes.
        bits: (n, g), the mean log-likelihood of the fixations over a uniform density, in bits per fixation.
    """

    shares: np.ndarray
    truth: np.ndarray
    sizes: np.ndarray
    bits: np.ndarray


def measure(folder: Path, model: Callable[[Picture], Floats]) -> Measured:
    """Predict every validation picture once and look into its boxes."""
    rng = np.random.default_rng(0)
    shares, truth, sizes, bits = [], [], [], []
    for name, layout in LAYOUTS.items():
        for stimulus in open_dataset(folder / name, layout=layout).select(load_split(name)["val"]):
            picture = stimulus.picture()
            height, width = picture.shape[:2]
            gaze = stimulus.fixations.inside(width, height)
            counts = np.zeros((height, width))
            y, x = np.clip(np.rint([gaze.y, gaze.x]).astype(int), 0, [[height - 1], [width - 1]])
            np.add.at(counts, (y, x), 1 / len(y))
            array = model(picture).astype(np.float64)
            maps = [array**gamma / (array**gamma).sum() for gamma in GAMMAS]
            bits.append([float((counts * np.log2(each * each.size + 1e-12)).sum()) for each in maps])
            places, looked = boxes(height, width, rng), summed(counts)
            shares.append([[inside(sums, box) for _, box in places] for sums in map(summed, maps)])
            truth.append([inside(looked, box) for _, box in places])
            sizes = [number for number, _ in places]
    return Measured(*map(np.array, (shares, truth, sizes, bits)))


def mean(values: np.ndarray, chosen: np.ndarray) -> str:
    """The mean over the chosen boxes of (n, m) values, with its interval."""
    total, count = (values * chosen).sum(1), chosen.sum(1)
    return interval(lambda draw: total[draw].sum() / max(1, count[draw].sum()), len(values))


def root(errors: np.ndarray, chosen: np.ndarray) -> str:
    """The root of the mean square of the chosen boxes' errors, (n, m), with its interval."""
    total, count = (errors**2 * chosen).sum(1), chosen.sum(1)
    return interval(lambda draw: float(np.sqrt(total[draw].sum() / max(1, count[draw].sum()))), len(errors))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Predicted against true shares of boxes.")
    parser.add_argument("data", type=Path)
    parser.add_argument("model", nargs="?", default="lite")
    arguments = parser.parse_args()
    found = measure(arguments.data, opened(arguments.model))
    one = GAMMAS.index(1.0)
    plain, truth = found.shares[:, one], found.truth
    near = (plain > 0.08) & (plain < 0.12)
    print(f"{len(truth)} pictures, {truth.size} boxes\n")
    rows = []
    for low, high in pairwise(EDGES):
        chosen = (plain >= low) & (plain < high)
        cells = [mean(plain, chosen), mean(truth, chosen), root(truth - plain, chosen)]
        rows.append([f"{low:.0%} to {min(high, 1):.0%}", str(chosen.sum()), *cells])
    print_table(["predicted share", "boxes", "predicted, mean", "true, mean", "error, RMS"], rows)
    rows = []
    for number, size in enumerate(SIZES):
        chosen = np.broadcast_to(found.sizes == number, truth.shape)
        cells = [mean(plain, chosen), mean(truth, chosen), root(truth - plain, chosen)]
        few = near & chosen
        rows.append([f"{size:.0%}", *cells, str(few.sum()), mean(truth, few), root(truth - plain, few)])
    head = ["area", "predicted, mean", "true, mean", "error, RMS"]
    print_table([*head, "boxes of 8 to 12 %", "true, mean", "error, RMS"], rows)
    print(f"a share of 10 % (8 to 12 %): true {mean(truth, near)}, error {root(truth - plain, near)}\n")
    rows = []
    for number, gamma in enumerate(GAMMAS):
        bits = found.bits[:, number, None]
        every, change = np.ones_like(bits), bits - found.bits[:, one, None]
        error = root(truth - found.shares[:, number], np.ones_like(truth))
        rows.append([f"{gamma:g}", mean(bits, every), mean(change, every), error])
    print_table(["gamma", "bits per fixation over uniform", "less those of 1", "error, RMS"], rows)


if __name__ == "__main__":
    try:
        main()
    except SalganError as error:
        sys.exit(f"error: {error}")
