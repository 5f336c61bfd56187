"""Whatever can be evaluated, as one kind of thing: a source of saliency maps."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from salgan._arrays import Array
from salgan._files import sha256_of
from salgan.datasets import Stimulus
from salgan.errors import ModelError, require
from salgan.evaluation.baselines import BASELINES, baseline
from salgan.evaluation.maps import FolderMaps, Hdf5Maps, NamedMaps, ZipMaps
from salgan.evaluation.sources import EveryPicture, MapSource, Model

__all__ = ["ModelSource", "lacks", "open_map_source"]

_PREFIX = "baseline:"
_NETWORK = "network.safetensors"


class ModelSource(EveryPicture):
    """A model that predicts from the picture.

    Args:
        name: for tables.
        fingerprint: see :class:`~salgan.evaluation.sources.MapSource`.
        load: makes the model, anything with ``predict(picture)`` that returns a
            :class:`~salgan.saliency_map.SaliencyMap`; called once in each process.
        portable: whether ``load`` may be pickled and the model be loaded several times.
    """

    def __init__(self, name: str, fingerprint: str, load: Callable[[], Model], *, portable: bool) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.portable = portable
        self._load: Callable[[], Model] | None = load
        self._model: Model | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Other processes score what a model that cannot travel has predicted here.
        return {**self.__dict__, "_model": None, "_load": self._load if self.portable else None}

    def predict(self, stimulus: Stimulus) -> Array:
        """Predict from the stimulus' picture.

        Raises:
            ModelError: the model does not return a saliency map.
        """
        if self._model is None:
            if self._load is None:
                raise RuntimeError(f"{self.name} cannot predict in another process")
            self._model = self._load()
        saliency = self._model.predict(stimulus.picture())
        array = getattr(saliency, "array", saliency)
        if not isinstance(array, np.ndarray) or array.ndim != 2:
            raise ModelError(
                f"{self.name}: predict returned {type(saliency).__name__}, expected a SaliencyMap"
            )
        return array


def open_map_source(
    model: str | Path | MapSource | Model,
    *,
    seed: int = 0,
    sigma: float | None = None,
    degrees: float | None = None,
    names: str | None = None,
) -> MapSource:
    """Open whatever can be evaluated.

    Args:
        model: a model's name; a path of an ONNX file, a ``.safetensors`` network, a run's
            checkpoint (``.pt``) or its folder (the best epoch's network); a folder, zip archive or HDF5 file
            of maps; ``baseline:NAME``; a :class:`MapSource`; or an object with ``predict(picture)``.
        seed: of the baselines that draw viewers.
        sigma: width in pixels of the Gaussian with which human baselines blur fixations.
        degrees: the same in degrees of visual angle.
        names: how a set of maps names the map of a picture, with ``{stem}`` for the picture's own name,
            such as ``{stem}_saliency.png``; None recognises it.

    Raises:
        ModelError: nothing of the kind; the message lists what there is. Or ``names`` for something that is
            not a set of maps.
    """
    source = _open(model, seed, sigma, degrees)
    if names is not None:
        if not isinstance(source, NamedMaps):
            raise ModelError(
                f"{source.name}: is not a set of maps, so its maps have no names; leave out --name"
            )
        source.named(names)
    return source


def _open(
    model: str | Path | MapSource | Model, seed: int, sigma: float | None, degrees: float | None
) -> MapSource:
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


def _from_object(model: MapSource | Model) -> MapSource:
    if isinstance(model, MapSource):
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


def _load_onnx(name: str) -> Model:
    from salgan.models import load_model

    return load_model(name, threads=1)


def _load_torch(path: Path) -> Model:
    from salgan.models.torch_predictor import TorchPredictor

    return TorchPredictor(path)


def lacks(source: MapSource, missing: Sequence[str], count: int, otherwise: str = "") -> str:
    """The message about pictures that a source has no map of.

    Args:
        source: what lacks them.
        missing: their names, at least one.
        count: how many pictures there are in all.
        otherwise: another way out, where some of the pictures do have a map.
    """
    what = f"has no map for {len(missing)} of {count} pictures, the first {missing[0]}"
    origin = source.path if isinstance(source, NamedMaps) else source.name
    if len(missing) == count and isinstance(source, NamedMaps):
        return f"{origin}: {what}; {source.hint()}"
    return f"{origin}: {what}; add them{otherwise}"
