"""What there is to predict, at any place, cut into units: what one actor does at a time."""

from __future__ import annotations

import fnmatch
import glob
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath

from salgan import image
from salgan.cluster import storage
from salgan.cluster.rows import as_text
from salgan.cluster.shards import PARQUET, TAR, bytes_column, groups_of
from salgan.errors import ConfigError, ImageError, SalganError
from salgan.jobs.find import VIDEO_SUFFIXES, Named, counted, is_picture, is_result, visible_files

__all__ = ["ROWS_OF_A_UNIT", "Sources", "Unit", "find_sources", "units_of"]

_SHARDS = (*TAR, *PARQUET)
ROWS_OF_A_UNIT = 256
"""Pictures that one unit has at most, where their maps or overlays are kept."""


@dataclass(frozen=True)
class Unit:
    """One piece of work, whose rows become one part of the result.

    Attributes:
        pictures: locations of picture files; empty for a shard.
        names: what their results are called, if they become files.
        shard: location of a tar or Parquet file.
        column: the column of a Parquet file that holds pictures, such as ``image`` or ``image.bytes``.
        groups: which row groups of the Parquet file.
    """

    pictures: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    shard: str = ""
    column: str = ""
    groups: tuple[int, ...] = ()

    @property
    def part(self) -> str:
        """The name of its part of the result: the same whenever the same unit is worked on."""
        of_what = {key: value for key, value in asdict(self).items() if key != "names"}
        digest = hashlib.sha256(json.dumps(of_what).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        stem = re.sub(r"[^\w.-]+", "_", PurePosixPath(self.shard).name) if self.shard else "pictures"
        return f"{stem[:80]}-{digest}.parquet"


@dataclass
class Sources:
    """What some sources name.

    Attributes:
        pictures: locations of picture files, each with its path below its source.
        shards: the same of tar and Parquet files.
        columns: of Parquet files, the column that the user named.
        errors: what was wrong with sources that gave nothing.
        remarks: lines to say: what was left out, what was assumed.
    """

    pictures: dict[str, str] = field(default_factory=dict)
    shards: dict[str, str] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    errors: list[SalganError] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def find_sources(sources: Sequence[str]) -> Sources:
    """Find pictures, tars of pictures and Parquet files of pictures.

    Args:
        sources: files, folders and glob patterns, here or at an address (``s3://bucket/photos/**/*.jpg``).
            Of a folder, all pictures below it are taken, or all its tars, or all its Parquet files, if it
            holds nothing else of these. ``file.parquet#column`` says where in it the pictures are.

    Raises:
        ConfigError: an address of an unknown kind, or a video.
    """
    found = Sources()
    for source in sources:
        try:
            _add(source, found)
        except ImageError as error:
            found.errors.append(error)
    return found


def _add(source: str, found: Sources) -> None:
    text, column = source, ""
    match = re.fullmatch(r"(.+)#([\w.]+)", source)
    if match and match[1].lower().endswith(PARQUET) and not os.path.exists(source):  # noqa: PTH110
        text, column = match.groups()
    location = storage.location_of(text)
    if text.lower().endswith(VIDEO_SUFFIXES):
        raise ConfigError(f"{source}: --engine ray takes pictures; leave it out, and so predict videos here")
    size = storage.size_of(location)
    if size == -1:
        _add_folder(source, location, found)
    elif size is not None:
        _add_file(location, PurePosixPath(location).name, column, found)
    elif glob.has_magic(text):
        names = sorted(_matching(text))
        if not names:
            raise ImageError(f"{source}: matches no pictures, tars or Parquet files")
        for each in names:
            _add_file(each, PurePosixPath(each).name, column, found)
    else:
        raise ImageError(f"{source}: no such file or folder")


def _add_file(location: str, name: str, column: str, found: Sources) -> None:
    if not name.lower().endswith(_SHARDS):
        found.pictures.setdefault(location, name)
        return
    found.shards.setdefault(location, name)
    if column:
        found.columns[location] = column


def _add_folder(source: str, location: str, found: Sources) -> None:
    kinds: dict[str, list[str]] = {"picture": [], "tar": [], "parquet": []}
    left_out: Counter[str] = Counter()
    for name in _visible(location, found):
        last, lower = PurePosixPath(name).name, name.lower()
        if is_picture(last):
            kinds["picture"].append(name)
        elif lower.endswith(TAR):
            kinds["tar"].append(name)
        elif lower.endswith(PARQUET):
            kinds["parquet"].append(name)
        elif not is_result(last):
            left_out[PurePosixPath(lower).suffix] += 1
    if kinds["tar"] and kinds["parquet"] and not kinds["picture"]:
        raise ConfigError(f"{source}: holds tars and Parquet files; say which: '{source}/**/*.tar', for one")
    taken = next((kind for kind in kinds if kinds[kind]), None)
    if taken is None:
        raise ImageError(f"{source}: holds no pictures, no tars and no Parquet files")
    for kind, names in kinds.items():
        if kind != taken and names:
            left_out.update(PurePosixPath(name.lower()).suffix for name in names)
    if left_out:
        found.remarks.append(f"{source}: {counted(left_out)} left out; only the {taken} files are taken")
    into = found.pictures if taken == "picture" else found.shards
    for name in sorted(kinds[taken]):
        into.setdefault(storage.below(location, name), name)


def _visible(location: str, found: Sources) -> Iterator[str]:
    """The names of the files below a folder, except for hidden ones and those behind links to folders."""
    if storage.is_address(location):
        for name, _ in storage.listed(location):
            if not any(part.startswith(".") for part in name.split("/")):
                yield name
        return
    for path in visible_files(Path(location), found.errors, found.remarks):
        yield path.relative_to(location).as_posix()


def _matching(pattern: str) -> Iterator[str]:
    """Locations of pictures and shards that a pattern matches."""
    endings = image.SUFFIXES | image.DRAWN_SUFFIXES

    def wanted(name: str) -> bool:
        return is_picture(name, endings) or name.lower().endswith(_SHARDS)

    if not storage.is_address(pattern):
        for match in glob.iglob(pattern, recursive=True):  # noqa: PTH207
            if wanted(PurePosixPath(match).name) and Path(match).is_file():
                yield storage.location_of(match)
        return
    parts = pattern.rstrip("/").split("/")
    fixed = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    folder = "/".join(parts[:fixed])
    if fixed < 3:
        raise ConfigError(f"{pattern}: the bucket must be named, not matched")
    regex = re.compile(_regex("/".join(parts[fixed:])), re.DOTALL)
    for name, _ in storage.listed(folder):
        if regex.fullmatch(name) and wanted(PurePosixPath(name).name):
            yield storage.below(folder, name)


def _regex(pattern: str) -> str:
    """A glob pattern as a regular expression: ``**/`` is any number of folders, ``*`` stays in one."""
    signs = {"**/": r"(?:[^/]+/)*", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}
    pieces = re.findall(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|.", pattern, re.DOTALL)
    # Of brackets, fnmatch knows what an empty range and a sign within them mean.
    return "".join(
        signs.get(piece) or fnmatch.translate(piece).removeprefix("(?s:")[: -len(")\\Z")] for piece in pieces
    )


def units_of(
    found: Sources,
    *,
    done: Container[str] = (),
    workers: int = 1,
    most: int = ROWS_OF_A_UNIT,
    as_files: bool = False,
) -> Iterator[Unit]:
    """Cut sources into units.

    Args:
        found: the sources; what is wrong with a Parquet file is added to its errors.
        done: locations of pictures that are done already, as rows hold them.
        workers: how many there are, since each of them should get some units even of a few pictures.
        most: how many pictures a unit has at most. A tar is always one unit.
        as_files: whether results become files, and so need names.
    """
    left = [location for location in found.pictures if as_text(location) not in done]
    names = _result_names(found.pictures) if as_files else {}
    size = max(1, min(most, -(-len(left) // (4 * workers))))
    for start in range(0, len(left), size):
        some = tuple(left[start : start + size])
        yield Unit(some, tuple(names[each] for each in some) if as_files else ())
    shard_names = _result_names(found.shards) if as_files else {}
    for location in found.shards:
        base = (shard_names[location],) if as_files else ()
        try:
            for unit in _units_of_shard(location, found, most):
                yield replace(unit, names=base)
        except (ImageError, ConfigError) as error:
            found.errors.append(error)


def _units_of_shard(location: str, found: Sources, most: int) -> Iterator[Unit]:
    if location.lower().endswith(TAR):
        yield Unit(shard=location)
        return
    column = bytes_column(location, found.columns.get(location, ""))
    for groups in groups_of(location, most):
        yield Unit(shard=location, column=column, groups=groups)


def _result_names(locations: dict[str, str]) -> dict[str, str]:
    """What results are called, by the rule of :func:`salgan.jobs.find_jobs`."""
    named = Named()
    paths = {Path("/", re.sub(r"^\w+://", "", location)): location for location in locations}
    named.add((path, Path(locations[location])) for path, location in paths.items())
    return {paths[path]: name.as_posix() for path, name in named.distinct()}
