"""A network that has not been exported, as a predictor."""

import threading

import numpy as np
import pytest
import torch

from salgan.errors import ModelError
from salgan.models.torch_predictor import TorchPredictor
from salgan.networks import Generator, save_network


def test_runs_at_a_time_leave_pytorch_as_many_threads_as_it_had(tmp_path):
    save_network(Generator("test_efficientnet"), tmp_path / "network.safetensors")
    model = TorchPredictor(tmp_path / "network.safetensors", threads=1)
    inside, seen = threading.Barrier(2, timeout=60), []

    def network(pictures):
        seen.append(torch.get_num_threads())
        inside.wait()  # both runs are under way
        return pictures[:, :1] / 255

    def run():
        model.predict(np.zeros((32, 32, 3), np.uint8))
        after.append(torch.get_num_threads())

    model._network, after = network, []
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        runs = [threading.Thread(target=run) for _ in range(2)]
        for each in runs:
            each.start()
        for each in runs:
            each.join()
        fresh = threading.Thread(target=lambda: after.append(torch.get_num_threads()))
        fresh.start()
        fresh.join()
    finally:
        torch.set_num_threads(before)
    assert seen == [1, 1]
    assert after == [3, 3, 3]


def test_a_network_whose_file_was_replaced_has_no_fingerprint_of_the_new_one(tmp_path):
    path = tmp_path / "network.safetensors"
    save_network(Generator("test_efficientnet"), path)
    kept, replaced = TorchPredictor(path), TorchPredictor(path)
    assert kept.fingerprint == kept.fingerprint
    save_network(Generator("test_efficientnet"), path)
    with pytest.raises(ModelError, match="has changed since it was loaded; load it again"):
        _ = replaced.fingerprint
