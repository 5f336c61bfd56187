"""Twelve pictures rebuilt from their seeds, with the scores that the MIT toolbox gave them under GNU Octave.

The scores are in ``toolbox_scores.json``: exact ones, the mean of 12 jittered runs for ``auc_judd_jitter``,
and means of 2,000 random splits with standard errors (``_se``) for ``auc_borji`` and ``sauc``.
"""

import json
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

SCORES = json.loads(Path(__file__).with_name("toolbox_scores.json").read_text())
SIZES = ((48, 64), (90, 120), (111, 77), (192, 256), (60, 60), (240, 320))
INPUTS = ("saliency", "fixations", "other_fixations", "baseline", "density")


def rebuild(name: str) -> dict[str, np.ndarray]:
    """The arrays of one case. The order of the draws is part of its definition."""
    seed = int(name)
    draw = np.random.default_rng(seed)
    size = height, width = SIZES[seed % len(SIZES)]

    smooth = gaussian_filter(draw.random(size), 3.0)
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    match SCORES[name]["kind"]:
        case "smooth":
            saliency = smooth
        case "quantised":
            saliency = np.floor(255 * smooth)
        case "sparse":
            saliency = np.where(smooth > 0.75, smooth, 0.0)
        case "plateau":
            saliency = np.minimum(smooth, 0.6)
        case "raw":  # with negative values
            saliency = draw.random(size) * 100 - 20

    count = draw.integers(8, 60)
    where = gaussian_filter(draw.random(size), 4.0) ** 8
    pixels = np.arange(height * width)
    fixations = np.isin(
        pixels, draw.choice(height * width, count, replace=False, p=where.ravel() / where.sum())
    ).reshape(size)
    others = np.isin(pixels, draw.choice(height * width, 4 * count, replace=False)).reshape(size)

    rows, columns = np.indices(size)
    squares = ((rows - height / 2) / (height / 4)) ** 2 + ((columns - width / 2) / (width / 4)) ** 2
    density = gaussian_filter(fixations.astype(float), 0.03 * max(size))
    return {
        "saliency": saliency,
        "fixations": fixations,
        "other_fixations": others,
        "baseline": np.exp(-squares / 2),
        "density": density / density.max(),
    }
