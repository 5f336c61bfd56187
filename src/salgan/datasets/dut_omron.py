"""DUT-OMRON's eye movements: 5,168 pictures of at most 400 pixels, 5 viewers, free viewing for 2 seconds.

``DUT-OMRON-image/NAME.jpg`` and ``DUT-OMRON-eye-fixations/mat/NAME.mat`` with the matrix ``s``: a row per
fixation of [x, y, viewer]; the row with viewer 0 is the picture's size. Coordinates of 0 occur, so they count
from 0. The viewers' numbers may mean other people in another picture.

This layout was taken from pysaliency's reader (0.2.22), which downloads the authors' archives, not from the
archives themselves. No source that was read says how many pixels one degree was, and there is no published
map.

Source: Yang, Zhang, Lu, Ruan, Yang, Saliency detection via graph-based manifold ranking, CVPR 2013.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from salgan.datasets._files import PICTURES, by_stem, pairs
from salgan.datasets._mat import load_mat
from salgan.datasets.stimulus import Dataset, Fixations, Stimulus
from salgan.errors import DatasetError

__all__ = ["is_dut_omron", "open_dut_omron"]

_PICTURES, _FIXATIONS = "DUT-OMRON-image", "DUT-OMRON-eye-fixations"


def is_dut_omron(root: Path) -> bool:
    """Whether a folder holds DUT-OMRON's pictures and eye movements."""
    return (root / _PICTURES).is_dir() and (root / _FIXATIONS / "mat").is_dir()


def open_dut_omron(root: Path) -> Dataset:
    """Read DUT-OMRON.

    Raises:
        DatasetError: one of its two folders is missing.
    """
    if not is_dut_omron(root):
        raise DatasetError(f"{root}: has no {_PICTURES} and {_FIXATIONS}/mat, as DUT-OMRON has")
    pictures = by_stem(root / _PICTURES, PICTURES)
    mats = by_stem(root / _FIXATIONS / "mat", frozenset({".mat"}))
    stimuli = tuple(
        Stimulus(stem, path, fixations=partial(_read, mats[stem]) if stem in mats else None)
        for stem, path in pictures.items()
    )
    unmatched = tuple(
        path.relative_to(root).as_posix() for stem, path in mats.items() if stem not in pictures
    )
    return Dataset("dut-omron", None, stimuli, "dut-omron", unmatched)


def _read(file: Path) -> Fixations:
    rows = pairs(load_mat(file, "s"), file, columns=3)
    rows = rows[rows[:, 2] > 0]
    return Fixations(rows[:, 0], rows[:, 1], rows[:, 2].astype(np.int64))
