"""The weights that ML-Net was released with (Keras 1 on Theano, HDF5), read into the network.

The file is called ``.pkl`` but is HDF5, with groups ``layer_N`` of arrays ``param_M``. Theano's convolutions
are true convolutions, so every kernel is rotated by 180° here, and its poolings are those of
:class:`MLNetReleased`. Nothing is ever unpickled.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from salgan._arrays import Array
from salgan.errors import ModelError
from salgan.networks.mlnet import MLNetReleased
from salgan.preprocessing import Preprocessing

__all__ = ["import_mlnet"]

_VGG16 = (1, 3, 6, 8, 11, 13, 15, 18, 20, 22, 25, 27, 29)
"""Numbers of the layers that hold VGG-16's convolutions."""
_MOST = 200
"""Groups of the largest file that is looked at; the network has some forty."""


def import_mlnet(path: str | Path) -> MLNetReleased:
    """Read ML-Net's released weights, ``mlnet_salicon_weights.pkl``.

    VGG-16's convolutions are found by the numbers of their layers. Which numbers the head's two convolutions
    and the learned center bias have is not recorded anywhere that we could read, so these three are found by
    their shapes, which no other layer has.

    Args:
        path: the HDF5 file.

    Returns:
        The network with these weights, in evaluation mode, for pictures of the published size.

    Raises:
        ModelError: not such a file; an array that is missing, of a wrong shape or type, or not finite. It is
            named.
    """
    import h5py

    network = MLNetReleased()
    convolutions = [layer for layer in network.encoder.features if isinstance(layer, nn.Conv2d)]
    head = [layer for layer in network.head if isinstance(layer, nn.Conv2d)]
    try:
        with h5py.File(path, "r") as file:
            groups = _groups(file, path)
            for number, layer in zip(_VGG16, convolutions, strict=True):
                if number not in groups:
                    raise ModelError(f"{path}: layer_{number} is missing, where VGG-16 has a convolution")
                _convolution(layer, groups[number], f"layer_{number}", path)
            others = {number: group for number, group in groups.items() if number not in _VGG16}
            for layer in head:
                number = _by_shape(others, tuple(layer.weight.shape), path)
                _convolution(layer, others[number], f"layer_{number}", path)
            prior = tuple(network.prior.shape[-2:])
            number = _by_shape(others, prior, path)
            array = _read(others[number], "param_0", prior, f"layer_{number}", path)
            _put(network.prior, array.reshape(network.prior.shape))
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file") from None
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"{path}: not a readable HDF5 file ({cause}); get it again") from None
    height, width = network.published_size
    network.preprocessing = Preprocessing(height=height, width=width)
    return network.eval()


def _groups(file: Any, path: str | Path) -> dict[int, Any]:
    """The groups ``layer_N`` that hold arrays, by N. Links to elsewhere are not followed."""
    import h5py

    if len(file) > _MOST:
        raise ModelError(f"{path}: has {len(file)} entries; ML-Net's file has some forty")
    found: dict[int, Any] = {}
    for name in file:
        match = re.fullmatch(r"layer_(\d{1,4})", name)
        if match and isinstance(file.get(name, getlink=True), h5py.HardLink):
            group = file[name]
            if isinstance(group, h5py.Group) and len(group):
                found[int(match[1])] = group
    if not found:
        raise ModelError(f"{path}: holds no layer_N/param_M, so it is not ML-Net's file")
    return found


def _by_shape(groups: dict[int, Any], shape: tuple[int, ...], path: str | Path) -> int:
    """The number of the one layer whose first array has a shape, leading ones aside."""
    found = [number for number, group in groups.items() if _plain(_shape(group, "param_0")) == _plain(shape)]
    if len(found) != 1:
        raise ModelError(
            f"{path}: {len(found)} layers beside VGG-16's have an array of shape {shape}; ML-Net has one"
        )
    return found[0]


def _convolution(layer: nn.Conv2d, group: Any, name: str, path: str | Path) -> None:
    kernel = _read(group, "param_0", tuple(layer.weight.shape), name, path)
    _put(layer.weight, kernel[:, :, ::-1, ::-1].copy())
    assert layer.bias is not None  # noqa: S101  # for the type checker
    _put(layer.bias, _read(group, "param_1", tuple(layer.bias.shape), name, path))


def _read(group: Any, key: str, shape: tuple[int, ...], name: str, path: str | Path) -> Array:
    """One array, after its header has promised the right shape and type."""
    found = _shape(group, key)
    if found is None:
        raise ModelError(f"{path}: {name}/{key} is missing")
    if _plain(found) != _plain(shape):
        raise ModelError(f"{path}: {name}/{key} has shape {found}, not {shape}")
    dataset = group[key]
    if dataset.dtype.kind != "f" or dataset.dtype.itemsize not in (4, 8):
        raise ModelError(f"{path}: {name}/{key} has type {dataset.dtype}, not float32")
    if dataset.external or dataset.is_virtual:
        raise ModelError(f"{path}: {name}/{key} keeps its numbers in another file, which is not followed")
    array: Array = np.asarray(dataset[()], dtype=np.float32).reshape(shape)
    if not np.isfinite(array).all():
        raise ModelError(f"{path}: {name}/{key} holds NaN or infinity")
    return array


def _shape(group: Any, key: str) -> tuple[int, ...] | None:
    """The shape of an array in a group; None if there is none, or only a link to one elsewhere."""
    import h5py

    if not isinstance(group.get(key, getlink=True), h5py.HardLink):
        return None
    dataset = group[key]
    return tuple(dataset.shape) if isinstance(dataset, h5py.Dataset) and dataset.shape is not None else None


def _plain(shape: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """A shape without leading ones, which Keras adds to the center bias or leaves out."""
    while shape is not None and len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    return shape


def _put(parameter: Tensor, array: Array) -> None:
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(array))
