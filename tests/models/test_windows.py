"""Pictures at their own shape, and long pages in windows: each part seen once, the whole still a density."""

import threading

import numpy as np
import pytest
from PIL import Image

from salgan.models._sizes import at_picture_size
from salgan.models.batches import BatchSize
from salgan.models.predictor import Predictor
from salgan.models.windows import Window, join_windows, windows_of
from salgan.preprocessing import Preprocessing
from tests._onnx import RECORD, tiny_model

SHAPED = Preprocessing(
    height=24, width=30, shapes=((24, 30), (30, 24), (27, 27), (21, 33), (33, 21), (16, 48), (48, 16))
)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(tiny_model(SHAPED), threads=1)


def spots(height, width, places, radius=12):
    """A dark picture with bright round spots at (y, x)."""
    y, x = np.mgrid[0:height, 0:width]
    light = sum(np.exp(-(((y - a) / radius) ** 2) - ((x - b) / radius) ** 2) for a, b in places)
    return np.repeat((230 * np.clip(light, 0, 1))[:, :, None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((600, 800), (24, 30)),
        ((800, 600), (30, 24)),
        ((500, 500), (27, 27)),
        ((100, 290), (16, 48)),
        ((3, 2), (33, 21)),
    ],
)
def test_a_picture_goes_in_at_its_own_shape(predictor, size, shape):
    picture = np.zeros((*size, 3), np.uint8)
    assert windows_of(*size, SHAPED) == [Window(0, size[0])]
    assert predictor.network_input([picture]).shape == (1, 3, *shape)
    saliency = predictor.predict(picture)
    assert saliency.array.shape == size
    assert saliency.note == ""


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 2), (1, 4), (4, 1), (1, 9000), (9000, 1), (300, 1200), (1200, 300), (7, 22)]
)
def test_the_map_has_the_pictures_own_size_whatever_that_is(predictor, size):
    saliency = predictor.predict(np.full((*size, 3), 128, np.uint8))
    assert saliency.array.shape == size
    assert np.isfinite(saliency.array).all()
    assert saliency.density.sum() == pytest.approx(1)


@pytest.mark.parametrize("size", [(20_000, 1), (3000, 5), (1, 150_000), (2, 70_000)])
def test_a_strips_map_is_enlarged_in_parts_that_do_not_show(size):
    small = np.random.default_rng(0).random((24, 32), dtype=np.float32)
    whole = Image.fromarray(small).resize(size[::-1], Image.Resampling.BICUBIC)
    np.testing.assert_allclose(at_picture_size(small, *size), np.clip(np.asarray(whole), 0, 1), atol=1e-4)


def test_pictures_of_all_shapes_in_a_batch_equal_those_pictures_one_by_one(predictor):
    sizes = [(60, 80), (80, 60), (70, 70), (40, 200), (200, 40), (61, 82), (1, 1), (30, 90)]
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    together = predictor.predict_batch(pictures)
    for picture, saliency in zip(pictures, together, strict=True):
        alone = predictor.predict(picture)
        assert saliency.array == pytest.approx(alone.array, abs=1e-6)
        assert saliency.note == alone.note


def test_pictures_of_one_shape_go_through_the_network_together_and_long_ones_a_few_windows_at_a_time(
    monkeypatch,
):
    predictor = Predictor(tiny_model(SHAPED), threads=1)
    counts = []
    run = Predictor._run
    learnt = BatchSize(8)
    learnt.size, learnt._settled = 8, True
    monkeypatch.setattr(Predictor, "_batch_size", lambda self, shape: learnt)
    monkeypatch.setattr(
        Predictor, "_run", lambda self, pictures: counts.append(len(pictures)) or run(self, pictures)
    )
    predictor.predict_batch([np.zeros((60, 80, 3), np.uint8)] * 3 + [np.zeros((80, 60, 3), np.uint8)] * 2)
    assert counts == [3, 2]
    counts.clear()
    predictor.predict(np.zeros((4000, 100, 3), np.uint8))
    assert max(counts) <= 8 < sum(counts)


@pytest.mark.parametrize("size", [(3001, 1000), (9000, 1440), (2001, 600), (100_000, 10), (40_000, 1)])
def test_the_windows_of_a_long_page_cover_it_and_overlap_by_half(size):
    height, width = size
    windows = windows_of(height, width, SHAPED)
    assert 2 <= len(windows) <= 32
    assert len({window.rows for window in windows}) == 1
    rows, tops = windows[0].rows, [window.top for window in windows]
    assert (tops[0], tops[-1] + rows) == (0, height)
    assert max(np.diff(tops)) <= rows / 2 + 1


def test_a_window_has_the_networks_usual_shape():
    assert {window.rows for window in windows_of(9000, 1440, SHAPED)} == {1152}


@pytest.mark.parametrize(
    "size", [(3000, 1000), (2532, 1170), (600, 160), (2000, 100), (90, 728), (300, 1200), (500, 9000)]
)
def test_what_a_viewer_sees_at_once_is_seen_as_a_whole(size):
    """Three times as high as wide, a phone's screen, advertisements of all shapes, a panorama."""
    assert len(windows_of(*size, SHAPED)) == 1


def test_a_network_of_one_shape_always_sees_the_whole():
    assert len(windows_of(9000, 1000, RECORD)) == 1


def test_a_long_page_is_a_density_in_which_all_its_screens_count_alike(predictor):
    page = spots(3000, 300, [(300, 150), (1500, 150), (2700, 150)], 24)
    saliency = predictor.predict(page)
    assert "overlapping windows of 300×240 pixels" in saliency.note
    assert saliency.density.sum() == pytest.approx(1)
    thirds = [part.sum() for part in np.split(saliency.density, 3)]
    assert thirds == pytest.approx([1 / 3] * 3, abs=0.02)
    for y in (300, 1500, 2700):
        y_peak, x_peak = np.unravel_index(saliency.array[y - 200 : y + 200].argmax(), (400, 300))
        assert (y_peak, x_peak) == pytest.approx((200, 150), abs=4)


def test_a_page_and_the_page_upside_down_have_maps_upside_down(predictor):
    page = spots(2400, 200, [(200, 60), (900, 150), (2300, 100)])
    assert predictor.predict(page[::-1]).array[::-1] == pytest.approx(predictor.predict(page).array, abs=1e-3)


def test_windows_do_not_show_where_they_meet(predictor):
    """A page that is alike from top to bottom has no steps in its map."""
    band = np.broadcast_to(spots(1, 300, [(0, 150)], 60), (3000, 300, 3)).copy()
    column = predictor.predict(band).array[:, 150]
    assert column.max() - column.min() < 1e-3


def test_windows_in_which_nothing_is_salient_share_the_attention_evenly():
    windows = windows_of(4000, 1000, SHAPED)
    empty = [np.zeros((24, 30), np.float32)] * len(windows)
    saliency = join_windows(empty, windows, 4000, 1000)
    np.testing.assert_allclose(saliency.density, 1 / 4e6, rtol=1e-4)


def test_long_pictures_may_be_predicted_by_many_threads(predictor):
    page = spots(2400, 200, [(200, 60), (1500, 100)])
    expected = predictor.predict(page).array
    found = [None] * 4

    def work(number):
        found[number] = predictor.predict(page).array

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(each, expected) for each in found)
