"""One word for a model: every command that predicts opens the same, and says the same when it cannot."""

import shutil
from dataclasses import replace

import pytest
from PIL import Image

from salgan.datasets import synthetic
from salgan.evaluation import submissions
from salgan.models.predictor import Predictor
from tests._onnx import tiny_model

COMMANDS = {
    "predict": ["predict", "photo.jpg", "-o", "out", "--model"],
    "regions": ["regions", "photo.jpg", "--box", "all:0,0,1,1", "--model"],
    "ab": ["ab", "photo.jpg", "other.jpg", "--model"],
    "crop": ["crop", "photo.jpg", "--ratio", "1:1", "--model"],
    "serve": ["serve", "--model"],
    "submit": ["submit", "mit300", "pictures", "-o", "maps.zip", "--model"],
    "evaluate": ["evaluate", "--data", "set", "--metrics", "cc", "--processes", "1"],
}
"""What stands before the word for the model."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run's folder, an ONNX file, pictures and a dataset, made once."""
    pytest.importorskip("torch")
    from salgan.networks import save_network
    from tests.evaluation.tiny import network

    folder = tmp_path_factory.mktemp("made")
    (folder / "runs" / "mine").mkdir(parents=True)
    save_network(network(), folder / "runs" / "mine" / "network.safetensors")
    (folder / "mine.onnx").write_bytes(tiny_model())
    synthetic(folder / "set", n=2)
    (folder / "pictures").mkdir()
    for name in ("photo.jpg", "other.jpg", "pictures/i1.jpg"):
        Image.radial_gradient("L").resize((64, 48)).convert("RGB").save(folder / name)
    return folder


@pytest.fixture
def desk(made, tmp_path, monkeypatch):
    """The folder to start from; benchmarks have one picture there, and a service ends when it is ready."""
    served = []
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    small = replace(submissions.SUBMISSIONS["mit300"], count=1)
    monkeypatch.setitem(submissions.SUBMISSIONS, "mit300", small)
    monkeypatch.setattr("salgan.serve.run", lambda predictor, **_: served.append(predictor))
    return served


@pytest.mark.parametrize("spec", ["runs/mine", "runs/mine/network.safetensors", "mine.onnx", "lite"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_run_a_file_and_a_name_are_the_same_word_everywhere(desk, salgan, command, spec):
    said = salgan(*COMMANDS[command], spec)
    assert (said.code, said.err.count("error")) == (0, 0), said.err
    if command == "serve":
        assert isinstance(desk[0], Predictor)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("liet", "no model or file 'liet' (did you mean lite?); models: lite"),
        ("gone.onnx", "gone.onnx: no such file; `salgan models` lists the models by name"),
        ("runs/gone", "runs/gone: no such file; `salgan models` lists the models by name"),
        ("runs", "runs: holds no network.safetensors; train further, or name a file"),
        ("https://host.invalid/a.onnx", "https://host.invalid/a.onnx: add the file's hash to the address"),
        (
            "photo.jpg",
            "photo.jpg: is a picture (JPEG), and no model; `salgan models` lists the models by name",
        ),
        ("damaged.onnx", "damaged: not an ONNX model that can be run"),
        ("own.safetensors", "own.safetensors: its network is made by the code of mine:network; if you trust"),
    ],
)
@pytest.mark.parametrize("command", COMMANDS)
def test_what_cannot_be_opened_is_one_sentence_and_the_same_everywhere(
    desk, salgan, tmp_path, command, spec, sentence
):
    if spec == "own.safetensors":
        own_network(tmp_path / spec)
    if spec == "damaged.onnx":
        (tmp_path / spec).write_bytes(b"\x08\x0a no protobuf")
    if spec == "runs" and command in ("evaluate", "submit"):
        pytest.skip("a folder may hold maps there")
    said = salgan(*COMMANDS[command], spec)
    assert said.code == 1
    assert said.err.startswith(f"salgan: error: {sentence}"), said.err
    assert said.err.count("\n") == 1


def own_network(path):
    """A file as a stranger may send it: its network would be made by code that is imported."""
    import torch

    from salgan.networks import save_network
    from salgan.networks.weights import describe
    from salgan.preprocessing import Preprocessing

    network = torch.nn.Conv2d(3, 1, 1)
    description = describe(network, factory="mine:network", preprocessing=Preprocessing())
    save_network(network, path, description=description)
    (path.parent / "mine.py").write_text("raise SystemExit('this code was imported')")


def test_a_name_wins_over_a_folder_of_that_name_and_the_choice_is_said(desk, tmp_path):
    import subprocess
    import sys

    shutil.copytree(tmp_path / "runs" / "mine", tmp_path / "lite")
    command = [sys.executable, "-m", "salgan", "crop", "photo.jpg", "--ratio", "1:1", "--json", "-", "-m"]
    said = subprocess.run([*command, "lite"], capture_output=True, text=True, check=True)
    choice = "lite is taken for the model of that name; write ./lite for the path"
    assert said.stderr == f"salgan: warning: {choice}\n"
    path = subprocess.run([*command, "./lite"], capture_output=True, text=True, check=True)
    assert path.stderr == ""
    assert path.stdout != said.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_a_device_that_the_runtime_lacks_is_one_line_in_every_command(desk, salgan, monkeypatch, command):
    monkeypatch.setenv("SALGAN_DEVICE", "")  # and so put back afterwards
    said = salgan(*COMMANDS[command], "mine.onnx", "--device", "directml")
    assert (said.code, said.err.count("\n")) == (1, 1), said.err
    assert "device 'directml' is not in the ONNX Runtime that is installed" in said.err


def test_a_device_may_be_named_by_the_environment_and_must_be_one(desk, salgan, monkeypatch):
    monkeypatch.setenv("SALGAN_DEVICE", "cpu")
    assert salgan(*COMMANDS["predict"], "mine.onnx").code == 0
    monkeypatch.setenv("SALGAN_DEVICE", "gpu")
    said = salgan(*COMMANDS["predict"], "mine.onnx", "--overwrite")
    assert (said.code, said.err.count("\n")) == (1, 1), said.err
    assert "SALGAN_DEVICE 'gpu' is not one of auto, cpu, cuda" in said.err
