"""Two designs side by side: what moved, how far, and how it is drawn."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import ImageDraw

from salgan.ab import compare_variants, diverging, draw, draw_difference
from salgan.errors import ConfigError, ImageError
from salgan.regions import Region, parse_box
from salgan.saliency_map import SaliencyMap


def _blob(height: int, width: int, x: float, y: float) -> SaliencyMap:
    """A Gaussian at a place given in fractions."""
    rows, columns = (np.mgrid[0:height, 0:width] + 0.5) / np.array([height, width])[:, None, None]
    return SaliencyMap(np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 0.06**2)))


A, B = _blob(120, 160, 0.25, 0.5), _blob(120, 160, 0.75, 0.5)
LEFT, RIGHT = parse_box("left:0,0,0.5,1"), parse_box("right:0.5,0,0.5,1")


def test_regions_are_measured_in_both_and_their_change_is_the_difference():
    result = compare_variants(A, B, [LEFT, RIGHT])
    left, right = result.regions
    assert (left.name, right.name) == ("left", "right")
    assert left.a.share == pytest.approx(A.density[:, :80].sum())
    assert left.b.share == pytest.approx(B.density[:, :80].sum())
    assert left.change == left.b.share - left.a.share
    assert left.change == pytest.approx(-right.change)
    assert right.ratio == pytest.approx(right.b.share / right.a.share)


def test_a_region_without_attention_in_a_has_no_ratio():
    array = np.zeros((10, 10))
    array[:, 5:] = 1
    (left,) = compare_variants(SaliencyMap(array), SaliencyMap(np.ones((10, 10))), [LEFT]).regions
    assert (left.a.share, left.ratio) == (0, None)


def test_the_difference_is_that_of_the_densities():
    result = compare_variants(A, B)
    assert np.allclose(result.difference, B.density - A.density, atol=0)
    assert abs(result.difference.sum()) < 1e-9


def test_how_far_agrees_with_independent_computations():
    result = compare_variants(A, B)
    assert result.cc == pytest.approx(np.corrcoef(A.density.ravel(), B.density.ravel())[0, 1], abs=1e-9)
    assert result.moved == pytest.approx(1 - np.minimum(A.density, B.density).sum(), abs=1e-9)


def test_the_earth_mover_says_how_far_a_blob_has_moved():
    pytest.importorskip("ot")
    assert compare_variants(A, B).emd == pytest.approx(0.5, abs=0.01)
    assert compare_variants(A, _blob(120, 160, 0.35, 0.5)).emd == pytest.approx(0.1, abs=0.01)
    portrait = compare_variants(_blob(300, 200, 0.5, 0.3), _blob(300, 200, 0.5, 0.7))
    assert portrait.emd == pytest.approx(0.4, abs=0.01)


def test_without_pot_there_is_no_earth_movers_distance(monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    result = compare_variants(A, B)
    assert result.emd is None
    assert result.document()["emd"] is None
    assert result.moved > 0.9


@pytest.mark.parametrize("values", [np.zeros((8, 9)), np.full((8, 9), 0.3), A.array])
def test_equal_maps_have_not_moved(values):
    result = compare_variants(SaliencyMap(values), SaliencyMap(values.copy()))
    assert (result.cc, result.moved, result.emd) == (1, 0, 0)
    assert not result.difference.any()


def test_flat_maps_of_different_levels_are_equal_densities():
    for level in (0.0, 0.7):
        result = compare_variants(SaliencyMap(np.full((37, 41), 0.3)), SaliencyMap(np.full((37, 41), level)))
        assert (result.cc, result.emd) == (1, 0)
        assert result.moved < 1e-12


positive = arrays(np.float32, (6, 7), elements=st.floats(0.015625, 1, width=32))


@given(positive, positive)
@settings(max_examples=25)
def test_b_against_a_is_a_against_b_with_the_sign_turned(first, second):
    forward = compare_variants(SaliencyMap(first), SaliencyMap(second))
    backward = compare_variants(SaliencyMap(second), SaliencyMap(first))
    assert np.array_equal(forward.difference, -backward.difference)
    assert forward.moved == backward.moved
    assert forward.cc == pytest.approx(backward.cc, abs=1e-9)
    assert 0 <= forward.moved <= 1


def test_two_resolutions_of_one_design_are_the_same():
    pytest.importorskip("ot")
    large = SaliencyMap(A.array.repeat(3, axis=0).repeat(3, axis=1))
    result = compare_variants(large, A, [LEFT])
    assert not result.same_size
    assert result.difference.shape == (120, 160)
    assert result.moved < 1e-6
    assert result.cc == pytest.approx(1)
    assert result.emd == pytest.approx(0, abs=1e-3)
    assert result.regions[0].change == pytest.approx(0, abs=1e-6)


def test_pictures_of_other_shape_are_compared_in_fractions_of_their_sides():
    result = compare_variants(_blob(300, 100, 0.25, 0.5), _blob(90, 400, 0.25, 0.5), [LEFT])
    assert result.difference.shape == (90, 100)
    assert result.moved < 0.02
    assert abs(result.regions[0].change) < 0.01


def test_regions_in_pixels_need_pictures_of_one_size():
    box = Region.of_box("cta", 10, 10, 50, 50, "pixel")
    assert compare_variants(A, B, [box]).regions[0].name == "cta"
    with pytest.raises(ConfigError, match=r"cta is in pixels.*160×120.*200×120.*fractions"):
        compare_variants(A, _blob(120, 200, 0.5, 0.5), [box])


def test_the_document_holds_both_reports_and_the_numbers():
    document = compare_variants(A, B, [LEFT]).document()
    assert document["schema"] == "salgan.ab/1"
    assert document["a"]["schema"] == document["b"]["schema"] == "salgan.regions/1"
    (entry,) = document["regions"]
    assert entry["a"] == document["a"]["regions"][0]["share"]
    assert entry["change"] == entry["b"] - entry["a"]


# Pictures


def _oklab_lightness_and_chroma(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From sRGB, by the definition's forward matrices."""
    value = rgb / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    cone = np.cbrt(
        linear
        @ np.array(
            [
                [0.4122214708, 0.2119034982, 0.0883024619],
                [0.5363325363, 0.6806995451, 0.2817188376],
                [0.0514459929, 0.1073969566, 0.6299787005],
            ]
        )
    )
    lightness = cone @ [0.2104542553, 0.7936177850, -0.0040720468]
    a = cone @ [1.9779984951, -2.4285922050, 0.4505937099]
    b = cone @ [0.0259040371, 0.7827717662, -0.8086757660]
    return lightness, np.hypot(a, b)


def test_gain_and_loss_have_colours_of_the_same_strength():
    table = diverging().astype(float)
    lightness, chroma = _oklab_lightness_and_chroma(table)
    assert np.abs(lightness - lightness[::-1]).max() < 0.012
    assert np.abs(chroma - chroma[::-1]).max() < 0.012
    assert (np.diff(lightness[:128]) > -0.004).all()  # rises to the middle, but for rounding to 8 bits
    assert chroma[127] < 0.005
    assert lightness[127] > 0.95
    assert table[0, 2] > table[0, 0]  # blue
    assert table[-1, 0] > table[-1, 2]  # orange


def test_the_difference_is_blue_where_attention_was_lost_and_orange_where_it_was_gained():
    picture = np.full((120, 160, 3), 128, np.uint8)
    result = draw_difference(picture, compare_variants(A, B).difference).astype(int)
    lost, gained, neither = result[60, 40], result[60, 120], result[5, 80]
    assert lost[2] > lost[0] + 50
    assert gained[0] > gained[2] + 50
    assert np.ptp(neither) == 0


def test_the_difference_of_equal_maps_has_no_colour():
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    noise = SaliencyMap(np.clip(A.array + np.float32(1e-7), 0, 1))
    for other in (A, noise):
        result = draw_difference(picture, compare_variants(A, other).difference).astype(int)
        assert np.ptp(result, axis=2).max() <= 2


@pytest.mark.parametrize(
    ("size_a", "size_b"),
    [((120, 160), (120, 160)), ((1, 1), (1, 1)), ((2000, 30), (30, 2000)), ((50, 40), (900, 300))],
)
def test_the_page_shows_pictures_of_any_size(size_a, size_b):
    maps = tuple(SaliencyMap(np.random.default_rng(0).random(size)) for size in (size_a, size_b))
    pictures = tuple(np.zeros((*size, 3), np.uint8) for size in (size_a, size_b))
    regions = [parse_box(f"region {number} of a rather long name:0.1,.1,.5,.5") for number in range(4)]
    regions += [parse_box("目:0,0,1,1"), Region.of_box("outside", 2, 2, 1, 1, "fraction")]
    for some in ([], regions):
        page = draw(compare_variants(*maps, some), pictures, maps, ("a.png", "目.png"))
        assert page.dtype == np.uint8
        assert 1300 < page.shape[1] < 2000
        assert page.shape[0] < 2200
        assert (page[:20] == page[0, 0]).all()  # nothing runs over the margin


def test_the_pages_bars_are_as_long_as_the_shares():
    picture = np.zeros((120, 160, 3), np.uint8)
    array = np.zeros((120, 160))
    array[:, :40] = 1  # all of it in one quarter
    quarter, flat = SaliencyMap(array), SaliencyMap(np.ones((120, 160)))
    result = compare_variants(quarter, flat, [parse_box("quarter:0,0,.25,1")])
    page = draw(result, (picture, picture), (quarter, flat)).astype(int)
    lengths = [
        int((np.abs(page - colour).sum(axis=2) == 0).sum(axis=1).max())
        for colour in ((168, 168, 178), (76, 70, 110))
    ]
    assert lengths[1] / lengths[0] == pytest.approx(0.25, abs=0.02)


def test_a_number_on_a_panel_is_the_one_before_the_bars(monkeypatch):
    marked = []
    monkeypatch.setattr("salgan.ab.picture.Tags.add", lambda self, box, name, label: False)
    monkeypatch.setattr("salgan.ab.picture.Tags.mark", lambda self, box, words: marked.append(words))
    names = ["cta", "logo", "price"]
    in_a = [parse_box(f"{name}:0.{n},0,.1,.1") for n, name in enumerate(names)]
    picture = np.zeros((120, 160, 3), np.uint8)
    flat = SaliencyMap(np.ones((120, 160)))
    draw(compare_variants(flat, flat, in_a, in_a[1:]), (picture, picture), (flat, flat))
    assert marked == ["1", "2", "3", "2", "3", "2", "3"]  # on A, on B, and on the difference over B


def test_regions_without_bars_are_counted_and_not_labelled(monkeypatch):
    drawn = []
    text = ImageDraw.ImageDraw.text
    monkeypatch.setattr(
        ImageDraw.ImageDraw,
        "text",
        lambda self, at, words, **kw: (drawn.append(words), text(self, at, words, **kw)),
    )
    regions = [Region.of_box(f"r{n}", 0.01 * n, 0.2, 0.01, 0.01) for n in range(50)]
    picture = np.zeros((120, 160, 3), np.uint8)
    flat = SaliencyMap(np.ones((120, 160)))
    draw(compare_variants(flat, flat, regions), (picture, picture), (flat, flat))
    assert "and 10 more regions" in drawn


def test_a_page_of_other_pictures_is_refused():
    picture = np.zeros((120, 160, 3), np.uint8)
    with pytest.raises(ImageError, match="its map"):
        draw(compare_variants(A, B), (picture, np.zeros((100, 160, 3), np.uint8)), (A, B))
