"""Ray, started, used and stopped: work given out to actors over Ray Data, results as they come.

An actor that is killed is started again and does its task again, so a task must give the same result however
often it is done.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import logging
import os
import pickle
import secrets
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import ray

from salgan._cores import THREADS_VARIABLE, cores
from salgan._parallel import environment
from salgan.cluster.trail import MOST_ATTEMPTS, Trail
from salgan.errors import SalganError

__all__ = ["Pool", "cluster", "on_cluster"]

T = TypeVar("T")
R = TypeVar("R")

_ADDRESS = "RAY_ADDRESS"
_STARTS = 3
"""How often to try to start Ray here: it gives its processes 30 s, which a busy machine may not have."""

_PATIENCE = "RAY_agent_register_timeout_ms"
"""How long Ray's processes wait for each other; on a machine that has much to do, its 15 s are too short."""

_STORE_BYTES = 256_000_000
"""Only units and reports travel between processes, and the model once."""


class Pool:
    """The actors to start.

    Args:
        actors: how many.
        cpus: cores that each one has, and so threads.
        gpus: GPUs that each one has.
    """

    def __init__(self, actors: int, cpus: float = 1, gpus: float = 0) -> None:
        self.actors, self.cpus, self.gpus = actors, cpus, gpus


@contextlib.contextmanager
def cluster(workers: int | None = None, device: str = "cpu") -> Iterator[Pool]:
    """Ray: the one that runs in this process, the one ``RAY_ADDRESS`` names, or else one of this machine.

    Only the last is stopped at the end.

    Args:
        workers: how many actors to start at most; one per core that there is, or one per GPU, if None.
        device: ``"cpu"``, or another device, which gets the GPUs that Ray knows of.

    Yields:
        The actors to ask for.

    Raises:
        SalganError: Ray cannot be reached, or does not start.
    """
    with _unheard():
        ours = not ray.is_initialized()
        try:
            if ours:
                _start(workers)
            yield _pool(workers, device)
        finally:
            if ours:
                with _signals_kept(), _no_warnings():
                    ray.shutdown()
                    gc.collect()  # what Ray has started is ending, and would be complained about


def _start(workers: int | None) -> None:
    address = os.environ.get(_ADDRESS) or "local"
    options: dict[str, Any] = {"address": address, "log_to_driver": False, "logging_level": logging.CRITICAL}
    if address == "local":
        options |= {
            "num_cpus": workers or cores(),
            "include_dashboard": False,
            "object_store_memory": _STORE_BYTES,
        }
    patience = {_PATIENCE: "120000"} if _PATIENCE not in os.environ else {}
    for attempt in range(1, _STARTS + 1):
        try:
            with _signals_kept(), _no_warnings(), environment(patience):
                ray.init(**options)
            return
        except SystemExit:
            # While it starts, Ray answers SIGTERM itself, and in silence. Now our handler is back.
            signal.raise_signal(signal.SIGTERM)
            raise
        except Exception as error:  # Ray says in a bare one that its processes have not answered in time
            reason = " ".join(str(error).split())[:300]
        with _signals_kept(), _no_warnings():
            ray.shutdown()
        if address != "local" or attempt == _STARTS:
            break
    where = "" if address == "local" else f" at {address} ({_ADDRESS})"
    raise SalganError(f"Ray{where} cannot be reached or started ({reason})")


@contextlib.contextmanager
def _no_warnings() -> Iterator[None]:
    """Ray warns of what it will change, and of what it calls itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Ray writes to the descriptor of stderr, and prints what its processes say; none of it is for our users.

    What this process prints to ``sys.stderr`` itself goes on to be seen.
    """
    import ray._private.worker

    prints = getattr(ray._private.worker, "print_to_stdstream", None)
    if prints is not None:  # there is no switch for it
        ray._private.worker.print_to_stdstream = lambda *_, **__: None
    stderr = sys.stderr
    with contextlib.ExitStack() as stack, contextlib.suppress(OSError, ValueError):
        kept = os.dup(2)
        stack.callback(os.close, kept)
        if stderr is not None and stderr.fileno() == 2:
            ours = os.fdopen(os.dup(kept), "w", buffering=1, encoding=stderr.encoding, errors=stderr.errors)
            stack.enter_context(ours)
            stack.enter_context(contextlib.redirect_stderr(ours))
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        stack.callback(os.dup2, kept, 2)
        stack = stack.pop_all()
    try:
        yield
    finally:
        stack.close()
        if prints is not None:
            ray._private.worker.print_to_stdstream = prints


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray puts a handler of its own in the place of ours when it starts."""
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            with contextlib.suppress(ValueError, TypeError):  # only the main thread has handlers
                signal.signal(number, handler)


def _pool(workers: int | None, device: str) -> Pool:
    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call,unused-ignore]
    cpus, gpus = int(there.get("CPU", 1)) or 1, int(there.get("GPU", 0))
    if device != "cpu" and gpus:
        actors = min(workers or gpus, gpus)
        return Pool(actors, cpus=max(1, cpus // gpus), gpus=1)
    return Pool(min(workers or cpus, cpus))


def on_cluster(
    work: Callable[[T, Trail], R], tasks: Sequence[T], pool: Pool, *, together: int = 1
) -> Iterator[R]:
    """Give the results of ``work(task, trail)`` as they come, in any order.

    Args:
        work: what is done with each task, of which a :class:`~salgan.cluster.trail.Trail` knows how often it
            was tried; it is pickled and sent to each actor once.
        tasks: what to work on.
        pool: the actors, as :func:`cluster` gives them.
        together: how many tasks an actor is handed at a time.

    Raises:
        SalganError: what ``work`` raised; or a task's actor died again and again.
    """
    if not tasks:
        return
    with _no_warnings():
        import ray.data

        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        # Work may hold functions made on the way, which only this kind of pickle takes.
        held = ray.put(ray.cloudpickle.dumps(work))  # type: ignore[no-untyped-call,unused-ignore]
        blocks = -(-len(tasks) // together)
        data = ray.data.from_items(
            [{"task": pickle.dumps(task)} for task in tasks], override_num_blocks=blocks
        ).map_batches(
            _Actor,  # killed, it is started again, and its task with it; Ray Data does this by itself
            fn_constructor_args=(_Held(held), secrets.token_hex(8), pool.cpus, str(Path.cwd())),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=min(pool.actors, blocks)),
            num_cpus=pool.cpus,
            num_gpus=pool.gpus or None,
        )
    rows = iter(data.iter_rows())
    try:
        while True:
            with _no_warnings():
                row = next(rows, None)
            if row is None:
                return
            result = pickle.loads(row["result"])  # noqa: S301  (from our own actor)
            if isinstance(result, SalganError):
                raise result
            yield result
    except ray.exceptions.RayTaskError:
        raise  # a bug, with the traceback of the actor
    except ray.exceptions.RayError as error:
        raise SalganError(
            f"Ray has lost its actors ({type(error).__name__}); what is done is kept: run the same command "
            "again with --skip-existing"
        ) from None
    finally:
        # Ray ends its actors, which have all cores, when nobody holds these any more. The traceback of what
        # was raised holds this frame, and may do so for long.
        del rows, data


class _Held:
    """What the driver holds for the actors: not an argument by itself, which Ray would want to own."""

    def __init__(self, reference: Any) -> None:
        self.reference = reference


class _Actor:
    """Runs in each of Ray's processes and has the work, with its model."""

    def __init__(self, held: _Held, run: str, cpus: float, folder: str) -> None:
        with contextlib.suppress(OSError):  # another machine may lack it
            os.chdir(folder)
        self._run = run
        os.environ[THREADS_VARIABLE] = str(max(1, int(cpus)))
        with contextlib.suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._work = pickle.loads(ray.get(held.reference))  # noqa: S301  (from our own driver)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        return {"result": [self._done(task) for task in batch["task"]]}

    def _done(self, task: bytes) -> bytes:
        trail = Trail(self._run, hashlib.sha256(task).hexdigest())
        result: Any
        try:
            if trail.attempt > MOST_ATTEMPTS:
                raise SalganError(
                    f"an actor died {MOST_ATTEMPTS} times at one piece of work; look at the machine's memory"
                )
            result = self._work(pickle.loads(task), trail)  # noqa: S301
        except SalganError as error:
            result = type(error)(str(error))
        trail.end()
        return pickle.dumps(result)
