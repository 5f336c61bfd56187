"""Several networks' weights averaged into one."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra train is not installed")

import torch

from salgan.errors import ModelError
from salgan.networks import Generator, save_network
from tests._scripts import script_at

SCRIPT = Path(__file__).parents[2] / "experiments/lite/average.py"


@pytest.fixture(scope="module")
def script():
    """The script as a module."""
    return script_at(SCRIPT)


def test_each_network_counts_by_its_share(script, tmp_path):
    for seed in (0, 1):
        torch.manual_seed(seed)
        save_network(Generator("test_efficientnet", decoder={"width": 8}), tmp_path / f"{seed}.safetensors")
    (one, share), (other, whole) = map(
        script.opened_with_share, (f"{tmp_path / '0.safetensors'}@0.25", f"{tmp_path / '1.safetensors'}")
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
        script.opened_with_share(f"{path}@0")


def test_networks_of_different_forms_are_refused(script):
    networks = [Generator("test_efficientnet", decoder={"width": width}) for width in (8, 16)]
    with pytest.raises(ModelError, match="only networks of one form can be averaged"):
        script.average(networks, [0.5, 0.5])
