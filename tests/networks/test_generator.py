"""The generator is the paper's network, and the same class over timm encoders."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from salgan.errors import ModelError
from salgan.networks import Generator, default_preprocessing
from salgan.preprocessing import IMAGENET, VGG16_CAFFE, Preprocessing

TINY = "test_efficientnet"  # timm's own encoder for tests, 0.1 million parameters


@pytest.fixture(scope="module")
def vgg():
    torch.manual_seed(0)
    return Generator().eval()


@pytest.fixture
def tiny():
    torch.manual_seed(0)
    return Generator(TINY).eval()


def pictures(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 255


def test_the_papers_generator_has_31_787_009_parameters(vgg):
    assert sum(parameter.numel() for parameter in vgg.parameters()) == 31_787_009


def test_its_convolutions_are_vgg16_and_its_mirror(vgg):
    widths = [layer.out_channels for layer in vgg.modules() if isinstance(layer, nn.Conv2d)]
    encoder = [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
    assert widths == [*encoder, *[512] * 6, *[256] * 3, *[128] * 2, *[64] * 2, 1]
    assert sum(isinstance(layer, nn.MaxPool2d) for layer in vgg.modules()) == 4
    assert [layer.mode for layer in vgg.modules() if isinstance(layer, nn.Upsample)] == ["nearest"] * 4


@pytest.mark.parametrize("size", [(16, 16), (48, 32)])
def test_a_map_has_its_pictures_size_and_lies_between_0_and_1(vgg, size):
    with torch.no_grad():
        maps = vgg(pictures(2, 3, *size))
    assert maps.shape == (2, 1, *size)
    assert 0 < maps.min() < maps.max() < 1


def test_a_fresh_decoder_starts_near_one_half(vgg):
    with torch.no_grad():
        assert vgg.logits(pictures(1, 3, 32, 32)).abs().max() < 1


def test_the_map_is_the_sigmoid_of_the_logits(tiny):
    x = pictures(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(tiny(x), torch.sigmoid(tiny.logits(x)))


def test_a_size_vgg_cannot_halve_four_times_is_refused_with_one_it_can(vgg):
    with pytest.raises(ModelError, match=r"100×150 .* multiples of 16; resize them, to 96×144"):
        vgg(pictures(1, 3, 100, 150))
    with pytest.raises(ModelError, match="to 16×16"):
        vgg(pictures(1, 3, 1, 1))


def test_pictures_of_another_shape_are_refused(tiny):
    for shape in [(3, 32, 32), (1, 1, 32, 32), (1, 32, 32, 3)]:
        with pytest.raises(ModelError, match=r"takes \(N, 3, H, W\)"):
            tiny(torch.zeros(shape))


@pytest.mark.parametrize("size", [(64, 96), (37, 91), (32, 33)])
def test_a_timm_encoder_takes_any_size(tiny, size):
    with torch.no_grad():
        assert tiny(pictures(2, 3, *size)).shape == (2, 1, *size)


@pytest.mark.parametrize(
    "encoder", ["test_resnet", "test_convnext", "test_vit", "swin_tiny_patch4_window7_224"]
)
def test_encoders_of_every_kind_fit_the_pyramid(encoder):
    record = Preprocessing(height=64, width=96)
    network = Generator(encoder, preprocessing=record, frozen=1).eval()
    with torch.no_grad():
        assert network(pictures(1, 3, 64, 96)).shape == (1, 1, 64, 96)
    assert not all(parameter.requires_grad for parameter in network.encoder.parameters())


def test_levels_with_channels_last_are_turned_even_where_a_side_is_as_long():
    encoder = Generator(
        "swin_tiny_patch4_window7_224", preprocessing=Preprocessing(height=384, width=512)
    ).encoder
    with torch.no_grad():  # the first level has 96 rows and 96 channels
        levels = encoder.trained_part(torch.zeros(1, 3, 384, 512))
    assert [tuple(each.shape[1:]) for each in levels] == [
        (channels, 384 // stride, 512 // stride)
        for channels, stride in zip(encoder.channels, encoder.strides, strict=True)
    ]


def test_the_pictures_are_normalised_inside_as_the_record_says():
    for record in (VGG16_CAFFE, IMAGENET):
        network = Generator(TINY, preprocessing=record)
        x = pictures(1, 3, 8, 8)
        expected = x.numpy()[:, ::-1] if record.order == "BGR" else x.numpy()
        mean, std = (np.array(v).reshape(1, 3, 1, 1) for v in (record.mean, record.std))
        expected = (expected * record.scale - mean) / std
        np.testing.assert_allclose(network.normalise(x).numpy(), expected, atol=1e-4)


def test_uint8_pictures_give_the_same_map(tiny):
    x = pictures(1, 3, 32, 32).round()
    with torch.no_grad():
        assert torch.equal(tiny(x), tiny(x.to(torch.uint8)))


def test_the_record_follows_the_weights():
    assert default_preprocessing("vgg16") == VGG16_CAFFE
    assert default_preprocessing("vgg16", pretrained=True) == IMAGENET
    lite = default_preprocessing("tf_efficientnet_lite0")
    assert (lite.mean, lite.std, lite.order) == ((0.5,) * 3, (0.5,) * 3, "RGB")


def test_groups_1_to_3_of_vgg_are_frozen_and_nothing_else(vgg):
    frozen = {name for name, parameter in vgg.named_parameters() if not parameter.requires_grad}
    kinds = ("weight", "bias")
    assert frozen == {f"encoder.features.{i}.{kind}" for i in (0, 2, 5, 7, 10, 12, 14) for kind in kinds}


@pytest.mark.parametrize("frozen", [0, 2, 5])
def test_frozen_features_continue_to_the_same_map(frozen):
    torch.manual_seed(0)
    network = Generator(frozen=frozen).eval()
    x = pictures(2, 3, 32, 48)
    with torch.no_grad():
        kept = network.frozen_features(x)
        assert kept.shape[-2:] == (32 // network.frozen_stride, 48 // network.frozen_stride)
        assert torch.equal(network.from_frozen(kept.clone()), network.logits(x))


def test_the_three_frozen_groups_end_with_their_pooling_at_an_eighth(vgg):
    kept = vgg.frozen_features(pictures(1, 3, 32, 48))
    assert kept.shape == (1, 256, 4, 6)
    assert vgg.frozen_stride == 8
    assert not kept.requires_grad


def test_frozen_groups_stay_without_gradient_even_if_someone_unfreezes_everything():
    network = Generator()
    network.requires_grad_(True)  # what toggling networks in adversarial training may do
    network.logits(pictures(1, 3, 16, 16)).sum().backward()
    weights = dict(network.encoder.named_parameters())
    assert weights["features.14.weight"].grad is None
    assert weights["features.17.weight"].grad is not None


def test_frozen_batch_norm_stays_frozen_and_the_rest_trains():
    network = Generator(TINY, frozen=2).train()
    norms = [(n, m) for n, m in network.encoder.named_modules() if isinstance(m, nn.BatchNorm2d)]
    before = [module.running_mean.clone() for _, module in norms]
    network.logits(pictures(2, 3, 64, 64)).sum().backward()
    moved = [
        not torch.equal(old, module.running_mean) for old, (_, module) in zip(before, norms, strict=True)
    ]
    learns = [module.weight.grad is not None for _, module in norms]
    assert moved == learns
    assert True in moved
    assert False in moved
    assert moved == sorted(moved)  # the frozen ones come first


def test_the_gradient_of_the_trained_part_is_right():
    torch.manual_seed(0)
    network = Generator(TINY).double().eval()
    x = pictures(1, 3, 32, 32).double()
    weight = network.decoder.head.weight
    network.logits(x).sum().backward()
    step = 1e-5
    with torch.no_grad():
        weight[0, 0, 1, 1] += step
        up = network.logits(x).sum()
        weight[0, 0, 1, 1] -= 2 * step
        down = network.logits(x).sum()
    torch.testing.assert_close((up - down) / (2 * step), weight.grad[0, 0, 1, 1], rtol=1e-5, atol=1e-6)


def test_channels_last_gives_the_same_map(tiny):
    x = pictures(2, 3, 64, 64)
    with torch.no_grad():
        expected = tiny(x)
        given = tiny.to(memory_format=torch.channels_last)(x.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(given, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"encoder": "tf_efficientnet_lite"}, "did you mean tf_efficientnet_lite"),
        ({"encoder": "hf-hub:someone/model"}, "no encoder named 'hf-hub:someone/model'"),
        ({"encoder": "local-dir:somewhere"}, "no encoder named"),
        ({"encoder": TINY, "frozen": 9}, "has 5 feature levels; frozen=9"),
        ({"encoder": "vgg16", "frozen": 6}, "frozen=6 must lie between 0 and 5"),
        ({"encoder": "vgg16", "decoder": {"width": 3}}, "takes no 'width'"),
        ({"encoder": TINY, "decoder": {"widht": 3}}, "widht"),
        ({"encoder": TINY, "decoder": {"finest_stride": 64}}, "stride 64"),
    ],
)
def test_what_does_not_exist_is_named(arguments, message):
    with pytest.raises(ModelError, match=message):
        Generator(**arguments)


def test_the_architecture_rebuilds_the_network():
    record = dataclasses.replace(IMAGENET, height=64)
    network = Generator(TINY, decoder={"width": 24}, frozen=1, preprocessing=record)
    again = Generator(**network.architecture, preprocessing=network.preprocessing)
    again.load_state_dict(network.state_dict())
    x = pictures(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(network.eval()(x), again.eval()(x))


def test_a_plain_refinement_is_a_full_convolution_and_gives_the_same_shape():
    plain, separable = (
        Generator("tf_efficientnet_lite0", decoder={"separable": separable, "finest_stride": 8})
        for separable in (False, True)
    )
    pictures = torch.rand(1, 3, 64, 96) * 255
    assert plain.eval()(pictures).shape == separable.eval()(pictures).shape == (1, 1, 64, 96)
    kernels = [
        layer.kernel_size
        for layer in plain.decoder.refinements.modules()
        if isinstance(layer, torch.nn.Conv2d)
    ]
    assert kernels == [(3, 3)] * 3


def test_stochastic_depth_acts_in_training_alone_and_leaves_the_weights_names():
    torch.manual_seed(0)
    network = Generator("tf_efficientnet_lite0", drop_path=0.9)
    assert "drop_path" not in network.architecture
    assert network.state_dict().keys() == Generator("tf_efficientnet_lite0").state_dict().keys()
    pictures = torch.rand(2, 3, 64, 96) * 255
    for norm in network.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.momentum = 0.0
    network.train()
    assert not torch.equal(network.logits(pictures), network.logits(pictures))
    network.eval()
    assert torch.equal(network.logits(pictures), network.logits(pictures))


def test_an_encoder_without_residual_blocks_takes_no_stochastic_depth():
    with pytest.raises(ModelError, match="drop_path"):
        Generator("vgg16", drop_path=0.1)


def kept_bytes(network, batch):
    """Gradients of a step, and how much memory what it keeps for the way back takes beside the weights."""
    weights = {each.untyped_storage().data_ptr() for each in network.parameters()}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    network.zero_grad()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = network.logits(batch).square().mean()
    loss.backward()
    gradients = {
        name: weight.grad.clone() for name, weight in network.named_parameters() if weight.requires_grad
    }
    return gradients, sum(kept.values())


def test_activations_computed_again_give_the_same_gradients_in_less_memory(vgg):
    batch = pictures(1, 3, 32, 48)
    plain, much = kept_bytes(vgg, batch)
    vgg.checkpoint_activations()
    again, little = kept_bytes(vgg, batch)
    vgg.checkpoint_activations(False)
    vgg.zero_grad()
    assert all(torch.allclose(value, plain[name], rtol=1e-5, atol=1e-9) for name, value in again.items())
    assert again.keys() == plain.keys()
    assert little < 0.25 * much


def test_only_vgg16_computes_activations_again(tiny):
    with pytest.raises(ModelError, match=r"test_efficientnet keeps its activations: .* is for vgg16"):
        tiny.checkpoint_activations()
