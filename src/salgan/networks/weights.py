"""Networks in files: safetensors whose header says how to build the network and how to feed it.

A run's checkpoint and an ONNX file of the paper's network hold the same description, so a network can be read
from there, too.

A file is hostile until parsed: safetensors holds no code, of a checkpoint nothing but tensors and plain
values is read, names in the description are checked before anything is built from them, and no memory is set
aside before the file's tensors are known to fit.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from salgan._files import replacing
from salgan.errors import ModelError
from salgan.networks.generator import Generator
from salgan.preprocessing import METADATA_KEY, Preprocessing

__all__ = ["describe", "load_encoder", "load_network", "read_checkpoint", "restore", "save_network"]

HALF, WHOLE, SCALE, SHAPE = ".half", ".int8", ".scale", ".shape"
"""Endings of a tensor's name in ONNX: stored in 16 bits; in 8, in rows with a scale; and its shape then."""

_ARCHITECTURE = "salgan.architecture"


def save_network(network: Generator, path: str | Path, *, metadata: Mapping[str, str] | None = None) -> None:
    """Write a generator, its architecture and its preprocessing record into one safetensors file.

    The file is there whole or not at all.

    Args:
        network: the generator, on any device.
        path: where to; an existing file is replaced.
        metadata: more strings for the header, such as the recipe's name.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    content = save(tensors, metadata={"format": "pt", **(metadata or {}), **describe(network)})
    with replacing(Path(path)) as temporary:
        # Not by save_file: it makes files that only their owner can read, and hides a full disk's OSError.
        temporary.write_bytes(content)


def load_network(path: str | Path) -> Generator:
    """Read a generator that ``save_network`` wrote, or the one in a training run's checkpoint or ONNX file.

    Args:
        path: the safetensors file; a checkpoint (``.pt``) for the network as it then was (the average of
            its weights where the run keeps one); or what ``export_onnx`` made of the paper's network
            (``.onnx``). Other networks' batch norms are melted into convolutions there.

    Returns:
        The generator, on the CPU, in evaluation mode.

    Raises:
        ModelError: not such a file, or its parts do not fit each other.
    """
    readers = {".pt": _read_from_checkpoint, ".onnx": _read_from_onnx}
    description, tensors = readers.get(Path(path).suffix, _read)(path)
    return restore(description, tensors, origin=str(path))


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """A checkpoint of ``salgan train`` as plain values and tensors, on the CPU; nothing in it is executed.

    Raises:
        ModelError: missing, damaged, or not a checkpoint of this project.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # about pickles, which are refused anyhow
            state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"{path}: cannot read the checkpoint ({error.strerror})") from None
    except Exception:  # a damaged archive raises whatever its bytes provoke, a pickle a page of advice
        raise ModelError(f"{path}: not a checkpoint of salgan train, or a damaged one") from None
    if not isinstance(state, dict) or not isinstance(state.get("salgan"), dict):
        raise ModelError(f"{path}: not a checkpoint of salgan train")
    return state


def describe(network: Generator) -> dict[str, str]:
    """Put into strings what ``restore`` needs beside the weights: architecture and preprocessing, as JSON."""
    return {
        _ARCHITECTURE: json.dumps(network.architecture),
        METADATA_KEY: network.preprocessing.to_json(),
    }


def restore(description: Mapping[str, Any], tensors: Mapping[str, Tensor], *, origin: str) -> Generator:
    """Build a generator from its description and its weights.

    Args:
        description: what ``describe`` returned; other keys are ignored.
        tensors: the network's ``state_dict``; floating-point tensors of any precision become float32.
        origin: the file's name, for error messages.

    Returns:
        The generator, on the CPU, in evaluation mode.

    Raises:
        ModelError: a description that does not build a network, or weights that do not fit it.
    """
    if _ARCHITECTURE not in description or METADATA_KEY not in description:
        raise ModelError(
            f"{origin}: does not describe its network; a salgan.networks.Generator is saved with its "
            "description (save_network, salgan train), a network of your own needs an export of your own"
        )
    try:
        architecture = _parse_architecture(description[_ARCHITECTURE])
        record = Preprocessing.from_json(description[METADATA_KEY])
        with torch.device("meta"):  # shapes without memory: a header may ask for anything
            outline = Generator(**architecture, preprocessing=record)
        _check(outline.state_dict(), tensors)
        network = Generator(**architecture, preprocessing=record)
        network.load_state_dict(dict(tensors))
    except (ModelError, ValueError, TypeError, RuntimeError, RecursionError) as error:
        cause = (str(error) or type(error).__name__).splitlines()[0]
        raise ModelError(f"{origin}: {cause}") from None
    return network.eval()


def load_encoder(network: Generator, path: str | Path) -> None:
    """Load ImageNet weights into a generator's encoder from a local safetensors file.

    Keys are timm's names of the whole classifier; what the encoder does not have (the classifier's head) is
    ignored. Half precision becomes float32. The weights must expect what ``network.preprocessing`` says: the
    paper's VGG-16 (Caffe, BGR) is :data:`salgan.preprocessing.VGG16_CAFFE`, the default of
    ``Generator("vgg16")``.

    Args:
        network: the generator; changed in place.
        path: the safetensors file.

    Raises:
        ModelError: not a safetensors file, or a tensor that is missing, misshapen or not finite; it is named.
    """
    _, tensors = _read(path)
    encoder = network.encoder
    # timm flattens "stages.0.x" to "stages_0.x" when it cuts some models, so names are compared without dots.
    by_name = {key.replace(".", "_"): tensor for key, tensor in tensors.items()}
    wanted = encoder.state_dict()
    found: dict[str, Tensor] = {}
    for name in wanted:
        plain = name.removeprefix("model.").replace(".", "_")
        if plain in by_name:
            found[name] = by_name[plain]
    try:
        _check(wanted, found)
    except ModelError as error:
        raise ModelError(f"{path}: {error}, as {network.architecture['encoder']} needs it") from None
    encoder.load_state_dict(found)


def _read(path: str | Path) -> tuple[Mapping[str, Any], Mapping[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file") from None
    except (SafetensorError, OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"{path}: not a readable safetensors file ({error})") from None


def _read_from_checkpoint(path: str | Path) -> tuple[Mapping[str, Any], Mapping[str, Tensor]]:
    state = read_checkpoint(path)
    networks, description = state["salgan"], state.get("description") or {}
    weights = networks.get("average") or networks.get("generator")
    if not isinstance(weights, dict) or not all(isinstance(each, Tensor) for each in weights.values()):
        raise ModelError(f"{path}: not a checkpoint of salgan train")
    if not isinstance(description, dict):
        raise ModelError(f"{path}: not a checkpoint of salgan train")
    return description, weights


def _read_from_onnx(path: str | Path) -> tuple[Mapping[str, Any], Mapping[str, Tensor]]:
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
    if _ARCHITECTURE in description and "vgg16" not in description[_ARCHITECTURE]:
        raise ModelError(
            f"{path}: the export has melted this network's batch norms into its convolutions; "
            "take the .safetensors or .pt file that it was exported from"
        )
    try:
        return description, {name: torch.from_numpy(array) for name, array in _unpacked(arrays)}
    except KeyError as error:
        raise ModelError(f"{path}: tensor {error.args[0]} is missing") from None
    except ValueError:  # rows, scales and shape that do not fit each other
        raise ModelError(f"{path}: its 8-bit tensors are damaged") from None


def _unpacked(arrays: Mapping[str, np.ndarray[Any, Any]]) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """The network's tensors in float32 again, by the names they had before they were stored in fewer bits."""
    for name, array in arrays.items():
        if not name.startswith(("encoder.", "decoder.")) or name.endswith((SCALE, SHAPE)):
            continue  # constants of the graph; what belongs to a tensor in 8 bits
        if name.endswith(WHOLE):
            plain = name.removesuffix(WHOLE)
            yield plain, (array.astype(np.float32) * arrays[plain + SCALE]).reshape(arrays[plain + SHAPE])
        else:
            yield name.removesuffix(HALF), array.astype(np.float32)


def _parse_architecture(text: Any) -> dict[str, Any]:
    architecture = json.loads(text)
    expected = {"encoder": str, "decoder": dict, "frozen": int}
    if not isinstance(architecture, dict) or set(architecture) != set(expected):
        raise ModelError("its architecture must name encoder, decoder and frozen, and nothing else")
    for name, kind in expected.items():
        if not isinstance(architecture[name], kind):
            raise ModelError(
                f"its architecture has {name} {architecture[name]!r}, which is no {kind.__name__}"
            )
    return architecture


def _check(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    for name, tensor in wanted.items():
        if name not in found:
            raise ModelError(f"tensor {name} is missing")
        given = found[name]
        if given.shape != tensor.shape:
            raise ModelError(f"tensor {name} has shape {tuple(given.shape)}, not {tuple(tensor.shape)}")
        if given.is_floating_point() != tensor.is_floating_point() or given.is_complex():
            raise ModelError(f"tensor {name} has type {given.dtype}, not {tensor.dtype}")
        if given.is_floating_point() and not bool(torch.isfinite(given.float()).all()):
            raise ModelError(f"tensor {name} holds NaN or infinity")
    unknown = sorted(set(found) - set(wanted))
    if unknown:
        raise ModelError(f"tensor {unknown[0]} belongs to no part of the network")
