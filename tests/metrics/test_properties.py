"""What must hold for every map, searched for counterexamples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from salgan.metrics import auc_borji, auc_judd, cc, emd, ig, kld, nss, sauc, sim

SIZES = st.tuples(st.integers(1, 7), st.integers(2, 7))
WEIGHTS = st.integers(0, 9) | st.floats(0, 1, width=32)  # whole numbers bring ties


@st.composite
def pictures(draw, points=1):
    """A saliency map, a density, and sets of some but not all pixels, of one size."""
    size = draw(SIZES)
    pixels = size[0] * size[1]
    saliency = draw(arrays.arrays(float, size, elements=WEIGHTS))
    density = draw(arrays.arrays(float, size, elements=WEIGHTS))
    density.flat[draw(st.integers(0, pixels - 1))] += 1
    chosen = []
    for _ in range(points):
        looked = np.zeros(size, bool)
        looked.flat[draw(st.sets(st.integers(0, pixels - 1), min_size=1, max_size=pixels - 1).map(list))] = (
            True
        )
        chosen.append(looked)
    return saliency, density, *chosen


@given(pictures(points=2))
def test_scores_stay_in_their_ranges(picture):
    saliency, density, looked, others = picture
    assert 0 <= sim(saliency, density) <= 1
    assert kld(saliency, density) >= 0
    assert -1 <= cc(saliency, density) <= 1
    for value in (
        auc_judd(saliency, looked),
        auc_borji(saliency, looked),
        auc_borji(saliency, looked, step="all"),
        sauc(saliency, looked, others),
        sauc(saliency, looked, others, step="all"),
    ):
        assert 0 <= value <= 1
    assert np.isfinite([nss(saliency, looked), ig(saliency, looked, density)]).all()


@given(pictures(points=2), st.randoms(use_true_random=False))
def test_increasing_maps_of_the_values_leave_rank_scores_unchanged(picture, random):
    saliency, _, looked, others = picture
    levels, rank = np.unique(saliency, return_inverse=True)
    increasing = np.cumsum([random.uniform(0.1, 5) for _ in levels]) - 3
    changed = increasing[rank].reshape(saliency.shape)
    assert auc_judd(changed, looked) == auc_judd(saliency, looked)
    assert auc_judd(changed, looked, ties="above") == auc_judd(saliency, looked, ties="above")
    assert auc_borji(changed, looked, step="all") == auc_borji(saliency, looked, step="all")
    assert sauc(changed, looked, others, step="all") == sauc(saliency, looked, others, step="all")


@given(pictures(), st.floats(0.01, 100), st.floats(-10, 10))
def test_affine_maps_leave_nss_and_cc_unchanged_and_a_negative_one_turns_them(picture, scale, shift):
    saliency, density, looked = picture
    saliency = np.round(saliency, 3)  # so that adding a shift cannot swallow the contrast
    changed = scale * saliency + shift
    assert nss(changed, looked) == pytest.approx(nss(saliency, looked), rel=1e-6, abs=1e-6)
    assert cc(changed, density) == pytest.approx(cc(saliency, density), rel=1e-6, abs=1e-6)
    assert cc(scale * density + shift, density) == pytest.approx(1 if np.ptp(density) else 0)
    assert nss(-changed, looked) == pytest.approx(-nss(saliency, looked), rel=1e-6, abs=1e-6)
    assert cc(-changed, density) == pytest.approx(-cc(saliency, density), rel=1e-6, abs=1e-6)


@given(pictures(), st.floats(1e-6, 1e6))
def test_the_scale_of_a_map_changes_no_score(picture, scale):
    saliency, density, looked = picture
    saliency = np.round(saliency, 3)
    for metric, *rest in ((sim, density), (kld, density), (ig, looked, density), (auc_judd, looked)):
        assert metric(saliency * scale, *rest) == pytest.approx(metric(saliency, *rest), rel=1e-9, abs=1e-9)


@given(pictures(points=2), st.randoms(use_true_random=False))
def test_moving_the_pixels_of_all_inputs_alike_changes_nothing(picture, random):
    order = list(range(picture[0].size))
    random.shuffle(order)
    moved = [array.ravel()[order].reshape(array.shape) for array in picture]
    for metric, inputs in (
        (cc, (0, 1)),
        (sim, (0, 1)),
        (kld, (0, 1)),
        (nss, (0, 2)),
        (ig, (0, 2, 1)),
        (auc_judd, (0, 2)),
        (auc_borji, (0, 2)),
        (sauc, (0, 2, 3)),
    ):
        before, after = (metric(*(sides[i] for i in inputs)) for sides in (picture, moved))
        assert after == pytest.approx(before, rel=1e-9, abs=1e-9)


@given(pictures())
def test_a_perfect_map_is_best(picture):
    saliency, density, looked = picture
    assert sim(density, density) == pytest.approx(1)
    assert kld(density, density) == pytest.approx(0, abs=1e-12)
    assert cc(density, density) == pytest.approx(1 if np.ptp(density) else 0)
    assert auc_judd(looked, looked) == 1

    assert nss(looked, looked) >= nss(saliency, looked) - 1e-9
    assert ig(looked, looked, density) >= ig(saliency, looked, density) - 1e-9
    for step in (0.1, "all"):
        best = auc_borji(looked, looked, step=step)
        assert best == pytest.approx(1 - looked.mean() / 2)  # fixated pixels are among all pixels
        assert best >= auc_borji(saliency, looked, step=step) - 1e-9
    others = ~looked
    assert sauc(looked, looked, others) == 1


@given(pictures())
def test_turning_a_map_over_turns_its_rank_score_about_one_half(picture):
    saliency, _, looked = picture
    ahead = auc_borji(saliency, looked, step="all")
    assert auc_borji(-saliency, looked, step="all") == pytest.approx(1 - ahead)


def test_a_map_without_information_scores_chance_on_average():
    draw = np.random.default_rng(0)
    looked = np.zeros((30, 40), bool)
    looked.flat[draw.choice(1200, 40, replace=False)] = True
    others = np.zeros((30, 40), bool)
    others.flat[draw.choice(1200, 300, replace=False)] = True
    noise = [draw.random((30, 40)) for _ in range(300)]
    for scores, chance in (
        ([auc_borji(m, looked) for m in noise], 0.5),
        ([auc_borji(m, looked, step="all") for m in noise], 0.5),
        ([sauc(m, looked, others) for m in noise], 0.5),
        ([sauc(m, looked, others, step="all") for m in noise], 0.5),
        ([auc_judd(m, looked) for m in noise], 0.5 + 1 / (2 * 41)),  # the toolbox's trapezoid lies above
        ([nss(m, looked) for m in noise], 0),
    ):
        assert abs(np.mean(scores) - chance) < 4 * np.std(scores) / np.sqrt(300)


@settings(max_examples=25)
@given(st.integers(1, 4), st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_emd_is_a_distance(rows, columns, seed):
    pytest.importorskip("ot")
    p, q, r = np.random.default_rng(seed).random((3, 32 * rows, 32 * columns)) ** 5
    assert emd(p, p) == pytest.approx(0, abs=1e-12)
    assert emd(p, q) == pytest.approx(emd(q, p), rel=1e-9)
    assert emd(p, q) <= emd(p, r) + emd(r, q) + 1e-9


@pytest.mark.parametrize("shift", [1, 3, 5])
def test_emd_grows_with_the_way_that_mass_must_go(shift):
    pytest.importorskip("ot")
    p = np.zeros((64, 256))
    p[:32, :32] = 1
    assert emd(p, np.roll(p, 32 * shift, axis=1)) == pytest.approx(shift)
    assert emd(7 * p, np.roll(p, 32 * shift, axis=1)) == pytest.approx(shift)
