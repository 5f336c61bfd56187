"""How long `salgan evaluate` takes on a set of SALICON's size, and how much memory.

    python benchmarks/evaluate.py [--pictures 5000] [--processes 2]

Makes a made-up set in SALICON's layout in a temporary folder (640×480 pictures, 8-bit maps, .mat fixations of
40 to 60 viewers with their mouse traces; 40 different pictures, the others are links to them), and evaluates
a folder of 8-bit maps on it by the eight metrics without EMD, through the command line. Done for a tenth of
the pictures too: memory must not grow with their number. Memory is the sum over all processes of what each
has for itself (Linux: private pages), looked at twice a second. Writes benchmarks/results/evaluate.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from salgan import __version__
from salgan._files import replacing
from salgan.metrics import METRICS

DIFFERENT = 40
EIGHT = ",".join(name for name in METRICS if name != "emd")


def smooth(draw: np.random.Generator) -> np.ndarray:
    """A smooth map of 480×640, float32 in 0..1."""
    small = Image.fromarray(draw.random((12, 16)).astype(np.float32))
    large = np.asarray(small.resize((640, 480), Image.Resampling.BICUBIC))
    return (large - large.min()) / np.ptp(large)


def gaze(draw: np.random.Generator, density: np.ndarray) -> np.ndarray:
    """A struct array as in SALICON's .mat files."""
    chance = (density**3 / (density**3).sum(dtype=np.float64)).ravel().astype(np.float64)
    viewers = np.zeros(
        (int(draw.integers(40, 61)), 1), [(n, "O") for n in ("location", "timestamp", "fixations")]
    )
    for viewer in viewers:
        row, column = np.divmod(
            draw.choice(chance.size, int(draw.integers(3, 9)), p=chance / chance.sum()), 640
        )
        samples = int(draw.integers(150, 350))
        trace = draw.random((samples, 2)) * (640, 480)
        viewer[0] = (trace, np.arange(samples)[:, None], np.stack([column + 1, row + 1], 1))
    return viewers


def make(root: Path, pictures: int) -> Path:
    """A set with ``pictures`` to validate on and a fifth of that to train on, and ``maps-to-score``."""
    draw = np.random.default_rng(0)
    source = root / "different"
    source.mkdir()
    for number in range(DIFFERENT):
        density, scored = smooth(draw), smooth(draw)
        noise = draw.integers(0, 256, (480, 640, 3), dtype=np.uint8)
        Image.fromarray(noise).save(source / f"{number}.jpg", quality=60)
        Image.fromarray((density * 255).astype(np.uint8)).save(source / f"{number}.png")
        Image.fromarray((scored * 255).astype(np.uint8)).save(source / f"{number}-scored.png")
        savemat(source / f"{number}.mat", {"gaze": gaze(draw, density)}, do_compression=True)
    data = root / "salicon"
    for part, count in (("val", pictures), ("train", pictures // 5)):
        for kind, ending in (("images", ".jpg"), ("maps", ".png"), ("fixations", ".mat")):
            (data / kind / part).mkdir(parents=True)
            for number in range(count):
                name = f"COCO_{part}2014_{number:012d}{ending}"
                os.link(source / f"{number % DIFFERENT}{ending}", data / kind / part / name)
    (root / "maps-to-score").mkdir()
    for number in range(pictures):
        name = f"COCO_val2014_{number:012d}.png"
        os.link(source / f"{number % DIFFERENT}-scored.png", root / "maps-to-score" / name)
    return data


def family(process: int) -> list[int]:
    """A process and all that it started."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return [process]
    return [process, *(one for child in children for one in family(int(child)))]


def private(process: int) -> int:
    """Bytes of memory that a process has for itself."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def measure(pictures: int, processes: int) -> dict[str, float]:
    """Evaluate once."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        data = make(root, pictures)
        command = [sys.executable, "-m", "salgan", "evaluate", str(root / "maps-to-score")]
        command += ["--data", str(data), "--part", "val", "--metrics", EIGHT]
        command += ["--processes", str(processes), "--out", str(root / "out")]
        before, start, peak = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter(), 0
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while running.poll() is None:
            peak = max(peak, sum(map(private, family(running.pid))))
            time.sleep(0.5)
        seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        if running.returncode:
            raise SystemExit(running.returncode)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": round(seconds, 1), "processor seconds": round(used, 1), "memory, MiB": peak >> 20}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time salgan evaluate on a set of SALICON's size.")
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "evaluate.json")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    found = {
        count: measure(count, arguments.processes) for count in (arguments.pictures // 10, arguments.pictures)
    }
    for count, numbers in found.items():
        print(f"{count:,} pictures:", ", ".join(f"{name} {value:g}" for name, value in numbers.items()))
    report = {
        "date": date.today().isoformat(),
        "salgan": __version__,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load before": round(load, 1),
        "processes": arguments.processes,
        "metrics": EIGHT,
        "pictures": found,
    }
    with replacing(arguments.out) as part:
        part.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
