"""Work spread over threads or processes: results in order, and only a few tasks under way at a time."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from salgan._cores import cores
from salgan.errors import SalganError

__all__ = ["WorkerDiedError", "cores", "environment", "in_order"]

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = {"threads": 1, "processes": 4}
"""Tasks under way per worker: enough to keep it busy, few enough that memory stays constant. A process waits
for its next task longer than a thread does, since tasks and results travel through a pipe."""

_ENVIRONMENT = {
    # There is one process per core already.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # POT, which computes EMD, otherwise imports PyTorch wherever that is installed: seconds per process.
    "POT_BACKEND_DISABLE_PYTORCH": "1",
}


class WorkerDiedError(SalganError):
    """A process of the pool ended in the middle of a task, as it does when memory runs out."""


def in_order(
    work: Callable[[T], R],
    tasks: Iterable[T],
    *,
    threads: int = 0,
    processes: int = 0,
    ahead: int | None = None,
    cost: Callable[[T], int] | None = None,
    budget: int = 0,
) -> Iterator[R]:
    """Give the results of ``work(task)`` for all tasks, in the order of the tasks.

    Tasks are taken one by one as there is room. If one of them fails, if the caller stops iterating, or after
    Ctrl-C, tasks that have not begun are dropped and those under way are finished.

    Args:
        work: what is done with each task; for processes, something that can be pickled, which is sent to
            each of them once.
        tasks: what to work on.
        threads: how many threads work, beside the caller's.
        processes: how many processes work. With at most one process and no thread, the work is done in the
            caller's own thread.
        ahead: how many tasks may be under way or waiting to be taken, beyond the result that the caller
            has; None is one per thread, or four per process.
        cost: what a task takes of the budget, in bytes for instance, while it is under way.
        budget: how much the tasks under way may take together; a task that takes more runs alone.

    Yields:
        One result per task.

    Raises:
        WorkerDiedError: a process ended in the middle of a task.
        Exception: what ``work`` raised, when that task's turn comes.
    """
    pool: Executor
    do: Callable[[T], R] = work
    if processes > 1:
        pool, do = _processes(work, processes), _run
        limit = ahead or processes * _AHEAD["processes"]
    elif threads > 0:
        pool = ThreadPoolExecutor(threads, thread_name_prefix="salgan")
        limit = ahead or threads * _AHEAD["threads"]
    else:
        yield from map(work, tasks)
        return
    under_way: deque[tuple[Future[R], int]] = deque()
    taken = 0
    try:
        for task in tasks:
            need = 0 if cost is None else cost(task)
            while under_way and taken + need > budget > 0:
                future, freed = under_way.popleft()
                yield future.result()
                taken -= freed
            taken += need
            # A process starts when a task is handed in.
            with _inheritance() if processes > 1 else contextlib.nullcontext():
                under_way.append((pool.submit(do, task), need))
            if len(under_way) > limit:
                future, freed = under_way.popleft()
                yield future.result()
                taken -= freed
        while under_way:
            yield under_way.popleft()[0].result()
    except BrokenProcessPool:
        raise WorkerDiedError(
            "a worker process died (out of memory?); run the same command with fewer --processes to go on"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_work: Callable[[Any], Any]


def _processes(work: Callable[[Any], Any], count: int) -> ProcessPoolExecutor:
    # Spawned, not forked: ONNX Runtime and PyTorch keep threads, which a fork does not survive.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(count, context, initializer=_install, initargs=(work,))


def _run(task: Any) -> Any:
    return _work(task)


def _install(work: Callable[[Any], Any]) -> None:
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


@contextlib.contextmanager
def _inheritance() -> Iterator[None]:
    """Processes started inside have :data:`_ENVIRONMENT`, and no Ctrl-C reaches them while they start."""
    mask = None
    if hasattr(signal, "pthread_sigmask"):  # Windows lacks it
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with environment(_ENVIRONMENT):
            yield
    finally:
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextlib.contextmanager
def environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Processes started inside find these variables; afterwards they are what they were."""
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
