"""What training puts around any generator: its logits, and a moving average of its weights."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

__all__ = ["Average", "Logits"]


class Logits(nn.Module):
    """A network that returns logits, around one that may only return maps.

    Args:
        network: from RGB pictures 0..255 (N, 3, H, W) to maps 0..1 (N, 1, H, W). Its ``logits`` method is
            used where it has one; otherwise the map is clamped to [1e-6, 1 - 1e-6] and its logit taken.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor, features: Tensor | None = None) -> Tensor:
        """Logits (N, 1, H, W), from kept frozen features instead of the pictures where those are given."""
        if features is not None:
            return self.network.from_frozen(features)  # type: ignore[operator,no-any-return]
        if hasattr(self.network, "logits"):
            return self.network.logits(pictures)  # type: ignore[operator,no-any-return]
        return torch.logit(self.network(pictures).float(), eps=1e-6)


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


def _tensors(network: nn.Module) -> list[Tensor]:
    """Weights and buffers, in the network's order."""
    return [*network.parameters(), *network.buffers()]
