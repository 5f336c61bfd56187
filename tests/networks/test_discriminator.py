"""The discriminator, as each source describes it."""

import pytest
import torch
from torch import nn

from salgan.errors import ModelError
from salgan.networks import Discriminator


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def layers(network):
    found = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            found.append((layer.out_channels, layer.kernel_size[0]))
        elif isinstance(layer, nn.MaxPool2d):
            found.append(f"pool {layer.kernel_size}")
        elif isinstance(layer, nn.Linear):
            found.append(layer.out_features)
        elif isinstance(layer, nn.ReLU | nn.Tanh):
            found.append(type(layer).__name__)
    return found


def convolutions(*widths_and_kernels):
    return [item for pair in widths_and_kernels for item in (pair, "ReLU")]


DENSE = [100, "Tanh", 2, "Tanh", 1]


def test_the_abstracts_discriminator():
    assert layers(Discriminator()) == [
        *convolutions((3, 3), (32, 3)),
        "pool 2",
        *convolutions((64, 3), (64, 3)),
        "pool 2",
        *convolutions((64, 3), (64, 3)),
        "pool 2",
        *DENSE,
    ]


def test_the_preprints_table_starts_1x1_and_takes_20_2_megabytes():
    network = Discriminator(first_kernel=1)
    assert layers(network)[0] == (3, 1)
    assert round(parameters(network) * 4 / 1e6, 1) == 20.2


def test_the_released_code_pools_by_4_first_and_takes_5_4_megabytes():
    network = Discriminator.released_code()
    assert [layer for layer in layers(network) if "pool" in str(layer)] == ["pool 4", "pool 2", "pool 2"]
    assert layers(network)[0] == (3, 1)
    assert round(parameters(network) * 4 / 1e6, 1) == 5.4


def test_in_the_released_code_the_last_two_kernels_keep_length_1_and_g_is_not_trained():
    network = Discriminator.released_code((32, 32))
    frozen = [name for name, parameter in network.named_parameters() if not parameter.requires_grad]
    assert len(frozen) == 2
    assert all("original0" in name for name in frozen)
    optimiser = torch.optim.SGD((p for p in network.parameters() if p.requires_grad), lr=0.1)
    network(torch.rand(2, 3, 32, 32) * 255, torch.rand(2, 1, 32, 32)).square().sum().backward()
    optimiser.step()
    kernels = [layer.weight for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    for kernel in kernels[-2:]:
        torch.testing.assert_close(kernel.flatten(1).norm(dim=1), torch.ones(64))
    assert not torch.allclose(kernels[-3].flatten(1).norm(dim=1), torch.ones(64), atol=1e-2)


def test_it_sees_the_map_first_and_the_picture_after_it():
    network = Discriminator((8, 8), picture_scale=1 / 255)
    seen = []
    network.convolutions.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    picture, saliency = torch.full((1, 3, 8, 8), 51.0), torch.full((1, 1, 8, 8), 0.75)
    network(picture, saliency)
    assert seen[0][0, :, 0, 0].tolist() == pytest.approx([0.75, 0.2, 0.2, 0.2])


def test_the_released_code_sees_raw_values():
    network = Discriminator.released_code((16, 16))
    seen = []
    network.convolutions.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    network(torch.full((1, 3, 16, 16), 51, dtype=torch.uint8), torch.full((1, 1, 16, 16), 0.75))
    assert seen[0][0, :, 0, 0].tolist() == pytest.approx([0.75, 51, 51, 51])


@pytest.mark.parametrize("size", [(8, 8), (31, 50), (64, 96)])
def test_its_dense_layers_fit_the_size(size):
    assert Discriminator(size)(torch.zeros(3, 3, *size), torch.zeros(3, 1, *size)).shape == (3, 1)


def test_the_gradient_reaches_the_map():
    torch.manual_seed(0)
    saliency = torch.rand(2, 1, 16, 16, requires_grad=True)
    Discriminator((16, 16))(torch.rand(2, 3, 16, 16) * 255, saliency).sum().backward()
    assert saliency.grad.abs().sum() > 0


def test_it_is_not_saturated_when_it_starts():
    torch.manual_seed(0)
    network = Discriminator((48, 64))
    values = []
    network.dense[1].register_forward_hook(lambda module, inputs, output: values.append(output))
    network(torch.rand(4, 3, 48, 64) * 255, torch.rand(4, 1, 48, 64))
    assert values[0].abs().mean() < 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": (7, 64)}, "7×64 pixels vanish in its poolings; use at least 8×8"),
        ({"size": (15, 64), "first_pool": 4}, "use at least 16×16"),
        ({"first_kernel": 2}, "first_kernel 2 must be odd"),
        ({"first_pool": 0}, "first_pool 0"),
    ],
)
def test_what_cannot_be_built_is_refused(arguments, message):
    with pytest.raises(ModelError, match=message):
        Discriminator(**arguments)


def test_other_shapes_than_its_own_are_refused():
    network = Discriminator((16, 16))
    for picture, saliency in [((1, 3, 16, 24), (1, 1, 16, 24)), ((2, 3, 16, 16), (1, 1, 16, 16))]:
        with pytest.raises(ModelError, match="discriminator for 16×16 pixels got"):
            network(torch.zeros(picture), torch.zeros(saliency))


def test_a_downsampled_one_judges_pooled_pairs():
    torch.manual_seed(0)
    whole = Discriminator((64, 96), downsample=2)
    half = Discriminator((32, 48))
    half.load_state_dict(whole.state_dict())
    pictures, maps = torch.rand(2, 3, 64, 96) * 255, torch.rand(2, 1, 64, 96)
    pooled = nn.functional.avg_pool2d(pictures, 2), nn.functional.avg_pool2d(maps, 2)
    assert torch.allclose(whole(pictures, maps), half(*pooled), atol=1e-5)


def test_a_downsampling_that_does_not_divide_the_size_is_named():
    with pytest.raises(ModelError, match="66 pixels do not divide by downsample 4"):
        Discriminator((64, 66), downsample=4)
    with pytest.raises(ModelError, match="use at least 16×16"):
        Discriminator((8, 8), downsample=2)


@pytest.mark.parametrize(
    "details",
    [{}, {"first_kernel": 1, "first_pool": 4, "weight_norm": True, "picture_scale": 1.0, "downsample": 2}],
)
def test_another_discriminator_is_built_alike_and_drawn_by_itself(details):
    network = Discriminator((64, 96), **details)
    other = network.anew()
    mine, others = network.state_dict(), other.state_dict()
    assert [(name, value.shape) for name, value in mine.items()] == [
        (name, value.shape) for name, value in others.items()
    ]
    assert not torch.equal(mine["dense.0.weight"], others["dense.0.weight"])
    assert (other.picture_scale, other.downsample) == (network.picture_scale, network.downsample)
