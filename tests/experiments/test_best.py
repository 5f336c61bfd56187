"""The mean of several networks in one file."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="the extra train is not installed")

import torch
from torch.nn import functional as F  # noqa: N812  # its name everywhere

from salgan import load_model
from salgan.errors import ModelError
from salgan.networks import Generator, ScreenPrior, save_network
from salgan.networks.files import as_safetensors
from salgan.preprocessing import IMAGENET, VGG16_CAFFE
from tests._scripts import script_at

HOME = Path(__file__).parents[2] / "experiments/best"
SHAPES = ((64, 96), (96, 64))


@pytest.fixture(scope="module")
def script():
    """The script that joins networks."""
    return script_at(HOME / "mean.py")


@pytest.fixture
def networks() -> list[Generator]:
    """Two networks with different weights; the first one says how they are fed."""
    made = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        network = Generator("test_efficientnet", decoder={"width": 8}).eval()
        torch.nn.init.normal_(network.decoder.head.weight, std=0.5)
        network.preprocessing = replace(network.preprocessing, height=64, width=96, shapes=SHAPES)
        made.append(network)
    return made


def _densities(network: Generator, pictures: torch.Tensor) -> np.ndarray:
    maps = network(pictures).double().numpy()
    return maps / maps.sum((2, 3), keepdims=True)


@torch.no_grad()
def test_the_answer_is_the_geometric_mean_of_the_densities_with_a_maximum_of_1(script, networks):
    pictures = torch.rand(2, 3, 64, 96) * 255
    one, other = (_densities(network, pictures) for network in networks)
    expected = np.sqrt(one * other)
    expected /= expected.max((2, 3), keepdims=True)
    found = script.Mean(networks, [1, 1])(pictures).numpy()
    assert np.abs(one - other).max() > 1e-5
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@torch.no_grad()
def test_a_network_may_see_the_picture_smaller_and_mirrored(script, networks):
    pictures = torch.rand(1, 3, 64, 96) * 255
    small = F.interpolate(pictures, (32, 64), mode="bilinear")  # 48 is no multiple of 32
    expected = F.interpolate(networks[0].logits(small), size=(64, 96), mode="bilinear").sigmoid()
    found = script.Mean(networks[:1], [0.5])(pictures)
    np.testing.assert_allclose(found, expected / expected.max(), rtol=1e-3)
    mean = script.Mean(networks, [1, 0.5], mirrored=True)
    np.testing.assert_allclose(mean(pictures.flip(-1)).flip(-1), mean(pictures), rtol=1e-3)


@torch.no_grad()
def test_the_layer_for_screens_sees_what_its_network_sees_or_the_picture_at_a_scale_of_its_own(
    script, networks
):
    networks[1].screens = ScreenPrior(contrast=0.5)
    drawn = torch.full((1, 3, 64, 96), 255.0)
    drawn[..., 20:30, 30:60] = 0
    plain = script.Mean(networks, [1, 0.5])
    plain.screens = None
    small = F.interpolate(drawn, (32, 64), mode="bilinear")
    expected = networks[1].screens(small, plain(drawn))
    found = script.Mean(networks, [1, 0.5], screens=1)(drawn)
    assert (found - plain(drawn)).abs().max() > 0.05
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    as_drawn = script.Mean(networks, [1, 0.5], screens=1, screens_scale=1)(drawn)
    np.testing.assert_allclose(as_drawn, networks[1].screens(drawn, plain(drawn)), rtol=1e-5)
    assert (as_drawn - found).abs().max() > 1e-3


@pytest.mark.parametrize(("scale", "size"), [(0.85, (224, 288)), (0.727, (192, 224)), (1.4, (352, 448))])
def test_a_scaled_picture_has_sides_that_an_encoder_can_halve(script, scale, size):
    assert script.scaled((256, 320), scale) == size


def test_the_file_predicts_a_picture_of_any_shape(tmp_path, script, networks, monkeypatch, capsys):
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for network, path in zip(networks, paths, strict=True):
        save_network(network, path)
    out = tmp_path / "best.onnx"
    monkeypatch.setattr(sys, "argv", ["mean.py", str(paths[0]), f"{paths[1]}@0.75", "-o", str(out)])
    script.main()
    assert "parity" in capsys.readouterr().out
    rng = np.random.default_rng(0)
    model = load_model(out)
    for height, width in SHAPES:
        picture = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        with torch.no_grad():
            pictures = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
            expected = script.Mean(networks, [1, 0.75])(pictures)[0, 0].numpy()
        found = model.predict(Image.fromarray(picture)).array
        np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("gone.safetensors", "no such file"),
        ("liet", "did you mean lite?"),
        ("a.safetensors@0", "a scale lies between 0.25 and 4"),
        ("photo.jpg", "is a picture (JPEG), and no model"),
    ],
)
def test_what_cannot_be_joined_is_said_and_nothing_written(
    tmp_path, script, networks, monkeypatch, network, words
):
    monkeypatch.chdir(tmp_path)
    save_network(networks[0], tmp_path / "a.safetensors")
    Image.new("RGB", (8, 8)).save("photo.jpg")
    monkeypatch.setattr(sys, "argv", ["mean.py", "a.safetensors", network, "-o", "best.onnx"])
    with pytest.raises(ModelError, match=re.escape(words)):
        script.main()
    assert not (tmp_path / "best.onnx").exists()


def test_a_file_that_is_not_vgg16_is_refused_by_the_tensor_that_it_lacks(tmp_path, monkeypatch):
    caffe = script_at(HOME / "caffe.py")
    (tmp_path / "a.safetensors").write_bytes(as_safetensors({"other": torch.zeros(1)}, {}))
    out = tmp_path / "rgb.safetensors"
    monkeypatch.setattr(sys, "argv", ["caffe.py", str(tmp_path / "a.safetensors"), "-o", str(out)])
    with pytest.raises(ModelError, match=r"features\.0"):
        caffe.main()
    assert not out.exists()


def test_the_papers_weights_answer_the_same_in_rgb():
    torch.manual_seed(0)
    weights = {"features.0.weight": torch.randn(4, 3, 3, 3).half(), "features.0.bias": torch.randn(4).half()}
    changed = script_at(HOME / "caffe.py").converted(weights)
    pictures = torch.rand(1, 3, 9, 9) * 255

    def answer(record, weights):
        seen = pictures.flip(1) if record.order == "BGR" else pictures
        mean, std = (torch.tensor(each).reshape(1, 3, 1, 1) for each in (record.mean, record.std))
        return F.conv2d(
            (seen * record.scale - mean) / std,
            weights["features.0.weight"].float(),
            weights["features.0.bias"].float(),
        )

    expected = answer(VGG16_CAFFE, weights)
    torch.testing.assert_close(answer(IMAGENET, changed), expected, rtol=1e-4, atol=1e-2)
    assert expected.abs().mean() > 100


@pytest.mark.parametrize("screens", ["2", "0@1", "2@0.5"])
def test_a_layer_of_a_network_that_is_not_there_is_refused(script, tmp_path, monkeypatch, screens):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["mean.py", "lite", "--screens", screens, "-o", "best.onnx"])
    with pytest.raises(SystemExit, match=f"--screens {screens}: there are networks 1 to 1"):
        script.main()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("screens", ["first", "1@", "1@half", "1@0,5"])
def test_a_scale_that_is_no_number_is_refused_instead_of_taken_for_1(script, monkeypatch, screens):
    monkeypatch.setattr(sys, "argv", ["mean.py", "lite", "--screens", screens, "-o", "best.onnx"])
    with pytest.raises(SystemExit, match=f"--screens {screens}: give NUMBER or NUMBER@SCALE"):
        script.main()
