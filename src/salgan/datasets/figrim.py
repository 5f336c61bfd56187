"""FIGRIM: more than 2,700 scenes of 1000×1000, 11 to 22 viewers, who were asked to notice repeated pictures.

``Targets/CATEGORY/NAME.jpg`` and ``Fillers/CATEGORY/NAME.jpg``, with the struct arrays ``allImages`` of
``allImages_release.mat`` (targets) and ``allImages_fillers.mat`` beside them, or in ``targetData`` and
``fillerData`` as in the authors' repository. Each struct has ``filename``, ``category`` and ``userdata``: for
every viewer ``fixations.enc``, N × 2 of (x, y), 1-based, while the picture was seen for the first time. The
second and third time (``rec``, ``rec2``) are not read; the authors' maps leave them out, too. Those maps are
read from ``FIXATIONMAPS`` and ``FIXATIONMAPS_fillers``, if they are there.

This layout was taken from the authors' repository (cvzoya/figrim: its pages and MATLAB code) and from
pysaliency's reader (0.2.22), not from the archives themselves.

Source: Bylinskii, Isola, Bainbridge, Torralba, Oliva, Intrinsic and extrinsic effects on image memorability,
Vision Research 2015.
"""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Any

import numpy as np

from salgan._arrays import Floats
from salgan.datasets._files import PICTURES, by_stem, field, pairs, records
from salgan.datasets._mat import Struct, load_mat
from salgan.datasets.stimulus import Dataset, Fixations, Stimulus
from salgan.errors import DatasetError

__all__ = ["is_figrim", "open_figrim"]

_KINDS = {
    "Targets": ("allImages_release.mat", "targetData", "FIXATIONMAPS"),
    "Fillers": ("allImages_fillers.mat", "fillerData", "FIXATIONMAPS_fillers"),
}


def is_figrim(root: Path) -> bool:
    """Whether a folder holds FIGRIM's targets or fillers, with their fixations."""
    return any((root / kind).is_dir() and _mat(root, kind) is not None for kind in _KINDS)


def open_figrim(root: Path) -> Dataset:
    """Read FIGRIM; names are ``Targets/highway/sun_...`` and so on.

    Raises:
        DatasetError: files missing or malformed.
    """
    if not is_figrim(root):
        raise DatasetError(f"{root}: has no Targets with allImages_release.mat, as FIGRIM has")
    stimuli: list[Stimulus] = []
    unmatched: list[str] = []
    for kind, (_, _, maps_folder) in _KINDS.items():
        pictures = by_stem(root / kind, PICTURES, recursive=True)
        maps = by_stem(root / maps_folder, PICTURES, recursive=True)
        file = _mat(root, kind)
        fixations = {} if file is None else _read(file)
        for stem, path in pictures.items():
            stimuli.append(
                Stimulus(
                    f"{kind}/{stem}",
                    path,
                    fixations=fixations.pop(stem, None),
                    map_path=maps.pop(stem, None),
                )
            )
        unmatched += [f"{file.name}: {stem}" for stem in fixations if file is not None]
        unmatched += [path.relative_to(root).as_posix() for path in maps.values()]
    return Dataset("figrim", None, tuple(stimuli), "figrim", tuple(unmatched))


def _mat(root: Path, kind: str) -> Path | None:
    name, folder, _ = _KINDS[kind]
    return next((file for file in (root / name, root / folder / name) if file.is_file()), None)


def _read(file: Path) -> dict[str, Fixations]:
    """Fixations by category and name without ending."""
    found: dict[str, Fixations] = {}
    for entry in records(load_mat(file, "allImages")):
        name, category = field(entry, "filename", file), field(entry, "category", file)
        if not isinstance(name, str) or not isinstance(category, str):
            raise DatasetError(f"{file}: a picture's filename or category is not text")
        viewers = [_viewer(user, file) for user in records(field(entry, "userdata", file))]
        points = np.concatenate([np.empty((0, 2)), *viewers]) - 1
        viewer = np.repeat(np.arange(len(viewers)), [len(each) for each in viewers])
        found[f"{category}/{PurePath(name).stem}"] = Fixations(points[:, 0], points[:, 1], viewer)
    return found


def _viewer(user: Any, file: Path) -> Floats:
    """What one viewer fixated; a viewer who did not see the picture has empty fields."""
    fixations = user.fields.get("fixations") if isinstance(user, Struct) else None
    if not isinstance(fixations, Struct) or "enc" not in fixations.fields:
        return np.empty((0, 2))
    return pairs(fixations.fields["enc"], file)
