"""Show what a picture's own shape changes: a made-up phone screen, squeezed into one shape and at its own.

python docs/images/shapes.py docs/images/shapes.jpg lite

Printed: the share of attention on the headline and on the button, in per cent, both ways.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from salgan import load_model
from salgan.render import overlay

SIZE = (1170, 2532)
SHOWN = (292, 633)
GAP = 12
HEADLINE, BUTTON = (80, 260, 1090, 400), (80, 2150, 1090, 2330)
"""Left, top, right and bottom."""


def screen() -> Image.Image:
    """A headline, three offers with their prices, and a button."""
    picture = Image.new("RGB", SIZE, "white")
    pen = ImageDraw.Draw(picture)

    def write(left: int, top: int, words: str, size: int, colour: str = "black") -> None:
        pen.text((left, top), words, fill=colour, font=ImageFont.load_default(size))

    write(80, 260, "Choose your plan", 110)
    write(80, 420, "Cancel whenever you like", 56, "#5a5a5a")
    for number, (name, price) in enumerate((("Basic", "4.99"), ("Family", "9.99"), ("Studio", "19.99"))):
        top = 640 + 360 * number
        pen.rounded_rectangle((80, top, 1090, top + 300), 40, outline="#c8c8c8", width=5)
        write(130, top + 60, name, 72)
        write(800, top + 60, price, 90)
        write(130, top + 180, "per month, all devices", 48, "#6e6e6e")
    pen.rounded_rectangle(BUTTON, 60, fill="#145adc")
    write(400, 2195, "Continue", 84, "white")
    return picture


def main(out: Path, name: str) -> None:
    """Write the screen beside its two overlays."""
    picture = np.asarray(screen())
    own, squeezed = load_model(name), load_model(name)
    squeezed.preprocessing = own.preprocessing.fixed()
    sheet = Image.new("RGB", (3 * SHOWN[0] + 2 * GAP, SHOWN[1]), "white")
    shown = [picture]
    for title, model in (("squeezed", squeezed), ("own shape", own)):
        saliency = model.predict(picture)
        shares = [
            100 * float(saliency.density[top:bottom, left:right].sum())
            for left, top, right, bottom in (HEADLINE, BUTTON)
        ]
        print(f"{title}: headline {shares[0]:.1f} %, button {shares[1]:.1f} %")
        shown.append(overlay(picture, saliency))
    for column, each in enumerate(shown):
        small = Image.fromarray(each).resize(SHOWN, Image.Resampling.LANCZOS)
        sheet.paste(small, (column * (SHOWN[0] + GAP), 0))
    sheet.save(out, quality=88)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
