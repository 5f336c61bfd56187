"""The one prediction path: picture, network input, ONNX Runtime, saliency map at the picture's own size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from salgan import image
from salgan.errors import ModelError
from salgan.preprocessing import METADATA_KEY, Preprocessing
from salgan.saliency_map import SaliencyMap

__all__ = ["Predictor", "at_picture_size"]

_BAND = 256
"""Rows of a map that are enlarged at a time, so that a large photo needs no second copy of its map."""


class Predictor:
    """A network in an ONNX file, ready to predict. One instance may be used by many threads.

    >>> predictor = Predictor(Path("model.onnx"))  # doctest: +SKIP
    >>> predictor.predict("photo.jpg").array.shape  # doctest: +SKIP
    (600, 800)

    The file's only input is ``picture``, float32 RGB (N, 3, height, width) in 0..255; its output ``saliency``
    is float32 (N, 1, height, width) in [0, 1]; its metadata hold the preprocessing record.

    Args:
        model: path of the ONNX file, or its bytes.
        name: what to call the model; the file's name without its ending if None.
        threads: threads that one prediction may use; one per physical core if None.

    Attributes:
        name: what the model is called.
        preprocessing: how it wants to be fed.

    Raises:
        ModelError: the file is missing, is no ONNX file, or not one that :mod:`salgan.export` wrote.
    """

    def __init__(
        self, model: str | Path | bytes, *, name: str | None = None, threads: int | None = None
    ) -> None:
        import onnxruntime

        if isinstance(model, bytes):
            self.name = name or "model"
            content = model
        else:
            path = Path(model)
            self.name = name or path.stem
            try:
                # From bytes, a hostile model cannot make the runtime open other files beside it.
                content = path.read_bytes()
            except FileNotFoundError:
                raise ModelError(f"{path}: no such file; `salgan models` lists the models by name") from None
            except OSError as error:
                raise ModelError(f"{path}: cannot be read ({error.strerror})") from None
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = threads or 0
        options.log_severity_level = 4  # what goes wrong is raised; nothing is printed beside it
        # Idle threads of the runtime must sleep, not spin, or they take the core that decodes and writes.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime's own exception classes share no base
            raise ModelError(f"{self.name}: is no ONNX model that can be run ({_reason(error)})") from None
        self.preprocessing = self._read_record()
        self._check_signature()

    def predict(self, source: str | Path | bytes | Image.Image | np.ndarray[Any, Any]) -> SaliencyMap:
        """Predict where people look in one picture.

        Args:
            source: a path, bytes, a Pillow image or an array, as :func:`salgan.image.read` takes them.

        Returns:
            The map, at the picture's own size.

        Raises:
            ImageError: the picture cannot be read.
            ModelError: the model cannot be run, or its output is no saliency map.
        """
        return self.predict_batch([image.read(source)])[0]

    def predict_batch(self, pictures: Sequence[np.ndarray[Any, Any]]) -> list[SaliencyMap]:
        """Predict several pictures in one run of the network.

        Args:
            pictures: uint8 RGB arrays (H, W, 3), which may differ in size.

        Returns:
            One map per picture, each at its picture's own size.

        Raises:
            ModelError: the model cannot be run, or its output is no saliency map.
        """
        if not pictures:
            return []
        try:
            maps = self._session.run(["saliency"], {"picture": self.network_input(pictures)})[0]
        except Exception as error:  # the runtime's own exception classes share no base
            raise ModelError(f"{self.name}: the model cannot be run ({_reason(error)})") from None
        if maps.ndim != 4 or maps.shape[:2] != (len(pictures), 1) or not np.isfinite(maps).all():
            raise ModelError(
                f"{self.name}: the output is no saliency map (shape {maps.shape}, or not finite)"
            )
        return [
            SaliencyMap(at_picture_size(small, *picture.shape[:2]))
            for small, picture in zip(maps[:, 0], pictures, strict=True)
        ]

    def network_input(
        self, pictures: Sequence[np.ndarray[Any, Any]]
    ) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Make the network's input: each picture resized as the record says.

        Args:
            pictures: uint8 RGB arrays (H, W, 3).

        Returns:
            float32 (N, 3, height, width), RGB in 0..255.
        """
        batch = np.empty((len(pictures), 3, self.preprocessing.height, self.preprocessing.width), np.float32)
        for row, picture in zip(batch, pictures, strict=True):
            row[:] = self.preprocessing.resize(picture).transpose(2, 0, 1)
        return batch

    def _read_record(self) -> Preprocessing:
        metadata = self._session.get_modelmeta().custom_metadata_map
        if METADATA_KEY not in metadata:
            raise ModelError(
                f"{self.name}: holds no {METADATA_KEY} record; `salgan export CHECKPOINT -o FILE` writes it"
            )
        try:
            return Preprocessing.from_json(metadata[METADATA_KEY])
        except ModelError as error:
            raise ModelError(f"{self.name}: {error}") from None

    def _check_signature(self) -> None:
        inputs = [(value.name, value.type, len(value.shape)) for value in self._session.get_inputs()]
        outputs = [value.name for value in self._session.get_outputs()]
        if inputs != [("picture", "tensor(float)", 4)] or "saliency" not in outputs:
            found = ", ".join(f"{name} {kind}" for name, kind, _ in inputs)
            raise ModelError(
                f"{self.name}: takes ({found}) and gives ({', '.join(outputs)}), but a saliency model "
                "takes float32 picture (N, 3, H, W) and gives saliency"
            )


def at_picture_size(small: np.ndarray[Any, Any], height: int, width: int) -> np.ndarray[Any, Any]:
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
    for top in range(0, height, _BAND):
        bottom = min(height, top + _BAND)
        box = (0, top * rows / height, columns, bottom * rows / height)
        result[top:bottom] = np.asarray(
            source.resize((width, bottom - top), Image.Resampling.BICUBIC, box=box)
        )
    return np.clip(result, 0, 1, out=result)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
