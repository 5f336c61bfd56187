"""Fixations become a density: Gaussians, boundary, normalisation."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from salgan.datasets.density import density, pixels
from salgan.errors import DatasetError


def blurred_counts(x, y, width, height, sigma, truncate):
    counts = np.zeros((height, width))
    for a, b in zip(x, y, strict=True):
        counts[round(b), round(a)] += 1
    blurred = gaussian_filter(counts, sigma, mode="constant", cval=0.0, truncate=truncate)
    return blurred / blurred.sum()


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 60), st.floats(0.4, 12), st.integers(1, 30)
)
def test_it_equals_scipys_gaussian_filter_of_the_counts_without_its_cut_tails(seed, width, height, sigma, n):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, width, n).astype(float), rng.integers(0, height, n).astype(float)
    ours = density(x, y, width, height, sigma)
    radius_over_all = (max(width, height) + 1) / sigma
    np.testing.assert_allclose(
        ours, blurred_counts(x, y, width, height, sigma, truncate=radius_over_all), rtol=1e-9, atol=1e-14
    )


def test_it_is_within_a_part_in_a_thousand_of_the_usual_filter_cut_at_four_sigma():
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 200, 50).astype(float), rng.integers(0, 100, 50).astype(float)
    usual = blurred_counts(x, y, 200, 100, 8.0, truncate=4.0)
    np.testing.assert_allclose(density(x, y, 200, 100, 8.0), usual, atol=1e-3 * usual.max())


def test_one_fixation_is_a_gaussian_of_that_sigma_around_its_pixel():
    out = density(np.array([50.0]), np.array([40.0]), 101, 81, 5.0)
    assert out.sum() == pytest.approx(1)
    assert np.unravel_index(out.argmax(), out.shape) == (40, 50)
    assert out[40, 55] / out[40, 50] == pytest.approx(np.exp(-0.5))
    variance = (out.sum(axis=0) * (np.arange(101) - 50) ** 2).sum()
    assert variance == pytest.approx(25, rel=1e-6)


def test_two_fixations_on_one_pixel_weigh_twice():
    out = density(np.array([10.0, 10.0, 90.0]), np.array([5.0, 5.0, 5.0]), 100, 11, 2.0)
    assert out[5, 10] / out[5, 90] == pytest.approx(2)


def test_what_falls_over_the_border_is_lost_not_reflected():
    out = density(np.array([0.0]), np.array([0.0]), 30, 30, 3.0)
    assert out.sum() == pytest.approx(1)
    assert (np.diff(out[0]) < 0).all()
    assert out[0, 3] / out[0, 0] == pytest.approx(np.exp(-0.5))


def test_fixations_outside_and_lost_ones_do_not_count():
    x, y = np.array([5.0, -0.6, 30.0, np.nan, 5.0]), np.array([5.0, 5.0, 5.0, 5.0, np.inf])
    np.testing.assert_array_equal(density(x, y, 30, 20, 2.0), density(x[:1], y[:1], 30, 20, 2.0))


def test_pixels_are_the_nearest_ones_and_the_border_is_half_a_pixel_out():
    x = np.array([-0.5, -0.51, 3.49, 3.5, 0.49, 0.5])
    column, row, inside = pixels(x, np.zeros(6), 4, 1)
    assert inside.tolist() == [True, False, True, False, True, True]
    assert column.tolist() == [0, 3, 0, 1]
    assert row.tolist() == [0, 0, 0, 0]


def test_a_picture_of_one_pixel_has_all_of_it():
    assert density(np.zeros(1), np.zeros(1), 1, 1, 24.0).tolist() == [[1.0]]


def test_it_is_positive_everywhere_within_reach_so_that_its_logarithm_exists():
    assert density(np.zeros(1), np.zeros(1), 200, 200, 10.0).min() > 0


@pytest.mark.parametrize("sigma", [0, -1.0, np.nan, np.inf])
def test_a_sigma_that_is_not_above_0_is_refused(sigma):
    with pytest.raises(DatasetError, match="must be above 0"):
        density(np.zeros(1), np.zeros(1), 5, 5, sigma)


def test_no_fixation_inside_is_an_error_not_a_division_by_zero():
    with pytest.raises(DatasetError, match="no fixation lies inside"):
        density(np.array([99.0]), np.array([1.0]), 5, 5, 1.0)


def test_the_largest_picture_takes_a_moment_only():
    rng = np.random.default_rng(0)
    start = time.perf_counter()
    out = density(rng.uniform(0, 3887, 90), rng.uniform(0, 2591, 90), 3888, 2592, 0.03 * 3888)
    assert out.shape == (2592, 3888)
    assert time.perf_counter() - start < 5
