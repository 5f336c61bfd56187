"""The claim's scripts: what is swept is valid, what is ranked and compared is what they say."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from salgan.reproduce.experiment import as_overrides
from salgan.training import load_config
from tests._scripts import script_at

HOME = Path(__file__).parents[2] / "experiments/claim"


@pytest.fixture
def script(monkeypatch):
    """Import one of the scripts, which import each other by their names."""
    monkeypatch.syspath_prepend(str(HOME))
    yield lambda name: script_at(HOME / f"{name}.py")
    for name in ("score", "candidates"):
        sys.modules.pop(name, None)


def test_every_row_of_the_sweep_is_a_valid_recipe(script):
    sweep, candidates = script("sweep"), script("candidates")
    for name, changes in sweep.ROWS.items():
        settings = {key: value for key, value in changes.items() if key != "candidate"}
        config = load_config(HOME / "half.yaml", ["data=gaze", "out=run", *as_overrides(settings)])
        assert config.adversarial.control is ("BCE" in name or "control" in name)
        assert changes.get("candidate") in (None, *candidates.CANDIDATES)


def test_the_sweeps_and_the_full_recipe_differ_in_their_size_alone():
    half, full = (load_config(HOME / name, ["data=gaze", "out=run"]) for name in ("half.yaml", "full.yaml"))
    assert (half.size, full.size) == ([96, 128], [192, 256])
    same = {"size": full.size, "downsample": full.downsample, "network": full.network}
    assert half.model_copy(update=same) == full


def test_a_map_is_given_anothers_histogram_and_keeps_its_order(script):
    why = script("why")
    rng = np.random.default_rng(0)
    values, wanted = rng.random((48, 64)), rng.random((48, 64)) ** 3 / 2
    matched = why.like(values, wanted)
    assert np.abs(np.sort(matched, axis=None) - np.sort(wanted, axis=None)).max() < 2e-3
    assert np.array_equal(np.argsort(matched, axis=None), np.argsort(values, axis=None))


def test_one_curve_for_a_set_leaves_pictures_different(script):
    why = script("why")
    rng = np.random.default_rng(0)
    bce = rng.random((4, 24, 32)) * np.array([0.2, 0.9, 0.2, 0.9])[:, None, None]
    gan = rng.random((4, 24, 32)) ** 2
    matched = why.per_set(bce, gan, ["a", "a", "b", "b"])
    assert matched[0].mean() < 0.5 * matched[1].mean()
    for rows in ([0, 1], [2, 3]):
        assert np.abs(np.sort(matched[rows], axis=None) - np.sort(gan[rows], axis=None)).max() < 2e-3


def test_peaks_are_counted_and_measured(script):
    why = script("why")
    y, x = np.mgrid[:96, :128]
    blob = [np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * 5**2)) for a, b in ((30, 30), (90, 60))]
    level_sets, peaks, _, top, error = why.shape(0.8 * (blob[0] + 0.7 * blob[1]), blob[0])
    assert peaks == 2
    assert top == pytest.approx(0.8, abs=0.01)
    one = why.shape(blob[0], blob[0])
    # The area above half of a Gaussian's maximum is 2 pi sigma² ln 2.
    assert one[2] == pytest.approx(np.sqrt(2 * np.pi * 25 * np.log(2)), rel=0.03)
    assert one[4] == 0 < error
    assert one[0] < level_sets


def test_rows_are_ranked_by_their_mean_rank_and_controls_are_not(script):
    choose = script("choose")
    names = choose.CRITERION

    def line(run, epoch, *values):
        scores = dict(zip(names, map(str, values), strict=True))
        return {"run": run, "epoch": str(epoch), "accuracy_real": "", "accuracy_generated": ""} | scores

    lines = [
        line("BCE", 2, 9, 9, 9, 9, 9, 9),
        line("centre", 1, 8, 8, 8, 8, 8, 8),
        line("centre", 2, 3, 3, 3, 3, 3, 1),
        line("alpha-30", 2, 2, 2, 2, 2, 3, 2),
    ]
    found = choose.ranked(lines)
    assert [(rank, each["run"]) for rank, each in found] == [
        (pytest.approx((4 * 1 + 1.5 + 2) / 6), "centre"),
        (pytest.approx((4 * 2 + 1.5 + 1) / 6), "alpha-30"),
        (None, "BCE"),
    ]


def test_the_whole_and_the_continued_vgg16_have_one_second_phase():
    whole, continued = (
        load_config(HOME / name, ["data=gaze", "out=run"]) for name in ("vgg16.yaml", "vgg16-continued.yaml")
    )
    same = {"bootstrap": whole.bootstrap, "keep_networks": whole.keep_networks}
    weights = continued.network.model_copy(update={"weights": "timm"})
    assert continued.model_copy(update=same | {"network": weights}) == whole


def test_what_training_measured_becomes_a_row_per_epoch(script, tmp_path, monkeypatch):
    epochs = script("epochs")
    run = tmp_path / "GAN-0"
    run.mkdir()
    lines = [
        {"kind": "step", "loss": 1.0},
        {"kind": "validation", "phase": "warmup", "epoch": 0, "accuracy_real": 0.5, "accuracy_generated": 1},
        {"kind": "validation", "phase": "adversarial", "epoch": 1, "nss": 2.25, "osie/nss": 3.0},
    ]
    (run / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    monkeypatch.setattr(sys, "argv", ["epochs.py", str(tmp_path / "table.csv"), str(run)])
    epochs.main()
    header, warmup, adversarial = (tmp_path / "table.csv").read_text("utf-8").splitlines()
    assert header == "run,phase,epoch,nss,cc,sim,kld,content,accuracy_real,accuracy_generated"
    assert warmup == "GAN-0,warmup,0,,,,,,0.5000,1.0000"
    assert adversarial == "GAN-0,adversarial,1,2.2500,,,,,,"


@pytest.mark.parametrize("text", ["{", "[]", '{"kind": "validation"}'])
def test_what_is_no_record_of_training_is_one_line_and_no_table(script, tmp_path, monkeypatch, text):
    (tmp_path / "metrics.jsonl").write_text(text, "utf-8")
    monkeypatch.setattr(sys, "argv", ["epochs.py", str(tmp_path / "table.csv"), str(tmp_path)])
    with pytest.raises(SystemExit, match=r"^epochs: error: a metrics\.jsonl is not one of salgan train \("):
        script("epochs").main()
    assert not (tmp_path / "table.csv").exists()
