"""The model `best` of release/: two networks in one file."""

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


def test_it_is_fed_as_lite_is(best):
    assert best.preprocessing == load_model("lite").preprocessing


def test_a_mirrored_photograph_has_the_mirrored_map_which_reaches_1(best, photo):
    found = best.predict(photo).array
    mirrored = best.predict(np.ascontiguousarray(photo[:, ::-1])).array[:, ::-1]
    assert found.max() == pytest.approx(1, abs=1e-3)
    assert np.abs(found - mirrored).max() < 0.02  # which pixels resizing mixes is not quite symmetric
    assert np.ptp(found) > 0.9


def test_it_agrees_with_lite_on_where_people_look_and_is_not_lite(best, photo):
    one, other = best.predict(photo).density, load_model("lite").predict(photo).density
    assert 0.8 < np.corrcoef(one.ravel(), other.ravel())[0, 1] < 0.999
