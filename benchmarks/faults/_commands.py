"""Commands in processes of their own, and what must hold of everything that they leave behind."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
Area = Callable[[Path, int, random.Random], Iterator[str | None]]
"""Tries something so many times in an empty folder; for each try, what was wrong, or None."""

# A shell starts what it runs in the background deaf to Ctrl-C, and this may be run so.
_MAIN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
_MAIN += "signal.signal(signal.SIGHUP, signal.SIG_DFL); import sys; from salgan.__main__ import main; "
_MAIN += "sys.exit(main())"
_TINY = """
network: tests.training.tiny:Slow
size: [32, 48]
batch_size: 4
log_every: 1
checkpoint_every: 2
device: cpu
sources:
  - {path: train, train: all, val: null, sigma: 12}
  - {path: val, train: null, val: all, sigma: 12}
bootstrap: {epochs: 3, optimiser: {name: adamw, lr: 0.01}}
adversarial: {epochs: 0}
image_rows: 0
"""

peaks: dict[str, float] = {}
"""Most megabytes that a process of each command held."""


def start(*arguments: object, file_bytes: int | None = None, **options: object) -> subprocess.Popen:
    """``salgan`` in a process of its own; no file that it writes may grow beyond ``file_bytes``."""

    def bound() -> None:
        if file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    return subprocess.Popen(
        [sys.executable, "-c", _MAIN, *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=bound,
        **{"stdout": subprocess.DEVNULL, **options},
    )


def ended(process: subprocess.Popen, name: str, seconds: float = 300) -> tuple[int, str]:
    """A command's exit code and what it said; its peak of memory is kept under the name."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        try:
            text = Path(f"/proc/{process.pid}/status").read_text()
            peak = next(int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("VmHWM"))
            peaks[name] = max(peaks.get(name, 0.0), peak)
        except (OSError, StopIteration):
            pass
        time.sleep(0.02)
    if process.poll() is None:
        process.kill()
        return process.wait(), f"it did not end within {seconds:g} s"
    _, said = process.communicate()
    return process.returncode, said


def stop(process: subprocess.Popen, after: float, number: signal.Signals) -> None:
    """Send a signal after so many seconds, if the process still runs."""
    end = time.monotonic() + after
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    if process.poll() is None:
        process.send_signal(number)


def badly_stopped(code: int, said: str, number: signal.Signals) -> str | None:
    """What is wrong with the end of a command that was sent a signal."""
    if code not in (0, -number, 128 + number):
        return f"{number.name}: exit code {code}: {said[-300:]}"
    if "Traceback" in said and "salgan" in said.partition("Traceback")[2]:
        return f"{number.name}: {said[-300:]}"
    return None


def badly_failed(code: int, said: str) -> str | None:
    """What is wrong with how a command ended that could not do its work: 1, and a line for each file."""
    errors = [line for line in said.splitlines() if line.startswith("salgan: error: ")]
    if code != 1 or not errors or "Traceback" in said or ".salgan-" in said:
        return f"exit code {code}: {said[-300:]}"
    return None


def left_behind(folder: Path) -> str | None:
    """Drafts, locks and results that do not open."""
    for path in sorted(folder.rglob("*")):
        if path.name.startswith(".salgan-"):
            return f"{path.name} was left"
        try:
            if path.suffix == ".npy":
                np.load(path, allow_pickle=False)
            elif path.suffix == ".png":
                Image.open(path).load()
            elif path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, SyntaxError) as error:
            return f"{path.name}: {error}"
    return None


def pictures(folder: Path, count: int) -> Path:
    """A folder of so many pictures."""
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "0.png")
    for number in range(1, count):
        (folder / f"{number}.png").symlink_to(folder / "0.png")
    return folder


def gaze(folder: Path) -> Path:
    """Two synthetic sets, and a recipe that trains on them in seconds."""
    from salgan.datasets import synthetic

    synthetic(folder / "train", n=14, seed=1)
    synthetic(folder / "val", n=6, seed=2)
    (folder / "tiny.yaml").write_text(
        _TINY + f"data: {folder}\ncache: {folder / 'cache'}\n", encoding="utf-8"
    )
    return folder
