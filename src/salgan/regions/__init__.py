"""Regions of a picture and how much of the attention each of them gets.

>>> from salgan.regions import parse_box, shares
>>> report = shares(saliency, [parse_box("cta:0.6,0.8,0.3,0.1")])  # doctest: +SKIP
>>> report["cta"].share  # of the attention, beside .area of the picture  # doctest: +SKIP
0.083
"""

from salgan.regions.files import parse_box, parse_polygon, read_regions, regions_from
from salgan.regions.focal import FocalPoint, focal_points
from salgan.regions.intervals import VIEWS, Measured, measure
from salgan.regions.picture import draw, draw_suggestions
from salgan.regions.region import Region, check_names
from salgan.regions.sets import RegionSet, read_region_set
from salgan.regions.shares import SCHEMA, SCHEMA_OF_MANY, RegionShare, Shares, shares
from salgan.regions.suggestions import (
    SUGGESTIONS_SCHEMA,
    Suggestion,
    suggest,
    suggested_kinds,
)

__all__ = [
    "SCHEMA",
    "SCHEMA_OF_MANY",
    "SUGGESTIONS_SCHEMA",
    "VIEWS",
    "FocalPoint",
    "Measured",
    "Region",
    "RegionSet",
    "RegionShare",
    "Shares",
    "Suggestion",
    "check_names",
    "draw",
    "draw_suggestions",
    "focal_points",
    "measure",
    "parse_box",
    "parse_polygon",
    "read_region_set",
    "read_regions",
    "regions_from",
    "shares",
    "suggest",
    "suggested_kinds",
]
