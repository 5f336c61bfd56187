"""The crop: the best window of all there are, exactly, and never worse than the centre."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from salgan.crop import best, cut, largest, parse_ratio, parse_size
from salgan.errors import ConfigError
from salgan.saliency_map import SaliencyMap
from tests._scripts import script_at

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "crop.py"

maps = arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    # Few levels make ties, wide ranges make rounding.
    elements=st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0, 1, width=32)),
)


def _sums(array: np.ndarray, wide: int, high: int) -> np.ndarray:
    """The sum of every window, one after the other."""
    height, width = array.shape
    values = array.astype(np.float64)
    return np.array(
        [
            [values[y : y + high, x : x + wide].sum() for x in range(width - wide + 1)]
            for y in range(height - high + 1)
        ]
    )


@given(maps, st.floats(0.01, 1), st.floats(0.01, 1))
@settings(max_examples=300)
@example(np.zeros((5, 4), np.float32), 0.5, 0.5)
@example(np.full((7, 8), 0.1, np.float32), 0.4, 0.9)
@example(np.full((3, 3), 1e-45, np.float32), 0.4, 0.9)
def test_the_crop_keeps_the_most_and_never_less_than_the_centre_crop(array, part_x, part_y):
    height, width = array.shape
    wide, high = max(1, int(width * part_x)), max(1, int(height * part_y))
    (crop,) = best(SaliencyMap(array), [(wide, high)])
    assert (crop.width, crop.height) == (wide, high)
    assert 0 <= crop.left <= width - wide
    assert 0 <= crop.top <= height - high
    assert crop.kept >= crop.centre_kept
    attention = array if array.any() else np.ones_like(array)
    sums, total = _sums(attention, wide, high), attention.sum(dtype=np.float64)
    assert crop.kept == pytest.approx(sums[crop.top, crop.left] / total, abs=1e-9)
    assert crop.kept == pytest.approx(sums.max() / total, abs=1e-9)
    centre = sums[(height - high) // 2, (width - wide) // 2]
    assert crop.centre_kept == pytest.approx(centre / total, abs=1e-9)


@given(
    arrays(
        np.float32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from([0.0, 0.5, 1.0])
    ),
    st.integers(1, 9),
    st.integers(1, 9),
)
@settings(max_examples=200)
def test_of_equal_windows_the_one_nearest_to_the_centre_is_chosen(array, wide, high):
    height, width = array.shape
    wide, high = min(wide, width), min(high, height)
    (crop,) = best(SaliencyMap(array), [(wide, high)])
    sums = _sums(array, wide, high)  # of halves, so exact

    def from_centre(top: int, left: int) -> float:
        return (left + wide / 2 - width / 2) ** 2 + (top + high / 2 - height / 2) ** 2

    nearest = min(from_centre(*place) for place in np.argwhere(sums == sums.max()))
    assert sums[crop.top, crop.left] == sums.max()
    assert from_centre(crop.top, crop.left) == nearest


@pytest.mark.parametrize("level", [0.0, 0.1, 1.0])
def test_a_map_that_favours_no_place_gives_the_centre_crop(level):
    # 0.1 has no exact sum: an integral image of floats would choose at random here.
    saliency = SaliencyMap(np.full((333, 500), level))
    for crop in best(saliency, [(333, 333), (500, 100), (123, 77)]):
        assert (crop.left, crop.top) == ((500 - crop.width) // 2, (333 - crop.height) // 2)
        assert crop.kept == crop.centre_kept == pytest.approx(crop.width * crop.height / (333 * 500))


def test_the_crop_follows_the_attention_to_the_border():
    rows, columns = np.mgrid[0:300, 0:400]
    saliency = SaliencyMap(np.exp(-((columns - 395) ** 2 + (rows - 10) ** 2) / 800))
    square, wide = best(saliency, [largest(400, 300, Fraction(1)), largest(400, 300, Fraction(16, 9))])
    assert (square.left, square.top, square.width, square.height) == (100, 0, 300, 300)
    assert (wide.left, wide.top, wide.width, wide.height) == (0, 0, 400, 225)
    assert (square.focal_point.column, square.focal_point.row) == (395, 10)
    document = square.document()
    assert (document["focal_point"]["x"], document["focal_point"]["y"]) == (395.5 / 400, 10.5 / 300)
    assert document["focal_point"]["in_crop"] == [295.5 / 300, 10.5 / 300]
    assert square.kept > square.centre_kept


def test_the_focal_point_is_the_strongest_place_inside_the_window():
    array = np.zeros((100, 200))
    array[40:60, 10:40] = 0.5  # more attention in all
    array[50, 190] = 1.0  # the one strongest pixel
    (crop,) = best(SaliencyMap(array), [(50, 100)])
    assert crop.left <= 10
    assert crop.focal_point.value == 0.5


def test_a_large_photo_is_searched_whole():
    array = np.zeros((3000, 4000), np.float32)
    array[2500:2600, 100:200] = 0.7
    (crop,) = best(SaliencyMap(array), [(100, 100)])
    assert (crop.left, crop.top, crop.kept) == (100, 2500, 1)


@given(st.integers(1, 500), st.integers(1, 500), st.fractions(Fraction(1, 50), 50))
@settings(max_examples=200)
def test_the_largest_window_fills_one_side_and_fits_into_the_other(width, height, ratio):
    wide, high = largest(width, height, ratio)
    assert 1 <= wide <= width
    assert 1 <= high <= height
    assert wide == width or high == height
    ideal = min(width, height * ratio), min(height, width / ratio)
    assert abs(wide - ideal[0]) <= 1
    assert abs(high - ideal[1]) <= 1


@pytest.mark.parametrize("window", [(0, 5), (5, 0), (11, 5), (5, 11)])
def test_a_window_that_does_not_fit_is_refused(window):
    with pytest.raises(ConfigError, match="does not fit into 10×10"):
        best(SaliencyMap(np.ones((10, 10))), [window])


@pytest.mark.parametrize(
    ("text", "ratio"),
    [("1:1", 1), ("16:9", Fraction(16, 9)), (" 1.91 : 1 ", Fraction(191, 100)), ("2:4", 0.5)],
)
def test_ratios_are_exact(text, ratio):
    assert parse_ratio(text) == ratio


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1:",
        ":1",
        "0:1",
        "1:0",
        "-1:1",
        "1:1:1",
        "16/9:1",
        "1/0:1",
        "1e999999999:1",
        "nan:1",
        "9999:1",
    ],
)
def test_what_is_no_ratio_is_answered_with_the_form(text):
    with pytest.raises(ConfigError, match=r"form WIDTH:HEIGHT|more extreme"):
        parse_ratio(text)


@pytest.mark.parametrize(
    "text", ["", "400", "400x", "x300", "0x300", "400x0", "4.5x3", "-4x3", "9" * 5000 + "x1"]
)
def test_what_is_no_size_is_answered_with_the_form(text):
    with pytest.raises(ConfigError, match="WIDTHxHEIGHT"):
        parse_size(text)
    assert parse_size("400x300") == parse_size("400X300") == parse_size("400×300") == (400, 300)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_pictures_of_any_mode_are_cut_and_scaled(mode):
    if mode == "I;16":
        picture = Image.fromarray(np.arange(60 * 40, dtype=np.uint16).reshape(40, 60))
    else:
        picture = Image.new("RGB", (60, 40), (200, 30, 90)).convert("L" if mode in ("F", "1") else "RGB")
        picture = picture.convert(mode)
    array = np.zeros((40, 60))
    array[5:25, 30:50] = 1
    (crop,) = best(SaliencyMap(array), [(20, 20)])
    part = cut(picture, crop)
    assert (part.size, part.mode) == ((20, 20), mode)
    assert np.array_equal(np.asarray(part), np.asarray(picture)[5:25, 30:50])
    assert cut(picture, crop, (10, 10)).size == (10, 10)


# The measurement against real gaze


@pytest.fixture(scope="module")
def benchmark():
    return script_at(SCRIPT)


def test_the_benchmark_counts_fixations_by_their_nearest_pixel(benchmark):
    from salgan.datasets import Fixations

    fixations = Fixations(np.array([9.4, 9.6, 19.4, 19.6]), np.array([5.0, 5.0, 5.0, 5.0]))
    assert benchmark.kept(fixations, 10, 0, 10, 10) == 0.5
    assert benchmark.kept(fixations, 10, 6, 10, 10) == 0
    assert benchmark.kept(fixations, 0, 0, 100, 100) == 1


class _Stand:
    """A source whose map is given, for a stimulus whose gaze is given."""

    name = "stand-in"

    def __init__(self, values):
        self._values = values

    def predict(self, stimulus):
        return self._values

    def scored(self, stimulus):
        return stimulus


def test_the_benchmark_measures_the_gain_over_the_centre_crop(benchmark, tmp_path):
    from salgan.datasets import Fixations, Stimulus

    path = tmp_path / "p.png"
    Image.new("RGB", (200, 100)).save(path)
    x = np.array([10.0, 20.0, 30.0, 100.0])
    stimulus = Stimulus("p", path, fixations=Fixations(x, np.full(4, 50.0)))
    left = np.zeros((10, 20))  # smaller than the picture, and in another range
    left[:, :5] = 37.0
    assert benchmark.measure(_Stand(left), stimulus, ["1:1", "2:1"]) == [(0.25, 0.75), (1.0, 1.0)]
    flat = benchmark.measure(_Stand(np.full((100, 200), -3.0)), stimulus, ["1:1"])
    assert flat == [(0.25, 0.25)]
    nobody = Stimulus("p", path, fixations=Fixations.none())
    assert benchmark.measure(_Stand(left), nobody, ["1:1"]) is None


def test_the_benchmark_gives_an_interval_around_the_mean_gain(benchmark):
    pairs = np.array([[0.5, 0.7], [0.6, 0.9], [0.5, 0.4], [0.7, 0.7]])
    summary = benchmark.summary(pairs)
    assert summary["gain"] == pytest.approx(0.1)
    assert summary["interval"][0] < 0.1 < summary["interval"][1]
    assert (summary["better"], summary["worse"], summary["pictures"]) == (0.5, 0.25, 4)


@pytest.mark.shared
def test_people_predict_people_better_than_the_centre_does(benchmark, shared):
    from salgan.evaluation.map_sources import open_map_source

    results = benchmark.run(shared / "data", open_map_source("baseline:half-viewers"), ["9:16"], limit=12)
    assert set(results) == {"osie", "eyecrowd", "sun500", "all"}
    assert results["all"]["9:16"]["pictures"] == 36
    assert results["all"]["9:16"]["interval"][0] > 0
