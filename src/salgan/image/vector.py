"""Drawings without pixels of their own: SVG, and the first page of a PDF. They are drawn, not decoded.

A few hundred bytes can keep a renderer busy for hours, so it works in a process of its own, with bounds on
time and memory (:mod:`salgan.image.vector_child`). No script is run, and nothing is read but the file itself.
"""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from salgan._child import Child, Clock, exactly, patience, read_message, write_message
from salgan.errors import ImageError, NotEnoughMemoryError, require
from salgan.image.svg import size_of_svg

__all__ = ["KINDS", "draw", "draw_here"]

KINDS = frozenset({"SVG", "PDF"})
"""What is drawn."""

_LEAST, _MOST = 1024, 4096
"""Pixels along the longer side of what is drawn: small drawings are enlarged, large ones reduced."""

_DPI = 150
_SECONDS = 20.0
_ROOM = 2_000_000_000

_here = threading.Event()


def draw_here() -> None:
    """From now on draw in this very process, which has bounds of its own."""
    _here.set()


def draw(content: bytes, kind: str, max_pixels: int) -> Image.Image:
    """Draw a file.

    Args:
        content: the whole file.
        kind: one of :data:`KINDS`.
        max_pixels: how many pixels the drawing may have.

    Returns:
        RGBA of an SVG, whose ground is transparent; RGB of a PDF, whose paper is white. The longer side has
        between 1024 and 4096 pixels: an SVG's own size where it says one in between, a PDF at 150 dpi.

    Raises:
        ImageError: it is damaged, locked, takes too long, or refers to other files.
        NotEnoughMemoryError: the machine has no memory left.
        MissingExtraError: the extra ``vector`` is not installed.
    """
    require(*({"SVG": "resvg_py", "PDF": "pypdfium2"}[kind], "vector"))
    if _here.is_set():
        return in_this_process(content, kind, max_pixels)
    artist = _Artist()
    try:
        return artist.draw(content, kind, max_pixels)
    finally:
        artist.kill()


def in_this_process(content: bytes, kind: str, max_pixels: int) -> Image.Image:
    """The same without a process around it."""
    drawn: Callable[[bytes, int], Image.Image] = {"SVG": _svg, "PDF": _pdf}[kind]
    return drawn(content, max_pixels)


def _svg(content: bytes, max_pixels: int) -> Image.Image:
    resvg = require("resvg_py", "vector")
    text, width, height = size_of_svg(content)
    scale = _scale(width, height, max_pixels)
    size = max(1, int(width * scale)), max(1, int(height * scale))
    try:
        file = resvg.svg_to_bytes(svg_string=text, width=size[0], height=size[1], dpi=96)
    except ValueError as error:
        raise ImageError(f"cannot be drawn ({error})") from None
    image = Image.open(io.BytesIO(bytes(file)), formats=("PNG",))
    image.load()
    return image


def _pdf(content: bytes, max_pixels: int) -> Image.Image:
    pdfium = require("pypdfium2", "vector")
    try:
        with pdfium.PdfDocument(content) as document:
            page = document[0]
            width, height = (side * _DPI / 72 for side in page.get_size())
            if not (width > 0 and height > 0 and math.isfinite(width * height)):
                raise ImageError("its first page has no size")
            scale = _scale(width, height, max_pixels) * _DPI / 72
            image: Image.Image = page.render(scale=scale).to_pil().convert("RGB")
            return image
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise ImageError("is locked with a password; save it without one") from None
        raise ImageError(f"is damaged or cut off ({error})") from None


def _scale(width: float, height: float, max_pixels: int) -> float:
    longer = max(width, height)
    scale = min(max(1.0, _LEAST / longer), _MOST / longer)
    # A little less than is allowed, because renderers round sides up.
    return min(scale, math.sqrt(0.98 * max_pixels / (width * height)))


class _Artist(Child):
    """The process; it draws one file."""

    def __init__(self) -> None:
        super().__init__(str(Path(__file__).with_name("vector_child.py")))

    def draw(self, content: bytes, kind: str, max_pixels: int) -> Image.Image:
        request = {"kind": kind, "max_pixels": max_pixels, "seconds": _SECONDS, "room": _ROOM}
        clock = self.clock(patience(_SECONDS))
        told, said = self.streams
        try:
            write_message(told, request, content)
            answer = read_message(said)
            if "error" in answer:
                raise _error(answer)
            size = int(answer["width"]), int(answer["height"])
            mode = {"RGB": "RGB", "RGBA": "RGBA"}[answer["mode"]]
            if not 0 < size[0] * size[1] <= max_pixels or answer["bytes"] != len(mode) * size[0] * size[1]:
                raise ValueError
            return Image.frombytes(mode, size, exactly(said, answer["bytes"]))
        except (EOFError, OSError):
            raise self._death(clock) from None
        except (KeyError, TypeError, ValueError):
            raise ImageError("its renderer failed on it; save it as PNG") from None
        finally:
            clock.stop()

    def _death(self, clock: Clock) -> Exception:
        match self.silence(clock):
            case "late":
                return ImageError(f"takes more than {_SECONDS:g} seconds to draw; save it as PNG")
            case "memory":
                return NotEnoughMemoryError("there is not enough memory to draw it")
            case "crash":
                return ImageError("its renderer crashed on it, or needed too much memory; save it as PNG")


def _error(answer: dict[str, Any]) -> Exception:
    if answer["error"] == "memory":
        return ImageError("needs too much memory to draw; save it as PNG")
    return ImageError(str(answer.get("message", ""))[:2000])
