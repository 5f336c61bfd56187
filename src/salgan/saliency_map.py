"""What every model returns: a saliency map at the picture's own size."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image

from salgan._arrays import Array, Floats, Map
from salgan._files import check_file, replacing
from salgan.errors import ConfigError, ImageError, ImageTooLargeError
from salgan.image import MAX_PIXELS, Source, decode, one_channel, read

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

__all__ = ["FORMATS", "UNIFORM_SHARE", "SaliencyMap"]

FORMATS = {"npy": ".npy", "png16": ".png", "png8": ".png", "tiff": ".tiff"}
"""The formats a map is saved in, each with its file name ending."""

UNIFORM_SHARE = 1e-6
"""How much of the uniform density :attr:`SaliencyMap.log_density` mixes in, to stay finite."""

_BAND = 256
"""Rows of a map that are converted at a time."""

_FORMAT_OF_SUFFIX = {".npy": "npy", ".png": "png16", ".tif": "tiff", ".tiff": "tiff"}


class SaliencyMap:
    """How strongly each pixel of a picture draws the eye.

    >>> saliency = SaliencyMap(np.array([[0.0, 0.25], [0.25, 0.5]]))
    >>> saliency.density
    array([[0.  , 0.25],
           [0.25, 0.5 ]])

    Args:
        array: (H, W) values in [0, 1], any float, integer or bool type. A float32 array is kept, not copied.
        note: how the map was made, if not by one look at the whole picture.

    Attributes:
        array: float32 (H, W) in [0, 1], at the picture's own size.
        note: as given; not kept in files.

    Raises:
        ImageError: the array is not (H, W), is empty, or holds values outside [0, 1] or NaN.
    """

    __slots__ = ("array", "note")

    array: Map
    note: str

    def __init__(self, array: Array, note: str = "") -> None:
        values = np.asarray(array)
        if values.ndim != 2 or values.size == 0 or values.dtype.kind not in "fiub":
            raise ImageError(
                f"a saliency map is a (H, W) array of numbers, not {values.dtype} of shape {values.shape}"
            )
        low, high = float(values.min()), float(values.max())
        if not (low >= 0 and high <= 1):  # also refuses NaN, which either of them then is
            raise ImageError(f"a saliency map holds values in [0, 1]; this one runs from {low:g} to {high:g}")
        self.array = np.ascontiguousarray(values, dtype=np.float32)
        self.note = note

    def __repr__(self) -> str:
        height, width = self.array.shape
        return f"<SaliencyMap {width}×{height}, {self.array.min():.3f} to {self.array.max():.3f}>"

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        """The values as an array, so that ``np.asarray(saliency)`` and plotting libraries take the map.

        Args:
            dtype: the type of the numbers; float32 if None.
            copy: True for a new array, False for the map's own array or an error, None for whichever is
                cheaper.
        """
        if copy is False and dtype is not None and np.dtype(dtype) != self.array.dtype:
            raise ValueError(f"a saliency map holds float32; as {np.dtype(dtype)} it has to be copied")
        if copy:
            return np.array(self.array, dtype=dtype)
        return self.array if dtype is None else self.array.astype(dtype, copy=False)

    def overlay(
        self,
        picture: Source,
        *,
        order: str = "rgb",
        opacity: float = 0.7,
        contours: bool = False,
        legend: bool = False,
        palette: str = "auto",
        view: str = "heat",
    ) -> Image.Image:
        """Lay the map over its picture as a heatmap.

        >>> salgan.predict("photo.jpg").overlay("photo.jpg").save("overlay.png")  # doctest: +SKIP

        Args:
            picture: the picture that the map was predicted for, as :func:`salgan.image.read` takes it.
            order: ``"rgb"``, or ``"bgr"`` for arrays of OpenCV.
            opacity: the opacity of the colours at the most salient places, 0 to 1.
            contours: whether to draw the outlines of the smallest regions that hold 25, 50 and 75 % of the
                attention.
            legend: whether to draw a colour bar below the picture.
            palette: one of :data:`salgan.render.PALETTES`; ``"auto"`` chooses by the picture.
            view: one of :data:`salgan.render.VIEWS`.

        Returns:
            A new Pillow image, RGB, of the picture's size, and higher with a legend.

        Raises:
            ImageError: the picture cannot be read, or is not as large as the map.
            ConfigError: the opacity is outside [0, 1], or the order, the palette or the view is unknown.
        """
        from salgan import render

        pixels = read(picture, order=order)
        return Image.fromarray(
            render.overlay(
                pixels,
                self,
                opacity=opacity,
                contours=contours,
                legend=legend,
                palette=palette,
                view=view,
            )
        )

    def _repr_png_(self) -> bytes:
        """How a notebook shows the map: its colours, at most 640 pixels wide or high."""
        from salgan import render

        steps = Image.fromarray(np.rint(render.heat(self) * np.float32(255)).astype(np.uint8))
        steps.thumbnail((640, 640), Image.Resampling.BOX)
        steps.putpalette(render.colours().tobytes())
        file = io.BytesIO()
        steps.save(file, format="PNG")
        return file.getvalue()

    @property
    def density(self) -> Floats:
        """The map as a probability density over pixels: float64 (H, W) that sums to one.

        A map that is zero everywhere favours no place, so its density is uniform.
        """
        density = self.array.astype(np.float64)
        total = density.sum()
        if total == 0:
            return np.full(density.shape, 1 / density.size)
        density /= total
        return density

    @property
    def log_density(self) -> Floats:
        """The natural logarithm (nats) of a density that is nowhere zero: float64 (H, W), always finite.

        :data:`UNIFORM_SHARE` of the uniform density is mixed in, so the floor is
        ``log(UNIFORM_SHARE / (H * W))``, and the exponential still sums to one.
        """
        density = self.density
        density *= 1 - UNIFORM_SHARE
        density += UNIFORM_SHARE / density.size
        np.log(density, out=density)
        return density

    def save(self, path: str | Path, format: str | None = None) -> None:
        """Write the map to a file, whole or not at all.

        ``npy`` and ``tiff`` hold the float32 values. ``png16`` and ``png8`` hold them times 65535 or 255,
        rounded; 8 bits are for looking only, they move KLD and information gain.

        Args:
            path: the file; its folder must exist, and it is replaced if it exists.
            format: ``"npy"``, ``"png16"``, ``"png8"`` or ``"tiff"``; by the ending of ``path`` if None
                (.npy, .png for 16 bits, .tif or .tiff).

        Raises:
            ConfigError: an unknown format, an unknown ending, or an ending that contradicts the format.
            SalganError: the file cannot be written.
        """
        path = Path(path)
        by_suffix = _FORMAT_OF_SUFFIX.get(path.suffix.lower())
        if by_suffix is None:
            raise ConfigError(f"{path}: a map's file name ends in .npy, .png, .tif or .tiff")
        format = _known(format or by_suffix)
        if FORMATS[format] != FORMATS[by_suffix]:
            raise ConfigError(f"{path}: a {format} file's name ends in {FORMATS[format]}")
        with replacing(path) as part:
            self._write(part, format)

    def encode(self, format: str = "npy") -> bytes:
        """The bytes that :meth:`save` writes.

        Args:
            format: ``"npy"``, ``"png16"``, ``"png8"`` or ``"tiff"``.

        Raises:
            ConfigError: an unknown format.
        """
        file = io.BytesIO()
        self._write(file, _known(format))
        return file.getvalue()

    @classmethod
    def load(cls, path: str | Path) -> SaliencyMap:
        """Read a map back from a file.

        Args:
            path: an ``.npy`` file with values in [0, 1] (never unpickled), or a grey picture: float TIFF in
                [0, 1], 16 bits, or 8 bits in any format :mod:`salgan.image` reads (colours are refused).

        Raises:
            ImageError: the file is missing, damaged, or not a saliency map.
        """
        path = Path(path)
        stored = _mapped(path) if path.suffix.lower() == ".npy" else decode(path)[0]
        try:
            return cls(np.array(stored) if isinstance(stored, np.ndarray) else _grey(stored))
        except ImageError as error:
            raise ImageError(f"{path}: {error}") from None

    def _write(self, file: BinaryIO | Path, format: str) -> None:
        if format == "npy":
            np.save(file, self.array, allow_pickle=False)
        elif format == "tiff":
            Image.fromarray(self.array).save(file, format="TIFF")
        else:
            kind, top = (np.uint16, 65535) if format == "png16" else (np.uint8, 255)
            levels = np.empty(self.array.shape, kind)
            for start in range(0, len(levels), _BAND):  # as a whole it would take the map's memory twice more
                band = slice(start, start + _BAND)
                levels[band] = np.rint(self.array[band] * np.float32(top))
            # The slower levels of compression take seconds on a large photo and save a few per cent. In 8
            # bits, filtered rows of a smooth map repeat single values: run lengths save up to a third.
            strategy = zlib.Z_RLE if kind is np.uint8 else zlib.Z_DEFAULT_STRATEGY
            Image.fromarray(levels).save(file, format="PNG", compress_level=1, compress_type=strategy)


def _mapped(path: Path) -> Array:
    """The array of an npy file; mapped, so that a header that promises more than there is costs no memory."""
    check_file(path, ImageError)
    try:
        values: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except MemoryError:
        raise
    except Exception as error:  # a hostile header is parsed as Python, and raises nearly anything
        raise ImageError(f"{path}: is not an array that can be read ({_first_line(error)})") from None
    if values.size > MAX_PIXELS:
        raise ImageTooLargeError(f"{path}: has more than {MAX_PIXELS / 1e6:g} million values")
    return values


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _grey(image: Image.Image) -> Array:
    """A grey picture's values in [0, 1]: integers by the largest of their type, floats as they are."""
    values = one_channel(image)
    if values.dtype.kind == "f":
        return values
    top = 1 if values.dtype.kind == "b" else 255 if values.dtype.itemsize == 1 else 65535
    return values.astype(np.float32) / np.float32(top)


def _known(format: str) -> str:
    if format not in FORMATS:
        raise ConfigError(f"no map format {format!r}; there are {', '.join(FORMATS)}")
    return format
