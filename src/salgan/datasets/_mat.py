"""Variables of MATLAB files, which are read in another process: damaged ones crash their reader."""

from __future__ import annotations

import atexit
import json
import math
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from salgan._arrays import Array
from salgan._child import Child, Clock, exactly, patience, read_message, write_message
from salgan._files import read_file
from salgan.errors import DatasetError, NotEnoughMemoryError, require

__all__ = ["Struct", "load_mat"]

_MOST_BYTES = 1_000_000_000
_SECONDS, _SECONDS_PER_BYTE = 20.0, 2e-6
_ROOM, _ROOM_PER_BYTE = 1 << 30, 20

_DEPTH = 20

_NONSENSE = "its reader failed on it; save it again with: save(..., '-v7')"


@dataclass(frozen=True)
class Struct:
    """A MATLAB struct: its fields by name."""

    fields: dict[str, Any]


def load_mat(path: Path, variable: str) -> Any:
    """One variable of a MATLAB file, squeezed: a text, an array of numbers or of values, a :class:`Struct`.

    One process reads all files, one after the other; it is replaced if a file ends it.

    Raises:
        DatasetError: no such file, not MATLAB 4 to 7.2, damaged, or no such variable in it.
        NotEnoughMemoryError: the machine has no memory left.
        MissingExtraError: SciPy is not installed.
    """
    require("scipy", "eval")
    content = read_file(path, DatasetError, most=_MOST_BYTES)
    with _lock:
        reader = _ready()
        try:
            return reader.read(content, variable)
        except (DatasetError, NotEnoughMemoryError) as error:
            raise type(error)(f"{path}: {error}") from None
        finally:
            if reader.broken:
                _end()


class _Reader(Child):
    """The process."""

    def __init__(self) -> None:
        super().__init__(str(Path(__file__).with_name("_mat_reader.py")))
        self.owner = os.getpid()

    def read(self, content: bytes, variable: str) -> Any:
        """One variable of a file's content; :attr:`broken` afterwards if the process is of no more use."""
        self.broken = True  # until the last byte of the answer is here
        seconds = _SECONDS + len(content) * _SECONDS_PER_BYTE
        request = {
            "variable": variable,
            "seconds": seconds,
            "room": _ROOM + len(content) * _ROOM_PER_BYTE,
        }
        clock = self.clock(patience(seconds))
        told, said = self.streams
        try:
            write_message(told, request, content)
            answer = read_message(said)
            if answer["bytes"] > _ROOM + len(content) * _ROOM_PER_BYTE:
                raise ValueError("the answer is too long")
            body = exactly(said, answer["bytes"])
        except (EOFError, OSError):
            raise self._death(clock) from None
        except ValueError:
            raise DatasetError(_NONSENSE) from None
        finally:
            clock.stop()
        self.broken = clock.ran_out() or answer.get("error") == "memory"
        if "error" in answer:
            raise _error(answer, variable)
        try:
            length = answer["tree"]
            return _Numbers(body[length:]).value(json.loads(body[:length]))
        except (KeyError, TypeError, ValueError, ArithmeticError, RecursionError):
            self.broken = True
            raise DatasetError(_NONSENSE) from None

    def _death(self, clock: Clock) -> Exception:
        match self.silence(clock):
            case "late":
                return DatasetError(
                    "takes too long to read for its size; save it again with: save(..., '-v7')"
                )
            case "memory":
                return NotEnoughMemoryError("there is not enough memory to read it")
            case "crash":
                return DatasetError("is damaged (its reader crashed on it)")


class _Numbers:
    """Puts the numbers of an answer into its tree.

    Args:
        content: the numbers of all matrices, in the order of the tree.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def value(self, tree: Any, depth: int = 0) -> Any:
        """What a branch of the tree stands for.

        Raises:
            KeyError, TypeError, ValueError: it is not one.
        """
        if depth > _DEPTH:
            raise ValueError("nested too deep")
        if "text" in tree:
            return str(tree["text"])
        if "struct" in tree:
            return Struct({name: self.value(each, depth + 1) for name, each in tree["struct"].items()})
        if "other" in tree:
            return np.array(str(tree["other"]))
        shape = tuple(int(side) for side in tree["shape"])
        if any(side < 0 for side in shape):
            raise ValueError("a negative side")
        if "cells" in tree:
            array = np.empty(math.prod(shape), object)
            array[:] = [self.value(each, depth + 1) for each in tree["cells"]]
            return array.reshape(shape)
        return self._matrix(np.dtype(str(tree["type"])), shape)

    def _matrix(self, kind: np.dtype[Any], shape: tuple[int, ...]) -> Array:
        if kind.kind not in "biuf":
            raise ValueError("not numbers")
        count = math.prod(shape)
        array = np.frombuffer(self._content, kind, count, self._at) if count else np.empty(0, kind)
        self._at += count * kind.itemsize
        return array.reshape(shape)


_lock = threading.Lock()
_reader: _Reader | None = None


def _ready() -> _Reader:
    """The process, started anew if it has ended; a forked process has none of its own yet."""
    global _reader
    if _reader is not None and _reader.owner == os.getpid() and not _reader.alive:
        _end()
    if _reader is None or _reader.owner != os.getpid():
        _reader = _Reader()
    return _reader


def _end() -> None:
    global _reader
    if _reader is not None and _reader.owner == os.getpid():
        _reader.kill()
    _reader = None


def _error(answer: dict[str, Any], variable: str) -> DatasetError:
    match answer["error"]:
        case "no variable":
            return DatasetError(f"has no variable {variable!r}")
        case "7.3":
            return DatasetError("is a MATLAB 7.3 file; save it again with: save(..., '-v7')")
        case "memory":
            return DatasetError("needs too much memory to read for its size; it is damaged, or not fixations")
        case _:
            words = str(answer.get("message", ""))[:200]
            return DatasetError(f"not a MATLAB file that can be read ({words})")


atexit.register(_end)
