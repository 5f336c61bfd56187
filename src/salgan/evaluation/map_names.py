"""Which map of a set belongs to which picture: by name, or by a pattern that holds for all of them.

Our own maps are called ``1004.saliency.npy``, other tools write ``1004_saliency.jpg``, ``1004.jpg.png`` or
``1004_map.npy``. What stands before and after a picture's name must be the same for all pictures; where two
readings are possible nothing is guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from salgan.errors import ModelError

__all__ = ["STEM", "MapNames", "is_map"]

STEM = "{stem}"
"""Stands for the picture's name in a pattern."""

_OURS = ".saliency"
_NOT_MAPS = (".overlay.png", ".timeline.png")
"""What ``salgan predict`` writes beside maps."""

_LOOKED_AT = 20
"""Pictures whose maps are looked for to find a pattern; it is then tried on all."""


def is_map(name: str, suffixes: frozenset[str]) -> bool:
    """Whether a file of this name counts as a map: by its ending, not hidden, and not one of our overlays."""
    path = PurePosixPath(name)
    return (
        path.suffix.lower() in suffixes
        and not path.name.startswith(".")
        and not path.name.lower().endswith(_NOT_MAPS)
    )


class MapNames:
    """The names of a set of maps, and how to find a picture's among them.

    Args:
        origin: what to call the set in messages.
        keys: the keys of the maps: paths in a folder or archive, names in an HDF5 file.
        suffixes: endings of files, in lower case, which do not belong to a name.

    Raises:
        ModelError: no map, or two of the same name.
    """

    def __init__(self, origin: str, keys: Iterable[str], suffixes: frozenset[str]) -> None:
        self.origin = origin
        self._keys: dict[str, str] = {}
        self._short: dict[str, str | None] = {}
        self._before, self._after = "", ""
        self._shared: frozenset[str] = frozenset()
        for key in sorted(keys):
            # An ending is cut only if it is one: "COCO_val.0001" keeps its number.
            name = PurePosixPath(key.lstrip("/"))
            stem = str(name.with_suffix("") if name.suffix.lower() in suffixes else name)
            stem = stem.removesuffix(_OURS)
            if stem in self._keys:
                raise ModelError(f"{origin}: {key} and {self._keys[stem]} are maps of one name; remove one")
            self._keys[stem] = key
            # None marks a last part that several maps share.
            self._short[_last(stem)] = None if _last(stem) in self._short else key
        self._suffixes = suffixes
        if not self._keys:
            raise ModelError(f"{origin}: holds no saliency map ({', '.join(sorted(suffixes))})")

    def key(self, name: str) -> str | None:
        """The key of a picture's map, or None if it has none; once :meth:`missing` knows all pictures."""
        return self._find(name, self._before, self._after)

    def use(self, pattern: str) -> None:
        """Take maps by a pattern instead of by the pictures' names alone.

        Args:
            pattern: with ``{stem}`` for the picture's name, such as ``{stem}_saliency.png``; the ending may
                be left out.

        Raises:
            ModelError: the pattern does not hold ``{stem}`` exactly once.
        """
        if pattern.count(STEM) != 1 or "/" in pattern:
            raise ModelError(
                f"--name {pattern!r} must be a file's name that holds {STEM} once, such as {STEM}_map.png"
            )
        before, after = pattern.split(STEM)
        suffix = PurePosixPath(f"x{after}").suffix
        if suffix.lower() in self._suffixes:
            after = after[: len(after) - len(suffix)]
        self._before, self._after = before, after.removesuffix(_OURS)

    def missing(self, names: Sequence[str]) -> list[str]:
        """The pictures without a map; where there are some, a pattern that holds for all is looked for.

        Args:
            names: the names of all pictures, since a map may stand for the last part of a picture's name only
                where no other picture shares it.

        Raises:
            ModelError: two patterns hold for all pictures.
        """
        counts = Counter(_last(name) for name in set(names))
        self._shared = frozenset(last for last, count in counts.items() if count > 1)
        lacking = self._lacking(names, self._before, self._after)
        # One picture proves no pattern: "photo.v1" may well be another picture than "photo".
        if not lacking or len(names) < 2 or self._before or self._after:
            return lacking
        patterns = [each for each in self._patterns(names) if not self._lacking(names, *each)]
        if len(patterns) > 1:
            told = " and ".join(f"{before}{STEM}{after}" for before, after in patterns[:3])
            raise ModelError(
                f"{self.origin}: holds several maps of each picture, {told}; choose one with --name"
            )
        if patterns:
            ((self._before, self._after),) = patterns
            return []
        return lacking

    def hint(self) -> str:
        """Some names that there are, and how to say what they have in common."""
        found = ", ".join(PurePosixPath(key).name for key in list(self._keys.values())[:3])
        if shared := sorted(self._shared.intersection(self._short)):
            return f"several pictures are called {shared[0]}; put their maps into folders named like theirs"
        return (
            f"are they maps of this set? it holds {found}; say how these are named, such as "
            f"--name '{STEM}_map.png'"
        )

    def _lacking(self, names: Iterable[str], before: str, after: str) -> list[str]:
        return [name for name in names if self._find(name, before, after) is None]

    def _find(self, name: str, before: str, after: str) -> str | None:
        folder, _, last = name.rpartition("/")
        wanted = f"{before}{last}{after}"
        own = self._keys.get(f"{folder}/{wanted}" if folder else wanted)
        return own if own or last in self._shared else self._short.get(wanted)

    def _patterns(self, names: Sequence[str]) -> list[tuple[str, str]]:
        """What stands before and after the names of some pictures in the names of maps, each once."""
        found: dict[tuple[str, str], None] = {}
        for name in names[:: max(1, len(names) // _LOOKED_AT)]:
            last = _last(name)
            for stem in self._short:
                start = stem.find(last)
                while start >= 0:
                    before, after = stem[:start], stem[start + len(last) :]
                    # "100" is not the name in "1004", nor "cat" that in "category".
                    if (
                        (before or after)
                        and not _grown(before[-1:], last[:1])
                        and not _grown(last[-1:], after[:1])
                    ):
                        found[before, after] = None
                    start = stem.find(last, start + 1)
        return list(found)


def _grown(left: str, right: str) -> bool:
    """Whether two neighbouring characters belong to one number or one word."""
    return (left.isdigit() and right.isdigit()) or (left.isalpha() and right.isalpha())


def _last(stem: str) -> str:
    """The last part of a name."""
    return stem.rpartition("/")[2]
