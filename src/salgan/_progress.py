"""What library code says while it works, and how far it is: it tells the caller and never prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

__all__ = ["Progress", "Say", "silent", "unsaid"]

Say: TypeAlias = Callable[[str], None]
"""A function that is told one line for a person."""


class Progress(Protocol):
    """A function that is told how far a piece of work is; library code itself neither prints nor draws."""

    def __call__(self, stage: str, done: int, total: int | None, /) -> None:
        """Take note of a step.

        Args:
            stage: what is being done, in a few words.
            done: how many steps of it are finished: pictures, frames; bytes of a stage that begins with
                "downloading".
            total: how many there are; None if that is not known.
        """


def unsaid(line: str) -> None:
    """Tell nobody."""


def silent(stage: str, done: int, total: int | None, /) -> None:
    """Say nothing."""
