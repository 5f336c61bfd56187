"""The weights released in 2017 (Theano and Lasagne), read into the generator.

``gen_modelWeights*.npz`` holds 54 arrays ``arr_0`` to ``arr_53``: weights and biases in turn for the
encoder's 13 convolutions, the decoder's 13 and the output's one. The encoder's kernels are correlations, as
in PyTorch; the decoder's are true convolutions and are rotated by 180° here.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from salgan._arrays import Array
from salgan._files import check_file
from salgan.errors import ModelError
from salgan.networks.generator import Generator

__all__ = ["import_lasagne"]

_ENCODER_CONVOLUTIONS = 13


def import_lasagne(path: str | Path) -> Generator:
    """Read the generator's released weights.

    The file is parsed as plain arrays; nothing in it is ever unpickled, and no array is read before its
    header promises the right shape and type.

    Args:
        path: the ``.npz`` file.

    Returns:
        ``Generator("vgg16")`` with these weights, in evaluation mode.

    Raises:
        ModelError: not such a file; a wrong count, shape or type, or a value that is not finite. The
            array is named.
    """
    network = Generator("vgg16")
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    layout: list[tuple[torch.Tensor, bool]] = []  # where an array goes, and whether it is rotated
    for number, convolution in enumerate(convolutions):
        layout.append((convolution.weight, number >= _ENCODER_CONVOLUTIONS))
        layout.append((_bias(convolution), False))
    check_file(Path(path), ModelError)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_names(archive, len(layout), path)
            for index, (parameter, rotated) in enumerate(layout):
                array = _read_array(archive, index, tuple(parameter.shape), path)
                if rotated:
                    array = array[:, :, ::-1, ::-1].copy()
                with torch.no_grad():
                    parameter.copy_(torch.from_numpy(array))
    except (ModelError, MemoryError):
        raise
    except Exception as error:  # zipfile and zlib raise nearly anything on a hostile directory
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(f"{path}: not a readable .npz file ({reason}); get it again") from None
    return network.eval()


def _bias(convolution: nn.Conv2d) -> torch.Tensor:
    assert convolution.bias is not None  # noqa: S101  # for the type checker
    return convolution.bias


def _check_names(archive: zipfile.ZipFile, count: int, path: str | Path) -> None:
    names = [name.removesuffix(".npy") for name in archive.namelist()]
    wanted = [f"arr_{index}" for index in range(count)]
    for name in wanted:
        if name not in names:
            raise ModelError(
                f"{path}: array {name} is missing among {len(names)}; "
                f"the generator's file has {count}, arr_0 to arr_{count - 1}"
            )
    extra = sorted(set(names) - set(wanted))
    if extra or len(names) != count:
        what = f"array {extra[0][:80]!r} is not expected" if extra else "an array's name occurs twice"
        raise ModelError(f"{path}: {what}; the generator's file has {count}, arr_0 to arr_{count - 1}")


def _read_array(archive: zipfile.ZipFile, index: int, shape: tuple[int, ...], path: str | Path) -> Array:
    name = f"arr_{index}"
    with archive.open(f"{name}.npy") as member:
        try:
            # Version 1 alone: its header is 64 KB at most, a later one may claim gigabytes.
            if np.lib.format.read_magic(member) != (1, 0):
                raise ValueError("not version 1 of the npy format")
            found, fortran, dtype = np.lib.format.read_array_header_1_0(member)
        except ValueError as error:
            cause = str(error).splitlines()[0]
            raise ModelError(f"{path}: array {name} has no readable header ({cause})") from None
        if dtype.kind != "f" or dtype.itemsize not in (4, 8):
            raise ModelError(f"{path}: array {name} has type {dtype}, not float32")
        if found != shape:
            raise ModelError(f"{path}: array {name} has shape {found}, not {shape}")
        size = int(np.prod(shape)) * dtype.itemsize
        data = member.read(size + 1)  # the header is right, so this is bounded whatever the archive claims
    if len(data) != size:
        raise ModelError(
            f"{path}: array {name} has {len(data)} bytes of data, not {size}; get the file again"
        )
    array = np.frombuffer(data, dtype=dtype).reshape(shape, order="F" if fortran else "C")
    if not np.isfinite(array).all():
        raise ModelError(f"{path}: array {name} holds NaN or infinity")
    return array.astype(np.float32, order="C")
