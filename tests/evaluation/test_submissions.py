"""The archives that benchmarks ask for."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from salgan.datasets import Stimulus
from salgan.errors import ConfigError, DatasetError, ModelError
from salgan.evaluation.map_sources import open_map_source
from salgan.evaluation.submissions import SUBMISSIONS, submit
from tests.evaluation.conftest import Brightness

SMALL = {
    "salicon": replace(SUBMISSIONS["salicon"], count=3, size=(64, 48)),
    "mit300": replace(SUBMISSIONS["mit300"], count=3),
    "cat2000": replace(SUBMISSIONS["cat2000"], count=4, folders=2, size=(64, 36)),
}
NAMES = {
    "salicon": [f"COCO_test2014_{number:012d}" for number in (5, 17, 99)],
    "mit300": ["i1", "i2", "i300"],
    "cat2000": ["Action/001", "Action/002", "Sketch/001", "Sketch/002"],
}


def pictures(root, benchmark, size=None, seed=0):
    rng = np.random.default_rng(seed)
    for number, name in enumerate(NAMES[benchmark]):
        width, height = size or SMALL[benchmark].size or (40 + number, 30)
        path = root / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8)).save(path)
    return root


@pytest.mark.parametrize(
    ("benchmark", "entry", "kind"),
    [
        ("salicon", "{}.png", "PNG"),
        ("mit300", "brightness/{}.jpg", "JPEG"),
        ("cat2000", "brightness/{}.jpg", "JPEG"),
    ],
)
def test_archives_hold_what_the_benchmark_asks_for(tmp_path, benchmark, entry, kind):
    folder = pictures(tmp_path / "pictures", benchmark)
    out = tmp_path / "maps.zip"
    assert submit(SMALL[benchmark], Brightness(), folder, out) == len(NAMES[benchmark])
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist() == [entry.format(name) for name in sorted(NAMES[benchmark])]
        for name, member in zip(sorted(NAMES[benchmark]), archive.namelist(), strict=True):
            with Image.open(folder / f"{name}.jpg") as picture:
                expected = np.asarray(picture).mean(axis=-1)
            saved = Image.open(io.BytesIO(archive.read(member)))
            assert (saved.format, saved.mode, saved.size) == (kind, "L", expected.shape[::-1])
            assert np.abs(np.asarray(saved) - expected / expected.max() * 255).mean() < 1


def test_the_same_maps_make_the_same_archive(tmp_path):
    folder = pictures(tmp_path / "pictures", "mit300")
    for name in ("a.zip", "b.zip"):
        submit(SMALL["mit300"], Brightness(), folder, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_the_real_benchmarks_have_their_real_sizes():
    facts = {each.name: (each.count, each.size, each.folders) for each in SUBMISSIONS.values()}
    assert facts == {
        "salicon": (5000, (640, 480), 0),
        "mit300": (300, None, 0),
        "cat2000": (2000, (1920, 1080), 20),
    }


def test_pictures_are_checked_before_anything_is_predicted(tmp_path):
    class Never:
        def predict(self, picture):
            raise AssertionError("predicted before the pictures were checked")

    out = tmp_path / "maps.zip"
    folder = pictures(tmp_path / "a", "salicon")
    with pytest.raises(DatasetError, match="holds 3 pictures, salicon has 5,000"):
        submit("salicon", Never(), folder, out)
    with pytest.raises(DatasetError, match="is not a picture of mit300"):
        submit("mit300", Never(), folder, out)
    with pytest.raises(DatasetError, match="is 40×30, the pictures of salicon are 64×48"):
        submit(SMALL["salicon"], Never(), pictures(tmp_path / "b", "salicon", (40, 30)), out)
    uneven = pictures(tmp_path / "c", "cat2000")
    (uneven / "Sketch" / "002.jpg").rename(uneven / "Action" / "003.jpg")
    with pytest.raises(DatasetError, match="2 folders of 1 to 3 pictures"):
        submit(SMALL["cat2000"], Never(), uneven, out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("array", "words"),
    [(np.full((30, 40), 0.5), "flat"), (np.full((30, 40), np.nan), "NaN"), (-np.eye(30, 40), "negative")],
)
def test_maps_that_8_bits_cannot_hold_leave_no_archive(tmp_path, array, words):
    class Odd:
        def predict(self, picture):
            return array

    folder = pictures(tmp_path / "pictures", "mit300", (40, 30))
    with pytest.raises(ModelError, match=words):
        submit(SMALL["mit300"], Odd(), folder, tmp_path / "maps.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


@pytest.mark.parametrize(
    ("shape", "words"), [((40, 30), "rows and columns are exchanged"), ((30, 30), "of another shape")]
)
def test_maps_of_another_shape_are_refused_and_not_distorted(tmp_path, shape, words):
    folder, maps = pictures(tmp_path / "pictures", "mit300", (40, 30)), tmp_path / "maps"
    maps.mkdir()
    for name in NAMES["mit300"]:
        np.save(maps / f"{name}.npy", np.random.default_rng(0).random(shape))
    with pytest.raises(ModelError, match=f"i1: .*{words}"):
        submit(SMALL["mit300"], maps, folder, tmp_path / "maps.zip")
    assert not (tmp_path / "maps.zip").exists()


def test_a_folder_of_maps_must_have_them_all(tmp_path):
    folder = pictures(tmp_path / "pictures", "mit300")
    maps = tmp_path / "maps"
    maps.mkdir()
    for name in ("i1", "i2"):
        np.save(maps / f"{name}.npy", np.random.default_rng(0).random((30, 40)))
    with pytest.raises(ModelError, match="no map for 1 of 3 pictures, the first i300"):
        submit(SMALL["mit300"], maps, folder, tmp_path / "maps.zip")


def test_an_archive_is_not_replaced_unasked(tmp_path):
    folder, out = pictures(tmp_path / "pictures", "mit300"), tmp_path / "maps.zip"
    out.write_bytes(b"mine")
    with pytest.raises(ConfigError, match="--overwrite"):
        submit(SMALL["mit300"], Brightness(), folder, out)
    assert out.read_bytes() == b"mine"
    submit(SMALL["mit300"], Brightness(), folder, out, overwrite=True)
    assert zipfile.is_zipfile(out)
    with pytest.raises(ConfigError, match=r"must end in \.zip"):
        submit(SMALL["mit300"], Brightness(), folder, tmp_path / "maps.tar")
    with pytest.raises(ConfigError, match="did you mean mit300"):
        submit("mit30", Brightness(), folder, tmp_path / "b.zip")


@pytest.mark.parametrize("name", ["center-bias", "half-viewers", "one-viewer", "gold"])
def test_a_baseline_that_is_made_from_fixations_is_refused_before_a_picture_is_opened(tmp_path, name):
    missing = tmp_path / "no-pictures"
    with pytest.raises(ModelError, match=f"baseline:{name} is made from fixations, and the test pictures of"):
        submit("mit300", f"baseline:{name}", missing, tmp_path / "maps.zip")


def test_a_benchmark_is_known_in_any_case(tmp_path):
    with pytest.raises(DatasetError, match="no such folder"):
        submit("MIT300", Brightness(), tmp_path / "no-pictures", tmp_path / "maps.zip")


def test_densities_are_submitted_as_their_logarithms_under_the_files_names(tmp_path):
    h5py = pytest.importorskip("h5py")
    for benchmark in ("mit300", "cat2000"):
        folder, out = pictures(tmp_path / benchmark, benchmark), tmp_path / f"{benchmark}.hdf5"
        assert submit(SMALL[benchmark], Brightness(), folder, out) == len(NAMES[benchmark])
        with h5py.File(out) as file:
            for name in NAMES[benchmark]:
                with Image.open(folder / f"{name}.jpg") as picture:
                    expected = np.asarray(picture).mean(axis=-1)
                stored = file[f"{name}.jpg"][()]
                assert (stored.shape, stored.dtype) == (expected.shape, np.float32)
                assert np.exp(stored.astype(float)).sum() == pytest.approx(1, abs=1e-5)
                expected = (1 - 1e-6) * expected / expected.sum() + 1e-6 / expected.size
                assert np.exp(stored) == pytest.approx(expected, rel=1e-4)


def test_a_black_pixel_has_a_finite_logarithm_and_the_file_can_be_evaluated(tmp_path):
    class Spot:
        def predict(self, picture):
            spot = np.zeros(picture.shape[:2])
            spot[5, 6] = 1
            return spot

    folder, out = pictures(tmp_path / "pictures", "mit300", (40, 30)), tmp_path / "spot.h5"
    submit(SMALL["mit300"], Spot(), folder, out)
    source = open_map_source(out)
    assert source.kind == "log-density"
    stored = source.predict(Stimulus("i2", folder / "i2.jpg"))
    assert np.isfinite(stored).all()
    assert stored.min() == pytest.approx(np.log(1e-6 / 1200), abs=1e-3)


@pytest.mark.parametrize("kind", [None, "density", "log-density"])
def test_a_set_of_maps_is_taken_for_what_it_says_or_shows(tmp_path, kind):
    folder, said = pictures(tmp_path / "pictures", "mit300", (40, 30)), []
    density = np.random.default_rng(0).random((30, 40)) + 0.1
    density /= density.sum()
    values = np.log(density) if kind == "log-density" else density
    record = {} if kind is None else {"kind": kind}
    np.savez(tmp_path / "maps.npz", **record, **dict.fromkeys(NAMES["mit300"], values))
    submit(SMALL["mit300"], tmp_path / "maps.npz", folder, tmp_path / "out.hdf5", say=said.append)
    stored = open_map_source(tmp_path / "out.hdf5").predict(Stimulus("i1", folder / "i1.jpg"))
    assert np.exp(stored) == pytest.approx(density, rel=1e-2)
    assert bool(said) == (kind is None)
    np.savez(tmp_path / "logs.npz", **dict.fromkeys(NAMES["mit300"], np.log(density)))
    submit(SMALL["mit300"], tmp_path / "logs.npz", folder, tmp_path / "logs.hdf5", say=said.append)
    assert "the maps are log densities" in said[-1]
    again = open_map_source(tmp_path / "logs.hdf5").predict(Stimulus("i1", folder / "i1.jpg"))
    assert np.exp(again) == pytest.approx(density, rel=1e-2)


@pytest.mark.parametrize(
    ("array", "words"),
    [(np.full((30, 40), 0.5), "flat"), (np.full((30, 40), np.nan), "NaN"), (-np.eye(30, 40), "negative"),
     (np.eye(40, 30), "rows and columns are exchanged")],
)  # fmt: skip
def test_what_is_no_density_leaves_no_file(tmp_path, array, words):
    class Odd:
        def predict(self, picture):
            return array

    folder = pictures(tmp_path / "pictures", "mit300", (40, 30))
    with pytest.raises(ModelError, match=words):
        submit(SMALL["mit300"], Odd(), folder, tmp_path / "maps.hdf5")
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]
    with pytest.raises(ConfigError, match="salicon takes maps of 8 bits"):
        submit(SMALL["salicon"], Odd(), folder, tmp_path / "maps.hdf5")
