"""From a recipe to its networks, with the weights they start from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from salgan.errors import ConfigError, ModelError
from salgan.models import find_model
from salgan.networks import Generator, default_preprocessing, load_encoder, read_checkpoint
from salgan.networks.factory import build_from_factory
from salgan.networks.files import read_network_file
from salgan.networks.rivals import RIVALS, build_rival
from salgan.networks.weights import fit_weights
from salgan.preprocessing import Preprocessing
from salgan.training.config import Network

__all__ = [
    "build_generator",
    "initial_weights",
    "preprocessing_of",
]


def build_generator(settings: Network | str, size: tuple[int, int]) -> nn.Module:
    """The network to train, before ``init``.

    Args:
        settings: a generator of ``salgan.networks``, or ``package.module:factory``.
        size: height and width of the pictures.

    Raises:
        ConfigError: the factory cannot be imported, or it does not make a module.
        ModelError: the encoder or the weights do not exist or do not fit.
    """
    if isinstance(settings, str):
        return _from_factory(settings)
    if settings.encoder in RIVALS:
        return _rival(settings, size)
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
        screens=settings.screens,
    )
    if settings.weights is not None and not online:
        load_encoder(network, settings.weights)
    return network


def _rival(settings: Network, size: tuple[int, int]) -> nn.Module:
    for key in ("decoder", "drop_path", "screens"):
        if getattr(settings, key):
            raise ConfigError(f"network.{key}: {settings.encoder} has none; leave it out")
    return build_rival(settings.encoder, weights=settings.weights, frozen=settings.frozen or 0, size=size)


def _from_factory(place: str) -> nn.Module:
    try:
        return build_from_factory(place)
    except ModelError as error:
        raise ConfigError(f"network: {error}") from error.__cause__


def preprocessing_of(network: nn.Module, size: tuple[int, int]) -> Preprocessing:
    """How pictures are resized for a network: its own record where it has one, at this size."""
    height, width = size
    record = getattr(network, "preprocessing", None)
    known = record if isinstance(record, Preprocessing) else Preprocessing()
    return replace(known, height=height, width=width)


def initial_weights(spec: str, generator: nn.Module) -> dict[str, Any] | None:
    """Load ``init`` into a fresh generator.

    Args:
        spec: whatever :func:`salgan.load_model` opens and still holds the weights of training: a run's
            folder, its ``network.safetensors``, a checkpoint (``.pt``), or an export of the paper's network.
        generator: changed in place.

    Returns:
        The state of the generator's optimiser, if the file is a checkpoint; None otherwise.

    Raises:
        ModelError: the file cannot be read or its weights are another network's.
    """
    file = find_model(spec)
    optimiser: dict[str, Any] | None = None
    try:
        if file.record is not None:
            file.read()  # verifies it
        if file.kind == "checkpoint":
            state = read_checkpoint(file.path)["salgan"]
            weights, optimiser = state.get("generator"), state.get("generator_optimiser")
            if not isinstance(weights, dict) or not all(
                isinstance(each, Tensor) for each in weights.values()
            ):
                raise ModelError(f"{file.path}: not a checkpoint of salgan train")
        else:
            _, weights = read_network_file(file.path)
    except ModelError as error:
        raise ModelError(f"init: {spec} cannot be read ({error})") from None
    try:
        fit_weights(generator, weights)
    except ModelError as error:
        raise ModelError(f"init: {spec} holds another network's weights ({error})") from None
    return optimiser
