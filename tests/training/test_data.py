"""Batches: the same for the same (seed, epoch), and pictures, densities, fixations changed alike."""

from pathlib import Path

import numpy as np
import pytest
import torch

from salgan.preprocessing import Preprocessing
from salgan.training.cache import prepare
from salgan.training.config import Augmentation, Source
from salgan.training.data import Batch, Pool, augmented, epoch_draws, epoch_order

CPU = torch.device("cpu")


@pytest.fixture
def prepared(gaze, cache):
    sources = [
        Source(path="train", train="all", val=None, sigma=12),
        Source(path="val", train=None, val="all", sigma=12),
    ]
    return [prepare(source, Path(gaze), Preprocessing(height=32, width=48), cache) for source in sources]


def test_the_order_of_an_epoch_depends_on_seed_and_epoch_alone():
    first = np.concatenate(epoch_order(7, 3, 20, 4))
    assert np.array_equal(first, np.concatenate(epoch_order(7, 3, 20, 4)))
    assert not np.array_equal(first, np.concatenate(epoch_order(7, 4, 20, 4)))
    assert not np.array_equal(first, np.concatenate(epoch_order(8, 3, 20, 4)))
    assert sorted(first) == list(range(20))


def test_an_epoch_leaves_out_its_last_incomplete_batch():
    assert [len(rows) for rows in epoch_order(0, 0, 11, 4)] == [4, 4]


def test_a_set_smaller_than_a_batch_is_one_batch():
    assert [len(rows) for rows in epoch_order(0, 0, 3, 4)] == [3]


def test_draws_belong_to_a_picture_whatever_batch_it_is_in():
    draws = epoch_draws(1, 2, 10)
    assert draws.shape == (10, 4)
    assert ((draws >= 0) & (draws < 1)).all()
    assert np.array_equal(draws, epoch_draws(1, 2, 10))
    assert not np.array_equal(draws, epoch_draws(1, 3, 10))


def test_a_pool_joins_sources_and_keeps_their_rows_apart(gaze, cache, prepared):
    both = [prepared[0], prepare(Source(path="val", train="all", val=None, sigma=12), Path(gaze),
                                 Preprocessing(height=32, width=48), cache)]  # fmt: skip
    pool = Pool(both, "train", CPU)
    assert len(pool) == 18
    assert {source: len(rows) for source, rows in pool.sources.items()} == {"train": 14, "val": 4}
    assert pool.names[pool.sources["val"][0]] == "val/0000"


def test_a_batch_holds_the_samples_of_its_rows(prepared):
    pool = Pool(prepared, "train", CPU)
    rows = np.array([5, 0])
    batch = pool.batch(rows)
    samples = prepared[0].samples
    assert batch.pictures.shape == (2, 3, 32, 48)
    assert batch.pictures.is_contiguous(memory_format=torch.channels_last)
    assert np.array_equal(batch.pictures.permute(0, 2, 3, 1).numpy(), samples.pictures[rows])
    assert np.array_equal(batch.density[:, 0].numpy(), samples.density[rows].astype(np.float32))
    assert np.array_equal(batch.fixations[:, 0].numpy(), samples.fixations[rows])


def test_kept_features_are_those_of_the_batchs_pictures(prepared):
    pool = Pool(prepared, "train", CPU)
    network = torch.nn.Conv2d(3, 5, 3, 2, 1).requires_grad_(False)
    assert pool.keep_features(network, batch_size=4)
    batch = pool.batch(np.array([9, 2, 13]))
    assert torch.allclose(batch.features, network(batch.pictures), rtol=1e-4, atol=1e-3)


def test_features_that_do_not_fit_are_not_kept(prepared, monkeypatch):
    monkeypatch.setattr("salgan.training.data._free", lambda device: 1000)
    pool = Pool(prepared, "train", CPU)
    assert not pool.keep_features(torch.nn.Conv2d(3, 5, 3).requires_grad_(False), batch_size=4)
    assert pool.batch(np.array([0])).features is None


@pytest.fixture
def batch():
    """Two pictures that show their own coordinates, so that every change can be read off."""
    across = torch.arange(16.0).expand(2, 3, 8, 16).clone()
    density = across[:, :1] / 15
    fixations = torch.zeros(2, 1, 8, 16, dtype=torch.bool)
    fixations[:, 0, 3, 2] = True
    return Batch(across, density, fixations)


def test_a_flip_turns_picture_density_and_fixations_alike(batch):
    draws = np.array([[0.1, 0, 0, 0], [0.9, 0, 0, 0]], dtype=np.float32)
    flipped = augmented(batch, Augmentation(hflip=0.5), draws)
    assert torch.equal(flipped.pictures[0], batch.pictures[0].flip(-1))
    assert torch.equal(flipped.density[0], batch.density[0].flip(-1))
    assert flipped.fixations[0].nonzero().tolist() == [[0, 3, 13]]
    assert torch.equal(flipped.pictures[1], batch.pictures[1])
    assert flipped.fixations[1].nonzero().tolist() == [[0, 3, 2]]


def test_a_crop_enlarges_the_same_window_of_all_three(batch):
    # The smallest side, a half, placed in the top left corner: columns 0 to 7 spread over 16.
    draws = np.array([[0.9, 0, 0, 0]] * 2, dtype=np.float32)
    cropped = augmented(batch, Augmentation(crop=0.5), draws)
    middle = cropped.pictures[0, 0, 0, 1:-1]
    assert torch.allclose(middle, (torch.arange(1, 15) + 0.5) / 2 - 0.5, atol=1e-5)
    assert torch.allclose(cropped.density[:, :, :, 1:-1] * 15, cropped.pictures[:, :1, :, 1:-1], atol=1e-4)
    # The fixation at row 3, column 2 becomes the four pixels that its pixel covers.
    assert cropped.fixations[0, 0].nonzero().tolist() == [[6, 4], [6, 5], [7, 4], [7, 5]]


def test_a_flipped_crop_is_the_flip_of_the_crop(batch):
    settings = Augmentation(hflip=0.5, crop=0.6)
    draws = np.array([[0.9, 0.3, 0.7, 0.2], [0.1, 0.3, 0.7, 0.2]], dtype=np.float32)
    both = augmented(batch, settings, draws)
    assert torch.allclose(both.pictures[1], both.pictures[0].flip(-1), atol=1e-4)
    assert torch.equal(both.fixations[1], both.fixations[0].flip(-1))


def test_a_crop_never_looks_outside_the_picture(batch):
    draws = np.array([[0.9, 0.0, 0.999, 0.999], [0.9, 0.999, 0.0, 0.5]], dtype=np.float32)
    cropped = augmented(batch, Augmentation(crop=0.5), draws)
    assert cropped.pictures.amin() >= 0
    assert cropped.pictures[0, 0, 0, 0] == pytest.approx(7.75, abs=0.05)
    assert cropped.pictures[0, 0, 0, -1] == pytest.approx(15, abs=0.05)


def test_without_augmentation_the_batch_is_the_same_object(batch):
    assert augmented(batch, Augmentation(), np.zeros((2, 4), dtype=np.float32)) is batch
