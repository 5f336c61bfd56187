"""Two or more variants of a design: what each region gains or loses, and where attention moved.

>>> from salgan.ab import compare_variants
>>> result = compare_variants(salgan.predict("a.png"), salgan.predict("b.png"), regions)  # doctest: +SKIP
>>> result.moved, result.regions[0].change  # doctest: +SKIP
(0.21, 0.034)
"""

from salgan.ab.difference import (
    SCHEMA,
    SCHEMA_OF_MANY,
    RegionChange,
    VariantComparison,
    compare_measured,
    compare_variants,
    most_in,
)
from salgan.ab.picture import difference_look, diverging, draw, draw_difference, draw_variants

__all__ = [
    "SCHEMA",
    "SCHEMA_OF_MANY",
    "RegionChange",
    "VariantComparison",
    "compare_measured",
    "compare_variants",
    "difference_look",
    "diverging",
    "draw",
    "draw_difference",
    "draw_variants",
    "most_in",
]
