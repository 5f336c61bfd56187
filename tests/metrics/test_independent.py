"""Our formulas against slow or independent computations of the same quantity."""

import itertools
import math

import numpy as np
import pytest
from PIL import Image
from scipy import optimize, stats

from salgan.metrics import auc_borji, auc_judd, cc, emd, ig, kld, nss, sauc, sim
from tests.metrics.cases import rebuild


@pytest.fixture(params=["00", "01", "02"])
def case(request):
    return rebuild(request.param)


def judd_in_plain_python(values: list[float], fixated: list[int]) -> float:
    """The toolbox's loop over the fixated values, highest first."""
    thresholds = sorted((values[i] for i in fixated), reverse=True)
    n, x, y = len(fixated), [0.0], [0.0]
    for rank, threshold in enumerate(thresholds, 1):
        x.append((sum(v >= threshold for v in values) - rank) / (len(values) - n))
        y.append(rank / n)
    x.append(1.0)
    y.append(1.0)
    return sum((x[i + 1] - x[i]) * (y[i + 1] + y[i]) / 2 for i in range(len(x) - 1))


def sampled_area(positives, draw_negatives, splits, thresholds):
    """The toolbox's way: random negatives, again and again; the mean area and its standard error."""
    areas = []
    for _ in range(splits):
        negatives = draw_negatives()
        tp = [0, *((positives >= t).mean() for t in thresholds), 1]
        fp = [0, *((negatives >= t).mean() for t in thresholds), 1]
        areas.append(sum((fp[i + 1] - fp[i]) * (tp[i + 1] + tp[i]) / 2 for i in range(len(tp) - 1)))
    return np.mean(areas), np.std(areas) / math.sqrt(splits)


def test_nss_is_the_mean_z_score(case):
    z = stats.zscore(case["saliency"], axis=None, ddof=1)
    assert nss(case["saliency"], case["fixations"]) == pytest.approx(z[case["fixations"]].mean(), rel=1e-10)


def test_cc_is_pearsons_r(case):
    r = stats.pearsonr(case["saliency"].ravel(), case["density"].ravel()).statistic
    assert cc(case["saliency"], case["density"]) == pytest.approx(r, rel=1e-9)


def test_sim_of_distributions_is_one_minus_total_variation():
    draw = np.random.default_rng(0)
    p, q = draw.random((2, 9, 7))
    p.flat[3] = q.flat[11] = 0  # min-max scaling then changes nothing but the scale
    variation = np.abs(p / p.sum() - q / q.sum()).sum() / 2
    assert sim(p, q) == pytest.approx(1 - variation, rel=1e-12)


def test_kld_is_the_relative_entropy_of_the_density():
    draw = np.random.default_rng(1)
    p, q = draw.random((2, 9, 7)) + 0.1
    assert kld(p, q) == pytest.approx(stats.entropy(q.ravel(), p.ravel()), rel=1e-9)


def test_ig_is_a_difference_of_mean_log_probabilities_in_bits():
    draw = np.random.default_rng(2)
    p, q = draw.random((2, 9, 7))
    p.flat[0] = q.flat[0] = 0
    looked = np.zeros((9, 7), bool)
    looked.flat[[5, 17, 40]] = True
    gain = np.log2(p[looked] / p.sum()).mean() - np.log2(q[looked] / q.sum()).mean()
    assert ig(p, looked, q) == pytest.approx(gain, rel=1e-9)


def test_auc_judd_follows_the_toolbox_loop(case):
    saliency, fixations = case["saliency"], case["fixations"]
    slow = judd_in_plain_python(saliency.ravel().tolist(), np.flatnonzero(fixations).tolist())
    assert auc_judd(saliency, fixations, ties="above") == pytest.approx(slow, rel=1e-12)


@pytest.mark.parametrize("values", [[0, 1, 1, 1, 2, 0], [0, 0, 1, 0, 0, 0], [3, 3, 3, 1, 1, 0]])
@pytest.mark.parametrize("fixated", [[0], [1, 2], [0, 3, 5], [0, 1, 2, 3, 4]])
def test_auc_judd_is_the_mean_over_all_orders_of_tied_pixels(values, fixated):
    orders = itertools.permutations(range(6))
    scores = [
        judd_in_plain_python([v + 0.01 * place for v, place in zip(values, o, strict=True)], fixated)
        for o in orders
    ]
    looked = np.zeros((2, 3), bool)
    looked.flat[fixated] = True
    assert auc_judd(np.reshape(values, (2, 3)), looked) == pytest.approx(np.mean(scores), rel=1e-12)


@pytest.mark.parametrize("step", [0.1, 0.01, 0.3])
def test_auc_borji_is_the_mean_of_random_splits(case, step):
    saliency, fixations = case["saliency"], case["fixations"]
    scaled = (saliency - saliency.min()) / np.ptp(saliency)
    draw = np.random.default_rng(3)
    thresholds = np.arange(int(1 / step + 1e-9), -1, -1) * step
    mean, error = sampled_area(
        scaled[fixations], lambda: draw.choice(scaled.ravel(), fixations.sum()), 400, thresholds
    )
    assert abs(auc_borji(saliency, fixations, step=step) - mean) < 5 * error


def test_sauc_is_the_mean_of_random_splits_without_replacement(case):
    saliency, fixations, others = case["saliency"], case["fixations"], case["other_fixations"]
    scaled = (saliency - saliency.min()) / np.ptp(saliency)
    draw = np.random.default_rng(4)
    mean, error = sampled_area(
        scaled[fixations],
        lambda: draw.choice(scaled[others], fixations.sum(), replace=False),
        400,
        np.arange(10, -1, -1) * 0.1,
    )
    assert abs(sauc(saliency, fixations, others) - mean) < 5 * error


def test_all_threshold_areas_are_mann_whitney_statistics(case):
    saliency, fixations, others = case["saliency"], case["fixations"], case["other_fixations"]
    for ours, negatives in (
        (auc_borji(saliency, fixations, step="all"), saliency.ravel()),
        (sauc(saliency, fixations, others, step="all"), saliency[others]),
    ):
        statistic = stats.mannwhitneyu(saliency[fixations], negatives).statistic
        assert ours == pytest.approx(statistic / (fixations.sum() * negatives.size), rel=1e-12)


def test_emd_is_the_optimum_of_the_transport_program():
    pytest.importorskip("ot")
    draw = np.random.default_rng(5)
    p, q = draw.random((2, 96, 64)) ** 3  # 3 × 2 cells
    a, b = (m.reshape(3, 32, 2, 32).mean((1, 3)).ravel() for m in (p, q))
    a, b = a / a.sum(), b / b.sum()
    places = list(itertools.product(range(3), range(2)))
    costs = [math.dist(u, v) for u in places for v in places]
    leaving = np.kron(np.eye(6), np.ones(6))
    arriving = np.kron(np.ones(6), np.eye(6))
    program = optimize.linprog(costs, A_eq=np.vstack([leaving, arriving]), b_eq=np.concatenate([a, b]))
    assert emd(p, q) == pytest.approx(program.fun, rel=1e-7)


@pytest.mark.parametrize("size", [(111, 77), (600, 800), (33, 100), (5, 500)])
def test_emd_cells_average_areas_as_pillow_does(size):
    ot = pytest.importorskip("ot")
    draw = np.random.default_rng(6)
    maps = draw.random((2, *size)) ** 4
    rows, columns = (math.ceil(side / 32) for side in size)
    cells = [
        np.asarray(Image.fromarray(m.astype(np.float32)).resize((columns, rows), Image.Resampling.BOX), float)
        for m in maps
    ]
    places = np.argwhere(np.ones((rows, columns)))
    costs = np.linalg.norm(places[:, None] - places, axis=-1)
    expected = ot.emd2(*((c / c.sum()).ravel() for c in cells), costs)
    assert emd(*maps) == pytest.approx(expected, abs=1e-5)
