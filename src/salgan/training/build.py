"""From a recipe to its networks, with the weights they start from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from salgan.errors import ConfigError, ModelError
from salgan.models import find_model
from salgan.networks import Generator, default_preprocessing, load_encoder, read_checkpoint
from salgan.networks.factory import build_from_factory
from salgan.networks.files import network_in, read_network_file
from salgan.networks.rivals import RIVALS, build_rival
from salgan.networks.weights import architecture_in, fit_weights
from salgan.preprocessing import METADATA_KEY, Preprocessing
from salgan.training.config import Network

__all__ = [
    "Initial",
    "build_generator",
    "preprocessing_of",
    "read_initial",
]


@dataclass(frozen=True)
class Initial:
    """What ``init`` names: a trained network to go on from.

    Attributes:
        spec: as the recipe has it, for messages.
        weights: the network's ``state_dict``.
        preprocessing: what the weights were trained to be fed; None in a file that does not say so.
        architecture: what the network was made with; empty in a file that does not say so.
        optimiser: the state of the generator's optimiser, if the file is a checkpoint.
    """

    spec: str
    weights: Mapping[str, Tensor]
    preprocessing: Preprocessing | None
    architecture: dict[str, Any]
    optimiser: dict[str, Any] | None


def build_generator(
    settings: Network | str, size: tuple[int, int], initial: Initial | None = None
) -> nn.Module:
    """The network to train.

    Args:
        settings: a generator of ``salgan.networks``, or ``package.module:factory``.
        size: height and width of the pictures.
        initial: replaces all weights, so that those of the encoder are neither read nor downloaded, and says
            how a generator's pictures are normalised.

    Raises:
        ConfigError: the factory cannot be imported, or it does not make a module.
        ModelError: the encoder or the weights do not exist or do not fit.
    """
    weights = settings.weights if isinstance(settings, Network) and initial is None else None
    if isinstance(settings, str):
        network = _from_factory(settings)
    elif settings.encoder in RIVALS:
        network = _rival(settings, size, weights)
    else:
        network = _generator(settings, size, weights, initial)
    if initial is not None:
        try:
            fit_weights(network, initial.weights)
        except ModelError as error:
            here = network.architecture if isinstance(network, Generator) else {}
            cause = f"{error}{_differences(initial.architecture, here)}"
            raise ModelError(f"init: {initial.spec} holds another network's weights ({cause})") from None
    return network


def _differences(made_with: dict[str, Any], here: dict[str, Any]) -> str:
    """Which settings of a recipe would have made the network of a file; empty if one of them is not known."""
    if not (made_with and here):
        return ""
    settings = [
        f"network.{name}={json.dumps(made_with.get(name, False))}"
        for name in sorted({*made_with, *here} - {"frozen"})
        if made_with.get(name, False) != here.get(name, False)
    ]
    return f"; it was made with {', '.join(settings)}" if settings else ""


def _generator(
    settings: Network, size: tuple[int, int], weights: str | None, initial: Initial | None
) -> Generator:
    height, width = size
    if initial is not None and initial.preprocessing is not None:
        known = initial.preprocessing
    else:
        known = default_preprocessing(settings.encoder, pretrained=settings.weights == "timm")
    network = Generator(
        settings.encoder,
        decoder=settings.decoder,
        frozen=settings.frozen,
        preprocessing=known.fixed(height, width),  # shapes are this run's own
        pretrained=weights == "timm",
        drop_path=settings.drop_path,
        screens=settings.screens,
        text=settings.text,
    )
    if weights is not None and weights != "timm":
        load_encoder(network, weights)
    return network


def _rival(settings: Network, size: tuple[int, int], weights: str | None) -> nn.Module:
    for key in ("decoder", "drop_path", "screens", "text"):
        if getattr(settings, key):
            raise ConfigError(f"network.{key}: {settings.encoder} has none; leave it out")
    return build_rival(settings.encoder, weights=weights, frozen=settings.frozen or 0, size=size)


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


def read_initial(spec: str) -> Initial:
    """Read what ``init`` names.

    Args:
        spec: whatever :func:`salgan.load_model` opens and still holds the weights of training: a run's
            folder, its ``network.safetensors``, a checkpoint (``.pt``), or an export of the paper's network.
            Of a checkpoint, the generator's own weights are taken and not their moving average.

    Raises:
        ModelError: the file cannot be read.
    """
    file = find_model(spec)
    optimiser: dict[str, Any] | None = None
    try:
        if file.record is not None:
            file.read()  # verifies it
        if file.kind == "checkpoint":
            state = read_checkpoint(file.path)
            description, weights = network_in(state, file.path, "generator")
            optimiser = state["salgan"].get("generator_optimiser")
        else:
            description, weights = read_network_file(file.path)
        stored = description.get(METADATA_KEY)
        record = Preprocessing.from_json(stored) if stored is not None else None
        architecture = architecture_in(description)
    except ModelError as error:
        raise ModelError(f"init: {spec} cannot be read ({error})") from None
    return Initial(spec, weights, record, architecture, optimiser)
