"""Our scores against those of the MIT saliency benchmark toolbox, run under GNU Octave."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from salgan.metrics import METRICS, auc_judd, emd, score
from tests.metrics.cases import INPUTS, SCORES, rebuild

REAL = [f"{number:02d}" for number in range(16)]
EXACT = ("nss", "cc", "sim", "ig")
SAMPLED = ("auc_borji", "sauc")


def close(ours: float, toolbox: float) -> bool:
    # ig of the center prior against itself is a difference of roundings near 1e-9: hence the absolute term.
    return ours == pytest.approx(toolbox, rel=1e-9, abs=1e-12)


def has_ties(case: dict[str, np.ndarray]) -> bool:
    """Whether a fixated value occurs at another pixel too."""
    values, counts = np.unique(case["saliency"], return_counts=True)
    return bool((counts[np.isin(values, case["saliency"][case["fixations"]])] > 1).any())


def check_case(case: dict[str, np.ndarray], toolbox: dict[str, float]) -> None:
    """What must hold for every case, made up or real."""
    names = [*EXACT, *SAMPLED, "auc_judd"] + (["kld"] if toolbox["kld"] is not None else [])
    ours = score(**{key: case[key] for key in INPUTS}, metrics=names)
    for name in names:
        if name in SAMPLED:
            assert abs(ours[name] - toolbox[name]) <= max(5 * toolbox[f"{name}_se"], 0.005), name
        elif name != "auc_judd":
            assert close(ours[name], toolbox[name]), name

    saliency, fixations = case["saliency"], case["fixations"]
    assert close(auc_judd(saliency, fixations, ties="above"), toolbox["auc_judd"])
    if has_ties(case):
        # What the toolbox's jitter does to ties on average is what our default returns.
        assert abs(ours["auc_judd"] - toolbox["auc_judd_jitter"]) <= 5 * toolbox["auc_judd_jitter_se"]
    else:
        assert close(ours["auc_judd"], toolbox["auc_judd"])


@pytest.mark.parametrize("name", SCORES)
def test_made_up_pictures_score_as_in_the_toolbox(name):
    check_case(rebuild(name), SCORES[name])


def test_the_made_up_pictures_include_ties_and_negative_values():
    cases = [rebuild(name) for name in SCORES]
    assert sum(map(has_ties, cases)) >= 5
    assert sum(case["saliency"].min() < 0 for case in cases) == 2


@pytest.mark.parametrize("name", ["01", "03", "06"])
def test_the_jittered_form_scores_as_the_jittered_toolbox(name):
    case = rebuild(name)
    runs = [auc_judd(case["saliency"], case["fixations"], jitter=True, seed=seed) for seed in range(40)]
    error = np.hypot(np.std(runs, ddof=1) / np.sqrt(len(runs)), SCORES[name]["auc_judd_jitter_se"])
    assert abs(np.mean(runs) - SCORES[name]["auc_judd_jitter"]) <= 4 * error


@cache
def real_scores(folder: Path) -> dict[str, dict[str, float]]:
    return json.loads((folder / "mit_real.json").read_text())


def real_case(folder: Path, name: str) -> dict[str, np.ndarray]:
    with np.load(folder / "real" / f"{name}.npz", allow_pickle=False) as arrays:
        return {key: arrays[key] for key in INPUTS}


@pytest.mark.shared
@pytest.mark.parametrize("name", REAL)
def test_real_pictures_score_as_in_the_toolbox(shared, name):
    folder = shared / "reference"
    check_case(real_case(folder, name), real_scores(folder)[name])


@pytest.mark.shared
@pytest.mark.parametrize("name", REAL)
def test_emd_of_real_pictures_agrees_with_the_reference(shared, name):
    pytest.importorskip("ot")
    folder = shared / "reference"
    case = real_case(folder, name)
    reference = real_scores(folder)[name]["emd_area"]
    assert emd(case["saliency"], case["density"]) == pytest.approx(reference, abs=1e-3)


@pytest.mark.shared
def test_rebuilt_pictures_equal_the_stored_ones(shared):
    for name in SCORES:
        with np.load(shared / "reference" / "synthetic" / f"{name}.npz", allow_pickle=False) as stored:
            for key, array in rebuild(name).items():
                np.testing.assert_allclose(
                    array, stored[key], rtol=1e-12, atol=1e-15, err_msg=f"{name} {key}"
                )


@pytest.mark.parametrize("name", ["00", "03"])
def test_score_returns_what_each_function_returns(name):
    pytest.importorskip("ot")
    case = rebuild(name)
    together = score(**case, metrics=METRICS)
    assert list(together) == list(METRICS)
    for metric in METRICS.values():
        alone = metric.function(case["saliency"], *(case[need] for need in metric.needs))
        assert together[metric.name] == alone
