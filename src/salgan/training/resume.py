"""Whether what a checkpoint holds fits the run that would go on from it: anybody may have changed it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from salgan.errors import ModelError

__all__ = ["check_like", "check_number", "check_optimiser"]

_PLACE = 200


def check_like(found: object, wanted: object, place: str) -> None:
    """Compare a value with one of the same run: kinds, keys, lengths and shapes, but not numbers.

    Args:
        found: what the checkpoint holds.
        wanted: what the run holds in its place.
        place: what to call it.

    Raises:
        ModelError: they differ; the place within the value is named.
    """
    place = place[:_PLACE]
    if isinstance(wanted, Tensor):
        if not isinstance(found, Tensor) or found.shape != wanted.shape or found.dtype != wanted.dtype:
            raise ModelError(f"{place} is not a tensor of {wanted.dtype} with shape {tuple(wanted.shape)}")
    elif isinstance(wanted, Mapping):
        if not isinstance(found, Mapping) or found.keys() != wanted.keys():
            raise ModelError(f"{place} lacks parts, or has others")
        for key, value in wanted.items():
            check_like(found[key], value, f"{place}.{key}")
    elif isinstance(wanted, list | tuple):
        if not isinstance(found, list | tuple) or len(found) != len(wanted):
            raise ModelError(f"{place} does not have {len(wanted)} parts")
        for number, (value, like) in enumerate(zip(found, wanted, strict=True)):
            check_like(value, like, f"{place}.{number}")
    elif type(found) is not type(wanted) and not (isinstance(wanted, float) and type(found) is int):
        raise ModelError(f"{place} is {type(found).__name__}, not {type(wanted).__name__}")


def check_number(found: object, place: str) -> None:
    """Check that a value is a number, or a tensor of one number.

    Raises:
        ModelError: it is something else.
    """
    single = isinstance(found, Tensor) and found.numel() == 1 and not found.is_complex()
    if not single and (isinstance(found, bool) or not isinstance(found, int | float)):
        raise ModelError(f"{place[:_PLACE]} is not a number")


def check_optimiser(found: Any, optimiser: torch.optim.Optimizer, place: str) -> None:
    """Compare an optimiser's state with the optimiser that would take it.

    Args:
        found: what the checkpoint holds.
        optimiser: over the weights of this run.
        place: what to call it.

    Raises:
        ModelError: it belongs to another optimiser, or to other weights.
    """
    wanted = optimiser.state_dict()
    if (
        not isinstance(found, Mapping)
        or found.keys() != wanted.keys()
        or not isinstance(found["state"], Mapping)
    ):
        raise ModelError(f"{place} is not the state of an optimiser")
    groups = found["param_groups"]
    if not isinstance(groups, list) or len(groups) != len(wanted["param_groups"]):
        raise ModelError(f"{place}.param_groups are those of other weights")
    for own, group in zip(wanted["param_groups"], groups, strict=True):
        if not isinstance(group, Mapping) or group.get("params") != own["params"]:
            raise ModelError(f"{place}.param_groups are those of other weights")
        for key in own.keys() & group.keys():  # another version of PyTorch may know further settings
            check_like(group[key], own[key], f"{place}.{key}")
    numbers = [number for group in wanted["param_groups"] for number in group["params"]]
    weights: Sequence[Tensor] = [weight for group in optimiser.param_groups for weight in group["params"]]
    shapes = dict(zip(numbers, (weight.shape for weight in weights), strict=True))
    for number, values in found["state"].items():
        if number not in shapes or not isinstance(values, Mapping):
            raise ModelError(f"{place}.state is that of other weights")
        for name, value in values.items():
            if isinstance(value, Tensor) and value.shape == shapes[number] and value.is_floating_point():
                continue
            if value is not None:
                check_number(value, f"{place}.state.{number}.{name}")
