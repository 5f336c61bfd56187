"""The one door to a model: from what a user calls it to something that predicts."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from salgan._progress import Progress, silent
from salgan.errors import require
from salgan.image import Source
from salgan.models.devices import Device
from salgan.models.predictor import Predictor
from salgan.models.records import list_models
from salgan.models.spec import find_model
from salgan.saliency_map import SaliencyMap

__all__ = ["DEFAULT", "load_model", "predict"]

DEFAULT = "lite"
"""The model that is used when none is named; it comes with the package."""


def load_model(
    spec: str | Path = DEFAULT,
    *,
    device: Device = "auto",
    threads: int | None = None,
    trust: bool = False,
    on_progress: Progress = silent,
) -> Predictor:
    """Make a model ready to predict.

    Args:
        spec: a model's name (:func:`salgan.models.list_models` lists them); the path of an ONNX file, of a
            training run's folder, of its ``network.safetensors`` or of a checkpoint; or an address with its
            hash, ``https://host/model.onnx#sha256=...``. A name wins over a file or folder of the same name.
            What is downloaded is kept in the user's cache folder (``SALGAN_CACHE`` names another) and
            verified whenever it is loaded. An ONNX file that is not among the models by name is tried in
            another process before it is first used, within bounds of time and memory.
        device: where the network runs: ``"cpu"``, ``"cuda"``, ``"tensorrt"``, ``"openvino"``, ``"coreml"``
            or ``"directml"``. Which of them there are depends on the build of ONNX Runtime that is installed
            (``onnxruntime-gpu``, ``onnxruntime-openvino``, ...). ``"auto"`` is what ``SALGAN_DEVICE`` says,
            and otherwise the first of cuda, directml, openvino and cpu that works; a warning names those that
            should but do not. Networks that are not exported run in PyTorch, on ``"cpu"`` or ``"cuda"``.
        threads: threads that one prediction may use; one per physical core if None.
        trust: import the code of a network of your own (``network: package.module:factory``).
        on_progress: is told ("downloading", bytes so far, bytes in all or None).

    Returns:
        The model. One instance may be used by many threads, and may be copied and pickled.

    Raises:
        ModelError: unknown name, missing or damaged file, failed download, wrong hash, no ``trust``, a file
            that takes too much time or memory to load, or a device that is unknown or cannot be used.
        MissingExtraError: the file is not an ONNX file, and PyTorch is not installed.
    """
    file = find_model(spec, on_progress=on_progress)
    if file.kind == "onnx":
        content = file.read()
        if file.record not in list_models():
            from salgan.models._trial import try_model

            try_model(content, file.name)
        return Predictor(content, name=file.name, threads=threads, device=device)
    for module in ("torch", "timm", "safetensors"):
        require(module, "train")
    from salgan.models.torch_predictor import TorchPredictor

    if file.record is not None:
        file.read()  # verifies it
    return TorchPredictor(file.path, name=file.name, device=device, threads=threads, trust=trust)


def predict(source: Source, model: str | Path = DEFAULT, *, order: str = "rgb") -> SaliencyMap:
    """Predict where people look in a picture, in one line.

    The model is loaded at the first call and kept for the next ones.

    Args:
        source: a path, the bytes of a file, a file object, a Pillow image, a NumPy array or a PyTorch
            tensor; see :func:`salgan.image.read`.
        model: as :func:`load_model` takes it.
        order: ``"rgb"``, or ``"bgr"`` for arrays of OpenCV.

    Returns:
        The map, at the picture's own size.

    Raises:
        ImageError: the picture cannot be read.
        ModelError: the model cannot be loaded or run.
    """
    return _kept(model).predict(source, order=order)


@lru_cache(maxsize=2)
def _kept(model: str | Path) -> Predictor:
    return load_model(model)
