"""Whatever can be evaluated."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from salgan.errors import MissingExtraError, ModelError
from salgan.evaluation import EvaluationProtocol, evaluate, open_data, open_map_source
from salgan.evaluation.baselines import BASELINES
from salgan.models.batches import BatchSize
from salgan.models.predictor import Predictor
from salgan.models.spec import distinct_name
from tests._onnx import tiny_model


def test_onnx_files_predict_in_every_process(made_up, tmp_path, quick):
    (tmp_path / "tiny.onnx").write_bytes(tiny_model())
    results = evaluate(
        str(tmp_path / "tiny.onnx"), open_data(made_up), tmp_path / "out", protocol=quick, processes=2
    )
    own = evaluate(Predictor(tmp_path / "tiny.onnx"), open_data(made_up), tmp_path / "own", protocol=quick)
    assert results.name == own.name == "tiny"
    np.testing.assert_allclose(results.columns["nss"], own.columns["nss"], rtol=1e-6)


def test_a_model_that_stays_in_one_process_predicts_in_batches_and_gives_the_same_table(
    made_up, tmp_path, quick, monkeypatch
):
    """As on a GPU, which processes should not share."""
    (tmp_path / "tiny.onnx").write_bytes(tiny_model())
    apart = evaluate(str(tmp_path / "tiny.onnx"), open_data(made_up), tmp_path / "apart", protocol=quick)
    monkeypatch.setattr("salgan.evaluation.map_sources.on_gpu", lambda: True)
    sizes, run, batches = [], Predictor._run, BatchSize.__init__
    monkeypatch.setattr(
        Predictor, "_run", lambda self, pictures: sizes.append(len(pictures)) or run(self, pictures)
    )

    def three(self, most):
        batches(self, most)
        self.size, self._settled = 3, True

    monkeypatch.setattr(BatchSize, "__init__", three)
    assert not open_map_source(tmp_path / "tiny.onnx").portable
    together = evaluate(str(tmp_path / "tiny.onnx"), open_data(made_up), tmp_path / "one", protocol=quick)
    assert max(sizes) == 3
    np.testing.assert_allclose(together.columns["nss"], apart.columns["nss"], rtol=1e-5)


def test_another_file_of_the_same_name_is_another_model(tmp_path):
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_model())
    before = open_map_source(path).fingerprint
    path.write_bytes(tiny_model(gain=3))
    assert open_map_source(path).fingerprint != before


def test_networks_need_no_export(made_up, tmp_path):
    pytest.importorskip("torch")
    from salgan.networks import save_network
    from tests.evaluation.tiny import network

    save_network(network(), tmp_path / "network.safetensors")
    results = evaluate(
        tmp_path / "network.safetensors",
        open_data(made_up),
        tmp_path / "out",
        protocol=EvaluationProtocol(("nss",)),
    )
    assert np.isfinite(results.columns["nss"]).all()
    assert results.about["model"]["spec"].endswith("network.safetensors")


def test_the_folder_of_a_run_is_its_best_network(made_up, tmp_path):
    pytest.importorskip("torch")
    from salgan.networks import save_network
    from tests.evaluation.tiny import network

    (tmp_path / "paper" / "tensorboard").mkdir(parents=True)
    save_network(network(), tmp_path / "paper" / "network.safetensors")
    source = open_map_source(tmp_path / "paper")
    assert source.name == "paper"
    assert source.fingerprint == open_map_source(tmp_path / "paper" / "network.safetensors").fingerprint


def test_a_file_that_is_no_checkpoint_says_so(made_up, tmp_path, quick):
    pytest.importorskip("torch")
    (tmp_path / "last.pt").write_bytes(b"anything")
    with pytest.raises(ModelError, match=r"last\.pt: not a checkpoint"):
        evaluate(tmp_path / "last.pt", open_data(made_up), tmp_path / "out", protocol=quick)


@pytest.mark.parametrize("name", ["no-such-model", "missing/folder/of/maps"])
def test_what_is_nothing_is_answered_with_what_there_is(name):
    with pytest.raises(ModelError, match="baseline:center-bias"):
        open_map_source(name)


def test_missing_files_and_odd_objects_say_so(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        open_map_source(tmp_path / "missing.onnx")
    with pytest.raises(ModelError, match=r"has no predict\(picture\)"):
        open_map_source(42)


def test_an_object_must_return_a_map(made_up, tmp_path, quick):
    class Wrong:
        def predict(self, picture):
            return "bright"

    with pytest.raises(ModelError, match="Wrong: predict returned str"):
        evaluate(Wrong(), open_data(made_up), tmp_path / "out", protocol=quick)


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_is_found_by_the_name_that_tables_print(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    try:
        printed = open_map_source(f"baseline:{name}").name
    except MissingExtraError:
        pytest.skip("needs OpenCV's contributed modules")
    assert open_map_source(printed).fingerprint == open_map_source(f"baseline:{name}").fingerprint
    (tmp_path / name).mkdir()  # a file or folder of that name wins
    with pytest.raises(ModelError, match=f"{name}: holds no"):
        open_map_source(name)


def test_what_is_called_like_a_model_has_a_name_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "runs" / "lite"
    (run / "checkpoints").mkdir(parents=True)
    (run / "network.safetensors").write_bytes(b"")
    (run / "checkpoints" / "last.pt").write_bytes(b"")
    names = {
        "runs/lite": "runs/lite",
        "runs/lite/network.safetensors": "runs/lite",
        "runs/lite/checkpoints/last.pt": "runs/lite-last",
        "lite.onnx": "lite.onnx",
        "runs/paper-v1.2": "paper-v1.2",
        "other.onnx": "other",
    }
    (tmp_path / "runs" / "paper-v1.2").mkdir()
    assert {path: distinct_name(Path(path)) for path in names} == names
    (tmp_path / "lite").mkdir()
    Image.new("L", (4, 3)).save(tmp_path / "lite" / "a.png")
    assert open_map_source("./lite").name == f"{tmp_path.name}/lite"
