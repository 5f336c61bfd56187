"""UEyes: 1,980 screenshots of web pages, desktop and mobile programs, and posters, 62 viewers, 7 seconds.

``images/NAME`` and ``eyetracker_logs/BB_khPPP_fixations.csv``: viewer PPP looks at block BB. The columns are
a Gazepoint tracker's: ``MEDIA_NAME``, ``BPOGX`` and ``BPOGY`` (fractions of the screen of 1920×1200, on which
the picture is centred and as large as fits), ``BPOGV`` (1 where they are valid) and ``FPOGD`` (seconds).
``image_types.csv`` (or ``info.csv``), separated by semicolons, says of each ``Image Name`` its ``Category``
and whether it is ``Train/Test``. ``saliency_maps/heatmaps_7s`` holds the published maps.

The authors' own maps are made from these columns with a Gaussian of one degree, 40 pixels of the screen, and
so is the density here, but that each fixation counts once and is not weighted by its duration.

This layout was taken from the authors' repository (YueJiang-nj/UEyes-CHI2023: its page and its code) and from
public code that reads the set, not from the archive itself.

Source: Jiang, Leiva, Tavakoli, Houssel, Kylmälä, Oulasvirta, UEyes: Understanding visual saliency across user
interface types, CHI 2023.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from salgan.datasets._files import PICTURES, by_stem, first_line, picture_size
from salgan.datasets.stimulus import Dataset, Fixations, Stimulus
from salgan.errors import DatasetError

__all__ = ["is_ueyes", "open_ueyes"]

_SCREEN = (1920, 1200)
_DEGREE = 40.0
"""Pixels of the screen that one degree covered, as the authors' code has it."""
_PARTS = ("train", "test")
_LOG = re.compile(r"\w+?_kh(?P<viewer>\d+)_fixations\.csv", re.IGNORECASE)
_COLUMNS = ("MEDIA_NAME", "BPOGX", "BPOGY", "BPOGV", "FPOGD")

_Row = tuple[int, float, float, float]


def is_ueyes(root: Path) -> bool:
    """Whether a folder holds UEyes' pictures and logs."""
    return (root / "images").is_dir() and (root / "eyetracker_logs").is_dir()


def open_ueyes(root: Path, part: str | None = None) -> Dataset:
    """Read UEyes; names are those of the files, without ending.

    Args:
        root: the folder with ``images`` and ``eyetracker_logs``.
        part: ``"train"`` or ``"test"``; None takes everything.

    Raises:
        DatasetError: files missing or malformed, or no such part.
    """
    if part not in (None, *_PARTS):
        raise DatasetError(f"UEyes has no part named {part!r}; there are {', '.join(_PARTS)}")
    if not is_ueyes(root):
        raise DatasetError(f"{root}: has no images and eyetracker_logs, as UEyes has")
    pictures = by_stem(root / "images", PICTURES, recursive=True)
    maps = by_stem(root / "saliency_maps" / "heatmaps_7s", PICTURES)
    parts = _parts(root) if part is not None else {}
    rows: dict[str, list[_Row]] = {}
    for file in sorted((root / "eyetracker_logs").iterdir()):
        if found := _LOG.fullmatch(file.name):
            for name, row in _log(file, int(found["viewer"])):
                rows.setdefault(name, []).append(row)
    named = {path.name: stem for stem, path in pictures.items()}
    stimuli = tuple(
        Stimulus(
            stem,
            path,
            fixations=partial(_fixations, rows.get(path.name, []), path),
            map_path=maps.get(stem),
            pixels_per_degree=_pixels_per_degree,
        )
        for stem, path in pictures.items()
        if part is None or parts.get(path.name) == part
    )
    unmatched = tuple(f"eyetracker_logs: {name}" for name in sorted(rows) if name not in named)
    return Dataset("ueyes", None, stimuli, "ueyes", unmatched)


def _scale(width: int, height: int) -> float:
    """Pixels of the screen per pixel of a picture."""
    return min(_SCREEN[0] / width, _SCREEN[1] / height)


def _pixels_per_degree(width: int, height: int) -> float:
    return _DEGREE / _scale(width, height)


def _log(file: Path, viewer: int) -> Iterator[tuple[str, _Row]]:
    """The picture, viewer, place on the screen and duration (ms) of every valid line of a log."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            heading = [cell.strip() for cell in next(reader, [])]
            if missing := [name for name in _COLUMNS if name not in heading]:
                raise DatasetError(f"{file}: has no column {missing[0]}")
            places = [heading.index(name) for name in _COLUMNS]
            for line, cells in enumerate(reader, 2):
                if len(cells) <= max(places):  # some lines of the published logs are cut off
                    continue
                name, *texts = (cells[place].strip() for place in places)
                try:
                    x, y, valid, duration = (float(text or "nan") for text in texts)
                except ValueError:
                    raise DatasetError(f"{file}, line {line}: {texts} are not all numbers") from None
                if valid == 1 and name:
                    yield name, (viewer, x, y, duration * 1000)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{file}: not a table that can be read ({first_line(error)})") from None


def _fixations(rows: list[_Row], picture: Path) -> Fixations:
    """Places on the screen as pixels of the picture."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    width, height = picture_size(picture, exif=False)
    scale = _scale(width, height)
    x, y = (
        (table[:, 1 + axis] * side - (side - length * scale) / 2) / scale - 0.5
        for axis, (side, length) in enumerate(zip(_SCREEN, (width, height), strict=True))
    )
    return Fixations(x, y, table[:, 0].astype(np.int64), table[:, 3])


def _parts(root: Path) -> dict[str, str]:
    """Which part each picture is in, by its file's name."""
    file = next((f for f in (root / "image_types.csv", root / "info.csv") if f.is_file()), None)
    if file is None:
        raise DatasetError(
            f"{root}: has no image_types.csv, which says what is UEyes' training and test part"
        )
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file}: not a table that can be read ({first_line(error)})") from None
    heading = [cell.strip() for cell in lines[0].split(";")] if lines else []
    if not {"Image Name", "Train/Test"} <= set(heading):
        raise DatasetError(f"{file}: has no columns Image Name and Train/Test, separated by semicolons")
    name, part = heading.index("Image Name"), heading.index("Train/Test")
    rows = [line.split(";") for line in lines[1:]]
    return {row[name].strip(): row[part].strip().lower() for row in rows if len(row) > max(name, part)}
