"""From a recipe to its networks, with the weights they start from."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from salgan._files import replacing
from salgan.errors import ConfigError, ModelError
from salgan.networks import (
    Generator,
    default_preprocessing,
    load_encoder,
    load_network,
    read_checkpoint,
    save_network,
)
from salgan.preprocessing import Preprocessing
from salgan.training.config import Network

__all__ = [
    "build_generator",
    "initial_weights",
    "preprocessing_of",
    "save_generator",
]


def build_generator(settings: Network | str, size: tuple[int, int]) -> nn.Module:
    """The network to train, before ``init``.

    Args:
        settings: a generator of ``salgan.networks``, or ``package.module:factory``.
        size: height and width of the pictures.

    Raises:
        ConfigError: a factory that cannot be imported, or does not make a module.
        ModelError: an encoder or weights that do not exist or fit.
    """
    if isinstance(settings, str):
        return _from_factory(settings)
    online = settings.weights == "timm"
    height, width = size
    record = replace(default_preprocessing(settings.encoder, pretrained=online), height=height, width=width)
    network = Generator(
        settings.encoder,
        decoder=settings.decoder,
        frozen=settings.frozen,
        preprocessing=record,
        pretrained=online,
        drop_path=settings.drop_path,
    )
    if settings.weights is not None and not online:
        load_encoder(network, settings.weights)
    return network


def _from_factory(place: str) -> nn.Module:
    module, _, name = place.partition(":")
    # A factory beside the recipe is what people write first, and the console script does not search there.
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        factory = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"network: {place} cannot be imported ({error}); is it on PYTHONPATH?") from None
    network = factory()
    if not isinstance(network, nn.Module):
        raise ConfigError(f"network: {place} made a {type(network).__name__}, not a torch.nn.Module")
    return network


def preprocessing_of(network: nn.Module, size: tuple[int, int]) -> Preprocessing:
    """How pictures are resized for a network: its own record where it has one, at this size."""
    height, width = size
    record = getattr(network, "preprocessing", None)
    known = record if isinstance(record, Preprocessing) else Preprocessing()
    return replace(known, height=height, width=width)


def initial_weights(path: str, generator: nn.Module) -> dict[str, Any] | None:
    """Load ``init`` into a fresh generator.

    Args:
        path: a ``network.safetensors``, a run's checkpoint (``.pt``), or the paper's network as ``.onnx``.
        generator: changed in place.

    Returns:
        The state of the generator's optimiser, if the file is a checkpoint; None otherwise.

    Raises:
        ModelError: the file cannot be read or its weights are another network's.
    """
    optimiser: dict[str, Any] | None = None
    if Path(path).suffix == ".pt":
        state = read_checkpoint(Path(path))["salgan"]
        weights, optimiser = state["generator"], state["generator_optimiser"]
    elif Path(path).suffix == ".onnx":
        weights = load_network(path).state_dict()
    else:
        try:
            weights = load_file(path)
        except (SafetensorError, OSError, ValueError) as error:
            raise ModelError(f"init: {path} cannot be read ({error})") from None
    try:
        generator.load_state_dict(weights)
    except RuntimeError as error:
        first = " ".join(str(error).split())[:200]
        raise ModelError(f"init: {path} holds another network's weights ({first})") from None
    return optimiser


def save_generator(network: nn.Module, path: Path, metadata: dict[str, str]) -> None:
    """Write a network's weights whole: with its description where it is ours, as bare tensors otherwise.

    Raises:
        SalganError: the file cannot be written; what was there before is untouched.
    """
    if isinstance(network, Generator):
        save_network(network, path, metadata=metadata)
        return
    # Clones, because safetensors refuses tensors that share memory and a user's network may tie weights.
    tensors = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in network.state_dict().items()
    }
    with replacing(path) as temporary:
        temporary.write_bytes(save(tensors, metadata={"format": "pt", **metadata}))
