"""Models that strangers made: each ends in one line, within bounds of memory and time."""

import copy
import multiprocessing
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from salgan.errors import ModelError
from salgan.models import _session
from salgan.models.predictor import Predictor
from salgan.preprocessing import METADATA_KEY
from tests._onnx import RECORD, tiny_model

PICTURE = np.zeros((40, 50, 3), np.uint8)


def model(*nodes: onnx.NodeProto, output: int = TensorProto.FLOAT, batch: str | int = "N", **values) -> bytes:
    """A model from nodes; ``mean`` is the picture's grey, what makes ``saliency`` of it is given."""
    grey = helper.make_node("ReduceMean", ["picture", "channels"], ["mean"])
    constants = {"channels": np.array([1]), **values}
    graph = helper.make_graph(
        [grey, *nodes],
        "hostile",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [batch, 3, "H", "W"])],
        [helper.make_tensor_value_info("saliency", output, [batch, 1, "h", "w"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(made, {METADATA_KEY: RECORD.to_json()})
    return bytes(made.SerializeToString())


def refused(predictor: Predictor, picture: np.ndarray = PICTURE) -> str:
    with pytest.raises(ModelError) as caught:
        predictor.predict(picture)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_output_of_words_is_refused_when_the_model_is_loaded():
    words = model(
        helper.make_node("Cast", ["mean"], ["saliency"], to=TensorProto.STRING), output=TensorProto.STRING
    )
    with pytest.raises(ModelError, match=r"gives \(saliency tensor\(string\)\), but a saliency model"):
        Predictor(words)


def test_a_name_that_is_not_text_is_refused_when_the_model_is_loaded():
    content = tiny_model(size=("QQQQ", "WWWW"))
    assert content.count(b"QQQQ") == 2
    with pytest.raises(ModelError, match=r"not an ONNX model that can be run \(a name in it: "):
        Predictor(content.replace(b"QQQQ", b"Q\xff\xfeQ"))


def test_a_fixed_batch_is_refused_when_the_model_is_loaded():
    fixed = model(helper.make_node("Sigmoid", ["mean"], ["saliency"]), batch=1)
    with pytest.raises(
        ModelError, match=r"takes batches of exactly 1, .*export it with a free first dimension"
    ):
        Predictor(fixed)


@pytest.mark.parametrize("kind", ["enlarging a thousand times", "a constant of 8 GB"])
def test_memory_beyond_the_bound_is_named_as_such_and_never_taken(kind, tmp_path):
    if kind == "a constant of 8 GB":
        fill = helper.make_tensor("half", TensorProto.FLOAT, [1], [0.5])
        hostile = model(
            helper.make_node("ConstantOfShape", ["shape"], ["big"], value=fill),
            helper.make_node("ReduceMean", ["big"], ["one"]),
            helper.make_node("Add", ["mean", "one"], ["saliency"]),
            shape=np.array([2048, 1024, 1024]),
        )
    else:
        hostile = model(
            helper.make_node("Resize", ["mean", "", "scales"], ["saliency"], mode="nearest"),
            scales=np.array([1, 1, 2000, 2000], np.float32),
        )
    (tmp_path / "hostile.onnx").write_bytes(hostile)
    code = """
import numpy as np
from pathlib import Path
from salgan.errors import ModelError
from salgan.models.predictor import Predictor
try:
    Predictor("hostile.onnx").predict(np.zeros((40, 50, 3), np.uint8))
except ModelError as error:
    print(error)
status = Path("/proc/self/status")  # not the resource module, whose peak includes the process before exec
lines = status.read_text().splitlines() if status.exists() else []
print(sum(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    said, peak = done.stdout.splitlines()
    assert said.startswith(
        "hostile: the model takes more memory for a batch of 1 than there is (at most 4.3 GB)"
    )
    assert int(peak) < 500


def test_an_endless_loop_is_stopped(monkeypatch):
    monkeypatch.setattr(_session, "SECONDS", 0.3)
    monkeypatch.setattr(_session, "SECONDS_EACH", 0.2)
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["map"], ["same"])],
        "body",
        [
            value("i", TensorProto.INT64, []),
            value("go", TensorProto.BOOL, []),
            value("map", TensorProto.FLOAT, None),
        ],
        [value("on", TensorProto.BOOL, []), value("same", TensorProto.FLOAT, None)],
    )
    endless = model(
        helper.make_node("Loop", ["", "true", "mean"], ["saliency"], body=body), true=np.array(True)
    )
    assert refused(Predictor(endless)) == "model: the model was stopped after 0.5 s"


def _shape(predictor: Predictor) -> tuple[int, ...]:
    return predictor.predict(PICTURE).array.shape


def _pickled(predictor: Predictor) -> Predictor:
    return pickle.loads(pickle.dumps(predictor))  # noqa: S301  # its own bytes


@pytest.mark.parametrize("travel", [copy.copy, copy.deepcopy, _pickled])
def test_a_copied_or_pickled_predictor_predicts_the_same(travel):
    predictor = Predictor(tiny_model(), name="tiny", threads=1)
    again = travel(predictor)
    picture = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    assert np.array_equal(again.predict(picture).array, predictor.predict(picture).array)
    assert (again.name, again.fingerprint) == (predictor.name, predictor.fingerprint)


def test_a_predictor_can_be_handed_to_another_process():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(_shape, [Predictor(tiny_model(), threads=1)]) == [(40, 50)]


def test_two_files_of_equal_content_have_one_fingerprint(tmp_path: Path):
    for name in ("a.onnx", "b.onnx"):
        (tmp_path / name).write_bytes(tiny_model())
    (tmp_path / "c.onnx").write_bytes(tiny_model(gain=3))
    a, b, c = (Predictor(tmp_path / f"{name}.onnx").fingerprint for name in "abc")
    assert a == b != c
