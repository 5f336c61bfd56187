"""What a network wants to be fed: the one record of it, written by training and read by the predictor.

Every network of this project takes RGB pictures in 0..255 and normalises inside (so an exported ONNX file
needs no arithmetic before it); the record says to which size the caller resizes, and what the network
does inside, so that the same record builds the network.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from PIL import Image

from salgan._arrays import Picture
from salgan.errors import ModelError

__all__ = ["IMAGENET", "METADATA_KEY", "VGG16_CAFFE", "Preprocessing"]

METADATA_KEY = "salgan.preprocessing"
"""Where a network's file, ONNX or safetensors, keeps its :class:`Preprocessing` record, as JSON."""

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes a network's input.

    The caller resizes an RGB picture to ``height`` × ``width`` (the aspect ratio is not kept, as in the
    paper) with the named Pillow filter and feeds float32 RGB in 0..255 as (N, 3, height, width). Inside, the
    network reverses the channels if ``order`` is ``"BGR"`` and computes ``(x * scale - mean) / std``.

    Attributes:
        height: rows of the network's input, in pixels.
        width: columns of the network's input, in pixels.
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

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ModelError(f"preprocessing: input size {self.height}×{self.width} must be at least 1×1")
        if self.order not in ("RGB", "BGR"):
            raise ModelError(f"preprocessing: order {self.order!r} must be RGB or BGR")
        if self.filter not in _FILTERS:
            raise ModelError(f"preprocessing: filter {self.filter!r} must be one of {', '.join(_FILTERS)}")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ModelError("preprocessing: mean and std must have 3 values, std above 0")

    def resize(self, picture: Picture) -> Picture:
        """Resize a picture to the network's input size.

        Args:
            picture: uint8 RGB array (H, W, 3).

        Returns:
            uint8 RGB array (height, width, 3).
        """
        if picture.shape[:2] == (self.height, self.width):
            return picture
        image = Image.fromarray(picture).resize((self.width, self.height), _FILTERS[self.filter])
        return np.asarray(image)

    def to_json(self) -> str:
        """The record as one JSON object, the form kept in an ONNX file's metadata."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Preprocessing:
        """Read the record back.

        Raises:
            ModelError: not JSON, not an object, an unknown or malformed field.
        """
        try:
            record: Any = json.loads(text)
            known = {field.name for field in fields(cls)}
            unknown = sorted(set(record) - known)
            if unknown:
                raise ModelError(
                    f"preprocessing record has unknown field {unknown[0]!r}; re-export the model"
                )
            for name in ("mean", "std"):
                if name in record:
                    record[name] = tuple(float(value) for value in record[name])
            return cls(**record)
        except (ValueError, TypeError) as error:
            raise ModelError(f"preprocessing record cannot be read ({error}); re-export the model") from None


VGG16_CAFFE = Preprocessing(order="BGR", scale=1.0, mean=(103.939, 116.779, 123.68), std=(1.0, 1.0, 1.0))
"""The ImageNet VGG-16 that SalGAN starts from, at the paper's training size."""

IMAGENET = Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
"""What most timm encoders expect."""
