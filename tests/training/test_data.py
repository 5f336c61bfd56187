"""Batches: the same for the same (seed, epoch), with the samples of their rows."""

from pathlib import Path

import numpy as np
import pytest
import torch

from salgan.preprocessing import Preprocessing
from salgan.training.cache import prepare
from salgan.training.config import DataSource
from salgan.training.data import Pool, epoch_order

CPU = torch.device("cpu")


@pytest.fixture
def prepared(gaze, cache):
    sources = [
        DataSource(path="train", train="all", val=None, sigma=12),
        DataSource(path="val", train=None, val="all", sigma=12),
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


def test_a_pool_joins_sources_and_keeps_their_rows_apart(gaze, cache, prepared):
    both = [prepared[0], prepare(DataSource(path="val", train="all", val=None, sigma=12), Path(gaze),
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
