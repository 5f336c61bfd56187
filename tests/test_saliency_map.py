"""SaliencyMap: validated values, densities, and files that hold them."""

import io
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from salgan import render
from salgan.errors import ConfigError, ImageError, SalganError
from salgan.saliency_map import FORMATS, UNIFORM_SHARE, SaliencyMap


@pytest.fixture
def saliency() -> SaliencyMap:
    return SaliencyMap(np.random.default_rng(0).random((13, 17)))


def test_values_become_float32_and_a_float32_array_is_not_copied():
    array = np.array([[0.0, 1.0]], dtype=np.float32)
    assert SaliencyMap(array).array is array
    assert SaliencyMap(array.astype(np.float64)).array.dtype == np.float32
    assert SaliencyMap(np.array([[True, False]])).array.tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize(
    "array",
    [
        np.array([[0.5, np.nan]]),
        np.array([[0.5, np.inf]]),
        np.array([[0.5, 1.0001]]),
        np.array([[-0.0001, 0.5]]),
        np.array([[0, 255]], dtype=np.uint8),
        np.zeros((0, 3)),
        np.zeros((2, 2, 1)),
        np.zeros((2, 2), dtype=complex),
        np.array([["a"]]),
    ],
)
def test_anything_but_a_plane_of_values_in_0_1_is_refused(array):
    with pytest.raises(ImageError, match="a saliency map"):
        SaliencyMap(array)


def test_density_sums_to_one_and_keeps_proportions(saliency):
    density = saliency.density
    assert density.dtype == np.float64
    assert density.sum() == pytest.approx(1, abs=1e-12)
    assert density[3, 4] / density[7, 2] == pytest.approx(float(saliency.array[3, 4] / saliency.array[7, 2]))


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_a_flat_map_is_the_uniform_density(level):
    assert SaliencyMap(np.full((4, 5), level)).density == pytest.approx(np.full((4, 5), 1 / 20))


def test_log_density_is_a_normalised_density_in_nats(saliency):
    assert np.exp(saliency.log_density).sum() == pytest.approx(1, abs=1e-12)
    assert saliency.log_density == pytest.approx(np.log(saliency.density), abs=1e-3)


def test_log_density_of_a_zero_pixel_is_the_stated_floor():
    array = np.zeros((10, 10))
    array[0, 0] = 1
    log_density = SaliencyMap(array).log_density
    assert log_density.min() == pytest.approx(math.log(UNIFORM_SHARE / 100))
    assert np.isfinite(log_density).all()


def test_asking_for_densities_leaves_the_map_alone(saliency):
    before = saliency.array.copy()
    assert saliency.density is not None
    assert saliency.log_density is not None
    assert np.array_equal(saliency.array, before)


@pytest.mark.parametrize(
    ("format", "step"), [("npy", 0), ("tiff", 0), ("png16", 1 / 65535), ("png8", 1 / 255)]
)
def test_a_saved_map_comes_back_within_half_a_level(tmp_path, saliency, format, step):
    path = tmp_path / f"map{FORMATS[format]}"
    saliency.save(path, format)
    back = SaliencyMap.load(path).array
    assert np.abs(back - saliency.array).max() <= step / 2 + 1e-7
    assert path.read_bytes() == saliency.encode(format)
    assert [other.name for other in tmp_path.iterdir()] == [path.name]


def test_a_map_of_many_rows_is_written_in_bands_as_a_whole(tmp_path):
    values = np.random.default_rng(0).random((600, 3), dtype=np.float32)
    SaliencyMap(values).save(tmp_path / "map.png")
    stored = np.asarray(Image.open(tmp_path / "map.png"))
    np.testing.assert_array_equal(stored, np.rint(values * np.float32(65535)).astype(np.uint16))


def test_a_smooth_map_in_8_bits_is_a_smaller_file_than_pillows_own():
    rows, columns = np.mgrid[:600, :800]
    hill = np.exp(-(((rows - 200) / 70) ** 2) - ((columns - 400) / 90) ** 2).astype(np.float32)
    Image.fromarray(np.rint(hill * 255).astype(np.uint8)).save(file := io.BytesIO(), "PNG", compress_level=1)
    assert len(SaliencyMap(hill).encode("png8")) < 0.9 * len(file.getvalue())


def test_files_are_what_other_tools_expect(tmp_path, saliency):
    for name in ("m.npy", "m.png", "m.tiff", "m.TIF"):
        saliency.save(tmp_path / name)
    assert np.array_equal(np.load(tmp_path / "m.npy"), saliency.array)
    for name in ("m.tiff", "m.TIF"):
        with Image.open(tmp_path / name) as image:
            assert image.mode == "F"
            assert np.array_equal(np.asarray(image), saliency.array)
    with Image.open(tmp_path / "m.png") as image:
        assert image.mode in ("I;16", "I")
        assert np.array_equal(np.asarray(image), np.rint(saliency.array * np.float32(65535)))
    saliency.save(tmp_path / "m.png", "png8")
    with Image.open(tmp_path / "m.png") as image:
        assert image.mode == "L"


def test_a_name_without_a_known_ending_is_refused_with_those_there_are(tmp_path, saliency):
    for name in ("map", "map.jpg", "map.npz"):
        with pytest.raises(ConfigError, match=r"\.npy, \.png, \.tif or \.tiff"):
            saliency.save(tmp_path / name)
    with pytest.raises(ConfigError, match=r"a npy file's name ends in \.npy"):
        saliency.save(tmp_path / "map.png", "npy")
    with pytest.raises(ConfigError, match="npy, png16, png8, tiff"):
        saliency.save(tmp_path / "map.png", "jpeg")
    assert list(tmp_path.iterdir()) == []


def test_a_map_that_cannot_be_written_is_one_line_and_leaves_the_old_file(tmp_path, saliency, monkeypatch):
    with pytest.raises(SalganError, match="cannot be written"):
        saliency.save(tmp_path / "no" / "folder.npy")
    path = tmp_path / "map.npy"
    path.write_bytes(b"old")

    def full(file, *_, **__):
        Path(file).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(SalganError, match=r"map\.npy: cannot be written \(No space left on device\)"):
        saliency.save(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_loading_what_is_no_map_is_one_line(tmp_path):
    path = tmp_path / "map.npy"
    with pytest.raises(ImageError, match="no such file"):
        SaliencyMap.load(path)
    np.save(path, np.array([[{"a": 1}]]), allow_pickle=True)
    with pytest.raises(ImageError, match=r"map\.npy: is not an array"):
        SaliencyMap.load(path)
    np.save(path, np.full((2, 2), 7.0))
    with pytest.raises(ImageError, match=r"map\.npy: .*runs from 7 to 7"):
        SaliencyMap.load(path)
    path.write_bytes(b"")
    with pytest.raises(ImageError, match="is not an array"):
        SaliencyMap.load(path)


def test_a_header_that_promises_more_than_the_file_holds_costs_no_memory(tmp_path):
    path = tmp_path / "map.npy"
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f4", "fortran_order": False, "shape": (10**7, 10**7)}
        )
    with pytest.raises(ImageError, match="is not an array"):
        SaliencyMap.load(path)


# What people do with a map in Python


def test_a_map_is_an_array_to_numpy(saliency):
    assert np.asarray(saliency) is saliency.array
    assert np.array_equal(np.asarray(saliency, dtype=np.float64), saliency.array.astype(np.float64))
    copied = np.array(saliency)
    copied[:] = 0
    assert saliency.array.any()
    assert float(np.mean(saliency)) == pytest.approx(float(saliency.array.mean()))


@pytest.mark.skipif(np.__version__.startswith("1."), reason="NumPy 1 has no copy=False of this kind")
def test_an_array_without_a_copy_is_the_maps_own_or_an_error(saliency):
    assert np.asarray(saliency, copy=False) is saliency.array
    with pytest.raises(ValueError, match="as float64 it has to be copied"):
        np.asarray(saliency, dtype=np.float64, copy=False)


def test_a_map_lays_itself_over_its_picture(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    saliency = SaliencyMap(np.linspace(0, 1, 600).reshape(20, 30))
    path = tmp_path / "picture.png"
    Image.fromarray(pixels).save(path)
    expected = render.overlay(pixels, saliency, opacity=0.5, contours=True)
    for picture in (path, pixels, Image.fromarray(pixels)):
        assert np.array_equal(saliency.overlay(picture, opacity=0.5, contours=True), expected)
    of_opencv = saliency.overlay(pixels[:, :, ::-1], order="bgr", opacity=0.5, contours=True)
    assert np.array_equal(of_opencv, expected)
    with pytest.raises(ImageError, match="its map"):
        saliency.overlay(pixels[:10])


def test_a_notebook_shows_a_map_in_its_colours():
    saliency = SaliencyMap(np.linspace(0, 1, 900 * 1200).reshape(900, 1200))
    shown = Image.open(io.BytesIO(saliency._repr_png_()))
    assert shown.size == (640, 480)
    rgb = np.asarray(shown.convert("RGB"))
    colours = render.colours()
    assert np.abs(rgb[0, 0].astype(int) - colours[0]).max() < 3
    assert np.abs(rgb[-1, -1].astype(int) - colours[-1]).max() < 3


def test_a_coloured_heatmap_is_not_taken_for_a_map(tmp_path):
    path = tmp_path / "jet.png"
    Image.fromarray(render.colours()[None].repeat(9, axis=0)).save(path)
    with pytest.raises(ImageError, match=r"jet\.png: has colours, like a heatmap for looking"):
        SaliencyMap.load(path)
