"""Rows of a picture that are worked on together, so that memory does not grow with the picture."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["bands"]

_PIXELS = 250_000


def bands(rows: slice, width: int) -> Iterator[slice]:
    """Some rows, of ``width`` pixels each, in parts of at most a quarter of a million pixels."""
    high = max(1, _PIXELS // max(1, width))
    return (slice(top, min(rows.stop, top + high)) for top in range(rows.start, rows.stop, high))
