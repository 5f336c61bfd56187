"""Two small networks and their exports, made once: the exporter takes seconds."""

import pytest
import torch

from salgan.export import export_onnx
from salgan.networks import Generator
from salgan.preprocessing import Preprocessing

RECORD = Preprocessing(height=64, width=96, mean=(0.4, 0.5, 0.6))


def with_contrast(network):
    """Maps of a fresh network are nearly flat, and would agree with anything; these are not."""
    torch.manual_seed(0)
    last = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)][-1]
    with torch.no_grad():
        logits = network.eval().logits(torch.rand(1, 3, 64, 96) * 255)
        last.weight /= logits.std()
        last.bias.copy_((last.bias - logits.mean()) / logits.std())
    return network


def make_network():
    """With TensorFlow's padding, as the default encoder has it, and in the middle of training."""
    torch.manual_seed(0)
    return with_contrast(Generator("tf_mobilenetv3_small_minimal_100", preprocessing=RECORD)).train()


@pytest.fixture(scope="package")
def network():
    return make_network()


@pytest.fixture(scope="package")
def exported(network, tmp_path_factory):
    return export_onnx(network, tmp_path_factory.mktemp("export") / "model.onnx")


@pytest.fixture(scope="package")
def small():
    torch.manual_seed(0)
    return with_contrast(Generator("test_resnet", preprocessing=RECORD))


@pytest.fixture(scope="package")
def small_exported(small, tmp_path_factory):
    return export_onnx(small, tmp_path_factory.mktemp("export") / "small.onnx")
