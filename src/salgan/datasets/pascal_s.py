"""PASCAL-S: 850 pictures of PASCAL VOC 2010, 8 viewers (12 in some accounts), free viewing, 2 s.

``datasets/imgs/pascal/N.jpg`` and ``datasets/fixations/pascalFix.mat`` with the cell array ``fixCell``: for
picture N a matrix with a row per fixation of [y, x, viewer], all 1-based. The file is MATLAB 7.3, which is
HDF5; saved again with ``-v7`` it is read, too. The object masks of the set are not read.

This layout was taken from pysaliency's reader (0.2.22), which downloads the authors' archive, not from the
archive itself. No source that was read says how many pixels one degree was, and there is no published map.

Source: Li, Hou, Koch, Rehg, Yuille, The secrets of salient object segmentation, CVPR 2014.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from salgan._arrays import Array
from salgan.datasets._files import numbered, numbers, pairs, records
from salgan.datasets._hdf5 import array_of, is_hdf5, opened
from salgan.datasets._mat import load_mat
from salgan.datasets.stimulus import Dataset, Fixations, Stimulus
from salgan.errors import DatasetError

__all__ = ["find_pascal_s", "open_pascal_s"]


def find_pascal_s(root: Path) -> Path | None:
    """The folder with ``imgs`` and ``fixations``, or None."""
    for folder in (root, root / "datasets"):
        if (folder / "imgs" / "pascal").is_dir() and (folder / "fixations" / "pascalFix.mat").is_file():
            return folder
    return None


def open_pascal_s(root: Path) -> Dataset:
    """Read PASCAL-S; it knows who looked where, so that ``baseline:gold`` can be evaluated on it.

    Raises:
        DatasetError: files missing or malformed, or a picture whose name is not its number.
    """
    folder = find_pascal_s(root)
    if folder is None:
        raise DatasetError(f"{root}: has no imgs/pascal and fixations/pascalFix.mat, as PASCAL-S has")
    file = folder / "fixations" / "pascalFix.mat"
    matrices = _hdf5_cells(file) if is_hdf5(file) else _cells(file)
    stimuli, missing = [], set(range(1, len(matrices) + 1))
    for number, stem, path in numbered(folder / "imgs" / "pascal", len(matrices), "PASCAL-S"):
        missing.discard(number)
        y, x, viewer = matrices[number - 1].T
        stimuli.append(Stimulus(stem, path, fixations=Fixations(x - 1, y - 1, viewer.astype(np.int64))))
    unmatched = tuple(f"{file.name}: cell {number}" for number in sorted(missing))
    return Dataset("pascal-s", None, tuple(stimuli), "pascal-s", unmatched)


def _hdf5_cells(file: Path) -> list[Array]:
    with opened(file) as hdf5:
        references = array_of(hdf5, "fixCell", file).reshape(-1)
        if references.dtype != object:
            raise DatasetError(f"{file}: fixCell is not a cell array")
        stored = [numbers(array_of(hdf5, reference, file), file) for reference in references]
    # HDF5 has the dimensions of MATLAB in reverse; an empty matrix is stored as its two sizes.
    empty = np.empty((0, 3))
    return [pairs(each.T, file, 3) if each.shape[:1] == (3,) else empty for each in stored]


def _cells(file: Path) -> list[Array]:
    return [pairs(each, file, columns=3) for each in records(load_mat(file, "fixCell"))]
