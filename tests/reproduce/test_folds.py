"""An experiment in folds: every picture is scored once, by a network that never saw it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from salgan.datasets import open_dataset
from salgan.errors import ConfigError
from salgan.evaluation import EvaluationProtocol, Results
from salgan.evaluation.runs import mean_over_folds, mean_over_runs

pytest.importorskip("lightning")

from salgan.reproduce.experiment import Experiment, validation_data
from salgan.reproduce.folds import folds_table, in_folds, read_folds, run_folds

RULES = EvaluationProtocol(("nss", "cc"), sigma=8)
SHORT = ("bootstrap.epochs=1", "adversarial.epochs=1")


@pytest.fixture
def experiment(experiment_data, tmp_path):
    data, recipe = experiment_data

    def make(*overrides):
        return Experiment(recipe, (f"data={data}", *SHORT, *overrides), tmp_path / "out", protocol=RULES)

    return make


def test_each_fold_is_scored_on_its_own_pictures_and_trained_on_all_others(experiment, experiment_data):
    names = {stimulus.name for stimulus in open_dataset(experiment_data[0] / "set")}
    seen = []
    for each in in_folds(experiment(), 3):
        data = validation_data(each.config())
        held_out, trained = ({stimulus.name for stimulus in part} for part in (data.dataset, data.training))
        assert held_out | trained == names
        assert not held_out & trained
        seen += held_out
    assert sorted(seen) == sorted(names)  # each picture in exactly one fold


def test_scores_are_pooled_over_all_pictures_and_a_stopped_run_goes_on(experiment, tmp_path, salgan):
    out = tmp_path / "out"
    run_folds(experiment(), 2)
    networks = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    caches = list((tmp_path / "cache").glob("set-*"))
    assert len(caches) == 1  # pictures are prepared once for all folds

    # A fold whose evaluation was stopped is finished by the same command, and nothing is trained again.
    summary = out / "fold-2" / "evaluations" / "gan" / "001" / "summary.json"
    summary.unlink()
    with pytest.raises(ConfigError, match=r"fold-2: is not finished; .* --folds"):
        read_folds(out)
    found = run_folds(experiment(), 2)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")} == networks

    text = folds_table(read_folds(out), out)
    pooled = {name: Results.read(out / "pooled" / name) for name in ("bce", "gan")}
    assert pooled["gan"].pictures == tuple(f"{number:04d}" for number in range(12))
    folds = {}
    for number, (fold,) in enumerate(found):
        last = fold["gan"].evaluations[-1]
        for picture, score in zip(last.pictures, last.columns["cc"], strict=True):
            place = pooled["gan"].pictures.index(picture)
            assert pooled["gan"].columns["cc"][place] == score
            folds[picture] = number
    change = pooled["gan"].columns["cc"] - pooled["bce"].columns["cc"]
    expected = mean_over_folds(change, [folds[picture] for picture in pooled["gan"].pictures])
    stored = json.loads((out / "folds.json").read_text())["last"]["cc"]["difference"]
    assert (stored["mean"], stored["low"], stored["high"]) == (expected.mean, expected.low, expected.high)
    assert f"{expected.mean:+.3f} [{expected.low:+.3f}, {expected.high:+.3f}]" in text
    assert "# GAN against BCE on set, 2 folds" in text

    # The pooled evaluations are evaluations like others; the tables of a single run are asked for by fold.
    assert salgan("reproduce", "table1", out).out.strip() == text.strip()
    said = salgan("compare", out / "pooled" / "bce", out / "pooled" / "gan", "--out", tmp_path / "compared")
    assert (said.code, "GAN against BCE" in said.out) == (0, True)
    assert "no gallery" in said.err and "pooled over folds" in said.err
    said = salgan("reproduce", "figure3", out)
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "fold-1" in said.err

    # With several seeds, each of which scores every picture once, the interval is over seeds and pictures.
    twice = [[*fold, {name: changed(branch) for name, branch in fold[0].items()}] for fold in found]
    text = folds_table(twice, tmp_path)
    tables = [
        np.stack([Results.read(tmp_path / "pooled" / seed / name).columns["nss"] for seed in ("", "seed-2")])
        for name in ("bce", "gan")
    ]
    assert np.abs(tables[0][1] - tables[0][0]).min() > 0.05
    crossed = mean_over_runs(tables[1] - tables[0])
    stored = json.loads((tmp_path / "folds.json").read_text())["last"]["nss"]["difference"]
    assert (stored["high"], stored["runs"]) == (crossed.high, 2)
    assert "2 folds, 2 seeds" in text


def changed(branch):
    """The branch as another seed would have scored it."""
    rng = np.random.default_rng(len(branch.name))
    last = branch.evaluations[-1]
    columns = last.columns | {
        metric: last.columns[metric] + rng.uniform(0.1, 0.3, len(last.pictures)) for metric in last.metrics
    }
    return replace(branch, evaluations=(replace(last, columns=columns),))


def test_a_recipe_without_an_adversarial_phase_is_trained_as_it_is(experiment, tmp_path):
    run_folds(experiment("adversarial.epochs=0"), 2)
    text = folds_table(read_folds(tmp_path / "out"), tmp_path / "out")
    pooled = Results.read(tmp_path / "out" / "pooled" / "network")
    assert len(pooled.pictures) == 12
    assert f"| {np.mean(pooled.columns['nss']):.3f} [" in text
    assert not (tmp_path / "out" / "fold-1" / "runs" / "bce").exists()


def test_a_second_source_of_the_same_pictures_would_leak_and_is_refused(experiment, experiment_data):
    _, recipe = experiment_data
    text = recipe.read_text().replace(
        "sources: [", "sources: [{path: set, name: again, train: all, val: null}, "
    )
    recipe.write_text(text)
    with pytest.raises(ConfigError, match=r"sources\.0 trains on set too"):
        in_folds(experiment(), 3)


@pytest.mark.parametrize(
    ("more", "reason"),
    [(("--test", "."), "leave out --test"), (("--preprint",), "leave out --preprint")],
)
def test_folds_are_scored_on_their_own_pictures_alone(experiment_data, tmp_path, salgan, more, reason):
    data, recipe = experiment_data
    said = salgan(
        "reproduce", "run", "--recipe", recipe, "--data", data, "-o", tmp_path / "out", "--folds", "3", *more
    )
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert reason in said.err
