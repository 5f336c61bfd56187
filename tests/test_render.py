"""render.overlay: a heatmap that follows saliency, the size of its picture, and honest about levels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from salgan.errors import ConfigError, ImageError
from salgan.render import CONTOUR_SHARES, colours, heat, overlay
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
@settings(max_examples=50, deadline=None)
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


def test_the_legend_stays_in_its_corner_and_small_pictures_have_none():
    picture = np.full((600, 800, 3), 128, dtype=np.uint8)
    saliency = SaliencyMap(_blob(600, 800, 200, 200, 50))
    change = _change(overlay(picture, saliency), overlay(picture, saliency, legend=True))
    rows, columns = np.nonzero(change)
    assert rows.min() > 400
    assert columns.min() > 400
    small = SaliencyMap(_blob(120, 160, 60, 80, 12))
    assert np.array_equal(overlay(GREY, small, legend=True), overlay(GREY, small))


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
