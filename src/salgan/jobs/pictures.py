"""Which pictures a command is given that takes no videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from salgan.errors import ConfigError, SalganError
from salgan.jobs.find import find_jobs
from salgan.jobs.lists import expand_lists

__all__ = ["Pictures", "find_pictures"]

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
    """Find the pictures of files, folders, quoted patterns and lists.

    Args:
        sources: as :func:`salgan.jobs.find_jobs` takes them, and lists (``@list.txt``, a source a line).

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
