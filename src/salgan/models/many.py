"""Any number of pictures, one after the other, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np

from salgan import image
from salgan._arrays import Picture
from salgan._parallel import cores, in_order
from salgan.errors import SalganError
from salgan.image import Source
from salgan.saliency_map import SaliencyMap

__all__ = ["in_batches"]

_PICTURES = 8
_PIXELS = 16_000_000
_MOST_THREADS = 4  # each may hold a picture, which may be large


def in_batches(
    predict: Callable[[list[Picture]], list[SaliencyMap]], sources: Iterable[Source], order: str
) -> Iterator[SaliencyMap | SalganError]:
    """Read pictures in threads and predict them in batches; see :meth:`salgan.Predictor.predict_many`.

    Args:
        predict: gives the maps of a batch.
        sources: the pictures.
        order: the order of the channels in arrays.
    """
    batch: list[Picture | SalganError] = []
    pixels = 0
    for found in in_order(partial(_read, order), sources, threads=min(cores(), _MOST_THREADS)):
        batch.append(found)
        pixels += 0 if isinstance(found, SalganError) else found.shape[0] * found.shape[1]
        if len(batch) == _PICTURES or pixels >= _PIXELS:
            yield from _predicted(predict, batch)
            batch, pixels = [], 0
    yield from _predicted(predict, batch)


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
