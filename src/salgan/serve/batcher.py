"""The network in one thread, on as many pictures at a time as happen to be waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, Protocol

import numpy as np

from salgan.saliency_map import SaliencyMap

__all__ = ["BatchPredictor", "Batcher"]

Picture = np.ndarray[Any, Any]


class BatchPredictor(Protocol):
    """What the service needs of a model; a :class:`~salgan.models.predictor.Predictor` is one."""

    name: str

    def predict_batch(self, pictures: Sequence[Picture]) -> list[SaliencyMap]:
        """One map per uint8 RGB picture (H, W, 3), each at its picture's own size."""


class Batcher:
    """Gathers pictures from many threads into micro-batches.

    A batch never waits for company: while the network is busy the next pictures gather, and all of them are
    the next batch. So one picture alone is answered as fast as without batches.

    Args:
        predictor: the network.
        most: pictures in a batch.
        on_batch: is told (pictures in the batch, seconds it took).
    """

    def __init__(
        self, predictor: BatchPredictor, *, most: int, on_batch: Callable[[int, float], None]
    ) -> None:
        self._predictor = predictor
        self._most = most
        self._on_batch = on_batch
        self._waiting: SimpleQueue[tuple[Picture, Future[SaliencyMap]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="salgan-network", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether pictures are still being taken."""
        return self._thread.is_alive()

    def predict(self, picture: Picture) -> SaliencyMap:
        """Predict one picture; blocks until its batch is done.

        Args:
            picture: uint8 RGB (H, W, 3).

        Raises:
            ModelError: the network failed on its batch.
        """
        future: Future[SaliencyMap] = Future()
        self._waiting.put((picture, future))
        return future.result()

    def close(self) -> None:
        """Finish what waits, then stop. Nothing may be given to it afterwards."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [first]
            while len(batch) < self._most:
                try:
                    item = self._waiting.get_nowait()
                except Empty:
                    break
                if item is None:
                    self._waiting.put(None)  # close() came between: stop after this batch
                    break
                batch.append(item)
            self._predict(batch)

    def _predict(self, batch: list[tuple[Picture, Future[SaliencyMap]]]) -> None:
        start = time.perf_counter()
        try:
            maps = self._predictor.predict_batch([picture for picture, _ in batch])
        except Exception as error:  # whatever it is, those who wait must hear of it, and the thread go on
            for _, future in batch:
                future.set_exception(error)
            return
        self._on_batch(len(batch), time.perf_counter() - start)
        for (_, future), saliency in zip(batch, maps, strict=True):
            future.set_result(saliency)
