"""Runs in processes of their own, forked from one that has imported everything: importing takes seconds.

Each process runs the command line. Where there are several, each gets what ``torchrun`` gives it. Run as a
script, this module is the process to fork from.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

SECONDS = 120
"""How long a run may take before it counts as hanging, on a machine that has other work."""


def environment() -> dict[str, str]:
    """That of a process which finds the tests' own modules, and takes one core."""
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(["", *sys.path])}


def finished(*command: object) -> subprocess.CompletedProcess[str]:
    """Run a command of Python's own to its end, which must be a good one."""
    done = subprocess.run(
        [sys.executable, *command],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@dataclass(frozen=True)
class Ended:
    """What is left of a run: exit codes (minus the signal that killed a process), stdout and stderr."""

    codes: list[int]
    out: list[str]
    err: list[str]


class Starter:
    """The process to fork from, and the run that it has started last."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.training.processes"],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pids: list[int] = []

    def start(self, *arguments: object, count: int | None = 2) -> None:
        """``salgan ARGUMENTS`` in so many processes; None: in one, as from a shell."""
        task = {"arguments": [str(each) for each in arguments], "count": count, "folder": str(self.folder)}
        print(json.dumps(task), file=self.process.stdin, flush=True)
        self.pids = json.loads(self.process.stdout.readline())

    def wait(self) -> Ended:
        """Wait until the processes have ended."""
        codes = json.loads(self.process.stdout.readline())
        ranks = range(len(codes))
        out, err = ([_read(self.folder / f"{rank}.{kind}") for rank in ranks] for kind in ("out", "err"))
        return Ended(codes, out, err)

    def run(self, *arguments: object, count: int | None = 2) -> Ended:
        """Start and wait."""
        self.start(*arguments, count=count)
        return self.wait()

    def close(self) -> None:
        """End the process to fork from."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def _serve() -> None:
    import salgan.training.run  # noqa: F401 - what takes the time

    for line in sys.stdin:
        task = json.loads(line)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        pids = [_fork(task, rank, port) for rank in range(task["count"] or 1)]
        print(json.dumps(pids), flush=True)
        print(json.dumps(_codes(pids)), flush=True)


def _fork(task: dict, rank: int, port: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job has it ignored
    if task["count"]:
        os.environ |= {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "GROUP_RANK": "0",
            "WORLD_SIZE": str(task["count"]),
            "LOCAL_WORLD_SIZE": str(task["count"]),
            "TORCHELASTIC_RUN_ID": "test",
        }
    for number, stream in ((1, "out"), (2, "err")):
        file = os.open(Path(task["folder"]) / f"{rank}.{stream}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
    code = 70
    try:
        from salgan.cli import main

        code = main(task["arguments"])
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        for each in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                each.flush()
        os._exit(code)


def _read(file: Path) -> str:
    """What salgan wrote; PyTorch 2.9 prints a line about its connections on stdout besides."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("[Gloo] Rank "))


def _codes(pids: list[int]) -> list[int]:
    """The exit codes; -99 for a process that had to be ended because it hung."""
    codes: dict[int, int] = {}
    late = time.monotonic() + SECONDS
    while len(codes) < len(pids):
        for pid in pids:
            if pid not in codes and (status := os.waitpid(pid, os.WNOHANG))[0]:
                codes[pid] = os.waitstatus_to_exitcode(status[1])
        if time.monotonic() > late:
            for pid in pids:
                if pid not in codes:
                    os.kill(pid, 9)
                    os.waitpid(pid, 0)
                    codes[pid] = -99
        time.sleep(0.02)
    return [codes[pid] for pid in pids]


if __name__ == "__main__":
    _serve()
