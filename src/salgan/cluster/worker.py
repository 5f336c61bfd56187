"""What an actor does: read the pictures of a unit, predict them, and write what is wanted of them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from salgan import image
from salgan._arrays import Picture
from salgan._parallel import cores, in_order
from salgan.cluster import storage
from salgan.cluster.rows import Row, Wanted, as_text, values_of, write_part
from salgan.cluster.shards import TAR, pictures_of_parquet, pictures_of_tar
from salgan.cluster.sources import Unit
from salgan.cluster.trail import Trail
from salgan.errors import ImageError, NotEnoughMemoryError, SalganError
from salgan.jobs.whole import is_whole
from salgan.models.predictor import Predictor
from salgan.saliency_map import FORMATS

__all__ = ["Report", "Worker"]

_TOGETHER = 8
_PIXELS = 16_000_000
_MOST_THREADS = 4
MOST_ERRORS = 20
"""Bad pictures that a report names; the others are counted."""


@dataclass
class Report:
    """How a unit went.

    Attributes:
        pictures: how many pictures were looked at, bad ones too.
        failed: how many of them were bad.
        skipped: how many more were done before.
        files: how many files were written, parts of rows or results of their own.
        errors: what was wrong with the first of those that failed.
        bytes_in: bytes of pictures read.
        bytes_out: bytes written.
        seconds: processor time that it took in the actor.
    """

    pictures: int = 0
    failed: int = 0
    skipped: int = 0
    files: int = 0
    errors: list[SalganError] = field(default_factory=list)
    bytes_in: int = 0
    bytes_out: int = 0
    seconds: float = 0.0

    def add(self, other: Report) -> None:
        """Count in another report."""
        self.pictures += other.pictures
        self.failed += other.failed
        self.skipped += other.skipped
        self.files += other.files
        self.errors += other.errors[: max(0, MOST_ERRORS - len(self.errors))]
        self.bytes_in += other.bytes_in
        self.bytes_out += other.bytes_out
        self.seconds += other.seconds


@dataclass
class _Item:
    """A picture on its way: where it is from, what its results are called, and what is known so far."""

    path: str
    name: str
    load: Callable[[], bytes | SalganError]
    sha256: str | None = None
    size: int = 0
    picture: Picture | None = None
    error: SalganError | None = None
    there: bool = False


class Worker:
    """Works on units; each is one part of the result, or gives files of its own.

    Args:
        predictor: the model.
        wanted: what to keep of each picture.
        out: where the results go: the location of a folder.
        as_files: whether they go to a file each instead of to rows.
        skip: whether files that are there already are left as they are.
    """

    def __init__(
        self, predictor: Predictor, wanted: Wanted, out: str, *, as_files: bool = False, skip: bool = False
    ) -> None:
        self.predictor = predictor
        self.wanted = wanted
        self.out = out
        self.as_files = as_files
        self.skip = skip

    def __call__(self, unit: Unit, trail: Trail | None = None) -> Report:
        """Do a unit.

        Args:
            unit: what to do.
            trail: what earlier attempts have left, if it is known.

        Raises:
            ModelError: the model cannot be run.
            SalganError: results cannot be written.
        """
        start, report = time.process_time(), Report()
        careful = trail is not None and trail.careful
        rows = self._rows(_items(unit, trail if careful else None), report, careful)
        if self.as_files:
            for _ in rows:
                pass
        else:
            report.bytes_out = write_part(rows, self.wanted, storage.below(self.out, unit.part))
            report.files = 1
        report.seconds = time.process_time() - start
        return report

    def _rows(self, items: Iterator[_Item], report: Report, careful: bool) -> Iterator[Row]:
        """The rows of a unit in the order of its pictures; files are written on the way.

        Being careful is working on one picture at a time.
        """
        together: list[_Item] = []
        pixels = 0
        # Reading waits for a network, and decoding for reading; both go on while the model computes.
        threads = 0 if careful else min(cores(), _MOST_THREADS)
        most = 1 if careful else _TOGETHER
        for item in in_order(self._read, items, threads=threads, ahead=_TOGETHER):
            together.append(item)
            pixels += 0 if item.picture is None else item.picture.shape[0] * item.picture.shape[1]
            if len(together) >= most or pixels >= _PIXELS:
                yield from self._predicted(together, report)
                together, pixels = [], 0
        yield from self._predicted(together, report)

    def _read(self, item: _Item) -> _Item:
        if self.as_files and self.skip and all(map(_is_there, self._files(item).values())):
            item.there = True
            return item
        try:
            content = item.load()
            if isinstance(content, SalganError):
                raise content
            item.size = len(content)
            item.sha256 = hashlib.sha256(content).hexdigest()
            item.picture = image.read(content, background=self.wanted.background)
        except SalganError as error:
            item.error = _named(error, item.path)
        except MemoryError:
            item.error = NotEnoughMemoryError(f"{item.path}: there is not enough memory for it")
        return item

    def _predicted(self, items: list[_Item], report: Report) -> Iterator[Row]:
        pictures = [item.picture for item in items if item.picture is not None]
        maps = iter(self.predictor.predict_batch(pictures) if pictures else [])
        for item in items:
            if item.there:
                report.skipped += 1
                continue
            report.pictures += 1
            report.bytes_in += item.size
            row: Row = {
                "path": as_text(item.path),
                "sha256": item.sha256,
                "model": self.predictor.fingerprint,
            }
            if item.picture is not None:
                saliency = next(maps)
                try:
                    row |= values_of(item.picture, saliency, self.wanted)
                except MemoryError:
                    item.error = NotEnoughMemoryError(f"{item.path}: there is not enough memory for it")
                except SalganError as error:  # such as a picture too wide for its overlay's format
                    item.error = _named(error, item.path)
                item.picture = None
            if item.error is not None:
                report.failed += 1
                said = str(item.error)
                # Of our errors, this one can be pickled in any case.
                report.errors += [SalganError(said)] if len(report.errors) < MOST_ERRORS else []
                row["error"] = as_text(said)
            elif self.as_files:
                self._write(item, row, report)
            yield row

    def _files(self, item: _Item) -> dict[str, str]:
        """Where the files of a picture go, by column."""
        files = {}
        if self.wanted.map:
            files["map"] = f"{item.name}.saliency{FORMATS[self.wanted.map]}"
        if self.wanted.overlay:
            files["overlay"] = f"{item.name}.overlay{self.wanted.overlay}"
        return {column: storage.below(self.out, name) for column, name in files.items()}

    def _write(self, item: _Item, row: Row, report: Report) -> None:
        for column, location in self._files(item).items():
            storage.write_bytes(location, row[column])
            report.files += 1
            report.bytes_out += len(row[column])


def _is_there(location: str) -> bool:
    """Whether a result is there and whole; what lies in a bucket is whole."""
    return bool(storage.size_of(location)) if storage.is_address(location) else is_whole(Path(location))


def _items(unit: Unit, trail: Trail | None = None) -> Iterator[_Item]:
    """The pictures of a unit, one by one; a shard is read as they are taken.

    With a trail, each is noted before it is given, and those that have killed their readers are left out.
    """
    for number, item in enumerate(_from_shard(unit) if unit.shard else _from_files(unit)):
        if trail is not None and number in trail.killers:
            item.load = partial(_given, ImageError(f"{item.path}: kills the process that reads it"))
        elif trail is not None:
            trail.at(number)
        yield item


def _from_files(unit: Unit) -> Iterator[_Item]:
    for location, name in zip(unit.pictures, unit.names or unit.pictures, strict=True):
        yield _Item(location, name, partial(storage.read_bytes, location))


def _from_shard(unit: Unit) -> Iterator[_Item]:
    base = unit.names[0] if unit.names else unit.shard
    if unit.shard.lower().endswith(TAR):
        found = pictures_of_tar(unit.shard)
    else:
        found = pictures_of_parquet(unit.shard, unit.column, unit.groups)
    for name, content in found:
        path = f"{unit.shard}/{name}" if name else unit.shard
        yield _Item(path, f"{base}/{_harmless(name)}", partial(_given, content))


def _given(content: bytes | SalganError) -> bytes | SalganError:
    return content


def _harmless(name: str) -> str:
    """A name from a tar as a path that leads nowhere else."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return "/".join(part.replace(":", "_").replace("\0", "_") for part in parts) or "_"


def _named(error: SalganError, path: str) -> SalganError:
    """An error about bytes, which have no name, as one about the picture that they are from."""
    text = str(error)
    if text.startswith("picture:"):
        return type(error)(path + text.removeprefix("picture"))
    return error if path in text else type(error)(f"{path}: {text}")
