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


@contextlib.contextmanager
def serving(model: str, *arguments: str) -> Iterator[Service]:
    """``salgan serve`` on a free port of this machine, ended with SIGTERM."""
    run = "import sys; from salgan.cli import main; sys.exit(main())"
    line = [sys.executable, "-c", run, "serve", "--port", "0", "--model", model, *arguments]
    with tempfile.TemporaryFile("w+") as log, subprocess.Popen(line, stderr=log) as process:
        try:
            place = urlsplit(_said(log, process))
            yield Service(str(place.hostname), int(place.port or 0), process.pid)
        finally:
            process.terminate()
            process.wait(60)


def _said(log: IO[str], process: subprocess.Popen[bytes]) -> str:
    """The URL in the first line of the log."""
    for _ in range(600):
        log.seek(0)
        text = log.read()
        if found := re.search(r"http://\S+(?=.*\n)", text):
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
