"""The weights that SalNet was released with (Caffe), read into the network.

A ``.caffemodel`` is a protocol buffer. Only the few fields that hold layers' names and numbers are read, by a
reader of our own: it copies nothing before the length that a field claims is known to fit, and builds nothing
from what it finds. Caffe's convolutions are correlations and its deconvolution is a transposed convolution,
as in PyTorch, so no kernel is turned.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from salgan._arrays import Array
from salgan.errors import ModelError
from salgan.networks.salnet import SalNet
from salgan.preprocessing import Preprocessing

__all__ = ["import_salnet", "read_caffemodel"]

_LARGEST = 1 << 30
"""Bytes of the largest file that is read; SalNet's has 104 million, or twice that with gradients."""
_LAYERS = {100: (1, 7), 2: (4, 6)}
"""Fields of a net that hold layers (new and old form), with a layer's fields for name and blobs."""
_SHAPE, _DATA, _DOUBLES = 7, 5, 8
_LEGACY_SHAPE = (1, 2, 3, 4)

_Field = tuple[int, "int | memoryview"]


def import_salnet(path: str | Path) -> SalNet:
    """Read the deep network's released weights, ``deep_net_model.caffemodel``.

    Args:
        path: the file.

    Returns:
        The network with these weights, in evaluation mode, for pictures of the published size.

    Raises:
        ModelError: not such a file; a layer that is missing, or of a wrong shape, or that holds a value that
            is not finite. The layer is named.
    """
    network = SalNet()
    layers = [layer for layer in network.layers if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    names = [*(f"conv{number}" for number in range(1, 10)), "deconv1"]
    blobs = read_caffemodel(path)
    for name, layer in zip(names, layers, strict=True):
        wanted = [layer.weight] if layer.bias is None else [layer.weight, layer.bias]
        if name not in blobs:
            raise ModelError(f"{path}: layer {name} is missing; SalNet has {', '.join(names)}")
        if len(blobs[name]) != len(wanted):
            raise ModelError(f"{path}: layer {name} has {len(blobs[name])} arrays, not {len(wanted)}")
        for parameter, array in zip(wanted, blobs[name], strict=True):
            # Old files write every shape with four numbers, a bias of 96 as 1×1×1×96.
            found = array.shape
            plain = tuple(side for side in found if side != 1) if parameter.ndim == 1 else found
            expected = tuple(parameter.shape)
            if plain != expected and not (expected == (1,) and plain == ()):
                raise ModelError(f"{path}: layer {name} has an array of shape {found}, not {expected}")
            if not np.isfinite(array).all():
                raise ModelError(f"{path}: layer {name} holds NaN or infinity")
            with torch.no_grad():
                parameter.copy_(torch.from_numpy(array.reshape(expected)))
    height, width = network.published_size
    network.preprocessing = Preprocessing(height=height, width=width)
    return network.eval()


def read_caffemodel(path: str | Path) -> dict[str, list[Array]]:
    """Read the arrays of every layer that has any, by the layer's name.

    Args:
        path: a ``.caffemodel``, with layers in the form of before or after 2014.

    Returns:
        float32 arrays in the file's order; Caffe keeps a kernel first and its bias second.

    Raises:
        ModelError: the file cannot be read, or it is not such a file.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from None
    if len(content) > _LARGEST:
        raise ModelError(f"{path}: has more than {_LARGEST >> 20} MiB, which no SalNet has")
    found: dict[str, list[Array]] = {}
    try:
        for number, value in _fields(memoryview(content)):
            if number in _LAYERS and isinstance(value, memoryview):
                name, blobs = _layer(value, *_LAYERS[number])
                if blobs:
                    found[name] = blobs
    except (ValueError, IndexError) as error:
        raise ModelError(f"{path}: not a readable .caffemodel ({error}); get it again") from None
    if not found:
        raise ModelError(f"{path}: not a .caffemodel, or one without weights")
    return found


def _layer(message: memoryview, name_field: int, blob_field: int) -> tuple[str, list[Array]]:
    name, blobs = "", []
    for number, value in _fields(message):
        if number == name_field and isinstance(value, memoryview):
            name = bytes(value[:80]).decode("utf-8", "replace")
        elif number == blob_field and isinstance(value, memoryview):
            blobs.append(_blob(value))
    return name, blobs


def _blob(message: memoryview) -> Array:
    """One array: its numbers, in one piece or one by one, and its shape in either form."""
    shape: list[int] = []
    legacy: dict[int, int] = {}
    pieces: list[Array] = []
    for number, value in _fields(message):
        if number == _SHAPE and isinstance(value, memoryview):
            shape = _dimensions(value)
        elif number in _LEGACY_SHAPE and isinstance(value, int):
            legacy[number] = value
        elif number in (_DATA, _DOUBLES) and isinstance(value, memoryview):
            pieces.append(np.frombuffer(value, dtype="<f4" if number == _DATA else "<f8"))
    numbers = np.concatenate(pieces) if pieces else np.empty(0)
    dimensions = shape or [legacy.get(number, 1) for number in _LEGACY_SHAPE]
    return numbers.astype(np.float32).reshape(_checked(dimensions, numbers.size))


def _checked(dimensions: list[int], size: int) -> list[int]:
    total = 1
    for side in dimensions:
        total *= side
        if not 0 < total <= size:
            raise ValueError(f"an array of {size} numbers claims another shape")
    if total != size:
        raise ValueError(f"an array of {size} numbers claims the shape of {total}")
    return dimensions


def _dimensions(message: memoryview) -> list[int]:
    found: list[int] = []
    for number, value in _fields(message):
        if number != 1:
            continue
        if isinstance(value, int):
            found.append(value)
        else:
            place = 0
            while place < len(value):
                side, place = _varint(value, place)
                found.append(side)
        if len(found) > 8:
            raise ValueError("an array has more than 8 dimensions")
    return found


def _fields(message: memoryview) -> Iterator[_Field]:
    """The fields of one message: their numbers, with an integer or the bytes of what they hold."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, place = _varint(message, place)
            yield number, value
            continue
        if kind == 2:
            length, place = _varint(message, place)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind} at byte {place}")
        if length > len(message) - place:
            raise ValueError(f"a field claims {length} bytes where {len(message) - place} are left")
        yield number, message[place : place + length]
        place += length


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise ValueError("the file ends inside a number")
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise ValueError("a number has more than 64 bits")
