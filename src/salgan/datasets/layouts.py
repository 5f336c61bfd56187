"""One door to all datasets: a folder goes in, its layout is recognised, a dataset comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from salgan._words import did_you_mean
from salgan.datasets import fixations_mat
from salgan.datasets._files import PICTURES, by_stem
from salgan.datasets.cat2000 import is_cat2000, open_cat2000
from salgan.datasets.coco_freeview import find_coco_freeview, open_coco_freeview
from salgan.datasets.description import FILE, Description, read_description
from salgan.datasets.dut_omron import is_dut_omron, open_dut_omron
from salgan.datasets.figrim import is_figrim, open_figrim
from salgan.datasets.fiwi import find_fiwi, open_fiwi
from salgan.datasets.fixations_mat import open_fixations_mat
from salgan.datasets.folder import open_folder, pictures_folder
from salgan.datasets.mit1003 import is_mit1003, open_mit1003
from salgan.datasets.osie_mouse import open_osie_mouse
from salgan.datasets.packed import is_packed, open_packed
from salgan.datasets.pascal_s import find_pascal_s, open_pascal_s
from salgan.datasets.pysaliency import is_pysaliency, open_pysaliency
from salgan.datasets.salicon import RELEASES, is_salicon, open_salicon
from salgan.datasets.split import SIZES, load_split
from salgan.datasets.stimulus import Dataset
from salgan.datasets.sun500 import open_sun500
from salgan.datasets.toronto import find_toronto, open_toronto
from salgan.datasets.ueyes import is_ueyes, open_ueyes
from salgan.errors import DatasetError

__all__ = ["HAVE_PARTS", "LAYOUTS", "open_dataset", "open_described", "recognise"]

_OPEN: dict[str, Callable[[Path], Dataset]] = {
    "fixations-mat": open_fixations_mat,
    "osie-mouse": open_osie_mouse,
    "sun500": open_sun500,
    "mit1003": open_mit1003,
    "toronto": open_toronto,
    "pascal-s": open_pascal_s,
    "dut-omron": open_dut_omron,
    "figrim": open_figrim,
    "fiwi": open_fiwi,
    "packed": open_packed,
    "folder": open_folder,
}
_OPEN_PART: dict[str, Callable[[Path, str | None], Dataset]] = {
    "salicon": open_salicon,
    "cat2000": open_cat2000,
    "coco-freeview": open_coco_freeview,
    "ueyes": open_ueyes,
    "pysaliency": open_pysaliency,
}

# Asked in this order. CAT2000 comes after the sets with a folder "stimuli", which is the same folder as
# "Stimuli" if file names ignore case.
_LOOKS_LIKE: dict[str, Callable[[Path], object]] = {
    "sun500": lambda root: (root / "tidy" / "fixations.mat").is_file(),
    "fixations-mat": fixations_mat.find,
    "osie-mouse": lambda root: (root / "mouse_amt").is_dir(),
    "packed": is_packed,
    "pysaliency": is_pysaliency,
    "mit1003": is_mit1003,
    "toronto": find_toronto,
    "pascal-s": find_pascal_s,
    "dut-omron": is_dut_omron,
    "figrim": is_figrim,
    "fiwi": find_fiwi,
    "coco-freeview": find_coco_freeview,
    "ueyes": is_ueyes,
    "salicon": is_salicon,
    "cat2000": is_cat2000,
}

HAVE_PARTS = tuple(_OPEN_PART)
"""Layouts of sets that are published in parts."""

LAYOUTS = (*_OPEN_PART, *_OPEN)
"""The names that ``layout`` may have."""


def recognise(root: Path) -> str:
    """The layout of a folder, told by the files and folders in it.

    OSIE holds fixations and mouse traces. The fixations are used; for the traces, ask for ``osie-mouse``.

    Raises:
        DatasetError: it looks like none of them.
    """
    for layout, looks_like in _LOOKS_LIKE.items():
        if looks_like(root):
            return layout
    if sets := _sets_in(root):
        raise DatasetError(f"{root}: holds sets and is not one itself; name one of {', '.join(sets[:5])}")
    if by_stem(pictures_folder(root), PICTURES, recursive=True):
        return "folder"
    raise DatasetError(
        f"{root}: looks like no layout that can be read ({', '.join(LAYOUTS)}); "
        "expected at least images/ with pictures"
    )


def _sets_in(root: Path) -> list[str]:
    """The folders directly below one that are datasets of their own."""
    if pictures_folder(root) != root:
        return []
    return [
        each.name
        for each in sorted(root.iterdir())
        if each.is_dir()
        and (pictures_folder(each) != each or any(looks_like(each) for looks_like in _LOOKS_LIKE.values()))
    ]


def open_dataset(
    path: str | Path, layout: str | None = None, part: str | None = None, release: str | None = None
) -> Dataset:
    """Open a dataset for reading; nothing but file names (and a set's one fixation file) is read here.

    A ``salgan.toml`` beside the pictures adds what the files do not say, see
    :class:`salgan.datasets.Description`; its parts take the place of the set's own.

    Args:
        path: the dataset's folder.
        layout: one of :data:`LAYOUTS`; None takes what ``salgan.toml`` says, or recognises it.
        part: a part that ``salgan.toml`` names; or ``"train"``, ``"val"`` or ``"test"``: for SALICON and
            CAT2000 the published part, for OSIE, EyeCrowd and SUN500 that of
            :func:`~salgan.datasets.load_split`. None takes everything.
        release: which release of the ground truth it is (``"2015"`` or ``"2017"`` of SALICON), for the
            record; None takes it from ``salgan.toml`` or from the folder's name, if that says so.

    Raises:
        DatasetError: no such folder, layout, part or release, or files missing or malformed.
    """
    root = Path(path)
    if not root.is_dir():
        raise DatasetError(
            f"{root}: no such folder" if not root.exists() else f"{root}: is a file, not a folder"
        )
    return open_described(root, read_description(root), layout, part, release)


def open_described(
    root: Path,
    description: Description | None,
    layout: str | None = None,
    part: str | None = None,
    release: str | None = None,
) -> Dataset:
    """Open a dataset as :func:`open_dataset` does, with what a ``salgan.toml`` says or would say."""
    said = description or Description(root / FILE)
    layout = layout or said.layout or recognise(root)
    if layout not in LAYOUTS:
        raise DatasetError(f"no layout named {layout!r}; {did_you_mean(layout, LAYOUTS)}")
    if said.viewers is not None and layout != "folder":
        raise DatasetError(
            f"{said.path}: viewers names a column of tables, which layout {layout} does not have; "
            "remove the line"
        )
    own_parts = layout in _OPEN_PART and not said.parts
    if own_parts:
        dataset = _OPEN_PART[layout](root, part)
    elif layout in _OPEN_PART:
        dataset = _OPEN_PART[layout](root, None)
    elif layout == "folder":
        dataset = open_folder(root, said.viewers)
    else:
        dataset = _OPEN[layout](root)
    if part is not None and not own_parts:
        dataset = _part(dataset, part, said)
    if description is not None:
        dataset = _described(dataset, description)
    return dataset if release is None else _stated(dataset, release)


def _described(dataset: Dataset, said: Description) -> Dataset:
    stimuli = dataset.stimuli
    if said.pixels_per_degree is not None:
        stimuli = tuple(each.with_pixels_per_degree(said.pixels_per_degree) for each in stimuli)
    described = replace(dataset, name=said.name or dataset.name, stimuli=stimuli, description=said)
    return described if said.release is None else _stated(described, said.release)


def _stated(dataset: Dataset, release: str) -> Dataset:
    if dataset.layout == "salicon" and release not in RELEASES:
        raise DatasetError(f"SALICON has no release {release!r}; there are {', '.join(RELEASES)}")
    return replace(dataset, release=release)


def _part(dataset: Dataset, part: str, said: Description) -> Dataset:
    if said.parts:
        return dataset.select(said.part(part, [stimulus.name for stimulus in dataset]))
    split = dataset.name.removesuffix("-mouse")
    if split not in SIZES:
        raise DatasetError(
            f"dataset {dataset.name} comes in one part; leave out the part {part!r}, or name its parts in "
            f"{FILE}: salgan data init {said.path.parent}"
        )
    parts = load_split(split)
    if part not in parts:
        raise DatasetError(f"no part named {part!r}; there are {', '.join(parts)}")
    return replace(dataset, stimuli=dataset.select(parts[part]).stimuli, unmatched=())
