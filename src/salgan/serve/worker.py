"""The bounded queue between HTTP and the network, and the network's own thread behind it."""

from __future__ import annotations

import asyncio
import math
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

import numpy as np

from salgan._arrays import Picture
from salgan.errors import ConfigError, ImageError, ImageTooLargeError, ModelError
from salgan.regions import Measured, Region, measure
from salgan.saliency_map import SaliencyMap
from salgan.serve.answers import check_polygons
from salgan.serve.decoding import Decoders, NotNowError, OutOfMemoryError
from salgan.serve.limits import Limits
from salgan.serve.observe import Telemetry
from salgan.serve.problems import ClientGone, ProblemError

__all__ = ["BatchPredictor", "Batcher", "Finish", "T", "Worker", "check_batches"]

T = TypeVar("T")
Finish = Callable[[Picture, SaliencyMap], T]
_FinishAll = Callable[[list[tuple[Picture, SaliencyMap]]], T]


class Worker:
    """Takes pictures as they arrive and answers with what is made of them and their maps.

    ``limits.max_batch`` threads each take a picture, have it decoded, wait for the network and encode the
    answer; ``limits.max_waiting`` more pictures may wait, still compressed. Large pictures have
    ``limits.max_large`` threads and a queue of their own. Nothing else holds pictures.

    Args:
        predictor: the network.
        limits: how much to take on.
        telemetry: where to count.
    """

    def __init__(self, predictor: BatchPredictor, limits: Limits, telemetry: Telemetry) -> None:
        self.predictor = predictor
        self._limits = limits
        self._telemetry = telemetry
        self._batcher = Batcher(predictor, most=limits.max_batch, on_batch=telemetry.note_batch)
        self.decoders = Decoders(limits)
        self._pool = ThreadPoolExecutor(limits.max_batch, thread_name_prefix="salgan-picture")
        self._large_pool = ThreadPoolExecutor(limits.max_large, thread_name_prefix="salgan-large")
        self._under_way = 0
        self._seconds_each = 0.1  # a first guess; then the mean of what pictures took, the last ones most

    @property
    def alive(self) -> bool:
        """Whether the network's thread runs."""
        return self._batcher.alive

    @property
    def at_once(self) -> int:
        """Pictures that are worked on at a time."""
        return self._limits.max_batch

    @property
    def under_way(self) -> int:
        """Pictures that were taken and are not yet answered."""
        return self._under_way

    def check_room(self) -> None:
        """Refuse a picture that finds the queue full.

        Raises:
            ProblemError: 503.
        """
        if self._under_way >= self._limits.max_batch + self._limits.max_waiting:
            raise ProblemError(
                503,
                f"{self._under_way} pictures are waiting already; come back later",
                headers={"Retry-After": str(self._retry_after())},
            )

    async def run(self, content: bytes, finish: Finish[T], gone: Callable[[], Awaitable[object]]) -> T:
        """Decode a picture, predict it, and make the answer, in turn and in time.

        Args:
            content: the picture's file.
            finish: makes the answer of the uint8 RGB picture and its map; called in another thread.
            gone: returns when nobody waits for the answer any more.

        Returns:
            What ``finish`` returned.

        Raises:
            ProblemError: 503 the queue or the machine's memory is full; 504 it took too long; 413 too many
                pixels; 422 it is not a picture, or ``finish`` cannot be done with it.
            ClientGone: nobody waits any more.
        """
        return await self.run_together([content], lambda found: finish(*found[0]), gone)

    async def run_together(
        self,
        contents: Sequence[bytes],
        finish: Callable[[list[tuple[Picture, SaliencyMap]]], T],
        gone: Callable[[], Awaitable[object]],
    ) -> T:
        """Make one answer of several pictures, which together have no more pixels than one may have.

        They count as one picture in the queue.

        Args:
            contents: the pictures' files.
            finish: makes the answer of the pictures and their maps; called in another thread.
            gone: as in :meth:`run`.

        Returns:
            What ``finish`` returned.

        Raises:
            ProblemError, ClientGone: as in :meth:`run`.
        """
        self.check_room()
        work = asyncio.ensure_future(self._in_turn(contents, finish))
        watch = asyncio.ensure_future(gone())
        first: set[asyncio.Future[Any]] = {work, watch}
        try:
            await asyncio.wait(first, timeout=self._limits.timeout, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                _forget_pictures(work.exception())
                return work.result()
            if watch.done():
                raise ClientGone
            raise ProblemError(
                504,
                f"no answer within {self._limits.timeout:g} s; try again later, or a smaller picture",
                headers={"Retry-After": str(self._retry_after())},
            )
        except ImageTooLargeError as error:
            raise ProblemError(413, str(error)) from None
        except (ImageError, ConfigError) as error:
            raise ProblemError(422, str(error)) from None
        except (OutOfMemoryError, MemoryError):
            raise ProblemError(
                503,
                "there is no memory left for this picture; come back later, or send a smaller one",
                headers={"Retry-After": "5"},
            ) from None
        finally:
            work.cancel()  # leaves the queue if it is still there
            watch.cancel()
            # An error knows this frame, which would know the error through these: a circle, which nothing
            # frees for a long time.
            del work, watch, first

    async def run_measured(
        self,
        contents: Sequence[bytes],
        regions: Sequence[Region],
        finish: Callable[[list[Measured]], T],
        gone: Callable[[], Awaitable[object]],
    ) -> T:
        """Make one answer of pictures whose shares have intervals (:func:`salgan.regions.measure`).

        The further predictions of a picture wait in line one by one, so others get their turn between them,
        and none is made any more once the answer is late or nobody waits for it.

        Args:
            contents: the pictures' files.
            regions: those of every picture.
            finish: makes the answer of what was measured; called in another thread.
            gone: as in :meth:`run`.

        Returns:
            What ``finish`` returned.

        Raises:
            ProblemError, ClientGone: as in :meth:`run`.
        """
        left = threading.Event()

        def measured(found: list[tuple[Picture, SaliencyMap]]) -> T:
            for _, saliency in found:
                check_polygons(saliency, regions)
            return finish(
                [
                    measure(_Again(self._batcher, saliency, left), picture, regions)
                    for picture, saliency in found
                ]
            )

        try:
            return await self.run_together(contents, measured, gone)
        finally:
            left.set()

    def close(self) -> None:
        """Finish every picture that was taken, then stop."""
        self._pool.shutdown(wait=True)
        self._large_pool.shutdown(wait=True)
        self._batcher.close()
        self.decoders.close()

    async def _in_turn(self, contents: Sequence[bytes], finish: _FinishAll[T]) -> T:
        """Work on a picture in the queue for its size, which the first queue learns from its header."""
        try:
            return await self._queued(self._pool, contents, finish, self._limits.large)
        except NotNowError:
            return await self._queued(self._large_pool, contents, finish, None)

    async def _queued(
        self, pool: ThreadPoolExecutor, contents: Sequence[bytes], finish: _FinishAll[T], most: int | None
    ) -> T:
        loop = asyncio.get_running_loop()
        self._count(+1)
        started = pool.submit(self._work, contents, finish, most)
        # Counted until the thread is done, not until the client is answered: what timed out still runs.
        started.add_done_callback(lambda _: loop.call_soon_threadsafe(self._count, -1))
        return await asyncio.wrap_future(started)

    def _work(self, contents: Sequence[bytes], finish: _FinishAll[T], most: int | None) -> T:
        start = time.perf_counter()
        pictures = self._decoded(contents, most)
        answer = finish([(picture, self._batcher.predict(picture)) for picture in pictures])
        self._seconds_each += 0.1 * (time.perf_counter() - start - self._seconds_each)
        return answer

    def _decoded(self, contents: Sequence[bytes], most: int | None) -> list[Picture]:
        """The pictures, of which each has at most ``most`` pixels, and all together as many as one may."""
        pictures: list[Picture] = []
        pixels = 0
        for content in contents:
            pictures.append(self.decoders.read(content, most=most))
            pixels += pictures[-1].shape[0] * pictures[-1].shape[1]
            if pixels > self._limits.max_pixels:
                raise ImageTooLargeError(
                    f"pictures: more than {self._limits.max_pixels / 1e6:g} megapixels together; "
                    "scale them down first"
                )
        return pictures

    def _count(self, change: int) -> None:
        self._under_way += change
        self._telemetry.pictures_under_way.set(self._under_way)

    def _retry_after(self) -> int:
        """Seconds until about half of the waiting pictures are done."""
        waiting = self._under_way / 2 * self._seconds_each / self._limits.max_batch
        return min(60, max(1, math.ceil(waiting)))


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
        try:
            return future.result()
        finally:
            del future  # an error would know it through this frame, and it knows the error

    def close(self) -> None:
        """Finish what is waiting, then stop. Nothing may be submitted afterwards."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next_batch():
            self._predict(batch)
            del batch  # the last pictures and their maps must not stay until the next ones come

    def _next_batch(self) -> list[tuple[Picture, Future[SaliencyMap]]]:
        """What waits, or the first that comes; nothing after :meth:`close`."""
        first = self._waiting.get()
        if first is None:
            return []
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
        return batch

    def _predict(self, batch: list[tuple[Picture, Future[SaliencyMap]]]) -> None:
        start = time.perf_counter()
        try:
            maps = self._predictor.predict_batch([picture for picture, _ in batch])
        except Exception as error:  # whatever it is, those who wait must be told and the thread go on
            _forget_pictures(error)
            while batch:  # no name of this frame, which the error knows, may stay with a picture
                batch.pop()[1].set_exception(error)
            return
        self._on_batch(len(batch), time.perf_counter() - start)
        for (_, future), saliency in zip(batch, maps, strict=True):
            future.set_result(saliency)


class _Again:
    """Predicts further views of a picture whose map is known, as long as somebody waits for them.

    Args:
        batcher: predicts.
        saliency: the map of the picture itself.
        left: set when nobody waits any more.
    """

    def __init__(self, batcher: Batcher, saliency: SaliencyMap, left: threading.Event) -> None:
        self._batcher = batcher
        self._saliency = saliency
        self._left = left

    def predict(self, _: Picture) -> SaliencyMap:
        return self._saliency

    def predict_many(self, sources: Iterable[Picture]) -> Iterator[SaliencyMap]:
        for picture in sources:
            if self._left.is_set():
                raise ClientGone
            yield self._batcher.predict(picture)


def _forget_pictures(error: BaseException | None) -> None:
    """Empty the frames that an error has passed: they hold pictures and maps for as long as it is known."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
