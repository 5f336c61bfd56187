"""Network files: what is written comes back, and a hostile file is refused in one line."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from salgan.errors import ModelError, SalganError
from salgan.networks import Generator, load_encoder, load_network, read_checkpoint, save_network
from salgan.preprocessing import Preprocessing

TINY = "test_efficientnet"
ARCHITECTURE, PREPROCESSING = "salgan.architecture", "salgan.preprocessing"


@pytest.fixture
def network():
    torch.manual_seed(0)
    record = Preprocessing(height=64, width=80, order="BGR")
    network = Generator(TINY, decoder={"width": 16}, frozen=1, preprocessing=record)
    network.train()(torch.rand(2, 3, 64, 64) * 255)  # moves the statistics of batch normalisation
    return network.eval()


@pytest.fixture
def path(network, tmp_path):
    save_network(network, tmp_path / "network.safetensors")
    return tmp_path / "network.safetensors"


def rewrite(path, tensors=None, **metadata):
    """Write the file again with other tensors or other strings in its header (None drops one)."""
    with safe_open(path, "pt") as file:
        header = {**file.metadata(), **{key.replace("_", "."): value for key, value in metadata.items()}}
    header = {key: value for key, value in header.items() if value is not None}
    save_file({**load_file(path), **(tensors or {})}, path, metadata=header)


def test_a_saved_network_comes_back_whole(network, path):
    again = load_network(path)
    x = torch.rand(1, 3, 64, 64) * 255
    with torch.no_grad():
        assert torch.equal(again(x), network(x))
    assert again.architecture == network.architecture
    assert again.preprocessing == network.preprocessing
    assert not again.training
    frozen = [[p.requires_grad for p in n.parameters()] for n in (network, again)]
    assert frozen[0] == frozen[1]


def test_equal_networks_give_equal_bytes_in_every_process(network, path, tmp_path):
    """The library alone writes the header's strings in an order that differs from run to run."""
    facts = {f"fact.{number}": str(number) for number in range(9)}
    content = []
    for seed in ("1", "2"):
        code = (
            "import sys; from salgan.networks import load_network, save_network; "
            f"save_network(load_network(sys.argv[1]), sys.argv[2], metadata={facts!r})"
        )
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        out = tmp_path / f"{seed}.safetensors"
        subprocess.run([sys.executable, "-c", code, str(path), str(out)], env=environment, check=True)
        content.append(out.read_bytes())
    assert len(set(content)) == 1
    with safe_open(tmp_path / "1.safetensors", "pt") as file:
        assert facts.items() <= file.metadata().items()


class Hostile:
    """What a pickle could do to whoever opens it."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("write", [torch.save, lambda state, path: path.write_bytes(pickle.dumps(state))])
def test_a_checkpoint_that_holds_code_is_refused_and_runs_nothing(write, tmp_path):
    write({"salgan": Hostile(tmp_path / "mark")}, tmp_path / "last.pt")
    with pytest.raises(ModelError, match=r"last\.pt: not a checkpoint of salgan train, or a damaged one$"):
        load_network(tmp_path / "last.pt")
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    "state",
    [
        [],
        {"salgan": 1},
        {"salgan": {"generator": {"a": 1}}},
        {"salgan": {"average": [1]}},
        {"salgan": {"average": torch.zeros(2)}},
        {"salgan": {"generator": {"a": torch.zeros(2)}}, "description": torch.zeros(2)},
    ],
)
def test_another_programs_file_is_no_checkpoint(state, tmp_path):
    torch.save(state, tmp_path / "last.pt")
    with pytest.raises(ModelError, match="not a checkpoint of salgan train"):
        load_network(tmp_path / "last.pt")


def test_more_facts_can_go_into_the_header_but_not_replace_the_description(network, tmp_path):
    path = tmp_path / "network.safetensors"
    save_network(network, path, metadata={"recipe": "lite", PREPROCESSING: "no"})
    with safe_open(path, "pt") as file:
        assert file.metadata()["recipe"] == "lite"
    assert load_network(path).preprocessing == network.preprocessing


def test_an_existing_file_is_replaced_whole_or_kept(network, path, monkeypatch):
    before = path.read_bytes()

    def fail(file, content):
        with file.open("wb") as opened:
            opened.write(content[:20])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", fail)
    with pytest.raises(SalganError, match="No space left on device"):
        save_network(network, path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def architecture(**changes):
    return json.dumps({"encoder": TINY, "decoder": {"width": 16}, "frozen": 1, **changes})


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({ARCHITECTURE: None}, "does not describe its network"),
        ({PREPROCESSING: None}, "does not describe its network"),
        ({ARCHITECTURE: "{"}, "Expecting property name"),
        ({ARCHITECTURE: "[" * 100_000}, "nested too deep"),
        ({ARCHITECTURE: "[]"}, "must name encoder, decoder and frozen"),
        ({ARCHITECTURE: architecture(pretrained=True)}, "must name encoder, decoder and frozen"),
        ({ARCHITECTURE: architecture(encoder=3)}, "encoder 3, which is not of type str"),
        ({ARCHITECTURE: architecture(encoder="hf-hub:someone/code")}, "no encoder named"),
        ({ARCHITECTURE: architecture(decoder={"width": "16"})}, "network.safetensors: "),
        ({ARCHITECTURE: architecture(decoder={"width": -1})}, "network.safetensors: "),
        ({ARCHITECTURE: architecture(decoder={"width": 10**6})}, "has shape"),
        ({ARCHITECTURE: architecture(decoder={"width": 10**12})}, "network.safetensors: "),
        ({ARCHITECTURE: architecture(decoder={"prior": [10**9, 10**9]})}, "network.safetensors: "),
        ({ARCHITECTURE: architecture(decoder={"evil": 1})}, "evil"),
        ({ARCHITECTURE: architecture(encoder="test_resnet")}, "is missing|has shape"),
        ({ARCHITECTURE: architecture(encoder="vgg16", decoder={}, frozen=3)}, "is missing"),
        ({PREPROCESSING: "{}}"}, "preprocessing record cannot be read"),
        ({PREPROCESSING: '{"height": 0}'}, "must be two whole numbers from 1 to 8192"),
    ],
)
def test_a_header_that_does_not_describe_its_network_is_refused_in_one_line(path, metadata, message):
    rewrite(path, **{key.replace(".", "_"): value for key, value in metadata.items()})
    with pytest.raises(ModelError, match=message) as caught:
        load_network(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (
            torch.zeros(1, 16, 3, 2),
            r"tensor decoder.head.weight has shape \(1, 16, 3, 2\), not \(1, 16, 3, 3\)",
        ),
        (torch.full((1, 16, 3, 3), torch.nan), "decoder.head.weight holds NaN"),
        (torch.zeros(1, 16, 3, 3, dtype=torch.int32), "decoder.head.weight has type torch.int32"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(path, tensor, message):
    rewrite(path, {"decoder.head.weight": tensor})
    with pytest.raises(ModelError, match=message):
        load_network(path)


def test_an_unknown_tensor_is_named(path):
    rewrite(path, {"decoder.tail": torch.zeros(1)})
    with pytest.raises(ModelError, match=r"tensor decoder\.tail belongs to no part"):
        load_network(path)


def test_half_precision_weights_become_float32(path):
    rewrite(path, {"decoder.head.weight": torch.full((1, 16, 3, 3), 0.5, dtype=torch.float16)})
    weight = load_network(path).decoder.head.weight
    assert weight.dtype == torch.float32
    assert weight.unique().tolist() == [0.5]


@pytest.mark.parametrize("length", [0x10080, 0x14B50])
def test_a_header_whose_length_begins_as_a_checkpoint_does_is_a_header(path, network, length):
    """A pickle begins with the byte 80, a zip archive with 50 4B."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    path.write_bytes(length.to_bytes(8, "little") + content[8:end].ljust(length) + content[end:])
    assert torch.equal(load_network(path).decoder.head.weight, network.decoder.head.weight)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff" * 64, (10**12).to_bytes(8, "little") + b"{}"])
def test_what_is_no_safetensors_file_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "network.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="not a readable safetensors file") as caught:
        load_network(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        load_network(tmp_path / "network.safetensors")


def classifier_file(folder, name):
    """Weights as timm publishes them: the whole classifier, here in half precision."""
    import timm

    torch.manual_seed(1)
    tensors = timm.create_model(name).state_dict()
    path = folder / f"{name}.safetensors"
    save_file(
        {key: value.half() if value.is_floating_point() else value for key, value in tensors.items()}, path
    )
    return path, tensors


@pytest.mark.parametrize(
    "encoder", [TINY, "test_convnext"]
)  # the second's names are flattened by features_only
def test_an_encoder_takes_the_weights_of_the_whole_classifier(tmp_path, encoder):
    path, tensors = classifier_file(tmp_path, encoder)
    network = Generator(encoder)
    load_encoder(network, path)
    for name, value in network.encoder.model.state_dict().items():
        original = next(v for key, v in tensors.items() if key.replace(".", "_") == name.replace(".", "_"))
        assert torch.equal(value, original.half().to(value.dtype)), name


def test_encoder_weights_that_do_not_fit_are_named_and_change_nothing(tmp_path):
    path, _ = classifier_file(tmp_path, TINY)
    network = Generator(TINY)
    before = network.encoder.model.conv_stem.weight.clone()
    stored = load_file(path)
    for change, message in [
        ({"conv_stem.weight": torch.zeros(1, 3, 3, 3)}, r"conv_stem\.weight has shape \(1, 3, 3, 3\)"),
        ({"blocks.0.0.bn1.weight": None}, r"tensor model\.blocks\.0\.0\.bn1\.weight is missing"),
        ({"bn1.bias": torch.full_like(stored["bn1.bias"], torch.inf)}, r"bn1\.bias holds NaN or infinity"),
    ]:
        save_file({key: value for key, value in {**stored, **change}.items() if value is not None}, path)
        with pytest.raises(ModelError, match=f"{message}.*{TINY} needs it"):
            load_encoder(network, path)
        assert torch.equal(network.encoder.model.conv_stem.weight, before)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("encoder", "file", "first"),
    [
        (
            "vgg16",
            "vgg16_imagenet_caffe.fp16.safetensors",
            ("features.0.weight", "encoder.features.0.weight"),
        ),
        (
            "tf_efficientnet_lite0",
            "tf_efficientnet_lite0_imagenet.fp16.safetensors",
            ("conv_stem.weight", "encoder.model.conv_stem.weight"),
        ),
    ],
)
def test_the_imagenet_weights_fit_their_encoders(shared, encoder, file, first):
    network = Generator(encoder)
    load_encoder(network, shared / "weights" / file)
    stored, name = first
    assert torch.equal(network.state_dict()[name], load_file(shared / "weights" / file)[stored].float())


def test_too_little_memory_is_not_called_a_damaged_checkpoint(tmp_path, monkeypatch):
    def full(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes")

    monkeypatch.setattr(torch, "load", full)
    with pytest.raises(ModelError, match="there is not enough memory to read the checkpoint"):
        read_checkpoint(tmp_path / "last.pt")
