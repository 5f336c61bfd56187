"""Means over runs and pictures: the interval covers what it promises, and says what it rests on."""

import numpy as np
import pytest

from salgan.errors import MetricError
from salgan.evaluation.runs import mean_over_folds, mean_over_runs


def made_up(rng, runs, pictures, of_runs, of_pictures, rest, mean=0.0):
    """Scores of known mean and variances."""
    return (
        mean
        + of_runs * rng.normal(size=(runs, 1))
        + of_pictures * rng.normal(size=pictures)
        + rest * rng.normal(size=(runs, pictures))
    )


def coverage(interval, runs, of_runs, of_pictures, times=400, pictures=60):
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(times):
        low, high = interval(made_up(rng, runs, pictures, of_runs, of_pictures, 0.5, mean=0.3))
        inside += low <= 0.3 <= high
    return inside / times


def crossed(table):
    found = mean_over_runs(table)
    return found.low, found.high


def over_pictures_alone(table):
    means = table.mean(axis=0)
    half = 1.96 * means.std(ddof=1) / np.sqrt(means.size)
    return means.mean() - half, means.mean() + half


@pytest.mark.parametrize("runs", [2, 3, 5])
@pytest.mark.parametrize(("of_runs", "of_pictures"), [(0.0, 1.0), (0.2, 1.0), (1.0, 0.5)])
def test_a_95_percent_interval_covers_the_mean_at_least_95_times_in_100(runs, of_runs, of_pictures):
    # Three standard errors of a share near .95 in 400 draws are .03.
    assert 0.92 <= coverage(crossed, runs, of_runs, of_pictures) <= 0.995


def test_an_interval_over_pictures_alone_would_not():
    assert coverage(over_pictures_alone, 3, 0.2, 1.0) < 0.88
    assert coverage(over_pictures_alone, 3, 1.0, 0.5) < 0.3


def test_without_differences_between_runs_it_is_hardly_wider_than_over_pictures():
    rng = np.random.default_rng(1)
    widths = []
    for _ in range(50):
        table = made_up(rng, 5, 200, 0.0, 1.0, 0.3)
        (low, high), (left, right) = crossed(table), over_pictures_alone(table)
        widths.append((high - low) / (right - left))
    assert 0.97 < np.mean(widths) < 1.05


def test_it_gives_mean_and_spread_over_runs():
    table = np.array([[1.0, 2.0, 3.0], [2.0, 3.0, 4.0], [0.0, 1.0, 5.0]])
    found = mean_over_runs(table)
    assert found.each == (2.0, 3.0, 2.0)
    assert found.mean == pytest.approx(7 / 3)
    assert found.spread == pytest.approx(np.std([2, 3, 2], ddof=1))
    assert (found.runs, found.n) == (3, 3)
    assert found.low < found.mean < found.high


def test_the_interval_by_hand():
    # Two runs, two pictures: mean squares 0.25 (runs), 4.0 (pictures) and 0.25 (rest).
    from scipy.special import stdtr, stdtrit

    table = np.array([[0.0, 2.5], [1.0, 2.5]])
    mean = 1.5
    between_runs, between_pictures, within = 0.25, 4.0, 0.25
    of_runs, of_pictures = between_runs / 4, (between_pictures - within) / 4
    quantile = stdtrit(1, 0.975)  # one degree of freedom in both
    half = quantile * np.sqrt(of_runs + of_pictures)
    found = mean_over_runs(table)
    assert (found.low, found.high) == pytest.approx((mean - half, mean + half))
    assert found.p == pytest.approx(2 * stdtr(1, -mean / np.sqrt(of_runs + of_pictures)))


def test_p_is_where_the_interval_just_reaches_zero():
    rng = np.random.default_rng(3)
    below = [mean_over_runs(made_up(rng, 3, 40, 0.2, 1.0, 0.5, mean=0.3)) for _ in range(60)]
    for found in below:
        assert (found.p < 0.05) == (found.low > 0 or found.high < 0)
    assert 0 < sum(found.p < 0.05 for found in below) < 60


def test_pictures_that_lack_a_score_in_any_run_are_left_out():
    table = np.array([[1.0, np.nan, 3.0, 2.0], [2.0, 1.0, 4.0, 2.5]])
    assert mean_over_runs(table) == mean_over_runs(table[:, [0, 2, 3]])
    nothing = mean_over_runs(np.full((2, 3), np.nan))
    assert np.isnan(nothing.mean) and nothing.n == 0 and nothing.runs == 2


def test_equal_scores_have_an_interval_of_no_width():
    found = mean_over_runs(np.full((3, 4), 0.5))
    assert (found.low, found.high, found.spread, found.p) == (0.5, 0.5, 0.0, 0.0)
    assert mean_over_runs(np.zeros((3, 4))).p == 1


def test_one_run_or_infinite_scores_are_refused():
    with pytest.raises(MetricError, match="at least two runs"):
        mean_over_runs([[1.0, 2.0]])
    with pytest.raises(MetricError, match="infinity"):
        mean_over_runs([[1.0, np.inf], [1.0, 2.0]])


# Cross-validation: pictures nested in the networks of their folds


@pytest.mark.parametrize("folds", [3, 5, 10])
@pytest.mark.parametrize("of_networks", [0.0, 0.3, 1.0])
def test_an_interval_over_folds_covers_the_mean_95_times_in_100(folds, of_networks):
    rng = np.random.default_rng(0)
    fold = np.arange(62) % folds  # some folds have a picture more
    inside = 0
    for _ in range(400):
        scores = 0.3 + of_networks * rng.normal(size=folds)[fold] + rng.normal(size=fold.size)
        found = mean_over_folds(scores, fold)
        inside += found.low <= 0.3 <= found.high
    assert 0.92 <= inside / 400 <= 0.98


def test_an_interval_over_folds_by_hand():
    from scipy.special import stdtr, stdtrit

    found = mean_over_folds([1.0, 3.0, 4.0, 6.0, np.nan], [0, 0, 1, 1, 1])
    # Folds' means 2 and 5, the mean 3.5: the variance of the mean is that of two means, 4.5 / 2.
    half = stdtrit(1, 0.975) * np.sqrt(4.5 / 2)
    assert (found.mean, found.low, found.high) == pytest.approx((3.5, 3.5 - half, 3.5 + half))
    assert found.p == pytest.approx(2 * stdtr(1, -3.5 / np.sqrt(4.5 / 2)))
    assert (found.each, found.runs, found.n) == ((2.0, 5.0), 2, 4)


@pytest.mark.parametrize(
    ("values", "folds", "reason"),
    [
        ([1.0, 2.0], [0, 0], "1 folds"),
        ([1.0, np.nan], [0, 1], "1 folds"),
        ([1.0, np.inf], [0, 1], "infinity"),
        ([1.0, 2.0], [0], "one number per picture"),
    ],
)
def test_an_interval_over_folds_needs_scores_in_two(values, folds, reason):
    with pytest.raises(MetricError, match=reason):
        mean_over_folds(values, folds)
