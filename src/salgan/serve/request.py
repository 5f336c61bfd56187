"""What a request brings (a picture, regions, crops), and which form of answer it would rather have."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query
from python_multipart.exceptions import MultipartParseError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from salgan._json import parse_json
from salgan._words import did_you_mean
from salgan.crop import Shape, parse_shapes
from salgan.errors import ConfigError
from salgan.regions import VIEWS, Region, check_names, parse_box, parse_polygon, regions_from
from salgan.serve.problems import ProblemError

__all__ = [
    "BODY",
    "MOST_REGIONS",
    "PICTURE_BODY",
    "REGIONS_FIELD",
    "Intervals",
    "Upload",
    "check_parameters",
    "choose",
    "read_form",
    "read_upload",
    "regions_of",
    "wanted_regions",
    "wanted_shapes",
]

PICTURE_TYPES = (
    "image/jpeg", "image/png", "image/webp", "image/tiff", "image/bmp", "image/gif",
)  # fmt: skip
_RAW_TYPES = (*PICTURE_TYPES, "application/pdf", "application/octet-stream")
"""The types that the API's document names. Any other ``image/`` type is taken too: the content decides."""

_FORM_TYPE = "multipart/form-data"
_ACCEPTED = ", ".join((*_RAW_TYPES, _FORM_TYPE))

MOST_REGIONS = 50
"""Regions in one request; what each costs grows with the picture."""

_MOST_CORNERS = 1000
_MOST_FORM_BYTES = 1_000_000

_BINARY = {"schema": {"type": "string", "format": "binary"}}
REGIONS_FIELD: dict[str, Any] = {
    "type": "string",
    "description": "Regions as JSON, in the form of the files that `salgan regions` reads.",
}
"""A form's field ``regions`` in the OpenAPI document."""

_PICTURE = {"type": "string", "format": "binary", "description": "The picture's file."}


def _body(fields: dict[str, Any]) -> dict[str, Any]:
    form = {
        "schema": {"type": "object", "required": ["picture"], "properties": fields},
        "encoding": {"picture": {"contentType": ", ".join(_RAW_TYPES)}},
    }
    return {
        "requestBody": {
            "required": True,
            "description": "A picture, as it is or as a form's file.",
            "content": {**dict.fromkeys(_RAW_TYPES, _BINARY), _FORM_TYPE: form},
        }
    }


BODY = _body({"picture": _PICTURE, "regions": REGIONS_FIELD})
"""The request body in the OpenAPI document: FastAPI cannot describe a body that is a picture or a form."""

Intervals = Annotated[
    bool,
    Query(
        description=f"Predict each picture {VIEWS} times, shifted, scaled and mirrored a little, and say in "
        f"which interval each share lies. It counts as {VIEWS} pictures for the rate limit."
    ),
]

PICTURE_BODY = _body({"picture": _PICTURE})
"""The same where regions mean nothing."""


async def check_parameters(request: Request) -> None:
    """Refuse a query's parameters that a route does not have, which would be ignored in silence otherwise.

    Raises:
        ProblemError: 422, there is one.
    """
    path, known = request.scope["route"].path, _parameters(request)
    for name in request.query_params:
        if name not in known:
            raise ProblemError(422, f"{path} has no parameter {name[:50]!r}; {did_you_mean(name, known)}")


def _parameters(request: Request) -> list[str]:
    return [field.alias for field in request.scope["route"].dependant.query_params]


@dataclass(frozen=True)
class Upload:
    """What a request brought: the picture's file, and the text of the form's ``regions`` field, if any."""

    picture: bytes
    regions: str | None = None


async def read_upload(request: Request) -> Upload:
    """Read the body. It is always data: an address in it is not a picture and is never fetched.

    Raises:
        ProblemError: 400 for a malformed form, 415 for another media type, 422 for a form without a picture.
    """
    media_type = request.headers.get("content-type", _RAW_TYPES[-1]).partition(";")[0].strip().lower()
    if media_type in _RAW_TYPES or media_type.startswith("image/"):
        return Upload(await request.body())
    if media_type != _FORM_TYPE:
        raise ProblemError(
            415,
            f"{media_type or 'a body without a type'} is not a picture; send one as {', '.join(_RAW_TYPES)}, "
            "or in a form (with curl: -F picture=@photo.jpg)",
            headers={"Accept-Post": _ACCEPTED},
        )
    async with read_form(request, most_files=2) as form:
        return await _from_form(form)


@contextlib.asynccontextmanager
async def read_form(request: Request, *, most_files: int) -> AsyncIterator[FormData]:
    """Read a body that is a form, with no other fields than those of the route's OpenAPI document.

    Raises:
        ProblemError: 400 for a malformed form, 415 for another media type, 422 for a field that would be
            ignored.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _FORM_TYPE:
        raise ProblemError(
            415,
            f"{media_type or 'a body without a type'} is no form; send the pictures as {_FORM_TYPE} "
            "(with curl: -F NAME=@photo.jpg)",
            headers={"Accept-Post": _FORM_TYPE},
        )
    # A form's text is bounded by max_part_size, its files by the bounds on the whole body.
    parser = _FormInMemory(
        request.headers,
        request.stream(),
        max_files=most_files,
        max_fields=10,
        max_part_size=_MOST_FORM_BYTES,
    )
    try:
        form = await parser.parse()
    except (MultiPartException, MultipartParseError, KeyError, UnicodeDecodeError) as error:
        reason = getattr(error, "message", None) or "its parts cannot be told apart"
        raise ProblemError(400, f"the form is not well formed: {reason}") from None
    try:
        _check_fields(request, form)
        yield form
    finally:
        await form.close()


def _check_fields(request: Request, form: FormData) -> None:
    route = request.scope["route"]
    known = route.openapi_extra["requestBody"]["content"][_FORM_TYPE]["schema"]["properties"]
    parameters = _parameters(request)
    for name in form:
        if name in parameters:
            raise ProblemError(
                422, f"{route.path} reads {name} from its address, not from the form: ?{name}=..."
            )
        if name not in known:
            raise ProblemError(
                422, f"{route.path} has no form field {name[:50]!r}; {did_you_mean(name, known)}"
            )
        count = len(form.getlist(name))
        if count > 1 and known[name]["type"] != "array":
            raise ProblemError(422, f"the form has {count} fields called {name}, and {route.path} reads one")


class _FormInMemory(MultiPartParser):
    """Parses a form without files on disk, which may be full or read-only; the guard bounds what is held."""

    spool_max_size = 1 << 40


async def _from_form(form: FormData) -> Upload:
    picture = form.get("picture")
    if not isinstance(picture, UploadFile):
        raise ProblemError(422, "the form needs a file called picture; with curl: -F picture=@photo.jpg")
    return Upload(await picture.read(), await regions_of(form))


async def regions_of(form: FormData) -> str | None:
    """The text of a form's field ``regions``, which may be a file; None if there is none.

    Raises:
        ProblemError: 422, it is too long.
    """
    regions = form.get("regions")
    if isinstance(regions, UploadFile):
        if (regions.size or 0) > _MOST_FORM_BYTES:
            raise ProblemError(422, f"regions: more than {_MOST_FORM_BYTES // 1_000_000} MB of JSON")
        return (await regions.read()).decode("utf-8", "replace")
    return regions


def wanted_regions(boxes: list[str], polygons: list[str], form: str | None) -> list[Region]:
    """The regions that a request asks about, from its query and its form.

    Args:
        boxes: each ``NAME:X,Y,WIDTH,HEIGHT``.
        polygons: each ``NAME:X,Y,X,Y,X,Y...``.
        form: JSON, or None.

    Raises:
        ProblemError: 422, not of that form, or too many.
    """
    try:
        regions = [*map(parse_box, boxes), *map(parse_polygon, polygons)]
        if form is not None:
            regions += regions_from(parse_json(form))
        check_names(regions)
    except ConfigError as error:
        raise ProblemError(422, str(error)) from None
    except ValueError as error:
        raise ProblemError(422, f"regions: this is not JSON ({error})") from None
    corners = sum(len(region.corners) for region in regions)
    if len(regions) > MOST_REGIONS or corners > _MOST_CORNERS:
        raise ProblemError(
            422,
            f"at most {MOST_REGIONS} regions, with {_MOST_CORNERS} corners in all, in one request",
        )
    return regions


def wanted_shapes(ratios: list[str], sizes: list[str]) -> list[Shape]:
    """The crops that a request asks for.

    Raises:
        ProblemError: 422, none, or not of that form.
    """
    try:
        return parse_shapes(ratios, sizes)
    except ConfigError as error:
        raise ProblemError(422, str(error)) from None


def choose(accept: str | None, offers: Sequence[str]) -> str | None:
    """The media type to answer with.

    Args:
        accept: the header, or None if there is none, which counts as ``*/*``.
        offers: the media types available; the first of equally welcome ones is chosen.

    Returns:
        One of the offers, or None if the client wants none of them.

    >>> choose("image/*;q=0.5, application/json", ["image/png", "application/json"])
    'application/json'
    """
    ranges = [_parsed(entry) for entry in (accept or "*/*").split(",") if entry.strip()]
    welcome = [(_weight(offer, ranges), -place) for place, offer in enumerate(offers)]
    best, place = max(welcome)
    return offers[-place] if best > 0 else None


def _parsed(entry: str) -> tuple[str, float]:
    media_range, *parameters = (part.strip().lower() for part in entry.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return media_range, min(1.0, max(0.0, float(value)))
            except ValueError:
                return media_range, 0.0
    return media_range, 1.0


def _weight(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    """How welcome an offer is: by the most specific range that names it, 0 if none does."""
    kind = offer.partition("/")[0]
    for media_range in (offer, f"{kind}/*", "*/*"):
        weights = [weight for other, weight in ranges if other == media_range]
        if weights:
            return max(weights)
    return 0.0
