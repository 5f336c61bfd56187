"""Networks: ONNX, safetensors, PyTorch's checkpoints."""

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salgan.models.predictor import Predictor
from tests._onnx import tiny_model
from tests.fuzz.damage import JSON, answers, damaged, deep, fuzz, slow_fuzz

PICTURE = np.zeros((24, 32, 3), np.uint8)


def _predict(content):
    return Predictor(content, threads=1).predict(PICTURE)


@fuzz
@given(damaged([tiny_model()]) | st.binary(max_size=200))
def test_onnx(content):
    answers(_predict, content)


@slow_fuzz
@given(JSON.map(json.dumps) | deep.map(bytes.decode) | st.text(max_size=20))
def test_metadata_of_onnx(text):
    answers(_predict, tiny_model(text))


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """A small network's description and weights in each kind of file."""
    torch = pytest.importorskip("torch", reason="the extra train is not installed")
    from salgan.networks import Generator
    from salgan.networks.files import as_safetensors
    from salgan.networks.weights import describe

    network = Generator("mobilenetv3_small_050", decoder={"width": 8})
    description = describe(network)
    weights = {"head": torch.ones(2, 2)}
    checkpoint = io.BytesIO()
    torch.save({"salgan": {"generator": weights}, "description": description}, checkpoint)
    return {
        "safetensors": as_safetensors(weights, description),
        "pt": checkpoint.getvalue(),
        "onnx": tiny_model(),
    }


@pytest.mark.parametrize("kind", ["safetensors", "pt", "onnx"])
def test_weights(kind, files, tmp_path):
    from salgan.networks.weights import load_network

    path = tmp_path / f"a.{kind}"

    @slow_fuzz
    @given(damaged([files[kind]]) | st.binary(max_size=100))
    def reads(content):
        path.write_bytes(content)
        answers(load_network, path)

    reads()


@slow_fuzz
@given(
    st.dictionaries(
        st.sampled_from(["salgan.architecture", "salgan.factory", "salgan.preprocessing"]),
        JSON | JSON.map(json.dumps) | deep.map(bytes.decode) | st.sampled_from(["os:system", "a.b:c"]),
    )
    | st.tuples(JSON, JSON, JSON).map(
        lambda parts: {
            "salgan.architecture": json.dumps(
                dict(zip(("encoder", "decoder", "frozen"), parts, strict=True))
            ),
            "salgan.preprocessing": "{}",
        }
    )
)
def test_descriptions_of_networks(description):
    pytest.importorskip("torch", reason="the extra train is not installed")
    from salgan.networks.weights import restore

    answers(lambda: restore(description, {}, origin="a"))
