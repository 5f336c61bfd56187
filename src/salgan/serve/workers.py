"""Several processes behind one socket: each has the model, its queue and its limits of its own.

The one that starts them answers nothing itself. It replaces a worker that dies or falls silent, passes on the
signal to end, and waits until the last one has finished its pictures.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process

import uvicorn
from prometheus_client import multiprocess

from salgan._cores import THREADS_VARIABLE, cores
from salgan._parallel import environment
from salgan.errors import ConfigError
from salgan.serve.access import Access
from salgan.serve.app import create_app
from salgan.serve.batcher import BatchPredictor
from salgan.serve.connections import BACKLOG, configured, prepare, quiet_end
from salgan.serve.limits import Limits
from salgan.serve.observe import METRICS_VARIABLE, logger
from salgan.serve.rate import RateLimit

__all__ = ["Settings", "run_workers"]

_BEAT = 1.0
"""Seconds between two signs of life of a worker."""

_SILENCE = 60.0
"""Seconds without one after which a worker is replaced."""

_PAUSE = 1.0
"""Seconds before a worker is replaced, so that a fault that repeats does not take the whole machine."""


@dataclass(frozen=True)
class Settings:
    """What every worker gets.

    Attributes:
        predictor: the model; a worker opens a copy of its own.
        limits: how much each worker takes on.
        access: who may ask.
        rate: how often each client may ask, counted over all workers.
        listener: the socket that all of them accept connections from.
    """

    predictor: BatchPredictor
    limits: Limits
    access: Access
    rate: RateLimit
    listener: socket.socket


class _Process:
    """One worker, seen from the process that started it."""

    def __init__(self, settings: Settings) -> None:
        context = get_context("spawn")  # a forked copy of threads and of a runtime would not work
        self.life, theirs = context.Pipe(duplex=False)
        self.process = context.Process(target=_work, args=(settings, theirs), name="salgan-worker")
        self.process.start()
        theirs.close()
        self.serves = False
        self.heard = time.monotonic()

    def listen(self) -> None:
        """Take its signs of life."""
        with contextlib.suppress(EOFError, OSError):
            while self.life.poll():
                self.life.recv_bytes(1)
                self.serves = True
                self.heard = time.monotonic()

    def end(self, kind: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        if self.process.pid is not None and self.process.is_alive():
            os.kill(self.process.pid, kind)


def run_workers(settings: Settings, number: int, on_ready: Callable[[], None]) -> None:
    """Serve with several processes until SIGINT or SIGTERM, then finish what was taken and return.

    Args:
        settings: what every worker gets.
        number: of workers.
        on_ready: called when all of them listen.

    Raises:
        ConfigError: a worker ended before it listened.
    """
    ending = threading.Event()
    with _signals(ending), _shared_environment(number) as folder:
        workers: list[_Process] = []
        try:
            workers += [_Process(settings) for _ in range(number)]
            told = False
            while not ending.is_set():
                connection.wait([each.process.sentinel for each in workers], timeout=0.2)
                for place, worker in enumerate(workers):
                    worker.listen()
                    if _works(worker):
                        continue
                    _bury(worker, folder)
                    if not told:
                        raise ConfigError("a worker ended before it listened; the log above says why")
                    fields = {"worker": worker.process.pid, "code": worker.process.exitcode}
                    logger.error("a worker is replaced", extra={"fields": fields})
                    ending.wait(_PAUSE)
                    workers[place] = _Process(settings)
                if not told and all(worker.serves for worker in workers):
                    told = True
                    on_ready()
        finally:
            for worker in workers:
                worker.end(signal.SIGTERM)
            for worker in workers:
                worker.process.join()


def _works(worker: _Process) -> bool:
    if worker.process.is_alive() and time.monotonic() - worker.heard > _SILENCE:
        worker.end(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        worker.process.join()
    return worker.process.is_alive()


def _bury(worker: _Process, folder: str) -> None:
    worker.process.join()
    worker.life.close()
    multiprocess.mark_process_dead(worker.process.pid, folder)  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def _signals(ending: threading.Event) -> Iterator[None]:
    before = {kind: signal.signal(kind, lambda *_: ending.set()) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


@contextlib.contextmanager
def _shared_environment(number: int) -> Iterator[str]:
    """What workers find in their environment: where all count together, and their part of the cores."""
    with tempfile.TemporaryDirectory(prefix="salgan-", ignore_cleanup_errors=True) as folder:
        wanted = {METRICS_VARIABLE: folder, THREADS_VARIABLE: str(max(1, cores() // number))}
        with environment(wanted):
            yield folder


def _work(settings: Settings, life: connection.Connection) -> None:
    """A worker's life."""
    # A terminal sends Ctrl-C to every process of the group; the one that started us passes on what counts.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    app = create_app(settings.predictor, settings.limits, access=settings.access, rate=settings.rate)
    config = configured(app, settings.limits)
    # A worker takes one connection at a time, or the first to wake up would take all that wait.
    config.backlog = 1
    with quiet_end():
        _Server(config, settings.listener, life).run(sockets=[settings.listener])


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


class _Server(uvicorn.Server):
    """A server that says when it listens, and from then on that it is alive."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket, life: connection.Connection) -> None:
        super().__init__(config)
        self._listener = listener
        self._life = life

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._listener.listen(BACKLOG)  # for those who wait; what asyncio asked for is one
            self._beating = asyncio.ensure_future(self._beat())

    async def _beat(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # nobody listens any more
            while True:
                self._life.send_bytes(b".")
                await asyncio.sleep(_BEAT)
