"""Two variants of a design: what each region gains or loses, and where attention moved.

>>> from salgan.ab import compare_variants
>>> result = compare_variants(salgan.predict("a.png"), salgan.predict("b.png"), regions)  # doctest: +SKIP
>>> result.moved, result.regions[0].change  # doctest: +SKIP
(0.21, 0.034)
"""

from salgan.ab.difference import SCHEMA, RegionChange, VariantComparison, compare_variants
from salgan.ab.picture import diverging, draw, draw_difference

__all__ = [
    "SCHEMA",
    "RegionChange",
    "VariantComparison",
    "compare_variants",
    "diverging",
    "draw",
    "draw_difference",
]
