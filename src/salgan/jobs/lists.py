"""Lists of pictures in a text file, one a line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from salgan._files import read_file
from salgan.errors import ConfigError

__all__ = ["expand_lists"]

_MOST_BYTES = 10_000_000


def expand_lists(sources: Sequence[str]) -> list[str]:
    """The sources, with the lines of a list in the place of each ``@list.txt``.

    A line is a source, too, seen from the list's own folder unless it is an address. Empty lines and lines
    that begin with # are left out. A file whose own name begins with @ is no list.

    Raises:
        ConfigError: a list cannot be read, or names nothing.
    """
    expanded: list[str] = []
    for source in sources:
        if source.startswith("@") and not Path(source).exists():
            expanded += _lines(Path(source[1:]))
        else:
            expanded.append(source)
    return expanded


def _lines(path: Path) -> list[str]:
    if not path.exists():
        raise ConfigError(f"@{path}: no such list of pictures")
    try:
        text = read_file(path, ConfigError, most=_MOST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"@{path}: is not UTF-8 text with one picture a line") from None
    lines = [line.strip() for line in text.splitlines()]
    named = [
        line if "://" in line else str(path.parent / line)
        for line in lines
        if line and not line.startswith("#")
    ]
    if not named:
        raise ConfigError(f"@{path}: names no pictures")
    return named
