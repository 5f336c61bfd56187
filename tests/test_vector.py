"""SVG, PDF and PSD: what design tools save, drawn or decoded, and what a hostile file of theirs can do."""

import base64
import io
import struct

import numpy as np
import pytest
from PIL import Image

from salgan.errors import ImageError
from salgan.image import kind_of, read, size_of, vector
from salgan.image.svg import size_of_svg
from tests.serve.conftest import png

SVG = b"""<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 600">
  <script>document.documentElement.remove()</script>
  <rect x="600" width="600" height="600" fill="#0000ff"/>
</svg>"""


@pytest.fixture
def here(monkeypatch):
    """Draw without a process around it, which takes a moment to start."""
    pytest.importorskip("resvg_py", reason="needs the extra vector")
    pytest.importorskip("pypdfium2", reason="needs the extra vector")
    monkeypatch.setattr(vector._here, "is_set", lambda: True)


def _pdf(width=300, height=200) -> bytes:
    file = io.BytesIO()
    page = Image.new("RGB", (width, height), "white")
    page.paste((255, 0, 0), (0, 0, width // 2, height))
    page.save(file, "PDF", resolution=72)
    return file.getvalue()


def _psd(*, merged: bool = True) -> bytes:
    """4×2 pixels, red beside blue, as Photoshop writes it for other programs."""
    version = struct.pack(">IB", 1, merged) + bytes(11)
    block = b"8BIM" + struct.pack(">HHI", 1057, 0, len(version)) + version
    red = bytes([255, 255, 0, 0] * 2)
    planes = red + bytes(8) + red[::-1]
    return (
        b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 2, 4, 8, 3)
        + struct.pack(">I", 0) + struct.pack(">I", len(block)) + block + struct.pack(">I", 0)
        + struct.pack(">H", 0) + planes
    )  # fmt: skip


def test_what_design_tools_save_is_told_by_its_content():
    assert [kind_of(content) for content in (SVG, _pdf(), _psd())] == ["SVG", "PDF", "PSD"]
    assert kind_of(b"<!-- Generator: a tool -->\n" + SVG.partition(b"\n")[2]) == "SVG"
    assert kind_of(b"<!-- a comment --><html>") is None


def test_an_svg_is_drawn_at_its_size_over_the_background_and_its_script_is_not_run(here, tmp_path):
    picture = read(SVG)
    assert picture.shape == (600, 1200, 3)
    assert picture[300, 300].tolist() == [255, 255, 255]
    assert picture[300, 900].tolist() == [0, 0, 255]
    assert read(SVG, background=(0, 60, 0))[300, 300].tolist() == [0, 60, 0]
    path = tmp_path / "drawing.png"  # the content decides
    path.write_bytes(SVG)
    assert size_of(path) == (1200, 600)


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('width="2000" height="1000"', (2000, 1000)),
        ('width="20in" height="10in"', (1920, 960)),
        ('width="100%" viewBox="0 0 24 12"', (1024, 512)),  # an icon is enlarged
        ('viewBox="0,0,50000,25000"', (4096, 2048)),  # and a poster reduced
    ],
)
def test_small_drawings_are_enlarged_and_large_ones_reduced(here, attributes, size):
    if "viewBox" not in attributes:
        attributes += ' viewBox="0 0 20 10"'
    picture = read(f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}></svg>'.encode())
    assert (picture.shape[1], picture.shape[0]) == pytest.approx(size, abs=1)


def test_a_drawing_keeps_to_the_pixels_that_are_allowed(here):
    picture = read(SVG, max_pixels=50_000)
    assert 40_000 < picture.shape[0] * picture.shape[1] <= 50_000
    picture = read(_pdf(), max_pixels=50_000)
    assert 40_000 < picture.shape[0] * picture.shape[1] <= 50_000


def test_the_first_page_of_a_pdf_is_drawn_on_white(here):
    picture = read(_pdf())
    assert picture.shape == pytest.approx((683, 1024, 3), abs=1)
    assert picture[300, 200].tolist() == pytest.approx([255, 0, 0], abs=3)
    assert picture[300, 900].tolist() == [255, 255, 255]
    with pytest.raises(ImageError, match="picture: is damaged or cut off"):
        read(_pdf()[:200])


def test_pictures_inside_an_svg_are_shown_and_those_outside_are_refused(here, tmp_path):
    Image.new("RGB", (10, 10), "red").save(tmp_path / "secret.png")
    inside = "data:image/png;base64," + base64.b64encode((tmp_path / "secret.png").read_bytes()).decode()
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink"'
    svg = f'<svg {spaces} width="1100" height="90">{{}}</svg>'
    element = '<image x:href="{}" width="90" height="90"/>'
    assert read(svg.format(element.format(inside)).encode())[40, 40].tolist() == [255, 0, 0]
    for address in (tmp_path / "secret.png", (tmp_path / "secret.png").as_uri(), "https://example.org/a.png"):
        with pytest.raises(ImageError, match=r"shows another file .*, which is not read; embed it"):
            read(svg.format(element.format(address)).encode())
    hidden = f'<!DOCTYPE svg [<!ENTITY e "{tmp_path}/secret.png">]>' + svg.format(element.format("&e;"))
    with pytest.raises(ImageError, match="shows another file"):
        read(hidden.encode())
    nested = base64.b64encode(svg.format(element.format(tmp_path / "secret.png")).encode()).decode()
    outer = svg.format(element.format(f"data:image/svg+xml;base64,{nested}"))
    assert (read(outer.encode()) == 255).all()  # nothing is shown of it


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('<!ENTITY a "lol"><!ENTITY b "&a;&a;">', r"has an entity .'b'. that multiplies"),
        ('<!ENTITY a SYSTEM "file:///etc/passwd">', "has an entity .'a'. that multiplies or lies elsewhere"),
        (f'<!ENTITY a "{"x" * 2000}">', "has an entity"),
    ],
)
def test_entities_that_multiply_or_lie_elsewhere_are_refused(content, message):
    svg = f'<!DOCTYPE svg [{content}]><svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"/>'
    with pytest.raises(ImageError, match=message):
        size_of_svg(svg.encode())


@pytest.mark.parametrize(
    "content", [b"<svg", b"<svg><g></svg>", b'<svg width="1e300" height="1"/>', b"<svg>\xff</svg>"]
)
def test_a_broken_svg_is_one_line(here, content):
    with pytest.raises(ImageError, match=r"^picture: "):
        read(content)


def test_a_drawing_that_never_ends_is_stopped(monkeypatch):
    pytest.importorskip("resvg_py", reason="needs the extra vector")
    # Each level shows the one below twice over: 2 ** 60 circles.
    levels = "".join(f'<g id="l{n + 1}"><use href="#l{n}"/><use href="#l{n}"/></g>' for n in range(60))
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle id="l0" r="2"/>{levels}</svg>'
    )
    monkeypatch.setattr(vector, "_SECONDS", 1.0)
    monkeypatch.setattr(vector, "_ROOM", 300_000_000)
    with pytest.raises(ImageError, match=r"^picture: .*(save it as PNG|cannot be drawn)"):
        read(svg.encode())


def test_the_process_that_draws_gives_what_was_drawn(here, monkeypatch):
    expected = read(SVG)
    monkeypatch.undo()
    np.testing.assert_array_equal(read(SVG), expected)


def test_the_merged_picture_of_a_psd_is_read_and_one_without_it_refused():
    assert read(_psd())[0].tolist() == [[255, 0, 0]] * 2 + [[0, 0, 255]] * 2
    with pytest.raises(ImageError, match="without its merged picture"):
        read(_psd(merged=False))


@pytest.mark.parametrize("content", [SVG, _pdf(), _psd()])
def test_the_services_decoders_draw_them_as_well(here, content):
    from salgan.serve.decoding import Decoders
    from salgan.serve.limits import Limits

    decoders = Decoders(Limits())
    try:
        np.testing.assert_array_equal(decoders.read(content), read(content))
        assert decoders.read(png(30, 20)).shape == (20, 30, 3)  # and go on
    finally:
        decoders.close()


def test_without_the_extra_the_way_to_get_it_is_shown(monkeypatch):
    import sys

    from salgan.errors import MissingExtraError

    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'salgan\[vector\]'"):
        read(SVG)
