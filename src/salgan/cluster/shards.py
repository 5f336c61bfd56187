"""Files that hold many pictures: WebDataset tars, and Parquet with a column of bytes.

Both are hostile until read. Nothing in them is unpickled, and no name in them becomes a path.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from typing import Any

from salgan.cluster import storage
from salgan.errors import ConfigError, ImageError, SalganError, require
from salgan.jobs.find import is_picture

__all__ = ["PARQUET", "TAR", "bytes_column", "groups_of", "pictures_of_parquet", "pictures_of_tar"]

TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
"""Lower-case endings of tars."""

PARQUET = (".parquet", ".pq")
"""Lower-case endings of Parquet files."""

_ROWS_AT_ONCE = 16


def pictures_of_tar(location: str) -> Iterator[tuple[str, bytes | SalganError]]:
    """The pictures in a tar, in its order: (name in the tar, content or what is wrong with it).

    A tar that is damaged ends with an error under the empty name; what comes before it is given.
    """
    try:
        # As a stream, a compressed tar is not unpacked beforehand.
        with storage.opened(location) as file, _as_tar(file) as archive:
            for member in archive:
                if member.isreg() and is_picture(member.name.rpartition("/")[2]):
                    yield member.name, _content(archive, member, location)
    except SalganError as error:
        yield "", error
    except MemoryError:
        raise
    except Exception as error:  # tarfile, zlib, lzma and bz2 each have errors of their own
        yield "", ImageError(f"{location}: cannot be unpacked to its end ({_reason(error)})")


def _as_tar(file: Any) -> tarfile.TarFile:
    ending: Any = _Ending(file)
    return tarfile.open(fileobj=ending, mode="r|*")


class _Ending:
    """A file that ends once: tarfile would go on reading nothing through all that a header promises."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._ended = False

    def read(self, size: int) -> bytes:
        content = bytes(self._file.read(size))
        if not content and self._ended:
            raise EOFError("it is cut off")
        self._ended = not content
        return content


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo, location: str) -> bytes | SalganError:
    if member.size > storage.MOST_BYTES:
        return ImageError(f"{location}/{member.name}: has {member.size} bytes, more than a picture may have")
    file = archive.extractfile(member)
    return b"" if file is None else file.read()


def bytes_column(location: str, named: str = "") -> str:
    """The column of a Parquet file that holds pictures: the only one of bytes, or the one that was named.

    A field of a column of structs is written with a dot: ``image.bytes``.

    Raises:
        ImageError: the file cannot be read, or has no such column.
        ConfigError: there are several; the message says how to name one.
    """
    types = require("pyarrow.types", "cluster")
    columns = []
    for column in _parquet(location).schema_arrow:
        fields = column.type if types.is_struct(column.type) else ()
        columns += [f"{column.name}.{each.name}" for each in fields if _is_bytes(each.type)]
        columns += [column.name] if _is_bytes(column.type) else []
    if named:
        matching = [each for each in columns if each in (named, f"{named}.bytes")]
        if len(matching) != 1:
            raise ConfigError(f"{location}: has no column {named} of bytes; there are {', '.join(columns)}")
        return matching[0]
    if not columns:
        raise ImageError(f"{location}: has no column of bytes, so it holds no pictures")
    if len(columns) > 1:
        raise ConfigError(
            f"{location}: has several columns of bytes ({', '.join(columns)}); name the pictures' column: "
            f"{location.rpartition('/')[2]}#{columns[0]}"
        )
    return columns[0]


def groups_of(location: str, most: int) -> Iterator[tuple[int, ...]]:
    """Neighbouring row groups of a Parquet file, together at most so many rows, if one alone has no more."""
    metadata = _parquet(location).metadata
    some: list[int] = []
    rows = 0
    for number in range(metadata.num_row_groups):
        count = metadata.row_group(number).num_rows
        if some and rows + count > most:
            yield tuple(some)
            some, rows = [], 0
        some.append(number)
        rows += count
    if some:
        yield tuple(some)


def pictures_of_parquet(
    location: str, column: str, groups: tuple[int, ...]
) -> Iterator[tuple[str, bytes | SalganError]]:
    """The pictures in row groups of a Parquet file: (number of the row in the file, content or error)."""
    try:
        file = _parquet(location)
        metadata = file.metadata
        for group in groups:
            number = sum(metadata.row_group(each).num_rows for each in range(group))
            for batch in file.iter_batches(_ROWS_AT_ONCE, row_groups=[group], columns=[column]):
                values = batch.column(0)
                if "." in column and column not in batch.schema.names:
                    values = values.field(0)
                for value in values:
                    content = value.as_py()
                    missing = ImageError(f"{location}/{number}: the row holds no picture")
                    yield str(number), missing if content is None else content
                    number += 1
    except SalganError as error:
        yield "", error
    except MemoryError:
        raise
    except Exception as error:  # pyarrow's errors share no base
        yield "", ImageError(f"{location}: cannot be read to its end ({_reason(error)})")


def _parquet(location: str) -> Any:
    parquet = require("pyarrow.parquet", "cluster")
    try:
        return parquet.ParquetFile(storage.opened(location))
    except (SalganError, MemoryError):
        raise
    except FileNotFoundError:
        raise ImageError(f"{location}: no such file") from None
    except Exception as error:
        raise ImageError(f"{location}: is not a Parquet file that can be read ({_reason(error)})") from None


def _is_bytes(kind: Any) -> bool:
    types = require("pyarrow.types", "cluster")
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _reason(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error))[:200] or type(error).__name__
