"""The layer for screens: drawn pictures are looked at where something is drawn, photographs as before."""

import dataclasses

import numpy as np
import onnx
import pytest
import torch

from salgan.errors import ModelError
from salgan.export import export_onnx, quantize_int8
from salgan.models.predictor import Predictor
from salgan.networks import Generator, ScreenPrior, load_network, save_network
from salgan.preprocessing import IMAGENET

FLAT_MAP = torch.full((1, 1, 96, 128), 0.5)


def paper(*marks):
    """A white page with patterns of black and white pixels at (top, left, height, width)."""
    picture = torch.full((1, 3, 96, 128), 255.0)
    for top, left, height, width in marks:
        noise = (torch.rand(height, width, generator=torch.Generator().manual_seed(0)) > 0.5) * 255.0
        picture[..., top : top + height, left : left + width] = noise
    return picture


def photograph():
    return torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(1)) * 255


def test_a_photograph_keeps_its_map():
    maps = torch.rand(1, 1, 96, 128, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(ScreenPrior()(photograph(), maps), maps, rtol=1e-5, atol=0)


def test_on_a_page_what_is_drawn_gains_on_the_empty_ground():
    finished = ScreenPrior()(paper((40, 56, 16, 16)), FLAT_MAP)
    assert finished[0, 0, 48, 64] > 3 * finished[0, 0, 48, 100]


def test_of_two_equal_marks_the_one_where_reading_begins_gains():
    finished = ScreenPrior()(paper((16, 24, 16, 16), (64, 88, 16, 16)), FLAT_MAP)
    assert finished[0, 0, 24, 32] > 1.2 * finished[0, 0, 72, 96]


def test_the_maximum_stays_and_the_map_remains_one():
    maps = 0.8 * torch.rand(1, 1, 96, 128, generator=torch.Generator().manual_seed(3))
    finished = ScreenPrior()(paper((40, 56, 16, 16)), maps)
    assert finished.max().item() == pytest.approx(maps.max().item(), rel=1e-5)
    assert finished.min() >= 0


def test_an_empty_page_keeps_a_finite_map():
    finished = ScreenPrior()(paper(), FLAT_MAP)
    assert torch.isfinite(finished).all()
    assert finished.max().item() == pytest.approx(0.5, rel=1e-5)
    assert torch.equal(ScreenPrior()(paper(), torch.zeros_like(FLAT_MAP)), torch.zeros_like(FLAT_MAP))


def test_between_photograph_and_page_the_mixture_is_partial():
    layer = ScreenPrior()
    shares = []
    for rows in (96, 68, 60, 40):  # rows of noise: the fewer, the flatter
        picture = paper((96 - rows, 0, rows, 128))
        shares.append((layer(picture, FLAT_MAP) - FLAT_MAP).abs().mean().item())
    assert shares[0] == pytest.approx(0, abs=1e-6)
    assert 0 < shares[1] < shares[2] < shares[3]


def test_pictures_of_a_batch_do_not_see_each_other():
    layer, page = ScreenPrior(), paper((40, 56, 16, 16))
    both = layer(torch.cat([page, photograph()]), FLAT_MAP.repeat(2, 1, 1, 1))
    torch.testing.assert_close(both[:1], layer(page, FLAT_MAP))
    torch.testing.assert_close(both[1:], layer(photograph(), FLAT_MAP))


@pytest.mark.parametrize("size", [(9, 8), (33, 65), (96, 97)])
def test_odd_sizes_are_taken(size):
    finished = ScreenPrior()(torch.full((1, 3, *size), 255.0), torch.full((1, 1, *size), 0.5))
    assert finished.shape == (1, 1, *size)
    assert torch.isfinite(finished).all()


def test_training_compares_the_maps_before_it():
    torch.manual_seed(0)
    network = Generator("test_efficientnet", screens=True).eval()
    page = paper((40, 56, 16, 16))
    with torch.no_grad():
        before, after = torch.sigmoid(network.logits(page)), network(page)
        torch.testing.assert_close(after, network.screens(page, before))
    assert (before - after).abs().max() > 0.01


def test_it_has_no_weights_and_is_part_of_the_architecture(tmp_path):
    network = Generator("test_efficientnet", screens=True)
    assert network.state_dict().keys() == Generator("test_efficientnet").state_dict().keys()
    save_network(network, tmp_path / "network.safetensors")
    assert load_network(tmp_path / "network.safetensors").screens is not None
    save_network(Generator("test_efficientnet"), tmp_path / "plain.safetensors")
    assert load_network(tmp_path / "plain.safetensors").screens is None


def test_the_papers_network_has_none():
    with pytest.raises(ModelError, match="leave screens out"):
        Generator("vgg16", screens=True)


def test_an_export_has_it_and_8_bits_leave_it_alone(tmp_path):
    torch.manual_seed(0)
    record = dataclasses.replace(IMAGENET, height=96, width=128)
    network = Generator("test_efficientnet", screens=True, preprocessing=record)
    exported = export_onnx(network, tmp_path / "float.onnx")  # compares with PyTorch
    page = paper((40, 56, 16, 16))[0].permute(1, 2, 0).numpy().astype(np.uint8)
    with torch.no_grad():
        expected = network.eval()(torch.from_numpy(page).permute(2, 0, 1)[None].float())[0, 0].numpy()
    assert np.abs(Predictor(exported.path).predict(page).array - expected).max() < 1e-4
    quantised = quantize_int8(exported.path, tmp_path / "int8.onnx", [page])
    assert np.abs(Predictor(quantised.path).predict(page).array - expected).mean() < 0.01
    kernels = {
        tensor.name: tensor.data_type
        for tensor in onnx.load(quantised.path).graph.initializer
        if len(tensor.dims) == 4
    }
    assert kernels["screens.weights"] == onnx.TensorProto.FLOAT
    assert kernels["decoder.head.weight"] == onnx.TensorProto.FLOAT
    assert onnx.TensorProto.INT8 in kernels.values()
