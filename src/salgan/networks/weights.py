"""Networks in files, with what says how to build them and how to feed them.

A file is hostile until parsed: names in its description are checked before anything is built from them, no
memory is set aside before its tensors are known to fit, and a factory is imported only with ``trust``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from salgan._files import replacing
from salgan._json import parse_json
from salgan.errors import ModelError
from salgan.networks.factory import build_from_factory, is_ours
from salgan.networks.files import as_safetensors, read_network_file, read_safetensors
from salgan.networks.generator import Generator
from salgan.networks.rival import Rival
from salgan.preprocessing import METADATA_KEY, Preprocessing

__all__ = [
    "architecture_in",
    "describe",
    "fit_weights",
    "fitting",
    "load_encoder",
    "load_network",
    "preprocessing_of",
    "restore",
    "save_network",
]

_ARCHITECTURE = "salgan.architecture"
_FACTORY = "salgan.factory"


def save_network(
    network: nn.Module,
    path: str | Path,
    *,
    metadata: Mapping[str, str] | None = None,
    description: Mapping[str, str] | None = None,
) -> None:
    """Write a network, what rebuilds it and its preprocessing record into one safetensors file.

    The file is there whole or not at all, and equal networks give equal bytes.

    Args:
        network: a generator, or a network of your own with a ``description``, on any device.
        path: where to write; an existing file is replaced.
        metadata: more strings for the header, such as the recipe's name.
        description: what :func:`describe` returned; made from ``network`` if None.

    Raises:
        SalganError: the file cannot be written; what was there before is untouched.
    """
    description = describe(network) if description is None else description
    content = as_safetensors(network.state_dict(), {**(metadata or {}), **description})
    with replacing(Path(path)) as temporary:
        # safetensors' own writer is not used: only the owner can read its files, and it hides the OSError
        # of a full disk.
        temporary.write_bytes(content)


def load_network(path: str | Path, *, trust: bool = False) -> nn.Module:
    """Read a network that ``save_network`` wrote, or the one in a training run's checkpoint or ONNX file.

    Args:
        path: see :func:`salgan.networks.files.read_network_file`.
        trust: import the factory that the file names, which runs code.

    Returns:
        The network on the CPU, in evaluation mode, with its record as the attribute ``preprocessing``: a
        :class:`Generator`, or what the factory made.

    Raises:
        ModelError: not such a file, its parts do not fit each other, or it needs ``trust``.
    """
    description, tensors = read_network_file(path)
    return restore(description, tensors, origin=str(path), trust=trust)


def describe(
    network: nn.Module, *, factory: str | None = None, preprocessing: Preprocessing | None = None
) -> dict[str, str]:
    """Put into strings what ``restore`` needs beside the weights.

    Args:
        network: a generator, or any network that ``factory`` makes.
        factory: ``package.module:factory`` of a network that is neither a :class:`Generator` nor a rival.
        preprocessing: how the network is fed; its attribute of that name if None.

    Returns:
        Architecture (or factory) and preprocessing, as JSON.

    Raises:
        ModelError: the network is not a generator, and no factory or record is given.
    """
    record = preprocessing or preprocessing_of(network)
    if isinstance(network, Generator):
        return {_ARCHITECTURE: json.dumps(network.architecture), METADATA_KEY: record.to_json()}
    if factory is None and isinstance(network, Rival):
        factory = f"{type(network).__module__}:{type(network).__name__}"
    if factory is None:
        raise ModelError(f"{type(network).__name__} cannot be described without the factory that makes it")
    return {_FACTORY: factory, METADATA_KEY: record.to_json()}


def preprocessing_of(network: nn.Module) -> Preprocessing:
    """The record that a network carries as its attribute ``preprocessing``.

    Raises:
        ModelError: it carries none.
    """
    record = getattr(network, "preprocessing", None)
    if not isinstance(record, Preprocessing):
        raise ModelError(
            f"{type(network).__name__} does not say how it is fed; "
            "give it the attribute preprocessing (salgan.preprocessing.Preprocessing)"
        )
    return record


def restore(
    description: Mapping[str, Any], tensors: Mapping[str, Tensor], *, origin: str, trust: bool = False
) -> nn.Module:
    """Build a network from its description and its weights.

    Args:
        description: what ``describe`` returned; other keys are ignored.
        tensors: the network's ``state_dict``; floating-point tensors of any precision become float32.
        origin: the file's name, for error messages.
        trust: import the factory that the description names, which runs code. A public name of
            ``salgan.networks`` needs no trust.

    Returns:
        The network on the CPU, in evaluation mode, with its record as the attribute ``preprocessing``.

    Raises:
        ModelError: a description that does not build a network, weights that do not fit it, or no trust.
    """
    if METADATA_KEY not in description or not {_ARCHITECTURE, _FACTORY} & set(description):
        raise ModelError(
            f"{origin}: does not describe its network; take the network.safetensors or the checkpoint "
            "of a run, which do"
        )
    try:
        record = Preprocessing.from_json(description[METADATA_KEY])
        network: nn.Module
        if _ARCHITECTURE in description:
            network = _restore_generator(description[_ARCHITECTURE], record, tensors)
        else:
            network = _restore_own(description[_FACTORY], record, tensors, trust=trust)
    except (ModelError, ValueError, TypeError, RuntimeError, RecursionError) as error:
        cause = (str(error) or type(error).__name__).splitlines()[0]
        raise ModelError(f"{origin}: {cause}") from None
    return network.eval()


def _restore_generator(architecture: Any, record: Preprocessing, tensors: Mapping[str, Tensor]) -> Generator:
    settings = _parsed_architecture(architecture)
    with torch.device("meta"):  # shapes without memory: a header may ask for anything
        outline = Generator(**settings, preprocessing=record)
    _check(outline.state_dict(), tensors)
    network = Generator(**settings, preprocessing=record)
    network.load_state_dict(dict(tensors))
    return network


def _restore_own(
    place: Any, record: Preprocessing, tensors: Mapping[str, Tensor], *, trust: bool
) -> nn.Module:
    if not isinstance(place, str) or not re.fullmatch(r"[\w.]+:\w+", place):
        raise ModelError(f"its factory {place!r} is not of the form package.module:factory")
    if not (trust or is_ours(place)):
        raise ModelError(
            f"its network is made by the code of {place}; if you trust that code, add --trust to predict, "
            "evaluate, compare, reproduce, submit or export (in Python trust=True)"
        )
    network = build_from_factory(place)
    fit_weights(network, tensors)
    network.preprocessing = record  # type: ignore[assignment]  # a plain attribute
    return network


def fit_weights(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Load tensors into a network that exists.

    Args:
        network: changed in place.
        tensors: its ``state_dict``; floating-point tensors of any precision become the network's.

    Raises:
        ModelError: a tensor that is missing, misshapen, not finite or not the network's; it is named.
    """
    _check(network.state_dict(), tensors)
    network.load_state_dict(dict(tensors))


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
    _, tensors = read_safetensors(path)
    encoder = network.encoder
    encoder.load_state_dict(
        fitting(encoder.state_dict(), tensors, str(path), network.architecture["encoder"])
    )


def fitting(
    wanted: Mapping[str, Tensor], tensors: Mapping[str, Tensor], path: str, name: str
) -> dict[str, Tensor]:
    """The tensors of a file that an encoder needs, by the encoder's own names.

    Args:
        wanted: the encoder's ``state_dict``.
        tensors: the file's, by timm's names; what the encoder does not have is ignored.
        path: the file's name, for the message.
        name: the encoder's, likewise.

    Raises:
        ModelError: a tensor that is missing, misshapen or not finite; it is named.
    """
    # timm flattens "stages.0.x" to "stages_0.x" when it cuts some models, so names are compared without dots.
    by_name = {key.replace(".", "_"): tensor for key, tensor in tensors.items()}
    found: dict[str, Tensor] = {}
    for key in wanted:
        plain = key.removeprefix("model.").replace(".", "_")
        if plain in by_name:
            found[key] = by_name[plain]
    try:
        _check(wanted, found)
    except ModelError as error:
        raise ModelError(f"{path}: {error}, as {name} needs it") from None
    return found


def architecture_in(description: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords of the :class:`Generator` that a file describes; empty if it describes another network.

    Raises:
        ModelError: the description is damaged.
    """
    try:
        return _parsed_architecture(description[_ARCHITECTURE]) if _ARCHITECTURE in description else {}
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelError(f"its architecture cannot be read ({error})") from None


def _parsed_architecture(text: Any) -> dict[str, Any]:
    architecture = parse_json(text)
    expected = {"encoder": str, "decoder": dict, "frozen": int, "screens": bool, "text": bool}
    if not isinstance(architecture, dict) or set(architecture) | {"screens", "text"} != set(expected):
        raise ModelError(
            "its architecture must name encoder, decoder and frozen; it may name screens and text, "
            "and nothing else"
        )
    for name, kind in expected.items():
        if name in architecture and not isinstance(architecture[name], kind):
            raise ModelError(
                f"its architecture has {name} {architecture[name]!r}, which is not of type {kind.__name__}"
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
