"""OSIE's mouse traces, collected by crowdsourcing with the same method as SALICON.

``stimuli/*.jpg`` and ``mouse_amt/NNNN.mat``: ``fixations.coord`` is N × 2 as (row, column), 1-based, with
``subj`` and ``order`` beside it. The points are samples of the traces, thousands per picture, not fixations
of an eye.

Source: Jiang et al., SALICON: Saliency in context, CVPR 2015, on the pictures of OSIE (Xu et al. 2014).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from salgan.datasets._files import PICTURES, by_stem, field, numbers, pairs
from salgan.datasets._mat import load_mat
from salgan.datasets.stimulus import Dataset, Fixations, Stimulus
from salgan.errors import DatasetError

__all__ = ["open_osie_mouse"]

_PIXELS_PER_DEGREE = 24.0


def open_osie_mouse(root: Path) -> Dataset:
    """Read OSIE's pictures with the mouse traces instead of the fixations.

    Raises:
        DatasetError: no ``stimuli`` or no ``mouse_amt`` folder.
    """
    for folder in ("stimuli", "mouse_amt"):
        if not (root / folder).is_dir():
            raise DatasetError(f"{root}: has no {folder} folder, which OSIE's mouse traces come with")
    pictures = by_stem(root / "stimuli", PICTURES)
    traces = by_stem(root / "mouse_amt", frozenset({".mat"}))
    stimuli = tuple(
        Stimulus(
            stem,
            path,
            fixations=partial(_read, traces[stem]) if stem in traces else None,
            pixels_per_degree=_PIXELS_PER_DEGREE,
        )
        for stem, path in pictures.items()
    )
    unmatched = tuple(f"mouse_amt/{traces[stem].name}" for stem in traces if stem not in pictures)
    return Dataset("osie-mouse", None, stimuli, "osie-mouse", unmatched)


def _read(path: Path) -> Fixations:
    record = load_mat(path, "fixations")
    row_column = pairs(field(record, "coord", path), path)
    subject = numbers(field(record, "subj", path), path).reshape(-1)
    if len(subject) != len(row_column):
        raise DatasetError(f"{path}: {len(row_column)} points but {len(subject)} subjects")
    return Fixations(row_column[:, 1] - 1, row_column[:, 0] - 1, subject.astype(np.int64))
