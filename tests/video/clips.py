"""Small videos, made for the tests."""

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from salgan.saliency_map import SaliencyMap

RATE = 25


def flat(level: int, size: tuple[int, int] = (64, 48)) -> np.ndarray[Any, Any]:
    """A grey picture: uint8 (H, W, 3)."""
    return np.full((size[1], size[0], 3), level, dtype=np.uint8)


def quarters(size: tuple[int, int] = (64, 48)) -> np.ndarray[Any, Any]:
    """A picture whose four quarters differ in colour, so that no rotation or mirror image is like another."""
    width, height = size
    picture = np.empty((height, width, 3), dtype=np.uint8)
    picture[: height // 2, : width // 2] = (200, 40, 60)
    picture[: height // 2, width // 2 :] = (40, 180, 80)
    picture[height // 2 :, : width // 2] = (60, 60, 200)
    picture[height // 2 :, width // 2 :] = (210, 200, 60)
    return picture


def noise(number: int, size: tuple[int, int] = (64, 48)) -> np.ndarray[Any, Any]:
    """A picture that compresses badly, so that every part of the file counts."""
    shape = (size[1], size[0], 3)
    return np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8)


def make(
    path: Path,
    pictures: Sequence[np.ndarray[Any, Any]],
    *,
    ticks: Sequence[int] | None = None,
    tick: Fraction = Fraction(1, RATE),
    codec: str = "libx264",
    pixels: str = "yuv420p",
    sound: str | None = None,
    sound_rate: int = 48_000,
    bt709: bool = False,
    full_range: bool = False,
    pixel_aspect: Fraction | None = None,
    format: str | None = None,
    first_early: bool = False,
    late: float = 0.0,
    later_frames: int = 0,
) -> Path:
    """Write a video.

    Args:
        path: the file; its ending says the container unless format does.
        pictures: uint8 RGB (H, W, 3), all of one size.
        ticks: the time of each; 0, 1, 2... if None.
        tick: seconds.
        codec: of the pictures.
        pixels: their pixel format.
        sound: codec of a tone of 440 Hz as long as the pictures; None leaves it out.
        sound_rate: samples per second of it.
        bt709: convert the colours with the matrix of HD video, and say so.
        full_range: use all 256 levels, and say so.
        pixel_aspect: width of a pixel divided by its height.
        format: of the container.
        first_early: put the index first in an MP4 file, so that one cut off can be read.
        late: what the clock says at the start, in seconds.
        later_frames: how many frames in a row may refer to later ones (B-frames).
    """
    options = {"movflags": "+faststart"} if first_early else {}
    if late:
        options["output_ts_offset"] = str(late)
    with av.open(str(path), "w", format=format, options=options) as container:
        fine = {"crf": "8", "preset": "ultrafast"} if codec == "libx264" else {"b": "2000000"}
        later = {"bf": str(later_frames), "b_strategy": "0", "preset": "medium"} if later_frames else {}
        stream = container.add_stream(codec, rate=RATE, options=fine | later)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.time_base = tick
        if bt709:
            context = stream.codec_context
            context.colorspace = context.color_primaries = context.color_trc = 1
        if full_range:
            stream.codec_context.color_range = 2
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        audio = container.add_stream(sound, rate=sound_rate, layout="mono") if sound else None
        times = list(range(len(pictures))) if ticks is None else list(ticks)
        seconds = float((times[-1] + 1) * tick) if times else 0.0
        tone = _tone(seconds) if audio else []
        for picture, time in zip(pictures, times, strict=True):
            while tone and tone[0].pts / 48_000 < float(time * tick):
                container.mux(audio.encode(tone.pop(0)))
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                format=pixels,
                dst_colorspace="ITU709" if bt709 else "ITU601",
                dst_color_range="JPEG" if full_range else "MPEG",
            )
            frame.pts, frame.time_base = time, tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio:
            for samples in tone:
                container.mux(audio.encode(samples))
            container.mux(audio.encode(None))
    return path


def music(path: Path, codec: str, *, cover: bool = False) -> Path:
    """Write a file of sound, with a cover picture if asked for."""
    with av.open(str(path), "w") as container:
        audio = container.add_stream(codec, rate=48_000, layout="mono")
        if cover:
            picture = container.add_stream("mjpeg", rate=1)
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
            container.mux(picture.encode(av.VideoFrame.from_ndarray(quarters(), format="rgb24")))
            container.mux(picture.encode(None))
        for samples in _tone(0.5):
            container.mux(audio.encode(samples))
        container.mux(audio.encode(None))
    return path


def turn(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """Set the display matrix of an MP4 file's first track: stored (x, y) shows at (ax + cy, bx + dy)."""
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44  # ISO/IEC 14496-12, 8.3.2, version 0
    one = 1 << 16
    struct.pack_into(">9i", content, matrix, a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


def with_unknown_sound(path: Path) -> Path:
    """Rename the codec of a QuickTime file's sound to one that FFmpeg does not know."""
    content = bytearray(path.read_bytes())
    places = [at for at in range(len(content)) if content[at : at + 4] == b"stsd"]
    start = places[1] + 12  # the sample entry of the second track
    length = int.from_bytes(content[start : start + 4], "big")
    entry = content[start : start + length]
    for name, other in ((b"mp4a", b"apac"), (b"wave", b"free"), (b"esds", b"free"), (b"frma", b"free")):
        entry = entry.replace(name, other)
    content[start : start + length] = entry
    path.write_bytes(content)
    return path


def cut(path: Path, part: float) -> Path:
    """Keep the first part of a file, as a broken download does."""
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    return path


def read(path: Path) -> tuple[list[np.ndarray[Any, Any]], list[Fraction]]:
    """The pictures of a video and their times in seconds, by PyAV alone."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return [frame.to_ndarray(format="rgb24") for frame in frames], [
            frame.pts * frame.time_base for frame in frames
        ]


class Brightness:
    """Stands in for a predictor: the map is the picture's green channel; counts what it is asked."""

    name = "brightness"

    def __init__(self) -> None:
        self.asked = 0

    def predict(self, picture: np.ndarray[Any, Any]) -> SaliencyMap:
        self.asked += 1
        return SaliencyMap(picture[:, :, 1].astype(np.float32) / 255)


def _tone(seconds: float) -> list[av.AudioFrame]:
    samples = (np.sin(np.arange(int(seconds * 48_000)) * (2 * np.pi * 440 / 48_000)) * 2e4).astype(np.int16)
    frames = []
    for start in range(0, len(samples), 1920):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1920], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        frames.append(frame)
    return frames
