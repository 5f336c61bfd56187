"""Predicting any number of pictures over a cluster, into rows of Parquet or into files."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from salgan._json import parse_json
from salgan._progress import Progress, silent
from salgan._version import __version__
from salgan.cluster import storage
from salgan.cluster.engine import cluster, on_cluster
from salgan.cluster.rows import Wanted, as_text, paths_in, rows_in
from salgan.cluster.sources import ROWS_OF_A_UNIT, Sources, Unit, find_sources, units_of
from salgan.cluster.worker import Report, Worker
from salgan.errors import ConfigError, SalganError
from salgan.models.predictor import Predictor

__all__ = ["ClusterResult", "is_rows", "predict_on_cluster"]

RECORD = "_salgan.json"
"""What a folder of rows holds; readers of Parquet pass over files that begin with an underscore."""

_PART = re.compile(r".+-[0-9a-f]{16}\.parquet")
_SMALL_ROWS = 2048
"""Pictures that a unit has at most where only numbers are kept."""


@dataclass
class ClusterResult(Report):
    """How a run on a cluster went: what its actors report of their units, together, and what was left out.

    Attributes:
        errors: what was wrong with sources that gave nothing, and with the first of the bad pictures.
        missing: how many sources gave nothing.
        remarks: lines to say about the sources.
    """

    missing: int = 0
    remarks: list[str] = field(default_factory=list)


def predict_on_cluster(
    sources: Sequence[str],
    out: str,
    predictor: Predictor,
    *,
    wanted: Wanted | None = None,
    workers: int | None = None,
    skip_existing: bool = False,
    overwrite: bool = False,
    on_progress: Progress = silent,
) -> ClusterResult:
    """Predict pictures in files, tars and Parquet files, here or in buckets, with an actor on each core.

    A picture that cannot be read is a row with its error and stops nothing. An actor that is killed is
    started again and does its unit again.

    Args:
        sources: see :func:`salgan.cluster.sources.find_sources`.
        out: a name that ends in ``.parquet`` is a folder of rows, any other a folder of files, as ``salgan
            predict`` writes them; both may be an address such as ``s3://bucket/maps.parquet``.
        predictor: the model; it is sent to the actors.
        wanted: what to keep of each picture; None is its map.
        workers: the most actors to start; one per core, or one per GPU, if None.
        skip_existing: go on where an earlier run has stopped.
        overwrite: replace what an earlier run has left.
        on_progress: is told after each unit how many pictures are done.

    Returns:
        How it went; what cannot be read is counted, and the first ones are named.

    Raises:
        ConfigError: results exist, or belong to another model or other wishes.
        ModelError: the model cannot be run.
        SalganError: results cannot be written, or Ray does not start.
    """
    wanted = wanted or Wanted()
    as_files = not is_rows(out)
    folder = storage.location_of(out)
    found = find_sources(sources)
    result = ClusterResult(errors=found.errors, missing=len(found.errors), remarks=found.remarks)
    if not found.pictures and not found.shards:
        return result
    there = {name for name, _ in storage.listed(folder)}
    if not as_files:
        parts = {name for name in there if _PART.fullmatch(name)}
        kind = {"model": predictor.fingerprint, **wanted.document()}
        there = set() if overwrite else _kept(folder, parts, kind, skip_existing)
    with cluster(workers, predictor.device) as pool:
        if not as_files and not there:  # not before Ray has started: what is replaced is deleted here
            _begin(folder, parts, kind)
        units = _todo(found, folder, there, wanted, pool.actors, as_files, result)
        result.missing = len(found.errors)
        if as_files and not skip_existing and not overwrite:
            _refuse_to_overwrite(out, units, there)
        total = None
        if not any(unit.shard for unit in units):
            total = result.skipped + sum(len(unit.pictures) for unit in units)
        work = Worker(predictor, wanted, folder, as_files=as_files, skip=skip_existing)
        for report in on_cluster(work, units, pool):
            result.add(report)
            on_progress("predicting", result.pictures + result.skipped, total)
    return result


def is_rows(out: str) -> bool:
    """Whether a name for results means rows of Parquet."""
    return out.rstrip("/").lower().endswith(".parquet")


def _todo(
    found: Sources,
    folder: str,
    there: set[str],
    wanted: Wanted,
    workers: int,
    as_files: bool,
    result: ClusterResult,
) -> list[Unit]:
    """The units that are left; what is done already is counted."""
    done: set[str] = set()
    if not as_files and found.pictures:
        ours = [name for name in there if name.startswith("pictures-")]
        done = {path for name in ours for path in paths_in(storage.below(folder, name))}
        result.skipped = sum(as_text(location) in done for location in found.pictures)
    small = not as_files and wanted.map is None and wanted.overlay is None
    most = _SMALL_ROWS if small else ROWS_OF_A_UNIT
    left = []
    for unit in units_of(found, done=done, workers=workers, most=most, as_files=as_files):
        if not as_files and unit.part in there:
            result.skipped += rows_in(storage.below(folder, unit.part))
        else:
            left.append(unit)
    return left


def _refuse_to_overwrite(out: str, units: Sequence[Unit], there: set[str]) -> None:
    """Refuse to write where results of these pictures are, as ``salgan predict`` does."""
    # Of a tar, nobody knows yet what is in it.
    bases = {name.split(".saliency.")[0].split(".overlay.")[0] for name in there}
    folders = {str(above) for name in there for above in PurePosixPath(name).parents}
    for unit in units:
        taken = [name for name in unit.names if name in (folders if unit.shard else bases)]
        if taken:
            raise ConfigError(
                f"{out}: holds results of {taken[0]} already; add --skip-existing or --overwrite"
            )


def _begin(folder: str, parts: set[str], kind: dict[str, Any]) -> None:
    """Remove the parts of an earlier run, and note what kind of rows the folder will hold."""
    for name in parts:
        storage.remove(storage.below(folder, name))
    document = json.dumps({"salgan": __version__, **kind}, indent=1) + "\n"
    storage.write_bytes(storage.below(folder, RECORD), document.encode())


def _kept(folder: str, parts: set[str], kind: dict[str, Any], skip_existing: bool) -> set[str]:
    """The parts that an earlier run has left, once they are known to be of this kind."""
    if not parts:
        return parts
    if not skip_existing:
        raise ConfigError(
            f"{folder}: holds {len(parts)} parts already; add --skip-existing to go on, or --overwrite"
        )
    theirs = _record_of(folder)
    differing = [key for key in kind if theirs.get(key) != kind[key]]
    if differing:
        raise ConfigError(
            f"{folder}: holds rows made with another {' and '.join(differing)}; name another folder, or add "
            "--overwrite"
        )
    return parts


def _record_of(folder: str) -> dict[str, Any]:
    record = storage.below(folder, RECORD)
    try:
        document = parse_json(storage.read_bytes(record).decode())
    except (SalganError, ValueError):
        document = None
    if not isinstance(document, dict):
        raise ConfigError(
            f"{record}: cannot be read, so nobody knows whose rows these are; name another folder, or add "
            "--overwrite"
        )
    return document
