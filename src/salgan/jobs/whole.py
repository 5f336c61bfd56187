"""Whether a result that is there is a whole file: a crashed machine may leave it empty or cut off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from salgan.image import pillow_kept_quiet

__all__ = ["is_whole"]

_PNG_END = b"IEND\xaeB`\x82"


def is_whole(path: Path) -> bool:
    """Whether a result exists and opens. Only its header and its end are checked, not all of it."""
    try:
        if not path.is_file() or not path.stat().st_size:
            return False
        return _OPENS.get(path.suffix, _has_lines)(path)
    except MemoryError:
        raise
    except Exception:  # a damaged head is parsed as Python by NumPy, and makes Pillow raise nearly anything
        return False


def _opens_as_array(path: Path) -> bool:
    np.load(path, mmap_mode="r", allow_pickle=False)  # compares the file's size with its head
    return True


def _opens_as_picture(path: Path) -> bool:
    with pillow_kept_quiet(), Image.open(path, formats=["PNG", "TIFF", "JPEG", "WEBP"]) as picture:
        kind = picture.format
    if kind == "TIFF":
        return True
    with path.open("rb") as file:
        if kind == "WEBP":  # its head says how long the file is
            return path.stat().st_size >= int.from_bytes(file.read(8)[4:], "little") + 8
        if kind == "JPEG":
            file.seek(-2, 2)
            return file.read() == b"\xff\xd9"
        file.seek(-len(_PNG_END), 2)
        return file.read() == _PNG_END


def _opens_as_video(path: Path) -> bool:
    from salgan.errors import VideoError
    from salgan.video import Video

    try:
        with Video(path):
            return True
    except VideoError:
        return False


def _has_lines(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read() == b"\n"


_OPENS = {
    ".npy": _opens_as_array,
    ".png": _opens_as_picture,
    ".jpg": _opens_as_picture,
    ".webp": _opens_as_picture,
    ".tiff": _opens_as_picture,
    ".mp4": _opens_as_video,
}
