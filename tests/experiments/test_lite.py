"""The scripts behind lite's card: how models are named to them, and pictures that nobody has looked at."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from salgan import SaliencyMap, load_model
from salgan.image import read
from tests._scripts import script_at

LITE = Path(__file__).parents[2] / "experiments/lite"


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def density(array):
    return array / array.sum(dtype=float)


def test_models_joined_by_a_plus_are_the_mean_of_their_densities(model, picture):
    opened = script_at(LITE / "shapes.py").opened
    own, squeezed = (density(opened(f"{model}{shape}")(picture)) for shape in ("", ":32x16"))
    assert np.abs(own - squeezed).max() > 1e-6
    mean = opened(f"{model}@3+{model}:32x16")(picture)
    np.testing.assert_allclose(density(mean), 0.75 * own + 0.25 * squeezed, atol=1e-12)


def test_pictures_without_gaze_become_a_source_with_a_models_maps(model, tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    (tmp_path / "in/web").mkdir(parents=True)
    for name, size in (("a", (500, 700)), ("web/a", (1000, 450))):
        pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"in/{name}.png")
    script = script_at(LITE / "unlabelled.py")
    monkeypatch.setattr(script, "SMALLEST", 100)
    arguments = [str(tmp_path / "in"), str(tmp_path / "out"), "--model", str(model), "--crops", "2"]
    monkeypatch.setattr(sys, "argv", ["unlabelled.py", *arguments])
    script.main()
    images = sorted((tmp_path / "out/images").iterdir())
    # A picture of more than two to one is shown in crops alone.
    assert [path.stem for path in images] == ["a-0", "a-1", "a-2", "web-a-0", "web-a-1"]
    assert read(images[0]).shape == (457, 640, 3)
    for path in images:
        kept = SaliencyMap.load(tmp_path / "out/maps" / f"{path.stem}.png").array
        found = load_model(model).predict(path).array
        assert kept.shape == found.shape
        assert np.abs(kept - found).mean() < 0.02  # the map was made before the JPEG
    times = {path: path.stat().st_mtime_ns for path in images}
    script.main()
    assert times == {path: path.stat().st_mtime_ns for path in images}
