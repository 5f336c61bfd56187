"""Two ways to show the light network more text than its photographs hold: tried, not shipped.

    python experiments/lite/more_text.py FOLDER LINES.json OUT

FOLDER holds osie; LINES.json is what text.py keeps. OUT/text.json becomes a split of OSIE whose training
part is the training pictures with text, so that a second source can show these once more. OUT/osie-cards
becomes a copy of OSIE in which a card of words covers the place that most people looked at, in every training
picture. The assumption is that the words draw the eye as what they cover did. docs/models/lite.md says what
came of it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

import numpy as np
from pages import FONTS, font, word
from PIL import Image, ImageDraw
from text import kept_lines, sure

from salgan._arrays import Floats, Picture
from salgan._files import make_folder, replacing
from salgan.datasets import load_split, open_dataset
from salgan.errors import SalganError

_SIDE = (0.16, 0.32)
"""Width of a card, as a share of the picture's, from and to."""


def with_card(picture: Picture, density: Floats, random: np.random.Generator) -> Picture:
    """The picture with a card of words over the density's peak."""
    height, width = picture.shape[:2]
    row, column = np.unravel_index(int(density.argmax()), density.shape)
    wide = int(random.uniform(*_SIDE) * width)
    size = int(random.uniform(14, 30))
    rows = int(random.integers(1, 4))
    high = int(size * (1.4 * rows + 0.8))
    left = int(np.clip(column - wide // 2, 0, width - wide))
    top = int(np.clip(row - high // 2, 0, height - high))
    ground, ink = ((250, 250, 248), (20, 20, 24))[:: 1 if random.random() < 0.7 else -1]
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle((left, top, left + wide, top + high), size // 3, fill=ground)
    face = font(FONTS[random.integers(len(FONTS))], size)
    for number in range(rows):
        text = " ".join(word(random) for _ in range(6))
        while face.getlength(text) > wide - size:
            text = text.rpartition(" ")[0] or text[:-1]
        pen.text((left + size / 2, top + size * (0.4 + 1.4 * number)), text, fill=ink, font=face)
    return np.asarray(image)


def main() -> None:
    """Write both."""
    parser = argparse.ArgumentParser(description="Make training data with more text.")
    parser.add_argument("data", type=Path)
    parser.add_argument("lines", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    if not arguments.lines.is_file():
        sys.exit(f"error: {arguments.lines}: there is no such file; text.py makes it")
    make_folder(arguments.out)
    split = load_split("osie")
    dataset = open_dataset(arguments.data / "osie", layout="fixations-mat")
    training = dataset.select(split["train"])
    lines = kept_lines(arguments.lines)
    chosen = [each.name for each in training if sure(lines.get(f"osie/{each.name}", []), each.height)]
    with replacing(arguments.out / "text.json") as part:
        part.write_text(json.dumps({"train": chosen}), "utf-8")
    print(f"{len(chosen)} training pictures with text")
    cards = arguments.out / "osie-cards"
    # Not their modes: the originals may be read-only.
    shutil.copytree(arguments.data / "osie", cards, dirs_exist_ok=True, copy_function=shutil.copyfile)
    random = np.random.default_rng(0)
    for stimulus in training:
        path = cards / stimulus.path.relative_to(arguments.data / "osie")
        card = Image.fromarray(with_card(stimulus.picture(), stimulus.density(), random))
        card.save(path, quality=92)
    print(cards)


if __name__ == "__main__":
    try:
        main()
    except SalganError as error:
        sys.exit(f"error: {error}")
