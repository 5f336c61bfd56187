"""Several input shapes: pictures are cached at their own, batches have random ones, validation the own."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from salgan.errors import ConfigError
from salgan.networks import load_network
from salgan.preprocessing import Preprocessing
from salgan.training import load_config, train
from salgan.training.cache import prepare
from salgan.training.config import DataSource
from salgan.training.data import Pool, epoch_shapes
from tests.training.conftest import lines, repeatable, same_weights

CPU = torch.device("cpu")
SHAPES = ((32, 48), (48, 32), (40, 40))
RECORD = Preprocessing(height=32, width=48, shapes=SHAPES)


@pytest.fixture
def mixed(tmp_path):
    """A folder of a wide, a tall and a square picture, each with a white spot where everybody looks."""
    root = tmp_path / "data" / "set"
    for name in ("images", "fixations"):
        (root / name).mkdir(parents=True)
    for name, (width, height), (x, y) in (
        ("square", (120, 120), (30, 90)),
        ("tall", (80, 120), (60, 30)),
        ("wide", (120, 80), (30, 60)),
    ):
        picture = np.full((height, width, 3), 40, np.uint8)
        picture[y - 6 : y + 6, x - 6 : x + 6] = 255
        Image.fromarray(picture).save(root / "images" / f"{name}.png")
        (root / "fixations" / f"{name}.csv").write_text(f"x,y\n{x},{y}\n")
    return root.parent


def opened(data, **source):
    source = {"path": "set", "train": "all", "val": None, "sigma": 5} | source
    return prepare(DataSource.model_validate(source), data, RECORD, data / "cache")


def test_a_picture_to_validate_on_is_kept_at_the_shape_of_its_own_aspect_ratio(mixed):
    samples = opened(mixed, train=None, val="all").samples
    assert [density.shape for density in samples.density] == [(40, 40), (48, 32), (32, 48)]
    assert [picture.shape for picture in samples.pictures] == [(40, 40, 3), (48, 32, 3), (32, 48, 3)]
    for picture, density, fixations in zip(samples.pictures, samples.density, samples.fixations, strict=True):
        assert density.max() == 1
        (place,) = np.argwhere(fixations)
        assert picture[tuple(place)].min() == 255  # everybody looks at the white spot
        assert density[tuple(place)] > 0.9


def test_a_picture_to_train_on_is_kept_a_little_larger(mixed):
    samples = opened(mixed).samples
    assert [density.shape for density in samples.density] == [(50, 50), (60, 40), (40, 60)]


def test_pictures_of_different_shapes_become_one_batch_at_any_shape(mixed):
    pool = Pool([opened(mixed)], "train", CPU)
    batch = pool.batch(np.array([0, 1, 2]), (32, 64))
    assert (batch.pictures.shape, batch.density.shape) == ((3, 3, 32, 64), (3, 1, 32, 64))
    for number, share in enumerate([(90 / 120, 30 / 120), (30 / 120, 60 / 80), (60 / 80, 30 / 120)]):
        (place,) = np.argwhere(batch.fixations[number, 0].numpy())
        assert (place + 0.5) / (32, 64) == pytest.approx(share, abs=0.04)
        assert batch.pictures[number, :, place[0], place[1]].min() > 200
        assert batch.density[number].max() == 1
        assert batch.density[number, 0, place[0], place[1]] > 0.9


def test_a_batch_at_the_pictures_own_shape_changes_nothing(mixed):
    prepared = opened(mixed, train=None, val="all")
    pool = Pool([prepared], "val", CPU)
    batch = pool.batch(np.array([2]), (32, 48))
    assert np.array_equal(batch.pictures[0].permute(1, 2, 0).numpy(), prepared.samples.pictures[2])
    assert np.array_equal(batch.fixations[0, 0].numpy(), prepared.samples.fixations[2])


def test_the_shapes_of_an_epoch_depend_on_seed_and_epoch_alone_and_keep_their_shares():
    drawn = epoch_shapes(1, 2, 4000, SHAPES, [6, 3, 1])
    assert drawn == epoch_shapes(1, 2, 4000, SHAPES, [6, 3, 1])
    assert drawn != epoch_shapes(1, 3, 4000, SHAPES, [6, 3, 1])
    assert drawn != epoch_shapes(2, 2, 4000, SHAPES, [6, 3, 1])
    assert [drawn.count(shape) / 4000 for shape in SHAPES] == pytest.approx([0.6, 0.3, 0.1], abs=0.03)
    even = epoch_shapes(1, 2, 4000, SHAPES)
    assert [even.count(shape) / 4000 for shape in SHAPES] == pytest.approx([1 / 3] * 3, abs=0.03)


def test_one_shape_is_drawn_without_a_choice():
    assert epoch_shapes(0, 0, 3, [(32, 48)]) == [(32, 48)] * 3


@pytest.fixture
def shaped(config):
    def make(out="run", shapes=SHAPES, **settings):
        return config(out, shapes=[list(shape) for shape in shapes], **settings)

    return make


def test_a_run_shows_its_batches_at_several_shapes_and_says_so_in_the_networks_record(shaped):
    seen = []

    def note(batch, step):
        seen.append(tuple(batch.pictures.shape[-2:]))
        return batch

    network = {"encoder": "test_efficientnet", "decoder": {"width": 8}}
    settings = {"size": [32, 64], "network": network, "bootstrap": {"epochs": 4}}
    folder = train(shaped(shapes=[(32, 64), (64, 32)], **settings), change=note).folder
    assert len(seen) == 12
    assert set(seen) == {(32, 64), (64, 32)}
    assert load_network(folder / "network.safetensors").preprocessing.shapes == ((32, 64), (64, 32))
    assert all(isinstance(line["cc"], float) for line in lines(folder, "validation"))


def test_a_run_at_several_shapes_that_was_stopped_goes_on_bit_for_bit(shaped):
    whole = train(shaped("whole")).folder
    stopped = train(shaped("parts", time_limit=1e-9)).folder
    while not train(shaped("parts", time_limit=1e-9, resume=True)).finished:
        pass
    assert same_weights(whole / "network.safetensors", stopped / "network.safetensors")
    assert repeatable(whole) == repeatable(stopped)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("shapes=[[32, 32]]", "size \\[192, 256\\] must be one of them"),
        ("shapes=[[192, 256], [30, 32]]", "size \\[30, 32\\] must divide by downsample 4"),
        ("shape_shares=[1]", "shapes is not set"),
        ("adversarial.epochs=1", "a discriminator takes one size"),
    ],
)
def test_shapes_that_make_no_sense_are_an_error_in_one_line(tmp_path, override, message):
    recipe = tmp_path / "recipe.yaml"
    several = "" if "shapes=" in override or "shares" in override else "shapes: [[192, 256], [256, 192]]\n"
    recipe.write_text(f"data: d\nout: o\nadversarial: {{epochs: 0}}\n{several}")
    with pytest.raises(ConfigError, match=message):
        load_config(recipe, [override])


def test_shares_must_be_as_many_as_shapes(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "data: d\nout: o\nadversarial: {epochs: 0}\nshapes: [[192, 256], [256, 192]]\nshape_shares: [1, 1, 1]"
    )
    with pytest.raises(ConfigError, match="give 2 numbers"):
        load_config(recipe)


def test_a_recipe_without_shapes_finds_the_cache_it_had(gaze, cache):
    """The key of a cache of one shape is what it was before there were shapes."""
    record = Preprocessing(height=32, width=48)
    prepared = prepare(DataSource(path="train", train="all", val=None, sigma=12), Path(gaze), record, cache)
    assert isinstance(prepared.samples.pictures, np.memmap)
    assert prepared.samples.pictures.shape == (14, 32, 48, 3)
    assert "shapes" not in json.loads(record.to_json())
