"""What a file is: this module alone decides, by the file's first bytes and never by its name."""

from __future__ import annotations

import re
import struct
from pathlib import Path

__all__ = ["DRAWN_SUFFIXES", "FORMATS", "HEAD", "SUFFIXES", "VIDEO", "kind_of", "kind_of_file"]

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIC", "PSD", "SVG", "PDF")
"""The formats that are read. No other decoder ever sees a user's bytes.

HEIC needs the extra ``heif``, SVG and PDF need ``vector``.
"""

SUFFIXES = frozenset(
    [
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif"),
        *(".avif", ".heic", ".heif", ".hif", ".psd"),
    ]
)
"""Lower-case file name endings of what is looked for in a folder: of these formats, but for drawings."""

DRAWN_SUFFIXES = frozenset([".svg", ".pdf"])
"""Those of drawings: icons and documents lie beside pictures without being meant, so they must be named."""

VIDEO = "VIDEO"
"""What :func:`kind_of` calls containers of moving pictures."""

HEAD = 4096
"""How many bytes from a file's beginning are enough to tell what it is."""

_BEGINNINGS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"8BPS\x00\x01", "PSD"),
    (b"8BPS\x00\x02", "large Photoshop file (PSB)"),
    (b"%!PS", "PostScript file"),
    (b"PK\x03\x04", "ZIP archive or office document"),
    (b"\xff\x0a", "JPEG XL picture"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL picture"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000 picture"),
    (b"FUJIFILMCCD-RAW", "raw photograph"),
    (b"\x1a\x45\xdf\xa3", VIDEO),  # Matroska and WebM
    (b"OggS", VIDEO),
    (b"FLV\x01", VIDEO),
    (b"\x00\x00\x01\xba", VIDEO),
    (b"\x00\x00\x01\xb3", VIDEO),
)
_BEFORE_SVG = (b"<svg", b"<svg:svg", b"<?xml", b"<!--", b"<!doctype svg")
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_AVIF_BRANDS = {b"avif", b"avis"}


def kind_of(head: bytes) -> str | None:
    """What a file is, by its first bytes.

    Args:
        head: the file's first :data:`HEAD` bytes, or all of them if there are fewer.

    Returns:
        One of :data:`FORMATS`; :data:`VIDEO`; a few words such as ``"web page"`` for a file that people
        mistake for a picture and that is not read; or None.

    >>> kind_of(b"GIF89a...")
    'GIF'
    >>> kind_of(b"%PDF-1.7")
    'PDF'
    """
    if head[:4] == b"RIFF":
        return {b"WEBP": "WEBP", b"AVI ": VIDEO}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    if b"%PDF-" in head[:1024]:
        return "PDF"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(_BEFORE_SVG) and re.search(rb"<(\w+:)?svg[\s>/]", text):
        return "SVG"
    if text.startswith((b"<!doctype html", b"<html")):
        return "web page"
    return None


def kind_of_file(path: Path) -> str | None:
    """What a regular file is; None if it is unknown, missing, or not a regular file."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return kind_of(file.read(HEAD))
    except (OSError, ValueError):
        return None


def _of_brands(head: bytes) -> str:
    """An ISO base media file: its brands say whether it holds a still picture or a video."""
    (length,) = struct.unpack(">I", head[:4])
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(length, len(head)), 4))]
    # A still picture's own brand decides before those that it is compatible with.
    for brand in brands:
        if brand in _AVIF_BRANDS:
            return "AVIF"
        if brand in _HEIC_BRANDS:
            return "HEIC"
        if brand not in (b"mif1", b"msf1", b"miaf"):
            break
    return VIDEO
