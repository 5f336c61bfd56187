"""The bounded queue between HTTP and the network."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from salgan._arrays import Picture
from salgan.errors import ConfigError, ImageError, ImageTooLargeError
from salgan.models.batches import TooManyTogetherError, runs_at_once
from salgan.regions import Measured, Region, measure
from salgan.saliency_map import SaliencyMap
from salgan.serve.answers import check_polygons
from salgan.serve.batcher import Batcher, BatchPredictor, forget_pictures
from salgan.serve.decoding import Decoders, NotNowError, OutOfMemoryError
from salgan.serve.limits import Limits
from salgan.serve.observe import Telemetry
from salgan.serve.problems import ClientGone, ProblemError

__all__ = ["Finish", "T", "Worker"]

T = TypeVar("T")
Finish = Callable[[Picture, SaliencyMap], T]
_Make = Callable[[list[Picture]], T]


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
        self._batcher = Batcher(
            predictor,
            most=limits.max_batch,
            on_batch=telemetry.note_batch,
            runs=runs_at_once(predictor),
        )
        self.decoders = Decoders(limits)
        self._pool = ThreadPoolExecutor(limits.max_batch, thread_name_prefix="salgan-picture")
        self._large_pool = ThreadPoolExecutor(limits.max_large, thread_name_prefix="salgan-large")
        self._under_way = 0
        self._seconds_each = 0.1  # a first guess; then the mean of what pictures took, the last ones most

    @property
    def alive(self) -> bool:
        """Whether the network's threads run."""
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

        def predicted(pictures: list[Picture]) -> T:
            return finish([(picture, self._batcher.predict(picture)) for picture in pictures])

        return await self._answered(contents, predicted, gone)

    async def look(
        self, content: bytes, finish: Callable[[Picture], T], gone: Callable[[], Awaitable[object]]
    ) -> T:
        """Decode a picture and make an answer of it that needs no map, in turn and in time.

        Args:
            content: the picture's file.
            finish: makes the answer of the uint8 RGB picture; called in another thread.
            gone: as in :meth:`run`.

        Returns:
            What ``finish`` returned.

        Raises:
            ProblemError, ClientGone: as in :meth:`run`.
        """
        return await self._answered([content], lambda pictures: finish(pictures[0]), gone)

    async def _answered(
        self, contents: Sequence[bytes], make: _Make[T], gone: Callable[[], Awaitable[object]]
    ) -> T:
        self.check_room()
        work = asyncio.ensure_future(self._in_turn(contents, make))
        watch = asyncio.ensure_future(gone())
        first: set[asyncio.Future[Any]] = {work, watch}
        try:
            await asyncio.wait(first, timeout=self._limits.timeout, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                forget_pictures(work.exception())
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
        except (OutOfMemoryError, TooManyTogetherError, MemoryError):  # in decoding, the network, the answer
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

    async def _in_turn(self, contents: Sequence[bytes], make: _Make[T]) -> T:
        """Work on a picture in the queue for its size, which the first queue learns from its header."""
        try:
            return await self._queued(self._pool, contents, make, self._limits.large)
        except NotNowError:
            return await self._queued(self._large_pool, contents, make, None)

    async def _queued(
        self, pool: ThreadPoolExecutor, contents: Sequence[bytes], make: _Make[T], most: int | None
    ) -> T:
        loop = asyncio.get_running_loop()
        self._count(+1)
        started = pool.submit(self._work, contents, make, most)
        # Counted until the thread is done, not until the client is answered: what timed out still runs.
        started.add_done_callback(lambda _: loop.call_soon_threadsafe(self._count, -1))
        return await asyncio.wrap_future(started)

    def _work(self, contents: Sequence[bytes], make: _Make[T], most: int | None) -> T:
        start = time.perf_counter()
        answer = make(self._decoded(contents, most))
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
