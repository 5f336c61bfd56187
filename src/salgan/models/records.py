"""The models' records: one per weights file, kept as data in ``models.toml``."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from salgan._words import did_you_mean
from salgan.errors import ModelError

__all__ = ["ModelRecord", "list_models", "named", "read_records", "record_for"]

TABLE = Path(__file__).with_name("models.toml")


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """What is known of one weights file, except its preprocessing, which is inside the file.

    Attributes:
        name: what users type.
        file: its path below this package or below a checkout of the project, if it has one.
        url: where to download it from, if it is not among the files.
        sha256: the SHA-256 of the whole file, 64 hexadecimal digits.
        size: the size of the file in bytes; None if it is not known.
        licence: the licence of the weights.
        data: what it was trained on, with credit.
        recipe: the training run, or the publication it comes from.
        description: one sentence for people choosing a model.
        scores: by dataset, then by metric.

    Raises:
        ModelError: the hash, the size or the path is not one, or neither file nor URL is given.
    """

    name: str
    sha256: str
    size: int | None = None
    file: str | None = None
    url: str | None = None
    licence: str = ""
    data: str = ""
    recipe: str = ""
    description: str = ""
    scores: dict[str, dict[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ModelError(f"model {self.name}: sha256 {self.sha256!r} is not 64 hexadecimal digits")
        if self.size is not None and self.size < 1:
            raise ModelError(f"model {self.name}: size {self.size} is not a number of bytes")
        if self.file is None and self.url is None:
            raise ModelError(f"model {self.name}: the record names neither a file nor a url")
        if self.file is not None and (".." in PurePosixPath(self.file).parts or self.file.startswith("/")):
            raise ModelError(
                f"model {self.name}: file {self.file!r} must lie below the package or the checkout"
            )

    def verify(self, content: bytes, origin: str) -> None:
        """Compare a file's content with the record.

        Raises:
            ModelError: another size or hash; the message begins with ``origin``.
        """
        if self.size is not None and len(content) != self.size:
            raise ModelError(f"{origin}: has {len(content)} bytes, model {self.name} has {self.size}")
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            raise ModelError(f"{origin}: has sha256 {found}, model {self.name} has {self.sha256}")


def list_models() -> list[ModelRecord]:
    """The records of all models, in the order of the table."""
    return read_records(TABLE)


def read_records(table: Path) -> list[ModelRecord]:
    """Read every record, in the table's order.

    Raises:
        ModelError: the table is not well formed; the model is named.
    """
    try:
        tables = tomllib.loads(table.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{table}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # Python's own parsers of TOML and UTF-8 raise ValueErrors
        raise ModelError(f"{table}: is not TOML ({error})") from None
    records = []
    for name, entries in tables.items():
        try:
            records.append(ModelRecord(name=name, **entries))
        except TypeError as error:
            raise ModelError(f"{table}: model {name}: {error}") from None
    return records


def named(name: str, records: list[ModelRecord]) -> ModelRecord:
    """Find a record by its name.

    Raises:
        ModelError: there is none; the message holds the nearest name and the list.
    """
    names = [record.name for record in records]
    if name in names:
        return records[names.index(name)]
    hint = did_you_mean(name, names, "")
    hint = f" ({hint})" if hint else ""
    raise ModelError(f"no model or file {name!r}{hint}; models: {', '.join(names) or 'none'}")


def record_for(file: str | Path) -> ModelRecord:
    """Start the record of a weights file with its measured size and hash.

    Args:
        file: an existing ONNX file; its name without the ending becomes the model's.

    Raises:
        ModelError: the file cannot be read.
    """
    path = Path(file)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from None
    digest = hashlib.sha256(content).hexdigest()
    return ModelRecord(name=path.stem, file=path.name, sha256=digest, size=len(content))
