"""Regions of a picture and how much of the attention each of them gets.

>>> from salgan.regions import parse_box, shares
>>> report = shares(saliency, [parse_box("cta:0.6,0.8,0.3,0.1")])  # doctest: +SKIP
>>> report["cta"].share  # of the attention, beside .area of the picture  # doctest: +SKIP
0.083
"""

from salgan.regions.files import parse_box, parse_polygon, read_regions, regions_from
from salgan.regions.focal import FocalPoint, focal_points
from salgan.regions.intervals import VIEWS, Measured, measure
from salgan.regions.picture import draw
from salgan.regions.region import Region, check_names
from salgan.regions.sets import RegionSet, read_region_set
from salgan.regions.shares import SCHEMA, SCHEMA_OF_MANY, RegionShare, Shares, shares

__all__ = [
    "SCHEMA",
    "SCHEMA_OF_MANY",
    "VIEWS",
    "FocalPoint",
    "Measured",
    "Region",
    "RegionSet",
    "RegionShare",
    "Shares",
    "check_names",
    "draw",
    "focal_points",
    "measure",
    "parse_box",
    "parse_polygon",
    "read_region_set",
    "read_regions",
    "regions_from",
    "shares",
]
