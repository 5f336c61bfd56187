"""Intervals and p-values, against SciPy and against what they must be."""

import numpy as np
import pytest
from scipy import stats

from salgan.errors import MetricError
from salgan.evaluation.intervals import bootstrap_mean, permutation_p

VALUES = np.random.default_rng(3).gamma(2.0, 1.0, 80)


def test_bootstrap_agrees_with_scipy_within_resampling_error():
    ours = bootstrap_mean(VALUES, seed=1)
    theirs = stats.bootstrap(
        (VALUES,), np.mean, n_resamples=10_000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    error = VALUES.std() / np.sqrt(VALUES.size)
    assert ours.mean == VALUES.mean()
    assert abs(ours.low - theirs.low) < 0.1 * error
    assert abs(ours.high - theirs.high) < 0.1 * error


def test_the_interval_holds_the_true_mean_about_95_times_in_100():
    rng = np.random.default_rng(0)
    intervals = [bootstrap_mean(rng.normal(5, 2, 60), seed, resamples=1000) for seed in range(300)]
    held = sum(each.low <= 5 <= each.high for each in intervals)
    assert 268 <= held <= 297


def test_the_same_seed_gives_the_same_interval_and_another_one_another():
    assert bootstrap_mean(VALUES, 4) == bootstrap_mean(VALUES, 4)
    assert bootstrap_mean(VALUES, 4).low != bootstrap_mean(VALUES, 5).low


def test_undefined_scores_are_left_out_and_counted():
    with_gaps = np.concatenate([VALUES, [np.nan, np.nan]])
    assert bootstrap_mean(with_gaps) == bootstrap_mean(VALUES)
    assert bootstrap_mean(with_gaps).n == 80


def test_one_value_is_its_own_interval_and_none_is_nan():
    one = bootstrap_mean([0.7])
    assert (one.mean, one.low, one.high, one.n) == (0.7, 0.7, 0.7, 1)
    none = bootstrap_mean([np.nan])
    assert np.isnan(none.mean)
    assert none.n == 0
    assert np.isnan(permutation_p([]))


def test_infinite_scores_are_refused():
    with pytest.raises(MetricError, match="infinity"):
        bootstrap_mean([1, np.inf])


def test_few_differences_are_permuted_exactly_as_scipy_does():
    differences = np.random.default_rng(8).normal(0.4, 1, 10)
    theirs = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=False
    )
    assert permutation_p(differences) == pytest.approx(theirs.pvalue, abs=1e-12)


def test_many_differences_are_sampled_close_to_the_t_test():
    differences = np.random.default_rng(9).normal(0.25, 1, 90)
    assert permutation_p(differences) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.01)


def test_no_difference_has_p_1_and_p_is_never_0():
    assert permutation_p(np.zeros(50)) == 1
    assert permutation_p(np.ones(500)) == pytest.approx(1 / 10_001)


def test_p_values_are_uniform_where_nothing_differs():
    rng = np.random.default_rng(1)
    values = [permutation_p(rng.normal(0, 1, 30), seed, resamples=500) for seed in range(200)]
    assert stats.kstest(values, "uniform").pvalue > 0.01
