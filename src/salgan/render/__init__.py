"""Pictures of saliency maps for people: heatmaps and other views, their palettes, contours and legends."""

from salgan.render.contours import CONTOUR_SHARES
from salgan.render.overlay import VIEWS, heat, look, overlay
from salgan.render.palettes import PALETTES, colours, luminance, oklch, palette_for

__all__ = [
    "CONTOUR_SHARES",
    "PALETTES",
    "VIEWS",
    "colours",
    "heat",
    "look",
    "luminance",
    "oklch",
    "overlay",
    "palette_for",
]
