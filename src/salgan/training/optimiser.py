"""Optimisers and learning-rate schedules as a recipe names them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, cast

import torch
from torch import nn

from salgan.errors import ModelError
from salgan.training.phases import Optimiser
from salgan.training.resume import check_optimiser

__all__ = [
    "adopt",
    "build_optimiser",
    "clip",
    "learning_rate",
    "restore_gradients",
    "schedule_factor",
    "set_learning_rate",
]

_ADAGRAD_EPSILON = 1e-6


def build_optimiser(settings: Optimiser, network: nn.Module) -> torch.optim.Optimizer:
    """An optimiser over a network's trainable weights.

    Weight decay goes to kernels and matrices only; the weights of ``network.encoder``, if there is one, have
    their own factor on the learning rate.

    AdaGrad has its epsilon under the root, ``lr * g / sqrt(sum(g²) + 1e-6)``, as Lasagne has, which the paper
    trained with. (PyTorch's own makes every weight's first step ``lr`` long, however small its gradient.)

    Args:
        settings: rule, learning rates, decay.
        network: whose parameters to move; frozen ones are left out.
    """
    encoder = getattr(network, "encoder", None)
    inside = {id(weight) for weight in encoder.parameters()} if isinstance(encoder, nn.Module) else set()
    groups = []
    for in_encoder in (True, False):
        for decayed in (True, False):
            weights = [
                weight
                for weight in network.parameters()
                if weight.requires_grad
                and (id(weight) in inside) == in_encoder
                and (weight.ndim > 1) == decayed
            ]
            if weights:
                factor = settings.encoder_lr if in_encoder else 1.0
                decay = settings.weight_decay if decayed else 0.0
                groups.append({"params": weights, "weight_decay": decay, "factor": factor})
    if settings.name == "adagrad":
        return torch.optim.Adagrad(groups, lr=settings.lr, initial_accumulator_value=_ADAGRAD_EPSILON, eps=0)
    if settings.name == "adamw":
        first, second = settings.betas
        return torch.optim.AdamW(groups, lr=settings.lr, betas=(first, second))
    return torch.optim.SGD(groups, lr=settings.lr, momentum=settings.momentum, nesterov=settings.momentum > 0)


def schedule_factor(settings: Optimiser, step: int, steps: int) -> float:
    """Factor on the learning rate at a step of a phase: linear warm-up, then what the schedule says.

    It stays constant, follows half a cosine to 0, or is halved every so many steps.

    Args:
        settings: which schedule and how many steps of warm-up.
        step: number of the step, from 0.
        steps: steps of the whole phase.
    """
    if step < settings.warmup:
        return (step + 1) / (settings.warmup + 1)
    if settings.schedule == "constant":
        return 1.0
    if settings.schedule == "halved":
        return 0.5 ** ((step - settings.warmup) // cast(int, settings.every))
    progress = (step - settings.warmup) / max(1, steps - settings.warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set every group's learning rate to ``rate`` times the group's own factor."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["factor"]


def adopt(optimiser: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Give an optimiser what another one has accumulated, if that is of its kind.

    Args:
        optimiser: keeps its own learning rates and decay.
        state: of the other one.

    Raises:
        ModelError: it is no state of an optimiser, or one of this kind over weights of other shapes.
    """
    if not isinstance(state, Mapping) or not isinstance(state.get("param_groups"), list):
        raise ModelError("generator_optimiser is not the state of an optimiser")
    mine, theirs = optimiser.state_dict()["param_groups"], state["param_groups"]
    if not all(isinstance(group, Mapping) and isinstance(group.get("params"), list) for group in theirs):
        raise ModelError("generator_optimiser is not the state of an optimiser")
    if [set(group) for group in mine] == [set(group) for group in theirs] and [
        len(group["params"]) for group in mine
    ] == [len(group["params"]) for group in theirs]:
        check_optimiser(state, optimiser, "generator_optimiser")
        settings = [{key: value for key, value in group.items() if key != "params"} for group in mine]
        optimiser.load_state_dict(state)
        for group, own in zip(optimiser.param_groups, settings, strict=True):
            group.update(own)


def learning_rate(optimiser: torch.optim.Optimizer) -> float:
    """The largest learning rate of its groups."""
    return float(max(group["lr"] for group in optimiser.param_groups))


def restore_gradients(optimiser: torch.optim.Optimizer) -> None:
    """Let exactly the weights that an optimiser moves have gradients again."""
    for group in optimiser.param_groups:
        for weight in group["params"]:
            weight.requires_grad_(True)


def clip(weights: Iterable[torch.Tensor], settings: Optimiser) -> None:
    """Scale the gradient down to the recipe's largest norm, if it names one."""
    if settings.clip is not None:
        nn.utils.clip_grad_norm_(weights, settings.clip)
