"""The three rivals of the paper's Table 2, layer by layer."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from salgan.errors import ModelError
from salgan.networks import load_network, save_network
from salgan.networks.encoders import Vgg16Encoder
from salgan.networks.mlnet import MLNet, enlarge_prior
from salgan.networks.rivals import build_rival, for_caffe_pictures
from salgan.networks.salicon_net import SaliconNet
from salgan.networks.salnet import SalNet, SalNetShallow
from salgan.networks.unit_map import FLOOR, SALNET_OFFSET, SALNET_SCALE, clipped, logit_of_map
from salgan.networks.weights import describe
from salgan.preprocessing import Preprocessing


def parameters(network):
    return sum(weight.numel() for weight in network.parameters())


def pictures(*size, seed=0):
    return torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(seed)) * 255


@pytest.fixture(scope="module")
def salnet():
    torch.manual_seed(0)
    return SalNet().eval()


@pytest.fixture(scope="module")
def shallow():
    torch.manual_seed(0)
    return SalNetShallow().eval()


@pytest.fixture(scope="module")
def mlnet():
    torch.manual_seed(0)
    return MLNet().eval()


@pytest.fixture(scope="module")
def salicon():
    torch.manual_seed(0)
    return SaliconNet().eval()


def layer_sizes(network):
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    return [parameters(layer) for layer in network.modules() if isinstance(layer, kinds)]


def test_salnet_has_its_25_806_209_parameters_layer_by_layer(salnet):
    first_three = [14_208, 614_656, 1_180_160]
    assert sum(first_three) == 1_809_024  # what the authors took from another network
    others = [6_554_112, 6_554_112, 6_422_784, 3_965_056, 495_648, 5_409, 64]
    assert layer_sizes(salnet) == [*first_three, *others]
    assert parameters(salnet) == 25_806_209


def test_the_shallow_network_has_its_64_392_512_parameters_layer_by_layer(shallow):
    assert layer_sizes(shallow) == [2_432, 18_496, 73_856, 58_987_008, 5_310_720]
    assert parameters(shallow) == 64_392_512


VGG16 = [1_792, 36_928, 73_856, 147_584, 295_168, 590_080, 590_080, 1_180_160, *[2_359_808] * 5]


def test_mlnet_has_its_15_452_145_parameters_layer_by_layer(mlnet):
    assert layer_sizes(mlnet.encoder) == VGG16
    assert sum(VGG16) == 14_714_688
    assert layer_sizes(mlnet.head) == [737_344, 65]
    assert mlnet.prior.numel() == 48
    assert parameters(mlnet) == 15_452_145


def test_salicon_net_has_its_29_430_401_parameters_layer_by_layer(salicon):
    assert layer_sizes(salicon.fine) == layer_sizes(salicon.coarse) == VGG16
    assert layer_sizes(salicon.head) == [1_025]
    assert parameters(salicon) == 29_430_401


@torch.no_grad()
def test_outputs_have_the_published_sizes_at_the_published_inputs():
    with torch.device("meta"):  # shapes without the 180 billion multiplications
        assert SalNet().layers(torch.empty(1, 3, 240, 320)).shape == (1, 1, 240, 320)
        assert SalNetShallow().output(torch.empty(1, 3, 96, 96)).shape == (1, 1, 48, 48)
        assert MLNet().output(torch.empty(1, 3, 480, 640)).shape == (1, 1, 60, 80)
        network = SaliconNet()
        assert network.output(torch.empty(1, 3, 600, 800)).shape == (1, 1, 37, 50)
        assert network.coarse.features(torch.empty(1, 3, 300, 400)).shape == (1, 512, 18, 25)


@torch.no_grad()
def test_outputs_at_other_inputs_are_an_eighth_a_sixteenth_or_the_whole():
    with torch.device("meta"):
        assert MLNet().output(torch.empty(1, 3, 96, 128)).shape == (1, 1, 12, 16)
        assert MLNet().output(torch.empty(1, 3, 192, 256)).shape == (1, 1, 24, 32)
        assert SaliconNet().output(torch.empty(1, 3, 96, 128)).shape == (1, 1, 6, 8)
        assert SaliconNet().output(torch.empty(1, 3, 75, 101)).shape == (1, 1, 4, 6)
        # A side that is no multiple of 4 is another one after the poolings, and is brought back.
        assert SalNet().layers(torch.empty(1, 3, 46, 62)).shape == (1, 1, 44, 60)
        assert SalNet().output(torch.empty(1, 3, 46, 62)).shape == (1, 1, 46, 62)


@pytest.mark.parametrize("size", [(48, 64), (57, 43)])
@torch.no_grad()
def test_maps_have_the_pictures_size_and_lie_between_0_and_1(salnet, salicon, size):
    for network in (salnet, salicon):
        maps = network(pictures(*size))
        assert maps.shape == (2, 1, *size)
        assert 0 <= maps.min() <= maps.max() <= 1


@torch.no_grad()
def test_salnets_poolings_round_up(salnet):
    # 46 rows become 23 and then 11 by rounding up, 22 and then 10 by rounding down.
    pools = [layer for layer in salnet.layers if isinstance(layer, nn.MaxPool2d)]
    assert pools[1](pools[0](torch.zeros(1, 1, 46, 48))).shape == (1, 1, 11, 12)


@torch.no_grad()
def test_salnet_undoes_its_targets_offset_of_31_and_not_of_127(salnet):
    levels = torch.tensor([0.0, 31.0, 158.0, 200.0, 255.0])
    target = (levels - SALNET_OFFSET) * SALNET_SCALE
    assert target[[0, -1]].numpy() == pytest.approx([-0.2431, 1.7569], abs=1e-4)
    answered = salnet.map_of(target.reshape(1, 1, 1, -1))
    assert answered.flatten().numpy() == pytest.approx(levels.numpy() / 255, abs=1e-6)


@torch.no_grad()
def test_salnets_transposed_convolution_starts_as_a_mean(salnet):
    inside = salnet.layers[-1](torch.ones(1, 1, 6, 6))[..., 8:-8, 8:-8]
    assert inside.numpy() == pytest.approx(np.full(inside.shape, 4 / 64), abs=1e-6)


def test_the_shallow_network_refuses_other_sizes_with_the_one_that_works(shallow):
    with pytest.raises(ModelError, match=r"192×256 pixels: salnet-shallow takes 96×96 only"):
        shallow(pictures(192, 256))


@torch.no_grad()
def test_the_shallow_networks_maxout_takes_the_larger_of_neighbouring_pairs(shallow):
    hidden = shallow.hidden(shallow.features(pictures(96, 96) / 255).flatten(1))
    larger = torch.maximum(hidden[:, 0::2], hidden[:, 1::2])
    expected = shallow.answer(larger).reshape(2, 1, 48, 48)
    assert torch.allclose(shallow.output(pictures(96, 96)), expected, atol=1e-6)


def test_mlnet_refuses_a_size_that_is_not_a_multiple_of_8_with_one_that_is(mlnet):
    with pytest.raises(ModelError, match=r"57×43 pixels: mlnet .* multiples of 8; resize them, to 56×40"):
        mlnet(pictures(57, 43))


@torch.no_grad()
def test_mlnets_maps_are_divided_by_their_maximum_and_a_dark_one_stays_dark(mlnet):
    mlnet.head[2].bias.fill_(0.5)
    maps = mlnet.output(pictures(64, 64))
    assert (maps >= 0).all()
    assert mlnet(pictures(64, 64)).max() <= 1
    mlnet.head[2].bias.fill_(-100.0)
    assert (mlnet(pictures(64, 64)) == 0).all()
    mlnet.head[2].bias.zero_()


def test_mlnets_prior_is_the_authors_bilinear_layer_at_ten_times_its_size():
    rng = np.random.default_rng(0)
    prior = rng.random((6, 8))
    kernel = 1 - np.abs(np.arange(-9, 10)) / 10
    # The layer as its authors wrote it: zeros between the pixels, edges repeated, a triangular kernel both
    # ways.
    padded = np.pad(prior, 1, mode="edge")
    spread = np.zeros((80, 100))
    spread[::10, ::10] = padded
    for axis in (0, 1):
        spread = np.apply_along_axis(np.convolve, axis, spread, kernel, mode="same")
    expected = spread[6:66, 6:86]  # source pixel i lands on output pixel 10 i + 4
    found = enlarge_prior(torch.tensor(prior)[None, None], 60, 80)[0, 0].numpy()
    assert found == pytest.approx(expected, abs=1e-12)
    assert found[4, 4] == pytest.approx(prior[0, 0])
    assert found[54, 74] == pytest.approx(prior[5, 7])


@torch.no_grad()
def test_a_fresh_prior_changes_nothing(mlnet):
    assert (enlarge_prior(mlnet.prior, 60, 80) == 0).all()


@torch.no_grad()
def test_mlnets_levels_are_the_third_and_fourth_pooling_and_the_last_convolution(mlnet):
    levels = mlnet._features(pictures(48, 64))
    assert levels.shape == (2, 1280, 6, 8)
    features = mlnet.encoder.features
    third = features[:17](pictures(48, 64))
    assert isinstance(features[16], nn.MaxPool2d)
    assert torch.allclose(levels[:, :256], third, atol=1e-4)


@torch.no_grad()
def test_salicon_nets_two_trunks_see_the_picture_and_its_half(salicon):
    seen = []
    hooks = [
        trunk.features[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
        for trunk in (salicon.fine, salicon.coarse)
    ]
    salicon.output(pictures(64, 96))
    for hook in hooks:
        hook.remove()
    assert [tuple(each.shape[-2:]) for each in seen] == [(64, 96), (32, 48)]
    assert torch.allclose(seen[1], torch.nn.functional.avg_pool2d(seen[0], 2))
    blue = pictures(64, 96)[:, 2] - 103.939
    assert torch.allclose(seen[0][:, 0], blue, atol=1e-4)


@torch.no_grad()
def test_a_fresh_salicon_net_answers_one_half(salicon):
    assert (salicon(pictures(32, 32)) == 0.5).all()


@pytest.mark.parametrize("kind", [SalNet, MLNet, SaliconNet])
def test_every_weight_gets_a_gradient(kind):
    torch.manual_seed(0)
    network = kind()
    if kind is SaliconNet:
        nn.init.normal_(network.head.weight, std=0.01)  # at zero nothing reaches the trunks, as intended
    maps = network(pictures(64, 64))
    (maps - 0.3).square().mean().backward()
    without = [name for name, weight in network.named_parameters() if weight.grad is None]
    assert without == []
    assert all(torch.isfinite(weight.grad).all() for weight in network.parameters())


def vgg16_weights():
    torch.manual_seed(3)
    return Vgg16Encoder(frozen=0).state_dict()


@pytest.fixture(scope="module")
def vgg16_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "vgg16.safetensors"
    save_file({key: value.clone() for key, value in vgg16_weights().items()}, path)
    return path


def test_rivals_start_from_vgg16_where_they_have_its_layers(vgg16_file):
    wanted = vgg16_weights()
    for name, trunks in (("mlnet", ["encoder"]), ("salicon-net", ["fine", "coarse"])):
        network = build_rival(name, weights=vgg16_file, frozen=3)
        for trunk in trunks:
            found = getattr(network, trunk)
            assert all(torch.equal(wanted[key], value) for key, value in found.state_dict().items())
            trained = [key for key, weight in found.named_parameters() if weight.requires_grad]
            assert trained[0] == "features.17.weight" and len(trained) == 12
    third = build_rival("salnet", weights=vgg16_file).layers[7]
    assert torch.equal(third.weight, wanted["features.17.weight"])


def test_weights_of_another_network_are_refused_with_the_tensor_that_is_wrong(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"features.0.weight": torch.zeros(8, 3, 3, 3)}, path)
    with pytest.raises(ModelError, match=r"features.0.weight has shape \(8, 3, 3, 3\).*as VGG-16 needs it"):
        build_rival("mlnet", weights=path)


@torch.no_grad()
def test_timms_vgg16_is_converted_to_caffes_pictures():
    record = Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    theirs = Vgg16Encoder(frozen=0)
    ours = Vgg16Encoder(frozen=0)
    ours.load_state_dict(for_caffe_pictures(theirs.state_dict(), record))
    rgb = pictures(16, 16)
    mean, std = (torch.tensor(each).reshape(1, 3, 1, 1) for each in (record.mean, record.std))
    caffe = rgb.flip(1) - torch.tensor([103.939, 116.779, 123.68]).reshape(1, 3, 1, 1)
    expected = theirs.features[0]((rgb / 255 - mean) / std)
    found = ours.features[0](caffe)
    assert torch.allclose(found[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], atol=1e-4)
    assert (found - expected).abs().max() < 0.02  # at the border the padding differs by the means


def test_a_clipped_value_can_come_back_but_not_go_further():
    values = torch.tensor([-1.0, -1.0, 0.5, 2.0, 2.0], requires_grad=True)
    (clipped(values) * torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0])).sum().backward()
    assert values.grad.tolist() == [0, -1, 1, 1, 0]  # a step goes against the gradient
    assert clipped(values).tolist() == [0, 0, 0.5, 1, 1]


def test_logits_of_a_map_keep_half_a_grey_level_from_both_ends():
    logits = logit_of_map(torch.tensor([0.0, 0.25, 1.0]))
    assert logits.sigmoid().tolist() == pytest.approx([0.5 / 255, 0.25, 1 - 0.5 / 255])


@pytest.mark.parametrize("name", ["salnet", "mlnet", "salicon-net"])
@torch.no_grad()
def test_logits_are_those_of_the_map_within_half_a_grey_level(name, salnet, mlnet, salicon):
    network = {"salnet": salnet, "mlnet": mlnet, "salicon-net": salicon}[name]
    given = pictures(32, 48)
    assert (network.logits(given).sigmoid() - network(given)).abs().max() <= FLOOR + 1e-6


def test_a_rival_comes_back_from_its_file_without_trust(salicon, tmp_path):
    save_network(
        salicon, tmp_path / "n.safetensors", description=describe(salicon, preprocessing=Preprocessing())
    )
    found = load_network(tmp_path / "n.safetensors")
    assert isinstance(found, SaliconNet)
    assert torch.equal(found.fine.features[0].weight, salicon.fine.features[0].weight)
