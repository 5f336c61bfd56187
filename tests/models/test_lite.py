"""The bundled model: which shapes it takes, and what comes along to train it further."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from salgan.models import load_model

RELEASE = Path(__file__).parents[2] / "release"


@pytest.fixture(scope="module")
def lite():
    return load_model("lite")


@pytest.fixture(scope="module")
def photo():
    return np.asarray(Image.open(Path(__file__).parents[2] / "examples" / "photo.jpg").convert("RGB"))


def test_ordinary_photographs_go_in_squeezed_and_long_ones_at_their_own_shape(lite):
    sizes = {
        "4:3": (600, 800),
        "1:1": (500, 500),
        "2:3": (900, 600),
        "16:9": (1080, 1920),
        "9:16": (1920, 1080),
        "phone": (2532, 1170),
        "thumbnail": (256, 256),
    }
    shapes = {name: lite.preprocessing.shape_for(*size) for name, size in sizes.items()}
    usual = {"4:3": (288, 352), "1:1": (288, 352), "2:3": (288, 352)}
    assert shapes == usual | {
        "16:9": (224, 384),
        "9:16": (352, 224),
        "phone": (416, 192),
        "thumbnail": (256, 320),
    }


def test_no_input_shape_takes_longer_than_the_usual_one(lite):
    areas = [rows * columns for rows, columns in lite.preprocessing.shapes]
    assert max(areas) == 288 * 352


def test_a_photograph_is_predicted_as_it_was_before_there_were_shapes(lite, photo):
    fixed = load_model("lite")
    fixed.preprocessing = lite.preprocessing.fixed()
    assert np.array_equal(fixed.predict(photo).array, lite.predict(photo).array)


def test_a_phones_button_is_seen_at_the_pictures_own_shape(lite):
    """A white screen with one dark button near its lower end; squeezed, it is partly smeared."""
    screen = np.full((2532, 1170, 3), 255, np.uint8)
    screen[2150:2330, 300:870] = (20, 90, 220)
    fixed = load_model("lite")
    fixed.preprocessing = lite.preprocessing.fixed()
    own, squeezed = (model.predict(screen).density[2150:2330, 300:870].sum() for model in (lite, fixed))
    assert own > 1.1 * squeezed
    assert own > 0.4


@pytest.mark.skipif(not (RELEASE / "lite-int8.onnx").exists(), reason="release/ is only in a checkout")
def test_the_8_bit_model_takes_the_same_shapes(lite):
    assert load_model("lite-int8").preprocessing == lite.preprocessing


@pytest.mark.skipif(not (RELEASE / "lite.safetensors").exists(), reason="release/ is only in a checkout")
def test_the_weights_to_train_further_predict_what_lite_predicts_and_keep_their_norms(lite, photo):
    torch = pytest.importorskip("torch")
    from salgan.networks import load_network

    network = load_network(RELEASE / "lite.safetensors")
    assert network.preprocessing == lite.preprocessing
    norms = [each for each in network.modules() if isinstance(each, torch.nn.BatchNorm2d)]
    assert len(norms) == 54
    assert all(float(norm.running_var.std()) > 0 for norm in norms)
    with torch.no_grad():
        mine = network(torch.from_numpy(lite.network_input([photo]))).numpy()
    assert np.abs(mine - lite._infer(lite.network_input([photo]))).max() < 1e-5


@pytest.mark.skipif(
    not (RELEASE / "lite-taught.safetensors").exists(), reason="release/ is only in a checkout"
)
def test_its_weights_are_the_average_of_those_that_its_card_names():
    torch = pytest.importorskip("torch")
    from salgan.networks import load_network

    lite, *parts = (
        load_network(RELEASE / f"{name}.safetensors")
        for name in ("lite", "lite-320", "lite-wide-screens", "lite-taught")
    )
    assert lite.preprocessing.shape == (288, 352)
    assert [each.preprocessing.shape for each in parts] == [(256, 320), (352, 448), (288, 352)]
    for mine, *theirs in zip(*(each.state_dict().values() for each in (lite, *parts)), strict=True):
        if mine.is_floating_point():
            mean = sum(share * each for share, each in zip((0.7, 0.15, 0.15), theirs, strict=True))
            torch.testing.assert_close(mine, mean, rtol=1e-3, atol=1e-4)
    for part in parts:
        assert not torch.allclose(lite.decoder.head.weight, part.decoder.head.weight, rtol=0.01)
