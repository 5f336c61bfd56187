"""The one pool: order, bounded memory, errors and Ctrl-C, for threads and for processes."""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from salgan._parallel import WorkerDiedError, in_order


def _double(number):
    return 2 * number


def _slow_if_first(number):
    time.sleep(0.2 if number == 0 else 0)
    return number


def _refuse_three(number):
    if number == 3:
        raise ValueError("three")
    return number


def _die(number):
    os._exit(9)


EVERYWHERE = pytest.mark.parametrize("where", [{}, {"threads": 3}, {"processes": 1}, {"processes": 2}])


@EVERYWHERE
def test_results_come_in_the_order_of_the_tasks(where):
    assert list(in_order(_slow_if_first, range(20), **where)) == list(range(20))


@EVERYWHERE
def test_nothing_to_do_gives_nothing(where):
    assert list(in_order(_double, [], **where)) == []


@EVERYWHERE
def test_an_error_comes_when_its_turn_has_come_and_ends_the_work(where):
    results = in_order(_refuse_three, range(100), **where)
    assert list(itertools.islice(results, 3)) == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert list(results) == []


@pytest.mark.parametrize(("where", "most"), [({"threads": 2}, 2), ({"threads": 2, "ahead": 5}, 5)])
def test_tasks_are_taken_only_as_there_is_room(where, most):
    taken = []
    tasks = (taken.append(number) or number for number in itertools.count())
    results = in_order(_double, tasks, **where)
    for number in range(50):
        assert next(results) == 2 * number
        assert taken[-1] - number <= most
    results.close()


def test_tasks_under_way_keep_to_the_budget_and_a_larger_one_runs_alone():
    sizes = [3, 3, 3, 20, 3, 3, 9, 1, 1]
    lock, present, most = threading.Lock(), [], []

    def work(number):
        with lock:
            present.append(sizes[number])
            most.append(list(present))
        time.sleep(0.02)
        with lock:
            present.remove(sizes[number])
        return number

    results = in_order(work, range(9), threads=4, cost=lambda number: sizes[number], budget=10)
    assert list(results) == list(range(9))
    assert all(sum(together) <= 10 or together == [20] for together in most), most
    assert [3, 3, 3] in most, "they were not at work together"


def test_threads_work_at_the_same_time():
    both = threading.Barrier(2, timeout=30)
    assert list(in_order(lambda number: both.wait() >= 0, range(2), threads=2)) == [True, True]


def test_who_stops_early_waits_for_no_task_that_has_not_begun():
    begun = []

    def work(number):
        begun.append(number)
        time.sleep(0.05)
        return number

    results = in_order(work, range(1000), threads=1, ahead=100)
    next(results)
    results.close()
    assert len(begun) < 10
    count = len(begun)
    time.sleep(0.2)
    assert len(begun) == count, "a thread went on"


def test_a_process_that_dies_is_a_plain_error():
    with pytest.raises(WorkerDiedError, match="a worker process died"):
        list(in_order(_die, range(4), processes=2))


_PARENT = """
import signal, time
from salgan._parallel import in_order

def work(number):
    print(number, flush=True)
    time.sleep({pause})

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background work deaf to it
    for _ in in_order(work, range(1000), processes=2):
        pass
"""


def _started(tmp_path, pause):
    script = tmp_path / "parent.py"
    script.write_text(_PARENT.format(pause=pause))
    process = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout.readline()
    return process


@pytest.mark.skipif(os.name == "nt", reason="a console of Windows has no signal for one process alone")
def test_ctrl_c_in_a_terminal_ends_it_with_one_traceback(tmp_path):
    process = _started(tmp_path, 0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of its processes
    _, said = process.communicate(timeout=60)
    assert said.decode().count("Traceback") == 1, said.decode()
    assert said.decode().rstrip().endswith("KeyboardInterrupt")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_no_process_outlives_a_killed_parent(tmp_path):
    process = _started(tmp_path, 600)
    process.kill()
    # The pipe closes when the last process that could write to it is gone.
    process.communicate(timeout=60)
