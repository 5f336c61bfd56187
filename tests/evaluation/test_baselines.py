"""What gives a number its meaning."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from salgan.datasets import open_dataset
from salgan.errors import MissingExtraError, ModelError
from salgan.evaluation import EvaluationProtocol, evaluate, open_data
from salgan.evaluation.baselines import BASELINES, baseline


@pytest.mark.parametrize(("name", "predicting"), [("one-viewer", 1), ("half-viewers", 4)])
def test_viewers_are_divided_and_never_predict_themselves(made_up, name, predicting):
    source = baseline(name, seed=3, sigma=6)
    for stimulus in open_dataset(made_up).stimuli[:4]:
        scored = source.scored(stimulus).fixations
        everyone = stimulus.fixations.inside(stimulus.width, stimulus.height)
        others = set(scored.viewer.tolist())
        assert len(others) == 8 - predicting
        mine = ~np.isin(everyone.viewer, list(others))
        assert len(scored) == np.count_nonzero(~mine)
        # The map is the density of exactly the viewers that are not scored.
        from salgan.datasets.density import density

        expected = density(everyone.x[mine], everyone.y[mine], stimulus.width, stimulus.height, 6)
        np.testing.assert_allclose(source.predict(stimulus), expected)


def test_the_split_depends_on_the_seed_and_the_picture(made_up):
    stimuli = open_dataset(made_up).stimuli
    splits = [
        tuple(np.unique(baseline("half-viewers", seed=seed, sigma=6).scored(stimulus).fixations.viewer))
        for seed in (0, 0, 1)
        for stimulus in stimuli
    ]
    n = len(stimuli)
    assert splits[:n] == splits[n : 2 * n]
    assert splits[:n] != splits[2 * n :]
    assert len(set(splits[:n])) > 1


def test_people_are_better_than_one_person_is_better_than_chance(made_up, uniform, tmp_path):
    protocol = EvaluationProtocol(("auc_judd", "nss"), sigma=10)
    one, half = (
        evaluate(f"baseline:{name}", open_data(made_up), tmp_path / name, protocol=protocol)
        for name in ("one-viewer", "half-viewers")
    )
    assert half.columns["nss"].mean() > one.columns["nss"].mean() > uniform.columns["nss"].mean()


def test_pictures_with_one_viewer_are_left_out_and_counted(small, tmp_path):
    root = small({"a": [(5, 5), (9, 9), (4, 20)], "b": [(5, 5)]})
    results = evaluate(
        "baseline:half-viewers",
        open_data(root),
        tmp_path / "out",
        protocol=EvaluationProtocol(("nss",), sigma=3),
    )
    assert np.isnan(results.columns["nss"]).tolist() == [False, True]
    assert "only 1 viewer(s)" in results.notes[1]


def test_sets_that_do_not_say_who_looked_have_no_human_baseline(small, tmp_path):
    root = small({"a": []})
    (root / "fixations" / "a.csv").write_text("x,y\n3,4\n5,6\n")
    with pytest.raises(ModelError, match="who looked where"):
        evaluate(
            "baseline:one-viewer",
            open_data(root),
            tmp_path / "out",
            protocol=EvaluationProtocol(("nss",), sigma=3),
        )


def test_the_center_bias_is_the_same_for_pictures_of_one_size_but_for_leaving_out(made_up, tmp_path):
    data = open_data(made_up)
    results = evaluate("baseline:center-bias", data, tmp_path, protocol=EvaluationProtocol(("nss", "sauc")))
    assert np.isfinite(results.columns["nss"]).all()
    assert results.about["center_bias"]["leave_one_out"]


def test_unknown_baselines_name_the_close_one():
    with pytest.raises(ModelError, match="did you mean center-bias"):
        baseline("centre-bias")
    with pytest.raises(ModelError, match="there are uniform"):
        baseline("xyz")
    assert len(BASELINES) == 8


def test_spectral_residual_says_which_opencv_it_needs(monkeypatch):
    for without in (None, SimpleNamespace()):
        monkeypatch.setitem(sys.modules, "cv2", without)
        with pytest.raises(MissingExtraError, match="pip install opencv-contrib-python-headless"):
            baseline("spectral-residual")


def test_spectral_residual_finds_the_odd_one_out(made_up, small, tmp_path):
    cv2 = pytest.importorskip("cv2")
    if not hasattr(cv2, "saliency"):
        pytest.skip("OpenCV without its contributed modules")
    from PIL import Image

    picture = np.full((192, 256, 3), 120, np.uint8)
    picture[40:60, 180:200] = (255, 0, 0)
    root = small({"a": [(5, 5)]})
    Image.fromarray(picture).save(root / "images" / "a.png")
    saliency = baseline("spectral-residual").predict(open_dataset(root).stimuli[0])
    assert saliency.shape == (192, 256)
    row, column = np.unravel_index(saliency.argmax(), saliency.shape)
    assert 30 <= row <= 70
    assert 170 <= column <= 210
