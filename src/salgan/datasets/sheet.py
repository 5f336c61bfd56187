"""A contact sheet: a look at a dataset that shows within seconds whether fixations fall where they should."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from salgan._arrays import Array
from salgan._drawing import drawable, font
from salgan._files import replacing
from salgan.datasets.stimulus import Dataset, Stimulus
from salgan.errors import DatasetError
from salgan.render import overlay
from salgan.saliency_map import SaliencyMap

__all__ = ["contact_sheet"]

_TILE = 240
_CAPTION = 14
_COLUMNS = 4
_TITLE = 22
"""Height of a line of the title."""
_SHARE = 0.03
"""Width of the Gaussian as a share of the longer side, where nothing says how wide it should be."""


def contact_sheet(dataset: Dataset, out: str | Path, n: int = 24, sigma: float | None = None) -> Path:
    """Draw pictures of a dataset, each beside itself with its fixation density as an overlay.

    The overlay is that of :func:`salgan.render.overlay`. A title names the set, how many of its pictures are
    shown, and where the density comes from.

    Args:
        dataset: pictures are taken from all over it, evenly.
        out: the PNG file to write.
        n: how many pictures.
        sigma: width of the Gaussian in pixels. None takes the dataset's own density
            (:meth:`Stimulus.density`) or, if the set has no maps and does not say what a degree is, 0.03 of
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
    tiles = [_tile(dataset.stimuli[index], sigma) for index in chosen]
    rows = [tiles[start : start + _COLUMNS] for start in range(0, len(tiles), _COLUMNS)]
    heights = [max(tile.height for tile in row) for row in rows]
    title = _title(dataset, [dataset.stimuli[index] for index in chosen], sigma)
    top = len(title) * _TITLE
    sheet = Image.new("RGB", (len(rows[0]) * 2 * _TILE, top + sum(heights)), "white")
    for number, line in enumerate(title):
        ImageDraw.Draw(sheet).text((4, number * _TITLE + 3), line, fill="black", font=font(14))
    for place, row in enumerate(rows):
        for column, tile in enumerate(row):
            sheet.paste(tile, (column * 2 * _TILE, top + sum(heights[:place])))
    out = Path(out)
    with replacing(out) as part:
        sheet.save(part, format="PNG")
    return out


def _tile(stimulus: Stimulus, sigma: float | None) -> Image.Image:
    """The picture with its fixations, the picture under its density, and the name below."""
    caption = stimulus.name
    height = 0
    tile = Image.new("RGB", (2 * _TILE, _TILE + _CAPTION), "white")
    try:
        picture = Image.fromarray(stimulus.picture())
        scale = (_TILE - 2) / max(picture.size)
        small = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
        height = small.height
        tile.paste(small, (0, 0))
        _draw_points(ImageDraw.Draw(tile), stimulus, scale)
        tile.paste(_overlay(small, _density(stimulus, sigma)), (_TILE, 0))
    except DatasetError as error:  # a broken file is reported where its picture would be
        caption = f"{stimulus.name}: {error}"
    tile = tile.crop((0, 0, tile.width, height + _CAPTION))
    ascii_caption = caption.encode("ascii", "replace").decode()[:80]
    ImageDraw.Draw(tile).text((1, height), ascii_caption, fill="black")
    return tile


def _title(dataset: Dataset, shown: list[Stimulus], sigma: float | None) -> list[str]:
    """The set with the number of pictures, and what the density is."""
    release = f", release {dataset.release}" if dataset.release else ""
    name = drawable(f"{dataset.name}{release}", "dataset")
    kinds: dict[str, None] = {}
    for stimulus in shown:
        # A degree may depend on the picture's size, which a broken file has not.
        with contextlib.suppress(DatasetError):
            kinds[_density_words(stimulus, sigma)] = None
    return [f"{name}: {len(shown)} of {len(dataset):,} pictures", f"density: {'; '.join(kinds) or 'none'}"]


def _density_words(stimulus: Stimulus, sigma: float | None) -> str:
    """Where :func:`_density` takes a stimulus' density from."""
    if sigma is not None:
        return f"fixations, Gaussian of sigma {sigma:g} px"
    per_degree = stimulus.pixels_per_degree
    if stimulus.map_path is not None and (per_degree is None or not stimulus.has_fixations):
        return "published maps"
    if per_degree is None:
        return f"fixations, Gaussian of sigma {_SHARE:.0%} of the longer side"
    return f"fixations, Gaussian of sigma 1 degree ({per_degree:.1f} px)"


def _overlay(picture: Image.Image, density: Array) -> Image.Image:
    heat = np.asarray(Image.fromarray((density / density.max()).astype(np.float32)).resize(picture.size))
    pixels = np.asarray(picture.convert("RGB"))
    return Image.fromarray(overlay(pixels, SaliencyMap(np.clip(heat, 0, 1))))


def _density(stimulus: Stimulus, sigma: float | None) -> Array:
    if sigma is None and stimulus.map_path is None and stimulus.pixels_per_degree is None:
        sigma = _SHARE * max(stimulus.width, stimulus.height)
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
