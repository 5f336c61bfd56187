"""Make the picture of ``docs/crop.md``: a photograph beside its crops.

python docs/images/crop.py
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "examples" / "rocket.jpg"
RATIOS = ("16:9", "1:1", "9:16")
HEIGHT, GAP = 360, 16


def main() -> None:
    """Write ``docs/images/crop.jpg``."""
    with tempfile.TemporaryDirectory() as folder:
        asked = [word for ratio in RATIOS for word in ("--ratio", ratio)]
        command = [sys.executable, "-m", "salgan", "crop", str(PHOTO), *asked, "-o", folder]
        subprocess.run(command, check=True)  # noqa: S603
        crops = [Path(folder) / f"{PHOTO.stem}.crop-{ratio.replace(':', '-')}.jpg" for ratio in RATIOS]
        row = [at_height(path) for path in (PHOTO, *crops)]
    sheet = Image.new("RGB", (sum(each.width + GAP for each in row) - GAP, HEIGHT), "white")
    left = 0
    for each in row:
        sheet.paste(each, (left, 0))
        left += each.width + GAP
    sheet.save(Path(__file__).with_name("crop.jpg"), quality=85)


def at_height(path: Path) -> Image.Image:
    """The picture, scaled to the row's height."""
    with Image.open(path) as picture:
        width = round(picture.width * HEIGHT / picture.height)
        return picture.convert("RGB").resize((width, HEIGHT), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
