"""Work that strangers' bytes decide, in a process that may be killed by the one that started it.

Decoders and other readers in C may crash, or need minutes or gigabytes. In a process of its own, each piece
of work gets processor time and address space to suit its size, and whatever happens to it affects nothing
else.

The two sides talk over the process's standard streams. A message is four bytes of length, that many bytes of
JSON, and then as many bytes as its field ``bytes`` says. The answers are parsed as strictly as any input: a
file that takes over its reader must not get any further.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

__all__ = [
    "Child",
    "Clock",
    "Silence",
    "bounded",
    "exactly",
    "patience",
    "read_message",
    "serve",
    "write_message",
]

_MOST_HEADER = 1_000_000
_LENGTH = struct.Struct("!I")
_PIECE = 1 << 20
_PATH = str(Path(__file__).parents[1])
_START = (
    # At the end of the path, nothing that lies beside the package can hide one of Python's own modules.
    "import runpy, sys; sys.path.append(sys.argv[1]); runpy.run_path(sys.argv[2], run_name='__main__')"
)
_START_SECONDS = 30.0
"""For the start of a process, which imports what it works with, perhaps from a slow disk."""
_PATIENCE = 10 if hasattr(signal, "setitimer") else 2
"""Seconds on the clock for each second of processor time. A process ends itself when that time is over; the
clock is for systems that cannot bound it, and must not end honest work on a machine that is busy."""
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def write_message(file: BinaryIO, header: dict[str, Any], *contents: bytes | memoryview) -> None:
    """Write one message; what ``contents`` hold is not copied."""
    total = sum(len(content) for content in contents)
    text = json.dumps({**header, "bytes": total}).encode()
    for piece in (_LENGTH.pack(len(text)) + text, *contents):
        view, at = memoryview(piece), 0
        while at < len(view):
            at += file.write(view[at:])
    file.flush()


def read_message(file: BinaryIO) -> dict[str, Any]:
    """Read a message's header; its content comes next in the file.

    Raises:
        EOFError: the other side has gone.
        ValueError: it is not a header.
    """
    (length,) = _LENGTH.unpack(exactly(file, _LENGTH.size))
    if length > _MOST_HEADER:
        raise ValueError("the header is too long")
    header = json.loads(exactly(file, length))
    if not isinstance(header, dict) or not isinstance(header.get("bytes"), int) or header["bytes"] < 0:
        raise ValueError("the header is not one")
    return header


def exactly(file: BinaryIO, length: int) -> bytes:
    """So many bytes.

    Raises:
        EOFError: the other side has gone.
    """
    pieces = []
    while length:
        piece = file.read(min(length, _PIECE))
        if not piece:
            raise EOFError
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


Silence: TypeAlias = Literal["late", "memory", "crash"]
"""Why a process did not answer: its time was over, the machine's memory was, or the work ended it."""


class Child:
    """The parent's side: one process, which runs a script of this package.

    Args:
        script: the script's path; it calls :func:`serve`.
    """

    def __init__(self, script: str) -> None:
        # Called by its path, the script need not import the rest of its package. With -P, what lies in the
        # folder that one starts from hides none of Python's own modules.
        self._process = subprocess.Popen(  # noqa: S603  (the command is ours)
            [sys.executable, "-P", "-c", _START, _PATH, script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libraries in C print there what nobody asked for
            bufsize=0,
            env={**os.environ, **_ENVIRONMENT},
        )
        self.broken = False
        """Whether it must not be used again."""

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    @property
    def code(self) -> int | None:
        """The exit code, negative for the signal that ended the process; None while it runs."""
        return self._process.returncode

    @property
    def streams(self) -> tuple[Any, Any]:
        """What the process reads, and what it says."""
        return self._process.stdin, self._process.stdout

    def clock(self, seconds: float) -> Clock:
        """Kill the process in so many seconds, unless the clock is stopped before."""
        return Clock(seconds, self._process)

    def silence(self, clock: Clock) -> Silence:
        """End a process that does not answer, and tell why it did not.

        Args:
            clock: the one that was set for its answer.
        """
        code = self.kill()
        if clock.ran_out() or code == -getattr(signal, "SIGPROF", 0):
            return "late"
        if code == -getattr(signal, "SIGKILL", 0):  # not by us: the kernel, which had no memory left
            return "memory"
        return "crash"

    def kill(self) -> int:
        """End the process, whatever it is doing; its exit code, negative for the signal that ended it."""
        self._process.kill()
        for stream in self.streams:
            stream.close()
        return self._process.wait()


def patience(seconds: float) -> float:
    """How long to wait, in seconds, for a new process and work of so many seconds of processor time."""
    return _PATIENCE * seconds + _START_SECONDS


class Clock:
    """Kills a process when its time is over, and never after :meth:`stop`."""

    def __init__(self, seconds: float, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._lock = threading.Lock()
        self._stopped = self._ran_out = False
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        """The process has answered."""
        with self._lock:
            self._stopped = True
        self._timer.cancel()

    def ran_out(self) -> bool:
        """Whether the process was killed."""
        return self._ran_out

    def _end(self) -> None:
        with self._lock:
            if not self._stopped:
                self._ran_out = True
                self._process.kill()


def serve(answer: Callable[[dict[str, Any], bytes, BinaryIO, BinaryIO], None]) -> None:
    """The child's side: answer requests on stdin until it ends.

    Args:
        answer: is given a request, its content, and the streams to go on reading from and to answer on.
    """
    if hasattr(signal, "SIGINT"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process
    asked = os.fdopen(os.dup(0), "rb")
    told = os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not come between the messages.
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    _forbid_files()
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            request = read_message(asked)
            answer(request, exactly(asked, request["bytes"]), asked, told)


@contextlib.contextmanager
def bounded(seconds: float, room: int) -> Iterator[None]:
    """Inside the block, end this process after ``seconds`` of processor time and give it ``room`` in memory.

    Where the system has no such bounds (Windows), the process's parent can only rely on its clock.
    """
    timer = getattr(signal, "setitimer", None)
    if timer is not None:
        timer(signal.ITIMER_PROF, seconds)  # SIGPROF, left as it is, ends the process
    _limit_memory(_address_space() + room)
    try:
        yield
    finally:
        _limit_memory(None)
        if timer is not None:
            timer(signal.ITIMER_PROF, 0)


def _limit_memory(most: int | None) -> None:
    try:
        import resource
    except ImportError:
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = hard if most is None else most if hard == resource.RLIM_INFINITY else min(most, hard)
    # macOS knows the limit but refuses values below what it has given already.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


def _address_space() -> int:
    """Bytes of address space this process has now; where that cannot be told, a generous guess."""
    try:
        found = re.search(r"VmSize:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        found = None
    return int(found[1]) * 1024 if found else 1_000_000_000


def _forbid_files() -> None:
    """Make sure that a decoder writes no files, not even an image of its own crash."""
    try:
        import resource
    except ImportError:
        return
    for kind in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (0, 0))
