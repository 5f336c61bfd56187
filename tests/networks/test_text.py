"""The head that sees text: what it changes on pages, and that it changes nothing before it is trained."""

import dataclasses

import numpy as np
import pytest
import torch

from salgan.errors import ModelError
from salgan.export import export_onnx
from salgan.models.predictor import Predictor
from salgan.networks import Generator, ScreenPrior, TextHead, load_network, save_network
from salgan.preprocessing import IMAGENET
from tests.networks.test_screens import FLAT_MAP, paper, photograph

MARKS = (16, 24, 16, 16), (16, 88, 16, 16)
"""Two of the same, left and right on a page of 96 rows and 128 columns."""


def with_text(**options):
    torch.manual_seed(0)
    return Generator("test_efficientnet", decoder={"finest_stride": 8}, screens=True, **options).eval()


def trained(network):
    """Give the head weights at random, so large that it is sure of what it sees."""
    torch.manual_seed(1)
    torch.nn.init.normal_(network.text.read.weight, std=20)
    torch.nn.init.zeros_(network.text.read.bias)
    return network


def test_before_it_is_trained_it_sees_no_text_and_changes_nothing():
    plain, network = with_text(), with_text(text=True)
    missing = network.load_state_dict(plain.state_dict(), strict=False).missing_keys
    assert missing
    assert all(name.startswith("text.") for name in missing)
    with torch.no_grad():
        torch.testing.assert_close(network(paper(*MARKS)), plain(paper(*MARKS)))


def test_on_a_page_text_gains_by_its_weight():
    text = torch.zeros(1, 1, 12, 16)
    text[..., 8:] = 1
    plain = ScreenPrior()(paper(*MARKS), FLAT_MAP)[0, 0, 24]
    found = ScreenPrior(text=0.75)(paper(*MARKS), FLAT_MAP, text)[0, 0, 24]
    gained = (found[96] / found[32]) / (plain[96] / plain[32])
    assert gained.item() == pytest.approx(np.exp(0.75), rel=0.01)


def test_a_photograph_with_text_keeps_its_map():
    maps = torch.rand(1, 1, 96, 128, generator=torch.Generator().manual_seed(2))
    text = torch.rand(1, 1, 12, 16, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(ScreenPrior()(photograph(), maps, text), maps, rtol=1e-5, atol=0)


def test_it_looks_at_the_level_below_the_pyramid():
    network = with_text(text=True)
    fine, merged = network.text_features(paper(*MARKS))
    assert tuple(fine.shape[-2:]) == (24, 32)
    assert tuple(merged.shape[-2:]) == (12, 16)
    assert network.text(fine, merged).shape == merged[:, :1].shape


def test_training_leaves_it_alone():
    network = with_text(text=True).train()
    network.logits(photograph()).mean().backward()
    assert all(weight.grad is None for weight in network.text.parameters())


def test_sizes_that_do_not_divide_are_taken():
    assert TextHead(8, 16)(torch.zeros(1, 8, 11, 17), torch.zeros(1, 16, 5, 8)).shape == (1, 1, 5, 8)
    with torch.no_grad():
        assert with_text(text=True)(torch.zeros(1, 3, 90, 130)).shape == (1, 1, 90, 130)


def test_it_is_part_of_the_architecture(tmp_path):
    network = trained(with_text(text=True))
    save_network(network, tmp_path / "network.safetensors")
    again = load_network(tmp_path / "network.safetensors")
    with torch.no_grad():
        assert torch.equal(again(paper(*MARKS)), network(paper(*MARKS)))


def test_an_export_has_it(tmp_path):
    record = dataclasses.replace(IMAGENET, height=96, width=128)
    network = trained(with_text(text=True, preprocessing=record))
    exported = export_onnx(network, tmp_path / "network.onnx")  # compares with PyTorch
    page = paper(*MARKS)
    with torch.no_grad():
        expected, without = network(page)[0, 0].numpy(), with_text(preprocessing=record)(page)[0, 0].numpy()
    picture = page[0].permute(1, 2, 0).numpy().astype(np.uint8)
    assert np.abs(Predictor(exported.path).predict(picture).array - expected).max() < 1e-4
    assert np.abs(expected - without).max() > 0.01


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": "test_efficientnet"}, "add screens"),
        (
            {"encoder": "test_efficientnet", "screens": True, "decoder": {"finest_stride": 2}},
            "coarser decoder.finest_stride",
        ),
    ],
)
def test_where_it_cannot_be_is_said(options, message):
    with pytest.raises(ModelError, match=message):
        Generator(**options, text=True)
