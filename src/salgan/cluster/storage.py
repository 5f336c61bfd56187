"""Where files lie: folders of this machine, buckets (s3://, gs://), and whatever else fsspec can open.

A location is an absolute path or an address. Files are written whole or not at all: on a machine by renaming,
in a bucket because an object appears when its upload ends.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import IO, Any

from salgan._files import check_file, make_folder, read_file, replacing
from salgan.errors import ConfigError, ImageError, ImageTooLargeError, SalganError, require

__all__ = [
    "MOST_BYTES",
    "below",
    "is_address",
    "listed",
    "location_of",
    "opened",
    "read_bytes",
    "remove",
    "size_of",
    "upload",
    "write_bytes",
]

MOST_BYTES = 1 << 30
"""A picture's file may have this many bytes, as anywhere else in this package."""

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://([^/]*)/?(.*)", re.DOTALL)
_TRIES = 4
_PAUSE = 0.5


def is_address(text: str) -> bool:
    """Whether a text is an address such as ``s3://bucket/photos`` and not a path."""
    return _ADDRESS.fullmatch(text) is not None


def location_of(text: str) -> str:
    """An address as it is, without a slash at its end; a path made absolute, since actors work elsewhere.

    Raises:
        ConfigError: the address is of a kind that nothing here opens.
    """
    if not is_address(text):
        return os.path.abspath(text)  # noqa: PTH100  (resolve would follow links)
    _system(text)
    return text.rstrip("/")


def below(location: str, name: str) -> str:
    """The location of a file in a folder."""
    return f"{location.rstrip('/')}/{name}" if is_address(location) else str(Path(location, name))


def read_bytes(location: str) -> bytes:
    """The content of a picture's file. A bucket that answers with a fault is asked again for some seconds.

    Raises:
        ImageError: there is no such file, or it cannot be read, or is too large.
    """
    if not is_address(location):
        return read_file(Path(location), ImageError, most=MOST_BYTES)
    for attempt in range(1, _TRIES + 1):
        try:
            with opened(location) as file:
                if (size := file.size()) > MOST_BYTES:
                    raise ImageTooLargeError(f"{location}: has {size} bytes, more than a picture may have")
                return bytes(file.read())
        except FileNotFoundError:
            raise ImageError(f"{location}: no such file") from None
        except OSError as error:
            if attempt == _TRIES or "ACCESS_DENIED" in str(error):
                raise ImageError(f"{location}: cannot be read ({_reason(error)})") from None
            time.sleep(_PAUSE * 2**attempt)
        except (SalganError, MemoryError):
            raise
        except Exception as error:  # the drivers of fsspec have classes of their own, such as botocore's
            raise ImageError(f"{location}: cannot be read ({_reason(error)})") from None
    raise AssertionError("unreachable")


def opened(location: str) -> Any:
    """A file of pyarrow's, opened for reading at any place.

    Raises:
        OSError: it is missing or cannot be read.
        SalganError: it is not a plain file.
    """
    if not is_address(location):
        check_file(Path(location), ImageError)
    system, path = _at(location)
    return system.open_input_file(path)


def size_of(location: str) -> int | None:
    """How many bytes a file has; None if there is none, and -1 for a folder.

    Raises:
        SalganError: the place does not answer.
    """
    system, path = _at(location)
    with _as_error(location):
        info = system.get_file_info(path)
    kind = _fs().FileType
    if info.type == kind.NotFound:
        return None
    return -1 if info.type == kind.Directory else int(info.size or 0)


def listed(location: str) -> Iterator[tuple[str, int]]:
    """The files below a folder, if it is there: their names seen from it, with slashes, and their sizes.

    Raises:
        SalganError: the place does not answer.
    """
    system, path = _at(location)
    with _as_error(location):
        infos = system.get_file_info(_fs().FileSelector(path, allow_not_found=True, recursive=True))
    for info in infos:
        if info.type == _fs().FileType.File:
            yield info.path[len(path) :].lstrip("/"), int(info.size or 0)


def write_bytes(location: str, content: bytes) -> None:
    """Write a file, whole or not at all, and make the folders above it.

    Raises:
        SalganError: it cannot be written.
        DiskFullError: there is no room.
    """
    if not is_address(location):
        make_folder(Path(location).parent)
        with replacing(Path(location)) as draft:
            draft.write_bytes(content)
        return
    system, path = _at(location)
    with _as_error(location, "written"), system.open_output_stream(path) as file:
        file.write(content)
    _check_size(location, len(content))


def upload(file: IO[bytes], location: str) -> None:
    """Write what an open file holds, whole or not at all.

    Raises:
        SalganError: it cannot be written.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if not is_address(location):
        make_folder(Path(location).parent)
        with replacing(Path(location)) as draft, draft.open("wb") as target:
            shutil.copyfileobj(file, target, 1 << 20)
        return
    system, path = _at(location)
    with _as_error(location, "written"), system.open_output_stream(path) as stream:
        while piece := file.read(8 << 20):
            stream.write(piece)
    _check_size(location, size)


def _check_size(location: str, size: int) -> None:
    """An upload that broke off may have become an object all the same."""
    if size_of(location) != size:
        remove(location)
        raise SalganError(f"{location}: cannot be written (its upload broke off); run the command again")


def remove(location: str) -> None:
    """Remove a file, if it is there.

    Raises:
        SalganError: it cannot be removed.
    """
    system, path = _at(location)
    with _as_error(location, "removed"), contextlib.suppress(FileNotFoundError):
        system.delete_file(path)


@contextlib.contextmanager
def _as_error(location: str, done: str = "read") -> Iterator[None]:
    try:
        yield
    except (SalganError, MemoryError):
        raise
    except Exception as error:  # the drivers of fsspec have classes of their own, such as botocore's
        raise SalganError(f"{location}: cannot be {done} ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _fs() -> Any:
    return require("pyarrow.fs", "cluster")


def _at(location: str) -> tuple[Any, str]:
    """The file system of a location, and the path in it."""
    if not is_address(location):
        return _fs().LocalFileSystem(), location
    system, root = _system(location)
    rest = _ADDRESS.fullmatch(location)[3]  # type: ignore[index]
    return system, f"{root}/{rest}".rstrip("/") if rest else root


def _system(address: str) -> tuple[Any, str]:
    scheme, host, _ = _ADDRESS.fullmatch(address).groups()  # type: ignore[union-attr]
    return _system_of(scheme.lower(), host)


@cache
def _system_of(scheme: str, host: str) -> tuple[Any, str]:
    """The file system of a bucket, and the bucket's path in it.

    Only scheme and bucket are parsed as an address, for a key may hold any sign.
    """
    fs = _fs()
    try:
        if scheme == "s3" and (options := _s3_options()):
            return fs.S3FileSystem(**options), host
        # This also looks up the region of a bucket at Amazon.
        system, path = fs.FileSystem.from_uri(f"{scheme}://{host}/")
        return system, path.rstrip("/")
    except (OSError, ValueError):
        pass
    fsspec = require("fsspec", "cluster")
    try:
        return fs.PyFileSystem(fs.FSSpecHandler(fsspec.filesystem(scheme))), host
    except (ValueError, ImportError) as error:
        raise ConfigError(f"{scheme}://{host}: cannot be opened ({_reason(error)})") from None


def _s3_options() -> dict[str, str]:
    """What the usual variables say of a service like S3; empty for Amazon's own."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return {}
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return {"endpoint_override": endpoint, "region": region}
