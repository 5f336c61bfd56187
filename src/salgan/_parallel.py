"""Work spread over processes, with a bounded number of pictures in flight and results in order."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from salgan.errors import SalganError

__all__ = ["in_order"]

_AHEAD = 4
"""Tasks in flight per process: enough to keep it busy, few enough that memory stays constant."""

_ENVIRONMENT = {
    # There is one process per core already.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # POT, which computes EMD, otherwise imports PyTorch wherever that is installed: seconds per process.
    "POT_BACKEND_DISABLE_PYTORCH": "1",
}

_work: Callable[..., Any]


def _install(work: Callable[..., Any]) -> None:
    """Give a worker process what it does, once."""
    global _work
    # Ctrl-C reaches every process of the terminal; only the first one answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A killed parent cannot say goodbye, and its workers would wait for it for ever.
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    _work = work


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run(arguments: tuple[Any, ...]) -> Any:
    return _work(*arguments)


def in_order(work: Callable[..., Any], tasks: Iterable[tuple[Any, ...]], processes: int) -> Iterator[Any]:
    """Results of ``work(*task)`` for every task, in the tasks' order.

    Args:
        work: a picklable callable, sent to each process once.
        tasks: its arguments, taken one by one as there is room.
        processes: with 1, everything happens in this process.

    Raises:
        SalganError: a worker process died.
    """
    if processes <= 1:
        for task in tasks:
            yield work(*task)
        return
    # Spawned, not forked: ONNX Runtime and PyTorch keep threads, which a fork does not survive.
    context = multiprocessing.get_context("spawn")
    with _environment():
        pool = ProcessPoolExecutor(processes, context, initializer=_install, initargs=(work,))
        waiting: deque[Future[Any]] = deque()
        try:
            for task in tasks:
                waiting.append(pool.submit(_run, task))
                if len(waiting) >= _AHEAD * processes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise SalganError(
                "a worker process died (out of memory?); run the same command with fewer --processes to go on"
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """Processes started inside have :data:`_ENVIRONMENT`."""
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    os.environ.update(_ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
