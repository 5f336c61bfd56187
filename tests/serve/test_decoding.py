"""Pictures are decoded in processes that may be killed: what is too much for one costs nobody else."""

import io
import os
import signal
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from salgan import image
from salgan.errors import ImageError, ImageTooLargeError
from salgan.serve import Limits
from salgan.serve.decoding import Decoders, NotNowError, OutOfMemoryError
from tests._dying import dying
from tests.serve.conftest import png

PICTURE = png()


@pytest.fixture
def decoders():
    made = Decoders(Limits())
    yield made
    made.close()


def _only(decoders):
    """The one process there is."""
    (decoder,) = decoders._idle
    return decoder._process


def test_a_decoded_picture_is_the_one_that_the_library_reads(decoders):
    pixels = decoders.read(PICTURE)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, image.read(PICTURE))


def test_one_process_serves_one_picture_after_the_other_and_errors_do_not_end_it(decoders):
    decoders.read(PICTURE)
    first = _only(decoders).pid
    with pytest.raises(ImageError, match="picture: is damaged"):
        decoders.read(PICTURE[: len(PICTURE) // 2])
    decoders.read(PICTURE)
    assert _only(decoders).pid == first


def test_a_picture_that_is_too_large_for_now_is_left_and_the_process_goes_on(decoders):
    with pytest.raises(NotNowError):
        decoders.read(PICTURE, most=64 * 48 - 1)
    first = _only(decoders).pid
    assert len(decoders.read(PICTURE, most=64 * 48)) == 48
    assert _only(decoders).pid == first


def test_more_pixels_than_allowed_are_refused_before_they_are_decoded():
    decoders = Decoders(Limits(max_pixels=64 * 48 - 1))
    try:
        with pytest.raises(ImageTooLargeError):
            decoders.read(PICTURE)
    finally:
        decoders.close()


def _scanned(times):
    """A progressive JPEG with its last scan repeated."""
    file = io.BytesIO()
    Image.new("RGB", (4000, 4000)).save(file, "JPEG", progressive=True)
    content = file.getvalue().removesuffix(b"\xff\xd9")
    return content + content[content.rindex(b"\xff\xda") :] * times + b"\xff\xd9"


def test_a_jpeg_of_very_many_scans_is_refused_at_once(decoders):
    with pytest.raises(ImageError, match="scans"):
        decoders.read(_scanned(200))


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timer of processor time")
def test_a_picture_that_takes_too_long_is_given_up_and_the_next_one_decoded(decoders, monkeypatch):
    monkeypatch.setattr(Limits, "decode_seconds", property(lambda self: 0.2))
    with pytest.raises(ImageError, match="takes too long to decode"):
        decoders.read(_scanned(60))
    monkeypatch.undo()
    assert len(decoders.read(PICTURE)) == 48


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system has no such bound")
def test_a_tiff_that_promises_a_tile_of_gigabytes_gets_no_memory_for_it(decoders):
    entries = [
        (256, 4, 16), (257, 4, 16), (258, 3, 8), (259, 3, 1), (262, 3, 1), (277, 3, 3),
        (322, 4, 50_000), (323, 4, 57_008), (324, 4, 8), (325, 4, 100),
    ]  # fmt: skip
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    content = b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + b"\0" * 36
    with pytest.raises(ImageError):
        decoders.read(content)
    assert len(decoders.read(PICTURE)) == 48


def test_a_decoder_that_crashes_is_replaced(decoders):
    decoders.read(PICTURE)
    process = _only(decoders)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(decoders.read(PICTURE)) == 48
    assert _only(decoders).pid != process.pid


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot stop a process")
@pytest.mark.parametrize(("sign", "error"), [("SIGSEGV", ImageError), ("SIGKILL", OutOfMemoryError)])
def test_how_a_decoder_died_is_told_apart(decoders, sign, error):
    decoders.read(PICTURE)
    process = _only(decoders)
    with dying(process, sign), pytest.raises(error):
        decoders.read(PICTURE)


def test_the_processes_leave_with_the_service(decoders):
    decoders.read(PICTURE)
    process = _only(decoders)
    decoders.close()
    assert process.poll() is not None


def test_a_crop_keeps_transparency_depth_and_profile(decoders):
    picture = Image.open(io.BytesIO(PICTURE)).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    file = io.BytesIO()
    picture.save(file, "PNG", icc_profile=b"a profile")
    part = Image.open(io.BytesIO(decoders.crop(file.getvalue(), (10, 5, 20, 30), None)))
    assert (part.mode, part.size, part.info["icc_profile"]) == ("RGBA", (20, 30), b"a profile")
    np.testing.assert_array_equal(np.asarray(part), np.asarray(picture)[5:35, 10:30])
    deep = io.BytesIO()
    values = np.arange(64 * 48, dtype=np.uint16).reshape(48, 64) * 21
    Image.fromarray(values).save(deep, "PNG")
    part = Image.open(io.BytesIO(decoders.crop(deep.getvalue(), (0, 0, 64, 20), None)))
    np.testing.assert_array_equal(np.asarray(part), values[:20])


def test_a_crop_of_what_png_cannot_hold_is_rgb(decoders):
    file = io.BytesIO()
    Image.open(io.BytesIO(PICTURE)).convert("CMYK").save(file, "JPEG")
    assert Image.open(io.BytesIO(decoders.crop(file.getvalue(), (0, 0, 20, 20), (10, 10)))).mode == "RGB"
