"""What predicting over Ray costs, and whether a simple model foretells it.

    python benchmarks/scaling.py [--workers 1 2] [--pictures 1000 10000] [--size 64x48] [--model lite]

Measures, on this machine: the processor time that a picture takes an actor (reading, decoding, predicting,
encoding and writing, with none of Ray), the bytes it reads and writes, how long Ray and the actors take to
start, and what a unit costs beside its pictures. From these it foretells how long runs of so many pictures
with so many workers take, does the runs, and prints both. Core-seconds are the processor time of the actors,
which other work on the machine hardly moves; seconds are those of a clock. The pictures are made up; their
number and size say how much disk they take. Needs the extra ``cluster``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from salgan._words import markdown_table
from salgan.cluster import Wanted, cluster, on_cluster, predict_on_cluster
from salgan.cluster.sources import find_sources, units_of
from salgan.cluster.worker import Worker
from salgan.models import load_model

UNITS = 200
"""Empty units that the overhead is measured on."""

HEADINGS = (
    *("workers", "pictures", "core-seconds foretold", "measured", "ratio"),
    *("of the driver", "seconds foretold", "measured", "ratio"),
)


def make_pictures(folder: Path, count: int, size: tuple[int, int]) -> None:
    """JPEG files of soft random shapes, 1,000 to a folder; those that are there are kept."""
    rng = np.random.default_rng(0)
    kinds = []
    for _ in range(20):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        path = folder / "kind.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse.resize(size, Image.Resampling.BICUBIC).save(path, quality=85)
        kinds.append(path.read_bytes())
        path.unlink()
    for number in range(count):
        path = folder / f"{number // 1000:04}" / f"{number:07}.jpg"
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            path.write_bytes(kinds[number % len(kinds)])


@contextmanager
def seconds(into: list[float]) -> Iterator[None]:
    start = time.perf_counter()
    yield
    into.append(time.perf_counter() - start)


def nothing(task: int, trail: object) -> int:
    """A unit without pictures."""
    return task


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", default="lite")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--pictures", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--size", default="64x48", help="of the pictures, in pixels")
    parser.add_argument("--save", choices=["map", "focal"], default="map", help="what the rows hold")
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    wanted = Wanted() if arguments.save == "map" else Wanted(map=None, focal=True)
    predictor = load_model(arguments.model, threads=1)
    print(
        f"{arguments.model}, {width}×{height} JPEG, rows with {arguments.save}, {os.cpu_count()} cores here"
    )

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_pictures(folder / "in", max(arguments.pictures), (width, height))
        each, bytes_in, bytes_out = alone(folder, predictor, wanted)
        print(f"one actor, without Ray: {1000 * each:.2f} ms of processor time a picture ({1 / each:.1f}/s)")
        print(f"bytes a picture: {bytes_in:.0f} in, {bytes_out:.0f} out")
        print(f"memory of the driver: {memory_of_the_list(folder):.0f} bytes a picture in a file")
        rows = []
        for workers in arguments.workers:
            starts: list[float] = []
            with seconds(starts):
                context = cluster(workers)
                pool = context.__enter__()
            try:
                first: list[float] = []
                with seconds(first):
                    list(on_cluster(nothing, list(range(workers)), pool))
                ends = [time.perf_counter() for _ in on_cluster(nothing, list(range(UNITS)), pool)]
                overhead = (ends[-1] - ends[0]) / (UNITS - 1)
                print(
                    f"{workers} workers: Ray starts in {starts[0]:.1f} s, actors in {first[0]:.1f} s; "
                    f"a unit costs {1000 * overhead:.1f} ms beside its pictures"
                )
                for count in arguments.pictures:
                    units = -(-count // min(256, -(-count // (4 * workers))))
                    cores = min(workers, len(os.sched_getaffinity(0)))
                    foretold = count * each
                    wall = first[0] + foretold / cores + units * overhead
                    taken: list[float] = []
                    sources = sorted(str(path) for path in (folder / "in").iterdir())[: -(-count // 1000)]
                    out = str(folder / f"{workers}-{count}.parquet")
                    mine = time.process_time()
                    with seconds(taken):
                        result = predict_on_cluster(sources, out, predictor, wanted=wanted, workers=workers)
                    mine = time.process_time() - mine
                    row = [workers, result.pictures, foretold, result.seconds, foretold / result.seconds]
                    row += [mine, wall, taken[0], wall / taken[0]]
                    rows.append([f"{cell:,}" if isinstance(cell, int) else f"{cell:.2f}" for cell in row])
                    print("done:", *rows[-1], flush=True)
            finally:
                context.__exit__(None, None, None)
    if rows:
        print("\n".join(markdown_table(HEADINGS, rows, numbers=range(len(HEADINGS)))))


def alone(folder: Path, predictor: object, wanted: Wanted) -> tuple[float, float, float]:
    """Processor seconds, bytes read and bytes written of a picture, in this process."""
    (first, *_) = sorted((folder / "in").iterdir())
    units = list(units_of(find_sources([str(first)])))
    worker = Worker(predictor, wanted, str(folder / "alone.parquet"))  # type: ignore[arg-type]
    worker(units[0])
    times, pictures, read, written = [], 0, 0, 0
    for unit in units[1:3]:
        start = time.process_time()
        report = worker(unit)
        times.append((time.process_time() - start) / report.pictures)
        pictures += report.pictures
        read, written = read + report.bytes_in, written + report.bytes_out
    return statistics.mean(times), read / pictures, written / pictures


def memory_of_the_list(folder: Path) -> float:
    """Bytes that the list of pictures and its units take, for each picture."""
    tracemalloc.start()
    found = find_sources([str(folder / "in")])
    units = list(units_of(found))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return taken / sum(len(unit.pictures) for unit in units)


if __name__ == "__main__":
    main()
