"""How far a long piece of work has come: the one form in which library code says so."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "silent"]


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


def silent(stage: str, done: int, total: int | None, /) -> None:
    """Say nothing."""
