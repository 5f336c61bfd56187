"""From fixations to a density: a Gaussian around each, in closed form.

Blurring an image of fixation counts (as ``scipy.ndimage.gaussian_filter`` with ``mode="constant"`` does)
is, because the Gaussian is separable, two small matrix products over the rows and columns that hold a
fixation. That costs a fraction of the filter on the 3,888 pixel wide pictures with their wide Gaussians,
and cuts no tails: the density is above 0 as far as float64 reaches, which helps KL divergence and
information gain.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from salgan._arrays import Array, Floats, Mask
from salgan.errors import DatasetError

__all__ = ["density", "misfit", "pixels", "resized"]

_ASPECT = 1.02
"""Maps whose ratio of sides differs by more than this factor from their picture's do not belong to it."""

Indices = npt.NDArray[np.intp]


def pixels(x: Floats, y: Floats, width: int, height: int) -> tuple[Indices, Indices, Mask]:
    """The pixels that fixations fall on.

    Args:
        x: float64 (N,), 0-based columns; halves are rounded up.
        y: float64 (N,), 0-based rows.
        width: columns of the picture.
        height: rows of the picture.

    Returns:
        Column and row of the fixations inside the picture, and which of the N those are.
    """
    column, row = np.floor(x + 0.5), np.floor(y + 0.5)
    # NaN compares false, so a lost eye counts as outside.
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    return column[inside].astype(np.intp), row[inside].astype(np.intp), inside


def resized(values: Array, height: int, width: int) -> Array:
    """A map at the picture's size: unchanged if it fits, otherwise resized bilinearly (averaging to reduce).

    Args:
        values: (h, w), real.
        height: rows of the picture.
        width: columns of the picture.

    Returns:
        (height, width); float32 if it was resized.
    """
    if values.shape == (height, width):
        return values
    image = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))


def misfit(shape: tuple[int, ...], height: int, width: int) -> str | None:
    """Why a map cannot belong to a picture, by their ratios of sides; None if it can.

    Args:
        shape: (h, w) of the map.
        height: rows of the picture.
        width: columns of the picture.
    """
    rows, columns = shape
    # Rounding to whole pixels may move each side by half a pixel.
    low, high = (columns - 0.5) / (rows + 0.5), (columns + 0.5) / (rows - 0.5)
    if low / _ASPECT <= width / height <= high * _ASPECT:
        return None
    sizes = f"the map is {columns}×{rows} pixels (width × height), its picture {width}×{height}"
    if low / _ASPECT <= height / width <= high * _ASPECT:
        return f"{sizes}: rows and columns are exchanged; transpose the maps (array.T)"
    return f"{sizes}, of another shape; make maps of the whole picture, not of a part"


def density(x: Floats, y: Floats, width: int, height: int, sigma: float) -> Floats:
    """Fixation density: the counts of fixations per pixel, blurred with a Gaussian.

    Fixations are rounded to the nearest pixel and those outside the picture dropped. What the Gaussian
    spreads over the border is lost (boundary constant 0), then the map is divided by its sum.

    Args:
        x: float64 (N,), 0-based columns in pixels.
        y: float64 (N,), 0-based rows in pixels.
        width: columns of the picture.
        height: rows of the picture.
        sigma: standard deviation of the Gaussian, in pixels, above 0.

    Returns:
        float64 (height, width), not negative, sums to 1.

    Raises:
        DatasetError: no fixation inside the picture, or sigma not above 0.
    """
    if not (np.isfinite(sigma) and sigma > 0):
        raise DatasetError(f"sigma is {sigma} pixels; it must be above 0")
    column, row, _ = pixels(x, y, width, height)
    if not len(column):
        raise DatasetError("no fixation lies inside the picture, so there is no density; leave it out")
    columns, at_column = np.unique(column, return_inverse=True)
    rows, at_row = np.unique(row, return_inverse=True)
    counts = np.zeros((len(rows), len(columns)))
    np.add.at(counts, (at_row, at_column), 1.0)
    blurred = _gaussian(height, rows, sigma) @ counts @ _gaussian(width, columns, sigma).T
    return np.asarray(blurred / blurred.sum())


def _gaussian(length: int, centres: Indices, sigma: float) -> Floats:
    """Gaussians of height 1 around each centre, as columns: (length, len(centres))."""
    distance = (np.arange(length)[:, None] - centres[None, :]) / sigma
    return np.asarray(np.exp(-0.5 * distance**2))
