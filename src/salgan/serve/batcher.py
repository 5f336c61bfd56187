"""The network's own threads: they gather pictures from many others into micro-batches."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Protocol

import numpy as np

from salgan._arrays import Picture
from salgan.errors import ModelError
from salgan.saliency_map import SaliencyMap

__all__ = ["BatchPredictor", "Batcher", "check_batches", "forget_pictures"]


class BatchPredictor(Protocol):
    """What the service needs of a model; a :class:`~salgan.models.predictor.Predictor` is one."""

    name: str

    def predict_batch(self, pictures: Sequence[Picture]) -> list[SaliencyMap]:
        """One map per uint8 RGB picture (H, W, 3), each at its picture's own size."""


def check_batches(predictor: BatchPredictor, most: int) -> None:
    """Try the network on as many pictures as one run may hold, before anybody waits for it.

    Raises:
        ModelError: it cannot take so many.
    """
    blank = np.zeros((8, 8, 3), np.uint8)
    predictor.predict_batch([blank])
    try:
        predictor.predict_batch([blank] * most)
    except ModelError as error:
        raise ModelError(
            f"{error}; the model takes one picture at a time: export it with a free batch size, "
            "or serve it with --max-batch 1"
        ) from None


class Batcher:
    """Gathers pictures from many threads into micro-batches.

    A batch never waits for more pictures: while the network is busy, the next pictures gather, and all of
    them form the next batch. So a single picture is answered as fast as without batches.

    Args:
        predictor: the network.
        most: pictures in a batch.
        on_batch: is told (pictures in the batch, seconds it took).
        runs: batches that may be under way at a time.
    """

    def __init__(
        self,
        predictor: BatchPredictor,
        *,
        most: int,
        on_batch: Callable[[int, float], None],
        runs: int = 1,
    ) -> None:
        self._predictor = predictor
        self._most = most
        self._on_batch = on_batch
        self._waiting: SimpleQueue[tuple[Picture, Future[SaliencyMap]] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name="salgan-network", daemon=True) for _ in range(runs)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        """Whether pictures are still being taken."""
        return all(thread.is_alive() for thread in self._threads)

    def predict(self, picture: Picture) -> SaliencyMap:
        """Predict one picture; blocks until its batch is done.

        Args:
            picture: uint8 RGB (H, W, 3).

        Raises:
            Exception: what predicting this picture raises; a batch that fails is tried again one by one.
        """
        future: Future[SaliencyMap] = Future()
        self._waiting.put((picture, future))
        try:
            return future.result()
        finally:
            del future  # an error would know it through this frame, and it knows the error

    def close(self) -> None:
        """Finish what is waiting, then stop. Nothing may be submitted afterwards."""
        self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while batch := self._next_batch():
            self._predict(batch)
            del batch  # the last pictures and their maps must not stay until the next ones come

    def _next_batch(self) -> list[tuple[Picture, Future[SaliencyMap]]]:
        """What waits, or the first that comes; nothing after :meth:`close`."""
        first = self._waiting.get()
        if first is None:
            self._waiting.put(None)  # for the next thread
            return []
        batch = [first]
        # The threads share what waits; the first one must not take everything while the others stand idle.
        share = -(-(1 + self._waiting.qsize()) // len(self._threads))
        while len(batch) < min(share, self._most):
            try:
                item = self._waiting.get_nowait()
            except Empty:
                break
            if item is None:
                self._waiting.put(None)  # close() came between: stop after this batch
                break
            batch.append(item)
        return batch

    def _predict(self, batch: list[tuple[Picture, Future[SaliencyMap]]]) -> None:
        start = time.perf_counter()
        maps: list[SaliencyMap] | None
        try:
            maps = self._predictor.predict_batch([picture for picture, _ in batch])
        except Exception as error:  # whatever it is, those who wait must be told and the thread go on
            forget_pictures(error)
            if len(batch) == 1:  # no name of this frame, which the error knows, may stay with a picture
                batch.pop()[1].set_exception(error)
                return
            maps = None
        if maps is None:
            while batch:  # what one of them raises is not the others'
                self._predict([batch.pop(0)])
            return
        self._on_batch(len(batch), time.perf_counter() - start)
        for (_, future), saliency in zip(batch, maps, strict=True):
            future.set_result(saliency)


def forget_pictures(error: BaseException | None) -> None:
    """Empty the frames that an error has passed: they hold pictures and maps for as long as it is known."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
