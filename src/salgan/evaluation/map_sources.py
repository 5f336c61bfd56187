"""Whatever can be evaluated, as one kind of thing: a source of saliency maps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from salgan._arrays import Array
from salgan.datasets import Stimulus
from salgan.errors import ModelError, SalganError
from salgan.evaluation.baselines import BASELINES, baseline
from salgan.evaluation.maps import FolderMaps, Hdf5Maps, NamedMaps, NpzMaps, ZipMaps
from salgan.evaluation.sources import EveryPicture, MapSource, Model
from salgan.models import find_model, list_models, load_model
from salgan.models.devices import on_gpu
from salgan.models.predictor import Predictor
from salgan.models.spec import is_run_folder

__all__ = ["ModelSource", "lacks", "open_map_source"]

_PREFIX = "baseline:"


class ModelSource(EveryPicture):
    """A model that predicts from the picture.

    Args:
        name: for tables.
        fingerprint: see :class:`~salgan.evaluation.sources.MapSource`.
        load: makes the model, anything with ``predict(picture)`` that returns a
            :class:`~salgan.saliency_map.SaliencyMap`; called once in each process.
        portable: whether ``load`` may be pickled and the model be loaded several times.
    """

    def __init__(
        self, name: str, fingerprint: str | None, load: Callable[[], Model], *, portable: bool
    ) -> None:
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
        return self._array(self._opened().predict(stimulus.picture()))

    def predict_each(self, stimuli: Iterable[Stimulus]) -> Iterator[Array]:
        """Predict many stimuli in order, in batches where the model has any.

        Raises:
            ModelError: the model does not return a saliency map.
        """
        model = self._opened()
        if not isinstance(model, Predictor):
            yield from map(self.predict, stimuli)
            return
        for found in model.predict_many(stimulus.picture() for stimulus in stimuli):
            if isinstance(found, SalganError):
                raise found
            yield self._array(found)

    def _opened(self) -> Model:
        if self._model is None:
            if self._load is None:
                raise RuntimeError(f"{self.name} cannot predict in another process")
            self._model = self._load()
            # A run that still trains replaces its file.
            found = getattr(self._model, "fingerprint", None)
            if None not in (found, self.fingerprint) and str(found) != self.fingerprint:
                raise ModelError(f"{self.name}: its file has changed since the start; run it again")
        return self._model

    def _array(self, saliency: object) -> Array:
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
    trust: bool = False,
) -> MapSource:
    """Open whatever can be evaluated.

    Args:
        model: whatever :func:`salgan.load_model` opens; a folder, zip or npz archive or HDF5 file of maps;
            ``baseline:NAME``, or its bare name where no file is called so; a :class:`MapSource`; or an object
            with ``predict(picture)``.
        seed: the seed of the baselines that draw viewers.
        sigma: width in pixels of the Gaussian with which human baselines blur fixations.
        degrees: the same in degrees of visual angle.
        names: how a set of maps names the map of a picture, with ``{stem}`` for the picture's own name,
            such as ``{stem}_saliency.png``; None recognises it.
        trust: import the code of a network of your own.

    Raises:
        ModelError: nothing of the kind; the message lists what there is. Or ``names`` for something that is
            not a set of maps.
    """
    source = _open(model, seed, sigma, degrees, trust)
    if names is not None:
        if not isinstance(source, NamedMaps):
            raise ModelError(
                f"{source.name}: is not a set of maps, so its maps have no names; leave out --name"
            )
        source.named(names)
    return source


def _open(
    model: str | Path | MapSource | Model,
    seed: int,
    sigma: float | None,
    degrees: float | None,
    trust: bool,
) -> MapSource:
    if not isinstance(model, str | Path):
        return _from_object(model)
    text, path = str(model), Path(model)
    if text.startswith(_PREFIX):
        return baseline(text.removeprefix(_PREFIX), seed=seed, sigma=sigma, degrees=degrees)
    if text in BASELINES and not path.exists():  # as tables print it
        return baseline(text, seed=seed, sigma=sigma, degrees=degrees)
    if not _is_name(model):
        if path.is_dir() and not is_run_folder(path):
            return FolderMaps(path)
        if path.suffix.lower() == ".zip":
            return ZipMaps(path)
        if path.suffix.lower() == ".npz":
            return NpzMaps(path)
        if path.suffix.lower() in (".h5", ".hdf5", ".hdf"):
            return Hdf5Maps(path)
    try:
        file = find_model(model)
    except ModelError as error:
        if path.exists() or "://" in text:
            raise
        others = ", ".join(_PREFIX + each for each in BASELINES)
        raise ModelError(f"{error}; baselines: {others}") from None
    if file.kind == "onnx" and not on_gpu():
        return ModelSource(file.name, file.fingerprint, partial(_load, model, 1), portable=True)
    # One process predicts: the network may sit on a GPU, and PyTorch brings threads of its own.
    load = partial(_load, model, None, trust=trust)
    return ModelSource(file.name, file.fingerprint, load, portable=False)


def _is_name(model: str | Path) -> bool:
    return isinstance(model, str) and model in [record.name for record in list_models()]


def _from_object(model: MapSource | Model) -> MapSource:
    if isinstance(model, MapSource):
        return model
    if not hasattr(model, "predict"):
        raise ModelError(f"{type(model).__name__} has no predict(picture); pass a name, a path or a model")
    name = str(getattr(model, "name", type(model).__name__))
    # Nobody can look into a foreign object, and two of one class may hold other weights.
    fingerprint = getattr(model, "fingerprint", None)
    known = None if fingerprint is None else str(fingerprint)
    return ModelSource(name, known, lambda: model, portable=False)


def _load(model: str | Path, threads: int | None, *, trust: bool = False) -> Model:
    return load_model(model, threads=threads, trust=trust)


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
