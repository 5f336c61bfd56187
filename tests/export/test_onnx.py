"""An exported file is the network itself, says how it wants to be fed, and is there whole or not at all."""

import copy
import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from salgan._private import onnx_runtime
from salgan.errors import ModelError
from salgan.export import export_onnx
from salgan.export import onnx as module
from salgan.models.predictor import Predictor
from salgan.networks import Generator, save_network
from salgan.preprocessing import Preprocessing
from tests.export.conftest import RECORD, make_network, with_contrast


def run(path, pictures):
    session = onnx_runtime().InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["saliency"], {"picture": pictures})[0]


def maps(network, pictures):
    with torch.no_grad():
        return copy.deepcopy(network).eval()(torch.from_numpy(pictures)).numpy()


@pytest.mark.parametrize("shape", [(1, 64, 96), (4, 64, 96), (2, 192, 256), (1, 33, 71), (1, 97, 32)])
def test_onnx_runtime_gives_pytorchs_map_at_any_batch_and_size(network, exported, shape):
    count, height, width = shape
    pictures = np.random.default_rng(3).uniform(0, 255, (count, 3, height, width)).astype(np.float32)
    expected = maps(network, pictures)
    assert expected.std() > 0.01
    np.testing.assert_allclose(run(exported.path, pictures), expected, atol=1e-4)


def test_vgg16_is_exported_with_free_sizes_too(tmp_path):
    network = with_contrast(Generator("vgg16"))
    exported = export_onnx(network, tmp_path / "vgg.onnx")
    assert exported.parity < 1e-4
    pictures = np.random.default_rng(3).uniform(0, 255, (3, 3, 32, 80)).astype(np.float32)
    np.testing.assert_allclose(run(exported.path, pictures), maps(network, pictures), atol=1e-4)


def test_an_encoder_built_for_one_size_is_exported_at_that_size_with_a_free_batch(tmp_path):
    network = with_contrast(Generator("test_vit", preprocessing=RECORD))
    exported = export_onnx(network, tmp_path / "vit.onnx")
    assert {shape[1:] for shape in exported.shapes} == {(64, 96)}
    pictures = np.random.default_rng(3).uniform(0, 255, (5, 3, 64, 96)).astype(np.float32)
    np.testing.assert_allclose(run(exported.path, pictures), maps(network, pictures), atol=1e-4)


def test_the_report_says_what_was_compared(exported):
    assert (1, 64, 96) in exported.shapes
    assert len({shape[0] for shape in exported.shapes}) > 1
    assert len({shape[1:] for shape in exported.shapes}) > 2
    assert 0 <= exported.parity == exported.difference < 1e-4
    assert exported.size == exported.path.stat().st_size


def test_the_record_is_in_the_file_and_beside_it(exported):
    assert Predictor(exported.path).preprocessing == RECORD
    beside = exported.path.with_suffix(".json").read_text(encoding="utf-8")
    assert Preprocessing.from_json(beside) == RECORD
    assert json.loads(beside)["width"] == 96


def test_the_predictor_gives_the_networks_map(network, exported):
    picture = np.random.default_rng(4).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    expected = maps(network, picture.transpose(2, 0, 1)[None].astype(np.float32))[0, 0]
    np.testing.assert_allclose(Predictor(exported.path).predict(picture).array, expected, atol=1e-4)


def test_the_graph_names_its_axes_and_nothing_of_the_machine_that_made_it(exported):
    model = onnx.load(exported.path)
    onnx.checker.check_model(model, full_check=True)
    axes = [axis.dim_param or axis.dim_value for axis in model.graph.input[0].type.tensor_type.shape.dim]
    assert axes == ["batch", 3, "height", "width"]
    for tensor in model.graph.initializer:
        tensor.ClearField("raw_data")  # random bytes can spell anything
    content = model.SerializeToString()
    for trace in (b".py", b"stack_trace", b"site-packages", b"File "):
        assert trace not in content


def test_tensorflows_padding_is_left_to_the_runtime(exported):
    nodes = onnx.load(exported.path).graph.node
    paddings = [
        a.s for node in nodes if node.op_type == "Conv" for a in node.attribute if a.name == "auto_pad"
    ]
    assert b"SAME_UPPER" in paddings
    assert "Pad" not in {node.op_type for node in nodes}


@pytest.mark.parametrize(("weights", "share", "bound"), [("float16", 0.6, 2e-2), ("int8", 0.35, 5e-2)])
def test_weights_in_fewer_bits_shrink_the_file_and_move_the_maps_a_little(
    network, exported, tmp_path, monkeypatch, weights, share, bound
):
    monkeypatch.setattr(module, "_to_onnx", lambda _: onnx.load(exported.path))  # the slow step, done once
    stored = export_onnx(network, tmp_path / "stored.onnx", weights=weights)
    assert stored.size < share * exported.size
    assert stored.parity < 1e-4
    assert 0 < stored.difference < bound
    pictures = np.random.default_rng(3).uniform(0, 255, (2, 3, 64, 96)).astype(np.float32)
    given = run(stored.path, pictures)
    assert given.dtype == np.float32
    np.testing.assert_allclose(given, maps(network, pictures), atol=bound)


def test_8_bit_weights_are_rounded_to_127_steps_of_the_largest_in_their_row(
    small, small_exported, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "_to_onnx", lambda _: onnx.load(small_exported.path))
    path = export_onnx(small, tmp_path / "stored.onnx", weights="int8").path
    before, after = (
        {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(file).graph.initializer}
        for file in (small_exported.path, path)
    )
    stored = [name.removesuffix(".int8") for name in after if name.endswith(".int8")]
    assert stored
    for name in stored:
        blocks = before[name].reshape(after[f"{name}.int8"].shape)
        assert blocks.shape[1] <= before[name][0].size  # never across output channels
        assert before[name][0].size % blocks.shape[1] == 0
        step = np.abs(blocks).max(axis=1, keepdims=True) / 127
        np.testing.assert_allclose(after[f"{name}.scale"], np.where(step > 0, step, 1), rtol=1e-6)
        outputs = before[name].shape[0]
        errors = (after[f"{name}.int8"] * step - blocks).reshape(outputs, -1)
        coarsest = step.reshape(outputs, -1).max(axis=1, keepdims=True)
        assert (np.abs(errors) <= coarsest * (1 + 1e-4)).all()
        assert (np.abs(errors.cumsum(axis=1)) <= coarsest / 2 * (1 + 1e-3)).all()  # they cancel each other
    assert "decoder.head.weight" in after  # few numbers, near the map: not worth it


def test_what_a_training_from_8_bits_has_learnt_is_not_rounded_away():
    generator = np.random.default_rng(0)
    whole = generator.integers(-120, 121, (64, 8, 3, 3))
    whole[:, 0, 0, 0] = 127  # the largest, so that a step is 1
    learnt = whole + np.where(whole == 127, 0, 0.2)  # less than half a step, all in one direction
    tensor = onnx.numpy_helper.from_array(learnt.astype(np.float32), "kernel")
    (stored, _, _), _ = module._stored(tensor, "int8")
    kept = onnx.numpy_helper.to_array(stored).astype(float).reshape(whole.shape)
    assert np.isclose((kept - whole).mean(), (learnt - whole).mean(), atol=0.01)


@pytest.mark.parametrize(
    ("shape", "row"),
    [((64, 64, 3, 3), 72), ((64, 128, 1, 1), 64), ((512, 12, 3, 3), 108), ((512, 1, 5, 5), 25)],
)
def test_in_8_bits_eight_input_channels_of_3_by_3_share_a_scale(shape, row):
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    (whole, scale, _), _ = module._stored(onnx.numpy_helper.from_array(values, "kernel"), "int8")
    assert list(whole.dims) == [values.size // row, row]
    assert list(scale.dims) == [values.size // row, 1]


def test_a_channel_of_zeros_stays_zeros_in_8_bits(small, small_exported, tmp_path, monkeypatch):
    model = onnx.load(small_exported.path)
    kernels = [tensor for tensor in model.graph.initializer if np.prod(tensor.dims) >= 4096]
    array = onnx.numpy_helper.to_array(kernels[0]).copy()
    array[0] = 0
    kernels[0].CopyFrom(onnx.numpy_helper.from_array(array, kernels[0].name))
    module._store(model, "int8")
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    name = kernels[0].name
    assert not stored[f"{name}.int8"][0].any()
    assert np.isfinite(stored[f"{name}.scale"]).all()


def test_exporting_leaves_the_network_as_it_was(network, exported):
    fresh = make_network()
    assert network.training  # it was when it was exported
    after = network.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in fresh.state_dict().items())
    assert [type(layer) for layer in network.modules()] == [type(layer) for layer in fresh.modules()]


@pytest.fixture
def tampered(small_exported, monkeypatch):
    """Let the exporter make a graph that is not quite the network's."""

    def tamper(change):
        model = onnx.load(small_exported.path)
        change(model)
        monkeypatch.setattr(module, "_to_onnx", lambda _: model)

    return tamper


def scale_head(model, factor):
    values = next(tensor for tensor in model.graph.initializer if tensor.name == "decoder.head.weight")
    array = onnx.numpy_helper.to_array(values) * np.float32(factor)
    values.CopyFrom(onnx.numpy_helper.from_array(array, values.name))


def test_a_graph_that_differs_is_refused_and_leaves_nothing(small, tampered, tmp_path):
    tampered(lambda model: scale_head(model, 1.01))
    with pytest.raises(ModelError, match=r"differ by 0\.\d+, more than 0\.0001; nothing was written"):
        export_onnx(small, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_makes_nan_is_refused_and_leaves_nothing(small, tampered, tmp_path):
    tampered(lambda model: scale_head(model, np.nan))
    with pytest.raises(ModelError, match="not finite"):
        export_onnx(small, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_does_not_run_is_refused_and_leaves_the_old_file(small, tampered, tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"old")
    tampered(lambda model: model.graph.node[0].input.__setitem__(0, "nowhere"))
    with pytest.raises(ModelError, match=r"does not run .*; nothing was written") as caught:
        export_onnx(small, tmp_path / "model.onnx")
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    assert (tmp_path / "model.onnx").read_bytes() == b"old"


def test_the_output_must_be_named_onnx(small, tmp_path):
    with pytest.raises(ModelError, match=r"ending \.onnx"):
        export_onnx(small, tmp_path / "model")


def test_the_command_exports_a_run_folder(salgan, small, tmp_path):
    save_network(small, tmp_path / "network.safetensors")
    said = salgan("export", tmp_path, "-o", tmp_path / "model.onnx")
    assert said.code == 0
    assert said.out == f"{tmp_path / 'model.onnx'}\n"
    assert "from PyTorch's maps at 1×64×96" in said.err
    assert Predictor(tmp_path / "model.onnx").preprocessing == small.preprocessing


def test_with_a_fixed_shape_every_picture_is_squeezed_into_the_usual_input(salgan, small, tmp_path):
    several = copy.deepcopy(small)
    several.preprocessing = replace(
        small.preprocessing, shapes=((64, 96), (96, 64)), squash=(1.0, 1.5), small=(32, 48)
    )
    save_network(several, tmp_path / "network.safetensors")
    tall = np.random.default_rng(6).integers(0, 256, (96, 64, 3), dtype=np.uint8)
    for shape, record in (("own", several.preprocessing), ("fixed", several.preprocessing.fixed())):
        assert salgan("export", tmp_path, "-o", tmp_path / "model.onnx", "--shape", shape).code == 0
        predictor = Predictor(tmp_path / "model.onnx")
        assert predictor.preprocessing == record
        assert predictor.network_input([tall]).shape[2:] == {"own": (96, 64), "fixed": (64, 96)}[shape]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.safetensors", "no such file"),
        ("missing.pt", "no such file"),
        ("text.pt", "not a checkpoint"),
        ("empty", "holds no network.safetensors"),
        ("text.safetensors", "not a readable safetensors file"),
    ],
)
def test_the_command_says_in_one_line_what_it_cannot_export(salgan, tmp_path, name, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.safetensors").write_text("text")
    (tmp_path / "text.pt").write_text("text")
    said = salgan("export", tmp_path / name, "-o", tmp_path / "model.onnx")
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert message in said.err
    assert not (tmp_path / "model.onnx").exists()
