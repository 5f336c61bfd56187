"""A made-up dataset for tests and for trying things out, in which it is known what attracts gaze.

Pictures hold coloured shapes and face-like blobs on a soft background; the density from which several
viewers' fixations are drawn puts a Gaussian on each, three times as heavy on a face, over a weak centre bias.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from salgan._arrays import Floats
from salgan.errors import DatasetError

__all__ = ["synthetic"]

_SIZES = ((256, 192), (192, 256), (320, 200))
_VIEWERS = 8
_FACE_WEIGHT = 3.0

_Floats = Floats


def synthetic(path: str | Path, n: int = 20, seed: int = 0) -> Path:
    """Write a synthetic dataset in the ``folder`` layout; the same ``n`` and ``seed`` give the same files.

    Args:
        path: the folder to make; it must not exist, or be empty.
        n: number of pictures, at least 1.
        seed: not negative.

    Returns:
        ``path``, with ``images/*.png``, ``maps/*.png`` (the true density, 16 bit) and ``fixations/*.csv``.

    Raises:
        DatasetError: the folder holds something, cannot be written, or n or seed are out of range.
    """
    target = Path(path)
    if n < 1 or seed < 0:
        raise DatasetError(
            f"a synthetic set needs n of at least 1 and a seed of at least 0, not {n} and {seed}"
        )
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise DatasetError(f"{target}: holds something already; name a new folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        # It is made beside its place and moved there whole, so a killed run leaves no partial dataset.
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            for folder in ("images", "maps", "fixations"):
                (draft / folder).mkdir()
            for index in range(n):
                _write(
                    draft, f"{index:04d}", _SIZES[index % len(_SIZES)], np.random.default_rng([seed, index])
                )
            draft.chmod(0o755)
            with contextlib.suppress(FileNotFoundError):
                target.rmdir()
            draft.rename(target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise DatasetError(f"{target}: cannot be written ({error.strerror or error})") from None
    return target


def _write(root: Path, name: str, size: tuple[int, int], rng: np.random.Generator) -> None:
    width, height = size
    picture = _background(size, rng)
    drawing = ImageDraw.Draw(picture)
    density = 0.3 * _bump(size, (width / 2, height / 2), 0.25 * min(size)) + 1e-4
    for number in range(int(rng.integers(2, 5))):
        radius = float(rng.uniform(0.07, 0.13)) * min(size)
        centre = (float(rng.uniform(radius, width - radius)), float(rng.uniform(radius, height - radius)))
        face = number == 0 or rng.random() < 0.3
        (_draw_face if face else _draw_shape)(drawing, centre, radius, rng)
        density += (_FACE_WEIGHT if face else 1.0) * _bump(size, centre, 0.6 * radius)
    picture.save(root / "images" / f"{name}.png")
    scaled = np.round(density / density.max() * 65535).astype(np.uint16)
    Image.fromarray(scaled).save(root / "maps" / f"{name}.png")
    (root / "fixations" / f"{name}.csv").write_text(_fixations(density, rng), encoding="utf-8", newline="\n")


def _background(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    coarse = rng.integers(90, 166, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def _bump(size: tuple[int, int], centre: tuple[float, float], sigma: float) -> _Floats:
    """A Gaussian of mass 1 (were the picture endless), (height, width)."""
    x, y = np.arange(size[0])[None, :], np.arange(size[1])[:, None]
    squared = (x - centre[0]) ** 2 + (y - centre[1]) ** 2
    return np.asarray(np.exp(-squared / (2 * sigma**2)) / (2 * np.pi * sigma**2))


def _draw_face(
    drawing: ImageDraw.ImageDraw, centre: tuple[float, float], radius: float, rng: np.random.Generator
) -> None:
    x, y = centre
    skin = (int(rng.integers(190, 240)), int(rng.integers(140, 190)), int(rng.integers(110, 150)))
    drawing.ellipse((x - 0.8 * radius, y - radius, x + 0.8 * radius, y + radius), fill=skin)
    for eye in (x - 0.3 * radius, x + 0.3 * radius):
        drawing.ellipse(
            (eye - 0.13 * radius, y - 0.4 * radius, eye + 0.13 * radius, y - 0.14 * radius), fill="black"
        )
    drawing.arc(
        (x - 0.4 * radius, y, x + 0.4 * radius, y + 0.6 * radius), 20, 160, fill=(150, 30, 30), width=2
    )


def _draw_shape(
    drawing: ImageDraw.ImageDraw, centre: tuple[float, float], radius: float, rng: np.random.Generator
) -> None:
    colour = tuple(int(v) for v in rng.permutation([230, int(rng.integers(0, 120)), 40]))
    drawing.regular_polygon((*centre, radius), int(rng.integers(3, 7)), int(rng.integers(0, 90)), fill=colour)


def _fixations(density: _Floats, rng: np.random.Generator) -> str:
    """The table of all viewers' fixations, each in a pixel drawn from the density, anywhere within it."""
    counts = rng.integers(5, 11, _VIEWERS)
    total = int(counts.sum())
    pixel = rng.choice(density.size, total, p=density.reshape(-1) / density.sum())
    row, column = np.divmod(pixel, density.shape[1])
    x, y = column + rng.uniform(-0.49, 0.49, total), row + rng.uniform(-0.49, 0.49, total)
    viewer = np.repeat(np.arange(_VIEWERS), counts)
    duration = np.round(rng.lognormal(np.log(250), 0.4, total))
    lines = [f"{a:.2f},{b:.2f},{v},{d:.0f}" for a, b, v, d in zip(x, y, viewer, duration, strict=True)]
    return "\n".join(["x,y,viewer,duration", *lines]) + "\n"
