"""Which pictures and videos there are to predict, and what their results are called."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from salgan import image
from salgan.errors import ConfigError, ImageError, SalganError, require
from salgan.jobs.whole import is_whole
from salgan.saliency_map import FORMATS

__all__ = [
    "KINDS",
    "NO_MAP",
    "VIDEO_FORMATS",
    "VIDEO_SUFFIXES",
    "Found",
    "Job",
    "Named",
    "counted",
    "find_jobs",
    "is_picture",
    "is_result",
    "overlay_ending",
    "still_to_do",
    "visible_files",
]

NO_MAP = "--format is the format of maps, and none is made; add map to --save, or leave out --format"
"""The mistake of naming a format of what is not made."""

KINDS = ("map", "overlay", "overlay.jpg", "overlay.webp")
"""What can be made of a picture or a video; a picture's overlay is a PNG file unless its name says so."""

_OF_PICTURES = ("map", "overlay")
_OF_VIDEOS = ("overlay",)  # a minute's maps are gigabytes

VIDEO_FORMATS = {"npy": ".maps.npy", "mp4": ".maps.mp4"}
"""The formats of a video's maps, and the endings of their files' names."""

VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg"),
    *(".ts", ".m2ts", ".mts", ".wmv", ".flv", ".3gp", ".ogv", ".mxf"),
)
"""Lower-case endings of videos. A file whose ending is neither theirs nor a picture's is opened to see."""

_RESULTS = (
    *(f".saliency{ending}" for ending in FORMATS.values()),
    *(
        ".overlay.png",
        ".overlay.jpg",
        ".overlay.webp",
        ".timeline.png",
        ".overlay.mp4",
        ".maps.mp4",
        ".partial.mp4",
    ),
)
"""The endings of results' names; a file with such a name is never a source unless somebody names it."""

_CROP = re.compile(r"\.crop-[0-9.]+[-x][0-9.]+\.[a-z]+$")
"""The same of ``salgan crop``, such as ``.crop-16-9.jpg`` and ``.crop-400x300.png``."""

_NOT_READ = frozenset(
    [
        *(".psb", ".ai", ".eps", ".ico", ".jp2", ".jxl"),
        *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".raw"),
    ]
)
"""Endings of pictures that may be of a kind that is not read: they are counted and reported, not ignored."""


@dataclass(frozen=True)
class Job:
    """One picture or video and the files to make of it.

    Attributes:
        source: its path.
        kind: what it is.
        format: the map's format: a key of :data:`salgan.saliency_map.FORMATS` or of :data:`VIDEO_FORMATS`.
        map_path: where the map, or a video's maps, go; None if they are not wanted.
        overlay_path: where the overlay goes; None if it is not wanted.
        table_path: where a video's table of frames goes; None if it is not wanted.
        timeline_path: where the plot of that table goes; None if it is not wanted.
    """

    source: Path
    kind: Literal["picture", "video"]
    format: str
    map_path: Path | None = None
    overlay_path: Path | None = None
    table_path: Path | None = None
    timeline_path: Path | None = None

    @property
    def paths(self) -> list[Path]:
        """The files to make."""
        every = (self.map_path, self.overlay_path, self.table_path, self.timeline_path)
        return [path for path in every if path is not None]


@dataclass
class Found:
    """What there is to do.

    Attributes:
        jobs: pictures first, then videos, each in the order of their sources.
        errors: what was wrong with sources that gave nothing, or not all they hold.
        left_out: one line, with the reason, for each kind of file in a folder that was left out.
    """

    jobs: list[Job] = field(default_factory=list)
    errors: list[SalganError] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def find_jobs(
    sources: Sequence[str],
    out: Path,
    *,
    save: Sequence[str] | None = None,
    format: str = "npy",
    follow: bool = False,
) -> Found:
    """Find the pictures and videos, and name their results.

    ``photo.jpg`` gives ``photo.saliency.npy`` and ``photo.overlay.png``; below a folder its tree is kept.
    ``clip.mp4`` gives ``clip.overlay.mp4``, and ``clip.maps.npy`` with ``clip.frames.csv``; where regions are
    followed, the table holds their shares and ``clip.timeline.png`` plots it.

    Where two pictures, or two videos, would share a name (``a.jpg`` and ``a.png``), both keep their ending
    (``a.jpg.saliency.npy``). Where that is not enough, they also keep as many of their folders' names as
    are needed to tell them apart. So names depend only on what is predicted together.

    Args:
        sources: pictures, videos, folders and glob patterns. Folders, and all folders below them, are
            searched for pictures, except for hidden ones and earlier results. Their videos, which take
            long, are left out: they must be named, or matched by a pattern that ends like a video.
        out: the folder the results go to.
        save: members of :data:`KINDS`; None is both for pictures and the overlay for videos.
        format: the format of the maps.
        follow: whether regions are followed through the videos.

    Raises:
        ConfigError: the format is not one that the sources' maps can have.
        MissingExtraError: there is a video, and the extra for videos is not installed.
    """
    found = Found()
    pictures, videos = Named(), Named()
    for source in sources:
        try:
            matches = _video_matches(source)
            if matches is None:
                pictures.add(_pictures(source, found))
            else:
                videos.add((path, Path(path.name)) for path in matches)
        except SalganError as error:
            found.errors.append(error)
    if pictures.below and "map" in (save or _OF_PICTURES) and format not in FORMATS:
        raise ConfigError(f"--format {format!r} is none of {', '.join(FORMATS)}")
    if videos.below:
        if "map" in (save or _OF_VIDEOS) and format not in VIDEO_FORMATS:
            allowed = " or ".join(VIDEO_FORMATS)
            raise ConfigError(f"--format {format!r}: a video's maps are written as {allowed}")
        require("av", "video")
        if follow:
            require("matplotlib", "video")
    for source_path, name in pictures.distinct():
        found.jobs.append(_picture_job(source_path, str(out / name), save or _OF_PICTURES, format))
    for source_path, name in videos.distinct():
        found.jobs.append(_video_job(source_path, str(out / name), save or _OF_VIDEOS, format, follow))
    return found


def still_to_do(jobs: Iterable[Job]) -> list[Job]:
    """The jobs with a result that is missing or does not open, reduced to what they lack.

    A video is predicted once for all of its results, so its job is kept whole.
    """
    left = []
    for job in jobs:
        done = {path for path in job.paths if is_whole(path)}
        if job.kind == "picture":
            job = replace(
                job,
                map_path=None if job.map_path in done else job.map_path,
                overlay_path=None if job.overlay_path in done else job.overlay_path,
            )
        if not done.issuperset(job.paths):
            left.append(job)
    return left


def _picture_job(source: Path, base: str, save: Sequence[str], format: str) -> Job:
    overlay = overlay_ending(save)
    return Job(
        source,
        "picture",
        format,
        map_path=Path(f"{base}.saliency{FORMATS[format]}") if "map" in save else None,
        overlay_path=Path(f"{base}.overlay.{overlay}") if overlay else None,
    )


def _video_job(source: Path, base: str, save: Sequence[str], format: str, follow: bool) -> Job:
    return Job(
        source,
        "video",
        format,
        map_path=Path(base + VIDEO_FORMATS[format]) if "map" in save else None,
        overlay_path=Path(f"{base}.overlay.mp4") if any("overlay" in kind for kind in save) else None,
        table_path=Path(f"{base}.frames.csv") if "map" in save or follow else None,
        timeline_path=Path(f"{base}.timeline.png") if follow else None,
    )


def _video_matches(source: str) -> list[Path] | None:
    """The videos of a source; None if it is one of pictures."""
    path = Path(source)
    if path.suffix.lower() in VIDEO_SUFFIXES and not path.exists() and glob.has_magic(source):
        matches = sorted(glob.glob(source, recursive=True))  # noqa: PTH207
        found = [Path(match) for match in matches if not is_result(match)]
        if not found:
            raise ConfigError(f"{source}: matches no videos")
        return found
    return [path] if _is_video(path) else None


def _is_video(path: Path) -> bool:
    suffix = path.suffix.lower()
    kind = image.kind_of_file(path)
    if kind is not None:  # its first bytes say more than its name
        return kind == image.VIDEO
    if suffix in VIDEO_SUFFIXES:
        return not path.is_dir()
    if suffix in image.SUFFIXES or not path.is_file():
        return False
    try:
        from salgan.video import Video

        with Video(path):
            return True
    except SalganError:  # not a video, or no way to tell; whatever reads pictures will say what is wrong
        return False


def _pictures(source: str, found: Found) -> list[tuple[Path, Path]]:
    """The pictures of one source: (path, path below the source)."""
    path = Path(source)
    if path.is_dir():
        return _below(path, found)
    if path.exists():
        return [(path, Path(path.name))]
    if not glob.has_magic(source):
        raise ImageError(f"{source}: no such file or folder")
    matches = [Path(match) for match in sorted(glob.glob(source, recursive=True))]  # noqa: PTH207
    endings = image.SUFFIXES | image.DRAWN_SUFFIXES
    pictures = [
        (match, Path(match.name)) for match in matches if match.is_file() and is_picture(match.name, endings)
    ]
    if not pictures:
        raise ImageError(f"{source}: matches no pictures")
    return pictures


def visible_files(folder: Path, errors: list[SalganError], left_out: list[str]) -> Iterator[Path]:
    """The files below a folder, except for hidden ones and those behind links to folders.

    Args:
        folder: where to look.
        errors: is told of folders that cannot be read.
        left_out: is told of links to folders.
    """

    def cannot_be_read(error: OSError) -> None:
        errors.append(ImageError(f"{error.filename}: cannot be read ({error.strerror})"))

    for parent, folders, files in os.walk(folder, onerror=cannot_be_read):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if (link := Path(parent, name)).is_symlink():
                left_out.append(f"{link}: left out, because it links to a folder; name it to take it")
        yield from (Path(parent, name) for name in sorted(files) if not name.startswith("."))


def _below(folder: Path, found: Found) -> list[tuple[Path, Path]]:
    pictures: list[tuple[Path, Path]] = []
    left_out: Counter[str] = Counter()
    for path in visible_files(folder, found.errors, found.left_out):
        if is_picture(path.name):
            pictures.append((path, path.relative_to(folder)))
        elif not is_result(path.name):
            left_out[path.suffix.lower()] += 1
    videos = {ending: number for ending, number in left_out.items() if ending in VIDEO_SUFFIXES}
    drawings = {ending: number for ending, number in left_out.items() if ending in image.DRAWN_SUFFIXES}
    unread = {ending: number for ending, number in left_out.items() if ending in _NOT_READ}
    others = {ending: n for ending, n in left_out.items() if not {ending} & {*videos, *drawings, *unread}}
    if videos:
        found.left_out.append(f"{folder}: {counted(videos)} left out; videos must be named themselves")
    if drawings:
        found.left_out.append(f"{folder}: {counted(drawings)} left out; drawings must be named themselves")
    if unread:
        found.left_out.append(f"{folder}: {counted(unread)} left out, which are not read")
    if others:
        found.left_out.append(f"{folder}: {counted(others)} left out, which are not pictures")
    if not pictures:
        raise ImageError(f"{folder}: holds no pictures ({', '.join(sorted(image.SUFFIXES))})")
    return pictures


def counted(endings: dict[str, int]) -> str:
    """How many files there are of each ending, in words: ``"2 .mov, 1 .svg"``."""
    return ", ".join(
        f"{number} {ending or 'without an ending'}" for ending, number in sorted(endings.items())
    )


def is_picture(name: str, endings: frozenset[str] = image.SUFFIXES) -> bool:
    """Whether a file in a folder is taken for a picture by its name: not hidden, and not a result of ours."""
    lower = name.lower()
    return Path(lower).suffix in endings and not lower.startswith(".") and not is_result(name)


def is_result(name: str) -> bool:
    """Whether a file is called like a result of ``salgan predict`` or ``salgan crop``."""
    lower = name.lower()
    return lower.endswith(_RESULTS) or _CROP.search(lower) is not None


def overlay_ending(save: Sequence[str]) -> str | None:
    """The ending of a picture's overlay, such as ``"png"``; None if no overlay is among the results.

    Raises:
        ConfigError: there are two.
    """
    endings = list(dict.fromkeys(k.partition(".")[2] or "png" for k in save if k.startswith("overlay")))
    if len(endings) > 1:
        raise ConfigError(f"--save names overlays as {' and as '.join(endings)}; choose one")
    return endings[0] if endings else None


class Named:
    """Sources of one kind, each once, in the order in which they were found."""

    def __init__(self) -> None:
        self.below: dict[Path, Path] = {}  # absolute path → path below its source
        self._typed: dict[Path, Path] = {}  # absolute path → path as it was typed

    def add(self, paths: Iterable[tuple[Path, Path]]) -> None:
        """Add sources: the path of each, and its path below the folder that was named."""
        for path, below in paths:
            absolute = Path(os.path.abspath(path))  # noqa: PTH100  (resolve would follow links)
            self.below.setdefault(absolute, below)
            self._typed.setdefault(absolute, path)

    def distinct(self) -> list[tuple[Path, Path]]:
        """Each source's path as typed, with the shortest of its names that no other source has."""
        choices = {path: _names(path, below) for path, below in self.below.items()}
        while True:
            # Case-blind, because many file systems are.
            count = Counter(str(names[0]).casefold() for names in choices.values())
            shared = [n for n in choices.values() if count[str(n[0]).casefold()] > 1 and len(n) > 1]
            if not shared:
                return [(self._typed[path], names[0]) for path, names in choices.items()]
            for names in shared:
                names.popleft()


def _names(path: Path, below: Path) -> deque[Path]:
    """What a source's results may be called, the shortest first; the last is its whole path."""
    above = path.parts[1 : len(path.parts) - len(below.parts)]
    longer = [Path(*above[start:], below) for start in range(len(above), -1, -1)]
    return deque([below.with_suffix(""), *longer])
