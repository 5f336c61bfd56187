"""Grey PNG files: the levels come back, smooth pictures take little, and nothing is held whole."""

import io

import numpy as np
import pytest
from PIL import Image

from salgan._png import grey_png

RNG = np.random.default_rng(0)


def _smooth(height, width, kind):
    rows, columns = np.mgrid[:height, :width]
    hill = np.exp(-(((rows - height / 3) / 70) ** 2) - ((columns - width / 2) / 90) ** 2)
    return np.rint(hill * np.iinfo(kind).max).astype(kind)


def _encoded(levels, band=256):
    height, width = levels.shape
    bands = (levels[start : start + band] for start in range(0, height, band))
    return b"".join(grey_png(bands, width, height, 8 * levels.itemsize))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (256, 7), (513, 64)])
@pytest.mark.parametrize("band", [1, 100, 256])
def test_the_levels_come_back_whatever_the_bands(kind, shape, band):
    levels = RNG.integers(0, np.iinfo(kind).max, shape, kind, endpoint=True)
    file = _encoded(levels, band)
    with Image.open(io.BytesIO(file)) as opened:
        opened.verify()  # each part's own checksum
    with Image.open(io.BytesIO(file)) as opened:
        assert opened.mode == {np.uint8: "L", np.uint16: "I;16"}[kind]
        np.testing.assert_array_equal(np.asarray(opened), levels)


@pytest.mark.parametrize(("kind", "share"), [(np.uint8, 0.07), (np.uint16, 0.25)])
def test_a_smooth_map_takes_a_small_part_of_its_array(kind, share):
    levels = _smooth(600, 800, kind)
    file = _encoded(levels)
    with Image.open(io.BytesIO(file)) as opened:
        np.testing.assert_array_equal(np.asarray(opened), levels)
    assert len(file) < share * levels.nbytes


def test_a_band_is_passed_on_before_the_next_one_is_made():
    taken = []

    def bands():
        for number in range(40):
            taken.append(number)
            yield RNG.integers(0, 256, (64, 512), np.uint8)

    parts = grey_png(bands(), 512, 40 * 64, 8)
    most = max(len(taken) for _, _ in zip(range(3), parts, strict=False))
    assert 0 < most < 10
