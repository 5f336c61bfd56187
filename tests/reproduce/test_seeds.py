"""The experiment with several seeds: nothing is trained twice, and the table knows of runs and pictures."""

import json
from dataclasses import replace

import numpy as np
import pytest

from salgan.errors import ConfigError
from salgan.evaluation import EvaluationProtocol
from salgan.evaluation.runs import mean_over_runs

pytest.importorskip("lightning")

from salgan.reproduce.experiment import Experiment
from salgan.reproduce.seeds import experiments, read_seeds, run_seeds, seeds_table

SHORT = ("bootstrap.epochs=1", "adversarial.epochs=1")


def test_seeds_have_folders_and_streams_of_their_own_and_the_first_is_the_experiment_itself(
    experiment_data, tmp_path
):
    data, recipe = experiment_data
    one = Experiment(recipe, (f"data={data}", "seed=5"), tmp_path / "out")
    three = experiments(one, 3)
    assert three[0] is one and experiments(one, 1) == [one]
    assert [each.out.name for each in three] == ["out", "seed-2", "seed-3"]
    # The continuations of a seed take the next number, so no number is used twice.
    assert [each.config().seed for each in three] == [5, 7, 9]


def test_more_seeds_are_added_to_an_experiment_and_finished_ones_are_not_trained_again(
    experiment_data, tmp_path
):
    data, recipe = experiment_data
    rules = EvaluationProtocol(("nss", "cc"), sigma=8)
    said = []
    experiment = Experiment(
        recipe, (f"data={data}", *SHORT), tmp_path / "out", protocol=rules, say=said.append
    )
    run_seeds(experiment, 1)
    networks = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.safetensors")}
    found = run_seeds(experiment, 2)
    assert {path: path.stat().st_mtime_ns for path in networks} == networks
    assert f"seed 2 of 2: {tmp_path / 'out' / 'seed-2'}" in said
    first, second = (seed["gan"].evaluations[-1].columns["nss"] for seed in found)
    assert not np.array_equal(first, second)

    text = seeds_table(read_seeds(tmp_path / "out"), tmp_path / "out")
    record = json.loads((tmp_path / "out" / "seeds.json").read_text())
    change = np.stack(
        [
            seed["gan"].evaluations[-1].columns["cc"] - seed["bce"].evaluations[-1].columns["cc"]
            for seed in found
        ]
    )
    expected = mean_over_runs(change)
    stored = record["last"]["cc"]["difference"]
    assert (stored["low"], stored["mean"], stored["high"]) == (expected.low, expected.mean, expected.high)
    assert stored["each"] == list(change.mean(axis=1))
    assert f"{expected.mean:+.3f} [{expected.low:+.3f}, {expected.high:+.3f}]" in text
    assert "BCE against GAN over 2 seeds" in text

    # A seed that is not finished is not counted.
    (tmp_path / "out" / "seed-2" / "evaluations" / "gan" / "001" / "summary.json").unlink()
    assert len(read_seeds(tmp_path / "out")) == 1

    # Nor are seeds that were evaluated by other rules.
    last = found[1]["gan"].evaluations[-1]
    other = replace(last, about=last.about | {"protocol": last.about["protocol"] | {"sigma": 9}})
    found[1]["gan"] = replace(found[1]["gan"], evaluations=(other,))
    with pytest.raises(ConfigError, match="were not evaluated alike"):
        seeds_table(found, tmp_path)


def test_several_processes_are_refused_which_would_evaluate_beside_each_other(
    experiment_data, tmp_path, monkeypatch
):
    data, recipe = experiment_data
    with pytest.raises(ConfigError, match="trains on one device"):
        Experiment(recipe, (f"data={data}", "devices=2"), tmp_path).config()
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="leave out torchrun"):
        Experiment(recipe, (f"data={data}",), tmp_path).config()
