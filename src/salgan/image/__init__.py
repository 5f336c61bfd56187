"""Whatever someone calls a picture, read as one thing: a uint8 RGB array.

Files are hostile until decoded. A file's first bytes decide what it is, and only the formats named in
:data:`FORMATS` are tried. A header that promises more than :data:`MAX_PIXELS`, or would keep a decoder busy
for minutes, is refused before a pixel is decoded. Whatever a broken file makes the decoder raise becomes one
:class:`~salgan.errors.ImageError` in one line.
"""

from salgan.image.arrays import check_order
from salgan.image.colour import one_channel
from salgan.image.decoding import MAX_PIXELS, decode, pillow_kept_quiet, size_of, upright
from salgan.image.kinds import DRAWN_SUFFIXES, FORMATS, SUFFIXES, VIDEO, kind_of, kind_of_file
from salgan.image.reading import Source, read

__all__ = [
    "DRAWN_SUFFIXES",
    "FORMATS",
    "MAX_PIXELS",
    "SUFFIXES",
    "VIDEO",
    "Source",
    "check_order",
    "decode",
    "kind_of",
    "kind_of_file",
    "one_channel",
    "pillow_kept_quiet",
    "read",
    "size_of",
    "upright",
]
