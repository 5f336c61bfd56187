"""Grey PNG files of smooth pictures, such as saliency maps."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

import numpy as np

from salgan._arrays import Array

__all__ = ["grey_png"]

_UP = 2
_STRATEGY = {8: zlib.Z_RLE, 16: zlib.Z_DEFAULT_STRATEGY}
"""What makes the smallest file of a saliency map at level 1: its rows of 8 bits repeat single values."""


def grey_png(bands: Iterable[Array], width: int, height: int, bits: int) -> Iterator[bytes]:
    """The parts of a grey PNG file.

    Each row is stored as its difference from the one above, which is nearly nothing in a smooth picture.
    Pillow tries five such filters on every row, which takes twice as long and makes larger files.

    Args:
        bands: the picture's rows from top to bottom, in arrays (rows, width) of uint8 or uint16.
        width: columns of the picture.
        height: rows of the picture.
        bits: 8 or 16, those of the bands' type.

    Yields:
        Bytes, to be written one after the other.

    Source: the PNG specification, third edition (W3C).
    """
    yield b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0))
    compressor = zlib.compressobj(level=1, memLevel=9, strategy=_STRATEGY[bits])
    above = np.zeros(width * bits // 8, np.uint8)
    for band in bands:
        rows = np.ascontiguousarray(band, dtype=f">u{bits // 8}").view(np.uint8)
        filtered = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
        filtered[:, 0] = _UP
        np.subtract(rows[0], above, out=filtered[0, 1:])
        np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
        above = rows[-1]
        if content := compressor.compress(filtered.data):
            yield _chunk(b"IDAT", content)
    yield _chunk(b"IDAT", compressor.flush()) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
