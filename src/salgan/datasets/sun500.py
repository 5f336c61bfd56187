"""SUN500: 500 pictures of the SUN database, 225 to 3,888 pixels wide, each seen by 10 to 12 viewers.

``stimuli/NNN.jpg`` and ``tidy/fixations.mat``: 500 × 12 cells of N × 4 [y, x, latency s, duration s], row i
for picture i. Two things that no readme says are in the numbers:

- Positions run from 0.07 to the width less 0.07, and times 1080 / height (the pictures filled a screen of
  1920 × 1080) most are whole tenths of a pixel: they are distances from the picture's edge, neither 1-based
  nor centred on pixels. Half a pixel comes off to put (0, 0) at the centre of the first pixel.
- Some cells are empty: that viewer did not see that picture.

Source: Liang, 2015, scene saliency on SUN pictures.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from salgan._arrays import Array
from salgan.datasets._files import PICTURES, by_stem, pairs
from salgan.datasets._mat import load_mat
from salgan.datasets.stimulus import Dataset, Fixations, Stimulus
from salgan.errors import DatasetError

__all__ = ["open_sun500"]

_DEGREE_OF_LONGER_SIDE = 0.03


def open_sun500(root: Path) -> Dataset:
    """Read SUN500; one degree of visual angle is 0.03 of a picture's longer side.

    Raises:
        DatasetError: files missing or malformed, or rows that cannot be told to belong to a picture.
    """
    file = root / "tidy" / "fixations.mat"
    cells = load_mat(file, "fixations")
    if not isinstance(cells, np.ndarray) or cells.ndim != 2 or cells.dtype != object:
        raise DatasetError(f"{file}: expected a cell array of pictures × viewers")
    pictures = by_stem(root / "stimuli", PICTURES)
    rows = _rows(list(pictures), len(cells), file)
    stimuli = tuple(
        Stimulus(
            stem,
            path,
            fixations=_fixations(cells[row], file),
            degree_of_longer_side=_DEGREE_OF_LONGER_SIDE,
        )
        for (stem, path), row in zip(pictures.items(), rows, strict=True)
    )
    unmatched = tuple(f"{file.name}: row {row + 1}" for row in sorted(set(range(len(cells))) - set(rows)))
    return Dataset("sun500", None, stimuli, "sun500", unmatched)


def _rows(names: list[str], count: int, file: Path) -> list[int]:
    """The row of each picture: its number where all are named by it, else its place in the sorted names."""
    if all(name.isascii() and name.isdigit() and 1 <= int(name) <= count for name in names):
        rows = [int(name) - 1 for name in names]
        if len(set(rows)) == len(rows):
            return rows
    if len(names) != count:
        raise DatasetError(
            f"{file}: {count} rows for {len(names)} pictures whose names are not their numbers; "
            "rows cannot be matched to pictures"
        )
    return list(range(count))


def _fixations(cells: Array, file: Path) -> Fixations:
    viewers = [pairs(cell, file, columns=4) for cell in cells]
    table = np.concatenate(viewers)
    viewer = np.repeat(np.arange(len(viewers)), [len(v) for v in viewers])
    return Fixations(table[:, 1] - 0.5, table[:, 0] - 0.5, viewer, table[:, 3] * 1000)
