"""Where models' files lie: in the package or its companion, in a checkout, or in the user's cache."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from salgan._progress import Progress, silent
from salgan.errors import ModelError
from salgan.models.records import ModelRecord

__all__ = ["cache_folder", "fetched", "find", "record_of_address"]

COMPANION = "salgan_models"
"""The package of data that ``make models-wheel`` builds; it holds the files of ``release/``."""

_HERE = Path(__file__).parent


def cache_folder() -> Path:
    """The user's cache folder: what ``SALGAN_CACHE`` names, or the system's usual one."""
    import platformdirs

    root = os.environ.get("SALGAN_CACHE") or platformdirs.user_cache_dir("salgan", appauthor=False)
    return Path(root)


def find(record: ModelRecord) -> Path | None:
    """Where a model's file lies on this machine: in a package, in a checkout, in the cache; or None."""
    places = [_cached(record)]
    if record.file is not None:
        name = PurePosixPath(record.file).name
        packed = [folder / name for folder in _companion()]
        places = [_HERE / record.file, *(root / record.file for root in _checkouts()), *packed, *places]
    return next((place for place in places if place.is_file()), None)


def fetched(record: ModelRecord, on_progress: Progress = silent) -> Path:
    """Where a model's file lies; it is downloaded first if it is not on this machine.

    Args:
        record: the model's record.
        on_progress: is told ("downloading", bytes so far, bytes in all or None).

    Raises:
        ModelError: the file cannot be found and has no address, or it cannot be downloaded.
    """
    path, cached = find(record), _cached(record)
    if path == cached:
        try:
            record.verify(cached.read_bytes(), str(cached))
        except ModelError:
            cached.unlink()  # spoiled since it was downloaded, so it is downloaded again
            path = None
    if path is not None:
        return path
    if record.url is None:
        raise ModelError(f"model {record.name}: {_missing(record)}")
    from salgan.models.download import fetch

    fetch(record.url, cached, sha256=record.sha256, size=record.size, on_progress=on_progress)
    return cached


def record_of_address(address: str) -> ModelRecord:
    """The record of ``https://host/model.onnx#sha256=...``.

    Raises:
        ModelError: it is not an address, or lacks the hash.
    """
    url, _, fragment = address.partition("#")
    try:
        path = PurePosixPath(urlsplit(url).path)
    except ValueError as error:
        raise ModelError(f"{url}: is not an address ({error})") from None
    if not fragment.startswith("sha256="):
        raise ModelError(f"{url}: add the file's hash to the address, as {url}#sha256=...")
    # The name becomes part of a file's name, so it keeps only harmless characters.
    name = re.sub("[^A-Za-z0-9_-]", "_", path.stem)[:60] or "model"
    return ModelRecord(name=name, url=url, sha256=fragment.removeprefix("sha256=").lower())


def _missing(record: ModelRecord) -> str:
    """What to do about a file that is not on this machine and has no address."""
    if record.file is not None and record.file.startswith("release/"):
        return (
            "not in the package; pip install salgan-models, "
            f"or take {record.file} from the project's repository and name its path"
        )
    return f"the package lacks {record.file}; install it again"


def _cached(record: ModelRecord) -> Path:
    return cache_folder() / "models" / f"{record.name}-{record.sha256}.onnx"


def _companion() -> list[Path]:
    # Looked for and not imported: it holds data, and nothing of it is to run.
    found = importlib.util.find_spec(COMPANION)
    return [Path(folder) for folder in (found and found.submodule_search_locations) or ()]


def _checkouts() -> list[Path]:
    # In a source checkout this file is src/salgan/models/store.py.
    root = _HERE.parents[2]
    return [root] if (root / "pyproject.toml").is_file() else []
