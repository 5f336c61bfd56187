"""Contestants that take turns, so that a machine that slows down slows all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

from salgan._private import onnx_runtime

__all__ = ["in_session", "seconds_in_turns"]

WARM_UP, TURN = 3, 10
"""Calls of a turn that do not count (they pay for the threads and the memory that the one before has left),
and that do."""


def in_session(model: bytes, size: tuple[int, int], threads: int) -> Callable[[], object]:
    """A call that runs an ONNX file on one picture."""
    options = onnx_runtime().SessionOptions()
    options.intra_op_num_threads = threads
    session = onnx_runtime().InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feed = {"picture": np.random.default_rng(0).random((1, 3, *size), dtype=np.float32) * 255}
    return lambda: session.run(None, feed)


def seconds_in_turns(contestants: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each contestant's calls: at least ``rounds`` of them, in turns of ten."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(-(-rounds // TURN)):
        for name, call in contestants.items():
            for number in range(WARM_UP + TURN):
                start = time.perf_counter()
                call()
                if number >= WARM_UP:
                    times[name].append(time.perf_counter() - start)
    return times
