"""The networks in PyTorch: generator, discriminator, and their weights."""

from salgan.networks.discriminator import Discriminator
from salgan.networks.encoders import default_preprocessing
from salgan.networks.generator import Generator, MirroredDecoder
from salgan.networks.lasagne import import_lasagne
from salgan.networks.pyramid import PyramidDecoder
from salgan.networks.weights import load_encoder, load_network, read_checkpoint, save_network

__all__ = [
    "Discriminator",
    "Generator",
    "MirroredDecoder",
    "PyramidDecoder",
    "default_preprocessing",
    "import_lasagne",
    "load_encoder",
    "load_network",
    "read_checkpoint",
    "save_network",
]
