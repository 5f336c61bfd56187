"""What Pillow does not look at in a TIFF's header: previews, tiles beyond all bounds, 0 as white."""

from __future__ import annotations

import struct
from dataclasses import dataclass

__all__ = ["Header", "read_header", "with_black_as_0"]

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES = 254, 256, 257, 258, 262, 277
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_WANTED = {_SUBFILE, _WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES, _TILE_WIDTH, _TILE_HEIGHT}
_SIZES = {1: "B", 3: "H", 4: "I", 16: "Q"}
_MOST_ENTRIES = 4096
_LARGE_TILE = 16_000_000


@dataclass(frozen=True)
class Header:
    """The tags of a TIFF's first picture that decide how it may be read.

    Attributes:
        order: ``"<"`` or ``">"``, the byte order.
        tags: tag → its only value; tags with several values are left out.
        places: tag → where in the file that value stands, and its type as :mod:`struct` calls it.
    """

    order: str
    tags: dict[int, int]
    places: dict[int, tuple[int, str]]

    @property
    def is_preview(self) -> bool:
        """Whether the first picture is a smaller copy of another one, as in raw photographs."""
        return bool(self.tags.get(_SUBFILE, 0) & 1)

    @property
    def is_grey_with_white_as_0(self) -> bool:
        """Whether it holds grey values of more than 8 bits that fall from white to black."""
        return self.tags.get(_PHOTOMETRIC) == 0 and self.tags.get(_SAMPLES, 1) == 1 and 8 < self.bits <= 16

    @property
    def bits(self) -> int:
        """Bits of each value."""
        return self.tags.get(_BITS, 1)

    @property
    def huge_tile(self) -> tuple[int, int] | None:
        """Width and height of its tiles, if decoding one would take far more memory than the picture."""
        wide, high = self.tags.get(_TILE_WIDTH, 0), self.tags.get(_TILE_HEIGHT, 0)
        padded = (self.tags.get(_WIDTH, 0) + 256) * (self.tags.get(_HEIGHT, 0) + 256)
        return (wide, high) if wide * high > max(4 * padded, _LARGE_TILE) else None


def read_header(content: bytes) -> Header:
    """Read the first directory of a TIFF or BigTIFF; what is broken or unknown is left to the decoder.

    Args:
        content: the whole file.
    """
    order = "<" if content[:2] == b"II" else ">"
    header = Header(order, {}, {})
    big = content[2:4] in (b"+\x00", b"\x00+")
    count_type, offset_type, entry = ("Q", "Q", 20) if big else ("H", "I", 12)
    try:
        (at,) = struct.unpack_from(order + offset_type, content, 8 if big else 4)
        (count,) = struct.unpack_from(order + count_type, content, at)
        at += struct.calcsize(count_type)
        for place in range(at, at + entry * min(count, _MOST_ENTRIES), entry):
            tag, kind, number = struct.unpack_from(order + "HH" + offset_type, content, place)
            if tag in _WANTED and number == 1 and kind in _SIZES:
                value_at = place + (12 if big else 8)
                (header.tags[tag],) = struct.unpack_from(order + _SIZES[kind], content, value_at)
                header.places[tag] = value_at, _SIZES[kind]
    except struct.error:
        pass
    return header


def with_black_as_0(content: bytes, header: Header) -> bytes:
    """The same file, which now says that 0 is black; its values have to be turned round after decoding."""
    changed = bytearray(content)
    place, kind = header.places[_PHOTOMETRIC]
    struct.pack_into(header.order + kind, changed, place, 1)
    return bytes(changed)
