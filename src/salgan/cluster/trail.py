"""What an attempt at a task leaves on its machine: an actor that is killed can say nothing afterwards.

A picture may kill the process that reads it, through a fault in a decoder or by the memory it takes. Then the
task is done again, one picture at a time; a picture at which two such attempts ended is left out, with an
error of its own. An actor that is killed from outside just does its task again.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

__all__ = ["MOST_ATTEMPTS", "Trail"]

MOST_ATTEMPTS = 12
"""How often a task is begun on one machine before the whole run is given up."""

_BEGIN = "begin"
_AT = "at "
_DEATHS = 2


class Trail:
    """The earlier attempts at a task on this machine.

    Args:
        run: a name that only this run has.
        task: a name that only this task has.

    Attributes:
        attempt: which attempt this is, from 1.
        killers: numbers of pictures at which attempts have ended again and again.
    """

    def __init__(self, run: str, task: str) -> None:
        # A folder for all of a run would be removed by one actor while another writes into it.
        self._path = Path(tempfile.gettempdir(), f"salgan-{run}-{task[:16]}")
        lines: list[str] = []
        with contextlib.suppress(OSError):
            lines = self._path.read_text(encoding="utf-8").splitlines()
        self.attempt = lines.count(_BEGIN) + 1
        ends = [line for line, after in pairwise([*lines, _BEGIN]) if after == _BEGIN]
        deaths = Counter(int(line.removeprefix(_AT)) for line in ends if line.startswith(_AT))
        self.killers = {number for number, count in deaths.items() if count >= _DEATHS}
        self._note(_BEGIN)

    @property
    def careful(self) -> bool:
        """Whether to work on one picture at a time, and to say on which."""
        return self.attempt > 1

    def at(self, number: int) -> None:
        """Note which picture comes next."""
        self._note(f"{_AT}{number}")

    def end(self) -> None:
        """Forget the task, which is done."""
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _note(self, line: str) -> None:
        # Where nothing can be written, a task that kills its actor is not known to have been tried.
        with contextlib.suppress(OSError), self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
