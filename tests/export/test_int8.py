"""An 8-bit file is small, close to the float one, and refused when it is not."""

import numpy as np
import onnx
import pytest

from salgan.errors import ModelError
from salgan.export import quantize_int8
from salgan.models.predictor import Predictor
from salgan.preprocessing import Preprocessing


@pytest.fixture(scope="module")
def model(small_exported):
    return small_exported.path


@pytest.fixture(scope="module")
def pictures():
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (8, 6, 9, 3), dtype=np.uint8)
    return [picture.repeat(10, axis=0).repeat(10, axis=1) for picture in coarse]


def test_the_file_shrinks_and_its_maps_stay_close(model, pictures, tmp_path):
    done = quantize_int8(model, tmp_path / "int8.onnx", pictures[:6])
    assert done.size < 0.5 * model.stat().st_size
    assert 0 < done.mean_difference < 0.01
    assert done.mean_difference < done.difference
    before, after = Predictor(model), Predictor(done.path)
    assert after.preprocessing == before.preprocessing
    assert Preprocessing.from_json((tmp_path / "int8.json").read_text()) == before.preprocessing
    for picture in pictures[6:]:
        expected, given = before.predict(picture).array, after.predict(picture).array
        assert np.abs(expected - given).mean() < 0.01
        assert np.corrcoef(expected.ravel(), given.ravel())[0, 1] > 0.99


def test_its_convolutions_hold_8_bit_weights_but_the_last(model, pictures, tmp_path):
    done = quantize_int8(model, tmp_path / "int8.onnx", pictures[:2])
    tensors = onnx.load(done.path).graph.initializer
    kernels = {tensor.name: tensor.data_type for tensor in tensors if len(tensor.dims) == 4}
    float_kernels = [name for name, kind in kernels.items() if kind == onnx.TensorProto.FLOAT]
    assert sum(kind == onnx.TensorProto.INT8 for kind in kernels.values()) > 10
    assert "decoder.head.weight" in float_kernels


def test_ranges_are_taken_after_the_rectifiers(model, pictures, tmp_path):
    nodes = onnx.load(quantize_int8(model, tmp_path / "int8.onnx", pictures[:2]).path).graph.node
    makers = {name: node.op_type for node in nodes for name in node.output}
    rectified = [makers.get(node.input[0]) for node in nodes if node.op_type in ("Relu", "Clip")]
    assert "DequantizeLinear" not in rectified


def test_maps_that_move_too_far_are_refused_and_leave_nothing(model, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("salgan.export.int8.INT8_BOUND", 1e-6)
    with pytest.raises(ModelError, match="more than 1e-06; nothing was written, keep the float model"):
        quantize_int8(model, tmp_path / "int8.onnx", pictures[:2])
    assert list(tmp_path.iterdir()) == []


def test_without_pictures_nothing_can_be_calibrated(model, tmp_path):
    with pytest.raises(ModelError, match="needs pictures"):
        quantize_int8(model, tmp_path / "int8.onnx", [])
