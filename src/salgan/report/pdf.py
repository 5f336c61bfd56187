"""The page of a report as a PDF document, laid out by WeasyPrint."""

from __future__ import annotations

import base64
import io
import re

from PIL import Image, ImageFile

from salgan.errors import MissingExtraError, require

__all__ = ["pdf"]

_WEBP = re.compile(r"data:image/webp;base64,([A-Za-z0-9+/=]+)")
_QUALITY = 88


def pdf(page: str) -> bytes:
    """Print a report's page: A4, each picture on a sheet of its own, links between the sheets.

    Nothing is loaded: only what is in the page itself is drawn.

    Args:
        page: what :func:`salgan.report.page` wrote.

    Returns:
        The PDF file.

    Raises:
        MissingExtraError: WeasyPrint (extra ``pdf``), or the Pango library that it draws text with, is not
            installed.
    """
    lenient = ImageFile.LOAD_TRUNCATED_IMAGES
    try:
        weasyprint = require("weasyprint", "pdf")
        urls = require("weasyprint.urls", "pdf")
    except OSError:
        raise MissingExtraError(
            "a PDF needs the library Pango, which no wheel brings; install it (Debian: apt install "
            "libpango-1.0-0 libpangoft2-1.0-0; macOS: brew install pango), or print the page from a browser"
        ) from None
    finally:  # WeasyPrint makes Pillow accept damaged pictures, for everybody
        ImageFile.LOAD_TRUNCATED_IMAGES = lenient
    fetcher = urls.URLFetcher(allowed_protocols=("data",), allow_redirects=False)
    document: bytes = weasyprint.HTML(string=_WEBP.sub(_as_jpeg, page), url_fetcher=fetcher).write_pdf()
    return document


def _as_jpeg(match: re.Match[str]) -> str:
    """A picture of the page as JPEG; PDF knows no WebP, and without loss it would be many times as large."""
    file = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(match[1])), formats=("WEBP",)) as picture:
        picture.convert("RGB").save(file, format="JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")
