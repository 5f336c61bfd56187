"""The paper's experiment, whole, with a network that trains in no time."""

import json
from dataclasses import replace

import numpy as np
import pytest

from salgan._version import __version__
from salgan.datasets import open_dataset
from salgan.errors import ConfigError, SalganError
from salgan.evaluation import EvaluationProtocol
from salgan.evaluation.compare import compare
from salgan.evaluation.ground_truth import Data

pytest.importorskip("lightning")

from salgan.reproduce.experiment import (
    EXPERIMENT_METRICS,
    Experiment,
    bootstrap_alone,
    branches,
    read_branches,
    validation_data,
)
from salgan.reproduce.rows import preprint_rows
from salgan.reproduce.seeds import run_seeds
from salgan.reproduce.table1 import best_epoch, figure3, preprint_table, table1

RULES = EvaluationProtocol(EXPERIMENT_METRICS, sigma=8)


@pytest.fixture
def experiment(experiment_data, tmp_path):
    data, recipe = experiment_data

    def make(*overrides):
        return Experiment(recipe, (f"data={data}", *overrides), tmp_path / "out", protocol=RULES)

    return make


def networks(out, run):
    return {path.stem: path.read_bytes() for path in (out / "runs" / run / "networks").iterdir()}


def test_table_1_comes_from_one_bootstrap_and_goes_on_after_a_stop(experiment, tmp_path):
    found = branches(experiment())
    out = tmp_path / "out"
    assert {name: branch.epochs for name, branch in found.items()} == {
        "bootstrap": [1, 2],
        "bce": [3, 4],
        "gan": [3, 4],
    }
    # Both continuations start from the bootstrap and see the same batches; only what is minimised differs.
    settings = {name: (out / "runs" / name / "config.yaml").read_text() for name in ("bce", "gan")}
    for text in settings.values():
        assert "runs/bootstrap/checkpoints/last.pt" in text
        assert "\nseed: 1\n" in text
    assert networks(out, "bce")["001"] != networks(out, "gan")["001"]
    # As many updates of the generator in both, and the control has no others.
    logged = {
        name: [
            json.loads(line)
            for line in (out / "runs" / name / "metrics.jsonl").read_text("utf-8").splitlines()
        ]
        for name in ("bce", "gan")
    }
    steps = {name: [line for line in lines if line["kind"] == "step"] for name, lines in logged.items()}
    moved = {name: [line["step"] for line in lines if "content" in line] for name, lines in steps.items()}
    assert moved["bce"] == moved["gan"]
    assert not any("generator" in line or "discriminator" in line for line in steps["bce"])

    text = table1(found, out)
    record = json.loads((out / "table1.json").read_text())
    for metric in EXPERIMENT_METRICS:
        means = {
            branch: [float(np.nanmean(each.columns[metric])) for each in found[branch].evaluations]
            for branch in ("bce", "gan")
        }
        best = record["best"][metric]
        assert best["bce"] == pytest.approx(max(means["bce"]))
        assert best["gan"] == pytest.approx(max(means["gan"]))
        assert best["difference"] == pytest.approx(max(means["gan"]) - max(means["bce"]))
        assert best["bce_epoch"] == 3 + int(np.argmax(means["bce"]))
        assert record["last"][metric]["difference"] == pytest.approx(means["gan"][-1] - means["bce"][-1])
    assert "| NSS ↑ |" in text
    assert "| 2.580 | 2.560 | -0.020 |" in text
    assert "compare the signs, not the numbers" in text
    assert [path.exists() for path in figure3(found, out)] == [True, True]

    # Again: nothing is trained or evaluated twice, and the same comes from the folder alone.
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    again = branches(experiment())
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")} == before
    alone = read_branches(out)
    for name in found:
        assert alone[name].epochs == again[name].epochs == found[name].epochs
        assert best_epoch(alone[name], "nss")[0] == best_epoch(found[name], "nss")[0]
        assert compare(alone[name].evaluations[0], again[name].evaluations[0]).differences[0].p == 1
    with pytest.raises(ConfigError, match="holds no finished experiment"):
        read_branches(tmp_path / "nothing")
    for metric in ("sauc_all", "auc_borji_all"):
        assert np.isfinite(alone["gan"].evaluations[0].columns[metric]).all()

    # A changed recipe is not mixed in.
    with pytest.raises(ConfigError, match="batch_size"):
        branches(experiment("batch_size=2"))


def test_with_an_optimiser_for_the_second_phase_both_continuations_get_it(experiment, tmp_path):
    optimiser = "{name: sgd, lr: 0.001}"
    branches(experiment("bootstrap.epochs=1", "adversarial.epochs=1", f"adversarial.optimiser={optimiser}"))
    from salgan.training import load_config

    configs = {name: load_config(tmp_path / "out" / "runs" / name / "config.yaml") for name in ("bce", "gan")}
    assert configs["bce"].adversarial.optimiser == configs["gan"].adversarial.optimiser
    assert configs["bce"].adversarial.control and not configs["gan"].adversarial.control
    assert all(config.init.endswith("runs/bootstrap/last.safetensors") for config in configs.values())


def test_the_preprints_rows_differ_in_their_loss_alone(experiment, tmp_path):
    rows = preprint_rows(experiment("bootstrap.epochs=1"))
    assert list(rows) == ["mse", "bce-1", "bce-2", "bce-4", "bce-8"]
    from salgan.training import load_config

    configs = [load_config(tmp_path / "out" / "runs" / name / "config.yaml") for name in rows]
    assert [config.downsample for config in configs] == [1, 1, 2, 4, 8]
    assert [(config.content.mse, config.content.bce) for config in configs] == [(1, 0)] + [(0, 1)] * 4
    text = preprint_table(rows, tmp_path)
    assert "| MSE, full size, 1 epochs |" in text
    assert "| BCE, 1/8 (preprint) | 0.754 | 0.827 | 2.503 | 0.762 | 0.831 |" in text


def test_the_recipes_own_validation_pictures_are_scored(experiment):
    data = validation_data(experiment().config())
    assert [stimulus.name for stimulus in data.dataset] == ["0008", "0009", "0010", "0011"]
    assert len(data.training) == 8


def blind(folder):
    """The pictures of a test part whose ground truth is held back."""
    dataset = open_dataset(folder)
    return Data(replace(dataset, stimuli=tuple(each.with_fixations(None) for each in dataset)))


@pytest.mark.parametrize(
    ("overrides", "given", "message"),
    [
        (["sources.0.train=[train, val]"], {}, "trains on 0008, .* name others to evaluate on with --test"),
        (
            [],
            {"protocol": EvaluationProtocol(EXPERIMENT_METRICS, degrees=1)},
            r"this set does not say .*\(0008\)",
        ),
        ([], {"data": blind}, "there is nothing to score against"),
    ],
    ids=["validation pictures are trained on", "no degree is known", "truth is held back"],
)
@pytest.mark.parametrize("phase", [2, 0])
def test_what_cannot_be_scored_is_not_trained(
    experiment, experiment_data, tmp_path, overrides, given, message, phase
):
    given = {
        name: value(experiment_data[0] / "set") if value is blind else value for name, value in given.items()
    }
    make = branches if phase else bootstrap_alone
    with pytest.raises(SalganError, match=message):
        make(replace(experiment(f"adversarial.epochs={phase}", "keep_best=null", *overrides), **given))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("wanted", "override", "message"),
    [
        ("preprint", "size=[36, 64]", "must divide by downsample 8"),
        ("table2", "content.mse=1", "Table 2 compares with BCE"),
    ],
)
def test_rows_that_the_recipe_cannot_have_are_refused_before_anything_is_trained(
    experiment, tmp_path, wanted, override, message
):
    with pytest.raises(ConfigError, match=message):
        run_seeds(experiment(override), 1, **{wanted: True})
    assert not (tmp_path / "out").exists()


def test_epochs_that_another_version_has_scored_are_scored_again_and_that_is_said(experiment, tmp_path):
    said = []
    short = replace(experiment("bootstrap.epochs=2", "adversarial.epochs=1"), say=said.append)
    before = branches(short)
    records = sorted((tmp_path / "out").rglob("evaluation.json"))
    assert len(records) == 4
    for record in records:
        record.write_text(json.dumps(json.loads(record.read_text()) | {"salgan": "0.0.9"}))
    said.clear()
    after = branches(short)
    assert said == [
        f"{name}: was scored by another version of salgan, and is scored again"
        for name in ("bootstrap", "bce", "gan")
    ]
    assert {json.loads(record.read_text())["salgan"] for record in records} == {__version__}
    for name, branch in before.items():
        assert (
            branch.evaluations[-1].columns["nss"].tolist()
            == after[name].evaluations[-1].columns["nss"].tolist()
        )

    # Other rules are another matter: nobody asked to throw those scores away.
    with pytest.raises(SalganError, match="holds an evaluation of other metrics or settings"):
        branches(replace(short, protocol=replace(RULES, sigma=9)))


def test_a_recipe_with_one_phase_is_no_experiment(experiment):
    with pytest.raises(ConfigError, match="both must be above 0"):
        branches(experiment("adversarial.epochs=0"))
