"""What training puts around any generator: its answer in one form, and a moving average of its weights."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from salgan.errors import ModelError
from salgan.networks.rival import Rival

__all__ = ["Answer", "Answers", "Average", "statistics_held"]


class Answer(NamedTuple):
    """What a network answers to a batch.

    Attributes:
        logits: of the maps, at the pictures' size, (N, 1, H, W).
        output: a rival's own output at its own resolution, which its published loss compares; None otherwise.
        penalty: what that loss adds for the network's weights, a scalar; None if nothing.
    """

    logits: Tensor
    output: Tensor | None = None
    penalty: Tensor | None = None

    def picture(self, row: int) -> Answer:
        """The answer to one picture of the batch."""
        output = None if self.output is None else self.output[row : row + 1]
        return Answer(self.logits[row : row + 1], output, self.penalty)


class Answers(nn.Module):
    """A network that returns an :class:`Answer`, around one that may only return maps.

    Args:
        network: from RGB pictures 0..255 (N, 3, H, W) to maps 0..1 (N, 1, H, W). Its ``logits`` method is
            used where it has one; otherwise the map is clamped to [1e-6, 1 - 1e-6] and its logit taken.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor, features: Tensor | None = None) -> Answer:
        """The answer, from kept frozen features instead of the pictures where those are given.

        Raises:
            ModelError: the network answers with something else than a map of each picture, at its size.
        """
        if features is not None:
            return Answer(_checked(self.network.from_frozen(features), pictures))  # type: ignore[operator]
        if isinstance(self.network, Rival):
            output = self.network.output(pictures)
            height, width = pictures.shape[-2:]
            return Answer(self.network.logits_of(output, (height, width)), output, self.network.penalty())
        if hasattr(self.network, "logits"):
            return Answer(_checked(self.network.logits(pictures), pictures))  # type: ignore[operator]
        return Answer(torch.logit(_checked(self.network(pictures), pictures).float(), eps=1e-6))


def _checked(maps: Any, pictures: Tensor) -> Tensor:
    """What a network answered, if it fits: losses would spread (N, H, W) over (N, 1, H, W) without a word."""
    wanted = (len(pictures), 1, *pictures.shape[-2:])
    if isinstance(maps, Tensor) and tuple(maps.shape) == wanted:
        return maps
    found = tuple(maps.shape) if isinstance(maps, Tensor) else f"a {type(maps).__name__}"
    raise ModelError(
        f"network: it answers pictures {tuple(pictures.shape)} with {found}; let it return maps {wanted}"
    )


class Average:
    """An exponential moving average of a network's weights, evaluated and saved in its place.

    The decay rises from 0.1 to the recipe's, ``min(decay, (1 + n) / (10 + n))`` after n updates, so that the
    random start is forgotten in a short run too. Batch-norm statistics are averaged as well: those of the
    latest batches belong to the latest weights, not to the average.

    Args:
        network: the network to follow.
        decay: largest decay.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the network's present weights."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        pairs = list(zip(_tensors(self.network), _tensors(network), strict=True))
        averaged = [(mine, theirs) for mine, theirs in pairs if mine.is_floating_point()]
        torch._foreach_lerp_([mine for mine, _ in averaged], [theirs for _, theirs in averaged], 1 - decay)
        for mine, theirs in pairs:
            if not mine.is_floating_point():  # counters
                mine.copy_(theirs)


@contextmanager
def statistics_held(norms: Sequence[Any]) -> Iterator[None]:
    """Inside, batch norms use the batch's statistics, as in training, but do not keep them.

    Args:
        norms: batch norms; those in evaluation mode stay as they are.
    """
    held = [norm for norm in norms if norm.training]
    for norm in held:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in held:
            norm.track_running_stats = True


def _tensors(network: nn.Module) -> list[Tensor]:
    """Weights and buffers, in the network's order."""
    return [*network.parameters(), *network.buffers()]
