"""Which pictures a command is given: files, folders, patterns, and lists of them in a text file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from salgan._files import read_file
from salgan.errors import ConfigError, SalganError
from salgan.jobs.find import find_jobs

__all__ = ["Pictures", "expand_lists", "find_pictures"]

_MOST_BYTES = 10_000_000
_END = ".saliency.npy"


@dataclass(frozen=True)
class Pictures:
    """The pictures that some sources name.

    Attributes:
        paths: each picture once, in the order of the sources.
        names: for each of them a path without its ending, below its folder, that no other one has.
        errors: what was wrong with sources that gave nothing, or not all they hold.
        left_out: one line, with the reason, for each kind of file in a folder that was left out.
    """

    paths: list[Path] = field(default_factory=list)
    names: list[Path] = field(default_factory=list)
    errors: list[SalganError] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def find_pictures(sources: Sequence[str]) -> Pictures:
    """Find the pictures of files, folders, quoted patterns and ``@list.txt``.

    Args:
        sources: as :func:`salgan.jobs.find_jobs` takes them; ``@list.txt`` is a text file that names one
            source a line, seen from the list's own folder.

    Raises:
        ConfigError: a list cannot be read, or a source is a video.
    """
    found = find_jobs(expand_lists(sources), Path(), save=("map",))
    videos = [job.source for job in found.jobs if job.kind == "video"]
    if videos:
        raise ConfigError(f"{videos[0]}: is a video, where a picture is expected")
    return Pictures(
        paths=[job.source for job in found.jobs],
        names=[Path(str(job.map_path).removesuffix(_END)) for job in found.jobs],
        errors=found.errors,
        left_out=found.left_out,
    )


def expand_lists(sources: Sequence[str]) -> list[str]:
    """The sources, with the lines of a list in the place of each ``@list.txt``.

    Empty lines and lines that begin with # are left out. A file whose own name begins with @ is no list.

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
    named = [str(path.parent / line) for line in lines if line and not line.startswith("#")]
    if not named:
        raise ConfigError(f"@{path}: names no pictures")
    return named
