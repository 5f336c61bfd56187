"""How many pictures share a run of the network: what pays, what fits; the maps do not depend on it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

import salgan
from salgan.errors import ImageError
from salgan.models.batches import BatchSize, Together, TooManyTogetherError
from salgan.models.predictor import Predictor
from tests._onnx import tiny_model

RNG = np.random.default_rng(0)
PICTURES = [RNG.integers(0, 256, (60, 80, 3), dtype=np.uint8) for _ in range(23)]


def _learnt(most, seconds_of):
    """What is chosen if a run of n pictures takes so long."""
    batch = BatchSize(most)
    for _ in range(60):
        batch.note(batch.size, seconds_of(batch.size))
    return batch


def test_where_a_batch_brings_nothing_one_is_chosen_and_the_measurement_says_so():
    batch = _learnt(32, lambda pictures: 0.02 * pictures)
    assert batch.size == 1
    assert batch.seconds == pytest.approx({1: 0.02, 2: 0.02})


def test_where_pictures_are_nearly_free_together_the_largest_is_chosen():
    assert _learnt(32, lambda pictures: 0.02 + 0.0001 * pictures).size == 32


def test_it_stops_where_growing_no_longer_pays():
    assert _learnt(32, lambda pictures: 0.02 * max(1, pictures / 8)).size == 8


def test_a_slow_first_run_and_one_disturbed_run_change_nothing():
    times = iter([5.0, 0.020, 0.300, 0.021, 0.041, 0.021])
    batch = BatchSize(2)
    for _ in range(5):
        batch.note(batch.size, next(times))
    assert batch.size == 2


def test_what_did_not_fit_is_never_tried_again():
    batch = _learnt(32, lambda pictures: 1.0)
    assert batch.size == 32
    batch.did_not_fit(32)
    for _ in range(20):
        batch.note(batch.size, 0.001)
    assert batch.size == 16


class Narrow(Predictor):
    """A network whose memory ends at so many pictures, and that tells what it was given."""

    def __init__(self, fits):
        super().__init__(tiny_model(), name="narrow", threads=1)
        self.fits, self.runs = fits, []

    def _infer(self, batch):
        self.runs.append(len(batch))
        if len(batch) > self.fits:
            raise TooManyTogetherError("too many")
        return super()._infer(batch)


def test_a_batch_that_does_not_fit_is_halved_and_every_picture_gets_its_own_map():
    narrow = Narrow(3)
    sizes = narrow._batch_size(narrow.preprocessing.shape_for(60, 80))
    sizes.size = 8
    maps = narrow.predict_batch(PICTURES)
    assert narrow.runs[:3] == [8, 4, 2]
    assert set(narrow.runs[3:]) <= {1, 2}
    alone = Predictor(tiny_model(), threads=1)
    for picture, found in zip(PICTURES, maps, strict=True):
        np.testing.assert_allclose(found.array, alone.predict(picture).array, atol=1e-5)


def test_one_picture_that_does_not_fit_is_an_error():
    with pytest.raises(TooManyTogetherError):
        Narrow(0).predict(PICTURES[0])


@pytest.mark.parametrize("size", [2, 5, 8])
def test_maps_do_not_depend_on_the_batch(size):
    model = salgan.load_model(threads=1)
    pictures = PICTURES[:8]
    alone = [model.predict(picture).array for picture in pictures]
    model._batch_size(model.preprocessing.shape_for(60, 80)).size = size
    model._batch_size(model.preprocessing.shape_for(60, 80))._settled = True
    for found, expected in zip(model.predict_batch(pictures), alone, strict=True):
        np.testing.assert_allclose(found.array, expected, atol=1e-5)


class Counted:
    """A network that wants so many pictures together; its first run ends when it is allowed to."""

    preprocessing = SimpleNamespace(shape_for=lambda height, width: (height, width))

    def __init__(self, size):
        self.size, self.runs, self.go = size, [], threading.Event()

    def at_once(self, height, width):
        return self.size

    def predict_batch(self, pictures):
        self.runs.append([picture.shape[0] for picture in pictures])
        self.go.wait(20)
        if any(picture[0, 0, 0] == 255 for picture in pictures):
            raise ImageError("a bad one")
        return [salgan.SaliencyMap(picture[:, :, 0] / np.float32(255)) for picture in pictures]


def in_threads(network, pictures):
    """What each thread got for its picture; the network is let go when all others wait for it."""
    together, found = Together(network), [None] * len(pictures)

    def work(number):
        try:
            found[number] = together.predict(pictures[number])
        except ImageError as error:
            found[number] = error

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(pictures))]
    for number, thread in enumerate(threads):
        thread.start()
        while len(network.runs) + len(together._waiting) < number + 1:
            pass
    network.go.set()
    for thread in threads:
        thread.join()
    return found


def test_pictures_that_wait_for_the_network_go_through_together_and_each_gets_its_own_map():
    network = Counted(4)
    pictures = [np.full((2, 3, 3), number, np.uint8) for number in range(9)]
    found = in_threads(network, pictures)
    assert [len(run) for run in network.runs] == [1, 4, 4]
    for number, each in enumerate(found):
        assert each.array[0, 0] == np.float32(number / 255)


def test_a_network_that_wants_one_picture_gets_one():
    network = Counted(1)
    in_threads(network, [np.zeros((2, 3, 3), np.uint8)] * 4)
    assert [len(run) for run in network.runs] == [1] * 4


def test_pictures_of_another_shape_and_a_bad_one_do_not_disturb_the_others():
    network = Counted(4)
    pictures = [np.full((rows, 3, 3), 7, np.uint8) for rows in (2, 2, 5, 2, 2, 5)]
    pictures[3] = np.full((2, 3, 3), 255, np.uint8)
    found = in_threads(network, pictures)
    assert all(len(set(run)) == 1 for run in network.runs)
    assert [isinstance(each, ImageError) for each in found] == [number == 3 for number in range(6)]


class Crowded:
    """A network with room for so many runs at a time, whose first runs meet."""

    def __init__(self, room, together=2):
        self.room, self.together = room, together
        self.met, self.count = threading.Barrier(together), threading.Lock()
        self.under_way, self.most, self.runs = 0, 0, 0

    def predict_batch(self, pictures):
        with self.count:
            self.runs += 1
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            meets = self.runs <= self.together
        try:
            if meets:
                self.met.wait(20)
            with self.count:
                if self.under_way > self.room:
                    raise TooManyTogetherError("no room")
            return [salgan.SaliencyMap(picture[:, :, 0] / np.float32(255)) for picture in pictures]
        finally:
            if meets:
                self.met.wait(20)
            with self.count:
                self.under_way -= 1


def predicted_in_threads(together, count):
    pictures = [np.full((2, 3, 3), number, np.uint8) for number in range(count)]
    with ThreadPoolExecutor(count) as pool:
        return [float(each.array[0, 0]) for each in pool.map(together.predict, pictures)]


def test_as_many_runs_as_are_allowed_go_at_a_time():
    network = Crowded(room=2)
    found = predicted_in_threads(Together(network, runs=2), 6)
    assert found == [np.float32(number / 255) for number in range(6)]
    assert (network.most, network.runs) == (2, 6)


def test_a_picture_without_room_beside_another_run_is_tried_again_alone():
    network = Crowded(room=1)
    found = predicted_in_threads(Together(network, runs=2), 2)
    assert found == [np.float32(number / 255) for number in range(2)]
    assert (network.most, network.runs) == (2, 4)


def test_a_picture_without_room_even_alone_is_an_error():
    with pytest.raises(TooManyTogetherError):
        Together(Crowded(room=0, together=1), runs=2).predict(PICTURES[0])


def test_several_runs_share_what_waits_and_no_picture_is_predicted_twice():
    network = Counted(4)
    together = Together(network, runs=2)
    network.go.set()
    found = predicted_in_threads(together, 40)
    assert found == [np.float32(number / 255) for number in range(40)]
    assert sum(map(len, network.runs)) == 40
