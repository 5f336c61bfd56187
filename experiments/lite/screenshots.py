"""What a browser shows of the pages of free templates: drawn pictures that may be learnt from.

    python experiments/lite/screenshots.py OUT [--browser chromium]

npm fetches 32 packages of Start Bootstrap (MIT), and a browser opens each of their pages at 1280 columns.
What it shows is cut into screens of 800 rows. Those with something in a quarter of their 8 × 8 places become
OUT/PAGE-0.png and so on; docs/models/lite.md says what was learnt from them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from salgan._arrays import Picture
from salgan._drawing import save_png
from salgan._files import make_folder
from salgan.errors import SalganError
from salgan.image import read

PACKAGES = """
3-col-portfolio@4.1.1 agency@7.0.12 blog-home@5.0.9 blog-post@5.0.9 business-casual@7.0.9
business-frontpage@5.0.9 clean-blog@6.0.9 coming-soon@6.0.7 creative@7.0.7 freelancer@7.0.7 full-slider@4.1.1
full-width-pics@5.0.6 grayscale@7.0.6 half-slider@4.1.1 heroic-features@5.0.6 landing-page@6.0.6
modern-business@5.0.7 new-age@6.0.7 one-page-wonder@6.0.6 portfolio-item@4.1.1 resume@7.0.6 round-about@4.1.1
sb-admin-2@4.1.4 sb-admin@7.0.7 scrolling-nav@5.0.6 shop-homepage@5.0.6 shop-item@5.0.6 simple-sidebar@6.0.6
small-business@5.0.6 stylish-portfolio@6.0.6 the-big-picture@5.0.6 thumbnail-gallery@4.1.1
"""
COLUMNS, ROWS, SCREENS = 1280, 800, 3
PLACES = 8
BUSY = 0.25
"""A screen is kept if so many of its places hold an edge."""
EDGE = 24
"""From this difference in luminance between neighbouring pixels on, of 255."""
PATIENCE_S = 60


def pages(package: str, folder: Path) -> Iterator[Path]:
    """The pages of a package that npm fetches into a folder."""
    name = f"startbootstrap-{package}"
    done = subprocess.run(  # noqa: S603  # no shell, and the arguments are ours
        ["npm", "pack", "--silent", name],  # noqa: S607  # wherever it is installed
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SalganError(
            f"npm cannot fetch {name}: {(done.stderr.strip() or 'no reason given').splitlines()[-1]}"
        )
    with tarfile.open(folder / done.stdout.split()[-1]) as archive:
        archive.extractall(folder, filter="data")
    for path in sorted((folder / "package").rglob("*.html")):
        if not {"src", "vendor", "scss"} & set(path.relative_to(folder).parts):
            yield path


def shown(page: Path, browser: str) -> Picture | None:
    """What the browser shows of a page; None if it takes too long."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.png"
        command = [
            *(browser, "--headless", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=4000"),
            *(f"--window-size={COLUMNS},{ROWS * SCREENS}", f"--user-data-dir={folder}/profile"),
            *(f"--screenshot={file}", *(["--no-sandbox"] if os.getuid() == 0 else []), page.as_uri()),
        ]
        try:
            subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=False)  # noqa: S603
        except subprocess.TimeoutExpired:
            return None
        return read(file) if file.exists() else None


def busy(screen: Picture) -> bool:
    """Whether enough of a screen holds something."""
    grey = screen.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    edges = np.abs(np.diff(grey, axis=1))[:, : (COLUMNS - 1) // PLACES * PLACES] > EDGE
    places = edges.reshape(PLACES, ROWS // PLACES, PLACES, -1).any((1, 3))
    return bool(places.mean() > BUSY)


def main() -> None:
    """Fetch, open, cut and write."""
    parser = argparse.ArgumentParser(description="Make pictures of the pages of free templates.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--browser", default="chromium")
    arguments = parser.parse_args()
    make_folder(arguments.out)
    for package in PACKAGES.split():
        with tempfile.TemporaryDirectory() as folder:
            for page in pages(package, Path(folder)):
                whole = shown(page, arguments.browser)
                if whole is None:
                    print(f"{package}: {page.name} is not shown; left out", file=sys.stderr)
                    continue
                for number in range(SCREENS):
                    screen = whole[number * ROWS : (number + 1) * ROWS]
                    if screen.shape == (ROWS, COLUMNS, 3) and busy(screen):
                        name = "-".join([package.partition("@")[0], *page.relative_to(folder).parts[1:]])
                        save_png(Image.fromarray(screen), arguments.out / f"{name}-{number}.png")
        print(package, file=sys.stderr, flush=True)
    print(f"{len(list(arguments.out.glob('*.png')))} screens in {arguments.out}")


if __name__ == "__main__":
    try:
        main()
    except SalganError as error:
        sys.exit(f"error: {error}")
    except FileNotFoundError as error:
        sys.exit(f"error: {error.filename} is not installed")
