"""What predicting many JPEGs costs, file to file, and what starting costs, next to named floors and peers.

    python benchmarks/files.py [--pictures 600]

Makes 600 JPEGs of 800×600 (parts of examples/photo.jpg at random places and sizes, from a seed) in a
temporary folder, and gives them to

- ``salgan predict``, which writes a PNG map of 8 bits for each, as a command of its own;
- the floor: a program that decodes the same JPEGs and encodes the same finished maps with Pillow, in as many
  processes as there are cores, and nothing else;
- hotgaze's fast layers, which need no network (the first 20 pictures, in this process, without writing).

What counts is processor time, over all processes; a command is busy in so far as it uses all cores from its
start to its end. Then ``salgan --version`` and one cold picture are timed beside ``python -c pass``. Python
finds its modules compiled, as an installer leaves them.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

from salgan._parallel import cores, environment

PHOTO = Path(__file__).parent.parent / "examples" / "photo.jpg"
SIZE = (800, 600)
FAST_LAYERS = 20


def make_pictures(folder: Path, count: int) -> None:
    """JPEGs of 800×600: parts of the example photograph."""
    draw = np.random.default_rng(0)
    with Image.open(PHOTO) as opened:
        photo = opened.convert("RGB")
    for number in range(count):
        width = int(draw.integers(photo.width // 2, photo.width + 1))
        height = min(photo.height, width * SIZE[1] // SIZE[0])
        left, top = (int(draw.integers(0, room + 1)) for room in (photo.width - width, photo.height - height))
        part = photo.crop((left, top, left + width, top + height)).resize(SIZE, Image.Resampling.LANCZOS)
        part.save(folder / f"{number:04d}.jpg", quality=88)


def cost(command: list[str]) -> tuple[float, float]:
    """Processor and wall seconds of a command and all its processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


@contextlib.contextmanager
def compiled(*commands: list[str]) -> Iterator[None]:
    """Commands started inside find Python's modules compiled; these ones are run once to compile them."""
    with (
        tempfile.TemporaryDirectory() as folder,
        environment({"PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}),
    ):
        for command in commands:
            cost(command)
        yield


def floor(pictures: Path, maps: Path, out: Path) -> None:
    """Decode every picture, and encode its finished map anew."""
    pairs = [
        (path, maps / f"{path.stem}.saliency.png", out / f"{path.stem}.png")
        for path in sorted(pictures.iterdir())
    ]
    with get_context("fork").Pool(cores()) as pool:
        pool.starmap(_decode_and_encode, pairs, chunksize=8)


def _decode_and_encode(picture: Path, finished: Path, out: Path) -> None:
    with Image.open(picture) as opened:
        opened.convert("RGB").load()
    # A finished map must be decoded first, which predicting does not: decoding_maps takes that off again.
    with Image.open(finished) as opened:
        levels = Image.fromarray(np.asarray(opened))
    levels.save(out, format="PNG", compress_level=1)


def decoding_maps(maps: Path) -> float:
    """Processor seconds for decoding the finished maps, which the floor does and does not count."""
    start = time.process_time()
    for path in maps.iterdir():
        with Image.open(path) as opened:
            np.asarray(opened)
    return time.process_time() - start


def file_to_file(count: int) -> dict[str, float]:
    """The figures: seconds of processor time a picture, and how busy the cores were."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in ("pictures", "maps", "floor", "one"):
            (folder / name).mkdir()
        make_pictures(folder / "pictures", count)
        predict = [sys.executable, "-m", "salgan", "predict", "--save", "map", "--format", "png8"]
        with compiled([*predict, str(PHOTO), "-o", str(folder / "one")]):
            ours, wall = cost([*predict, str(folder / "pictures"), "-o", str(folder / "maps")])
        made = len(list((folder / "maps").iterdir()))
        if made != count:
            raise SystemExit(f"{made} maps were written for {count} pictures")
        places = [str(folder / name) for name in ("pictures", "maps", "floor")]
        least, _ = cost([sys.executable, __file__, "--floor", *places])
        least -= decoding_maps(folder / "maps")
        return {
            "salgan predict, ms of processor a picture": ours / count * 1e3,
            "decoding and encoding alone, ms of processor a picture": least / count * 1e3,
            "ratio": ours / least,
            "busy": ours / wall / cores(),
        } | fast_layers(folder / "pictures")


def fast_layers(pictures: Path) -> dict[str, float]:
    """The peer hotgaze without a network: processor time a picture, from its file to its array."""
    try:
        from hotgaze.engine import run_engine
    except ImportError:
        print("hotgaze's fast layers are left out: pip install hotgaze", file=sys.stderr)
        return {}
    paths = sorted(pictures.iterdir())[:FAST_LAYERS]
    start = time.process_time()
    for path in paths:
        run_engine(str(path))
    return {
        "hotgaze's fast layers, ms of processor a picture": (time.process_time() - start) / len(paths) * 1e3
    }


def start_up(rounds: int = 9) -> dict[str, float]:
    """Wall seconds of starting, medians; the commands take turns."""
    with tempfile.TemporaryDirectory() as folder:
        cold = ["predict", str(PHOTO), "--save", "map", "--overwrite", "-o", folder]
        commands = {
            "python -c pass, s": [sys.executable, "-c", "pass"],
            "salgan --version, s": [sys.executable, "-m", "salgan", "--version"],
            "salgan predict, one cold picture, s": [sys.executable, "-m", "salgan", *cold],
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        with compiled(*commands.values()):
            for _ in range(rounds):
                for name, command in commands.items():
                    seconds[name].append(cost(command)[1])
    return {name: statistics.median(values) for name, values in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time many files, and the start of a command.")
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--floor", nargs=3, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.floor is not None:
        floor(*arguments.floor)
        return
    for name, value in (file_to_file(arguments.pictures) | start_up()).items():
        print(f"{value:10.3f}  {name}")


if __name__ == "__main__":
    main()
