"""Join what ``make demo`` made into the README's picture: photograph, saliency map, overlay.

make demo && python docs/images/demo.py
"""

from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]
SIDE, GAP = 512, 16


def main() -> None:
    """Write ``docs/images/demo.jpg``."""
    made = ROOT / "examples" / "out"
    files = [ROOT / "examples" / "photo.jpg", made / "photo.saliency.png", made / "photo.overlay.png"]
    joined = Image.new("RGB", (3 * SIDE + 2 * GAP, SIDE), "white")
    for number, file in enumerate(files):
        with Image.open(file) as picture:
            joined.paste(picture.convert("RGB").resize((SIDE, SIDE)), (number * (SIDE + GAP), 0))
    joined.save(Path(__file__).with_name("demo.jpg"), quality=90, optimize=True)


if __name__ == "__main__":
    main()
