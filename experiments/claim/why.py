"""Where the difference between GAN and BCE comes from: the map's histogram, its order, or its shape.

    python experiments/claim/why.py DATA GAN.safetensors BCE.safetensors [...] [--cache FOLDER] [-o why.csv]

takes pairs of networks (GAN and its control, one pair per seed) and compares their maps of the validation
pictures, averaged over the pairs:

- GAN - BCE as they are;
- GAN - BCE, where BCE's values were replaced by GAN's along a monotone curve, per picture and per dataset:
  what is left is where attention goes, since the two maps then have the same histogram;
- BCE with GAN's histogram - BCE: what the histogram alone brings;
- the maps themselves: length of level sets, number and width of peaks, error of calibration, beside the
  truth's.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from scipy import ndimage
from score import COLUMNS, Truth, interval, maps, scores

from salgan.evaluation.figures import level_set_length

QUANTILES = np.linspace(0, 1, 4001)
WINDOW = 13
"""Side of the neighbourhood in which a peak is the highest, in pixels of a map of 256×192."""
SHAPE = ("level sets", "peaks", "width of a peak", "maximum", "calibration")


def like(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """``values`` with the histogram of ``wanted``, by the monotone curve between their quantiles."""
    return np.interp(values, np.quantile(values, QUANTILES), np.quantile(wanted, QUANTILES))


def per_picture(bce: np.ndarray, gan: np.ndarray) -> np.ndarray:
    """Every map of BCE with the histogram of GAN's map of the same picture."""
    return np.stack([like(one, other) for one, other in zip(bce, gan, strict=True)])


def per_set(bce: np.ndarray, gan: np.ndarray, sets: list[str]) -> np.ndarray:
    """One monotone curve for all pictures of a dataset, which knows nothing of a picture."""
    result = np.empty_like(bce)
    for name in set(sets):
        rows = np.array([each == name for each in sets])
        result[rows] = like(bce[rows], gan[rows])
    return result


def shape(predicted: np.ndarray, density: np.ndarray) -> list[float]:
    """What a map looks like, in the order of :data:`SHAPE`.

    Peaks are the highest pixels of their neighbourhood, of at least half the map's maximum; a peak's width is
    the root of the area above half the maximum per peak, in pixels; the error of calibration is the mean
    difference between prediction and truth over ten equally filled bins of the prediction.
    """
    top = predicted.max()
    high = predicted >= top / 2
    _, peaks = ndimage.label((ndimage.maximum_filter(predicted, WINDOW) == predicted) & high)
    order = np.argsort(predicted, axis=None)
    bins = np.array_split(order, 10)
    error = [abs(predicted.flat[rows].mean() - density.flat[rows].mean()) for rows in bins]
    width = np.sqrt(high.sum() / max(peaks, 1))
    return [level_set_length(predicted), float(peaks), float(width), float(top), float(np.mean(error))]


def main() -> None:
    """Compare the pairs and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("networks", type=Path, nargs="+", help="GAN and BCE, one pair per seed")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).with_name("why.csv"))
    arguments = parser.parse_args()
    if len(arguments.networks) % 2:
        parser.error("networks come in pairs, GAN and its BCE")
    truth = Truth(arguments.data, arguments.cache)
    pairs = [
        (maps(gan, truth), maps(bce, truth))
        for gan, bce in zip(arguments.networks[::2], arguments.networks[1::2], strict=True)
    ]
    lines = [
        {"comparison": title} | {name: _cell(change[:, k]) for k, name in enumerate(COLUMNS)}
        for title, change in comparisons(pairs, truth).items()
    ]
    with arguments.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["comparison", *COLUMNS], lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    shapes = {
        "truth": np.array([shape(density, density) for density in truth.density]),
        **{
            name: np.mean([shapes_of(pair[number], truth) for pair in pairs], axis=0)
            for number, name in enumerate(("GAN", "BCE"))
        },
    }
    with arguments.out.with_name(f"{arguments.out.stem}-shape.csv").open(
        "w", newline="", encoding="utf-8"
    ) as file:
        plain = csv.writer(file, lineterminator="\n")
        plain.writerow(["map", *SHAPE])
        plain.writerows([name, *(f"{value:.3f}" for value in each.mean(0))] for name, each in shapes.items())
        change = interval(shapes["GAN"] - shapes["BCE"])
        plain.writerow(["GAN - BCE", *(_cell(change[:, k]) for k in range(len(SHAPE)))])
    print(arguments.out.read_text("utf-8"))


def comparisons(pairs: list[tuple[np.ndarray, np.ndarray]], truth: Truth) -> dict[str, np.ndarray]:
    """Mean and interval of every comparison, the pairs of each picture averaged first."""
    found: dict[str, list[np.ndarray]] = {}
    for gan, bce in pairs:
        plain, other = scores(gan, truth), scores(bce, truth)
        for title, matched in (
            ("picture", per_picture(bce, gan)),
            ("dataset", per_set(bce, gan, truth.sets)),
        ):
            same = scores(matched, truth)
            found.setdefault(f"GAN - BCE with GAN's histogram, per {title}", []).append(plain - same)
            found.setdefault(f"BCE with GAN's histogram, per {title} - BCE", []).append(same - other)
        found.setdefault("GAN - BCE", []).append(plain - other)
    return {title: interval(np.mean(each, axis=0)) for title, each in found.items()}


def shapes_of(predicted: np.ndarray, truth: Truth) -> np.ndarray:
    """:func:`shape` of every map, (n, len(SHAPE))."""
    return np.array([shape(S, D) for S, D in zip(predicted, truth.density, strict=True)])


def _cell(change: np.ndarray) -> str:
    return "{:+.4f} [{:+.4f}, {:+.4f}]".format(*change)


if __name__ == "__main__":
    main()
