"""Files that are written whole or not at all, folders that one process writes at a time, and hashes."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from salgan.errors import DiskFullError, SalganError

__all__ = [
    "check_file",
    "draft_of",
    "files_below",
    "locked",
    "make_folder",
    "read_file",
    "replacing",
    "sha256_of",
    "sweep",
]

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_DRAFT = re.compile(r"\.salgan-(?P<host>[0-9a-f]{8})-(?P<pid>[0-9]+)-[0-9a-f]{8}")


def check_file(path: Path, error: type[SalganError]) -> None:
    """Check that a path names a plain file before it is opened: a pipe would wait, a device may never end.

    Args:
        path: the file.
        error: what to raise if it is not one.
    """
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        raise error(f"{path}: no such file") from None
    except (OSError, ValueError) as reason:  # a name with a NUL is a ValueError
        raise error(f"{path}: cannot be read ({getattr(reason, 'strerror', None) or reason})") from None
    if stat.S_ISDIR(kind):
        raise error(f"{path}: is a folder, not a file")
    if not stat.S_ISREG(kind):
        raise error(f"{path}: is not a plain file but a pipe or a device")


def read_file(path: Path, error: type[SalganError], *, most: int) -> bytes:
    """The content of a plain file.

    Args:
        path: the file.
        error: what to raise if it is missing, is not a plain file, is too large, or cannot be read.
        most: how many bytes it may have.
    """
    check_file(path, error)
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as reason:
        raise error(f"{path}: cannot be read ({reason.strerror})") from None
    if len(content) > most:
        raise error(f"{path}: is larger than {most // 1_000_000} MB, too large for such a file")
    return content


def files_below(folder: Path, error: type[SalganError]) -> Iterator[Path]:
    """The files of a folder and of all folders below it, linked ones too, except for hidden folders.

    Args:
        folder: where to look.
        error: what to raise if a folder cannot be read, or a link leads back to a folder that it lies in.
    """

    def fail(reason: OSError) -> None:
        raise error(f"{reason.filename}: cannot be read ({reason.strerror})")

    for parent, folders, files in os.walk(folder, onerror=fail, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            link = Path(parent, name)
            if link.is_symlink() and any(above.samefile(link) for above in _up_to(folder, link.parent)):
                raise error(f"{link}: links to a folder that it lies in; remove the link")
        yield from (Path(parent, name) for name in sorted(files))


def _up_to(folder: Path, below: Path) -> list[Path]:
    return [below, *(above for above in below.parents if above.is_relative_to(folder))]


def make_folder(folder: Path) -> None:
    """Make a folder for results and all folders above it, unless it exists.

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

    So nobody ever reads half a file, and neither a full disk nor a kill leaves one. The file is on the disk
    before it gets its name, so that a crash of the machine leaves no empty file either.

    Args:
        path: the file to make or replace; its folder must exist.

    Yields:
        A hidden name that nobody else uses, with the same ending, for the block to create.

    Raises:
        DiskFullError: there is no room for the file; what was there before is untouched.
        SalganError: the file cannot be written for another reason; what was there before is untouched.
    """
    if path.exists() and not path.is_file():  # above all, a device must not be replaced by a file
        raise SalganError(f"{path}: cannot be written (it is not a plain file)")
    _sweep_once(path.parent, os.getpid())
    # Created by the block rather than by tempfile, so that it gets the permissions of any other new file.
    part = draft_of(path)
    try:
        yield part
        with part.open("r+b") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, RuntimeError) as error:
        number = _number(error)
        if number is None and isinstance(error, RuntimeError):
            raise
        full = _is_full(number, path.parent)
        reason = "No space left on device" if full else os.strerror(number) if number else error
        kind = DiskFullError if full else SalganError
        raise kind(f"{path}: cannot be written ({reason})") from error
    finally:
        part.unlink(missing_ok=True)


def _number(error: OSError | RuntimeError) -> int | None:
    """The system's number of an error. HDF5 raises a RuntimeError as well, and has it in its text only."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    found = re.search(r"\berrno = (\d+)", str(error))
    return int(found[1]) if found else None


def _is_full(number: int | None, folder: Path) -> bool:
    if number is not None:
        return number in _FULL
    # NumPy says only how much of an array it could write.
    with contextlib.suppress(OSError):
        return shutil.disk_usage(folder).free < 1 << 20
    return False


def draft_of(path: Path) -> Path:
    """A hidden name beside ``path``, with its ending, that says which process of which machine made it."""
    return path.with_name(f".salgan-{_host()}-{os.getpid()}-{secrets.token_hex(4)}{path.suffix}")


def sweep(folder: Path) -> None:
    """Remove the drafts in a folder that were left by processes which were killed on this machine."""
    with contextlib.suppress(OSError):
        for draft in folder.iterdir():
            match = _DRAFT.match(draft.name)
            if match is None or match["host"] != _host() or _is_alive(int(match["pid"])):
                continue
            if draft.is_dir() and not draft.is_symlink():
                shutil.rmtree(draft, ignore_errors=True)
            else:
                draft.unlink(missing_ok=True)


@lru_cache(maxsize=10_000)
def _sweep_once(folder: Path, process: int) -> None:
    sweep(folder)


@lru_cache(maxsize=1)
def _host() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _is_alive(process: int) -> bool:
    if os.name == "nt":  # where asking like this would end the process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make a folder, and lock out other processes that would lock it too, until the block ends.

    The lock ends with the process, however that ends. If the folder is then empty, it is removed.

    Raises:
        SalganError: another process has it, or it cannot be written.
    """
    make_folder(folder)
    lock = folder / ".salgan-lock"
    try:
        file = _take(lock)
    except BlockingIOError:
        raise SalganError(
            f"{folder}: another process is writing here; wait until it is done, or name another folder"
        ) from None
    except OSError as error:
        raise SalganError(f"{folder}: cannot be written ({error.strerror})") from None
    try:
        yield
    finally:
        if os.name == "nt":  # which does not remove what is open
            os.close(file)
            file = -1
        with contextlib.suppress(OSError):
            lock.unlink()
        if file >= 0:
            os.close(file)
        with contextlib.suppress(OSError):
            folder.rmdir()  # only if it is empty


def _take(lock: Path) -> int:
    while True:
        file = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock_now(file)
            # Its holder may have removed it meanwhile; then this is a lock that nobody else will see.
            with contextlib.suppress(FileNotFoundError):
                if os.name == "nt" or lock.stat().st_ino == os.fstat(file).st_ino:
                    return file
        except OSError:
            os.close(file)
            raise
        os.close(file)


def _lock_now(file: int) -> None:
    """Lock an open file, or raise BlockingIOError."""
    try:
        import fcntl
    except ImportError:
        try:
            import msvcrt
        except ImportError:  # a system with neither kind of lock
            return
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError as error:
            raise BlockingIOError(*error.args) from None
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            raise BlockingIOError(*error.args) from None
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL):  # a file system without locks
            raise


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
