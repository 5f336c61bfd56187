"""Train and score the paper's experiment from the packed archive, within a time limit.

    python experiments/paper/train.py ARCHIVE OUT --recipe experiments/paper/mouse.yaml
        [--seed 0] [--minutes 8] [KEY=VALUE ...]

It unpacks once, beside OUT, and then is ``salgan reproduce run`` with the right arguments; the same
command goes on with an unfinished run (exit code 3).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

STOPPED = 3
"""Exit code of a run that met its time limit."""
_GRACE = 120
"""Seconds to save and leave in, once told to stop."""


def main() -> None:
    """Train what the command line says; ends with the exit code."""
    parser = argparse.ArgumentParser(description="Train the paper's experiment from its archive.")
    parser.add_argument("archive", type=Path, help="what pack.py wrote")
    parser.add_argument("out", type=Path, help="folder of the experiment")
    parser.add_argument("--recipe", type=Path, required=True, help="mouse.yaml or three-sets.yaml")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and scores")
    parser.add_argument("--minutes", type=float, help="time limit; none if not given")
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="settings that replace the recipe's")
    arguments = parser.parse_intermixed_args()
    try:
        data = unpack(arguments.archive, arguments.out.parent)
    except (OSError, tarfile.TarError) as error:
        sys.exit(f"train: error: {arguments.archive}: cannot be unpacked ({error})")
    salgan = (sys.executable, "-m", "salgan")
    command = [
        *(*salgan, "reproduce", "run"),
        *("--recipe", str(arguments.recipe), "--data", str(data), "--out", str(arguments.out)),
        *("--test", str(data / "osie"), "--test-part", "test"),
        *("--sigma", "14.4", "--seed", str(arguments.seed)),
        *(f"network.weights={data / 'vgg16.safetensors'}", f"cache={data / 'cache'}"),
        *(f"seed={arguments.seed}", *arguments.settings),
    ]
    code = run(command, None if arguments.minutes is None else 60 * arguments.minutes)
    sys.exit(code or run([*salgan, "reproduce", "table1", str(arguments.out)], None))


def unpack(archive: Path, beside: Path) -> Path:
    """Unpack into a folder named after the archive's content, unless it is there already."""
    with archive.open("rb") as file:
        name = f"paper-{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"
    folder = beside / name
    if not folder.is_dir():
        draft = beside / f".{name}.{os.getpid()}"
        try:
            draft.mkdir(parents=True)
            with tarfile.open(archive) as tar:
                tar.extractall(draft, filter="data")
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder


def run(command: list[str], seconds: float | None) -> int:
    """Run a command; at the limit let it save and leave, as Ctrl-C would."""
    process = subprocess.Popen(command)  # noqa: S603  # our own command line
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
    try:
        if process.wait(_GRACE) == 0:  # it ended by itself just then
            return 0
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    print("train: time is up; the same command goes on", file=sys.stderr)
    return STOPPED


if __name__ == "__main__":
    main()
