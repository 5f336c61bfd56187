"""Networks of users' own, which a function makes: ``package.module:factory``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from torch import nn

from salgan._memory import is_out_of_memory
from salgan.errors import ModelError

__all__ = ["build_from_factory", "is_ours"]

_OURS = "salgan.networks."


def is_ours(place: str) -> bool:
    """Whether a factory is a public name of ``salgan.networks``, whose code came with the package."""
    module, _, name = place.partition(":")
    if not module.startswith(_OURS):
        return False
    try:
        return name in getattr(importlib.import_module(module), "__all__", ())
    except ImportError:
        return False


def build_from_factory(place: str) -> nn.Module:
    """Import a factory and call it. This runs code, so the caller must have been told to trust it.

    Args:
        place: ``package.module:factory``; the module may also lie in the folder that one starts from.

    Returns:
        What the factory made, in training mode, with random weights.

    Raises:
        ModelError: the factory cannot be imported, it fails, or it does not make a module.
    """
    module, _, name = place.partition(":")
    # A factory beside the recipe is what people write first, and the console script does not search there.
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        factory = getattr(importlib.import_module(module), name)
    except Exception as error:  # the module is a user's code and may raise anything
        if is_out_of_memory(error):
            raise MemoryError from error
        raise ModelError(f"{place} cannot be imported ({_reason(error)}); is it on PYTHONPATH?") from error
    try:
        network = factory()
    except Exception as error:  # likewise
        if is_out_of_memory(error):
            raise MemoryError from error
        raise ModelError(f"{place} cannot make a network ({_reason(error)})") from error
    if not isinstance(network, nn.Module):
        raise ModelError(f"{place} made a {type(network).__name__}, not a torch.nn.Module")
    return network


def _reason(error: Exception) -> str:
    said = " ".join(str(error).split())[:200]
    return said if isinstance(error, ImportError) else f"{type(error).__name__}: {said}"
