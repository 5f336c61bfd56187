"""What the values of a map are: saliency of any scale, a density, or the logarithm of one.

Nothing is guessed in silence. A set of maps may say it (``kind`` among the attributes of an HDF5 file or the
arrays of an npz file), the caller may say it, and a log density is recognised by its exponential, which sums
to one. Everything else is saliency.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from salgan._arrays import Array, Floats
from salgan.datasets.density import misfit
from salgan.errors import ModelError

__all__ = ["KINDS", "MapKind", "as_density", "check_aspect", "kind_named", "looks_like_log_density"]

MapKind = Literal["saliency", "density", "log-density"]
"""What the values of a map are."""

KINDS: tuple[MapKind, ...] = get_args(MapKind)

_OFF = 0.02
"""How far from 1 the exponential of a log density may sum to: half precision and resizing cost some."""


def kind_named(text: str) -> MapKind:
    """The kind of a name as people write it and as reports print it: ``log densities`` is ``log-density``.

    Raises:
        ModelError: there is no such kind.
    """
    plain = text.strip().lower().replace("_", "-").replace(" ", "-").replace("densities", "density")
    for kind in KINDS:
        if plain == kind:
            return kind
    raise ModelError(f"maps cannot be {text!r}; they are one of {', '.join(KINDS)}")


def looks_like_log_density(values: Array) -> bool:
    """Whether values can only be logarithms of a density: negative, and their exponential sums to 1."""
    if values.dtype.kind != "f" or not np.isfinite(values).all() or not values.min() < 0:
        return False
    return abs(float(np.exp(np.minimum(values.astype(np.float64), 50)).sum()) - 1) < _OFF


def as_density(values: Array, kind: MapKind, name: str, uniform: float = 0.0) -> Floats:
    """A density from a map that holds one, divided by its sum: float64, not negative, sums to 1.

    Args:
        values: (h, w) of kind ``density`` or ``log-density``.
        kind: which of the two.
        name: the name of the picture, for messages.
        uniform: share of the uniform density to mix in.

    Raises:
        ModelError: negative values in a density; values of which there is no sum.
    """
    array = np.asarray(values, dtype=np.float64)
    if kind == "log-density":
        array = np.exp(array - array.max())
    elif array.min() < 0:
        raise ModelError(
            f"{name}: the map has negative values, so it is not a density; if it holds logarithms, "
            "say --maps log-density"
        )
    total = float(array.sum())
    if not (np.isfinite(total) and total > 0):
        raise ModelError(f"{name}: the map sums to {total:g}, so it is not a density")
    return np.asarray((1 - uniform) * array / total + uniform / array.size)


def check_aspect(shape: tuple[int, ...], height: int, width: int, name: str) -> None:
    """Make sure that a map has its picture's ratio of sides, as far as whole pixels allow.

    Args:
        shape: (h, w) of the map.
        height: rows of the picture.
        width: columns of the picture.
        name: the name of the picture, for the message.

    Raises:
        ModelError: it differs by more than 2 %.
    """
    if wrong := misfit(shape, height, width):
        raise ModelError(f"{name}: {wrong}")
