"""What library code says while it works, and how far it has come: it is told to the caller, never printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

__all__ = ["Progress", "Say", "silent", "unsaid"]

Say: TypeAlias = Callable[[str], None]
"""What is told one line for a person."""


class Progress(Protocol):
    """What is told how far a piece of work has come; library code itself prints nothing and draws nothing."""

    def __call__(self, stage: str, done: int, total: int | None, /) -> None:
        """Take note of a step.

        Args:
            stage: what is being done, in a few words.
            done: how many steps of it are finished: pictures, frames; bytes of a stage that begins with
                "downloading".
            total: how many there are; None where nobody knows.
        """


def unsaid(line: str) -> None:
    """Tell nobody."""


def silent(stage: str, done: int, total: int | None, /) -> None:
    """Say nothing."""
