"""The service in a process of its own, as users run it, and what the kernel says of its memory."""

import contextlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

RESULTS = Path(__file__).parents[1] / "results"
PICTURE = Path(__file__).parents[2] / "examples" / "photo.jpg"


@dataclass(frozen=True)
class Service:
    """Where it listens, which process it is."""

    host: str
    port: int
    pid: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{self.host}:{self.port}"

    def resident_megabytes(self) -> float:
        """What it holds in memory now (Linux)."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        return int(found[1]) / 1024 if found else float("nan")

    def log_lines(self) -> int:
        """Lines in its log so far."""
        with Path(f"/proc/{self.pid}/fd/2").open("rb") as log:
            return sum(1 for _ in log)

    def family_megabytes(self) -> float:
        """What it and its decoders hold now, with what they share counted once (Linux)."""
        total = 0
        for pid in (self.pid, *children(self.pid)):
            with contextlib.suppress(OSError):
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                total += int(found[1]) if (found := re.search(r"^Pss:\s+(\d+) kB", rollup, re.M)) else 0
        return total / 1024


def children(pid: int) -> list[int]:
    """The processes that a process has started (Linux)."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(word) for word in task.read_text().split()]
    return found


@contextlib.contextmanager
def serving(model: str, *arguments: str, files: int | None = None) -> Iterator[Service]:
    """``salgan serve`` on a free port of this machine, ended with SIGTERM.

    Its log is read at the end: every line must be JSON.
    """
    run = "import sys; from salgan.cli import main; sys.exit(main())"
    line = [sys.executable, "-c", run, "serve", "--port", "0", "--model", model, *arguments]
    if files is not None:
        line = ["bash", "-c", f'ulimit -n {files}; exec "$@"', "bash", *line]
    with tempfile.TemporaryFile("w+") as log, subprocess.Popen(line, stderr=log) as process:
        try:
            place = urlsplit(_said(log, process))
            yield Service(str(place.hostname), int(place.port or 0), process.pid)
        finally:
            process.terminate()
            start = time.perf_counter()
            process.wait(60)
            print(f"left {time.perf_counter() - start:.1f} s after SIGTERM", file=sys.stderr)
        log.seek(0)
        for text in log:
            json.loads(text)


def _said(log: IO[str], process: subprocess.Popen[bytes]) -> str:
    """The address in the first line of the log."""
    for _ in range(600):
        log.seek(0)
        text = log.read()
        if found := re.search(r"http://[^\s\"]+(?=.*\n)", text):
            return found[0]
        if process.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(f"the service did not start: {text}")


def machine() -> str:
    """The processor and its number of cores, for the results."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", info.read_text()) if info.exists() else []
    name = names[0] if names else platform.processor()
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}"


def save(name: str, results: dict[str, object]) -> None:
    """Write the results beside those of the other benchmarks, and print them."""
    text = json.dumps(results, indent=1, ensure_ascii=False)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / name).write_text(text + "\n", encoding="utf-8")
    print(text)
