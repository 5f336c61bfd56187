"""How many pictures go through a network together: learnt from its own runs, so learning costs nothing."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from typing import Protocol

from salgan._arrays import Picture
from salgan._cores import cores
from salgan.errors import ModelError
from salgan.saliency_map import SaliencyMap

__all__ = ["BatchSize", "Together", "TooManyTogetherError", "at_once", "pictures_at_once", "runs_at_once"]

_RUNS = 2
_GAIN = 0.9
"""A larger batch is worth its memory if a picture takes at most this part of the time."""


class TooManyTogetherError(ModelError):
    """A batch takes more memory than there is; fewer pictures may fit."""


def pictures_at_once(device: str) -> int:
    """The most pictures that a device may ever get together: a processor has no use for many."""
    return 8 if device == "cpu" else 32


def runs_at_once(predictor: object) -> int:
    """How many threads may call a predictor at a time; 1 if it does not say that it runs on a processor.

    They are one more than fill the cores, because a run leaves those idle while its picture is resized and
    its map enlarged.
    """
    if getattr(predictor, "device", None) != "cpu":
        return 1
    threads: int = predictor.threads  # type: ignore[attr-defined]
    return cores() // threads + 1


class _Network(Protocol):
    def predict_batch(self, pictures: Sequence[Picture], /) -> list[SaliencyMap]: ...


def at_once(predictor: object, picture: Picture) -> int:
    """How many pictures like this one a predictor wants together; 1 if it has never heard of batches."""
    ask = getattr(predictor, "at_once", None)
    return 1 if ask is None else int(ask(*picture.shape[:2]))


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


class Together:
    """One network for several threads: pictures that wait for it while it runs go through it together.

    There are never more in a run than the predictor wants of one input shape, and none of them waits for
    others to come.

    Args:
        predictor: the network.
        runs: how many threads may run it at a time.
    """

    def __init__(self, predictor: _Network, runs: int = 1) -> None:
        self._predictor = predictor
        self._runs = runs
        self._running = threading.Semaphore(runs)
        self._alone = threading.Lock()
        self._queue = threading.Lock()
        self._waiting: list[_Place] = []

    def predict(self, picture: Picture) -> SaliencyMap:
        """Predict a picture, in a run that other threads' pictures may share.

        A picture that does not fit into memory beside the other runs is tried again when they have ended.

        Raises:
            Exception: what predicting this picture raises.
        """
        place = _Place(picture)
        with self._queue:
            self._waiting.append(place)
        with self._running:
            places = self._taken(place)
            if places:
                self._run(places)
        place.done.wait()
        if self._runs > 1 and isinstance(place.found, TooManyTogetherError):
            with self._alone, contextlib.ExitStack() as all_runs:
                for _ in range(self._runs):
                    all_runs.enter_context(self._running)
                self._run([place])
        if isinstance(place.found, SaliencyMap):
            return place.found
        raise place.found if place.found is not None else RuntimeError("a picture was left out of its run")

    def _taken(self, mine: _Place) -> list[_Place]:
        """This place and others of its input shape, the first that came; none if another run has this one."""
        most = at_once(self._predictor, mine.picture)
        with self._queue:
            if mine not in self._waiting:
                return []
            self._waiting.remove(mine)
            others = [each for each in self._waiting if most > 1 and self._alike(each, mine)][: most - 1]
            for each in others:
                self._waiting.remove(each)
        return [mine, *others]

    def _alike(self, one: _Place, other: _Place) -> bool:
        shape_for = self._predictor.preprocessing.shape_for  # type: ignore[attr-defined]
        return bool(shape_for(*one.picture.shape[:2]) == shape_for(*other.picture.shape[:2]))

    def _run(self, places: list[_Place]) -> None:
        try:
            maps = self._predictor.predict_batch([each.picture for each in places])
        except Exception as error:
            if len(places) == 1:
                places[0].found = error
                return
            for each in places:  # what one of them raises is not the others'
                self._run([each])
        else:
            for each, found in zip(places, maps, strict=True):
                each.found = found
        finally:
            for each in places:
                each.done.set()


class _Place:
    """A picture that waits, and then its map or what predicting it raised."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.found: SaliencyMap | Exception | None = None
        self.done = threading.Event()
