"""Pictures and videos."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, features

from salgan import image
from salgan.jobs.whole import is_whole
from salgan.saliency_map import SaliencyMap
from tests.fuzz.damage import answers, damaged, fuzz, slow_fuzz

KINDS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", *(("AVIF",) if features.check("avif") else ()))


def pictures() -> list[bytes]:
    """Small pictures in each common format, plain and with what else they may hold."""
    made = []
    noise = Image.effect_noise((24, 16), 60)
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in KINDS:
        buffer = io.BytesIO()
        noise.convert("RGB").save(buffer, kind)
        made.append(buffer.getvalue())
    for kind, mode, more in (
        ("PNG", "P", {"transparency": 0}),
        ("PNG", "I;16", {}),
        ("PNG", "RGBA", {"exif": exif, "icc_profile": b"\0" * 200}),
        ("JPEG", "CMYK", {"exif": exif, "progressive": True}),
        ("TIFF", "I;16", {"compression": "tiff_lzw"}),
        ("TIFF", "F", {}),
        ("TIFF", "RGB", {"compression": "jpeg"}),
        ("GIF", "P", {"save_all": True, "append_images": [noise]}),
    ):
        buffer = io.BytesIO()
        picture = noise.convert("L").convert("I").convert(mode) if mode == "I;16" else noise.convert(mode)
        picture.save(buffer, kind, **more)
        made.append(buffer.getvalue())
    return made


@fuzz
@given(damaged(pictures()) | st.binary(max_size=200))
def test_pictures(content):
    array = answers(image.read, content)
    if array is not None:
        assert array.dtype == np.uint8
        assert array.ndim == 3
        assert array.shape[2] == 3


def test_files_of_pictures(tmp_path):
    path = tmp_path / "a"

    @fuzz
    @given(damaged(pictures()) | st.binary(max_size=200))
    def reads(content):
        path.write_bytes(content)
        size = answers(image.size_of, path)
        array = answers(image.read, path)
        if size is not None and array is not None:
            assert size == array.shape[1::-1]
        answers(SaliencyMap.load, path)

    reads()


@pytest.mark.parametrize("ending", ["png", "tiff"])
def test_results_that_are_there_already(ending, tmp_path):
    path = tmp_path / f"a.{ending}"

    @fuzz
    @given(damaged(pictures()))
    def reads(content):
        path.write_bytes(content)
        assert is_whole(path) in (True, False)

    reads()


def test_videos(tmp_path):
    pytest.importorskip("av", reason="the extra video is not installed")
    from salgan.video import Video
    from tests.video.clips import make, noise

    frames = [noise(number, (32, 24)) for number in range(6)]
    clips = [
        make(tmp_path / f"clip.{ending}", frames, codec="mpeg4", sound=sound).read_bytes()
        for ending, sound in (("mp4", "aac"), ("mkv", None), ("avi", None))
    ]
    path = tmp_path / "a.mp4"

    def read(path):
        with Video(path) as video:
            return [frame.picture.shape for frame in video.frames(on_audio=lambda packet: None)]

    @slow_fuzz
    @given(damaged(clips) | st.binary(max_size=200))
    def reads(content):
        path.write_bytes(content)
        assert len(set(answers(read, path) or ())) <= 1

    reads()
