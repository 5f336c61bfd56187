"""Timing shared by the contestants; needs nothing but NumPy, as each runs in an environment of its own."""

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping

import numpy as np


def contest(make: Callable[[Mapping[str, np.ndarray]], dict[str, Callable[[], object]]]) -> None:
    """Time what ``make`` returns for the case in ``sys.argv[1]`` and print it as JSON.

    One call before the clock starts (compilers, caches), then ``sys.argv[2]`` calls, of which the median
    counts; less of them where one takes over a second.
    """
    with np.load(sys.argv[1], allow_pickle=False) as arrays:
        calls = make({name: arrays[name] for name in arrays.files})
    report = {name: measure(call, int(sys.argv[2])) for name, call in calls.items()}
    print(json.dumps({"numpy": np.__version__, "python": sys.version.split()[0], "metrics": report}))


def measure(call: Callable[[], object], runs: int) -> dict[str, object]:
    """Median milliseconds of a call, and the score it returns (None where it returns many).

    Processor time, not time on the wall: each contestant has one thread, and other programs must not count.
    """
    start = time.process_time()
    value = call()
    if time.process_time() - start > 1:
        runs = min(runs, 3)
    seconds = []
    for _ in range(runs):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    score = None if isinstance(value, dict) else float(value)
    return {"ms": 1000 * statistics.median(seconds), "score": score}
