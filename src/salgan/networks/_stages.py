"""Networks that run stage by stage, and may compute a stage's activations again instead of keeping them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

__all__ = ["run_stages"]


def run_stages(layers: nn.Sequential, ends: Sequence[int], features: Tensor, *, again: bool) -> Tensor:
    """Run consecutive stages of layers.

    Args:
        layers: what the stages consist of.
        ends: where the first stage begins, and where each stage ends, as positions among the layers.
        features: the first stage's input.
        again: where gradients are recorded, keep the input of each stage alone, and compute what is inside a
            second time on the way back.
    """
    for start, end in pairwise(ends):
        stage = layers[start:end]
        if again and torch.is_grad_enabled():
            features = cast(Tensor, checkpoint(stage, features, use_reentrant=False))
        else:
            features = stage(features)
    return features
