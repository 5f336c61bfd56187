"""From what a user calls a model to its file: everything that takes a model asks here."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from salgan._files import sha256_of
from salgan._progress import Progress, silent
from salgan.errors import ModelError
from salgan.image.kinds import FORMATS, HEAD, VIDEO, kind_of
from salgan.models.records import ModelRecord, list_models, named
from salgan.models.store import fetched, record_of_address

__all__ = ["Kind", "ModelFile", "distinct_name", "find_model", "is_run_folder", "kind_of_file"]

Kind = Literal["onnx", "safetensors", "checkpoint"]
"""What a model's file is: ONNX runs without PyTorch, the other two need it."""

NETWORK = "network.safetensors"
"""The file of a training run that holds its best network."""

_LONGEST_HEADER = 100_000_001
"""Bytes of a safetensors file's header, which the format keeps shorter than this."""

_WRITTEN_LIKE_A_PATH = re.compile(r"[\\/]|\.(onnx|safetensors|pt|pth|ckpt)$", re.IGNORECASE)


@dataclass(frozen=True)
class ModelFile:
    """A model's file that is on this machine.

    Attributes:
        name: what to call the model: its record's name, or see :func:`distinct_name`.
        path: where the file lies.
        kind: what is in it.
        record: what is known of the file if it has a record; its content must then be verified.
    """

    name: str
    path: Path
    kind: Kind
    record: ModelRecord | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the file, which changes whenever the model's maps may change."""
        return self.record.sha256 if self.record else sha256_of(self.path, ModelError)

    def read(self) -> bytes:
        """The file's content, verified if the file has a record.

        Raises:
            ModelError: the file cannot be read, or it is not the one that the record means.
        """
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise ModelError(f"{self.path}: cannot be read ({error.strerror})") from None
        if self.record is not None:
            self.record.verify(content, str(self.path))
        return content


def find_model(spec: str | Path, *, on_progress: Progress = silent) -> ModelFile:
    """Find the file of a model; it is downloaded if it is not on this machine.

    A name from :func:`salgan.models.list_models` wins over a file or folder of the same name, which must then
    be written as a path (``./lite``). If both exist, a warning says so.

    Args:
        spec: a name; the path of an ONNX file, of a training run's folder (its best network is meant), of a
            ``network.safetensors`` or of a checkpoint; or an address with its hash,
            ``https://host/model.onnx#sha256=...``.
        on_progress: is told ("downloading", bytes so far, bytes in all or None).

    Raises:
        ModelError: nothing has that name; the message gives the nearest name and the list.
    """
    text = str(spec)
    if text.startswith("baseline:"):
        raise ModelError(
            f"{text}: a baseline predicts nothing, and can only be scored: "
            f"salgan evaluate {text} --data FOLDER"
        )
    if re.match("[a-z]+://", text, re.IGNORECASE):
        return _of_record(record_of_address(text), on_progress)
    path = _as_path(spec)
    if isinstance(spec, str):
        records = list_models()
        record = next((each for each in records if each.name == text), None)
        if record is not None:
            if _exists(path):
                warnings.warn(
                    f"{text} is taken for the model of that name; write ./{text} for the path", stacklevel=2
                )
            return _of_record(record, on_progress)
        if not _exists(path) and not _WRITTEN_LIKE_A_PATH.search(text):
            named(text, records)
    return _of_path(path)


def is_run_folder(path: Path) -> bool:
    """Whether a folder is that of a training run, finished or not."""
    return (path / NETWORK).is_file() or (
        (path / "config.yaml").is_file() and (path / "environment.json").is_file()
    )


def kind_of_file(path: Path) -> Kind:
    """What a file holds, by its first bytes and not by its name.

    Raises:
        ModelError: the file is missing, cannot be read, or is not a plain file.
    """
    _check_there(path)
    if not path.is_file():
        raise ModelError(f"{path}: not a plain file, so it cannot be a model")
    try:
        with path.open("rb") as file:
            start = file.read(HEAD)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from None
    # Its header, JSON, comes after eight bytes of its length. They may begin as the two below do.
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < _LONGEST_HEADER:
        return "safetensors"
    if start.startswith((b"PK", b"\x80")):  # a zip archive of PyTorch's, or the pickle of its early versions
        return "checkpoint"
    # An empty or damaged file is of the kind that its name says, so that the error talks of that kind.
    by_name: dict[str, Kind] = {".pt": "checkpoint", ".pth": "checkpoint", ".safetensors": "safetensors"}
    kind = by_name.get(path.suffix.lower(), "onnx")
    seen = kind_of(start)
    if kind == "onnx" and seen is not None:
        what = {VIDEO: "video", **{name: f"picture ({name})" for name in FORMATS}}.get(seen, seen)
        raise ModelError(f"{path}: is a {what}, and no model; `salgan models` lists the models by name")
    return kind


def _of_record(record: ModelRecord, on_progress: Progress) -> ModelFile:
    path = fetched(record, on_progress)
    return ModelFile(record.name, path, kind_of_file(path), record)


def distinct_name(path: Path) -> str:
    """What to call a model, or a set of maps, that lies at a path.

    A training run's files are called after the run: ``paper`` for ``runs/paper`` and its best network,
    ``paper-last`` for ``runs/paper/checkpoints/last.pt``. The names in the table of models belong to those
    models alone: a run in ``runs/lite`` is called ``runs/lite``, and a file ``lite.onnx`` keeps its ending.
    """
    if path.is_dir():
        name = path.resolve().name
        return f"{path.resolve().parent.name}/{name}" if _is_taken(name) else name
    for folder in path.resolve().parents[:2]:  # checkpoints and the networks of single epochs lie deeper
        if path.suffix.lower() in (".safetensors", ".pt") and is_run_folder(folder):
            run = distinct_name(folder)
            return run if path.name == NETWORK else f"{run}-{path.stem}"
    return path.name if _is_taken(path.stem) else path.stem


def _is_taken(name: str) -> bool:
    return any(record.name == name for record in list_models())


def _of_path(path: Path) -> ModelFile:
    _check_there(path)  # before its name is looked at, which may hold a NUL
    name = distinct_name(path)
    if path.is_dir():
        if not (path / NETWORK).is_file():
            maps = "" if is_run_folder(path) else " (a folder of maps can be evaluated, and predicts nothing)"
            raise ModelError(f"{path}: holds no {NETWORK}; train further, or name a file{maps}")
        path = path / NETWORK
    return ModelFile(name, path, kind_of_file(path))


def _as_path(spec: str | Path) -> Path:
    try:
        return Path(spec).expanduser()
    except RuntimeError:  # it names the home folder of a user who does not exist
        return Path(spec)


def _check_there(path: Path) -> None:
    if not _exists(path):
        raise ModelError(f"{path}: no such file; `salgan models` lists the models by name")


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from None
    return True
