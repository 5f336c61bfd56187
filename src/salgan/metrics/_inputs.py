"""What every metric does to its inputs: check them once, derive shared quantities at most once.

A metric called with arrays checks them here. :func:`salgan.metrics.score` wraps each array one time and hands
the same :class:`Map` to all metrics, so that the sorting and the sums are shared.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from salgan.errors import MetricError

__all__ = ["EPS", "Fixated", "Float", "Map", "as_density", "as_fixated", "as_map", "summed"]

EPS = 2.220446049250313e-16
"""MATLAB's ``eps``, which the toolbox adds inside its logarithms."""

LARGEST = 1e100
"""Values beyond this could overflow when squared and summed."""

BLOCK = 2**15
"""Values summed at a time: temporary arrays of 256 KiB stay in the processor's cache."""

Float = NDArray[np.float64]


class Map:
    """A checked map of real numbers and what the metrics derive from it.

    Single numbers and the sorted values are kept; other derived maps never exist as a whole. A flat map, for
    which the toolbox returns NaN, counts as the uniform distribution.

    Attributes:
        name: what the caller calls it, for messages.
        array: float64 (H, W), finite.
        low: the smallest value.
        high: the largest value.
    """

    def __init__(self, values: ArrayLike, name: str) -> None:
        self.name = name
        self.array: Float = np.ascontiguousarray(_real(values, name), dtype=np.float64)
        self.low, self.high = float(self.array.min()), float(self.array.max())
        if not (self.low > -LARGEST and self.high < LARGEST):  # written so that NaN fails too
            bad = int(np.count_nonzero(~(np.abs(self.array) < LARGEST)))
            raise MetricError(
                f"{name} has {bad} of {self.array.size} values that are NaN, infinite or beyond 1e100;"
                " mend the map (np.nan_to_num) or leave this picture out"
            )

    @property
    def is_flat(self) -> bool:
        """Whether all values are equal."""
        return self.low == self.high

    @cached_property
    def mean(self) -> float:
        """Mean of all values."""
        return self.low if self.is_flat else float(self.array.mean())

    @cached_property
    def std(self) -> float:
        """Standard deviation of all values, with n - 1; 0 if the map is flat."""
        squares = summed(lambda values: np.square(values - self.mean), self.array)
        return math.sqrt(squares / max(self.array.size - 1, 1))

    @cached_property
    def total(self) -> float:
        """Sum of all values."""
        return float(self.array.sum())

    @cached_property
    def scaled_total(self) -> float:
        """Sum of what all values exceed the lowest by."""
        return summed(lambda values: values - self.low, self.array)

    def check_distribution(self) -> None:
        """Raise unless the map can be a distribution.

        Raises:
            MetricError: there are negative values.
        """
        if self.low < 0:
            raise MetricError(
                f"{self.name} has negative values (lowest {self.low:.4g}), so it is not a distribution;"
                " shift it (map - map.min()) or, if it holds log densities, pass np.exp(map)"
            )

    def share(self, values: Float) -> Float:
        """Values of this map, divided by the sum of all."""
        return self._uniform(values) if self.is_flat else values / self.total

    def scaled_share(self, values: Float) -> Float:
        """Values of this map, min-max scaled and divided by the sum of all that are: the range cancels."""
        return self._uniform(values) if self.is_flat else (values - self.low) / self.scaled_total

    def _uniform(self, values: Float) -> Float:
        return np.full(values.shape, 1 / self.array.size)

    @cached_property
    def ascending(self) -> Float:
        """All values in ascending order; (H * W,)."""
        return np.sort(self.array, axis=None)

    def scaled(self, value: float) -> float:
        """A value of this map, min-max scaled to 0..1; 0 if the map is flat."""
        return 0.0 if self.is_flat else (value - self.low) / (self.high - self.low)


class Fixated:
    """A checked set of fixated pixels.

    Attributes:
        index: positions of the fixated pixels in the flattened map; int (N,), N >= 1.
        shape: (H, W) of the array it was read from.
    """

    def __init__(self, values: ArrayLike, name: str) -> None:
        array = _real(values, name)
        self.shape = array.shape
        self.index = np.flatnonzero(array)
        if array.dtype != np.bool_:
            _check_binary(array, name)
        if not self.index.size:
            raise MetricError(f"{name} marks no pixel, so there is nothing to score; leave this picture out")

    def __len__(self) -> int:
        return self.index.size

    def values(self, of: Map) -> Float:
        """The map's values at the fixated pixels; float64 (N,)."""
        return of.array.ravel()[self.index]


def summed(function: Callable[..., Float], *arrays: Float) -> float:
    """Sum of an elementwise function of arrays of one shape, block by block.

    Fresh memory for a whole map takes more time than the arithmetic, and for a large map there may be none.
    """
    flat = [array.ravel() for array in arrays]
    starts = range(0, flat[0].size, BLOCK)
    return math.fsum(float(function(*(x[start : start + BLOCK] for x in flat)).sum()) for start in starts)


def as_map(values: ArrayLike | Map, name: str, like: Map | None = None) -> Map:
    """Check a map.

    Args:
        values: (H, W) array of real numbers, or one checked before.
        name: what the caller calls it, for messages.
        like: the map whose size it must have.

    Raises:
        MetricError: it is not (H, W), holds no real finite numbers, or has another size than ``like``.
    """
    checked = values if isinstance(values, Map) else Map(values, name)
    _check_size(checked.array.shape, name, like)
    return checked


def as_density(values: ArrayLike | Map, like: Map) -> Map:
    """Check a fixation density as :func:`as_map` does; it must also not be 0 everywhere.

    Raises:
        MetricError: as :func:`as_map`, or no pixel has any density.
    """
    density = as_map(values, "density", like)
    if density.is_flat and density.low == 0:
        raise MetricError("density is 0 everywhere: it was made from no fixation; leave this picture out")
    return density


def as_fixated(values: ArrayLike | Fixated, name: str, like: Map) -> Fixated:
    """Check fixations given as a binary (H, W) array of the size of ``like``.

    Raises:
        MetricError: it is not (H, W), not binary, marks no pixel, or has another size.
    """
    if isinstance(values, Fixated):
        _check_size(values.shape, name, like)
        return values
    # The size is looked at first: coordinates given as an (N, 2) list are best answered there.
    _check_size(_real(values, name).shape, name, like)
    return Fixated(values, name)


def _real(values: ArrayLike, name: str) -> NDArray[np.generic]:
    array = np.asarray(values)
    if array.dtype.kind not in "buif":
        raise MetricError(f"{name} must hold real numbers, not {array.dtype}; pass a numeric (H, W) array")
    if array.ndim != 2 or not array.size:
        raise MetricError(
            f"{name} must be one (H, W) array, not of shape {array.shape};"
            " pick one picture and one channel, e.g. array[0] or array.mean(axis=-1)"
        )
    return array


def _check_binary(array: NDArray[np.generic], name: str) -> None:
    top = array.max()
    if top not in (0, 1, 255) or not ((array == 0) | (array == top)).all():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise MetricError(f"{name} holds NaN or infinity; mark fixated pixels by 1 and all others by 0")
        raise MetricError(
            f"{name} must be points, 0 and 1 (or 255), but has other values ({array.min():.4g} to {top:.4g});"
            " for a blurred map pass the fixated pixels it was made from, for counts pass counts > 0"
        )


def _check_size(shape: tuple[int, ...], name: str, like: Map | None) -> None:
    if like is None or shape == like.array.shape:
        return
    if name.endswith("fixations") and shape[1] in (2, 3):
        hint = "if these are coordinates, mark them in an array of zeros: array[y, x] = 1"
    elif name == "baseline":
        hint = f"resize {name} to the size of {like.name}"
    else:
        hint = f"resize {like.name} to {shape[0]}×{shape[1]}, where the fixations were recorded"
    sizes = [f"{height}×{width}" for height, width in (shape, like.array.shape)]
    raise MetricError(f"{name} is {sizes[0]} but {like.name} is {sizes[1]} (rows×columns); {hint}")
