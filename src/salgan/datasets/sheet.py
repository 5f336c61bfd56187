"""A contact sheet: a look at a dataset that shows within seconds whether fixations fall where they should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from salgan._files import replacing
from salgan.datasets.stimulus import Dataset, Stimulus
from salgan.errors import DatasetError

__all__ = ["contact_sheet"]

_TILE = 240
_CAPTION = 14
_COLUMNS = 4
_HOT = np.array([255.0, 70.0, 0.0])


def contact_sheet(dataset: Dataset, out: str | Path, n: int = 24, sigma: float | None = None) -> Path:
    """Draw pictures of a dataset, each beside itself with its fixation density over it.

    Args:
        dataset: pictures are taken from all over it, evenly.
        out: the PNG file to write.
        n: how many pictures.
        sigma: width of the Gaussian in pixels. None takes the dataset's own density
            (:meth:`Stimulus.density`) or, where the set says neither what a degree is nor has maps, 0.03 of
            the longer side.

    Returns:
        ``out``.

    Raises:
        DatasetError: n is below 1, or the dataset is empty.
        SalganError: the file cannot be written.
    """
    if n < 1 or not len(dataset):
        raise DatasetError("a contact sheet needs at least one picture")
    chosen = np.unique(np.linspace(0, len(dataset) - 1, n).round().astype(int))
    rows = -(-len(chosen) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * 2 * _TILE, rows * (_TILE + _CAPTION)), "white")
    for place, index in enumerate(chosen):
        row, column = divmod(place, _COLUMNS)
        sheet.paste(_tile(dataset.stimuli[index], sigma), (column * 2 * _TILE, row * (_TILE + _CAPTION)))
    out = Path(out)
    with replacing(out) as part:
        sheet.save(part, format="PNG")
    return out


def _tile(stimulus: Stimulus, sigma: float | None) -> Image.Image:
    tile = Image.new("RGB", (2 * _TILE, _TILE + _CAPTION), "white")
    drawing = ImageDraw.Draw(tile)
    caption = stimulus.name
    try:
        picture = Image.fromarray(stimulus.picture())
        scale = (_TILE - 2) / max(picture.size)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        small = picture.resize(size)
        tile.paste(small, (0, 0))
        heat = Image.fromarray(_density(stimulus, sigma).astype(np.float32)).resize(size)
        strength = np.asarray(heat) / max(float(np.asarray(heat).max()), 1e-30)
        blend = (0.75 * np.sqrt(np.clip(strength, 0, 1)))[..., None]
        shown = np.asarray(small) * (1 - blend) + _HOT * blend
        tile.paste(Image.fromarray(shown.astype(np.uint8)), (_TILE, 0))
        _draw_points(drawing, stimulus, scale)
    except DatasetError as error:
        caption = f"{stimulus.name}: {error}"
    drawing.text((1, _TILE), caption.encode("ascii", "replace").decode()[:80], fill="black")
    return tile


def _density(stimulus: Stimulus, sigma: float | None) -> np.ndarray:
    if sigma is None and stimulus.map_path is None and stimulus.pixels_per_degree is None:
        sigma = 0.03 * max(stimulus.width, stimulus.height)
    return stimulus.density(sigma)


def _draw_points(drawing: ImageDraw.ImageDraw, stimulus: Stimulus, scale: float) -> None:
    """At most 300 fixations as dots on the left picture; mouse traces hold thousands."""
    fixations = stimulus.fixations
    if fixations is None:
        return
    fixations = fixations.inside(stimulus.width, stimulus.height)
    step = max(1, len(fixations) // 300)
    for x, y in zip(fixations.x[::step], fixations.y[::step], strict=True):
        left, top = (x + 0.5) * scale, (y + 0.5) * scale
        drawing.ellipse((left - 1.5, top - 1.5, left + 1.5, top + 1.5), fill=(255, 230, 0))
