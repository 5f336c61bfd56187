"""The networks in PyTorch: generator, discriminator, and their weights.

Needs ``pip install 'salgan[train]'``.
"""

from salgan._private import keep_private
from salgan.errors import require

keep_private()
for _module in ("torch", "timm", "safetensors"):
    require(_module, "train")

from salgan.networks.caffe import import_salnet  # noqa: E402
from salgan.networks.discriminator import Discriminator  # noqa: E402
from salgan.networks.encoders import default_preprocessing  # noqa: E402
from salgan.networks.files import read_checkpoint  # noqa: E402
from salgan.networks.generator import Generator, MirroredDecoder  # noqa: E402
from salgan.networks.lasagne import import_lasagne  # noqa: E402
from salgan.networks.pyramid import PyramidDecoder  # noqa: E402
from salgan.networks.screens import ScreenPrior  # noqa: E402
from salgan.networks.text import TextHead  # noqa: E402
from salgan.networks.theano import import_mlnet  # noqa: E402
from salgan.networks.weights import load_encoder, load_network, save_network  # noqa: E402

__all__ = [
    "Discriminator",
    "Generator",
    "MirroredDecoder",
    "PyramidDecoder",
    "ScreenPrior",
    "TextHead",
    "default_preprocessing",
    "import_lasagne",
    "import_mlnet",
    "import_salnet",
    "load_encoder",
    "load_network",
    "read_checkpoint",
    "save_network",
]
