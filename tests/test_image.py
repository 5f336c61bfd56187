"""salgan.image.read: every picture becomes uint8 RGB; everything else is one line."""

import io
import struct
import sys
import threading
import time
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile, PngImagePlugin

from salgan.errors import (
    ConfigError,
    ImageError,
    ImageTooLargeError,
    MissingExtraError,
    NotEnoughMemoryError,
)
from salgan.image import MAX_PIXELS, VIDEO, kind_of, kind_of_file, one_channel, read, size_of
from salgan.image.repair import check_scans

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


def test_what_another_library_told_pillow_changes_nothing_here_and_stays(monkeypatch):
    """WeasyPrint, when it is imported, makes Pillow take pictures that are cut off."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    with pytest.raises(ImageError):
        read(_bytes(Image.fromarray(noise), "PNG")[:2000])
    assert ImageFile.LOAD_TRUNCATED_IMAGES


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
    [
        (b"", "is empty"),
        (b"hello, I am text\n" * 50, "is not a picture"),
        (b"PK\x03\x04" + bytes(30), "is not a picture"),
    ],
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
    with pytest.raises(ImageError, match="is not a picture"):
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


# What sources there are


def test_a_file_object_is_read_from_where_it_stands(tmp_path):
    picture = _gradient()
    png = _bytes(Image.fromarray(picture), "PNG")
    path = tmp_path / "picture.png"
    path.write_bytes(png)
    behind_a_header = io.BytesIO(b"header" + png)
    behind_a_header.seek(6)
    with path.open("rb") as file:
        for source in (io.BytesIO(png), behind_a_header, file):
            assert np.array_equal(read(source), picture)
    assert np.array_equal(read(memoryview(png)), picture)


def test_a_file_object_that_cannot_be_read_is_one_line():
    closed = io.BytesIO(b"x")
    closed.close()
    with pytest.raises(ImageError, match="cannot be read"):
        read(closed)
    with pytest.raises(ImageError, match="gives text; open it for bytes"):
        read(io.StringIO("hello"))
    with pytest.raises(ImageError, match="is empty"):
        read(io.BytesIO())


def test_a_tensor_is_read_as_its_array_with_channels_first():
    torch = pytest.importorskip("torch")
    picture = _gradient()
    tensor = torch.from_numpy(picture).permute(2, 0, 1)
    assert np.array_equal(read(tensor), picture)
    assert np.array_equal(read(tensor.permute(1, 2, 0)), picture)
    assert np.array_equal(read((tensor / 255).requires_grad_()), picture)
    assert np.array_equal(read(tensor[:1])[:, :, 2], picture[:, :, 0])
    # Three rows: PyTorch's first axis holds channels, NumPy's last one does.
    assert read(tensor[:, :3, :3].contiguous()).tolist() == picture[:3, :3].tolist()
    assert read(picture[:3, :3]).tolist() == picture[:3, :3].tolist()
    with pytest.raises(ImageError, match="runs from 0 to 255; divide it by 255"):
        read(tensor.float())
    with pytest.raises(ImageError, match=r"shape \(1, 3, 40, 60\), a batch: pass its pictures one by one"):
        read(tensor[None])
    with pytest.raises(ImageError, match="make it uint8"):
        read(tensor.to(torch.bfloat16))


def test_an_array_with_channels_first_is_turned():
    picture = _gradient()
    assert np.array_equal(read(picture.transpose(2, 0, 1)), picture)


def test_bgr_arrays_are_read_as_opencv_has_them():
    picture = _gradient()
    alpha = np.full((40, 60, 1), 255, np.uint8)
    assert np.array_equal(read(picture[:, :, ::-1], order="bgr"), picture)
    assert np.array_equal(read(picture[:, :, ::-1].transpose(2, 0, 1), order="bgr"), picture)
    assert np.array_equal(read(np.dstack([picture[:, :, ::-1], alpha]), order="bgr"), picture)
    assert np.array_equal(read(picture[:, :, 0], order="bgr")[:, :, 2], picture[:, :, 0])


def test_an_order_is_refused_where_it_would_be_ignored():
    with pytest.raises(ConfigError, match='"rgb", or "bgr"'):
        read(_gradient(), order="BRG")
    with pytest.raises(ConfigError, match="for arrays and tensors"):
        read(_bytes(Image.fromarray(_gradient()), "PNG"), order="bgr")


# What a file is


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04" + bytes(30), "a ZIP archive or office document"),
        (b"8BPS\x00\x02", r"a large Photoshop file \(PSB\)"),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42", "a video"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "a video"),
        (b"\x1a\x45\xdf\xa3" + bytes(20), "a video"),
        (b"<!DOCTYPE html><html>not found</html>", "a web page"),
    ],
)
def test_what_is_not_a_picture_is_called_by_its_name(content, what):
    with pytest.raises(ImageError, match=f"is not a picture but {what}; what is read is JPEG, PNG"):
        read(content)


def test_the_content_decides_not_the_name(tmp_path):
    path = tmp_path / "called.mp4"
    Image.fromarray(_gradient()).save(path, format="PNG")
    assert kind_of_file(path) == "PNG"
    assert np.array_equal(read(path), _gradient())
    assert kind_of_file(tmp_path / "missing.png") is None
    assert kind_of_file(tmp_path) is None


@pytest.mark.parametrize(
    ("brands", "kind"),
    [
        ([b"avif", b"mif1"], "AVIF"),
        ([b"mif1", b"avif"], "AVIF"),
        ([b"heic", b"mif1"], "HEIC"),
        ([b"mif1", b"heic"], "HEIC"),
        ([b"isom", b"avc1"], VIDEO),
        ([b"qt  "], VIDEO),
        # A clip may say that still-picture readers can show it; it stays a clip.
        ([b"isom", b"mif1", b"heic"], VIDEO),
    ],
)
def test_iso_files_are_told_apart_by_their_brands(brands, kind):
    body = b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:])
    assert kind_of(struct.pack(">I", len(body) + 4) + body + bytes(50)) == kind


def test_avif_is_read():
    picture = _gradient()
    back = read(_bytes(Image.fromarray(picture), "AVIF", quality=95))
    assert np.abs(back.astype(int) - picture).mean() < 4


def test_heic_is_read_without_teaching_pillow_for_everybody():
    heif = pytest.importorskip("pillow_heif")
    picture = _gradient()
    file = io.BytesIO()
    heif.from_pillow(Image.fromarray(picture)).save(file, quality=95)
    assert np.abs(read(file.getvalue()).astype(int) - picture).mean() < 6
    assert "HEIF" not in Image.OPEN


def test_heic_without_its_extra_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    heic = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"
    with pytest.raises(MissingExtraError, match=r"picture: .*pip install 'salgan\[heif\]'"):
        read(heic)


# Sound files that decoders stumble over


def _noise(side: int = 96) -> Image.Image:
    return Image.fromarray(np.random.default_rng(3).integers(0, 256, (side, side, 3), dtype=np.uint8))


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_lacks_only_its_end_mark_is_read(progressive):
    whole = _bytes(_noise(), "JPEG", progressive=progressive)
    assert np.array_equal(read(whole[:-2]), read(whole))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("missing", [40, 200, 1000])
def test_a_jpeg_that_lacks_pixels_is_refused(progressive, missing):
    whole = _bytes(_noise(), "JPEG", progressive=progressive)
    for cut in (whole[:-missing], whole[:-missing] + b"\xff\xd9"[:1]):
        with pytest.raises(ImageError, match="damaged or cut off"):
            read(cut)


@pytest.mark.parametrize("text", ["text", "profile"])
def test_a_png_with_much_text_gives_its_pixels(text):
    picture = _gradient()
    if text == "text":
        info = PngImagePlugin.PngInfo()
        info.add_text("workflow", "x" * (2 << 20), zip=True)
        png = _bytes(Image.fromarray(picture), "PNG", pnginfo=info)
    else:
        png = _bytes(Image.fromarray(picture), "PNG", icc_profile=bytes(2 << 20))
    assert np.array_equal(read(png), picture)


def test_text_in_a_png_does_not_hide_damaged_pixels():
    info = PngImagePlugin.PngInfo()
    info.add_text("workflow", "x" * (2 << 20), zip=True)
    png = _bytes(_noise(), "PNG", pnginfo=info)
    with pytest.raises(ImageError, match="damaged or cut off"):
        read(png[:-3000])


# Files made to keep a decoder busy


def _with_repeated_scans(times: int, side: int = 64) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    whole = _bytes(_noise(side), "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * times + b"\xff\xd9"


def test_a_jpeg_of_very_many_scans_is_refused_before_it_is_decoded():
    assert read(_with_repeated_scans(5)).shape == (64, 64, 3)
    with pytest.raises(ImageTooLargeError, match="more than 100 passes"):
        read(_with_repeated_scans(200))


def test_the_passes_of_a_jpeg_are_bounded_by_its_size():
    # 48 megapixels, 40 scans: nobody saves that, and it would take half a minute.
    flat = _bytes(Image.new("L", (8000, 6000), 100), "JPEG", progressive=True)
    last = flat.rindex(b"\xff\xda")
    with pytest.raises(ImageTooLargeError, match=r"passes over 48.0 megapixels"):
        read(flat[:-2] + flat[last:-2] * 40 + b"\xff\xd9")
    assert check_scans(flat) is None


def _tiff(values: np.ndarray, photometric: int, order: str = "<", **tags: int) -> bytes:
    """An uncompressed grey TIFF of one strip."""
    height, width = values.shape
    bits = values.dtype.itemsize * 8
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    known = {"subfile": 254, "tile_width": 322, "tile_height": 323}
    entries = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 277: 1, 278: height}
    entries |= {known[name]: value for name, value in tags.items()}
    start = 8 + 2 + 12 * (len(entries) + 2) + 4
    entries |= {273: start, 279: len(data)}
    out = (b"II*\x00" if order == "<" else b"MM\x00*") + struct.pack(order + "IH", 8, len(entries))
    for tag, value in sorted(entries.items()):
        out += struct.pack(order + "HHII", tag, 4, 1, value)
    return out + bytes(4) + data


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_tiff_in_which_0_is_white_is_not_a_negative(order, kind):
    top = np.iinfo(kind).max
    values = np.linspace(0, top, 60).astype(kind).reshape(6, 10)
    assert np.array_equal(read(_tiff(top - values, 0, order)), read(_tiff(values, 1, order)))
    assert read(_tiff(top - values, 0, order))[0, 0].tolist() == [0, 0, 0]


def test_the_preview_of_a_raw_photograph_is_not_taken_for_the_photograph():
    with pytest.raises(ImageError, match="small preview, as in raw photographs"):
        read(_tiff(np.zeros((6, 10), np.uint8), 1, subfile=1))


def test_a_tiff_of_huge_tiles_is_refused_before_they_are_decoded():
    with pytest.raises(ImageTooLargeError, match="tiles are far larger than the picture"):
        read(_tiff(np.zeros((6, 10), np.uint8), 1, tile_width=90_000, tile_height=90_000))


# Colours


def _profile(primaries: str) -> bytes:
    """A matrix profile as cameras and phones embed it, put together from sRGB's with other primaries."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for tag, xyz in _PRIMARIES[primaries].items():
        entry = profile.index(tag, 128)
        at = struct.unpack_from(">I", profile, entry + 4)[0] + 8
        struct.pack_into(">3i", profile, at, *(round(value * 65536) for value in xyz))
    return bytes(profile).replace(b"s\x00R\x00G\x00B", b"o\x00t\x00h\x00r").replace(b"sRGB", b"othr")


# XYZ of the primaries, adapted to D50, as ICC profiles hold them.
_PRIMARIES = {
    "Display P3": {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
    },
}


def test_colours_of_a_phone_become_those_of_srgb():
    # sRGB's pure red is (234, 51, 35) in Display P3: the same light, other numbers.
    p3 = Image.new("RGB", (8, 8), (234, 51, 35))
    png = _bytes(p3, "PNG", icc_profile=_profile("Display P3"))
    assert np.abs(read(png)[0, 0].astype(int) - RED).max() <= 3
    with_alpha = p3.convert("RGBA")
    assert np.abs(read(_bytes(with_alpha, "PNG", icc_profile=_profile("Display P3")))[0, 0] - RED).max() <= 3
    grey = Image.new("RGB", (8, 8), (128, 128, 128))
    assert np.abs(read(_bytes(grey, "PNG", icc_profile=_profile("Display P3"))).astype(int) - 128).max() <= 1


@pytest.mark.parametrize("profile", [_profile("Display P3"), b"nonsense" * 40, None])
def test_a_colour_that_is_transparent_stays_so_beside_a_profile(profile):
    """A PNG may call one colour transparent instead of having an alpha channel."""
    extra = {} if profile is None else {"icc_profile": profile}
    keyed = Image.new("RGB", (8, 8), (255, 0, 255))
    keyed.paste((0, 0, 0), (4, 0, 8, 8))
    found = read(_bytes(keyed, "PNG", transparency=(255, 0, 255), **extra))
    assert tuple(found[0, 0]) == WHITE
    assert found[0, 7].max() <= 1
    grey = Image.new("L", (8, 8), 90)
    assert tuple(read(_bytes(grey, "PNG", transparency=90, **extra))[0, 0]) == WHITE


@pytest.mark.parametrize("profile", [b"nonsense" * 40, b"\x00" * 200])
def test_a_broken_profile_does_not_cost_the_picture(profile):
    picture = _gradient()
    assert np.array_equal(read(_bytes(Image.fromarray(picture), "PNG", icc_profile=profile)), picture)


def test_srgb_itself_changes_nothing():
    picture = _gradient()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(read(_bytes(Image.fromarray(picture), "PNG", icc_profile=srgb)), picture)


def test_too_little_memory_is_called_that_and_not_damage(monkeypatch):
    png = _bytes(Image.fromarray(_gradient()), "PNG")

    def full(*_):
        raise MemoryError

    monkeypatch.setattr(Image.Image, "convert", full)
    with pytest.raises(NotEnoughMemoryError, match="not enough memory"):
        read(_bytes(Image.new("L", (4, 4)), "PNG"))
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", full)
    with pytest.raises(NotEnoughMemoryError, match="picture: there is not enough memory to decode it"):
        read(png)


@pytest.mark.parametrize("format", ["JPEG", "TIFF", "PNG"])
def test_a_size_comes_from_the_header_turned_as_the_picture_is(tmp_path, format):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "picture"
    Image.new("RGB", (48, 32)).save(path, format=format, exif=exif)
    assert size_of(path) == read(path).shape[1::-1] == (32, 48)
    assert size_of(path, turned=False) == ((32, 48) if format == "TIFF" else (48, 32))
    with pytest.raises(ImageError, match="no such file"):
        size_of(tmp_path / "missing")


def test_a_png_is_not_decoded_for_its_size_unless_its_end_may_turn_it(tmp_path, monkeypatch):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", (48, 32))
    (tmp_path / "plain.png").write_bytes(plain := _bytes(image, "PNG"))
    turned = _bytes(image, "PNG", exif=exif)
    start = turned.index(b"eXIf") - 4
    chunk = turned[start : turned.index(b"IDAT") - 4]
    (tmp_path / "late.png").write_bytes(plain[:-12] + chunk + plain[-12:])
    assert size_of(tmp_path / "late.png") == read(tmp_path / "late.png").shape[1::-1] == (32, 48)
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", None)
    assert size_of(tmp_path / "plain.png") == (48, 32)


def test_one_channel_takes_grey_of_any_kind_and_refuses_colours():
    for mode in ("1", "L", "I;16", "F", "RGB", "P"):
        assert one_channel(Image.new(mode, (5, 4))).shape == (4, 5)
    with pytest.raises(ImageError, match="has colours, like a heatmap"):
        one_channel(Image.fromarray(_gradient()))
