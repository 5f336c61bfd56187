"""How many pictures go through a network together: learnt from its own runs, so learning costs nothing."""

from __future__ import annotations

from salgan.errors import ModelError

__all__ = ["BatchSize", "TooManyTogetherError", "pictures_at_once"]

_RUNS = 2
_GAIN = 0.9
"""A larger batch is worth its memory if a picture takes at most this part of the time."""


class TooManyTogetherError(ModelError):
    """A batch takes more memory than there is; fewer pictures may fit."""


def pictures_at_once(device: str) -> int:
    """The most pictures that a device may ever get together: a processor has no use for many."""
    return 8 if device == "cpu" else 32


class BatchSize:
    """The size of the next batch of one input shape.

    It begins with one picture and doubles as long as that makes pictures faster by a tenth. Each size is
    tried twice, and the faster run counts. The network's first run, which prepares it, counts for nothing.
    A size that does not fit into memory is never tried again.

    Args:
        most: the largest size to try.

    Attributes:
        size: how many pictures to run together next.
        seconds: for each size that was tried, seconds that a picture took.
    """

    def __init__(self, most: int) -> None:
        self.size = 1
        self.seconds: dict[int, float] = {}
        self._most = most
        self._best = 1
        self._runs = -1
        self._settled = most == 1

    def note(self, pictures: int, seconds: float) -> None:
        """Learn from a run; one of another size, such as the rest of a batch, says nothing."""
        if self._settled or pictures != self.size:
            return
        self._runs += 1
        if self._runs == 0:
            return
        self.seconds[pictures] = min(seconds / pictures, self.seconds.get(pictures, seconds))
        if self._runs < _RUNS:
            return
        if pictures == 1 or self.seconds[pictures] < _GAIN * self.seconds[self._best]:
            self._best = pictures
            if 2 * pictures <= self._most:
                self.size, self._runs = 2 * pictures, 0
                return
        self._settle()

    def did_not_fit(self, pictures: int) -> None:
        """Learn that so many pictures take more memory than there is."""
        self._most = pictures // 2
        self._best = min(self._best, self._most)
        self._settle()

    def _settle(self) -> None:
        self.size, self._settled = self._best, True
