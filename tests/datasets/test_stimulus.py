"""Fixations, a stimulus and a dataset as values."""

import pickle
import time
from functools import partial

import numpy as np
import pytest
from PIL import Image

from salgan.datasets import Dataset, Fixations, Stimulus
from salgan.datasets.tables import read_csv
from salgan.errors import DatasetError
from tests.datasets import _trees as trees


def at(*xy):
    return Fixations(np.array([x for x, _ in xy], float), np.array([y for _, y in xy], float))


def test_fixations_of_different_lengths_are_refused_by_name():
    with pytest.raises(DatasetError, match="viewer has shape"):
        Fixations(np.zeros(3), np.zeros(3), np.zeros(2))


def test_inside_keeps_what_belongs_to_each_fixation():
    fixations = Fixations(
        np.array([1, -5, 3.0]), np.array([1, 1, 99.0]), np.array([7, 8, 9]), np.array([100, 200, 300.0])
    )
    kept = fixations.inside(10, 10)
    assert (kept.x.tolist(), kept.viewer.tolist(), kept.duration.tolist()) == ([1], [7], [100])


def test_a_stimulus_knows_its_size_from_the_header_of_a_file_that_cannot_be_decoded(tmp_path):
    path = trees.picture(tmp_path / "a.png", 400, 300)
    path.write_bytes(path.read_bytes()[:60])
    stimulus = Stimulus("a", path)
    assert (stimulus.width, stimulus.height) == (400, 300)
    with pytest.raises(DatasetError, match=r"a\.png"):
        stimulus.picture()


def test_the_fixation_map_marks_nearest_pixels_and_drops_those_outside(tmp_path):
    path = trees.picture(tmp_path / "a.png", 5, 4)
    fixated = Stimulus("a", path, fixations=at((0.4, 0), (3.6, 2.7), (5, 1), (-1, 0))).fixation_map()
    assert fixated.dtype == bool
    assert fixated.shape == (4, 5)
    assert np.argwhere(fixated).tolist() == [[0, 0], [3, 4]]


def test_a_picture_without_any_fixation_is_represented_and_its_map_is_empty(tmp_path):
    stimulus = Stimulus(
        "a", trees.picture(tmp_path / "a.png"), fixations=Fixations.none(), pixels_per_degree=5
    )
    assert len(stimulus.fixations) == 0
    assert not stimulus.fixation_map().any()
    with pytest.raises(DatasetError, match="a: no fixation lies inside"):
        stimulus.density()


def test_a_stimulus_nobody_published_fixations_for_says_so(tmp_path):
    stimulus = Stimulus("a", trees.picture(tmp_path / "a.png"))
    assert stimulus.fixations is None
    assert not stimulus.has_fixations
    for ask in (stimulus.fixation_map, lambda: stimulus.density(2.0)):
        with pytest.raises(DatasetError, match="a: has no fixations"):
            ask()


def test_the_default_density_is_one_degree_wide(tmp_path):
    stimulus = Stimulus("a", trees.picture(tmp_path / "a.png"), fixations=at((10, 10)), pixels_per_degree=6.0)
    np.testing.assert_array_equal(stimulus.density(), stimulus.density(6.0))
    np.testing.assert_array_equal(stimulus.density(degrees=0.5), stimulus.density(3.0))
    with pytest.raises(DatasetError, match="not both"):
        stimulus.density(3.0, degrees=0.5)


def test_a_degree_may_be_a_part_of_the_longer_side(tmp_path):
    stimulus = Stimulus("a", trees.picture(tmp_path / "a.png", 20, 50), degree_of_longer_side=0.03)
    assert stimulus.pixels_per_degree == pytest.approx(1.5)


def test_without_degrees_the_density_asks_for_sigma(tmp_path):
    stimulus = Stimulus("a", trees.picture(tmp_path / "a.png"), fixations=at((3, 3)))
    with pytest.raises(DatasetError, match="give sigma in pixels"):
        stimulus.density()
    assert stimulus.density(2.0).sum() == pytest.approx(1)


def test_the_published_map_is_the_density_where_points_or_degrees_are_missing(tmp_path):
    path, map_path = trees.picture(tmp_path / "a.png"), trees.blob(tmp_path / "map.png")
    expected = np.asarray(Image.open(map_path), dtype=float)
    expected /= expected.sum()
    for stimulus in (
        Stimulus("a", path, map_path=map_path, pixels_per_degree=5.0),
        Stimulus("a", path, map_path=map_path, fixations=at((3, 3))),
        Stimulus("a", path, map_path=map_path, fixations=Fixations.none(), pixels_per_degree=5.0),
        Stimulus("a", path, map_path=map_path, fixations=at((-3, 99)), pixels_per_degree=5.0),
    ):
        np.testing.assert_allclose(stimulus.density(), expected, rtol=1e-12)
    both = Stimulus("a", path, map_path=map_path, fixations=at((3, 3)), pixels_per_degree=5.0)
    assert both.density().argmax() == 3 * 40 + 3
    assert np.unravel_index(both.published_density().argmax(), (30, 40)) == (20, 10)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.zeros((30, 40)), "0 everywhere"),
        (np.ones((20, 20)), r"20×20 pixels \(width × height\), its picture 40×30"),
        (np.full((30, 40), -1.0), "not negative"),
        (np.full((30, 40), np.nan), "finite"),
        (np.ones((30, 40, 3)), "rows and columns"),
        (np.array([["a"]]), "no array of numbers"),
    ],
)
def test_a_map_that_is_no_density_of_this_picture_is_refused(tmp_path, values, reason):
    np.save(tmp_path / "map.npy", values)
    stimulus = Stimulus("a", trees.picture(tmp_path / "a.png"), map_path=tmp_path / "map.npy")
    with pytest.raises(DatasetError, match=reason):
        stimulus.density()


def test_a_published_map_alone_cannot_be_blurred(tmp_path):
    trees.blob(tmp_path / "map.png")
    stimulus = Stimulus("a", trees.picture(tmp_path / "a.png"), map_path=tmp_path / "map.png")
    for width in ({"sigma": 3.0}, {"degrees": 1.0}):
        with pytest.raises(
            DatasetError, match="a: has a published map and no fixations that could be blurred"
        ):
            stimulus.density(**width)


@pytest.mark.parametrize("shape", [(30, 40), (15, 20)])
@pytest.mark.parametrize("factor", [1e-300, 1e300, 1e306])
def test_a_map_of_any_scale_is_the_same_density(tmp_path, shape, factor):
    values = np.random.default_rng(0).uniform(0.1, 1, shape)
    found = []
    for name, each in (("plain.npy", values), ("scaled.npy", values * factor)):
        np.save(tmp_path / name, each)
        stimulus = Stimulus("a", trees.picture(tmp_path / "a.png"), map_path=tmp_path / name)
        found.append(stimulus.published_density())
    np.testing.assert_allclose(*found, rtol=1e-6)
    assert found[1].sum() == pytest.approx(1)


@pytest.mark.parametrize("suffix", [".npy", ".tiff", ".png"])
def test_maps_keep_their_precision(tmp_path, suffix):
    values = np.random.default_rng(0).uniform(0.1, 1, (30, 40))
    path = tmp_path / f"map{suffix}"
    if suffix == ".npy":
        np.save(path, values)
    elif suffix == ".tiff":
        Image.fromarray(values.astype(np.float32)).save(path)
    else:
        Image.fromarray(np.round(values * 65535).astype(np.uint16)).save(path)
    stimulus = Stimulus("a", trees.picture(tmp_path / "a.png"), map_path=path)
    np.testing.assert_allclose(
        stimulus.density(), values / values.sum(), rtol=1e-3 if suffix == ".png" else 1e-6
    )


def turned_jpeg(path):
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[:15] = 255
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(path, exif=exif, quality=95)
    return path


def test_exif_orientation_does_not_count_in_published_sets(tmp_path):
    stimulus = Stimulus("a", turned_jpeg(tmp_path / "a.jpg"))
    assert (stimulus.width, stimulus.height) == (40, 30)
    picture = stimulus.picture()
    assert picture.shape == (30, 40, 3)
    assert picture[:10].mean() > 200 > 50 > picture[20:].mean()


def test_exif_orientation_counts_where_asked(tmp_path):
    stimulus = Stimulus("a", turned_jpeg(tmp_path / "a.jpg"), exif=True)
    assert (stimulus.width, stimulus.height) == (30, 40)
    assert stimulus.picture().shape == (40, 30, 3)


def test_a_turned_tiff_has_the_size_of_its_picture_whatever_pillow_does(tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "a.tiff", tiffinfo={274: 6})
    stimulus = Stimulus("a", tmp_path / "a.tiff", exif=True)
    assert stimulus.picture().shape == (stimulus.height, stimulus.width, 3) == (40, 30, 3)


def test_a_stimulus_travels_to_another_process_small_and_reads_there(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n" + "1,2\n" * 5000)
    stimulus = Stimulus(
        "a", trees.picture(tmp_path / "a.png"), fixations=partial(read_csv, tmp_path / "a.csv")
    )
    sent = pickle.dumps(stimulus)
    assert len(sent) < 1000
    back = pickle.loads(sent)  # noqa: S301
    assert (back.name, back.path, len(back.fixations)) == ("a", stimulus.path, 5000)


def test_select_keeps_the_order_asked_for_and_names_what_is_missing(tmp_path):
    dataset = Dataset("set", None, tuple(Stimulus(n, tmp_path / n) for n in "abc"))
    assert [s.name for s in dataset.select(["c", "a"])] == ["c", "a"]
    with pytest.raises(DatasetError, match=r"dataset set: 1 of 2 names are not in it, the first is 'z'"):
        dataset.select(["a", "z"])


def test_ten_thousand_stimuli_open_in_a_moment(tmp_path):
    from salgan.datasets import open_dataset

    for folder in ("images/train", "maps/train", "fixations/train"):
        (tmp_path / folder).mkdir(parents=True)
    for index in range(10_000):
        (tmp_path / f"images/train/COCO_train_{index:05d}.jpg").touch()
        (tmp_path / f"fixations/train/COCO_train_{index:05d}.mat").touch()
    start = time.perf_counter()
    dataset = open_dataset(tmp_path)
    assert time.perf_counter() - start < 10
    assert len(dataset) == 10_000
    assert all(stimulus.has_fixations for stimulus in dataset)
