"""Toronto (Bruce and Tsotsos): 120 pictures of 681×511, 20 viewers, free viewing for 4 seconds.

``eyetrackingdata/fixdens/Original Image Set/N.jpg`` and ``eyetrackingdata/fixdens/origfixdata.mat`` with the
cell array ``white``: for picture N a matrix of its size that is not 0 where somebody looked.

The archive also lists fixations viewer by viewer, in coordinates that are not those of the pictures; they are
not read, so viewers are unknown here. No source that was read says how many pixels one degree was.

This layout was taken from pysaliency's reader (0.2.22), which downloads the authors' archive, not from the
archive itself.

Source: Bruce, Tsotsos, Attention based on information maximization, Journal of Vision 2007.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from salgan._arrays import Array
from salgan.datasets._files import numbered, numbers, picture_size, records
from salgan.datasets._mat import load_mat
from salgan.datasets.stimulus import Dataset, Fixations, Stimulus
from salgan.errors import DatasetError

__all__ = ["find_toronto", "open_toronto"]

_PICTURES, _FIXATIONS = "Original Image Set", "origfixdata.mat"


def find_toronto(root: Path) -> Path | None:
    """The folder of the archive that holds pictures and fixations, or None."""
    for folder in (root, root / "fixdens", root / "eyetrackingdata" / "fixdens"):
        if (folder / _PICTURES).is_dir() and (folder / _FIXATIONS).is_file():
            return folder
    return None


def open_toronto(root: Path) -> Dataset:
    """Read Toronto.

    Raises:
        DatasetError: files missing or malformed, or a picture whose name is not its number.
    """
    folder = find_toronto(root)
    if folder is None:
        raise DatasetError(
            f"{root}: has no fixdens folder with {_FIXATIONS} and {_PICTURES}, as Toronto is published"
        )
    file = folder / _FIXATIONS
    matrices = records(load_mat(file, "white"))
    stimuli, missing = [], set(range(1, len(matrices) + 1))
    for number, stem, path in numbered(folder / _PICTURES, len(matrices), "Toronto"):
        missing.discard(number)
        stimuli.append(Stimulus(stem, path, fixations=partial(_read, matrices[number - 1], file, path)))
    unmatched = tuple(f"{file.name}: matrix {number}" for number in sorted(missing))
    return Dataset("toronto", None, tuple(stimuli), "toronto", unmatched)


def _read(matrix: Array, file: Path, picture: Path) -> Fixations:
    fixated = numbers(matrix, file)
    width, height = picture_size(picture, exif=False)
    if fixated.shape != (height, width):
        raise DatasetError(
            f"{file}: the matrix for {picture.name} has shape {fixated.shape}, the picture "
            f"({height}, {width}); they must be the same"
        )
    y, x = np.nonzero(fixated)
    return Fixations(x.astype(np.float64), y.astype(np.float64))
