"""Small datasets, models and maps for the tests of the benchmark."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from salgan.datasets import open_dataset, synthetic
from salgan.evaluation import EvaluationProtocol, evaluate, open_data
from salgan.saliency_map import SaliencyMap

POINTS = ("auc_judd", "auc_borji", "sauc", "nss", "ig")


class Brightness:
    """A model: bright is salient."""

    name = "brightness"
    fingerprint = "the mean of red, green and blue"

    def predict(self, picture):
        return SaliencyMap(picture.mean(axis=-1).astype(np.float32) / 255)


@pytest.fixture(scope="session")
def made_up(tmp_path_factory):
    """Twelve synthetic pictures with fixations of eight viewers and their true density."""
    return synthetic(tmp_path_factory.mktemp("data") / "made-up", 12)


@pytest.fixture(scope="session")
def brightness(made_up, tmp_path_factory):
    """An evaluation of the brightness model by all nine metrics."""
    return evaluate(Brightness(), open_data(made_up), tmp_path_factory.mktemp("evaluations") / "brightness")


@pytest.fixture(scope="session")
def uniform(made_up, tmp_path_factory):
    """An evaluation of chance by all nine metrics."""
    return evaluate(
        "baseline:uniform", open_data(made_up), tmp_path_factory.mktemp("evaluations") / "uniform"
    )


@pytest.fixture
def quick():
    """Rules that are quick to follow."""
    return EvaluationProtocol(("nss", "cc"))


@pytest.fixture
def small(tmp_path):
    """Makes a plain folder of small grey pictures with fixations: ``small({"a": [(x, y), ...], "b": None})``.

    A list of fixations is written as csv (an empty one too); None writes none.
    """

    def make(fixations, size=(32, 24), maps=()):
        root = tmp_path / "small"
        for folder in ("images", "fixations", "maps"):
            (root / folder).mkdir(parents=True)
        for name, places in fixations.items():
            Image.new("RGB", size, (90, 90, 90)).save(root / "images" / f"{name}.png")
            if places is not None:
                lines = ["x,y,viewer", *(f"{x},{y},{n % 3}" for n, (x, y) in enumerate(places))]
                (root / "fixations" / f"{name}.csv").write_text("\n".join(lines) + "\n")
        for name in maps:
            density = np.zeros(size[::-1], np.uint8)
            density[4:8, 4:8] = 255
            Image.fromarray(density).save(root / "maps" / f"{name}.png")
        return root

    return make


@pytest.fixture
def experiment_data(tmp_path):
    """A folder with a synthetic set, a split of it and a recipe that trains a tiny network on it."""
    root = synthetic(tmp_path / "data" / "set", 12)
    names = [stimulus.name for stimulus in open_dataset(root)]
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"train": names[:8], "val": names[8:]}))
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(
        f"""
sources: [{{path: set, layout: folder, split: {split}, sigma: 8}}]
size: [32, 64]
network: "tests.evaluation.tiny:network"
downsample: 4
batch_size: 4
cache: {tmp_path / "cache"}
device: cpu
bootstrap: {{epochs: 2, optimiser: {{name: adamw, lr: 2e-3}}}}
adversarial: {{epochs: 2}}
image_rows: 0
"""
    )
    return Path(tmp_path / "data"), recipe
