"""A stack of maps in one .npy file that is written map by map."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Self

from numpy.lib import format as npy

from salgan.errors import SalganError
from salgan.saliency_map import SaliencyMap

__all__ = ["MapStack"]


class MapStack:
    """An .npy file, float32 (N, H, W) in [0, 1], whose N grows.

    ``numpy.load(path, mmap_mode="r")`` reads it without holding it in memory. The header tells the number of
    maps, and NumPy leaves room in it for that number to grow.

    Args:
        path: the file to make.
        width: the width of each map.
        height: the height of each map.

    Raises:
        SalganError: the file cannot be written.
    """

    def __init__(self, path: Path, width: int, height: int) -> None:
        self._shape = (height, width)
        self._count = 0
        self._file: BinaryIO = path.open("wb")
        self._head = self._write_header()

    def append(self, saliency: SaliencyMap) -> None:
        """Add a map of the stack's size."""
        if saliency.array.shape != self._shape:
            raise ValueError(f"a map of {saliency.array.shape} in a stack of {self._shape}")
        self._file.write(saliency.array.astype("<f4", copy=False).data)
        self._count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._file:
            self._file.seek(0)
            if self._write_header() != self._head:
                raise SalganError(f"{self._count} maps are more than an .npy header has room for")

    def _write_header(self) -> int:
        shape = (self._count, *self._shape)
        npy.write_array_header_1_0(self._file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        return self._file.tell()
