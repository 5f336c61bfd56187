"""A synthetic set to train and validate on in seconds, and short ways to a run on it."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from salgan.datasets import synthetic
from salgan.training import Config, train
from tests.training.processes import Starter

SETTINGS = {
    "network": "tests.training.tiny:Tiny",
    "size": [32, 48],
    "batch_size": 4,
    "log_every": 1,
    "sources": [
        {"path": "train", "train": "all", "val": None, "sigma": 12},
        {"path": "val", "train": None, "val": "all", "sigma": 12},
    ],
    "bootstrap": {"epochs": 2, "optimiser": {"name": "adamw", "lr": 0.01}},
    "adversarial": {"epochs": 0, "discriminator_optimiser": {"lr": 0.001}},
    "image_rows": 2,
    "device": "cpu",
}


@pytest.fixture(scope="session")
def gaze(tmp_path_factory):
    """Folder with two synthetic sets: ``train`` of 14 pictures and ``val`` of 4."""
    root = tmp_path_factory.mktemp("gaze")
    synthetic(root / "train", n=14, seed=1)
    synthetic(root / "val", n=4, seed=2)
    return root


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def config(gaze, cache, tmp_path):
    """A configuration on the synthetic set; keywords replace whole top-level settings."""

    def make(out="run", **settings):
        return Config.model_validate(
            SETTINGS | {"data": str(gaze), "cache": str(cache), "out": str(tmp_path / out)} | settings
        )

    return make


@pytest.fixture
def run(config):
    """Train in this process; returns the run folder."""

    def go(out="run", **settings):
        return train(config(out, **settings)).folder

    return go


@pytest.fixture
def recipe(config):
    """Write a recipe; returns its path."""

    def write(out, **settings):
        made = config(out, **settings)
        path = Path(made.out + ".yaml")
        path.write_text(made.to_yaml(), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="package")
def starter(tmp_path_factory):
    """Starts runs in processes of their own, one run at a time."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    made = Starter(tmp_path_factory.mktemp("processes"))
    yield made
    made.close()


def lines(folder, kind=None):
    """The lines of a run's metrics.jsonl, of one kind or all."""
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    return [line for line in found if kind in (None, line["kind"])]


def repeatable(folder):
    """All lines without the pictures per second, which no two runs share."""
    return [{key: line[key] for key in line if key != "pictures_per_second"} for line in lines(folder)]


def same_weights(one, other):
    """Whether two safetensors files hold the same tensors, bit for bit (headers come in any order)."""
    one, other = load_file(one), load_file(other)
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
