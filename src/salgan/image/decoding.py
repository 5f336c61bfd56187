"""A file's first frame in memory, as it is stored, with bounds on how large a file may become."""

from __future__ import annotations

import contextlib
import io
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from salgan.errors import ImageError, ImageTooLargeError, MissingExtraError, NotEnoughMemoryError, require
from salgan.image import repair, tiff, vector
from salgan.image.kinds import FORMATS, HEAD, VIDEO, kind_of

__all__ = [
    "MAX_PIXELS",
    "check_size",
    "decode",
    "pillow_kept_quiet",
    "reason",
    "size_of",
    "turn_of",
    "upright",
]

MAX_PIXELS = 100_000_000
"""Pictures with more pixels than this are refused, before they are decoded."""

_MOST_BYTES = 1 << 30
"""A stream has no size that could be checked first, so reading one stops here."""

_ORIENTATION_TAG = 0x0112
_PSD_VERSION = 1057
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_switch = threading.Lock()
_readers, _told = 0, False
"""Pictures that are being read now, and what Pillow's switch was before the first of them."""
_KNOWN = "JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF, HEIC, PSD, SVG, PDF"


def decode(source: Any, *, max_pixels: int = MAX_PIXELS) -> tuple[Image.Image, str]:
    """Decode a file's first frame into memory, as it is stored (neither rotated nor converted).

    Args:
        source: a file's path, its bytes, or a file object.
        max_pixels: how many pixels it may have, at most :data:`MAX_PIXELS`.

    Returns:
        The loaded Pillow image, and the name to call it in a message.

    Raises:
        ImageError: the file is missing, empty, not a picture, or damaged.
        ImageTooLargeError: it has too many pixels.
        MissingExtraError: it is HEIC, and the extra that reads it is not installed.
        NotEnoughMemoryError: this machine cannot hold the picture.
    """
    with _opened(source) as (file, name):
        return _decode(file, name, max_pixels), name


def size_of(path: Path, *, turned: bool = True) -> tuple[int, int]:
    """Width and height from a picture's header, without decoding it.

    Args:
        path: the file.
        turned: whether to exchange them where the EXIF orientation says so. (A TIFF is always turned.)

    Raises:
        ImageError: the file is missing, not a picture, or has a damaged header.
    """
    with _opened(path) as (file, name), pillow_kept_quiet():
        kind = _kind(file, name)
        with _as_image_error(name), _open(file, kind) as image:
            width, height = image.size
            if kind == "TIFF":  # turned by Pillow itself, before or after this moment
                tags: Any = getattr(image, "tag_v2", {})
                width, height = tags[256], tags[257]
            if turned and kind == "PNG" and repair.has_text_behind_pixels(file):
                image.load()
            sideways = (turned or kind == "TIFF") and _orientation(image) in (5, 6, 7, 8)
    return (height, width) if sideways else (width, height)


def upright(image: Image.Image) -> Image.Image:
    """Turn a decoded picture as its EXIF orientation says, as :func:`salgan.image.read` does."""
    turn = turn_of(image)
    return image if turn is None else image.transpose(turn)


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """How a picture has to be turned to stand upright; None if it already does."""
    return _UPRIGHT.get(_orientation(image))


def check_size(size: tuple[int, int], name: str, max_pixels: int = MAX_PIXELS) -> None:
    """Refuse a picture without pixels, or with more than are allowed.

    Raises:
        ImageError: width or height is below 1.
        ImageTooLargeError: it has too many pixels.
    """
    width, height = size
    if width < 1 or height < 1:
        raise ImageError(f"{name}: has no pixels ({width}×{height})")
    if width * height > min(max_pixels, MAX_PIXELS):
        raise _too_large(name, f"{width}×{height}", max_pixels)


@contextlib.contextmanager
def _opened(source: Any) -> Iterator[tuple[BinaryIO, str]]:
    """A file that can be read from its beginning, and the name to call it in a message."""
    if isinstance(source, bytes | bytearray | memoryview):
        yield io.BytesIO(source), "picture"
        return
    if hasattr(source, "read"):
        yield io.BytesIO(_all_of(source)), "picture"
        return
    try:
        path = Path(source)
    except TypeError:
        raise ImageError(
            "a picture is a path, bytes, a file object, a Pillow image, a NumPy array or a PyTorch tensor, "
            f"not {type(source).__name__}"
        ) from None
    try:
        if path.is_dir():
            raise ImageError(f"{path}: is a folder, not a picture")
        if path.exists() and not path.is_file():
            raise ImageError(f"{path}: is not a regular file; pass its bytes instead")
        file = path.open("rb")
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ImageError(f"{path}: cannot be opened ({why})") from None
    with file:
        yield file, str(path)


def _all_of(stream: Any) -> bytes:
    try:
        content = _some_of(stream, HEAD)
        # What is not a picture may have no end.
        if kind_of(bytes(content)) in FORMATS:
            content += _some_of(stream, _MOST_BYTES + 1)
    except (OSError, ValueError, TypeError) as error:
        raise ImageError(f"picture: the file object cannot be read ({reason(error)})") from None
    if len(content) > _MOST_BYTES:
        raise ImageTooLargeError(f"picture: the file object gives more than {_MOST_BYTES >> 20} MB")
    return bytes(content)


def _some_of(stream: Any, most: int) -> bytearray:
    """The next bytes of a stream, fewer than ``most`` only at its end."""
    content = bytearray()
    while len(content) < most and (part := stream.read(most - len(content))):
        if not isinstance(part, bytes | bytearray):
            raise ImageError("picture: the file object gives text; open it for bytes, with mode 'rb'")
        content += part
    return content


def _decode(file: BinaryIO, name: str, max_pixels: int) -> Image.Image:
    kind = _kind(file, name)
    with pillow_kept_quiet():
        if kind == "JPEG":
            return _decode_jpeg(file, name, max_pixels)
        if kind == "TIFF":
            return _decode_tiff(file, name, max_pixels)
        try:
            return _loaded(file, kind, name, max_pixels)
        except ImageError as error:
            if kind != "PNG" or "MAX_TEXT" not in str(error):
                raise
        # The pixels are sound; a long text or profile is not needed to see them.
        file.seek(0)
        return _loaded(io.BytesIO(repair.without_text(file.read())), kind, name, max_pixels)


def _kind(file: BinaryIO, name: str) -> str:
    """What the file is, one of FORMATS; the file then stands at its beginning."""
    try:
        head = file.read(HEAD)
        file.seek(0)
    except OSError as error:
        raise ImageError(f"{name}: cannot be read ({error.strerror or error})") from None
    if not head:
        raise ImageError(f"{name}: is empty")
    kind = kind_of(head)
    if kind in FORMATS:
        return kind
    if kind is None:
        raise ImageError(f"{name}: is not a picture in a known format ({_KNOWN}), or is cut off")
    what = "a video" if kind == VIDEO else f"a {kind}"
    raise ImageError(f"{name}: is not a picture but {what}; what is read is {_KNOWN}")


def _loaded(file: BinaryIO, kind: str, name: str, max_pixels: int) -> Image.Image:
    with _as_image_error(name, max_pixels):
        image = _open(file, kind, max_pixels)
        check_size(image.size, name, max_pixels)
        with _whole():
            image.load()
    return image


@contextlib.contextmanager
def _whole() -> Iterator[None]:
    """Inside the block, a picture that is cut off is an error, whatever another library told Pillow.

    Pillow's switch is one for the whole process, and WeasyPrint for one turns it when it is imported.
    """
    global _readers, _told
    with _switch:
        if _readers == 0:
            _told, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
        _readers += 1
    try:
        yield
    finally:
        with _switch:
            _readers -= 1
            if _readers == 0:
                ImageFile.LOAD_TRUNCATED_IMAGES = _told


def _open(file: BinaryIO, kind: str, max_pixels: int = MAX_PIXELS) -> Image.Image:
    if kind in vector.KINDS:
        return vector.draw(file.read(), kind, min(max_pixels, MAX_PIXELS))
    if kind == "HEIC":
        require("pillow_heif", "heif")
        from pillow_heif.as_plugin import HeifImageFile

        # It is not registered with Pillow: that would change what Image.open does for everybody else.
        picture: Image.Image = HeifImageFile(file)  # type: ignore[no-untyped-call]
        return picture
    if kind == "AVIF":
        try:
            from PIL import AvifImagePlugin
        except ImportError:
            AvifImagePlugin = None  # type: ignore[assignment]
        if AvifImagePlugin is None or not AvifImagePlugin.SUPPORTED:
            raise ImageError("AVIF needs Pillow 11.3 or newer; run: pip install -U pillow")
    image = Image.open(file, formats=(kind,))
    if kind == "PSD" and _lacks_merged_picture(image):
        raise ImageError(
            "was saved without its merged picture; save it with maximised compatibility, or as PNG"
        )
    return image


def _lacks_merged_picture(image: Image.Image) -> bool:
    """Whether a PSD says so in its version's block; what stands in the picture's place is then all white."""
    blocks: dict[int, bytes] = {number: data for number, _, data in getattr(image, "resources", [])}
    return blocks.get(_PSD_VERSION, b"")[4:5] == b"\x00"


@contextlib.contextmanager
def _as_image_error(name: str, max_pixels: int = MAX_PIXELS) -> Iterator[None]:
    """Whatever a hostile file makes a decoder raise becomes one line."""
    try:
        yield
    except MissingExtraError as error:
        raise MissingExtraError(f"{name}: {error}") from None
    except ImageError as error:
        message = str(error)
        raise type(error)(message if message.startswith(name) else f"{name}: {message}") from None
    except UnidentifiedImageError:
        raise ImageError(f"{name}: is damaged or cut off (its header cannot be read)") from None
    except Image.DecompressionBombError:
        raise _too_large(name, "its header says so", max_pixels) from None
    except MemoryError:
        raise NotEnoughMemoryError(f"{name}: there is not enough memory to decode it") from None
    except Exception as error:  # Pillow's plugins raise nearly anything
        raise ImageError(f"{name}: is damaged or cut off ({reason(error)})") from None


def _decode_jpeg(file: BinaryIO, name: str, max_pixels: int) -> Image.Image:
    content = file.read()
    wrong = repair.check_scans(content)
    if wrong is not None:
        raise ImageTooLargeError(f"{name}: would take minutes to decode ({wrong}); save it again")
    try:
        return _loaded(io.BytesIO(content), "JPEG", name, max_pixels)
    except ImageTooLargeError:
        raise
    except ImageError:
        if content.rstrip(b"\x00").endswith(repair.END_OF_JPEG):
            raise
        # Some cameras leave out the mark at the end. If the pixels do not depend on what might have stood
        # there, nothing else is missing. (Half a mark must not turn the filling into another mark.)
        content = content.rstrip(b"\xff")
        without = _tolerantly(content + repair.END_OF_JPEG, name, max_pixels)
        filled = _tolerantly(content + repair.FILLING + repair.END_OF_JPEG, name, max_pixels)
        if without is None or filled is None or without.tobytes() != filled.tobytes():
            raise
        return without


def _tolerantly(content: bytes, name: str, max_pixels: int) -> Image.Image | None:
    try:
        return _loaded(io.BytesIO(content), "JPEG", name, max_pixels)
    except ImageError:
        return None


def _decode_tiff(file: BinaryIO, name: str, max_pixels: int) -> Image.Image:
    content = file.read()
    header = tiff.read_header(content)
    if header.is_preview:
        raise ImageError(
            f"{name}: its first picture is a small preview, as in raw photographs; save it as JPEG or PNG"
        )
    if header.huge_tile is not None:
        wide, high = header.huge_tile
        raise ImageTooLargeError(f"{name}: its tiles are far larger than the picture ({wide}×{high})")
    if not header.is_grey_with_white_as_0:
        return _loaded(io.BytesIO(content), "TIFF", name, max_pixels)
    falling = _loaded(io.BytesIO(tiff.with_black_as_0(content, header)), "TIFF", name, max_pixels)
    values = np.asarray(falling).astype(np.uint16)
    white = np.uint16((1 << header.bits) - 1)
    # Scaled to all 16 bits, because what is made of an array no longer knows how many it had.
    rising = Image.fromarray((white - np.minimum(values, white)) << np.uint16(16 - header.bits))
    rising.format, rising.info = falling.format, falling.info
    return rising


def _too_large(name: str, why: str, max_pixels: int) -> ImageTooLargeError:
    limit = min(max_pixels, MAX_PIXELS) / 1e6
    return ImageTooLargeError(f"{name}: has more than {limit:g} megapixels ({why}); scale it down first")


def _orientation(image: Image.Image) -> int:
    # Broken EXIF does not make a good picture bad. (That of a TIFF was applied, and removed, by load.)
    try:
        # A PNG's own method decodes all pixels first, to look for EXIF behind them.
        return int(Image.Image.getexif(image).get(_ORIENTATION_TAG, 1))
    except MemoryError:
        raise
    except Exception:  # whatever a hostile EXIF provokes in its parser
        return 1


def reason(error: Exception) -> str:
    """An error of a decoder in one line."""
    return " ".join(str(error).split()) or type(error).__name__


_quiet_lock = threading.Lock()
_quiet_depth = 0
_quiet_filters = contextlib.ExitStack()


@contextlib.contextmanager
def pillow_kept_quiet() -> Iterator[None]:
    """Silence Pillow about odd metadata and pictures above 89 megapixels; both are dealt with here.

    Any number of threads may be inside at once.
    """
    # Warning filters belong to the whole process, so threads that read at once share one change of
    # them: the first one in makes it, the last one out takes it back.
    global _quiet_depth
    with _quiet_lock:
        if _quiet_depth == 0:
            _quiet_filters.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", module=r"PIL\.")
        _quiet_depth += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_depth -= 1
            if _quiet_depth == 0:
                _quiet_filters.close()
