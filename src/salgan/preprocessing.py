"""What a network expects as input: the one record of it, written by training and read by the predictor.

Every network of this project takes RGB pictures in 0..255 and normalises inside (so an exported ONNX file
needs no arithmetic before it); the record says to which shape the caller resizes a picture, and what the
network does inside, so that the same record builds the network.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from PIL import Image

from salgan._arrays import Picture
from salgan._json import parse_json
from salgan.errors import ModelError

__all__ = ["IMAGENET", "METADATA_KEY", "VGG16_CAFFE", "Preprocessing"]

METADATA_KEY = "salgan.preprocessing"
"""Where a network's file, ONNX or safetensors, keeps its :class:`Preprocessing` record, as JSON."""

_LONGEST = 8192
"""The longest side that a network's input may have; a record that asks for more is damaged or hostile."""

_LARGE = 25_000_000
"""Pictures of more pixels are narrowed in bands, which takes less memory."""

_BAND_PIXELS = 2_000_000

_WIDEST = 4_000_000
"""A strip narrower than the network's input would have more pixels once widened: it is shortened first."""

_GAP = 64.0
"""A side more than twice so many times as long as the network's is first averaged in whole steps: the
filter's weights would else take 16 bytes for each pixel of a strip."""

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes a network's input.

    The caller resizes an RGB picture to the shape that :meth:`shape_for` names, with the given Pillow
    filter, and feeds float32 RGB in 0..255 as (N, 3, rows, columns). Without ``shapes`` every picture gets
    ``height`` × ``width`` (the aspect ratio is not kept, as in the paper). Inside, the network reverses the
    channels if ``order`` is ``"BGR"`` and computes ``(x * scale - mean) / std``.

    Attributes:
        height: rows of the network's input, in pixels.
        width: columns of the network's input, in pixels.
        shapes: the inputs (rows, columns) that a network trained on several shapes chooses from, by the
            picture's aspect ratio; empty for a network that knows ``height`` × ``width`` alone.
        squash: aspect ratios (width / height), from and to, between which pictures go in at
            ``height`` × ``width`` all the same, because the network is measured to do better so; empty if
            every picture goes in at the shape nearest to its own.
        small: the input (rows, columns) of pictures that have fewer pixels than ``height`` × ``width``, which
            would be enlarged to it; None if there is none. Only pictures that would go in at ``height`` ×
            ``width`` are concerned.
        order: channel order the encoder was trained with, ``"RGB"`` or ``"BGR"``.
        scale: factor on 0..255 before the mean is taken off.
        mean: per channel, in the order of ``order``.
        std: per channel, in the order of ``order``.
        filter: ``"bilinear"`` or ``"bicubic"``, Pillow's antialiased filters.
    """

    height: int = 192
    width: int = 256
    order: str = "RGB"
    scale: float = 1 / 255
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    filter: str = "bilinear"
    shapes: tuple[tuple[int, int], ...] = ()
    squash: tuple[float, ...] = ()
    small: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if not _is_shape(self.shape):
            raise ModelError(
                f"preprocessing: input size {self.height}×{self.width} must be two whole numbers from 1 to "
                f"{_LONGEST}"
            )
        if self.shapes and self.shape not in self.shapes:
            raise ModelError(f"preprocessing: shapes must hold the input size {self.height}×{self.width}")
        for shape in self.shapes:
            if not _is_shape(shape):
                raise ModelError(
                    f"preprocessing: shape {shape} must be two whole numbers from 1 to {_LONGEST}"
                )
        if self.squash and not (
            len(self.squash) == 2 and 0 < self.squash[0] <= self.squash[1] and self.shapes
        ):
            raise ModelError(
                f"preprocessing: squash {self.squash} must be two ratios, the smaller first, beside shapes"
            )
        if self.small is not None and not (
            _is_shape(self.small) and math.prod(self.small) < math.prod(self.shape)
        ):
            raise ModelError(
                f"preprocessing: small {self.small} must be rows and columns of fewer pixels than "
                f"{self.height}×{self.width}"
            )
        if self.order not in ("RGB", "BGR"):
            raise ModelError(f"preprocessing: order {self.order!r} must be RGB or BGR")
        if self.filter not in _FILTERS:
            raise ModelError(f"preprocessing: filter {self.filter!r} must be one of {', '.join(_FILTERS)}")
        if not all(map(math.isfinite, (self.scale, *self.mean, *self.std))):
            raise ModelError("preprocessing: scale, mean and std must be finite")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ModelError("preprocessing: mean and std must have 3 values, std above 0")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the network's usual input."""
        return self.height, self.width

    def fixed(self, height: int | None = None, width: int | None = None) -> Preprocessing:
        """The same record for one input shape alone, into which every picture is squeezed.

        Args:
            height: rows of the input; those of this record if None.
            width: columns of the input; those of this record if None.
        """
        height = self.height if height is None else height
        width = self.width if width is None else width
        return replace(self, height=height, width=width, shapes=(), squash=(), small=None)

    def shape_for(self, height: int, width: int) -> tuple[int, int]:
        """The network's input for a picture: the shape whose aspect ratio is nearest, or the usual one.

        Where the usual one would enlarge the picture, it is ``small`` instead.

        Args:
            height: rows of the picture.
            width: columns of the picture.

        Returns:
            (rows, columns) of the network's input. From 1:1, 2:1 is as far as 1:2.
        """
        shape = self.shape
        if self.shapes and not (self.squash and self.squash[0] <= width / height <= self.squash[1]):
            ratio = math.log(width / height)
            shape = min(self.shapes, key=lambda shape: abs(math.log(shape[1] / shape[0]) - ratio))
        if self.small is not None and shape == self.shape and height * width < math.prod(shape):
            return self.small
        return shape

    def resize(self, picture: Picture, shape: tuple[int, int] | None = None) -> Picture:
        """Resize a picture to the network's input: first its columns, then its rows, with 8 bits in between.

        Pillow resizes in this order, too, but since version 13 it begins with the rows of tall pictures. With
        the order fixed here, the network sees the same numbers whatever Pillow is installed. Only a very long
        strip begins with its rows: a column of a million pixels would else be widened at its full height.

        Args:
            picture: uint8 RGB array (H, W, 3).
            shape: rows and columns to resize to; those of :meth:`shape_for` if None.

        Returns:
            uint8 RGB array (rows, columns, 3).
        """
        rows, columns = shape or self.shape_for(*picture.shape[:2])
        if picture.shape[:2] == (rows, columns):
            return picture
        height, width = picture.shape[:2]
        if height > rows and width < columns and height * columns > _WIDEST:
            turned = self.resize(picture.transpose(1, 0, 2), (columns, rows))
            return np.ascontiguousarray(turned.transpose(1, 0, 2))
        if height * width > _LARGE:
            picture = self._narrowed(picture, columns)
        image = Image.fromarray(picture)
        for size in ((columns, image.height), (columns, rows)):
            image = image.resize(size, _FILTERS[self.filter], reducing_gap=_GAP)
        return np.asarray(image)

    def _narrowed(self, picture: Picture, columns: int) -> Picture:
        """The picture with so many columns and all its rows.

        Each row is resized by itself, so a large picture can be narrowed in bands; as a whole it would take
        four bytes per pixel more.
        """
        height, width = picture.shape[:2]
        narrow = np.empty((height, columns, 3), np.uint8)
        band = max(1, _BAND_PIXELS // width)
        for top in range(0, height, band):
            rows = np.ascontiguousarray(picture[top : top + band])
            image = Image.fromarray(rows)
            image = image.resize((columns, len(rows)), _FILTERS[self.filter], reducing_gap=_GAP)
            narrow[top : top + band] = np.asarray(image)
        return narrow

    def to_json(self) -> str:
        """The record as one JSON object, the form kept in an ONNX file's metadata."""
        record = asdict(self)
        for name in ("shapes", "squash", "small"):
            # So that a file without them stays what earlier versions wrote, and can read.
            if not record[name]:
                del record[name]
        return json.dumps(record)

    @classmethod
    def from_json(cls, text: str) -> Preprocessing:
        """Read the record back.

        Raises:
            ModelError: not JSON, not an object, an unknown or malformed field.
        """
        try:
            record: Any = parse_json(text)
            known = {field.name for field in fields(cls)}
            unknown = sorted(set(record) - known)
            if unknown:
                raise ModelError(
                    f"preprocessing record has unknown field {unknown[0]!r}; re-export the model"
                )
            for name in ("mean", "std", "squash"):
                if name in record:
                    record[name] = tuple(float(value) for value in record[name])
            if "shapes" in record:
                record["shapes"] = tuple(map(tuple, record["shapes"]))
            if "small" in record:
                record["small"] = tuple(record["small"])
            return cls(**record)
        except (ValueError, TypeError, OverflowError) as error:
            raise ModelError(f"preprocessing record cannot be read ({error}); re-export the model") from None


def _is_shape(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 and all(type(side) is int and 1 <= side <= _LONGEST for side in shape)


VGG16_CAFFE = Preprocessing(order="BGR", scale=1.0, mean=(103.939, 116.779, 123.68), std=(1.0, 1.0, 1.0))
"""The ImageNet VGG-16 that SalGAN starts from, at the paper's training size."""

IMAGENET = Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
"""What most timm encoders expect."""
