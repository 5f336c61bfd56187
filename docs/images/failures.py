"""Show models where they are weak: text, several faces, no object, a symmetrical scene.

python docs/images/failures.py docs/images/failures.jpg lite
python docs/images/failures.py docs/images/failures-vgg16.jpg vgg16 vgg16-bce

The pictures are made from those of ``examples/`` and from letters, so that they may be shown here; each is
drawn above its overlays, one row per model.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from salgan import predict
from salgan.render import overlay

ROOT = Path(__file__).parents[2]
SIZE = (480, 360)
GAP = 12
WORDS = (
    ("Opening hours", 40, 24),
    ("Monday to Friday, nine to six. On Saturdays we", 16, 92),
    ("close at noon; on Sundays we rest. Please ring", 16, 116),
    ("twice if nobody answers, and mind the step.", 16, 140),
    ("The bakery next door sells our bread from seven.", 16, 188),
    ("NEW: rye with walnuts", 26, 250),
)


def text() -> Image.Image:
    """A notice: a headline, a paragraph, a line that wants to be seen."""
    picture = Image.new("RGB", SIZE, "#f4f1ea")
    pen = ImageDraw.Draw(picture)
    for words, size, top in WORDS:
        pen.text((40, top), words, fill="#222222", font=ImageFont.load_default(size))
    return picture


def faces(photo: Image.Image) -> Image.Image:
    """One face five times, at sizes from 150 to 40 pixels, on a grey wall."""
    face = photo.crop((170, 30, 320, 230))
    picture = Image.new("RGB", SIZE, "#8d8f94")
    for left, top, height in ((20, 40, 200), (200, 110, 140), (330, 60, 100), (420, 190, 60), (300, 270, 60)):
        picture.paste(face.resize((height * 3 // 4, height)), (left, top))
    return picture


def nothing(coffee: Image.Image) -> Image.Image:
    """Sky over ground, without anything to look at."""
    wood = coffee.crop((0, 0, 70, 35)).resize((SIZE[0], SIZE[1] // 3), Image.Resampling.BICUBIC)
    sky = Image.linear_gradient("L").resize((SIZE[0], SIZE[1] - SIZE[1] // 3))
    picture = Image.new("RGB", SIZE)
    picture.paste(ImageOps.colorize(sky, "#6f9fd0", "#dfe9f2"), (0, 0))
    picture.paste(wood.filter(ImageFilter.GaussianBlur(3)), (0, sky.height))
    return picture


def symmetrical(rocket: Image.Image) -> Image.Image:
    """A scene beside its own mirror image: two equal centers of interest."""
    half = ImageOps.fit(rocket, (SIZE[0] // 2, SIZE[1]))
    picture = Image.new("RGB", SIZE)
    picture.paste(half, (0, 0))
    picture.paste(ImageOps.mirror(half), (SIZE[0] // 2, 0))
    return picture


def main(out: Path, models: list[str]) -> None:
    """Write the pictures above each model's overlays."""
    photo, coffee, rocket = (
        Image.open(ROOT / "examples" / f"{name}.jpg").convert("RGB") for name in ("photo", "coffee", "rocket")
    )
    pictures = [text(), faces(photo), nothing(coffee), symmetrical(rocket)]
    width, height = (extent + GAP for extent in SIZE)
    sheet = Image.new("RGB", (len(pictures) * width - GAP, (1 + len(models)) * height - GAP), "white")
    for column, picture in enumerate(pictures):
        sheet.paste(picture, (column * width, 0))
        for row, model in enumerate(models, 1):
            shown = overlay(np.asarray(picture), predict(picture, model=model))
            sheet.paste(Image.fromarray(shown), (column * width, row * height))
    sheet.save(out, quality=85)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: failures.py OUT.jpg MODEL...")
    main(Path(sys.argv[1]), sys.argv[2:])
