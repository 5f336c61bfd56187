"""What network files hold: a description in strings, and tensors. Nothing is built from them here.

A file is hostile until parsed: safetensors holds no code, and of a checkpoint nothing but tensors and plain
values is read.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from salgan._arrays import Array
from salgan._files import check_file
from salgan._memory import is_out_of_memory
from salgan.errors import ModelError
from salgan.models.spec import kind_of_file

__all__ = [
    "HALF",
    "SCALE",
    "SHAPE",
    "WHOLE",
    "as_safetensors",
    "network_in",
    "read_checkpoint",
    "read_network_file",
]

HALF, WHOLE, SCALE, SHAPE = ".half", ".int8", ".scale", ".shape"
"""Endings of a tensor's name in ONNX: stored in 16 bits; in 8, in rows with a scale; and its shape then."""

Contents = tuple[Mapping[str, Any], Mapping[str, Tensor]]


def read_network_file(path: str | Path) -> Contents:
    """Read a network's description and tensors; the file's content decides which kind it is.

    Args:
        path: a safetensors file; a checkpoint of ``salgan train``, for the network as it then was (the
            average of its weights where the run keeps one); or an ONNX file that ``salgan export`` made of
            the paper's network. In the exports of other networks, batch norms are folded into convolutions.

    Raises:
        ModelError: the file is missing, damaged or of another kind.
    """
    readers = {"checkpoint": _read_checkpoint, "onnx": _read_onnx, "safetensors": read_safetensors}
    return readers[kind_of_file(Path(path))](path)


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """A checkpoint of ``salgan train`` as plain values and tensors, on the CPU; nothing in it is executed.

    Raises:
        ModelError: the file is missing, damaged, or not a checkpoint of this project.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # warnings about pickles, which are refused anyway
            state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"{path}: cannot read the checkpoint ({error.strerror})") from None
    except (
        Exception
    ) as error:  # a damaged archive raises whatever its bytes provoke, a pickle a page of advice
        if is_out_of_memory(error):
            raise ModelError(f"{path}: there is not enough memory to read the checkpoint") from None
        raise ModelError(f"{path}: not a checkpoint of salgan train, or a damaged one") from None
    if not isinstance(state, dict) or not isinstance(state.get("salgan"), dict):
        raise ModelError(f"{path}: {_not_a_checkpoint(state)}")
    return state


def read_safetensors(path: str | Path) -> Contents:
    """Read a safetensors file: its header's strings and its tensors."""
    check_file(Path(path), ModelError)
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"{path}: not a readable safetensors file ({error})") from None


def as_safetensors(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """Put tensors and strings into the bytes of a safetensors file; equal ones always give equal bytes."""
    # Clones, because safetensors refuses tensors that share memory and a user's network may tie weights.
    plain = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    content = save(plain)
    # The library would write the strings in the order of a hash map, which changes from run to run.
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header = {"__metadata__": {"format": "pt", **dict(sorted(metadata.items()))}, **header}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def _not_a_checkpoint(state: object) -> str:
    """What is wrong with a PyTorch file that this project did not write."""
    if isinstance(state, dict) and state and all(isinstance(value, Tensor) for value in state.values()):
        return (
            "holds weights alone and does not say which network they belong to; "
            "take network.safetensors or a checkpoint of `salgan train`"
        )
    return "not a checkpoint of salgan train"


def network_in(state: Mapping[str, Any], path: str | Path, *names: str) -> Contents:
    """The description and tensors of a network that a checkpoint holds.

    Args:
        state: what :func:`read_checkpoint` gave.
        path: the checkpoint, for messages.
        names: of its networks; the first that is there is taken.

    Raises:
        ModelError: none is there, or it is not one.
    """
    weights = next((each for each in map(state["salgan"].get, names) if each is not None), None)
    description = state.get("description")
    description = {} if description is None else description
    if (
        not isinstance(weights, dict)
        or not all(isinstance(each, Tensor) for each in weights.values())
        or not isinstance(description, dict)
    ):
        raise ModelError(f"{path}: not a checkpoint of salgan train")
    return description, weights


def _read_checkpoint(path: str | Path) -> Contents:
    return network_in(read_checkpoint(path), path, "average", "generator")


def _read_onnx(path: str | Path) -> Contents:
    import onnx
    from google.protobuf.message import DecodeError
    from onnx import numpy_helper

    try:
        model = onnx.load(str(path), load_external_data=False)
        if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer):
            raise ModelError(f"{path}: keeps weights in another file, which is not followed")
        arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from None
    except (DecodeError, ValueError, TypeError, MemoryError):
        raise ModelError(f"{path}: not a readable ONNX file") from None
    description = {entry.key: entry.value for entry in model.metadata_props}
    if "vgg16" not in description.get("salgan.architecture", "vgg16"):
        raise ModelError(
            f"{path}: the export has folded this network's batch norms into its convolutions; "
            "take the .safetensors or .pt file that it was exported from"
        )
    try:
        return description, {name: torch.from_numpy(array) for name, array in _unpacked(arrays)}
    except KeyError as error:
        raise ModelError(f"{path}: tensor {error.args[0]} is missing") from None
    except (ValueError, TypeError):  # rows, scales and shape do not fit each other
        raise ModelError(f"{path}: its 8-bit tensors are damaged") from None


def _unpacked(arrays: Mapping[str, Array]) -> Iterator[tuple[str, Array]]:
    """The network's tensors in float32 again, by the names they had before they were stored in fewer bits."""
    for name, array in arrays.items():
        if not name.startswith(("encoder.", "decoder.")) or name.endswith((SCALE, SHAPE)):
            continue  # constants of the graph; what belongs to a tensor in 8 bits
        if name.endswith(WHOLE):
            plain = name.removesuffix(WHOLE)
            yield plain, (array.astype("float32") * arrays[plain + SCALE]).reshape(arrays[plain + SHAPE])
        else:
            yield name.removesuffix(HALF), array.astype("float32")
