"""Names of pictures as people write them, with their folder and ending or without, matched to stimuli."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from salgan.datasets._files import PICTURES

__all__ = ["match_names", "stem_of"]

_ENDING = re.compile("|".join(re.escape(ending) + "$" for ending in sorted(PICTURES)), re.IGNORECASE)


def stem_of(written: str) -> str:
    """A picture's path with forward slashes and without the ending of a picture."""
    return _ENDING.sub("", written.strip().replace("\\", "/"))


def match_names(written: Iterable[str], names: Sequence[str]) -> dict[str, str]:
    """The stimulus that each written name means.

    Args:
        written: ``cats/7``, ``cats/7.jpg``, ``images/cats/7.jpg``, or only ``7.jpg`` where no other picture
            is called so.
        names: the names of the stimuli.

    Returns:
        The stimulus' name by what was written, without those that mean no stimulus.
    """
    short: dict[str, list[str]] = {}
    for name in names:
        short.setdefault(name.rpartition("/")[2], []).append(name)
    matched: dict[str, str] = {}
    for each in written:
        path = each.strip().replace("\\", "/")
        for wanted in (path, stem_of(each)):
            alike = [
                name
                for name in short.get(wanted.rpartition("/")[2], [])
                if f"/{name}".endswith(f"/{wanted}") or f"/{wanted}".endswith(f"/{name}")
            ]
            exact = [name for name in alike if name == wanted]
            if exact or len(alike) == 1:
                matched[each] = (exact or alike)[0]
                break
    return matched
