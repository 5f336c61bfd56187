"""Signals that ask a command to end: Ctrl-C, ``kill``, or the terminal closing."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import ClassVar

__all__ = ["Ended", "between_steps", "ending_cleanly"]

_NAMES = ("SIGTERM", "SIGHUP", "SIGBREAK")  # each system has some of these
_Handler = Callable[[int, FrameType | None], None]


class Ended(KeyboardInterrupt):
    """A signal asked the process to end. It unwinds like Ctrl-C, so that drafts are removed on the way.

    Args:
        number: the signal's number.
    """

    latest: ClassVar[int | None] = None
    """The latest signal's number: Typer turns a KeyboardInterrupt into an exit code before anyone sees it."""

    def __init__(self, number: int) -> None:
        super().__init__()
        Ended.latest = number


@contextmanager
def ending_cleanly() -> Iterator[None]:
    """Raise :class:`Ended` inside the block when a signal asks the process to end."""

    def end(number: int, _: FrameType | None) -> None:
        raise Ended(number)

    Ended.latest = None
    with _handled(end, *_NAMES):
        yield


@contextmanager
def between_steps() -> Iterator[Callable[[], bool]]:
    """Let the first signal wait for the end of a step; a second one interrupts at once.

    Yields:
        A function that says whether to end. The signal is raised again when the block ends.
    """
    asked: int | None = None

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked is not None:
            raise Ended(number)
        asked = number

    with _handled(note, "SIGINT", *_NAMES):
        yield lambda: asked is not None
    if asked is not None:
        raise Ended(asked)


@contextmanager
def _handled(handler: _Handler, *names: str) -> Iterator[None]:
    before = {}
    if threading.current_thread() is threading.main_thread():  # Python allows handlers only there
        for number in (getattr(signal, name) for name in names if hasattr(signal, name)):
            # A signal that the parent told this process to ignore, as nohup does, stays ignored.
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
