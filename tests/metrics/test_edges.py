"""Behaviour where a metric is undefined, or its input is not what it should be."""

import sys
import warnings

import numpy as np
import pytest

from salgan.errors import MetricError, MissingExtraError, SalganError
from salgan.metrics import METRICS, auc_borji, auc_judd, cc, emd, ig, kld, nss, sauc, score, sim

DRAW = np.random.default_rng(0)
SALIENCY = DRAW.random((6, 8))
DENSITY = DRAW.random((6, 8))
FIXATIONS = np.zeros((6, 8), bool)
FIXATIONS[[0, 2, 5], [1, 7, 3]] = True
OTHERS = np.zeros((6, 8), bool)
OTHERS[[1, 4], [1, 7]] = True
GOOD = {
    "saliency": SALIENCY,
    "fixations": FIXATIONS,
    "density": DENSITY,
    "other_fixations": OTHERS,
    "baseline": DENSITY,
}
WITH_POINTS = [name for name, metric in METRICS.items() if "fixations" in metric.needs]
WITH_DENSITY = [name for name, metric in METRICS.items() if "density" in metric.needs]


def compute(name: str, **changed: object) -> float:
    """One metric on good inputs, but for those named; no arithmetic may warn."""
    if name == "emd":
        pytest.importorskip("ot")
    inputs = GOOD | changed
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        metric = METRICS[name]
        return metric.function(inputs["saliency"], *(inputs[need] for need in metric.needs))


def points(*places: int) -> np.ndarray:
    looked = np.zeros(48, bool)
    looked[list(places)] = True
    return looked.reshape(6, 8)


@pytest.mark.parametrize("name", WITH_POINTS)
def test_no_fixation_is_an_error_that_says_to_leave_the_picture_out(name):
    with pytest.raises(MetricError, match=r"fixations marks no pixel.*leave this picture out"):
        compute(name, fixations=points())


def test_no_fixation_elsewhere_is_an_error():
    with pytest.raises(MetricError, match="other_fixations marks no pixel"):
        compute("sauc", other_fixations=points())


@pytest.mark.parametrize("name", WITH_DENSITY)
def test_a_density_that_is_zero_everywhere_is_an_error(name):
    with pytest.raises(MetricError, match="made from no fixation"):
        compute(name, density=np.zeros((6, 8)))


def test_one_fixation_is_scored_by_its_own_value():
    saliency = np.arange(48.0).reshape(6, 8)
    z = (40 - 23.5) / saliency.std(ddof=1)
    assert nss(saliency, points(40)) == pytest.approx(z)
    assert auc_judd(saliency, points(40)) == pytest.approx(1 - (7 / 47) / 2)  # trapezoid from (0, 0)
    assert auc_borji(saliency, points(40), step="all") == pytest.approx(40.5 / 48)
    assert sauc(saliency, points(40), points(10, 20, 41, 42)) == pytest.approx(
        0.75
    )  # 0.8 <= both sides of it
    assert ig(saliency, points(40), np.ones((6, 8))) == pytest.approx(np.log2(40 / saliency.sum() * 48))


def test_all_pixels_fixated():
    everywhere = np.ones((6, 8), bool)
    assert nss(SALIENCY, everywhere) == pytest.approx(0, abs=1e-14)
    assert auc_borji(SALIENCY, everywhere) == pytest.approx(0.5)
    assert auc_borji(SALIENCY, everywhere, step="all") == pytest.approx(0.5)
    assert np.isfinite(sauc(SALIENCY, everywhere, OTHERS))
    assert np.isfinite(ig(SALIENCY, everywhere, DENSITY))
    with pytest.raises(MetricError, match="all pixels are fixated"):
        auc_judd(SALIENCY, everywhere)


@pytest.mark.parametrize("level", [0.0, 0.1, 255.0])
@pytest.mark.parametrize(
    ("name", "chance"),
    [("nss", 0), ("cc", 0), ("auc_judd", 0.5), ("auc_borji", 0.5), ("sauc", 0.5)],
)
def test_a_flat_map_scores_chance(name, chance, level):
    assert compute(name, saliency=np.full((6, 8), level)) == chance


@pytest.mark.parametrize("level", [0.0, 0.1, 255.0])
def test_a_flat_map_counts_as_the_uniform_distribution(level):
    flat = np.full((6, 8), level)
    p = DENSITY / DENSITY.sum()
    scaled = (DENSITY - DENSITY.min()) / (DENSITY - DENSITY.min()).sum()
    assert compute("kld", saliency=flat) == pytest.approx((p * np.log(p * 48)).sum())
    assert compute("sim", saliency=flat) == pytest.approx(np.minimum(scaled, 1 / 48).sum())
    assert compute("ig", saliency=flat) == pytest.approx(-np.log2(scaled[FIXATIONS] * 48).mean())
    assert compute("ig", saliency=DENSITY, baseline=flat) == -compute("ig", saliency=flat)
    assert compute("emd", saliency=flat) == 0  # one cell


def test_a_flat_map_scores_chance_in_every_variant():
    flat = np.full((6, 8), 3)
    assert auc_judd(flat, FIXATIONS, jitter=True) == auc_judd(flat, FIXATIONS, ties="above") == 0.5
    assert auc_borji(flat, FIXATIONS, step="all") == sauc(flat, FIXATIONS, OTHERS, step=0.01) == 0.5


def test_a_flat_density_says_nothing_about_correlation():
    assert compute("cc", density=np.full((6, 8), 0.3)) == 0
    assert compute("kld", saliency=np.ones((6, 8)), density=np.full((6, 8), 0.3)) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", METRICS)
def test_nan_and_infinity_are_errors(name, bad):
    broken = SALIENCY.copy()
    broken[1, 1] = bad
    with pytest.raises(MetricError, match="saliency has 1 of 48 values that are NaN, infinite"):
        compute(name, saliency=broken)
    for need in {"density", "baseline"} & set(METRICS[name].needs):
        with pytest.raises(MetricError, match=f"{need} has 1 of 48 values"):
            compute(name, **{need: broken})


def test_nan_among_fixations_is_an_error():
    with pytest.raises(MetricError, match="fixations holds NaN or infinity"):
        nss(SALIENCY, np.where(FIXATIONS, np.nan, 0))


@pytest.mark.parametrize("name", METRICS)
def test_another_size_is_an_error_that_says_what_to_resize(name):
    with pytest.raises(MetricError, match=r"6×8 but saliency is 12×16.*resize saliency to 6×8"):
        compute(name, saliency=np.ones((12, 16)))


def test_a_baseline_of_another_size_is_an_error_of_its_own():
    with pytest.raises(MetricError, match="resize baseline to the size of saliency"):
        compute("ig", baseline=np.ones((3, 3)))


def test_coordinates_in_place_of_a_fixation_map_are_answered_as_such():
    with pytest.raises(MetricError, match=r"if these are coordinates.*array\[y, x\] = 1"):
        nss(SALIENCY, np.array([[3, 4], [1, 2], [0, 0]]))


@pytest.mark.parametrize("name", WITH_POINTS)
@pytest.mark.parametrize("scale", [1, 255, 0.004])
def test_a_blurred_map_where_points_are_needed_is_an_error_that_says_so(name, scale):
    with pytest.raises(MetricError, match=r"must be points.*for a blurred map pass the fixated pixels"):
        compute(name, fixations=DENSITY / DENSITY.max() * scale)


def test_a_blurred_8_bit_map_or_counts_where_points_are_needed_are_errors():
    blurred = np.linspace(0, 255, 48).astype(np.uint8).reshape(6, 8)
    with pytest.raises(MetricError, match="must be points"):
        sauc(SALIENCY, FIXATIONS, blurred)
    with pytest.raises(MetricError, match="for counts pass counts > 0"):
        nss(SALIENCY, FIXATIONS * 1 + points(1))
    with pytest.raises(MetricError, match="must be points"):
        nss(SALIENCY, FIXATIONS * -1.0)


@pytest.mark.parametrize("name", WITH_POINTS)
def test_points_may_be_bool_or_0_and_1_or_0_and_255(name):
    expected = compute(name)
    for dtype, mark in ((np.uint8, 1), (np.uint8, 255), (np.int64, 255), (np.float32, 1), (np.float64, 255)):
        assert compute(name, fixations=FIXATIONS.astype(dtype) * dtype(mark)) == expected


@pytest.mark.parametrize("shape", [(48,), (6, 8, 1), (1, 6, 8), (0, 8), ()])
@pytest.mark.parametrize("name", METRICS)
def test_other_shapes_than_rows_by_columns_are_errors(name, shape):
    with pytest.raises(MetricError, match=r"saliency must be one \(H, W\) array"):
        compute(name, saliency=np.ones(shape))
    first = METRICS[name].needs[0]
    with pytest.raises(MetricError, match=rf"{first} must be one \(H, W\) array"):
        compute(name, **{first: np.ones(shape)})


@pytest.mark.parametrize("values", [np.full((6, 8), "a"), np.ones((6, 8), complex), np.full((6, 8), None)])
def test_values_that_are_no_real_numbers_are_errors(values):
    with pytest.raises(MetricError, match="must hold real numbers"):
        nss(values, FIXATIONS)


@pytest.mark.parametrize("name", ["kld", "emd"])
def test_negative_values_are_no_distribution(name):
    with pytest.raises(MetricError, match=r"saliency has negative values \(lowest -0.2\).*np.exp"):
        compute(name, saliency=np.where(FIXATIONS, -0.2, SALIENCY))
    with pytest.raises(MetricError, match="density has negative values"):
        compute(name, density=-DENSITY)


def test_a_picture_of_one_pixel():
    one, looked = [[0.7]], [[1]]
    assert nss(one, looked) == cc(one, one) == kld(one, one) == 0
    assert sim(one, one) == 1
    assert ig(one, looked, one) == 0
    assert auc_borji(one, looked) == sauc(one, looked, looked) == 0.5


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float16, np.float32, np.float64])
def test_any_real_type_gives_the_score_of_its_values(dtype):
    saliency = (SALIENCY * 200).astype(dtype)
    for name in METRICS:
        assert compute(name, saliency=saliency) == compute(name, saliency=saliency.astype(np.float64))


def test_arguments_are_left_as_they_were():
    before = {name: array.copy() for name, array in GOOD.items()}
    for name in METRICS:
        compute(name)
    for name, array in GOOD.items():
        assert (array == before[name]).all()


def test_memory_layout_changes_no_score():
    turned = {name: np.asfortranarray(array) for name, array in GOOD.items()}
    for name in METRICS:
        assert compute(name, **turned) == compute(name)


@pytest.mark.parametrize("low", [1e-300, 5e-324, 1e90])
def test_extreme_scales_give_finite_scores_or_an_error(low):
    saliency = np.where(FIXATIONS, low, 0.0)
    for name in METRICS:
        inputs = GOOD | {"saliency": saliency}
        assert np.isfinite(METRICS[name].function(saliency, *(inputs[n] for n in METRICS[name].needs)))
    with pytest.raises(MetricError, match="beyond 1e100"):
        nss(saliency + 1e101, FIXATIONS)


def test_emd_of_a_very_large_picture_is_refused_before_memory_runs_out():
    large = np.broadcast_to(np.float32(1), (4000, 5000))
    with pytest.raises(MetricError, match=r"19625 cells.*resize both maps, for example to 2000×2500"):
        emd(large, large)


def test_emd_without_its_library_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'salgan\[eval\]'"):
        emd(SALIENCY, DENSITY)


@pytest.mark.parametrize("step", [0, -0.1, 1.5, 1e-9, np.nan, "fine", None])
def test_a_step_that_makes_no_sense_is_an_error(step):
    with pytest.raises(MetricError, match="step must be a number"):
        auc_borji(SALIENCY, FIXATIONS, step=step)
    with pytest.raises(MetricError, match="step must be a number"):
        sauc(SALIENCY, FIXATIONS, OTHERS, step=step)


def test_unknown_ties_are_an_error():
    with pytest.raises(MetricError, match=r'ties must be "expected".*jitter=True'):
        auc_judd(SALIENCY, FIXATIONS, ties="half")


def test_every_error_is_one_line_and_a_salgan_error():
    for wrong in ({"fixations": DENSITY}, {"fixations": points()}, {"saliency": np.ones((3, 3, 3))}, {}):
        with pytest.raises(SalganError) as caught:
            score(**({"saliency": SALIENCY} | wrong))
        assert "\n" not in str(caught.value)
