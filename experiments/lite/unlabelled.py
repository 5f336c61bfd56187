"""Pictures that nobody has looked at, with what a model says of them: more to learn from than 1,250.

    python experiments/lite/unlabelled.py PICTURES OUT [--model best] [--crops 3]

Every picture below the folder PICTURES is shown to the model whole, unless it is very long, and in a few
crops, each of which it sees as a picture of its own. OUT becomes a plain folder of images/ and maps/, which
``salgan train`` takes as another source; without fixations, NSS says nothing of it. What is there already is
kept, so a run that was stopped goes on. docs/models/lite.md says which pictures were used, under which
licences, and what came of it.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

import salgan
from salgan._arrays import Picture
from salgan._files import make_folder, replacing
from salgan.errors import SalganError
from salgan.image import read

ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}
RATIOS = (4 / 3, 4 / 3, 16 / 9, 1.0, 3 / 4)
SIDE = 640
"""The longer side of what is kept: twice what the network sees."""
SMALLEST = 320
LONGEST = 2.0
"""A picture longer than this to one is shown in crops alone."""


def cuts(picture: Picture, crops: int, random: np.random.Generator) -> Iterator[Picture]:
    """The picture, and crops of it that cover 40 to 80 % of what their ratio allows on a side."""
    height, width = picture.shape[:2]
    if max(height, width) <= LONGEST * min(height, width):
        yield picture
    for ratio in random.choice(RATIOS, crops):
        widest = min(width, height * ratio)
        wide = max(int(widest * random.uniform(0.4, 0.8)), 1)
        high = max(int(wide / ratio), 1)
        left = random.integers(0, width - wide + 1)
        top = random.integers(0, height - high + 1)
        yield picture[top : top + high, left : left + wide]


def main() -> None:
    """Cut, reduce, predict and write."""
    parser = argparse.ArgumentParser(description="Make a source for training from pictures without gaze.")
    parser.add_argument("pictures", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="best")
    parser.add_argument("--crops", type=int, default=3, help="crops of every picture (default: 3)")
    arguments = parser.parse_args()
    if not arguments.pictures.is_dir():
        sys.exit(f"error: {arguments.pictures}: there is no such folder")
    if arguments.crops < 0:
        sys.exit("error: --crops is a number of crops, from 0 on")
    files: dict[str, Path] = {}
    for path in sorted(arguments.pictures.rglob("*")):
        if path.suffix.lower() in ENDINGS:
            name = "-".join(path.relative_to(arguments.pictures).with_suffix("").parts)
            if name in files:
                sys.exit(f"error: {files[name]} and {path} would both be {name}; rename one")
            files[name] = path
    if not files:
        sys.exit(f"error: {arguments.pictures}: holds no picture ({', '.join(sorted(ENDINGS))})")
    model = salgan.load_model(arguments.model)
    images, maps = arguments.out / "images", arguments.out / "maps"
    make_folder(images)
    make_folder(maps)
    for number, (name, path) in enumerate(files.items(), 1):
        random = np.random.default_rng(zlib.crc32(name.encode()))  # of each picture, whatever else is there
        picture = read(path)
        for part, cut in enumerate(cuts(picture, arguments.crops, random)):
            if (maps / f"{name}-{part}.png").exists() or min(cut.shape[:2]) < SMALLEST:
                continue
            image = Image.fromarray(cut)
            image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
            saliency_map = model.predict(np.asarray(image))
            with replacing(images / f"{name}-{part}.jpg") as file:
                image.save(file, "JPEG", quality=92)
            saliency_map.save(maps / f"{name}-{part}.png")
        print(f"\r{number} of {len(files)} pictures", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(arguments.out)


if __name__ == "__main__":
    try:
        main()
    except SalganError as error:
        sys.exit(f"error: {error}")
