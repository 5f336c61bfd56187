"""Decodes pictures in a process of its own (see :mod:`salgan._child`); the service starts several."""

from __future__ import annotations

import io
import sys
from typing import Any, BinaryIO

from PIL import Image

from salgan import crop, image
from salgan._child import bounded, exactly, serve, write_message
from salgan.errors import ImageError, ImageTooLargeError, MissingExtraError
from salgan.image import vector

__all__ = ["GO", "LEAVE", "main"]

GO, LEAVE = b"g", b"l"
"""What is answered when the process has said how many pixels a picture has."""

_PER_PIXEL = 36
"""Bytes that decoding may take for each pixel; lossless WebP with transparency, the hungriest, takes 28."""

_PER_FILE_BYTE = 3
_SPARE = 64_000_000

_LEAST_SHARE = 0.2
"""The smallest picture's part of the processor time that the largest one gets."""

_MOST_SCANS = 100
"""Scans of a JPEG. A progressive one has about ten; each further one passes over all pixels again."""


def main() -> None:
    """Answer requests on stdin until it ends."""
    vector.draw_here()
    serve(_answer)


def _answer(request: dict[str, Any], content: bytes, asked: BinaryIO, told: BinaryIO) -> None:
    try:
        with bounded(request["seconds"] * _LEAST_SHARE, len(content) * _PER_FILE_BYTE + _SPARE):
            _refuse_many_scans(content)
            pixels = _promised_pixels(content, request["max_pixels"])
        write_message(told, {"pixels": pixels})
        if exactly(asked, 1) == LEAVE:
            return
        share = _LEAST_SHARE + (1 - _LEAST_SHARE) * pixels / request["max_pixels"]
        room = pixels * _PER_PIXEL + len(content) * _PER_FILE_BYTE + _SPARE
        with bounded(request["seconds"] * share, room):
            header, body = _done(request, content)
    except MemoryError:
        write_message(told, {"error": "memory"})
        sys.exit(1)  # its heap may be in pieces; the next picture gets a fresh process
    except MissingExtraError as error:
        write_message(told, {"error": "image", "message": str(error)[:2000]})
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
    part, profile = crop.for_png(part, profile)
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


if __name__ == "__main__":
    main()
