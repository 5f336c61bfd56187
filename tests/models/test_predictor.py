"""Predictor: the one path from a picture to its saliency map."""

import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from salgan.errors import ConfigError, ImageError, ModelError
from salgan.models._sizes import at_picture_size
from salgan.models.many import bytes_needed, in_batches
from salgan.models.predictor import Predictor
from salgan.preprocessing import Preprocessing
from salgan.saliency_map import SaliencyMap
from tests._onnx import RECORD, tiny_model


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(tiny_model(), name="tiny", threads=1)


def _scene(height: int, width: int) -> np.ndarray:
    """Dark, with one bright blob at a third of its height and a quarter of its width."""
    y, x = np.mgrid[0:height, 0:width]
    blob = np.exp(-(((x / width - 0.25) / 0.15) ** 2) - ((y / height - 1 / 3) / 0.15) ** 2)
    return np.repeat((20 + 220 * blob)[:, :, None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("size", [(60, 80), (80, 60), (24, 32), (7, 5), (1, 1), (1, 300), (300, 1)])
def test_the_map_has_the_pictures_own_size(predictor, size):
    saliency = predictor.predict(_scene(*size))
    assert saliency.array.shape == size
    assert saliency.array.dtype == np.float32


def test_the_map_is_the_networks_output_enlarged(predictor):
    picture = _scene(120, 160)
    small = np.asarray(Image.fromarray(picture).resize((32, 24), Image.Resampling.BILINEAR), dtype=np.float64)
    network = 1 / (1 + np.exp(-8 * (small.mean(axis=2) / 255 - 0.5)))
    expected = Image.fromarray(network.astype(np.float32)).resize((160, 120), Image.Resampling.BICUBIC)
    assert np.abs(predictor.predict(picture).array - np.clip(expected, 0, 1)).max() < 1e-5


def test_the_peak_lies_where_the_picture_is_bright(predictor):
    array = predictor.predict(_scene(300, 400)).array
    y, x = np.unravel_index(array.argmax(), array.shape)
    assert y == pytest.approx(100, abs=3)
    assert x == pytest.approx(100, abs=3)


def test_enlarging_in_bands_equals_enlarging_at_once():
    small = np.random.default_rng(0).random((24, 32), dtype=np.float32)
    whole = Image.fromarray(small).resize((700, 1111), Image.Resampling.BICUBIC)
    assert np.abs(at_picture_size(small, 1111, 700) - np.clip(whole, 0, 1)).max() < 1e-5


def test_a_batch_equals_its_pictures_one_by_one(predictor):
    pictures = [_scene(40, 50), _scene(90, 30), _scene(24, 32)]
    together = predictor.predict_batch(pictures)
    for picture, saliency in zip(pictures, together, strict=True):
        assert saliency.array == pytest.approx(predictor.predict(picture).array, abs=1e-6)
    assert predictor.predict_batch([]) == []


def test_a_path_bytes_pillow_image_and_array_predict_the_same(predictor, tmp_path):
    picture = _scene(30, 40)
    path = tmp_path / "scene.png"
    Image.fromarray(picture).save(path)
    expected = predictor.predict(picture).array
    for source in (path, str(path), path.read_bytes(), Image.fromarray(picture)):
        assert np.array_equal(predictor.predict(source).array, expected)


def test_the_record_in_the_file_decides_the_networks_input():
    record = Preprocessing(height=10, width=14, filter="bicubic")
    predictor = Predictor(tiny_model(record), threads=1)
    assert predictor.preprocessing == record
    batch = predictor.network_input([_scene(50, 60), _scene(10, 14)])
    assert (batch.shape, batch.dtype) == ((2, 3, 10, 14), np.float32)
    assert np.array_equal(batch[1].transpose(1, 2, 0), _scene(10, 14))


def test_the_name_is_given_or_the_files(tmp_path):
    path = tmp_path / "mine.onnx"
    path.write_bytes(tiny_model())
    assert Predictor(path).name == "mine"
    assert Predictor(str(path), name="ours").name == "ours"


def test_one_predictor_serves_many_threads(predictor):
    pictures = [_scene(40 + 10 * i, 60) for i in range(6)]
    expected = [predictor.predict(picture).array for picture in pictures]
    got: dict[int, np.ndarray] = {}

    def work(index):
        for _ in range(10):
            got[index] = predictor.predict(pictures[index]).array

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(pictures))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(got[index], expected[index]) for index in range(len(pictures)))


def test_an_unreadable_picture_is_an_image_error(predictor):
    with pytest.raises(ImageError, match="is empty"):
        predictor.predict(b"")


@pytest.mark.parametrize("content", [b"", b"not a model", tiny_model()[:200]])
def test_a_file_that_is_no_onnx_model_is_one_line(tmp_path, content, capfd):
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="broken: not an ONNX model") as caught:
        Predictor(path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_a_missing_model_or_a_folder_is_one_line(tmp_path):
    with pytest.raises(ModelError, match="no such file; `salgan models` lists"):
        Predictor(tmp_path / "no.onnx")
    with pytest.raises(ModelError, match="is a folder, not a file"):
        Predictor(tmp_path)


def test_a_model_without_or_with_a_broken_record_is_refused():
    with pytest.raises(ModelError, match=r"holds no salgan\.preprocessing record; `salgan export"):
        Predictor(tiny_model(None))
    with pytest.raises(ModelError, match="model: preprocessing record"):
        Predictor(tiny_model("{"))
    with pytest.raises(ModelError, match="unknown field 'colour'"):
        Predictor(tiny_model('{"colour": 1}'))


def test_a_model_with_other_inputs_or_outputs_is_refused():
    with pytest.raises(ModelError, match=r"takes \(image tensor\(float\)\) and gives \(saliency\)"):
        Predictor(tiny_model(names=("image", "saliency")))
    with pytest.raises(ModelError, match=r"gives \(map\)"):
        Predictor(tiny_model(names=("picture", "map")))


def test_a_model_that_does_not_fit_its_record_is_one_line_when_run():
    predictor = Predictor(tiny_model(RECORD, size=(50, 60)))
    with pytest.raises(ModelError, match="cannot be run") as caught:
        predictor.predict(_scene(10, 10))
    assert "\n" not in str(caught.value)


def test_an_output_that_is_not_finite_is_an_error_not_a_map():
    with pytest.raises(ModelError, match="not finite"):
        Predictor(tiny_model(gain=float("nan"))).predict(_scene(10, 10))


def test_anything_beyond_0_and_1_after_enlarging_is_clipped(predictor):
    checks = np.kron(np.indices((6, 8)).sum(axis=0) % 2, np.ones((40, 40))).astype(bool)
    array = Predictor(tiny_model(gain=1000.0)).predict(checks).array
    assert (array.min(), array.max()) == (0, 1)


def test_twenty_megapixels_need_little_more_memory_than_picture_and_map(predictor, tmp_path):
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_model())
    code = f"""
import resource, numpy as np
from salgan.models.predictor import Predictor
predictor = Predictor({str(path)!r}, threads=1)
picture = np.zeros((3888, 5184, 3), dtype=np.uint8); picture[:] = 7
predictor.predict(picture[:100, :100])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
predictor.predict(picture)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    grown = int(done.stdout) * (1 if sys.platform == "darwin" else 1024)
    # The map takes 81 MB, Pillow's view of the picture 81 and the bytes it is made from 60.
    assert grown < 300e6, f"{grown / 1e6:.0f} MB"


def test_predictions_are_saliency_maps(predictor):
    assert isinstance(predictor.predict(_scene(5, 5)), SaliencyMap)


# Many pictures


def test_many_pictures_come_in_their_order_whatever_they_are(predictor, tmp_path):
    pictures = [_scene(20 + number, 30) for number in range(19)]
    path = tmp_path / "picture.png"
    Image.fromarray(pictures[0]).save(path)
    sources = [path, *pictures[1:]]
    found = list(predictor.predict_many(sources))
    assert [saliency.array.shape for saliency in found] == [picture.shape[:2] for picture in pictures]
    for saliency, picture in zip(found, pictures, strict=True):
        assert np.abs(saliency.array - predictor.predict(picture).array).max() < 1e-5


def test_a_broken_picture_among_many_is_yielded_as_its_error(predictor):
    first, broken, last = predictor.predict_many([_scene(20, 30), b"no picture", _scene(30, 20)])
    assert isinstance(broken, ImageError)
    assert (first.array.shape, last.array.shape) == ((20, 30), (30, 20))


def test_pictures_are_taken_only_as_they_are_needed(predictor):
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield _scene(20, 30)

    found = predictor.predict_many(endless())
    assert next(found).array.shape == (20, 30)
    assert taken < 40
    found.close()


def test_large_files_are_read_one_at_a_time(predictor, tmp_path, monkeypatch):
    Image.new("RGB", (100, 80)).save(tmp_path / "photo.png")
    assert bytes_needed(tmp_path / "photo.png") == bytes_needed(str(tmp_path / "photo.png")) > 3 * 100 * 80
    assert bytes_needed(np.zeros((80, 100, 3), np.uint8)) == bytes_needed(tmp_path / "gone.png") == 0
    now, most, lock = 0, 0, threading.Lock()

    def read(source, **_):
        nonlocal now, most
        with lock:
            now, most = now + 1, max(most, now + 1)
        time.sleep(0.01)
        with lock:
            now -= 1
        return np.zeros((80, 100, 3), np.uint8)

    monkeypatch.setattr("salgan.image.read", read)
    monkeypatch.setattr("salgan.models.many.cores", lambda: 4)
    monkeypatch.setattr("salgan.models.many.BYTES_UNDER_WAY", 1)
    for _ in in_batches(predictor.predict_batch, [tmp_path / "photo.png"] * 10, "rgb", 8):
        pass
    assert most == 1


def test_an_order_for_opencv_reaches_the_network(tmp_path):
    # A model that tells the channels apart: red counts, blue does not.
    model = Predictor(tiny_model(), threads=1)
    picture = _scene(20, 30)
    picture[:, :, 0] = 0
    seen = []
    model.predict_batch = lambda pictures: seen.extend(pictures) or [SaliencyMap(np.zeros((20, 30)))]
    model.predict(picture[:, :, ::-1], order="bgr")
    list(model.predict_many([picture[:, :, ::-1]], order="bgr"))
    assert all(np.array_equal(each, picture) for each in seen)
    assert len(seen) == 2
    with pytest.raises(ConfigError, match="order"):
        model.predict_many([], order="gbr")


def test_a_batch_takes_what_one_prediction_takes_and_blames_the_input(predictor, tmp_path):
    path = tmp_path / "picture.png"
    Image.fromarray(_scene(20, 30)).save(path)
    assert predictor.predict_batch([str(path), _scene(20, 30)])[0].array.shape == (20, 30)
    with pytest.raises(ImageError, match=r"a\.jpg: no such file"):
        predictor.predict_batch(["a.jpg"])
    with pytest.raises(ImageError, match="for one picture there is predict"):
        predictor.predict_batch("a.jpg")
