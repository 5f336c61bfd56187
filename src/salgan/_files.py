"""Files that are written whole or not at all, and their hashes."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path

from salgan.errors import SalganError

__all__ = ["make_folder", "replacing", "sha256_of"]


def make_folder(folder: Path) -> None:
    """Make a folder for results, with all above it, unless it is there.

    Raises:
        SalganError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SalganError(f"{folder}: cannot be made a folder ({error.strerror})") from None


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a name beside ``path`` whose file takes its place only when the block ends well.

    So a reader, a full disk or a kill never meets half a file.

    Args:
        path: the file to make or replace; its folder must exist.

    Yields:
        A hidden name that nobody else uses, with the same ending, for the block to create.

    Raises:
        SalganError: the file cannot be written; what was there before is untouched.
    """
    # Created by the block rather than by tempfile, so that it gets the permissions of any other new file.
    part = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise SalganError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        part.unlink(missing_ok=True)


def sha256_of(path: Path, error: type[SalganError]) -> str:
    """SHA-256 of a file's content, in hexadecimal.

    Args:
        path: the file.
        error: what to raise if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as reason:
        raise error(f"{path}: cannot be read ({reason.strerror})") from None
