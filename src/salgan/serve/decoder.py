"""Decodes pictures in a process that may be killed by the one that started it; the service starts several.

A decoder is C code that reads a stranger's bytes: it may crash, or need minutes or gigabytes. In a process of
its own, each picture gets processor time and address space to suit its size, and whatever happens to it
affects nothing else.

The two sides talk over the process's standard streams. A message is four bytes of length, that many bytes of
JSON, and then as many bytes as its field ``bytes`` says. The answers are parsed as strictly as any input: a
picture that takes over its decoder must not get any further.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

if __name__ == "__main__":
    # This runs as a script, so that it need not import the rest of the service. At the end of the path,
    # nothing that lies beside the package can hide one of Python's own modules.
    sys.path.append(sys.argv[1])

from PIL import Image

from salgan import crop, image
from salgan.errors import ImageError, ImageTooLargeError

__all__ = ["GO", "LEAVE", "main", "read_message", "write_message"]

GO, LEAVE = b"g", b"l"
"""What is answered when the process has said how many pixels a picture has."""

_MOST_HEADER = 1_000_000
_LENGTH = struct.Struct("!I")

_PER_PIXEL = 36
"""Bytes that decoding may take for each pixel; lossless WebP with transparency, the hungriest, takes 28."""

_PER_FILE_BYTE = 3
_SPARE = 64_000_000

_LEAST_SHARE = 0.2
"""The smallest picture's part of the processor time that the largest one gets."""

_MOST_SCANS = 100
"""Scans of a JPEG. A progressive one has about ten; each further one passes over all pixels again."""

_PNG_MODES = frozenset({"1", "L", "LA", "I", "I;16", "I;16B", "P", "RGB", "RGBA"})


def write_message(file: BinaryIO, header: dict[str, Any], *contents: bytes | memoryview) -> None:
    """Write one message; what ``contents`` hold is not copied."""
    total = sum(len(content) for content in contents)
    text = json.dumps({**header, "bytes": total}).encode()
    for piece in (_LENGTH.pack(len(text)) + text, *contents):
        view, at = memoryview(piece), 0
        while at < len(view):
            at += file.write(view[at:])
    file.flush()


def read_message(file: BinaryIO) -> dict[str, Any]:
    """Read a message's header; its content comes next in the file.

    Raises:
        EOFError: the other side has gone.
        ValueError: it is not a header.
    """
    (length,) = _LENGTH.unpack(_exactly(file, _LENGTH.size))
    if length > _MOST_HEADER:
        raise ValueError("the header is too long")
    header = json.loads(_exactly(file, length))
    if not isinstance(header, dict) or not isinstance(header.get("bytes"), int) or header["bytes"] < 0:
        raise ValueError("the header is not one")
    return header


def _exactly(file: BinaryIO, length: int) -> bytes:
    content = file.read(length)
    while len(content) < length:
        more = file.read(length - len(content))
        if not more:
            raise EOFError
        content += more
    return content


def main() -> None:
    """Answer requests on stdin until it ends."""
    if hasattr(signal, "SIGINT"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which ends this process
    asked = os.fdopen(os.dup(0), "rb")
    told = os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not come between the messages.
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    _forbid_files()
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            request = read_message(asked)
            _answer(request, _exactly(asked, request["bytes"]), asked, told)


def _answer(request: dict[str, Any], content: bytes, asked: BinaryIO, told: BinaryIO) -> None:
    try:
        with _bounded(request["seconds"] * _LEAST_SHARE, len(content) * _PER_FILE_BYTE):
            _refuse_many_scans(content)
            pixels = _promised_pixels(content, request["max_pixels"])
        write_message(told, {"pixels": pixels})
        if _exactly(asked, 1) == LEAVE:
            return
        share = _LEAST_SHARE + (1 - _LEAST_SHARE) * pixels / request["max_pixels"]
        room = pixels * _PER_PIXEL + len(content) * _PER_FILE_BYTE
        with _bounded(request["seconds"] * share, room):
            header, body = _done(request, content)
    except MemoryError:
        write_message(told, {"error": "memory"})
        sys.exit(1)  # its heap may be in pieces; the next picture gets a fresh process
    except ImageError as error:
        if isinstance(error.__context__, MemoryError):
            write_message(told, {"error": "memory"})
            sys.exit(1)
        kind = "too large" if isinstance(error, ImageTooLargeError) else "image"
        write_message(told, {"error": kind, "message": str(error)[:2000]})
    else:
        write_message(told, header, body)


def _done(request: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes | memoryview]:
    if "window" not in request:
        pixels = image.read(content, max_pixels=request["max_pixels"])
        return {"height": pixels.shape[0], "width": pixels.shape[1]}, pixels.data.cast("B")
    picture, _ = image.decode(content, max_pixels=request["max_pixels"])
    profile = picture.info.get("icc_profile")
    left, top, width, height = request["window"]
    size = request["size"]
    part = crop.cut_window(
        image.upright(picture), (left, top, left + width, top + height), tuple(size) if size else None
    )
    if part.mode not in _PNG_MODES:
        # PNG knows no CMYK and no floats; the profile belongs to the colours that were.
        part, profile = Image.fromarray(image.read(part)), None
    file = io.BytesIO()
    part.save(file, format="PNG", compress_level=3, icc_profile=profile)
    return {}, file.getvalue()


def _refuse_many_scans(content: bytes) -> None:
    """Refuse a JPEG that would take minutes: within its pixels' data a marker's two bytes cannot occur."""
    if content.startswith(b"\xff\xd8") and (scans := content.count(b"\xff\xda")) > _MOST_SCANS:
        raise ImageError(f"picture: has {scans} scans, far more than pictures have; save it again")


def _promised_pixels(content: bytes, most: int) -> int:
    """How many pixels the file's header promises; where it cannot be told, as many as a picture may have."""
    with image.pillow_kept_quiet():
        try:
            with Image.open(io.BytesIO(content), formats=image.FORMATS) as picture:
                return min(most, max(1, picture.width * picture.height))
        except MemoryError:
            raise
        except Exception:  # decoders raise nearly anything; reading the picture says what is wrong
            return most


@contextlib.contextmanager
def _bounded(seconds: float, room: int) -> Iterator[None]:
    """Inside the block, end this process after ``seconds`` of processor time and give it ``room`` in memory.

    Where the system has no such bounds (Windows), the process's parent can only rely on its clock.
    """
    timer = getattr(signal, "setitimer", None)
    if timer is not None:
        timer(signal.ITIMER_PROF, seconds)  # SIGPROF, left as it is, ends the process
    _limit_memory(_address_space() + room + _SPARE)
    try:
        yield
    finally:
        _limit_memory(None)
        if timer is not None:
            timer(signal.ITIMER_PROF, 0)


def _limit_memory(most: int | None) -> None:
    try:
        import resource
    except ImportError:
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = hard if most is None else most if hard == resource.RLIM_INFINITY else min(most, hard)
    # macOS knows the limit but refuses values below what it has given already.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


def _address_space() -> int:
    """Bytes of address space this process has now; where that cannot be told, a generous guess."""
    try:
        found = re.search(r"VmSize:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        found = None
    return int(found[1]) * 1024 if found else 1_000_000_000


def _forbid_files() -> None:
    """Make sure that a decoder writes no files, not even an image of its own crash."""
    try:
        import resource
    except ImportError:
        return
    for kind in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (0, 0))


if __name__ == "__main__":
    main()
