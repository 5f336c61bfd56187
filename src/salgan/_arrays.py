"""Readable names for the arrays that the parts of the package hand to each other.

A name says what the numbers are; the shape stands in the docstring that uses the name, because NumPy's types
cannot hold it.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Floats", "Floats32", "Integers", "Map", "Mask", "Picture"]

Array: TypeAlias = NDArray[Any]
"""Any array; the docstring says which types are accepted."""

Picture: TypeAlias = NDArray[np.uint8]
"""uint8 RGB (H, W, 3), as :func:`salgan.image.read` gives it."""

Map: TypeAlias = NDArray[np.float32]
"""float32 (H, W) in [0, 1], as :attr:`salgan.SaliencyMap.array` holds it."""

Mask: TypeAlias = NDArray[np.bool_]
"""bool (H, W): which pixels are meant."""

Floats: TypeAlias = NDArray[np.float64]
"""float64 of any shape: densities, coverages, coordinates, scores."""

Floats32: TypeAlias = NDArray[np.float32]
"""float32 of any shape: what networks take and give."""

Integers: TypeAlias = NDArray[np.int64]
"""int64 of any shape: counts, sums and positions."""
