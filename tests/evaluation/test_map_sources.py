"""Whatever can be evaluated."""

import numpy as np
import pytest

from salgan.errors import ModelError
from salgan.evaluation import EvaluationProtocol, evaluate, open_data, open_map_source
from salgan.models.predictor import Predictor
from tests._onnx import tiny_model


def test_onnx_files_predict_in_every_process(made_up, tmp_path, quick):
    (tmp_path / "tiny.onnx").write_bytes(tiny_model())
    results = evaluate(
        str(tmp_path / "tiny.onnx"), open_data(made_up), tmp_path / "out", protocol=quick, processes=2
    )
    own = evaluate(Predictor(tmp_path / "tiny.onnx"), open_data(made_up), tmp_path / "own", protocol=quick)
    assert results.name == own.name == "tiny"
    np.testing.assert_allclose(results.columns["nss"], own.columns["nss"], rtol=1e-6)


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
