"""Whole runs on a synthetic set: they learn, tell their story, and are never overwritten."""

import json
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from lightning.fabric import Fabric
from safetensors.torch import load_file

from salgan._files import locked
from salgan.errors import ConfigError, ModelError, SalganError, TrainingError
from salgan.networks import load_network, read_checkpoint
from salgan.training import folder as folder_module
from salgan.training import load_config, train
from salgan.training.stopping import Stopper
from tests.training.conftest import lines, repeatable, same_weights

BOTH = {
    "bootstrap": {"epochs": 2, "optimiser": {"name": "adamw", "lr": 0.01}},
    "adversarial": {"epochs": 2, "discriminator_optimiser": {"name": "adamw", "lr": 5e-4}},
}

TRAINED_ON_ALONE = [{"path": "train", "train": "all", "val": None, "sigma": 12}]


def test_the_content_loss_falls_and_validation_rises_on_pictures_with_a_centre_bias(run):
    folder = run(network="tests.training.tiny:Prior", bootstrap={"epochs": 12, "optimiser": {"lr": 0.3}})
    content = [line["content"] for line in lines(folder, "step")]
    assert sum(content[-3:]) < 0.75 * sum(content[:3])
    scores = lines(folder, "validation")
    assert scores[-1]["cc"] > 0.15  # it starts from a flat map, whose correlation is 0
    assert scores[-1]["kld"] < scores[0]["kld"]


def test_metrics_hold_a_line_per_log_step_and_per_validation(run):
    folder = run(**BOTH, log_every=2)
    assert [line["step"] for line in lines(folder, "step")] == [2, 4, 6, 8, 10, 12]
    validations = lines(folder, "validation")
    assert [(line["epoch"], line["step"]) for line in validations] == [(1, 3), (2, 6), (3, 9), (4, 12)]
    assert [line["phase"] for line in validations] == ["bootstrap"] * 2 + ["adversarial"] * 2
    for name in ("nss", "cc", "sim", "kld", "content", "pictures_per_second"):
        assert all(isinstance(line[name], float) for line in validations)
    assert all(line["lr"] == 0.01 for line in lines(folder, "step"))


def test_the_adversarial_phase_takes_turns_batch_by_batch(run):
    folder = run(**BOTH)
    steps = lines(folder, "step")
    assert all(line.keys() >= {"content"} and "discriminator" not in line for line in steps[:6])
    assert ["generator" in line for line in steps[6:]] == [True, False] * 3
    assert ["discriminator" in line for line in steps[6:]] == [False, True] * 3
    for line in steps[6:]:
        assert line["log_d_generated"] <= 0
        assert line["lr_discriminator"] == 5e-4
    assert all(line["log_d_real"] <= 0 for line in steps[7::2])


def test_the_run_folder_tells_the_whole_story(run):
    folder = run(**BOTH)
    config = load_config(folder / "config.yaml")
    assert (config.bootstrap.epochs, config.adversarial.epochs, config.resume) == (2, 2, False)
    (session,) = json.loads((folder / "environment.json").read_text("utf-8"))
    assert session["packages"]["torch"] == torch.__version__.split("+")[0]
    assert session["command"]
    assert list((folder / "tensorboard").glob("events.*"))
    weights = load_file(folder / "last.safetensors")
    state = read_checkpoint(folder / "checkpoints" / "last.pt")
    assert all(torch.equal(weights[name], value) for name, value in state["salgan"]["generator"].items())
    assert state["position"]["epoch"] == 4
    bootstrap = read_checkpoint(folder / "checkpoints" / "bootstrap.pt")
    assert (bootstrap["position"]["epoch"], bootstrap["salgan"]["phase"]) == (2, "bootstrap")


def test_tensorboard_shows_picture_truth_and_prediction_side_by_side(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = run()
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    images = events.Images("picture | truth | prediction")
    assert [image.step for image in images] == [3, 6]
    assert (images[0].width, images[0].height) == (3 * 48, 2 * 32)
    assert [event.step for event in events.Scalars("validation/cc")] == [3, 6]
    assert len(events.Scalars("train/content")) == 6


def test_our_own_networks_are_saved_with_what_rebuilds_them(run):
    network = {"encoder": "tf_efficientnet_lite0", "decoder": {"width": 8}}
    folder = run(network=network, size=[64, 96], bootstrap={"epochs": 1}, batch_size=7)
    saved = load_network(folder / "network.safetensors")
    assert (saved.preprocessing.height, saved.preprocessing.width) == (64, 96)
    assert saved.architecture["decoder"] == {"width": 8}


def test_a_checkpoint_alone_is_enough_to_build_its_network(run, tmp_path):
    network = {"encoder": "test_efficientnet", "decoder": {"width": 8}}
    folder = run(network=network, ema=0.5, bootstrap={"epochs": 1, "optimiser": {"lr": 0.1}})
    alone = (folder / "checkpoints" / "last.pt").rename(tmp_path / "alone.pt")
    read, saved = load_network(alone), load_network(folder / "last.safetensors")  # the average, both
    assert (read.architecture, read.preprocessing) == (saved.architecture, saved.preprocessing)
    assert all(torch.equal(value, saved.state_dict()[name]) for name, value in read.state_dict().items())
    assert not read.training


def test_a_network_of_ones_own_says_what_rebuilds_it_and_is_code_that_must_be_trusted(run):
    folder = run()
    for file in ("checkpoints/last.pt", "network.safetensors"):
        with pytest.raises(
            ModelError, match=r"made by the code of tests\.training\.tiny:Tiny; .*add --trust"
        ):
            load_network(folder / file)
        network = load_network(folder / file, trust=True)
        assert type(network).__name__ == "Tiny"
        assert not network.training
        assert (network.preprocessing.height, network.preprocessing.width) == (32, 48)
    saved = load_file(folder / "network.safetensors")
    assert all(torch.equal(value, saved[name]) for name, value in network.state_dict().items())


def test_the_best_network_by_the_named_metric_is_kept(run):
    # Steps so long that the center bias swings, and validation is best before the end.
    optimiser = {"name": "adamw", "lr": 1.0, "weight_decay": 0}
    folder = run(
        network="tests.training.tiny:Prior",
        bootstrap={"epochs": 6, "optimiser": optimiser},
        keep_best="kld",
        downsample=1,
    )
    scores = [line["kld"] for line in lines(folder, "validation")]
    chosen = [line["kld"] for line in lines(folder, "validation") if line["best"]]
    assert chosen == [score for epoch, score in enumerate(scores) if score == min(scores[: epoch + 1])]
    assert chosen[-1] == min(scores) < scores[-1]
    assert read_checkpoint(folder / "checkpoints" / "last.pt")["position"]["best"] == min(scores)
    kept, last = (load_file(folder / name) for name in ("network.safetensors", "last.safetensors"))
    assert not torch.equal(kept["bias"], last["bias"])


def test_without_a_metric_the_last_network_is_kept(run):
    folder = run(keep_best=None)
    assert same_weights(folder / "network.safetensors", folder / "last.safetensors")


@pytest.mark.parametrize("settings", [{"keep_best": None}, {"sources": TRAINED_ON_ALONE}])
def test_no_epoch_is_called_the_best_where_no_score_chooses(config, settings):
    said = []
    made = config(**BOTH | settings)
    train(made, say=said.append)
    assert not any("(best)" in line for line in said)
    assert {line["best"] for line in lines(Path(made.out), "validation")} == {False}


def test_the_average_is_what_is_saved(run):
    folder = run(ema=0.5)
    state = read_checkpoint(folder / "checkpoints" / "last.pt")["salgan"]
    saved = load_file(folder / "last.safetensors")
    assert all(torch.equal(saved[name], value) for name, value in state["average"].items())
    assert any(not torch.equal(saved[name], value) for name, value in state["generator"].items())


def test_two_runs_with_one_seed_are_equal_and_with_another_not(run):
    settings = {**BOTH, "augmentation": {"hflip": 0.5, "crop": 0.7}, "network": "tests.training.tiny:Ahead"}
    first, second, other = run("a", **settings), run("b", **settings), run("c", **settings, seed=1)
    assert repeatable(first) == repeatable(second)
    assert same_weights(first / "last.safetensors", second / "last.safetensors")
    assert repeatable(first) != repeatable(other)


def test_several_sources_are_validated_apart_and_together(run):
    sources = [
        {"path": "train", "name": "left", "train": "all", "val": "all", "sigma": 12},
        {"path": "val", "name": "right", "train": None, "val": "all", "sigma": 8},
    ]
    folder = run(sources=sources, keep_best="right/cc", bootstrap={"epochs": 1})
    (line,) = lines(folder, "validation")
    assert line["cc"] == pytest.approx((14 * line["left/cc"] + 4 * line["right/cc"]) / 18, rel=1e-6)


def test_an_existing_run_is_never_overwritten(run):
    folder = run()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match="resume=true or choose another out=FOLDER"):
        run()
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_two_runs_never_write_into_one_folder(config):
    settings = config()
    with (
        locked(Path(settings.out)),
        pytest.raises(SalganError, match=r"run: another process is writing here; .* name another folder"),
    ):
        train(settings)
    assert not Path(settings.out).exists()


def test_a_folder_with_something_else_in_it_is_not_taken(config, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("years of work")
    for resume in (False, True):
        with pytest.raises(ConfigError, match="choose another out=FOLDER"):
            train(config(resume=resume))
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["thesis.tex"]


def test_a_mistake_in_the_data_makes_no_run_folder(config, tmp_path):
    with pytest.raises(ConfigError, match="no such dataset"):
        train(config(data=str(tmp_path / "nowhere")))
    with pytest.raises(ConfigError, match="keep_best: 'auc' is not measured; choose one of nss, cc"):
        train(config(keep_best="auc"))
    assert not (tmp_path / "run").exists()


def test_a_missing_dataset_is_named_before_any_weights_are_fetched(config, tmp_path, monkeypatch):
    monkeypatch.setattr("salgan.training.run.build_generator", lambda *_: pytest.fail("it was built"))
    with pytest.raises(ConfigError, match="nowhere/train: no such dataset"):
        train(config(data=str(tmp_path / "nowhere")))


def test_resuming_with_other_settings_is_an_error_that_names_the_first(run, config):
    run()
    with pytest.raises(ConfigError, match="started with batch_size=4, now it is 2"):
        train(config(resume=True, batch_size=2))


def test_a_run_of_an_earlier_version_is_resumed_though_its_settings_lack_new_ones(run, config):
    folder = run()
    stored = yaml.safe_load((folder / "config.yaml").read_text("utf-8"))
    stored["accelerator"] = stored.pop("device")
    for name in ("accumulate", "activation_checkpointing"):
        del stored[name]
    (folder / "config.yaml").write_text(yaml.safe_dump(stored), encoding="utf-8")
    assert train(config(resume=True)).finished
    del stored["downsample"]
    with pytest.raises(ConfigError, match="started with downsample=4, now it is 2"):
        train(config(resume=True, downsample=2))


def test_activation_checkpointing_is_for_the_papers_network_alone(config):
    with pytest.raises(ConfigError, match="activation_checkpointing: Tiny is not vgg16; leave it out"):
        train(config(activation_checkpointing=True))


def test_a_run_does_not_go_on_with_other_pictures(run, config, monkeypatch):
    run()
    settings = config(resume=True)
    monkeypatch.setattr("salgan.training.loop.Loop._pictures", lambda self: "others")
    with pytest.raises(ModelError, match=r"the pictures are no longer those that this run began with"):
        train(settings)


def test_features_are_not_kept_where_the_batches_are_changed(config, monkeypatch):
    kept = []
    monkeypatch.setattr("salgan.training.data.Pool.keep_features", lambda *_: kept.append(1))
    settings = {"network": {"encoder": "vgg16"}, "size": [32, 32], "limit": 8, "bootstrap": {"epochs": 1}}
    train(config("changed", **settings), change=lambda batch, step: batch)
    assert kept == []
    train(config("plain", **settings))
    assert kept == [1, 1]


def test_resuming_a_finished_run_changes_nothing(run, config):
    folder = run()
    before = (folder / "metrics.jsonl").read_bytes(), (folder / "network.safetensors").read_bytes()
    outcome = train(config(resume=True))
    assert outcome.finished
    assert ((folder / "metrics.jsonl").read_bytes(), (folder / "network.safetensors").read_bytes()) == before


def test_a_time_limit_stops_cleanly_and_the_rest_equals_a_run_in_one_go(run, config):
    settings = {**BOTH, "network": "tests.training.tiny:Slow", "ema": 0.9}
    whole = run("whole", **settings)
    outcome, starts = train(config("parts", **settings, time_limit=0.002)), 1
    assert not outcome.finished
    while not outcome.finished:
        outcome, starts = train(config("parts", **settings, time_limit=0.002, resume=True)), starts + 1
    assert starts > 2
    assert repeatable(outcome.folder) == repeatable(whole)
    assert same_weights(outcome.folder / "last.safetensors", whole / "last.safetensors")
    assert len(json.loads((outcome.folder / "environment.json").read_text("utf-8"))) == starts


@pytest.fixture
def hearing():
    """This process listens to Ctrl-C, even if it was started in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_saves_a_checkpoint_and_stops(config, hearing):
    settings = config(network="tests.training.tiny:Slow", bootstrap={"epochs": 200})
    folder, before = Path(settings.out), signal.getsignal(signal.SIGINT)
    main = threading.get_ident()

    def interrupt():
        while not (folder / "metrics.jsonl").exists():
            time.sleep(0.01)
        signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    outcome = train(settings)
    thread.join()
    assert not outcome.finished
    assert outcome.signal == signal.SIGINT
    state = read_checkpoint(folder / "checkpoints" / "last.pt")
    assert state["position"]["steps"] == len(lines(folder, "step"))
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no closing terminal to hear of")
def test_a_second_signal_ends_at_once_as_the_first_would_have_without_a_run():
    heard = []
    before = signal.signal(signal.SIGHUP, lambda number, _: heard.append(number))
    try:
        with pytest.raises(KeyboardInterrupt), Stopper(None, Fabric(accelerator="cpu")) as stopper:
            signal.raise_signal(signal.SIGHUP)
            assert (stopper.due(), stopper.signal, heard) == (True, signal.SIGHUP, [])
            signal.raise_signal(signal.SIGHUP)
        assert heard == [signal.SIGHUP]
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with Stopper(None, Fabric(accelerator="cpu")) as stopper:
            signal.raise_signal(signal.SIGHUP)
            assert not stopper.due()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_nan_stops_the_run_names_the_batch_and_keeps_the_last_checkpoint(config):
    settings = config(network="tests.training.tiny:Poisoned", checkpoint_every=1)
    with pytest.raises(
        TrainingError, match=r"content loss is NaN or infinite in the batch of train/00\d\d, "
    ) as error:
        train(settings)
    assert str(error.value).count("train/00") == 4
    state = read_checkpoint(Path(settings.out) / "checkpoints" / "last.pt")
    assert state["position"]["steps"] == 2
    assert torch.isfinite(state["salgan"]["generator"]["bias"]).all()
    assert len(lines(Path(settings.out), "step")) == 2


def _full(*_, **__):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("place", "name", "fails"),
    [
        (os, "fsync", _full),
        (Path, "write_bytes", _full),
        (folder_module.json, "dumps", _full),
    ],
    ids=["checkpoint", "network", "metrics"],
)
def test_a_full_disk_ends_the_run_in_one_line_and_loses_nothing(run, config, monkeypatch, place, name, fails):
    whole = run("whole", **BOTH)
    settings = config("cut", **BOTH, time_limit=None)
    original, calls = getattr(place, name), []

    def sometimes(*arguments, **keywords):
        calls.append(1)
        good = len(calls) <= 5
        return (original if good else fails)(*arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(place, name, sometimes)
        with pytest.raises(SalganError, match=r"No space left on device\); .* go on with resume=true"):
            train(settings)
    folder = Path(settings.out)
    assert not list(folder.rglob(".*"))
    outcome = train(settings.model_copy(update={"resume": True}))
    assert outcome.finished
    assert repeatable(outcome.folder) == repeatable(whole)
    assert same_weights(outcome.folder / "network.safetensors", whole / "network.safetensors")


def test_a_damaged_checkpoint_is_an_error_in_one_line(run, config):
    folder = run()
    (folder / "checkpoints" / "last.pt").write_bytes(b"PK\x03\x04 half a checkpoint")
    with pytest.raises(ModelError, match=r"last\.pt: not a checkpoint"):
        train(config(resume=True))


def test_a_log_that_lost_its_end_is_refused_and_not_filled_with_zeros(run, config):
    folder = run()
    metrics = folder / "metrics.jsonl"
    half = metrics.read_bytes()[: metrics.stat().st_size // 2]
    metrics.write_bytes(half)
    with pytest.raises(
        ModelError, match=rf"metrics\.jsonl: has {len(half)} bytes, .*put the whole file back"
    ):
        train(config(resume=True))
    assert metrics.read_bytes() == half


def test_a_run_can_start_from_the_network_of_another(run, tmp_path):
    first = run("first")
    frozen = {"bootstrap": {"epochs": 1, "optimiser": {"name": "sgd", "lr": 1e-12, "weight_decay": 0}}}
    second = run("second", init=str(first / "last.safetensors"), **frozen)
    one, other = load_file(first / "last.safetensors"), load_file(second / "last.safetensors")
    assert all(torch.allclose(one[name], other[name], atol=1e-6) for name in one if "weight" in name)


def test_content_alone_and_adversarial_go_on_from_one_bootstrap_over_the_same_batches(run):
    bootstrap = run("bootstrap")
    init = str(bootstrap / "checkpoints" / "last.pt")
    alone = run("alone", init=init, bootstrap={**BOTH["bootstrap"], "epochs": 2})
    both = run(
        "both", init=init, bootstrap={**BOTH["bootstrap"], "epochs": 0}, adversarial=BOTH["adversarial"]
    )
    first, second = lines(alone, "step"), lines(both, "step")
    assert len(first) == len(second) == 6
    # The generator is the same before its first step, and so is the batch it sees.
    assert first[0]["content"] == second[0]["content"]
    assert "generator" in second[0]


def test_a_checkpoint_brings_its_optimisers_state_along(run, tmp_path):
    settings = {"epochs": 1, "optimiser": {"name": "adagrad", "lr": 0.1}}
    first = run("first", network="tests.training.tiny:Prior", bootstrap=settings)
    fresh, carried = (
        run(name, network="tests.training.tiny:Prior", bootstrap=settings, init=str(first / init))
        for name, init in (("fresh", "last.safetensors"), ("carried", "checkpoints/last.pt"))
    )
    sums = [
        read_checkpoint(folder / "checkpoints" / "last.pt")["salgan"]["generator_optimiser"]["state"][0][
            "sum"
        ].sum()
        for folder in (first, fresh, carried)
    ]
    assert sums[2] > sums[0]
    assert sums[1] < sums[2]


@pytest.mark.parametrize("content", [b"", b"not safetensors at all"])
def test_an_init_that_is_no_network_is_named(config, tmp_path, content):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"init: .*weights\.safetensors cannot be read"):
        train(config(init=str(path)))


def test_another_networks_weights_are_refused(run, config):
    other = run("other", network="tests.training.tiny:Prior")
    with pytest.raises(ModelError, match="another network's weights"):
        train(config(init=str(other / "network.safetensors")))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("tests.training.tiny:Gone", "cannot be imported"),
        ("no_such_package.module:make", "cannot be imported"),
        ("tests.training.tiny:not_a_network", "made a str, not a torch.nn.Module"),
    ],
)
def test_a_factory_that_makes_no_network_is_named(config, network, message):
    with pytest.raises(ConfigError, match=message):
        train(config(network=network))


@pytest.mark.parametrize(
    ("network", "answer"),
    [("Squeezed", "(4, 32, 48)"), ("Halved", "(4, 1, 16, 24)"), ("Several", "a tuple")],
)
@pytest.mark.parametrize("downsample", [1, 4])
def test_a_network_whose_maps_are_not_of_the_pictures_shape_is_refused(config, network, answer, downsample):
    message = f"network: it answers pictures (4, 3, 32, 48) with {answer}; let it return maps (4, 1, 32, 48)"
    with pytest.raises(ModelError) as raised:
        train(config(network=f"tests.training.tiny:{network}", downsample=downsample))
    assert str(raised.value) == message


def test_a_set_without_pictures_to_validate_on_trains_all_the_same(run):
    folder = run(sources=[{"path": "train", "train": "all", "val": None, "sigma": 12}])
    assert same_weights(folder / "network.safetensors", folder / "last.safetensors")
    assert [line["epoch"] for line in lines(folder, "validation")] == [1, 2]


def test_a_run_tells_its_caller_of_every_epoch_and_step_and_prints_nothing(config, capfd):
    said, steps = [], []
    train(config(), say=said.append, on_progress=lambda *step: steps.append(step))
    assert [line.split(" · ")[0] for line in said] == ["epoch 1/2 bootstrap", "epoch 2/2 bootstrap"]
    trained = [step for step in steps if step[0].startswith("epoch")]
    assert trained == [(f"epoch {epoch}/2", step, 3) for epoch in (1, 2) for step in (1, 2, 3)]
    assert {stage for stage, *_ in steps} >= {"comparing train with its cache"}
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_a_change_of_the_batches_decides_what_is_learnt_and_is_told_the_step(config):
    seen = []

    def everywhere(batch, step):
        seen.append(step)
        return replace(batch, density=torch.ones_like(batch.density))

    optimiser = {"name": "adamw", "lr": 1.0, "weight_decay": 0}
    settings = config(network="tests.training.tiny:Prior", bootstrap={"epochs": 2, "optimiser": optimiser})
    folder = train(settings, change=everywhere).folder
    assert seen == list(range(6))
    assert load_file(folder / "last.safetensors")["bias"].min() > 1


def test_the_stored_configuration_is_complete(run):
    stored = yaml.safe_load((run() / "config.yaml").read_text("utf-8"))
    assert stored["adversarial"]["alpha"] == 0.05
    assert stored["bootstrap"]["optimiser"]["momentum"] == 0.0


WARM = {
    "epochs": 2,
    "turns": ["both"],
    "discriminator_optimiser": {"name": "adamw", "lr": 5e-4},
    "warmup": {"epochs": 3, "accuracy": None},
}


def test_the_warmup_leaves_the_generator_and_the_order_of_its_batches_alone(run):
    bootstrap = run("bootstrap")
    init = {"init": str(bootstrap / "last.safetensors"), "bootstrap": {**BOTH["bootstrap"], "epochs": 0}}
    warm = run("warm", **init, adversarial=WARM)
    cold = run("cold", **init, adversarial={**WARM, "warmup": {"epochs": 0}})
    steps = lines(warm, "step")
    assert [line["phase"] for line in steps] == ["warmup"] * 9 + ["adversarial"] * 6
    assert all("content" not in line and 0 <= line["accuracy_real"] <= 1 for line in steps[:9])
    # The first content loss after the warm-up is the one of the same batch without a warm-up.
    assert steps[9]["content"] == lines(cold, "step")[0]["content"]
    rested = lines(warm, "validation")[:3]
    assert [line["phase"] for line in rested] == ["warmup"] * 3
    assert all("cc" not in line and 0 <= line["accuracy_generated"] <= 1 for line in rested)
    assert [line["epoch"] for line in lines(warm, "validation")] == [0, 0, 0, 1, 2]
    assert all("accuracy_real" in line for line in lines(warm, "validation"))


def test_the_warmup_ends_as_soon_as_its_accuracy_is_reached(run):
    folder = run(adversarial={**WARM, "warmup": {"epochs": 3, "accuracy": 0.5}})
    assert [line["phase"] for line in lines(folder, "validation")] == [
        *["bootstrap"] * 2,
        "warmup",
        *["adversarial"] * 2,
    ]


def test_tensorboard_shows_the_discriminators_accuracies(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run(adversarial=WARM) / "tensorboard")).Reload()
    for name in ("accuracy_real", "accuracy_generated"):
        assert len(events.Scalars(f"train/{name}")) == 15
        assert len(events.Scalars(f"validation/{name}")) == 5


def test_a_run_whose_discriminator_guesses_says_so_once_per_epoch(config):
    frozen = {"name": "sgd", "lr": 1e-12, "weight_decay": 0}
    lines_said = []
    train(config(adversarial={"epochs": 2, "discriminator_optimiser": frozen}), say=lines_said.append)
    said = [line for line in lines_said if "which is guessing" in line]
    assert len(said) == 2
    assert "adversarial.warmup.epochs=3" in said[0]


def test_the_control_takes_as_many_steps_of_the_generator_as_the_adversarial_run(run):
    settings = {"epochs": 3, "optimiser": {"name": "adamw", "lr": 0.01}}
    gan = run("gan", adversarial=settings)
    control = run("control", adversarial={**settings, "control": True, "warmup": {"epochs": 2}})
    moved = [[line["step"] for line in lines(run, "step") if "content" in line] for run in (gan, control)]
    assert moved[0] == moved[1] and len(moved[0]) == 6 + 5
    assert not any("generator" in line or "discriminator" in line for line in lines(control, "step"))
    one, other = (lines(run, "step") for run in (gan, control))
    assert one[6]["content"] == other[6]["content"]


def test_a_run_stopped_in_its_warmup_and_resumed_equals_one_in_one_go(run, config):
    settings = {"network": "tests.training.tiny:Slow", "ema": 0.9, "bootstrap": {"epochs": 1}}
    settings["adversarial"] = {**WARM, "warmup": {"epochs": 2, "accuracy": 0.99}}
    settings["adversarial"]["warmup"]["optimiser"] = {"name": "adamw", "lr": 1e-3, "schedule": "cosine"}
    whole = run("whole", **settings)
    outcome, starts = train(config("parts", **settings, time_limit=1e-6)), 1
    while not outcome.finished:  # every start takes one step
        outcome, starts = train(config("parts", **settings, time_limit=1e-6, resume=True)), starts + 1
    assert starts == 3 * (1 + 2 + 2) + 1
    assert repeatable(outcome.folder) == repeatable(whole)
    assert same_weights(outcome.folder / "last.safetensors", whole / "last.safetensors")


@pytest.mark.shared
def test_real_salicon_files_go_through_check_training_evaluation_and_submission(
    shared, tmp_path, salgan, monkeypatch
):
    from salgan.evaluation.submissions import SUBMISSIONS

    root = shared / "data/salicon51"
    said = salgan("data", "check", root)
    assert (said.code, "fixations: 23814 on 51 pictures" in said.out) == (0, True)
    (tmp_path / "tiny.yaml").write_text(
        "sources: [{path: salicon51, fold: 1/5}]\nnetwork: tests.training.tiny:Tiny\nsize: [48, 64]\n"
        "batch_size: 8\nbootstrap: {epochs: 1}\nadversarial: {epochs: 0}\n"
    )
    run, cache = tmp_path / "run", tmp_path / "cache"
    said = salgan(
        "train", tmp_path / "tiny.yaml", "--trust", f"data={shared}/data", f"out={run}", f"cache={cache}"
    )
    assert said.code == 0, said.err
    said = salgan(
        "evaluate", run, "--data", root, "--release", "2017", "--fold", "1/5", "--metrics", "nss,cc,kld",
        "--trust", "-o", tmp_path / "scores",
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "salicon, release 2017, fold 1/5" in said.out
    assert "published maps" in said.out
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for path in sorted((root / "images/train").iterdir())[:3]:
        (pictures / path.name.replace("train2014", "test2014")).symlink_to(path)
    monkeypatch.setitem(SUBMISSIONS, "salicon", replace(SUBMISSIONS["salicon"], count=3))
    said = salgan("submit", "salicon", pictures, "--model", run, "--trust", "-o", tmp_path / "maps.zip")
    assert (said.code, "3 maps" in said.err) == (0, True), said.err
