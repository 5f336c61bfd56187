"""Whatever can be evaluated, as one kind of thing: a source of saliency maps."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from salgan._files import sha256_of
from salgan.datasets import Stimulus
from salgan.errors import ModelError, require
from salgan.evaluation.baselines import BASELINES, baseline
from salgan.evaluation.maps import FolderMaps, Hdf5Maps, ZipMaps

__all__ = ["MapSource", "ModelSource", "open_map_source"]

_PREFIX = "baseline:"
_NETWORK = "network.safetensors"


class MapSource(Protocol):
    """Something that has a saliency map for every stimulus.

    Attributes:
        name: for tables.
        fingerprint: changes whenever its maps may change; guards a resumed evaluation.
        portable: whether it may be pickled into other processes and predict there.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def fingerprint(self) -> str: ...  # noqa: D102
    @property
    def portable(self) -> bool: ...  # noqa: D102

    def predict(self, stimulus: Stimulus) -> NDArray[Any]:
        """The map, real (h, w), at any size."""

    def scored(self, stimulus: Stimulus) -> Stimulus:
        """The stimulus with the fixations to score against: all, except for human baselines."""


class ModelSource:
    """A model that predicts from the picture.

    Args:
        name: for tables.
        fingerprint: see :class:`MapSource`.
        load: makes the model, anything with ``predict(picture)`` that returns a
            :class:`~salgan.saliency_map.SaliencyMap`; called once in each process.
        portable: whether ``load`` may be pickled and the model be loaded several times.
    """

    def __init__(self, name: str, fingerprint: str, load: Callable[[], Any], *, portable: bool) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.portable = portable
        self._load: Callable[[], Any] | None = load
        self._model: Any = None

    def __getstate__(self) -> dict[str, Any]:
        # Other processes score what a model that cannot travel has predicted here.
        return {**self.__dict__, "_model": None, "_load": self._load if self.portable else None}

    def predict(self, stimulus: Stimulus) -> NDArray[Any]:
        """Predict from the stimulus' picture.

        Raises:
            ModelError: the model does not return a saliency map.
        """
        if self._model is None and self._load is not None:
            self._model = self._load()
        saliency = self._model.predict(stimulus.picture())
        array = getattr(saliency, "array", saliency)
        if not isinstance(array, np.ndarray) or array.ndim != 2:
            raise ModelError(
                f"{self.name}: predict returned {type(saliency).__name__}, expected a SaliencyMap"
            )
        return array

    def scored(self, stimulus: Stimulus) -> Stimulus:
        """The stimulus as it is."""
        return stimulus


def open_map_source(
    model: Any, *, seed: int = 0, sigma: float | None = None, degrees: float | None = None
) -> Any:
    """Open whatever can be evaluated.

    Args:
        model: a model's name; a path of an ONNX file, a ``.safetensors`` network, a run's
            checkpoint (``.pt``) or its folder (the best epoch's network); a folder, zip archive or HDF5 file
            of maps; ``baseline:NAME``; a :class:`MapSource`; or an object with ``predict(picture)``.
        seed: of the baselines that draw viewers.
        sigma: width in pixels of the Gaussian with which human baselines blur fixations.
        degrees: the same in degrees of visual angle.

    Returns:
        A :class:`MapSource`.

    Raises:
        ModelError: nothing of the kind; the message lists what there is.
    """
    if not isinstance(model, str | Path):
        return _from_object(model)
    text, path = str(model), Path(model)
    if text.startswith(_PREFIX):
        return baseline(text.removeprefix(_PREFIX), seed=seed, sigma=sigma, degrees=degrees)
    name = path.stem
    if (path / _NETWORK).is_file():  # the folder of a training run
        path, name = path / _NETWORK, path.resolve().name
    if path.is_dir():
        return FolderMaps(path)
    suffix = path.suffix.lower()
    if suffix == ".zip":
        return ZipMaps(path)
    if suffix in (".h5", ".hdf5", ".hdf"):
        return Hdf5Maps(path)
    if suffix in (".safetensors", ".pt"):
        require("torch", "train")
        # One process predicts: the network may sit on a GPU, and PyTorch brings threads of its own.
        return ModelSource(name, sha256_of(path, ModelError), partial(_load_torch, path), portable=False)
    if suffix == ".onnx" or path.is_file():
        return ModelSource(
            path.stem, sha256_of(path, ModelError), partial(_load_onnx, str(path.resolve())), portable=True
        )
    return _by_name(text)


def _from_object(model: Any) -> Any:
    if hasattr(model, "scored") and hasattr(model, "fingerprint"):
        return model
    if not hasattr(model, "predict"):
        raise ModelError(f"{type(model).__name__} has no predict(picture); pass a name, a path or a model")
    name = str(getattr(model, "name", type(model).__name__))
    # Nobody can look into a foreign object, so its name has to stand for it.
    fingerprint = str(getattr(model, "fingerprint", f"object:{name}"))
    return ModelSource(name, fingerprint, lambda: model, portable=False)


def _by_name(name: str) -> ModelSource:
    from salgan.models import list_models

    known = {record.name: record for record in list_models()}
    if name not in known and "://" not in name:
        names = ", ".join([*known, *(_PREFIX + each for each in BASELINES)])
        raise ModelError(f"no model, file or folder {name!r}; models: {names}")
    fingerprint = known[name].sha256 if name in known else hashlib.sha256(name.encode()).hexdigest()
    return ModelSource(name, fingerprint, partial(_load_onnx, name), portable=True)


def _load_onnx(name: str) -> Any:
    from salgan.models import load_model

    return load_model(name, threads=1)


def _load_torch(path: Path) -> Any:
    from salgan.models.torch_predictor import TorchPredictor

    return TorchPredictor(path)
