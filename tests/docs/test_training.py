"""The page about training: its own network goes through the whole adversarial recipe as it is written."""

import json
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from salgan.datasets import synthetic
from tests import _fenced

PAGE = "docs/training.md"
RECIPES = Path(__file__).parents[2] / "src" / "salgan" / "recipes"


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """The files of the page's example and two small sets, in the folder one starts from."""
    network, load = _fenced.texts(PAGE, "python")
    (tmp_path / "mynetwork.py").write_text(network)
    (recipe,) = _fenced.texts(PAGE, "yaml")
    (tmp_path / "mine.yaml").write_text(recipe)
    synthetic(tmp_path / "mine", n=8, seed=1)
    synthetic(tmp_path / "held-out", n=4, seed=2)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield load
    sys.modules.pop("mynetwork", None)


def test_a_network_of_ones_own_is_trained_adversarially_by_the_pages_command(desk, salgan, tmp_path):
    (command,) = [line for _, line in _fenced.commands(PAGE) if line.startswith("salgan train mine.yaml")]
    said = salgan(*shlex.split(command)[1:], "cache=cache", "device=cpu", "log_every=1")
    assert said.code == 0, said.err
    assert said.out == "runs/mine/network.safetensors\n"

    lines = [json.loads(line) for line in (tmp_path / "runs/mine/metrics.jsonl").read_text().splitlines()]
    steps = [line for line in lines if line["kind"] == "step"]
    table = {"log_d_real", "log_d_generated", "discriminator", "content", "generator"}
    told = {key for line in steps if line["phase"] == "adversarial" for key in line}
    assert table <= told
    assert all(f"`{key}`" in _fenced.text_of(PAGE) for key in table)
    assert [line["phase"] for line in lines if line["kind"] == "validation"] == [
        *["bootstrap"] * 2,
        *["adversarial"] * 2,
    ]

    names: dict[str, object] = {}
    exec(compile(desk, PAGE, "exec"), names)  # noqa: S102
    network = names["network"]
    assert isinstance(network, torch.nn.Module)
    maps = network(torch.full((1, 3, 48, 64), 128.0))
    assert maps.shape == (1, 1, 48, 64)
    assert 0 < maps.min() < maps.max() < 1

    for command in commands_after("salgan train mine.yaml"):
        arguments = shlex.split(command)[1:]
        if arguments[0] == "evaluate":  # all nine metrics take their time
            arguments += ["--metrics", "nss,cc", "--processes", "1"]
        assert "--trust" not in arguments or "made by the code of mynetwork:hourglass" in (
            salgan(*[each for each in arguments if each != "--trust"]).err
        )
        said = salgan(*arguments)
        assert said.code == 0, said.err
    maps, again = (sorted((tmp_path / folder).rglob("*.saliency.npy")) for folder in ("maps", "more-maps"))
    assert len(maps) == len(again) == 4
    for one, other in zip(maps, again, strict=True):
        assert np.abs(np.load(one) - np.load(other)).max() < 1e-4


def commands_after(start: str) -> list[str]:
    """The page's commands that follow the one that begins so."""
    commands = [command for _, command in _fenced.commands(PAGE)]
    first = next(number for number, line in enumerate(commands) if line.startswith(start))
    found = commands[first + 1 :]
    assert [line.split()[1] for line in found] == ["evaluate", "predict", "export", "predict"]
    return found


def test_every_recipe_is_on_the_page():
    text = _fenced.text_of(PAGE)
    for recipe in RECIPES.glob("*.yaml"):
        assert f"`{recipe.stem}`" in text, recipe.stem


def test_the_settings_that_the_page_proposes_exist():
    from salgan.training import load_config

    groups = "adversarial|augmentation|sources|batch_size|cache_features|keep_best"
    proposed = re.findall(rf"`'?((?:{groups})[.\w]*=[^`']+)'?`", _fenced.text_of(PAGE))
    assert len(proposed) >= 8
    for setting in proposed:
        load_config(RECIPES / "paper.yaml", ["data=.", "out=.", setting])
