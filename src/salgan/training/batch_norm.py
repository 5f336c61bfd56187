"""Batch norms of several processes that take the statistics of the whole batch, on any device.

PyTorch's ``SyncBatchNorm`` runs on GPUs alone, and must take the place of every layer. Here the layers stay
what they are: while the mode is active, what they call takes its sums over all processes. Two processes then
train a network with batch norms as one process does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, distributed
from torch.nn import functional as F  # noqa: N812  # its name everywhere
from torch.overrides import TorchFunctionMode

__all__ = ["WholeBatchStatistics"]


class WholeBatchStatistics(TorchFunctionMode):
    """Inside, ``batch_norm`` in training uses the statistics of all processes, whose shares are equal."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """What PyTorch calls in place of each of its functions."""
        mine = _batch_norm if func is F.batch_norm else func
        return mine(*args, **(kwargs or {}))


class _Mean(torch.autograd.Function):
    """The mean of a tensor over all processes; so is its gradient's, since each loss is its share's mean."""

    @staticmethod
    def forward(context: Any, share: Tensor) -> Tensor:
        return _mean(share)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return _mean(gradient)


def _mean(share: Tensor) -> Tensor:
    total = share.contiguous().clone()
    distributed.all_reduce(total)
    return total / distributed.get_world_size()


def _batch_norm(
    input: Tensor,  # PyTorch's names, since its layers call by them
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    if not training:
        return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    values = input.float()
    around = [0, *range(2, values.ndim)]
    mean = _Mean.apply(values.mean(around, keepdim=True))
    centred = values - mean
    variance = _Mean.apply(centred.square().mean(around, keepdim=True))
    if running_mean is not None and running_var is not None:
        with torch.no_grad():
            count = values.numel() // values.shape[1] * distributed.get_world_size()
            running_mean.lerp_(mean.flatten().to(running_mean.dtype), momentum)
            unbiased = variance.flatten() * (count / max(count - 1, 1))
            running_var.lerp_(unbiased.to(running_var.dtype), momentum)
    shape = [1, -1] + [1] * (values.ndim - 2)
    scaled = centred * (variance + eps).rsqrt()
    if weight is not None:
        scaled = scaled * weight.reshape(shape)
    if bias is not None:
        scaled = scaled + bias.reshape(shape)
    normalised: Tensor = scaled.to(input.dtype)
    return normalised
