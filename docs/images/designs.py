"""Make the pictures of ``docs/ab.md`` and ``docs/video.md``: two designs compared, a clip with a timeline.

python docs/images/designs.py

The designs are ``examples/photo.jpg`` without and with a title, the clip is a pan down the same photograph.
Both go through ``salgan ab`` and ``salgan predict``. Needs the extras ``eval`` and ``video``.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
TITLE = (0.58, 0.03, 0.41, 0.15)
FACE = (0.35, 0.1, 0.25, 0.25)
FRAMES, RATE, WINDOW = 75, 25, (320, 240)
SHOWN = (0, 37, 74)
GAP = 16


def salgan(*arguments: str) -> None:
    """Run the command as a user would."""
    subprocess.run([sys.executable, "-m", "salgan", *arguments], check=True)  # noqa: S603


def box(name: str, extent: tuple[float, ...]) -> str:
    """A box as the commands take it."""
    return f"{name}:{','.join(map(str, extent))}"


def designs(photo: Image.Image, folder: Path) -> None:
    """Write ``ab.jpg``."""
    titled = photo.copy()
    left, top, width, height = (extent * photo.width for extent in TITLE)
    frame = (left + 0.02 * photo.width, top + 8, left + width - 12, top + height)
    pen = ImageDraw.Draw(titled)
    pen.rounded_rectangle(frame, 12, fill="white")
    middle = ((frame[0] + frame[2]) / 2, (frame[1] + frame[3]) / 2)
    pen.text(middle, "LIFT-OFF", fill="#b5123e", font=ImageFont.load_default(36), anchor="mm")
    photo.save(folder / "a.png")
    titled.save(folder / "b.png")
    boxes = ["--box", box("face", FACE), "--box", box("title", TITLE)]
    salgan("ab", str(folder / "a.png"), str(folder / "b.png"), *boxes, "--png", str(folder / "ab.png"))
    Image.open(folder / "ab.png").convert("RGB").save(HERE / "ab.jpg", quality=85)


def pan(photo: Image.Image) -> list[Image.Image]:
    """Frames of a camera that moves from the upper left to the lower right, gently at both ends."""
    wide = photo.resize((480, 480))
    way = (1 - np.cos(np.linspace(0, np.pi, FRAMES))) / 2
    lefts, tops = (way * (wide.width - WINDOW[0]), way * (wide.height - WINDOW[1]))
    corners = zip(lefts.round().astype(int), tops.round().astype(int), strict=True)
    return [wide.crop((left, top, left + WINDOW[0], top + WINDOW[1])) for left, top in corners]


def clip(photo: Image.Image, folder: Path) -> None:
    """Write ``video.jpg``."""
    with av.open(str(folder / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "16"})
        stream.width, stream.height = WINDOW
        stream.pix_fmt = "yuv420p"
        for picture in pan(photo):
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())
    centre = box("center", (1 / 3, 1 / 3, 1 / 3, 1 / 3))
    salgan("predict", str(folder / "clip.mp4"), "-o", str(folder), "--smooth", "0.2", "--box", centre)
    with av.open(str(folder / "clip.overlay.mp4")) as container:
        frames = [frame.to_image() for frame in container.decode(video=0)]
    timeline = Image.open(folder / "clip.timeline.png").convert("RGB")
    width = 3 * WINDOW[0] + 2 * GAP
    timeline = timeline.resize((width, timeline.height * width // timeline.width), Image.Resampling.LANCZOS)
    sheet = Image.new("RGB", (width, WINDOW[1] + GAP + timeline.height), "white")
    for column, number in enumerate(SHOWN):
        sheet.paste(frames[number], (column * (WINDOW[0] + GAP), 0))
    sheet.paste(timeline, (0, WINDOW[1] + GAP))
    sheet.save(HERE / "video.jpg", quality=85)


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory() as temporary,
        Image.open(ROOT / "examples" / "photo.jpg") as photograph,
    ):
        designs(photograph.convert("RGB"), Path(temporary))
        clip(photograph.convert("RGB"), Path(temporary))
