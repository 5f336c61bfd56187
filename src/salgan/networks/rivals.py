"""The rivals of the paper's Table 2 by the names that recipes use, and the weights they start from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from salgan.errors import ModelError
from salgan.networks.encoders import TimmEncoder, Vgg16Encoder, default_preprocessing
from salgan.networks.files import read_safetensors
from salgan.networks.mlnet import MLNet
from salgan.networks.rival import Rival
from salgan.networks.salicon_net import SaliconNet
from salgan.networks.salnet import SalNet, SalNetShallow
from salgan.networks.weights import fitting
from salgan.preprocessing import VGG16_CAFFE, Preprocessing

__all__ = ["RIVALS", "build_rival", "for_caffe_pictures", "start_from_vgg16"]

RIVALS: dict[str, type[Rival]] = {kind.name: kind for kind in (SalNet, SalNetShallow, MLNet, SaliconNet)}
"""What ``network.encoder`` may name beside ``vgg16`` and timm's encoders."""

_SALNET_CONV3 = 7  # among SalNet's layers: the one convolution whose kernels are VGG-16's in shape
_VGG16_CONV4_1 = 17


def build_rival(
    name: str, *, weights: str | Path | None = None, frozen: int = 0, size: tuple[int, int] | None = None
) -> Rival:
    """Make one of :data:`RIVALS`.

    Args:
        name: its key there.
        weights: a local .safetensors file with VGG-16's ImageNet weights (Caffe, BGR), ``timm`` to download
            timm's own, None for random ones; see :func:`start_from_vgg16`.
        frozen: groups of each VGG-16 trunk, counted from the first, that are not trained; none in the papers.
        size: height and width of the pictures it will be given; None if that is not known yet.

    Raises:
        ModelError: the network cannot take pictures of that size; the file does not fit, or the network has
            no layer that could start from it; there are no such groups.
    """
    network = RIVALS[name]()
    if size is not None:
        network.check(torch.empty(1, 3, *size, device="meta"))
    if frozen and not network.vgg16_trunks:
        raise ModelError(f"{name} has no VGG-16 trunk that could be frozen; leave network.frozen out")
    for trunk in network.vgg16_trunks:
        trunk.freeze(frozen)
    if weights is not None:
        start_from_vgg16(network, weights)
    return network


def start_from_vgg16(network: Rival, path: str | Path) -> None:
    """Load VGG-16's ImageNet weights where the network has layers of that shape.

    ML-Net's encoder and both trunks of SALICON-net take all 13 convolutions. SalNet's third convolution takes
    ``conv4_1``, the only one of its shape. (Its authors took their first three layers from VGG CNN-M, whose
    weights are not free.)

    Args:
        network: changed in place.
        path: a safetensors file with timm's key names, for Caffe's BGR pictures minus their mean; or
            ``timm``, whose weights expect other pictures and are converted (:func:`for_caffe_pictures`).

    Raises:
        ModelError: not such a file; a tensor that is missing, misshapen or not finite; or the network has no
            layer of that shape.
    """
    if not network.vgg16_trunks and not isinstance(network, SalNet):
        raise ModelError(f"{network.name} has no layer of VGG-16's shape; leave network.weights out")
    if path == "timm":
        model = TimmEncoder("vgg16", pretrained=True).model
        tensors: Mapping[str, Tensor] = for_caffe_pictures(
            model.state_dict(), default_preprocessing("vgg16", pretrained=True)
        )
    else:
        _, tensors = read_safetensors(path)
    with torch.device("meta"):
        wanted = Vgg16Encoder(frozen=0).state_dict()
    found = fitting(wanted, tensors, str(path), "VGG-16")
    for trunk in network.vgg16_trunks:
        trunk.load_state_dict(found)
    if isinstance(network, SalNet):
        layer = network.layers[_SALNET_CONV3]
        assert isinstance(layer, nn.Conv2d)  # noqa: S101  # for the type checker
        layer.load_state_dict({key: found[f"features.{_VGG16_CONV4_1}.{key}"] for key in ("weight", "bias")})


def for_caffe_pictures(weights: Mapping[str, Tensor], record: Preprocessing) -> dict[str, Tensor]:
    """VGG-16's weights for RGB pictures with mean and deviation, changed to take Caffe's BGR minus its mean.

    Only the first convolution changes: its kernels take on order and scale, its biases the difference of the
    means. That is exact, but for the outermost pixels: there the padding is zero after one mean or the other.

    Args:
        weights: by timm's names, underscores or dots.
        record: what they expect; RGB.

    Returns:
        All of them, by the same names.
    """
    kernel, bias = (
        next(name for name in weights if name.replace("_", ".") == f"features.0.{kind}")
        for kind in ("weight", "bias")
    )
    std = torch.tensor(record.std).reshape(1, 3, 1, 1)
    mean, caffe = torch.tensor(record.mean), torch.tensor(VGG16_CAFFE.mean).flip(0)  # both RGB
    scaled = weights[kernel].float() / std
    moved = (scaled * (caffe * record.scale - mean).reshape(1, 3, 1, 1)).sum((1, 2, 3))
    changed = {kernel: (scaled * record.scale).flip(1), bias: weights[bias].float() + moved}
    return {**weights, **changed}
