"""The models by name: one record per weights file, and the way from a name to a ready predictor."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from salgan._progress import Progress, silent
from salgan.errors import ModelError
from salgan.models.predictor import Predictor
from salgan.models.records import ModelRecord, named, read_records, record_for
from salgan.saliency_map import SaliencyMap

__all__ = ["DEFAULT", "ModelRecord", "find", "list_models", "load_model", "predict", "record_for"]

DEFAULT = "lite"
"""The model that is used when none is named; it comes with the package."""

_HERE = Path(__file__).parent


def list_models() -> list[ModelRecord]:
    """The records of all models, in the order of the table."""
    return read_records()


def load_model(
    name_or_path: str | Path = DEFAULT,
    *,
    threads: int | None = None,
    on_progress: Progress = silent,
) -> Predictor:
    """Make a model ready to predict.

    Args:
        name_or_path: a model's name (:func:`list_models` lists them); an ONNX file's path; or the address
            of one with its hash, ``https://host/model.onnx#sha256=...``. What is downloaded is kept in the
            user's cache folder (``SALGAN_CACHE`` names another) and verified whenever it is loaded.
        threads: threads that one prediction may use; one per physical core if None.
        on_progress: is told ("downloading", bytes so far, bytes in all or None) during a download.

    Raises:
        ModelError: unknown name, missing or damaged file, failed download, wrong hash.
    """
    text = str(name_or_path)
    if re.match("[a-z]+://", text, re.IGNORECASE):
        record = _record_of_address(text)
    elif isinstance(name_or_path, Path) or text.endswith(".onnx") or Path(text).is_file():
        return Predictor(Path(text), threads=threads)
    else:
        record = named(text, list_models())
    return Predictor(_content(record, on_progress), name=record.name, threads=threads)


def predict(
    source: str | Path | bytes | Image.Image | np.ndarray[Any, Any], model: str | Path = DEFAULT
) -> SaliencyMap:
    """Predict where people look in a picture, in one line.

    The model is loaded at the first call and kept for the next ones.

    Args:
        source: a path, the bytes of a file, a Pillow image or an array; see :func:`salgan.image.read`.
        model: as :func:`load_model` takes it.

    Returns:
        The map, at the picture's own size.

    Raises:
        ImageError: the picture cannot be read.
        ModelError: the model cannot be loaded or run.
    """
    return _kept(model).predict(source)


@lru_cache(maxsize=2)
def _kept(model: str | Path) -> Predictor:
    return load_model(model)


def find(record: ModelRecord) -> Path | None:
    """Where a model's file lies on this machine: in the package, in a checkout, in the cache; or None."""
    places = [_cached(record)]
    if record.file is not None:
        places = [_HERE / record.file, *(root / record.file for root in _checkouts()), *places]
    return next((place for place in places if place.is_file()), None)


def _content(record: ModelRecord, on_progress: Progress) -> bytes:
    """The model's bytes, verified; downloaded if they are not on this machine."""
    path, cached = find(record), _cached(record)
    if path == cached:
        try:
            return _verified(record, cached)
        except ModelError:
            cached.unlink()  # spoiled since it was downloaded, so it is downloaded again
    elif path is not None:
        return _verified(record, path)
    if record.url is None:
        raise ModelError(f"model {record.name}: {_missing(record)}")
    from salgan.models.download import fetch

    fetch(record.url, cached, sha256=record.sha256, size=record.size, on_progress=on_progress)
    return _verified(record, cached)


def _missing(record: ModelRecord) -> str:
    """What to do about a file that is nowhere on this machine and has no address."""
    if record.file is not None and record.file.startswith("release/"):
        return f"not in the package; take {record.file} from the project's repository, name its path"
    return f"the package lacks {record.file}; install it again"


def _verified(record: ModelRecord, path: Path) -> bytes:
    content = path.read_bytes()
    record.verify(content, str(path))
    return content


def _cached(record: ModelRecord) -> Path:
    import platformdirs

    root = os.environ.get("SALGAN_CACHE") or platformdirs.user_cache_dir("salgan", appauthor=False)
    return Path(root) / "models" / f"{record.name}-{record.sha256}.onnx"


def _checkouts() -> list[Path]:
    # In a source checkout this file is src/salgan/models/__init__.py.
    root = _HERE.parents[2]
    return [root] if (root / "pyproject.toml").is_file() else []


def _record_of_address(address: str) -> ModelRecord:
    url, _, fragment = address.partition("#")
    if not fragment.startswith("sha256="):
        raise ModelError(f"{url}: add the file's hash to the address, as {url}#sha256=...")
    # The name becomes part of a file's name, so it keeps only harmless characters.
    name = re.sub("[^A-Za-z0-9_-]", "_", PurePosixPath(urlsplit(url).path).stem)[:60] or "model"
    return ModelRecord(name=name, url=url, sha256=fragment.removeprefix("sha256=").lower())
