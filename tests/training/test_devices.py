"""Several processes that share every batch, and the choices of device and precision."""

import json
import os
import signal
import time

import pytest
import torch
from safetensors.torch import load_file

from salgan.errors import ConfigError
from salgan.networks import read_checkpoint
from salgan.training import Config, batch_norm, train
from salgan.training.processes import device_of, launch
from tests.training.conftest import SETTINGS, lines
from tests.training.processes import finished


def test_two_processes_train_as_one_does(config, run, tmp_path):
    settings = {
        "network": "tests.training.tiny:Prior",
        "bootstrap": {"epochs": 1, "optimiser": {"name": "sgd", "lr": 1.0}},
        "adversarial": {"epochs": 1, "discriminator_optimiser": {"name": "sgd", "lr": 0.01}},
    }
    recipe = tmp_path / "two.yaml"
    recipe.write_text(config("two", **settings, devices=2).to_yaml(), encoding="utf-8")
    # Fabric starts the second process by running the script again, so there must be one.
    script = tmp_path / "salgan_command.py"
    script.write_text("import sys\nfrom salgan.cli import main\nsys.exit(main())\n", encoding="utf-8")
    finished(script, "train", recipe, "--trust")
    one = run("one", **settings)
    ours, theirs = (
        read_checkpoint(tmp_path / name / "checkpoints" / "last.pt")["salgan"] for name in ("two", "one")
    )
    for part in ("generator", "discriminator"):
        for name, weight in ours[part].items():
            assert torch.allclose(weight, theirs[part][name], atol=1e-5), (part, name)
    for ours, theirs in zip(lines(tmp_path / "two", "validation"), lines(one, "validation"), strict=True):
        assert ours["cc"] == pytest.approx(theirs["cc"], abs=1e-4)


def test_mixed_precision_trains_too(run):
    folder = run(precision="bf16-mixed", adversarial={"epochs": 1})
    assert all(torch.isfinite(torch.tensor(line["content"])) for line in lines(folder, "validation"))


def test_mixed_precision_shows_pictures_of_features_that_were_kept(run):
    folder = run(
        precision="bf16-mixed", network={"encoder": "vgg16"}, size=[32, 32], limit=8, image_rows=2,
        bootstrap={"epochs": 1},
    )  # fmt: skip
    assert (folder / "last.safetensors").is_file()


def test_auto_is_what_the_environment_says_and_a_device_that_is_not_there_is_named(config, monkeypatch):
    monkeypatch.setenv("SALGAN_DEVICE", "cpu")
    assert device_of(config(device="auto")) == "cpu"
    monkeypatch.setenv("SALGAN_DEVICE", "openvino")
    with pytest.raises(ConfigError, match="SALGAN_DEVICE 'openvino' is no device to train on; set device="):
        device_of(config(device="auto"))
    assert device_of(config(device="cpu")) == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="device 'cuda': PyTorch finds none here; set device=cpu"):
        device_of(config(device="cuda"))


def test_what_a_batch_cannot_be_divided_by_is_an_error_before_anything_starts(config, monkeypatch):
    with pytest.raises(ValueError, match="batch_size 4 must divide by devices 2 times accumulate 4"):
        config(devices=2, accumulate=4)
    for name, value in {
        "RANK": 0,
        "WORLD_SIZE": 3,
        "LOCAL_WORLD_SIZE": 3,
        "TORCHELASTIC_RUN_ID": "x",
    }.items():
        monkeypatch.setenv(name, str(value))
    with pytest.raises(ConfigError, match="batch_size 4 must divide by 3 processes times accumulate 1"):
        launch(config())
    with pytest.raises(
        ConfigError, match="devices: 2, but torchrun has started 3 processes; leave devices out"
    ):
        launch(config(devices=2))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_run_reports_its_share_of_peak_and_resumes(run, config):
    folder = run(device="cuda", precision="auto", adversarial={"epochs": 1})
    assert all("share_of_peak" in line for line in lines(folder, "validation"))


WHOLE = {
    "network": "tests.training.tiny:Shared",  # two batch norms, of which one is frozen
    # Not AdamW: a bias before a batch norm has no gradient but rounding, of which AdamW makes whole steps.
    "bootstrap": {"epochs": 1, "optimiser": {"name": "sgd", "lr": 0.3, "schedule": "cosine"}},
    "adversarial": {
        "epochs": 2,
        "optimiser": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "clip": 1.0},
        "discriminator_optimiser": {"name": "sgd", "lr": 0.02},
        "warmup": {"epochs": 2, "accuracy": 0.9},
    },
    "augmentation": {"hflip": 0.5, "colour": 0.3},
    "ema": 0.8,
    "validation_scores": ["nss", "cc", "auc_judd"],
    "logger": None,
}


def test_a_batch_norm_counts_the_values_of_all_processes(monkeypatch):
    # Two processes that hold the same share; with few values, the unbiased variance shows how many there are.
    monkeypatch.setattr(batch_norm.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(batch_norm.distributed, "all_reduce", lambda total: total.mul_(2))
    share = torch.randn(2, 3, generator=torch.Generator().manual_seed(1))
    ours, theirs = torch.nn.BatchNorm1d(3), torch.nn.BatchNorm1d(3)
    with batch_norm.WholeBatchStatistics():
        ours(share)
    theirs(torch.cat([share, share]))
    assert torch.allclose(ours.running_mean, theirs.running_mean)
    assert torch.allclose(ours.running_var, theirs.running_var)


LONG = {"network": "tests.training.tiny:Slow", "bootstrap": {"epochs": 40}, "logger": None}


def alike(ours, theirs, place="", tolerance=2e-4):
    """Assert that two nested values are equal up to rounding, and say where they are not."""
    if isinstance(theirs, torch.Tensor):
        assert torch.allclose(ours.double(), theirs.double(), rtol=1e-3, atol=tolerance), place
    elif isinstance(theirs, dict):
        assert ours.keys() == theirs.keys(), place
        for key in theirs:
            alike(ours[key], theirs[key], f"{place}.{key}", tolerance)
    elif isinstance(theirs, list | tuple):
        assert len(ours) == len(theirs), place
        for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            alike(one, other, f"{place}.{number}", tolerance)
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=1e-3, abs=tolerance), place
    else:
        assert ours == theirs, place


def runs_alike(ours, theirs):
    """Assert that two runs logged, validated, kept and wrote the same, up to rounding."""
    logged = [
        [{key: line[key] for key in line if key != "pictures_per_second"} for line in lines(folder)]
        for folder in (ours, theirs)
    ]
    alike(*logged, "metrics.jsonl")
    for name in ("network.safetensors", "last.safetensors"):
        alike(load_file(ours / name), load_file(theirs / name), name)
    states = [read_checkpoint(folder / "checkpoints" / "last.pt") for folder in (ours, theirs)]
    for part in ("salgan", "position"):
        alike(states[0][part], states[1][part], part)


@pytest.fixture(scope="module")
def whole(gaze, cache, tmp_path_factory):
    """The folder of the run WHOLE in one process."""
    places = {"data": str(gaze), "cache": str(cache), "out": str(tmp_path_factory.mktemp("whole") / "run")}
    return train(Config.model_validate(SETTINGS | WHOLE | places)).folder


def test_two_processes_go_through_both_phases_as_one_does(starter, recipe, whole, tmp_path):
    done = starter.run("train", recipe("two", **WHOLE), "--trust")
    assert done.codes == [0, 0], done.err
    runs_alike(tmp_path / "two", whole)
    phases = [line["phase"] for line in lines(tmp_path / "two", "step")]
    assert phases[:3] == ["bootstrap"] * 3 and "warmup" in phases and phases[-6:] == ["adversarial"] * 6
    # One process reports and writes.
    assert (done.out[1], done.err[1]) == ("", "")
    assert done.out[0] == f"{tmp_path / 'two' / 'network.safetensors'}\n"
    assert len(json.loads((tmp_path / "two" / "environment.json").read_text("utf-8"))) == 1


def test_a_run_goes_on_with_another_number_of_processes(starter, recipe, whole, tmp_path):
    path = recipe("parts", **WHOLE)
    # Each of these takes one step, and stops in the middle of an epoch.
    for count, more in ((1, ()), (2, ("resume=true",)), (1, ("resume=true",))):
        done = starter.run("train", path, "--trust", "time_limit=1e-9", *more, count=count)
        assert done.codes == [0] * count and "stopped after" in done.err[0], done.err
    done = starter.run("train", path, "--trust", "resume=true")
    assert done.codes == [0, 0], done.err
    runs_alike(tmp_path / "parts", whole)


def test_torchrun_itself_ends_what_one_process_has_begun(starter, recipe, whole, tmp_path):
    path = recipe("begun", **WHOLE)
    starter.run("train", path, "--trust", "time_limit=1e-9", count=1)
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    done = finished(*torchrun, "-m", "salgan", "train", path, "--trust", "resume=true")
    # PyTorch 2.9 prints about its connections besides, both processes into each other's lines.
    said = [line for line in done.stdout.splitlines() if str(tmp_path) in line]
    assert said == [str(tmp_path / "begun" / "network.safetensors")]
    assert done.stderr.count("epoch 1/3 bootstrap") == 1, done.stderr
    runs_alike(tmp_path / "begun", whole)


def begun(starter, path, folder):
    """Start a run and wait for its first step."""
    starter.start("train", path, "--trust")
    while not (folder / "metrics.jsonl").exists():
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("number", "told"),
    [(signal.SIGTERM, slice(1, 2)), (signal.SIGINT, slice(2))],  # torchrun hands a Ctrl-C on to all
    ids=["SIGTERM to one", "SIGINT to all"],
)
def test_a_signal_to_any_process_stops_all_of_them_after_the_step(starter, recipe, tmp_path, number, told):
    begun(starter, recipe("signal", **LONG), tmp_path / "signal")
    for pid in starter.pids[told]:
        os.kill(pid, number)
    done = starter.wait()
    assert done.codes == [128 + number, 0], done.err
    assert done.err[0].splitlines()[-1].startswith("stopped after ")
    assert (done.out[1], done.err[1]) == ("", "")
    state = read_checkpoint(tmp_path / "signal" / "checkpoints" / "last.pt")
    assert 0 < state["position"]["steps"] == len(lines(tmp_path / "signal", "step")) < 120


def test_one_process_that_fails_or_is_killed_ends_the_others_in_one_line(starter, recipe, tmp_path):
    done = starter.run("train", recipe("fails", network="tests.training.tiny:FailsInOne"), "--trust")
    assert done.codes == [1, 1]
    assert done.err[1] == "salgan: error: the second process cannot go on\n"
    assert done.err[0].splitlines()[-1].startswith("salgan: error: another process of the run has ended")
    begun(starter, recipe("killed", **LONG), tmp_path / "killed")
    os.kill(starter.pids[0], signal.SIGKILL)
    done = starter.wait()
    assert done.codes == [-signal.SIGKILL, 1]
    assert done.err[1] == ""


def test_what_all_processes_notice_is_said_once(starter, recipe, tmp_path):
    path = recipe("once", keep_best="auc")
    done = starter.run("train", path, "--trust")
    assert done.codes == [1, 1]
    assert done.err == [done.err[0], ""]
    assert done.err[0].startswith("salgan: error: keep_best: 'auc' is not measured")
    (tmp_path / "once").mkdir()
    (tmp_path / "once" / "thesis.tex").write_text("years of work")
    done = starter.run("train", path, "--trust")
    assert done.codes == [1, 1]
    assert done.err[0].endswith("choose another out=FOLDER\n") and done.err[1] == ""
