"""The model `best` of release/: three networks in one file."""

from pathlib import Path

import numpy as np
import pytest

from salgan import image, load_model

ROOT = Path(__file__).parents[2]
if not (ROOT / "release" / "best.onnx").exists():
    pytest.skip("release/ is only in a checkout", allow_module_level=True)


@pytest.fixture(scope="module")
def best():
    return load_model("best")


@pytest.fixture(scope="module")
def photo():
    return image.read(ROOT / "examples" / "photo.jpg")


def test_it_is_fed_by_lites_rule_at_shapes_of_its_own(best):
    mine, lites = best.preprocessing, load_model("lite").preprocessing
    assert (mine.shape, mine.squash, mine.filter) == ((352, 448), lites.squash, lites.filter)
    assert mine.shapes == ((352, 448), (320, 480), (256, 576), (224, 672), (480, 320), (576, 256), (672, 224))
    assert len(mine.shapes) == len(lites.shapes)
    assert {mine.shape_for(*size) for size in ((600, 800), (800, 600), (100, 100))} == {(352, 448)}
    assert {mine.shape_for(1000, 400), mine.shape_for(400, 1000)[::-1]} == {(576, 256)}
    for height, width in mine.shapes:
        assert height % 32 == width % 32 == 0
        assert height * width == pytest.approx(352 * 448, rel=0.1)


def test_a_mirrored_photograph_has_the_mirrored_map_which_reaches_1(best, photo):
    found = best.predict(photo).array
    mirrored = best.predict(np.ascontiguousarray(photo[:, ::-1])).array[:, ::-1]
    assert found.max() == pytest.approx(1, abs=1e-3)
    assert np.abs(found - mirrored).max() < 0.02  # which pixels resizing mixes is not quite symmetric
    assert np.ptp(found) > 0.9


def test_it_agrees_with_lite_on_where_people_look_and_is_not_lite(best, photo):
    one, other = best.predict(photo).density, load_model("lite").predict(photo).density
    assert 0.8 < np.corrcoef(one.ravel(), other.ravel())[0, 1] < 0.999
