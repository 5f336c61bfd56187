"""Several networks' weights averaged into one."""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra train is not installed")

import torch

from salgan.errors import ModelError
from salgan.networks import Generator, save_network

SCRIPT = Path(__file__).parents[2] / "experiments/lite/average.py"


@pytest.fixture(scope="module")
def script():
    """The script as a module."""
    if not SCRIPT.exists():
        pytest.skip("the experiments are not part of this source distribution")
    spec = importlib.util.spec_from_file_location("lite_average", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_network_counts_by_its_share(script, tmp_path):
    for seed in (0, 1):
        torch.manual_seed(seed)
        save_network(Generator("test_efficientnet", decoder={"width": 8}), tmp_path / f"{seed}.safetensors")
    (one, share), (other, whole) = map(
        script.opened, (f"{tmp_path / '0.safetensors'}@0.25", f"{tmp_path / '1.safetensors'}")
    )
    assert (share, whole) == (0.25, 1)
    weights = [network.decoder.head.weight.detach().clone() for network in (one, other)]
    made = script.average([one, other], [0.3, 0.7])
    assert torch.allclose(made.decoder.head.weight, 0.3 * weights[0] + 0.7 * weights[1])


def test_a_share_of_nothing_is_refused(script, tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "a.safetensors"
    save_network(Generator("test_efficientnet", decoder={"width": 8}), path)
    with pytest.raises(ModelError, match="a share is positive"):
        script.opened(f"{path}@0")
