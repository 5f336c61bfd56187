"""Two designs side by side: what each region gains or loses, and where attention moved.

>>> from salgan.ab import contrast
>>> result = contrast(salgan.predict("a.png"), salgan.predict("b.png"), regions)  # doctest: +SKIP
>>> result.moved, result.regions[0].change  # doctest: +SKIP
(0.21, 0.034)
"""

from salgan.ab.difference import SCHEMA, Contrast, RegionChange, contrast
from salgan.ab.picture import diverging, draw, draw_difference

__all__ = ["SCHEMA", "Contrast", "RegionChange", "contrast", "diverging", "draw", "draw_difference"]
