"""render.overlay: a heatmap that follows saliency, the size of its picture, and honest about levels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from salgan.errors import ConfigError, ImageError
from salgan.render import CONTOUR_SHARES, PALETTES, colours, heat, overlay, palette_for
from salgan.saliency_map import SaliencyMap

GREY = np.full((120, 160, 3), 128, dtype=np.uint8)


def _blob(height: int, width: int, y: float, x: float, sigma: float) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * sigma**2))


def _change(picture: np.ndarray, result: np.ndarray) -> np.ndarray:
    return np.abs(result.astype(int) - picture).sum(axis=2)


def _lightness(rgb: np.ndarray) -> np.ndarray:
    """CIE L* of sRGB colours, from its definition."""
    value = rgb / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    return np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance)


def test_the_colours_lightness_always_rises_and_by_even_steps():
    lightness = _lightness(colours().astype(float))
    rise = lightness[8:] - lightness[:-8]
    assert (rise > 0).all()
    assert rise.max() / rise.mean() < 2
    assert lightness[0] < 30
    assert lightness[-1] > 92


def test_the_colours_cannot_be_changed_by_a_caller():
    with pytest.raises(ValueError, match="read-only"):
        colours()[0] = 0


def test_the_overlay_has_the_pictures_size_and_leaves_the_picture_alone():
    picture = GREY.copy()
    result = overlay(picture, SaliencyMap(_blob(120, 160, 60, 80, 15)), contours=True, legend=True)
    assert (result.shape, result.dtype) == (picture.shape, np.uint8)
    assert np.array_equal(picture, GREY)


def test_an_overlay_may_take_the_place_of_its_picture():
    rng = np.random.default_rng(0)
    picture, saliency = rng.integers(0, 256, (700, 500, 3), np.uint8), SaliencyMap(rng.random((700, 500)))
    expected = overlay(picture, saliency, contours=True)
    assert overlay(picture, saliency, contours=True, out=picture) is picture
    np.testing.assert_array_equal(picture, expected)


def test_the_picture_stays_clear_where_nobody_looks_and_takes_colour_where_people_do():
    result = overlay(GREY, SaliencyMap(_blob(120, 160, 60, 80, 12)))
    change = _change(GREY, result)
    assert change[0, 0] == change[119, 159] == 0
    assert change[60, 80] > 100
    expected = 0.3 * 128 + 0.7 * colours()[255].astype(float)
    assert np.abs(result[60, 80] - expected).max() <= 1


def test_one_hot_spot_does_not_hide_the_rest():
    array = 0.1 * _blob(120, 160, 30, 40, 10) + 0.2 * _blob(120, 160, 90, 40, 10)
    array[100, 120] = 1.0  # one pixel, five times as salient as anything else
    saliency = SaliencyMap(array)
    assert heat(saliency)[90, 40] > 0.9
    assert _change(GREY, overlay(GREY, saliency))[30, 40] > 60


@pytest.mark.parametrize("level", [0.0, 0.4, 1.0])
def test_a_flat_map_leaves_the_picture_as_it_is(level):
    saliency = SaliencyMap(np.full((120, 160), level))
    assert not heat(saliency).any()
    assert np.array_equal(overlay(GREY, saliency, contours=True), GREY)


def test_a_spot_too_small_for_the_percentiles_is_still_shown():
    array = np.zeros((120, 160))
    array[50, 60] = 0.3
    assert _change(GREY, overlay(GREY, SaliencyMap(array)))[50, 60] > 100


def test_opacity_0_is_the_picture_and_1_is_the_colour():
    saliency = SaliencyMap(_blob(120, 160, 60, 80, 12))
    assert np.array_equal(overlay(GREY, saliency, opacity=0), GREY)
    assert np.array_equal(overlay(GREY, saliency, opacity=1)[60, 80], colours()[255])


@given(arrays(np.float32, (9, 11), elements=st.floats(0, 1, width=32)))
@settings(max_examples=50)
def test_heat_keeps_the_order_of_saliency(array):
    order = np.argsort(array, axis=None)
    assert (np.diff(heat(SaliencyMap(array)).ravel()[order]) >= 0).all()


@pytest.mark.parametrize("height", [200, 700])  # 700 rows are drawn in several bands
def test_contours_enclose_the_stated_shares_of_attention(height):
    sigma = height / 10
    array = _blob(height, height, height / 2, height / 2, sigma)
    saliency = SaliencyMap(array)
    picture = np.zeros((height, height, 3), dtype=np.uint8)
    lines = overlay(picture, saliency, opacity=0, contours=True)[:, :, 0]
    profile = lines[height // 2, height // 2 :]
    # Of a Gaussian, the disc of radius r holds 1 - exp(-r²/2σ²).
    for share in CONTOUR_SHARES:
        radius = sigma * np.sqrt(-2 * np.log(1 - share))
        around = profile[int(radius) - 2 : int(radius) + 4]
        assert around.astype(int).sum() > 200
        assert not profile[[int(radius) - 4, int(radius) + 6]].any()
    assert profile[0] == 0
    assert (lines[height // 4] == lines[height // 4, ::-1])[1:].mean() > 0.99


def test_contours_are_drawn_alike_across_bands():
    array = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (600, 1))
    picture = np.zeros((600, 64, 3), dtype=np.uint8)
    result = overlay(picture, SaliencyMap(array), contours=True)
    assert (result == result[0]).all()
    assert not np.array_equal(result, overlay(picture, SaliencyMap(array)))


def test_the_legend_inside_stays_in_its_corner_and_small_pictures_have_none():
    picture = np.full((600, 800, 3), 128, dtype=np.uint8)
    saliency = SaliencyMap(_blob(600, 800, 200, 200, 50))
    change = _change(overlay(picture, saliency), overlay(picture, saliency, legend="inside"))
    rows, columns = np.nonzero(change)
    assert rows.min() > 400
    assert columns.min() > 400
    small = SaliencyMap(_blob(120, 160, 60, 80, 12))
    assert np.array_equal(overlay(GREY, small, legend="inside"), overlay(GREY, small))
    assert np.array_equal(overlay(GREY, small, legend=True), overlay(GREY, small))


def test_the_legend_inside_holds_all_of_its_words_and_no_bar_without_colours():
    picture = np.full((720, 1280, 3), 128, dtype=np.uint8)
    saliency = SaliencyMap(_blob(720, 1280, 200, 200, 50))
    plain = overlay(picture, saliency, contours=True)
    both = _change(plain, overlay(picture, saliency, contours=True, legend="inside"))
    columns = np.nonzero(both.any(axis=0))[0]
    white = (overlay(picture, saliency, contours=True, legend="inside") > 200).all(axis=2) & both
    # The panel goes beyond its words on both sides.
    inside = np.nonzero(white.any(axis=0))[0]
    assert inside.min() > columns.min() + 8
    assert inside.max() < columns.max() - 8
    lines = overlay(picture, saliency, view="contours", legend="inside")
    coloured = np.ptp(lines.astype(int), axis=2)[500:, 700:]
    assert coloured.max() < 30  # no bar from black over purple to yellow


def test_the_legend_is_below_the_picture_and_hides_none_of_it():
    picture = np.full((600, 800, 3), 128, dtype=np.uint8)
    saliency = SaliencyMap(_blob(600, 800, 200, 200, 50))
    result = overlay(picture, saliency, legend=True)
    assert result.shape[0] > 620
    assert np.array_equal(result[:600], overlay(picture, saliency))
    away = np.abs(result[600:].astype(int) - colours()[128]).sum(axis=2)
    assert away.min() < 12  # the bar has the colours of the heat


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (2, 2), (257, 3), (300, 4)])
def test_pictures_of_any_size_are_drawn(size):
    array = np.random.default_rng(0).random(size)
    picture = np.zeros((*size, 3), dtype=np.uint8)
    assert overlay(picture, SaliencyMap(array), contours=True, legend=True).shape == (*size, 3)


def test_a_picture_that_is_not_the_maps_is_refused():
    saliency = SaliencyMap(np.zeros((120, 160)))
    with pytest.raises(ImageError, match=r"\(160, 120\), its map \(120, 160\)"):
        overlay(np.zeros((160, 120, 3), dtype=np.uint8), saliency)
    with pytest.raises(ImageError, match="float64"):
        overlay(np.zeros((120, 160, 3)), saliency)
    with pytest.raises(ImageError, match=r"\(120, 160\), not uint8 \(H, W, 3\)"):
        overlay(np.zeros((120, 160), dtype=np.uint8), saliency)
    for opacity in (-0.1, 1.1, float("nan")):
        with pytest.raises(ConfigError, match="between 0 and 1"):
            overlay(GREY, saliency, opacity=opacity)


# Light and dark pictures, other palettes and views


def _contrast(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The contrast of two colours by WCAG 2, from 1 to 21, from its definition."""

    def relative(rgb: np.ndarray) -> np.ndarray:
        value = np.asarray(rgb, dtype=float) / 255
        linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    first, second = relative(one), relative(other)
    return (np.maximum(first, second) + 0.05) / (np.minimum(first, second) + 0.05)


RAMP = SaliencyMap(np.linspace(0, 1, 256)[None].repeat(40, axis=0))
"""Every heat there is, side by side."""


@pytest.mark.parametrize(("page", "palette"), [(255, "paper"), (240, "paper"), (0, "night"), (24, "night")])
def test_the_hottest_place_stands_out_from_a_page_of_any_brightness(page, palette):
    picture = np.full((40, 256, 3), page, np.uint8)
    assert palette_for(picture) == palette
    drawn = overlay(picture, RAMP)[20]
    assert _contrast(drawn[-1], picture[0, 0]) > 3  # WCAG's least for graphics; magma has 1.1 on white
    against_page = _contrast(drawn, picture[0, 0])
    assert (np.diff(against_page) > -0.06).all()  # hotter is never closer to the page
    assert _contrast(overlay(picture, RAMP, palette="magma")[20, -1], picture[0, 0]) < 1.5 or page < 128


@pytest.mark.parametrize(("page", "text"), [(255, 0), (0, 255)])
def test_text_stays_legible_under_every_heat(page, text):
    picture, letters = (np.full((40, 256, 3), level, np.uint8) for level in (page, text))
    palette = palette_for(picture)
    drawn, lettered = overlay(picture, RAMP)[20], overlay(letters, RAMP, palette=palette)[20]
    assert _contrast(drawn, lettered).min() >= 4.5  # WCAG's least for text
    washed_out = overlay(picture, RAMP, palette="magma")[20], overlay(letters, RAMP, palette="magma")[20]
    assert _contrast(*washed_out).min() < _contrast(drawn, lettered).min()


def test_photographs_have_the_colours_they_had():
    assert palette_for(GREY) == "magma"
    assert np.array_equal(overlay(GREY, RAMP_ON_GREY), overlay(GREY, RAMP_ON_GREY, palette="magma"))


RAMP_ON_GREY = SaliencyMap(_blob(120, 160, 60, 80, 15))


def test_every_palette_draws_in_its_own_colours():
    drawn = [overlay(GREY, RAMP_ON_GREY, palette=palette).tobytes() for palette in PALETTES[1:]]
    assert len(set(drawn)) == len(PALETTES) - 1
    for palette in ("paper", "night"):
        steps = np.diff(_lightness(colours(palette).astype(float)))
        assert (steps < 0.2).all() if palette == "paper" else (steps > -0.2).all()


@pytest.mark.parametrize("level", [20, 128, 250])
def test_fog_hides_what_nobody_looks_at_and_nothing_else(level):
    picture = np.random.default_rng(0).integers(level - 5, level + 5, (120, 160, 3)).astype(np.uint8)
    result = overlay(picture, SaliencyMap(_blob(120, 160, 60, 80, 12)), view="fog")
    assert np.array_equal(result[60, 80], picture[60, 80])
    assert _change(picture, result)[5, 5] > 100


def test_focus_takes_detail_and_colour_from_the_rest():
    picture = np.zeros((240, 320, 3), np.uint8)
    picture[::2, :, 0] = 200  # red stripes
    picture[..., 1] = 60
    result = overlay(picture, SaliencyMap(_blob(240, 320, 120, 160, 24)), view="focus").astype(int)
    assert np.array_equal(result[118:122, 160], picture[118:122, 160])
    away = result[10:30, 10:30]
    assert np.ptp(away[:, :, 1]) < 40  # no stripes
    assert np.abs(away[..., 0] - away[..., 1]).max() < 40  # no red


def test_contours_alone_leave_the_picture_but_for_the_lines():
    saliency = SaliencyMap(_blob(300, 300, 150, 150, 30))
    for level in (0, 255):
        picture = np.full((300, 300, 3), level, np.uint8)
        result = overlay(picture, saliency, view="contours")
        changed = _change(picture, result) > 0
        assert 0 < changed.mean() < 0.2
        assert _contrast(result, picture).max() > 4.5  # lines are dark on white and white on black


def test_contours_have_no_facets_of_the_networks_grid():
    """A map of few pixels, enlarged without smoothing: its level lines are stairs, ours are not."""
    coarse = _blob(30, 40, 15, 20, 4).astype(np.float32)
    saliency = SaliencyMap(coarse.repeat(20, axis=0).repeat(20, axis=1))
    picture = np.zeros((600, 800, 3), np.uint8)
    lines = overlay(picture, saliency, view="contours")[:, :, 0] > 128
    rows, columns = np.nonzero(lines)
    for share in CONTOUR_SHARES:
        radius = 80 * np.sqrt(-2 * np.log(1 - share))
        distance = np.hypot(rows - 309.5, columns - 409.5)
        near = np.abs(distance - radius) < 16
        assert near.sum() > 500
        assert distance[near].std() < 5  # stairs of 20 pixels have 6 and more


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"palette": "magm"}, "did you mean magma"),
        ({"view": "foggy"}, "did you mean fog"),
        ({"view": "x"}, "there are heat"),
    ],
)
def test_an_unknown_palette_or_view_names_the_closest(options, message):
    with pytest.raises(ConfigError, match=message):
        overlay(GREY, RAMP_ON_GREY, **options)
