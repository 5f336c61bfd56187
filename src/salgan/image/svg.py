"""What an SVG file says of its size, and whether it keeps to itself."""

from __future__ import annotations

import re
from xml.parsers import expat

from salgan.errors import ImageError

__all__ = ["size_of_svg"]

_UNITS = {"": 1.0, "px": 1.0, "pt": 96 / 72, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4}
_LENGTH = re.compile(r"\s*\+?(\d*\.?\d+(?:[eE][-+]?\d+)?)\s*([a-z]*)\s*")
_NUMBERS = re.compile(r"[\s,]+")
_DEFAULT = 300.0, 150.0
_LARGEST = 1e7
_LOADS = frozenset({"image", "feImage"})
"""The elements whose pictures the renderer would read, from any path of this machine."""

_MOST_ENTITY = 1_000
_MOST_TEXT = 100_000_000
"""Letters after entities were put in; a real drawing has as many as its file."""


def size_of_svg(content: bytes) -> tuple[str, float, float]:
    """Check an SVG file.

    Args:
        content: the whole file.

    Returns:
        Its text, as it has to be given to the renderer; width and height in pixels: those that it states, or
        else those of its view box.

    Raises:
        ImageError: it is not well-formed UTF-8 or UTF-16, has entities that multiply, or shows another file.
    """
    text = _text(content)
    found = _Checked()
    # Parser and renderer get the same text, so that they cannot see different things in it.
    try:
        found.parser.Parse(text.encode("utf-8", "surrogatepass"), True)
    except expat.ExpatError as error:
        raise ImageError(f"is damaged or cut off ({error})") from None
    if found.root is None:
        raise ImageError("is damaged or cut off (it has no svg element)")
    return text, *_size(found.root)


def _text(content: bytes) -> str:
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise ImageError("is not UTF-8; save it as UTF-8") from None


class _Checked:
    def __init__(self) -> None:
        self.root: dict[str, str] | None = None
        self.parser = expat.ParserCreate("utf-8")
        self.parser.StartElementHandler = self._element
        self.parser.CharacterDataHandler = self._count
        self.parser.EntityDeclHandler = self._entity
        self._letters = 0

    def _element(self, name: str, attributes: dict[str, str]) -> None:
        if self.root is None:
            if name.rpartition(":")[2] != "svg":
                raise ImageError("is damaged or cut off (it has no svg element)")
            self.root = attributes
        self._count("".join(attributes.values()))
        if name.rpartition(":")[2] not in _LOADS:
            return
        for key, value in attributes.items():
            if key.rpartition(":")[2] == "href" and not value.strip().startswith(("#", "data:")):
                raise ImageError(f"shows another file ({value[:80]!r}), which is not read; embed it")

    def _entity(self, name: str, _: bool, value: str | None, *__: object) -> None:
        if value is None or "&" in value or "%" in value or len(value) > _MOST_ENTITY:
            raise ImageError(
                f"has an entity ({name[:40]!r}) that multiplies or lies elsewhere; save it without"
            )

    def _count(self, text: str) -> None:
        self._letters += len(text)
        if self._letters > _MOST_TEXT:
            raise ImageError("has entities that multiply; save it without")


def _size(root: dict[str, str]) -> tuple[float, float]:
    try:
        box = [float(number) for number in _NUMBERS.split(root.get("viewBox", "").strip())]
    except ValueError:
        box = []
    of_box = (box[2], box[3]) if len(box) == 4 and box[2] > 0 and box[3] > 0 else None
    width, height = _pixels(root.get("width")), _pixels(root.get("height"))
    if of_box is not None:
        if width is None:
            width = height * of_box[0] / of_box[1] if height is not None else of_box[0]
        if height is None:
            height = width * of_box[1] / of_box[0]
    width, height = width or _DEFAULT[0], height or _DEFAULT[1]
    if not (1e-3 <= width <= _LARGEST and 1e-3 <= height <= _LARGEST):
        raise ImageError(f"has a size that cannot be drawn ({width:g}×{height:g})")
    return width, height


def _pixels(length: str | None) -> float | None:
    """A length in pixels; None for one that depends on where the drawing is put, such as 100%."""
    match = _LENGTH.fullmatch(length or "")
    if match is None or match[2] not in _UNITS:
        return None
    return float(match[1]) * _UNITS[match[2]] or None
