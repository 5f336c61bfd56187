"""Several networks' weights averaged into one."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra train is not installed")

import torch

from salgan.errors import ModelError
from salgan.networks import Generator, load_network, save_network
from salgan.preprocessing import Preprocessing
from tests._scripts import script_at

SCRIPT = Path(__file__).parents[2] / "experiments/lite/average.py"


@pytest.fixture(scope="module")
def script():
    """The script as a module."""
    return script_at(SCRIPT)


@pytest.fixture
def names(tmp_path):
    """Two networks' files."""
    for seed in (0, 1):
        torch.manual_seed(seed)
        save_network(Generator("test_efficientnet", decoder={"width": 8}), tmp_path / f"{seed}.safetensors")
    return [str(tmp_path / f"{seed}.safetensors") for seed in (0, 1)]


def test_each_network_counts_by_its_share(script, names):
    (one, share), (other, whole) = map(script.opened_with_share, (f"{names[0]}@0.25", names[1]))
    assert (share, whole) == (0.25, 1)
    weights = [network.decoder.head.weight.detach().clone() for network in (one, other)]
    made = script.average([one, other], [0.3, 0.7])
    assert torch.allclose(made.decoder.head.weight, 0.3 * weights[0] + 0.7 * weights[1])


def test_a_share_of_nothing_is_refused(script, names):
    with pytest.raises(ModelError, match="a share is positive"):
        script.opened_with_share(f"{names[0]}@0")


def test_a_plain_average_needs_no_data_and_gets_the_shapes_of_its_size(script, names, tmp_path, monkeypatch):
    made, out = tmp_path / "made.safetensors", tmp_path / "out.safetensors"
    arguments = ["lite", "size=[288,352]", "--plain", f"{names[0]}@3", names[1], "-o", str(made)]
    monkeypatch.setattr("sys.argv", ["average.py", *arguments])
    script.main()
    monkeypatch.setattr("sys.argv", ["record.py", str(made), "-o", str(out)])
    script_at(SCRIPT.with_name("record.py")).main()
    first, second, average = map(load_network, (*names, out))
    running = [network.encoder.model.bn1.running_mean for network in (first, second, average)]
    torch.testing.assert_close(running[2], 0.75 * running[0] + 0.25 * running[1])
    record = average.preprocessing
    assert record.small == (256, 320)
    assert {record.shape_for(600, 800), record.shape_for(256, 256)} == {(288, 352), (256, 320)}


def test_no_shapes_are_made_up_for_an_input_that_none_were_chosen_for():
    script = script_at(SCRIPT.with_name("record.py"))
    with pytest.raises(ModelError, match="the input is 64×80, and shapes were chosen for 256×320"):
        script.with_shapes(Preprocessing(height=64, width=80))


def test_networks_of_different_forms_are_refused(script):
    networks = [Generator("test_efficientnet", decoder={"width": width}) for width in (8, 16)]
    with pytest.raises(ModelError, match="only networks of one form can be averaged"):
        script.average(networks, [0.5, 0.5])
