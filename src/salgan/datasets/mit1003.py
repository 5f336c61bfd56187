"""MIT1003 as published: stimuli, fixation maps and fixation points.

``ALLSTIMULI/NAME.jpeg``, ``ALLFIXATIONMAPS/NAME_fixMap.jpg`` (blurred) and
``ALLFIXATIONMAPS/NAME_fixPts.jpg`` (points). The points are JPEGs, whose ringing is told from fixations by
half the range. One file of the publication has no underscore before ``fixPts``; it belongs to no picture,
and the check says so.

The folder ``DATA`` holds the trackers' raw samples, which only the authors' own MATLAB code turns into
fixations; it is not read. So viewers and durations are unknown here; MIT1003 as ``fixations.mat`` has them.

Source: Judd, Ehinger, Durand, Torralba, Learning to predict where humans look, ICCV 2009. One degree of
visual angle is about 35 pixels.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from salgan.datasets._files import PICTURES, by_stem, read_points
from salgan.datasets.stimulus import Dataset, Fixations, Stimulus
from salgan.errors import DatasetError

__all__ = ["is_mit1003", "open_mit1003"]

_PIXELS_PER_DEGREE = 35.0
_MAP, _POINTS = "_fixMap", "_fixPts"


def is_mit1003(root: Path) -> bool:
    """Whether a folder holds MIT1003's pictures."""
    return (root / "ALLSTIMULI").is_dir()


def open_mit1003(root: Path) -> Dataset:
    """Read MIT1003.

    Raises:
        DatasetError: no ``ALLSTIMULI`` folder.
    """
    if not is_mit1003(root):
        raise DatasetError(f"{root}: has no ALLSTIMULI folder, where MIT1003 keeps its pictures")
    pictures = by_stem(root / "ALLSTIMULI", PICTURES)
    truth = by_stem(root / "ALLFIXATIONMAPS", PICTURES)
    stimuli = []
    for stem, path in pictures.items():
        points = truth.pop(stem + _POINTS, None)
        stimuli.append(
            Stimulus(
                stem,
                path,
                fixations=None if points is None else partial(_read, points, path),
                map_path=truth.pop(stem + _MAP, None),
                pixels_per_degree=_PIXELS_PER_DEGREE,
            )
        )
    unmatched = tuple(path.relative_to(root).as_posix() for path in truth.values())
    return Dataset("mit1003", None, tuple(stimuli), "mit1003", unmatched)


def _read(points: Path, picture: Path) -> Fixations:
    return Fixations(*read_points(points, picture, exif=False))
