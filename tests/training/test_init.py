"""What a run takes from the file that ``init`` names."""

from dataclasses import replace

import pytest
import torch

from salgan.errors import ModelError
from salgan.networks import Generator, save_network
from salgan.preprocessing import VGG16_CAFFE
from salgan.training.build import build_generator, read_initial
from salgan.training.config import Network
from salgan.training.optimiser import adopt

LIGHT = Network(encoder="tf_efficientnet_lite0", weights="timm")


@pytest.fixture
def saved(tmp_path):
    """Write a network and return its path."""

    def write(network):
        path = tmp_path / "network.safetensors"
        save_network(network, path)
        return str(path)

    return write


@pytest.fixture
def offline(monkeypatch):
    """No ImageNet weights can be had."""

    def refuse(*_, **__):
        raise OSError("no connection")

    monkeypatch.setattr("timm.models._builder.load_pretrained", refuse)


@pytest.mark.parametrize(
    "state",
    [
        {},
        [],
        {"param_groups": 3},
        {"param_groups": [3]},
        {"state": {0: {"step": torch.tensor(1.0), "sum": torch.zeros(3)}}, "param_groups": None},
    ],
)
def test_what_a_stranger_has_accumulated_must_fit(state):
    optimiser = torch.optim.Adagrad([torch.nn.Parameter(torch.zeros(5))])
    if isinstance(state, dict) and "state" in state:
        state["param_groups"] = optimiser.state_dict()["param_groups"]
    with pytest.raises(ModelError, match="generator_optimiser"):
        adopt(optimiser, state)


@pytest.mark.parametrize("networks", [{"generator": torch.zeros(2)}, {"average": {"a": torch.zeros(2)}}])
def test_a_checkpoint_without_a_generator_is_one_line(networks, tmp_path):
    torch.save({"salgan": networks, "description": torch.zeros(2)}, tmp_path / "last.pt")
    with pytest.raises(ModelError, match=r"init: .*last\.pt cannot be read .*not a checkpoint"):
        read_initial(str(tmp_path / "last.pt"))


def test_imagenet_weights_that_init_replaces_are_not_fetched(saved, offline):
    torch.manual_seed(1)
    light = Generator("tf_efficientnet_lite0")
    network = build_generator(LIGHT, (96, 128), read_initial(saved(light)))
    assert all(torch.equal(weight, light.state_dict()[name]) for name, weight in network.state_dict().items())
    with pytest.raises(ModelError, match="no connection"):
        build_generator(LIGHT, (96, 128))


def test_a_file_of_encoder_weights_that_init_replaces_need_not_exist(saved):
    settings = LIGHT.model_copy(update={"weights": "gone.safetensors"})
    build_generator(settings, (96, 128), read_initial(saved(Generator("tf_efficientnet_lite0"))))


def test_a_network_goes_on_seeing_pictures_as_it_was_trained_to(saved, offline):
    """With timm's weights the recipe expects RGB; a network made from Caffe's is fed BGR minus its mean."""
    torch.manual_seed(1)
    caffe = Generator("vgg16", preprocessing=VGG16_CAFFE).eval()
    network = build_generator(Network(weights="timm"), (32, 64), read_initial(saved(caffe))).eval()
    assert network.preprocessing.order == "BGR"
    assert network.preprocessing.mean == VGG16_CAFFE.mean
    assert network.preprocessing.shape == (32, 64)
    pictures = torch.randint(0, 256, (1, 3, 32, 64)).float()
    with torch.no_grad():
        assert torch.equal(network(pictures), caffe(pictures))


def test_the_shapes_are_the_runs_own_and_not_those_of_the_file(saved):
    light = Generator("tf_efficientnet_lite0")
    light.preprocessing = replace(
        light.preprocessing,
        height=96,
        width=128,
        shapes=((96, 128), (128, 96)),
        squash=(0.9, 1.5),
        small=(64, 96),
    )
    network = build_generator(LIGHT, (64, 64), read_initial(saved(light)))
    assert network.preprocessing == light.preprocessing.fixed(64, 64)
    assert not network.preprocessing.shapes
    assert not network.preprocessing.small


def test_a_recipe_that_lacks_a_setting_of_the_file_is_told_which(saved):
    path = saved(Generator("tf_efficientnet_lite0", screens=True, text=True, decoder={"finest_stride": 8}))
    with pytest.raises(ModelError) as error:
        build_generator(LIGHT, (96, 128), read_initial(path))
    assert str(error.value).startswith(f"init: {path} holds another network's weights (tensor ")
    assert str(error.value).endswith(
        '; it was made with network.decoder={"finest_stride": 8}, network.screens=true, network.text=true)'
    )


def test_a_network_of_ones_own_may_call_anything_its_architecture(saved, monkeypatch):
    monkeypatch.setattr("tests.training.tiny.Prior.architecture", "mine", raising=False)
    path = saved(Generator("tf_efficientnet_lite0"))
    with pytest.raises(ModelError, match=r"holds another network's weights \(tensor \S+ is missing\)"):
        build_generator("tests.training.tiny:Prior", (96, 128), read_initial(path))
