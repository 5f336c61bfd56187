"""Whatever someone calls a picture, read as one thing: a uint8 RGB array.

Files are hostile until decoded: what a file is, is decided by its first bytes; only the formats named in
:data:`FORMATS` are tried; a header that promises more than :data:`MAX_PIXELS`, or keeps a decoder busy for
minutes, is refused before a pixel is decoded; and whatever a broken file makes the decoder raise becomes one
:class:`~salgan.errors.ImageError` in one line.
"""

from salgan.image.arrays import check_order
from salgan.image.colour import one_channel
from salgan.image.decoding import MAX_PIXELS, decode, pillow_kept_quiet, size_of, upright
from salgan.image.kinds import FORMATS, SUFFIXES, VIDEO, kind_of, kind_of_file
from salgan.image.reading import Source, read

__all__ = [
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
