"""Log densities of a benchmark's pictures in one HDF5 file, the form of the MIT/Tübingen saliency benchmark.

It is what pysaliency's ``export_model_to_hdf5`` (0.2.22) writes for a model with densities: for each picture
an array under its file's name below the folder (``i1.jpg``, ``Action/001.jpg``), with the natural logarithm
of a density that sums to 1, at the picture's size. The benchmark derives from it the best map for each
metric. Its own page of instructions was not at hand; that it takes this form is recalled, not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from salgan._arrays import Floats
from salgan._progress import Progress, Say
from salgan.datasets import Stimulus
from salgan.datasets.density import resized
from salgan.errors import ModelError, require
from salgan.evaluation.map_kinds import MapKind, as_density, check_aspect, looks_like_log_density
from salgan.evaluation.maps import NamedMaps
from salgan.evaluation.sources import MapSource
from salgan.saliency_map import UNIFORM_SHARE

__all__ = ["write_log_densities"]

_OFF = 1e-3
"""How far from 1 the exponentials that are read back may sum to; they are stored as float32."""


def write_log_densities(
    stimuli: Sequence[Stimulus], source: MapSource, folder: Path, out: Path, on_progress: Progress, say: Say
) -> None:
    """Predict pictures and write their log densities; the file is read back and checked.

    A millionth of the uniform density is mixed in, so that no logarithm is infinite.

    Args:
        stimuli: the pictures.
        source: what predicts them. A model's maps are taken for densities, and so are maps in files, unless
            they say or show that they are log densities.
        folder: the folder that the names in the file are relative to.
        out: the file to write.
        on_progress: is told how far it is after each picture.
        say: is told what the maps were taken for.

    Raises:
        ModelError: a map with negative, NaN or infinite values, a flat one, or one of another shape than its
            picture.
        MissingExtraError: h5py is not installed.
    """
    h5py = require("h5py", "eval")
    names = [stimulus.path.relative_to(folder).as_posix() for stimulus in stimuli]
    kind = _kind(source, stimuli[0], say)
    with h5py.File(out, "w") as file:
        file.attrs["kind"] = "log-density"
        for number, (name, stimulus) in enumerate(zip(names, stimuli, strict=True), 1):
            values = np.log(_density(source, stimulus, kind)).astype(np.float32)
            file.create_dataset(name, data=values, compression="gzip", compression_opts=4)
            on_progress("predicting", number, len(names))
    with h5py.File(out, "r") as file:
        for name, stimulus in zip(names, stimuli, strict=True):
            _check(file, name, (stimulus.height, stimulus.width))


def _kind(source: MapSource, first: Stimulus, say: Say) -> MapKind:
    if not isinstance(source, NamedMaps):
        return "density"
    if source.kind in ("density", "log-density"):
        return source.kind
    if looks_like_log_density(source.predict(first)):
        say("the maps are log densities: their exponentials sum to 1")
        return "log-density"
    say(
        "the maps are taken for densities, each divided by its sum; an npz or HDF5 file can say what it "
        "holds (kind)"
    )
    return "density"


def _density(source: MapSource, stimulus: Stimulus, kind: MapKind) -> Floats:
    values = source.predict(stimulus)
    if not np.isfinite(values).all():
        raise ModelError(f"{stimulus.name}: the map has NaN or infinite values, of which there is no density")
    if values.max() == values.min():
        raise ModelError(f"{stimulus.name}: the map is flat; is this the right model?")
    check_aspect(values.shape, stimulus.height, stimulus.width, stimulus.name)
    whole = resized(as_density(values, kind, stimulus.name), stimulus.height, stimulus.width)
    return as_density(whole, "density", stimulus.name, UNIFORM_SHARE)


def _check(file: Any, name: str, shape: tuple[int, int]) -> None:
    stored = np.asarray(file[name], dtype=np.float64)
    if stored.shape != shape or abs(float(np.exp(stored).sum()) - 1) > _OFF:
        raise ModelError(f"{name}: what was written does not read back as a density; run again")
