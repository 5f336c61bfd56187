"""Any number of pictures, one after the other, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from salgan import image
from salgan._arrays import Picture
from salgan._parallel import cores, in_order
from salgan.errors import SalganError
from salgan.image import Source
from salgan.saliency_map import SaliencyMap

__all__ = ["BYTES_UNDER_WAY", "bytes_needed", "in_batches"]

BYTES_UNDER_WAY = 1 << 30
"""Pictures under way may together take this much memory; a larger one is worked on alone."""

_BYTES_PER_PIXEL = 14
"""The picture, its map and its overlay, with what drawing and encoding them takes."""

_PIXELS = 16_000_000
_MOST_THREADS = 4  # each may hold a picture, which may be large


def in_batches(
    predict: Callable[[list[Picture]], list[SaliencyMap]], sources: Iterable[Source], order: str, most: int
) -> Iterator[SaliencyMap | SalganError]:
    """Read pictures in threads and predict them in batches; see :meth:`salgan.Predictor.predict_many`.

    Args:
        predict: gives the maps of a batch.
        sources: the pictures.
        order: the order of the channels in arrays.
        most: the most pictures to predict at a time.
    """
    batch: list[Picture | SalganError] = []
    pixels = 0
    for found in in_order(
        partial(_read, order),
        sources,
        threads=min(cores(), _MOST_THREADS),
        cost=bytes_needed,
        budget=BYTES_UNDER_WAY,
    ):
        batch.append(found)
        pixels += 0 if isinstance(found, SalganError) else found.shape[0] * found.shape[1]
        if len(batch) == most or pixels >= _PIXELS:
            yield from _predicted(predict, batch)
            batch, pixels = [], 0
    yield from _predicted(predict, batch)


def bytes_needed(source: Source) -> int:
    """Roughly the memory a picture in a file takes from decoding to writing, by its header; 0 for others."""
    if not isinstance(source, str | Path):
        return 0
    try:
        width, height = image.size_of(Path(source), turned=False)
    except SalganError:  # reading it will say what is wrong
        return 0
    return width * height * _BYTES_PER_PIXEL


def _read(order: str, source: Source) -> Picture | SalganError:
    try:
        return image.read(source, order=order)
    except SalganError as error:
        return error


def _predicted(
    predict: Callable[[list[Picture]], list[SaliencyMap]], batch: list[Picture | SalganError]
) -> Iterator[SaliencyMap | SalganError]:
    pictures = [each for each in batch if isinstance(each, np.ndarray)]
    maps = iter(predict(pictures) if pictures else [])
    for each in batch:
        yield each if isinstance(each, SalganError) else next(maps)
