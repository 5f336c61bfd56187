"""What a map says about one polygon, band by band: nothing as large as the picture is held."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from salgan._arrays import Array, Floats, Map, Mask
from salgan._coverage import polygon_coverage
from salgan.regions.focal import Maxima, Touched
from salgan.regions.region import Region

__all__ = ["MeasuredPolygon", "reach", "weighted"]

Bits: TypeAlias = np.ndarray[tuple[int], np.dtype[np.uint8]]


class MeasuredPolygon:
    """The sums over a polygon, which grow with each band of the picture that is added.

    Args:
        polygon: which one.
        saliency: the map.
        maxima: its local maxima, in the order of their rows.

    Attributes:
        rows: the rows of the picture that it reaches.
        columns: the columns.
        pixels: how many it covers, in parts where it covers a pixel in part.
        weight: the sum of the attention in them.
        peak: the highest saliency of those that it touches.
    """

    def __init__(self, polygon: Region, saliency: Map, maxima: Maxima) -> None:
        self._height, self._width = saliency.shape
        self._saliency, self._maxima = saliency, maxima
        self._corners = polygon.in_pixels(self._width, self._height)
        self.columns, self.rows = (
            reach(float(axis.min()), float(axis.max()), side)
            for axis, side in zip(self._corners.T, (self._width, self._height), strict=True)
        )
        self.pixels = self.weight = 0.0
        self.peak = np.float32(0)
        self._among: list[tuple[slice, Bits]] = []

    def add(self, band: slice, attention: Map, union: Floats) -> None:
        """Add a band of whole rows.

        Args:
            band: the rows.
            attention: the attention in them.
            union: what other regions cover of their pixels; what this one covers is added.
        """
        if band.stop <= self.rows.start or band.start >= self.rows.stop:
            return
        rows, weights = self._coverage(band)
        if not weights.size:
            return
        place = slice(rows.start - band.start, rows.stop - band.start), self.columns
        union[place] += weights
        self.pixels += float(weights.sum())
        self.weight += weighted(weights, attention[place])
        touched = weights > 0
        self.peak = self._saliency[rows, self.columns].max(where=touched, initial=self.peak)
        self._note_maxima(rows, touched)

    def touched(self) -> Touched | None:
        """Which pixels it touches; None if there are none."""
        if not self.pixels:
            return None
        among = np.zeros(len(self._maxima.row), np.bool_)
        for some, bits in self._among:
            among[some] = np.unpackbits(bits, count=some.stop - some.start)
        return Touched(self.peak, among, lambda band: self._coverage(band)[1] > 0)

    def _note_maxima(self, rows: slice, touched: Mask) -> None:
        """Note which of the maxima in these rows it touches, a bit for each: a plateau has very many."""
        some = slice(*map(int, np.searchsorted(self._maxima.row, (rows.start, rows.stop))))
        row, column = self._maxima.row[some] - rows.start, self._maxima.column[some] - self.columns.start
        found = (column >= 0) & (column < touched.shape[1])
        found[found] = touched[row[found], column[found]]
        self._among.append((some, np.packbits(found)))

    def _coverage(self, band: slice) -> tuple[slice, Floats]:
        """The rows of a band that it reaches, and how much of each pixel there, in its columns, it covers."""
        rows, _, weights = polygon_coverage(
            self._corners - (0, band.start), self._width, band.stop - band.start
        )
        return slice(rows.start + band.start, rows.stop + band.start), weights


def reach(low: float, high: float, side: int) -> slice:
    """The pixels of a side between two places, all of those that are touched."""
    first, last = max(0, math.floor(low)), min(side, math.ceil(high))
    return slice(first, last) if first < last else slice(0, 0)


def weighted(weights: Array, values: Array) -> float:
    """The sum of values, each times its weight."""
    return float(np.einsum("ij,ij->", weights, values, dtype=np.float64))
