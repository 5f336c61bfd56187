"""salgan.image.read: every picture becomes uint8 RGB; everything else is one line."""

import io
import struct
import threading
import time
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from salgan.errors import ImageError, ImageTooLargeError
from salgan.image import MAX_PIXELS, read

RED, WHITE = (255, 0, 0), (255, 255, 255)


def _bytes(image: Image.Image, format: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, format=format, **options)
    return file.getvalue()


def _gradient() -> np.ndarray:
    """A smooth picture, so that lossy formats stay close to it."""
    y, x = np.mgrid[0:40, 0:60]
    return np.stack([x * 4, y * 6, 255 - x * 4], axis=2).astype(np.uint8)


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, data: bytes, depth: int = 8, colour: int = 2, extra: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = _png_chunk(b"IHDR", header) + extra + _png_chunk(b"IDAT", zlib.compress(data))
    return b"\x89PNG\r\n\x1a\n" + body + _png_chunk(b"IEND", b"")


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_come_back_exactly(format):
    picture = _gradient()
    assert np.array_equal(read(_bytes(Image.fromarray(picture), format)), picture)


@pytest.mark.parametrize(("format", "tolerance"), [("JPEG", 12), ("WEBP", 12)])
def test_lossy_formats_come_back_closely(format, tolerance):
    picture = _gradient()
    back = read(_bytes(Image.fromarray(picture), format, quality=95))
    assert back.shape == picture.shape
    assert back.dtype == np.uint8
    assert np.abs(back.astype(int) - picture).max() <= tolerance


def test_path_string_bytes_pillow_image_and_array_agree(tmp_path):
    picture = _gradient()
    path = tmp_path / "picture.png"
    Image.fromarray(picture).save(path)
    for source in (path, str(path), path.read_bytes(), Image.open(path), picture):
        assert np.array_equal(read(source), picture)


def test_an_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (5, 4), colour) for colour in (RED, (0, 255, 0))]
    gif = _bytes(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.array_equal(read(gif), np.full((4, 5, 3), RED))


def test_cmyk_jpeg_is_converted():
    cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # no cyan, all magenta and yellow: red
    assert np.abs(read(_bytes(cmyk, "JPEG")).astype(int) - RED).max() <= 4


def test_palette_picture_is_looked_up():
    image = Image.fromarray(np.array([[0, 1]], dtype=np.uint8), mode=None)
    image = image.convert("P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    assert read(_bytes(image, "PNG")).tolist() == [[[255, 0, 0], [0, 0, 255]]]


def test_transparent_palette_entry_becomes_white():
    image = Image.fromarray(np.array([[0, 1]], dtype=np.uint8)).convert("P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    assert read(_bytes(image, "PNG", transparency=1)).tolist() == [[[255, 0, 0], [255, 255, 255]]]
    # Transparency given per entry, as bytes: Pillow's plain conversion warns about this one.
    assert read(_bytes(image, "PNG", transparency=b"\xff\x00")).tolist() == [[[255, 0, 0], [255, 255, 255]]]


@pytest.mark.parametrize(("alpha", "expected"), [(255, 0), (0, 255), (128, 127)])
def test_alpha_is_laid_over_white(alpha, expected):
    black = np.zeros((2, 3, 4), dtype=np.uint8)
    black[:, :, 3] = alpha
    from_file = read(_bytes(Image.fromarray(black), "PNG"))
    assert np.array_equal(from_file, np.full((2, 3, 3), expected))
    assert np.array_equal(read(black), from_file)
    grey = Image.fromarray(black).convert("LA")
    assert np.array_equal(read(_bytes(grey, "PNG")), from_file)


def test_16_bit_grey_is_scaled_not_clipped():
    levels = np.array([[0, 256, 0x7FFF, 0x8000, 65535]], dtype=np.uint16)
    expected = [0, 1, 127, 128, 255]
    for format in ("PNG", "TIFF"):
        assert read(_bytes(Image.fromarray(levels), format))[0, :, 0].tolist() == expected
    assert read(levels)[0, :, 1].tolist() == expected


def test_16_bit_rgb_is_scaled_not_clipped():
    row = b"\x00" + struct.pack(">6H", 0, 0x8000, 65535, 256, 0x7FFF, 0)
    assert read(_png(2, 1, row, depth=16)).tolist() == [[[0, 128, 255], [1, 127, 0]]]


def test_1_bit_and_grey_pictures_become_rgb():
    bits = np.array([[True, False]])
    assert read(_bytes(Image.fromarray(bits), "PNG")).tolist() == [[[255] * 3, [0] * 3]]
    assert read(bits).tolist() == [[[255] * 3, [0] * 3]]
    assert read(np.array([[7, 9]], dtype=np.uint8)).tolist() == [[[7] * 3, [9] * 3]]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_rotation_is_applied(format, orientation):
    upright = Image.fromarray(
        np.kron(np.array([[250, 10, 10], [10, 10, 130]]), np.ones((16, 16))).astype("u1")
    )
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = (upright if undo is None else upright.transpose(undo)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = orientation
    back = read(_bytes(stored, format, exif=exif))
    assert back.shape == (32, 48, 3)
    assert np.abs(back[:, :, 0].astype(int) - np.asarray(upright)).max() < 30


def test_broken_exif_does_not_cost_the_picture():
    jpeg = _bytes(Image.fromarray(_gradient()), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")
    assert read(jpeg).shape == (40, 60, 3)


def test_one_pixel_is_a_picture():
    assert read(_bytes(Image.new("RGB", (1, 1), RED), "PNG")).tolist() == [[list(RED)]]


def test_a_picture_of_96_megapixels_is_read_without_a_warning():
    # Above the size at which Pillow warns by default; grey, to keep the test light.
    png = _bytes(Image.new("1", (12_000, 8_000), 1), "PNG")
    picture = read(png)
    assert picture.shape == (8_000, 12_000, 3)
    assert picture[0, 0].tolist() == picture[-1, -1].tolist() == [255, 255, 255]


@pytest.mark.parametrize("size", [(10_001, 10_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_a_header_that_says_more_than_the_limit_is_refused_before_decoding(size):
    assert size[0] * size[1] > MAX_PIXELS
    with pytest.raises(ImageError, match="more than 100 megapixels"):
        read(_png(*size, b""))


def test_a_caller_may_set_a_lower_limit_of_pixels():
    png = _bytes(Image.new("RGB", (40, 30), RED), "PNG")
    assert read(png, max_pixels=1200).shape == (30, 40, 3)
    with pytest.raises(ImageTooLargeError, match=r"more than 0.001199 megapixels \(40×30\)"):
        read(png, max_pixels=1199)


def test_a_damaged_picture_within_the_limit_is_not_called_too_large():
    with pytest.raises(ImageError, match="damaged or cut off"):
        read(_png(10_000, 10_000, b"\x00" * 100))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_a_truncated_file_is_refused_in_one_line(format, share):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    whole = _bytes(Image.fromarray(noise), format)
    with pytest.raises(ImageError) as caught:
        read(whole[: int(len(whole) * share)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_flipped_bytes_give_a_picture_or_one_line_never_another_error(format):
    rng = np.random.default_rng(1)
    whole = np.frombuffer(_bytes(Image.fromarray(_gradient()), format), dtype=np.uint8)
    for _ in range(60):
        broken = whole.copy()
        places = rng.integers(0, min(len(broken), 400), 4)
        broken[places] = rng.integers(0, 256, 4)
        try:
            assert read(broken.tobytes()).dtype == np.uint8
        except ImageError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"hello, I am text\n" * 50, "is no picture"), (b"%PDF-1.7\n", "is no picture")],
)
def test_empty_and_other_files_are_refused_by_name(tmp_path, content, message):
    path = tmp_path / "picture.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_missing_files_and_folders_are_refused_by_name(tmp_path):
    with pytest.raises(ImageError, match=r"nothing\.jpg: no such file"):
        read(tmp_path / "nothing.jpg")
    with pytest.raises(ImageError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(ImageError, match="cannot be opened"):
        read("nul\0byte.jpg")
    with pytest.raises(ImageError, match="not int"):
        read(3)  # type: ignore[arg-type]


def test_a_postscript_file_is_never_run(tmp_path):
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n"
    with pytest.raises(ImageError, match="is no picture"):
        read(eps)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_float_arrays_in_0_1_are_scaled(kind):
    assert read(np.array([[0, 0.5, 1]], dtype=kind))[0, :, 0].tolist() == [0, 128, 255]
    assert read(np.zeros((2, 3, 1), dtype=kind)).shape == (2, 3, 3)


@pytest.mark.parametrize(
    "array",
    [
        np.array([[0.2, np.nan]]),
        np.array([[0.2, np.inf]]),
        np.array([[0.0, 1.01]]),
        np.array([[-0.01, 1.0]]),
        np.zeros((4, 4), dtype=np.int64),
        np.zeros((4, 4), dtype=np.complex64),
        np.zeros((4, 4, 2), dtype=np.uint8),
        np.zeros((1, 4, 4, 3), dtype=np.uint8),
        np.zeros(4, dtype=np.uint8),
    ],
)
def test_other_arrays_are_refused_with_what_is_accepted(array):
    with pytest.raises(ImageError, match=r"\(H, W, 3\).*float in \[0, 1\]; this one"):
        read(array)


def test_arrays_without_pixels_are_refused():
    with pytest.raises(ImageError, match="no pixels"):
        read(np.zeros((0, 4, 3), dtype=np.uint8))
    with pytest.raises(ImageError, match="no pixels"):
        read(Image.new("RGB", (0, 3)))


def test_float_pictures_follow_the_rule_of_float_arrays():
    values = np.array([[0.0, 1.0]], dtype=np.float32)
    assert read(_bytes(Image.fromarray(values), "TIFF"))[0, :, 0].tolist() == [0, 255]
    with pytest.raises(ImageError, match=r"picture: .*runs from 0 to 300"):
        read(_bytes(Image.fromarray(values * 300), "TIFF"))


def test_a_picture_can_be_written_to_without_touching_the_source():
    image = Image.new("RGB", (2, 2), WHITE)
    read(image)[:] = 0
    assert np.asarray(image).min() == 255


def test_pillow_and_the_warning_filters_are_left_as_they_were_even_by_threads():
    limit, filters = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    palette = Image.new("P", (300, 300))
    png = _bytes(palette, "PNG", transparency=b"\x00\xff")
    failures = []

    def work():
        for _ in range(10):
            try:
                read(png)
                time.sleep(0)
            except BaseException as error:
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert limit == Image.MAX_IMAGE_PIXELS
    assert list(warnings.filters) == filters
