"""Conversion from whatever colours a decoded picture has to 8-bit sRGB."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from salgan._arrays import Array, Picture
from salgan.errors import ImageError

__all__ = ["ACCEPTED", "one_channel", "to_8_bit", "to_rgb"]

_MOST_COLOUR = 12.0
"""The mean difference between channels, of 255, up to which a picture counts as grey: JPEG tints a little."""

ACCEPTED = (
    "an array must be (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), of uint8, uint16, bool, or float in [0, 1]"
)
"""Which arrays are pictures; the beginning of each refusal."""

_MOST_PROFILE = 8_000_000
_PROFILED_MODES = ("RGB", "RGBA", "CMYK", "L")


def to_rgb(image: Image.Image, background: tuple[int, int, int] = (255, 255, 255)) -> Image.Image:
    """Convert a decoded picture to 8-bit sRGB, transparency laid over a background.

    Colours of another profile (Display P3 of phones, Adobe RGB of cameras, CMYK of print) become those of
    sRGB. A profile that cannot be read is ignored, as viewers do.

    Raises:
        ImageError: the values have no agreed white (32-bit integers), or floats lie outside [0, 1].
    """
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        # Pillow's own conversion clips at 255. It reads a 12-bit TIFF into the same mode.
        bits = 12 if _bits_per_sample(image) == 12 else 16
        return Image.fromarray((np.asarray(image) >> (bits - 8)).astype(np.uint8)).convert("RGB")
    if image.mode == "I":
        raise ImageError("32-bit integers have no agreed white; convert it to 8 or 16 bits first")
    if image.mode == "F":
        return Image.fromarray(to_8_bit(np.asarray(image))).convert("RGB")
    image = _with_srgb_colours(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        page = Image.new("RGB", image.size, background)
        page.paste(image, mask=image.getchannel("A"))
        return page
    return image if image.mode == "RGB" else image.convert("RGB")


def one_channel(image: Image.Image, *, luma: bool = False) -> Array:
    """A decoded grey picture's values as they are stored, (H, W).

    Args:
        image: what :func:`salgan.image.decode` gave: 1, 8, 16 or 32 bits, float, or RGB that is grey.
        luma: take the luma of a coloured picture, for a caller that says so to the user.

    Raises:
        ImageError: it has colours, and luma was not asked for. Those of a heatmap do not rise with what they
            stand for.
    """
    if image.mode in ("1", "L", "F") or image.mode.startswith("I"):
        return np.asarray(image)
    small = np.asarray(image.convert("RGB").resize((64, 64), Image.Resampling.BOX), dtype=np.float32)
    if not luma and float((small.max(axis=2) - small.min(axis=2)).mean()) > _MOST_COLOUR:
        raise ImageError("has colours, like a heatmap for looking; a map is grey: save its values")
    return np.asarray(image.convert("L"))


def to_8_bit(array: Array) -> Picture:
    """The same array in 0..255; one of uint8 is not copied.

    Raises:
        ImageError: its type is not uint8, uint16, bool or float, or its floats leave [0, 1].
    """
    kind = array.dtype
    if kind == np.uint8:
        return array
    if kind == np.uint16:
        return np.asarray(array >> 8, dtype=np.uint8)
    if kind == np.bool_:
        return np.asarray(array, dtype=np.uint8) * np.uint8(255)
    if not np.issubdtype(kind, np.floating):
        raise ImageError(f"{ACCEPTED}; this one is {kind}")
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 1):  # also refuses NaN, which either of them then is
        hint = "; divide it by 255" if low >= 0 and 1 < high <= 255 else ""
        raise ImageError(f"{ACCEPTED}; this one runs from {low:g} to {high:g}{hint}")
    return np.rint(array * np.float32(255)).astype(np.uint8)


def _with_srgb_colours(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not 128 <= len(profile) <= _MOST_PROFILE:
        return image
    if image.mode == "P":  # a palette is looked up before its colours can be converted
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode not in _PROFILED_MODES:
        return image
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return image
        wanted = "RGBA" if image.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode=wanted
        )
    except (ImageCms.PyCMSError, ValueError, OSError, TypeError):
        return image
    if converted is None:
        return image
    if image.mode != "RGBA" and image.has_transparency_data:  # one colour is transparent: it must stay so
        converted.putalpha(image.convert("RGBA").getchannel("A"))
    return converted


def _bits_per_sample(image: Image.Image) -> int | None:
    bits = getattr(image, "tag_v2", {}).get(258)
    return bits[0] if isinstance(bits, tuple) and bits else None
