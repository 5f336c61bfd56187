"""From the size of a network's map to that of its picture."""

from __future__ import annotations

import numpy as np
from PIL import Image

from salgan._arrays import Array

__all__ = ["at_picture_size"]

_BAND = 256
"""How many rows of a map are enlarged at a time, so that a large photo needs no second copy of its map."""

_WIDEST = 65_536
"""The most columns at a time; the filter's weights take 40 bytes for each."""

_BAND_PIXELS = 4096
"""A strip's band has so many pixels, and thus more rows: a band takes its time however few it has."""


def at_picture_size(small: Array, height: int, width: int) -> Array:
    """Enlarge (or reduce) a network's map to its picture's size.

    Args:
        small: (h, w), values in [0, 1].
        height: rows of the picture.
        width: columns of the picture.

    Returns:
        float32 (height, width) in [0, 1].
    """
    # Bicubic, as in the released post-processing: bilinear leaves creases along the network's pixels, which
    # show in contours and in a peak's place. It may overshoot by a little, hence the clip.
    rows, columns = small.shape
    source = Image.fromarray(np.ascontiguousarray(small, dtype=np.float32))
    result = np.empty((height, width), np.float32)
    band = max(_BAND, _BAND_PIXELS // width)
    for top in range(0, height, band):
        bottom = min(height, top + band)
        above, below = top * rows / height, bottom * rows / height
        for left in range(0, width, _WIDEST):
            right = min(width, left + _WIDEST)
            box = (left * columns / width, above, right * columns / width, below)
            enlarged = source.resize((right - left, bottom - top), Image.Resampling.BICUBIC, box=box)
            result[top:bottom, left:right] = np.asarray(enlarged)
    return np.clip(result, 0, 1, out=result)
