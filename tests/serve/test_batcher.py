"""Micro-batches: what waits together is predicted together, and nobody waits for company."""

import threading

import numpy as np
import pytest

from salgan.errors import ModelError
from salgan.saliency_map import SaliencyMap
from salgan.serve.batcher import Batcher
from tests.serve.conftest import Held, until


def _pictures(values):
    return [np.full((2, 3, 3), value, np.uint8) for value in values]


class Bright:
    """A model whose map is the picture's brightness; fails on a picture of 255."""

    name = "bright"

    def predict_batch(self, pictures):
        if any(picture.max() == 255 for picture in pictures):
            raise ModelError("too bright")
        return [SaliencyMap(picture[..., 0] / 255) for picture in pictures]


def _together(batcher, pictures):
    """Predict in as many threads; what each got, a map's value or an error."""
    got = [None] * len(pictures)

    def run(at):
        try:
            got[at] = batcher.predict(pictures[at])
        except ModelError as error:
            got[at] = error

    threads = [threading.Thread(target=run, args=(at,)) for at in range(len(pictures))]
    for thread in threads:
        thread.start()
    return threads, got


def test_what_waits_while_the_network_is_busy_becomes_one_batch_of_at_most_the_limit():
    held = Held()
    seen = []
    batcher = Batcher(held, most=3, on_batch=lambda pictures, seconds: seen.append(pictures))
    first, _ = _together(batcher, _pictures([0]))
    until(lambda: held.batches)
    others, _ = _together(batcher, _pictures(range(5)))
    until(lambda: batcher._waiting.qsize() == 5)
    held.let.set()
    for thread in first + others:
        thread.join()
    batcher.close()
    assert held.batches == seen == [1, 3, 2]


def test_runs_at_a_time_share_what_waits():
    held = Held()
    batcher = Batcher(held, most=8, on_batch=lambda *_: None, runs=2)
    first, _ = _together(batcher, _pictures([0]))
    until(lambda: len(held.batches) == 1)
    second, _ = _together(batcher, _pictures([1]))
    until(lambda: len(held.batches) == 2)  # though the first is still under way
    others, _ = _together(batcher, _pictures(range(6)))
    until(lambda: batcher._waiting.qsize() == 6)
    held.let.set()
    for thread in first + second + others:
        thread.join()
    batcher.close()
    assert not batcher.alive
    assert sum(held.batches) == 8
    assert max(held.batches) <= 3


@pytest.mark.parametrize("runs", [1, 3])
def test_each_thread_gets_the_map_of_its_own_picture(runs):
    batcher = Batcher(Bright(), most=8, on_batch=lambda *_: None, runs=runs)
    threads, got = _together(batcher, _pictures(range(0, 200, 5)))
    for thread in threads:
        thread.join()
    batcher.close()
    assert [round(255 * float(saliency.array[0, 0])) for saliency in got] == list(range(0, 200, 5))


def test_a_failing_network_is_heard_of_and_the_next_picture_is_served():
    batcher = Batcher(Bright(), most=4, on_batch=lambda *_: None)
    with pytest.raises(ModelError, match="too bright"):
        batcher.predict(_pictures([255])[0])
    assert batcher.alive
    assert batcher.predict(_pictures([51])[0]).array[0, 0] == np.float32(0.2)
    batcher.close()
    assert not batcher.alive


def test_a_picture_that_fails_fails_alone():
    class Late(Bright):
        """Begins when it is let, so that a batch gathers."""

        begun, let = threading.Event(), threading.Event()

        def predict_batch(self, pictures):
            self.begun.set()
            assert self.let.wait(20)
            return super().predict_batch(pictures)

    batcher = Batcher(Late(), most=8, on_batch=lambda *_: None)
    first, _ = _together(batcher, _pictures([0]))
    assert Late.begun.wait(20)
    others, got = _together(batcher, _pictures([51, 255, 102]))
    until(lambda: batcher._waiting.qsize() == 3)
    Late.let.set()
    for thread in first + others:
        thread.join()
    batcher.close()
    assert [str(each) if isinstance(each, ModelError) else each.array[0, 0] for each in got] == [
        np.float32(0.2),
        "too bright",
        np.float32(0.4),
    ]


def test_closing_finishes_what_waits():
    held = Held()
    batcher = Batcher(held, most=2, on_batch=lambda *_: None)
    threads, got = _together(batcher, _pictures(range(5)))
    until(lambda: held.batches and batcher._waiting.qsize() == 5 - held.batches[0])
    closing = threading.Thread(target=batcher.close)
    closing.start()
    held.let.set()
    for thread in [closing, *threads]:
        thread.join(10)
    assert all(isinstance(saliency, SaliencyMap) for saliency in got)
