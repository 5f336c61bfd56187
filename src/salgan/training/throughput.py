"""How much arithmetic a step takes, and which share of the device's peak that is."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from lightning.fabric.utilities.throughput import get_available_flops
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["Meter", "published_peak"]

_DENSE = {
    "NVIDIA H200": {torch.bfloat16: 989.4e12, torch.float32: 66.9e12},
    "NVIDIA H200 NVL": {torch.bfloat16: 835.5e12, torch.float32: 60e12},
    "NVIDIA H100 NVL": {torch.bfloat16: 835.5e12, torch.float32: 60e12},
}
"""Operations per second, by NVIDIA's data sheets, of cards that Lightning does not know by the name that they
give themselves, or for which it has the figures for sparse matrices, which are twice as high."""


def published_peak(device: torch.device, dtype: torch.dtype) -> float | None:
    """Operations per second that a GPU is said to do with dense matrices, or None if that is not known.

    Args:
        device: a GPU; the peak of every other device is unknown.
        dtype: bfloat16 or float32.
    """
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    if name in _DENSE:
        return _DENSE[name][dtype]
    with warnings.catch_warnings():  # that a card is not in its table is nothing a user could mend
        warnings.simplefilter("ignore")
        return get_available_flops(device, dtype)


class Meter:
    """Counts the operations of the first step of each kind; the steps after it run unwatched.

    Args:
        peak: operations per second that all devices together can do; with None nothing is measured.

    Attributes:
        flops: operations per picture of each kind of step seen so far, forward and backward.
    """

    def __init__(self, peak: float | None) -> None:
        self.peak = peak
        self.flops: dict[str, float] = {}

    @classmethod
    def of_device(cls, device: torch.device, count: int, precision: str) -> Meter:
        """A meter against the published dense peak of a GPU; on other devices it measures nothing."""
        peak = published_peak(device, torch.bfloat16 if precision == "bf16-mixed" else torch.float32)
        return cls(None if peak is None else float(peak * count))

    @contextmanager
    def watching(self, turn: str, pictures: int) -> Iterator[None]:
        """Count what is computed inside, if this kind of step has not been counted yet.

        Args:
            turn: which kind of step.
            pictures: pictures in it.
        """
        if self.peak is None or turn in self.flops:
            yield
            return
        with FlopCounterMode(display=False) as counter:
            yield
        self.flops[turn] = counter.get_total_flops() / pictures

    def share(self, speed: float, turns: tuple[str, ...]) -> float | None:
        """Share of the peak at a speed.

        Args:
            speed: pictures per second.
            turns: the kinds of step that take turns.

        Returns:
            A fraction, or None where the peak is not known or a kind was not seen yet.
        """
        if self.peak is None or any(turn not in self.flops for turn in turns):
            return None
        return speed * sum(self.flops[turn] for turn in turns) / len(turns) / self.peak
