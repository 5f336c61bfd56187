"""The made-up example of docs/metrics.md: its picture, and the table of what each change of a map does.

    python docs/images/metrics.py docs/images/metrics.png

draws the picture and prints the table.
"""

import sys
from pathlib import Path

import numpy as np

from salgan._words import markdown_table
from salgan.datasets.density import density as blurred
from salgan.errors import require
from salgan.metrics import find_metric, score

HEIGHT, WIDTH = 96, 128
COLUMNS = ("auc_judd", "auc_borji", "auc_borji_all", "sauc", "sauc_all", "nss", "ig", "cc", "sim", "kld")


def gaussian(x: float, y: float, sigma: float) -> np.ndarray:
    """A Gaussian on the picture, which sums to 1."""
    row, column = np.mgrid[:HEIGHT, :WIDTH]
    values = np.exp(-((column - x) ** 2 + (row - y) ** 2) / (2 * sigma**2))
    return np.asarray(values / values.sum())


def smoothed(values: np.ndarray, sigma: float) -> np.ndarray:
    """Blurred with a Gaussian."""
    down, across = (
        np.exp(-0.5 * ((np.arange(n)[:, None] - np.arange(n)[None]) / sigma) ** 2) for n in (HEIGHT, WIDTH)
    )
    return np.asarray(down @ values @ across)


def example() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Maps by what was done to them, and the ground truth that they are scored against."""
    bias = gaussian(WIDTH / 2, HEIGHT / 2, 24)
    uniform = np.full_like(bias, 1 / bias.size)
    true = 0.5 * gaussian(38, 34, 6) + 0.3 * gaussian(96, 62, 6) + 0.1 * bias + 0.1 * uniform
    draw = np.random.default_rng(0)
    places = draw.choice(true.size, 120, p=true.ravel())
    others = draw.choice(bias.size, 600, p=(0.8 * bias + 0.2 * uniform).ravel())
    fixations, other_fixations = (
        np.bincount(p, minlength=true.size).reshape(true.shape) > 0 for p in (places, others)
    )
    truth = {
        "fixations": fixations,
        "other_fixations": other_fixations,
        "baseline": bias,
        "density": blurred((places % WIDTH).astype(float), (places // WIDTH).astype(float), WIDTH, HEIGHT, 5),
    }
    steps = np.round(true / true.max() * 7) / 7
    maps = {
        "the true density": true,
        "its square root": np.sqrt(true),
        "its logarithm": np.log(true) - np.log(true).min(),
        "its square": true**2,
        "blurred": smoothed(true, 8),
        "times center bias": true * bias,
        "in 8 levels": steps,
        "one peak only": gaussian(38, 34, 6),
        "center bias": bias,
        "uniform": uniform,
    }
    return maps, truth


def table() -> list[str]:
    """The scores of all maps, in Markdown."""
    maps, truth = example()
    rows = []
    for name, saliency in maps.items():
        scores = score(saliency, metrics=COLUMNS, **truth)
        rows.append([name, *(f"{scores[metric]:.3f}" for metric in COLUMNS)])
    headings = [find_metric(metric).heading.replace("all thresholds", "all") for metric in COLUMNS]
    return markdown_table(["map", *headings], rows, numbers=range(1, len(COLUMNS) + 1))


def draw(path: Path) -> None:
    """The maps in one picture, with the fixations on the first."""
    maps, truth = example()
    figure = require("matplotlib.figure", "eval").Figure(figsize=(9, 3.1), layout="constrained")
    for axis, (name, saliency) in zip(figure.subplots(2, 5).ravel(), maps.items(), strict=True):
        axis.imshow(saliency, cmap="inferno", vmin=0)
        axis.set_title(name, fontsize=9)
        axis.set_axis_off()
    y, x = np.nonzero(truth["fixations"])
    figure.axes[0].plot(x, y, ".", color="#56B4E9", markersize=2.5)
    figure.savefig(path, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    if len(sys.argv) > 1:
        draw(Path(sys.argv[1]))
    print("\n".join(table()))
