"""Files that are sound although a decoder stumbles over them, and files that are made to keep it busy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

__all__ = ["END_OF_JPEG", "FILLING", "check_scans", "has_text_behind_pixels", "without_text"]

END_OF_JPEG = b"\xff\xd9"

FILLING = bytes(range(1, 255)) * 32
"""Bytes that replace missing data: a picture that does not depend on them lacks nothing."""

_MOST_SCANS = 100
_MOST_SCANNED = 1_500_000_000
"""Pixels times scans: about ten passes over the largest picture, which take some seconds."""

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_START_OF_SCAN, _END = 0xDA, 0xD9

# Everything that decides a PNG's pixels, its orientation, and nothing else.
_PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"gAMA", b"cHRM", b"sRGB", b"eXIf")
_PNG_SIGNATURE = 8
_PNG_TEXT = (b"eXIf", b"iTXt", b"zTXt", b"tEXt")
"""Where a PNG may say how it is turned."""


def check_scans(content: bytes) -> str | None:
    """Count a JPEG's scans, each of which makes a decoder walk over the whole picture.

    A progressive file of half a megabyte can hold thousands of them, and would take minutes.

    Args:
        content: the whole file.

    Returns:
        What is wrong, in a few words; None if the decoder's work is bounded.
    """
    pixels, components, scans = 0, 0, 0
    for marker, at in _segments(content):
        body = content[at : at + 10]
        if marker in _FRAMES and len(body) >= 8:
            pixels = int.from_bytes(body[3:5], "big") * int.from_bytes(body[5:7], "big")
            components = body[7]
            progressive = marker not in (0xC0, 0xC1, 0xC9)
        elif marker == _START_OF_SCAN:
            scans += 1
            if scans == 1 and components and body[2:3] == bytes([components]) and not progressive:
                return None  # one scan holds everything, and a decoder stops behind it
            if scans > _MOST_SCANS or scans * pixels > _MOST_SCANNED:
                return f"more than {scans - 1} passes over {pixels / 1e6:.1f} megapixels"
    return None


def _segments(content: bytes) -> Iterator[tuple[int, int]]:
    """The markers of a JPEG, each with the place of its length field; data between them are skipped."""
    at = 2
    while match := _MARKER.search(content, at):
        marker, at = content[match.start() + 1], match.end()
        if marker == _END:
            return
        yield marker, at
        if marker not in (0x01, 0xD8):  # those two have no length
            at += max(2, int.from_bytes(content[at : at + 2], "big"))


def has_text_behind_pixels(file: BinaryIO) -> bool:
    """Whether a PNG has EXIF or a text behind its first pixels; the file stands where it stood before."""
    before = file.tell()
    file.seek(_PNG_SIGNATURE)
    found = seen = False
    while not found and len(head := file.read(8)) == 8:
        seen = seen or head[4:] == b"IDAT"
        found = seen and head[4:] in _PNG_TEXT
        file.seek(int.from_bytes(head[:4], "big") + 4, 1)
    file.seek(before)
    return found


def without_text(content: bytes) -> bytes:
    """A PNG without its texts and profiles, which decoders refuse when they are long.

    Args:
        content: the whole file.

    Returns:
        The same pixels in a file of fewer chunks; chunks are copied as they are, broken ones included.
    """
    kept, at = [content[:_PNG_SIGNATURE]], _PNG_SIGNATURE
    while at + 8 <= len(content):
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        if content[at + 4 : at + 8] in _PNG_KEPT:
            kept.append(content[at:end])
        at = end
    return b"".join(kept)
