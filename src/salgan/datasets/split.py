"""Training, validation and test parts for the sets that were published without them.

A split is a list of stimulus names, committed in ``splits/NAME.json`` and made once by :func:`make_split`:
names are ordered by a hash of seed and name, which gives the same order on any machine and in any language.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any

from salgan.errors import DatasetError

__all__ = ["PARTS", "SEED", "SIZES", "folds_of", "load_split", "make_split", "parse_fold"]

PARTS = ("train", "val", "test")
SEED = 2017
SIZES: Mapping[str, Mapping[str, int]] = {
    "osie": {"train": 450, "val": 50, "test": 100},
    "eyecrowd": {"train": 400, "val": 40, "test": 60},
    "sun500": {"train": 400, "val": 40, "test": 60},
}
"""The committed splits and how many stimuli their parts have."""


def load_split(name: str) -> dict[str, tuple[str, ...]]:
    """The committed split of a dataset.

    Args:
        name: ``osie`` (its mouse traces, too), ``eyecrowd`` or ``sun500``.

    Returns:
        Stimulus names, sorted, under ``train``, ``val`` and ``test``.

    Raises:
        DatasetError: there is no split of that name.
    """
    if name not in SIZES:
        raise DatasetError(f"no split named {name!r}; there are {', '.join(SIZES)}")
    text = resources.files("salgan.datasets").joinpath("splits", f"{name}.json").read_text("utf-8")
    record: dict[str, Any] = json.loads(text)
    return {part: tuple(record[part]) for part in PARTS}


def make_split(
    names: Iterable[str], sizes: Mapping[str, int], seed: int = SEED
) -> dict[str, tuple[str, ...]]:
    """Divide stimuli into parts at random, the same way every time.

    Args:
        names: all stimulus names, in any order.
        sizes: how many each part gets; together as many as there are names.
        seed: another one gives another split.

    Returns:
        The names of each part, sorted.

    Raises:
        DatasetError: the sizes do not add up to the number of names.
    """

    def drawn(name: str) -> bytes:
        return hashlib.sha256(f"{seed}:{name}".encode("utf-8", "surrogatepass")).digest()  # need not be UTF-8

    order = sorted(names, key=drawn)
    if sum(sizes.values()) != len(order):
        raise DatasetError(
            f"parts of {', '.join(map(str, sizes.values()))} stimuli do not divide {len(order)}"
        )
    parts: dict[str, tuple[str, ...]] = {}
    start = 0
    for part, size in sizes.items():
        parts[part] = tuple(sorted(order[start : start + size]))
        start += size
    return parts


def parse_fold(text: str) -> tuple[int, int]:
    """A fold as people write it: ``2/5`` is the second of five.

    Returns:
        Its number, from 1, and how many there are.

    Raises:
        DatasetError: it is written in another way, or there is no such fold.
    """
    found = re.fullmatch(r"\s*([0-9]{1,4})\s*/\s*([0-9]{1,4})\s*", text)
    if found is None:
        raise DatasetError(f"{text!r} is not a fold; write 2/5 for the second of five")
    number, count = map(int, found.groups())
    if count < 2 or not 1 <= number <= count:
        raise DatasetError(f"there is no fold {text}; folds run from 1/N to N/N, and N is 2 or more")
    return number, count


def folds_of(names: Sequence[str], count: int, seed: int = SEED) -> list[tuple[str, ...]]:
    """Divide stimuli into folds of almost the same size at random, the same way every time.

    Args:
        names: all stimulus names.
        count: how many folds, at least 2.
        seed: another one gives other folds.

    Returns:
        The names in each fold, sorted; every name is in exactly one.

    Raises:
        DatasetError: there are fewer names than folds.
    """
    if len(names) < count:
        raise DatasetError(f"{len(names)} pictures cannot be divided into {count} folds")
    sizes = {str(n): len(names) // count + (n < len(names) % count) for n in range(count)}
    return list(make_split(names, sizes, seed).values())
