"""``salgan train`` at the command line."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests._fresh import modules_after
from tests.training.conftest import lines


@pytest.fixture
def recipe(config):
    """A recipe file on the synthetic set, with ``out`` in it."""
    settings = config()
    path = Path(settings.out + ".yaml")
    path.write_text(settings.to_yaml(), encoding="utf-8")
    return path


def test_help_teaches_how_to_train_and_to_resume(salgan):
    said = salgan("train", "--help")
    assert said.code == 0
    for word in ("salgan train paper", "resume=true", "network.safetensors", "KEY=VALUE", "time_limit"):
        assert word in said.out


def test_training_prints_the_networks_place_on_stdout_and_the_rest_on_stderr(salgan, recipe, tmp_path):
    said = salgan("train", recipe, "bootstrap.epochs=1", "--trust")
    assert said.code == 0, said.err
    assert said.out == f"{tmp_path / 'run' / 'network.safetensors'}\n"
    assert "epoch 1/1 bootstrap · nss" in said.err
    assert "pictures/s" in said.err
    assert len(lines(tmp_path / "run", "validation")) == 1


def test_a_run_that_stops_says_how_to_go_on(salgan, recipe, tmp_path):
    said = salgan("train", recipe, "time_limit=0.0001", "--trust")
    assert (said.code, said.out) == (0, "")
    assert f"go on with: salgan train {tmp_path / 'run'}/config.yaml resume=true --trust" in said.err
    said = salgan("train", tmp_path / "run" / "config.yaml", "resume=true", "time_limit=null", "--trust")
    assert said.code == 0, said.err
    assert len(lines(tmp_path / "run", "validation")) == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals for a thread")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_a_signal_stops_says_so_in_its_exit_code_and_can_be_resumed(
    salgan, config, tmp_path, number
):
    settings = config(network="tests.training.tiny:Slow", bootstrap={"epochs": 30}, checkpoint_every=1)
    (tmp_path / "slow.yaml").write_text(settings.to_yaml(), encoding="utf-8")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    main = threading.get_ident()

    def stop():
        while not (tmp_path / "run" / "checkpoints" / "last.pt").exists():
            time.sleep(0.01)
        signal.pthread_kill(main, number)

    thread = threading.Thread(target=stop)
    thread.start()
    said = salgan("train", tmp_path / "slow.yaml", "--trust")
    thread.join()
    signal.signal(signal.SIGINT, before)
    assert (said.code, said.out) == (128 + number, "")
    assert "resume=true" in said.err
    again = salgan("train", tmp_path / "slow.yaml", "resume=true", "time_limit=0.001", "--trust")
    assert again.code == 0, again.err


def test_an_unknown_key_is_one_line_on_stderr_and_exit_code_1(salgan, recipe):
    said = salgan("train", recipe, "batchsize=8")
    assert (said.code, said.out) == (1, "")
    assert said.err == "salgan: error: command line: unknown key batchsize; did you mean batch_size?\n"


def test_an_existing_run_is_one_line_on_stderr_and_exit_code_1(salgan, recipe):
    assert salgan("train", recipe, "bootstrap.epochs=1", "--trust").code == 0
    said = salgan("train", recipe, "bootstrap.epochs=1", "--trust")
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert "resume=true" in said.err


def test_the_code_that_a_recipe_names_is_run_only_if_it_is_trusted_or_named(salgan, recipe, tmp_path):
    said = salgan("train", recipe, "bootstrap.epochs=1")
    assert said.code == 1
    assert said.err == (
        "salgan: error: the recipe's network is made by the code of tests.training.tiny:Tiny; if you trust "
        "that code, add --trust\n"
    )
    assert not (tmp_path / "run").exists()
    said = salgan("train", recipe, "bootstrap.epochs=1", "network=tests.training.tiny:Tiny")
    assert said.code == 0, said.err


def test_help_and_a_misspelt_recipe_import_no_pytorch():
    code = "from salgan.cli import main\nassert main(['train', '--help']) == 0\n"
    assert not modules_after(code + "assert main(['train', 'gone.yaml']) == 1") & {
        "torch",
        "lightning",
        "timm",
        "scipy",
    }
