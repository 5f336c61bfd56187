"""The paper's network can be taken out of its ONNX file again, to be trained further."""

import copy

import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from salgan.errors import ModelError
from salgan.export import export_onnx
from salgan.export import onnx as module
from salgan.networks import Generator, load_network
from salgan.training.build import build_generator, read_initial
from salgan.training.config import Network
from tests.export.conftest import with_contrast


@pytest.fixture(scope="module")
def vgg():
    torch.manual_seed(0)
    network = Generator("vgg16", frozen=4)
    for name, weight in network.named_parameters():
        if name.endswith("bias"):  # all zero before training, and equal tensors are stored once
            torch.nn.init.uniform_(weight.requires_grad_(False), -0.01, 0.01)
    return with_contrast(network)


@pytest.fixture(scope="module")
def plain(vgg, tmp_path_factory):
    return export_onnx(vgg, tmp_path_factory.mktemp("vgg") / "float32.onnx").path


@pytest.mark.parametrize(("weights", "bound"), [("float32", 0), ("float16", 2**-11), ("int8", 1 / 127)])
def test_the_network_comes_back_as_it_was_stored(vgg, plain, tmp_path, weights, bound):
    """``bound``: of the rounding, as a share of the largest weight of a channel."""
    path = tmp_path / "stored.onnx"
    model = onnx.load(plain)
    if weights != "float32":
        module._store(model, weights)
    onnx.save(model, path)
    again = load_network(path)
    assert again.architecture == vgg.architecture
    assert again.preprocessing == vgg.preprocessing
    for name, weight in vgg.state_dict().items():
        largest = weight.abs().amax(dim=tuple(range(1, weight.dim())), keepdim=True)
        assert ((again.state_dict()[name] - weight).abs() <= largest * bound * (1 + 1e-4)).all(), name


def test_training_starts_from_it(vgg, plain):
    initial = read_initial(str(plain))
    assert initial.optimiser is None
    fresh = build_generator(Network(), (192, 256), initial)
    assert all(torch.equal(weight, vgg.state_dict()[name]) for name, weight in fresh.state_dict().items())


def test_a_network_with_batch_norms_says_where_to_take_it_from(exported):
    with pytest.raises(ModelError, match=r"batch norms into its convolutions; take the \.safetensors"):
        load_network(exported.path)


def tampered(plain, folder, change):
    model = onnx.load(plain)
    change(model)
    path = folder / "changed.onnx"
    onnx.save(model, path)
    return path


def test_a_missing_tensor_is_named(plain, tmp_path):
    path = tampered(plain, tmp_path, lambda model: model.graph.initializer.pop(3))
    with pytest.raises(ModelError, match=r"changed\.onnx: tensor encoder\.features\.\S+ is missing"):
        load_network(path)


def test_a_missing_scale_is_named(plain, tmp_path):
    def change(model):
        first = model.graph.initializer[0]
        values = numpy_helper.to_array(first).astype("int8")
        first.CopyFrom(numpy_helper.from_array(values, first.name + ".int8"))

    with pytest.raises(ModelError, match=r"changed\.onnx: tensor \S+\.scale is missing$"):
        load_network(tampered(plain, tmp_path, change))


def test_weights_in_another_file_are_not_followed(plain, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"\0" * 4 * 64 * 3 * 3 * 3)

    def change(model):
        first = copy.deepcopy(model.graph.initializer[0])
        first.ClearField("raw_data")
        first.data_location = onnx.TensorProto.EXTERNAL
        first.external_data.add(key="location", value="secret")
        model.graph.initializer[0].CopyFrom(first)

    model = onnx.load(plain)
    change(model)
    path = tmp_path / "changed.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=r"changed\.onnx: keeps weights in another file, which is not"):
        load_network(path)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08" * 50])
def test_a_file_of_another_kind_is_refused_in_one_line(content, tmp_path):
    path = tmp_path / "other.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"other\.onnx: ") as error:
        load_network(path)
    assert "\n" not in str(error.value)


def test_a_stranger_s_model_does_not_describe_its_network(plain, tmp_path):
    path = tampered(plain, tmp_path, lambda model: helper.set_model_props(model, {}))
    with pytest.raises(ModelError, match="does not describe its network"):
        load_network(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"gone\.onnx: no such file; `salgan models`"):
        load_network(tmp_path / "gone.onnx")
