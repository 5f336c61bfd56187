"""The center bias, and the fixations of other pictures."""

import numpy as np
import pytest

from salgan.datasets import Fixations, Stimulus, open_dataset
from salgan.errors import DatasetError
from salgan.evaluation.center_bias import GRID, CenterBias, counts
from salgan.evaluation.ground_truth import Gaze, marked, relative, seeded


def gaussian_places(pictures, each, sigma=0.12, seed=0):
    rng = np.random.default_rng(seed)
    return [np.clip(rng.normal([0.5, 0.4], sigma, (each, 2)), 0, 0.999) for _ in range(pictures)]


def test_it_finds_the_density_that_fixations_were_drawn_from():
    bias = CenterBias.fit(gaussian_places(100, 60), "test").density(120, 160)
    y, x = np.mgrid[:120, :160]
    true = np.exp(-(((x + 0.5) / 160 - 0.5) ** 2 + ((y + 0.5) / 120 - 0.4) ** 2) / (2 * 0.12**2))
    assert np.corrcoef(bias.ravel(), true.ravel())[0, 1] > 0.99
    assert bias.sum() == pytest.approx(1)
    assert bias.min() > 0


def test_more_fixations_allow_a_narrower_gaussian():
    few = CenterBias.fit(gaussian_places(5, 4), "test")
    many = CenterBias.fit(gaussian_places(400, 100), "test")
    assert many.sigma < few.sigma
    assert (many.pictures, many.fixations) == (400, 40_000)


def test_leaving_a_picture_out_equals_never_having_seen_it():
    places = gaussian_places(6, 20)
    left = CenterBias.fit(places, "test").without(places[2])
    np.testing.assert_array_equal(left.grid, sum(counts(one) for n, one in enumerate(places) if n != 2))
    assert (left.pictures, left.fixations) == (5, 100)


def test_mass_at_the_border_stays_in_the_picture():
    corner = CenterBias.fit([np.zeros((10, 2)), np.zeros((10, 2))], "test").density(*GRID)
    assert corner[:96, :128].sum() > 0.99


def test_a_set_without_fixations_has_no_center_bias():
    with pytest.raises(DatasetError, match="no fixations"):
        CenterBias.fit([np.empty((0, 2))], "training part")


def test_relative_places_leave_out_what_lies_outside(tmp_path):
    from PIL import Image

    Image.new("RGB", (40, 20)).save(tmp_path / "a.png")
    found = relative(Stimulus("a", tmp_path / "a.png", fixations=Fixations([0, 39, 40, 5], [0, 19, 3, -2])))
    np.testing.assert_allclose(found, [[0.5 / 40, 0.5 / 20], [39.5 / 40, 19.5 / 20]])


def test_relative_places_land_on_the_pixel_they_came_from(made_up):
    for stimulus in open_dataset(made_up).stimuli[:3]:
        again = marked(relative(stimulus), stimulus.height, stimulus.width)
        np.testing.assert_array_equal(again, stimulus.fixation_map())


def test_places_scale_with_the_picture():
    pixels = marked(np.array([[0.5, 0.25], [0.999, 0.999]]), 40, 80)
    assert {tuple(each) for each in np.argwhere(pixels)} == {(10, 40), (39, 79)}


def test_others_are_never_the_picture_itself_nor_unseen_ones(tmp_path):
    places = [np.full((3, 2), number / 10) for number in range(6)]
    places[4] = np.empty((0, 2))
    gaze = Gaze.write(places, tmp_path)
    drawn = set()
    for draw in range(40):
        found, pictures = gaze.others(2, 3, seeded(draw, "others"))
        assert pictures == 3
        assert len(found) == 9
        drawn |= set(np.unique(found[:, 0]).tolist())
    assert drawn == {0.0, 0.1, 0.3, 0.5}
    assert gaze.others(2, 10, seeded(0))[1] == 4


def test_draws_depend_on_seed_and_name_alone():
    assert seeded(1, "a").integers(1 << 30) == seeded(1, "a").integers(1 << 30)
    assert seeded(1, "a").integers(1 << 30) != seeded(1, "b").integers(1 << 30)
    assert seeded(1, "a").integers(1 << 30) != seeded(2, "a").integers(1 << 30)
