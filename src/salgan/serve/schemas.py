"""The JSON answers, as the OpenAPI document describes them.

The answers themselves are made by the library (:meth:`salgan.regions.Shares.document` and others); the tests
hold the two together.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from salgan.serve.problems import Problem

__all__ = [
    "Batch",
    "Comparison",
    "Crops",
    "Health",
    "Model",
    "Models",
    "Readiness",
    "Report",
    "Responses",
    "problems",
]

Fraction = Annotated[float, Field(ge=0, le=1)]
Interval = Annotated[list[Fraction], Field(min_length=2, max_length=2)]


class FocalPoint(BaseModel):
    """A place that draws the eye."""

    x: Fraction = Field(description="The column, as a fraction of the picture's width.")
    y: Fraction = Field(description="The row, as a fraction of the picture's height.")
    pixel: list[int] = Field(description="Column and row, from 0.", min_length=2, max_length=2)
    value: Fraction = Field(description="Its saliency.")


class Region(BaseModel):
    """A region and what the map says about it."""

    name: str
    box: list[float] | None = Field(default=None, description="x, y, width, height; for a box.")
    polygon: list[list[float]] | None = Field(default=None, description="Corners as x, y; for a polygon.")
    unit: Literal["fraction", "pixel"] = Field(description="The unit of these coordinates.")
    share: Fraction = Field(description="Its share of the attention.")
    interval: Interval | None = Field(
        default=None, description="The lowest and the highest share among the views; only with `intervals`."
    )
    area: Fraction = Field(description="Its share of the picture's area.")
    lift: float | None = Field(description="share / area; null for a region outside the picture.", ge=0)
    mean: Fraction | None = Field(description="The mean saliency inside.")
    peak: Fraction | None = Field(description="The highest saliency of the pixels that it touches.")
    rank: int = Field(description="1 for the region with the greatest share.", ge=1)
    inside: Fraction = Field(description="The part of the region that lies in the picture.")
    focal_points: list[FocalPoint] = Field(description="Where in the region people look most.")


class Rest(BaseModel):
    """What lies outside all regions."""

    share: Fraction
    area: Fraction


class Picture(BaseModel):
    """The size of the picture as it was read, in pixels."""

    width: int
    height: int


class VariantReport(BaseModel):
    """The shares of one picture among several."""

    schema_: Literal["salgan.regions/1"] = Field(alias="schema")
    picture: Picture
    regions: list[Region]
    elsewhere: Rest
    focal_points: list[FocalPoint] = Field(description="Where in the whole picture people look most.")
    noise: Fraction | None = Field(
        default=None, description="How much of the attention moves among the views; only with `intervals`."
    )
    note: str | None = Field(
        default=None, description="How the map was made, if not by one look at the whole picture."
    )


class Report(VariantReport):
    """Where people look in a picture, and how much of it in each region."""

    model: str = Field(description="The model that predicted the map.")


class Focal(BaseModel):
    """The point that a crop should keep."""

    model: str = Field(description="The model that predicted the map.")
    picture: Picture
    x: Fraction = Field(description="From the left, as a fraction of the width.")
    y: Fraction = Field(description="From the top, as a fraction of the height.")


class Suggestion(BaseModel):
    """A region that was found, to accept or to leave."""

    name: str
    box: list[float] = Field(
        description="x, y, width, height in fractions of the picture.", min_length=4, max_length=4
    )
    unit: Literal["fraction"]
    kind: Literal["face", "text", "block"]
    score: Fraction = Field(description="How sure its finder is; kinds cannot be compared.")


class Suggestions(BaseModel):
    """The suggestions in the order of reading."""

    schema_: Literal["salgan.suggestions/1"] = Field(alias="schema")
    picture: Picture
    regions: list[Suggestion]


class Model(BaseModel):
    """What is known of one model."""

    name: str
    loaded: bool = Field(description="Whether it is the one that answers here.")
    description: str = ""
    licence: str = ""
    data: str = Field(default="", description="What it was trained on.")
    sha256: str | None = None
    size: int | None = Field(default=None, description="The size of its file in bytes.")
    scores: dict[str, dict[str, float]] = Field(
        default_factory=dict, description="Its scores by dataset and metric."
    )


class Models(BaseModel):
    """The models by name, and the one that is loaded."""

    models: list[Model]


class Health(BaseModel):
    """Says that the service works."""

    status: Literal["ok"]
    model: str
    version: str


class Readiness(BaseModel):
    """Says that the service takes pictures now."""

    status: Literal["ready"]
    under_way: int = Field(ge=0, description="Pictures that are taken and not yet answered.")


class Window(BaseModel):
    """Whole pixels of the picture."""

    left: int = Field(ge=0)
    top: int = Field(ge=0)
    width: int = Field(ge=1)
    height: int = Field(ge=1)


class CropFocalPoint(FocalPoint):
    """A focal point, also seen from the crop."""

    in_crop: list[Fraction] = Field(
        description="x and y as fractions of the crop.", min_length=2, max_length=2
    )


class Crop(BaseModel):
    """The window of a ratio or size that keeps the most attention."""

    for_: str = Field(alias="for", description="The ratio or size that was asked for.")
    box: Window
    kept: Fraction = Field(description="The share of the picture's attention that it keeps.")
    centre_kept: Fraction = Field(description="What the same window in the picture's centre keeps.")
    focal_point: CropFocalPoint


class Crops(BaseModel):
    """The windows to cut, in the order of the ratios and then the sizes."""

    model: str
    schema_: Literal["salgan.crop/1"] = Field(alias="schema")
    picture: Picture
    crops: list[Crop]


class RegionChange(BaseModel):
    """What a region gets in both variants."""

    name: str
    a: Fraction = Field(description="Its share of the attention in variant A.")
    b: Fraction = Field(description="Its share of the attention in variant B.")
    change: float = Field(ge=-1, le=1, description="b - a.")
    ratio: float | None = Field(ge=0, description="b / a; null if a is 0.")
    interval: list[float] | None = Field(
        default=None, description="The least and the greatest change that both intervals allow.", max_length=2
    )
    differs: bool | None = Field(
        default=None, description="Whether the change is more than noise; only with `intervals`."
    )


class Comparison(BaseModel):
    """How the maps of two variants differ."""

    model: str = Field(description="The model that predicted the maps.")
    schema_: Literal["salgan.ab/1"] = Field(alias="schema")
    cc: float = Field(ge=-1, le=1, description="The correlation of the two maps.")
    moved: Fraction = Field(description="The part of the attention that is in another place.")
    noise: Fraction | None = Field(
        default=None, description="How much moves when one variant alone is shifted, scaled or mirrored."
    )
    differs: bool | None = Field(default=None, description="Whether more has moved than that.")
    emd: float | None = Field(
        ge=0,
        description="How far a unit of attention moves on average, as a part of the picture's longer side; "
        "null where the service has no POT (extra eval).",
    )
    same_size: bool
    regions: list[RegionChange]
    a: VariantReport
    b: VariantReport


class Entry(BaseModel):
    """One picture of a batch: its report, or why there is none."""

    name: str = Field(description="The name of the form's file.")
    report: VariantReport | None = None
    problem: Problem | None = None


class Batch(BaseModel):
    """The pictures in the order in which they were sent."""

    model: str
    schema_: Literal["salgan.batch/1"] = Field(alias="schema")
    pictures: list[Entry]


Responses = dict[int | str, dict[str, Any]]

_REASONS = {
    400: "The request is not well formed.",
    401: "The service asks for a token that the request does not bring.",
    404: "The service has no detectors: the extra suggest is not installed there.",
    403: "The request comes from another website's page.",
    408: "The body arrived too slowly.",
    413: "Too many bytes, or too many pixels.",
    415: "The body is of a type that is not a picture.",
    421: "The request calls this service by a name that is not its own.",
    422: "The body is not a picture or is damaged, or a parameter makes no sense.",
    429: "This client sends more pictures than it may; Retry-After says when to come back.",
    500: "A bug in the service.",
    503: "Too many pictures are waiting; Retry-After says when to come back.",
    504: "The picture took too long.",
}


def problems(*statuses: int) -> Responses:
    """The problem documents that a route may answer with."""
    return {status: {"model": Problem, "description": _REASONS[status]} for status in statuses}
