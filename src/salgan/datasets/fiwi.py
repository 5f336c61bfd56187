"""FiWI (Fixations in Webpage Images): 149 web pages, 11 viewers, free viewing for 5 seconds.

``stimuli/NAME.png`` and ``eyeMaps/all5/NAME.png``: a picture of the page's size that is 255 where somebody
looked in the five seconds. Viewers are therefore unknown here, and ``baseline:gold`` has nobody to leave out.

The archive also has fixations viewer by viewer, in text files whose layout no source that was read states;
they are not read. Nor does any say how many pixels one degree was.

This layout was taken from public code in three projects that read the archive (alexanderkroner/saliency,
Niloy-Chakraborty/Webpage_Saliency_Prediction and an implementation of Shan et al. 2017), not from the archive
itself.

Source: Shen, Zhao, Webpage saliency, ECCV 2014.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from salgan.datasets._files import PICTURES, by_stem, read_points
from salgan.datasets.stimulus import Dataset, Fixations, Stimulus
from salgan.errors import DatasetError

__all__ = ["find_fiwi", "open_fiwi"]

_PICTURES, _POINTS = "stimuli", "eyeMaps/all5"


def find_fiwi(root: Path) -> Path | None:
    """The folder that holds the web pages and their maps of fixations, or None."""
    for folder in (root, root / "webpage_dataset"):
        if (folder / _PICTURES).is_dir() and (folder / _POINTS).is_dir():
            return folder
    return None


def open_fiwi(root: Path) -> Dataset:
    """Read FiWI.

    Raises:
        DatasetError: one of its two folders is missing.
    """
    folder = find_fiwi(root)
    if folder is None:
        raise DatasetError(f"{root}: has no {_PICTURES} with {_POINTS} beside it, as FiWI is published")
    pictures = by_stem(folder / _PICTURES, PICTURES)
    points = by_stem(folder / _POINTS, PICTURES)
    stimuli = tuple(
        Stimulus(stem, path, fixations=partial(_read, points[stem], path) if stem in points else None)
        for stem, path in pictures.items()
    )
    unmatched = tuple(f"{_POINTS}/{path.name}" for stem, path in points.items() if stem not in pictures)
    return Dataset("fiwi", None, stimuli, "fiwi", unmatched)


def _read(points: Path, picture: Path) -> Fixations:
    return Fixations(*read_points(points, picture, exif=False))
