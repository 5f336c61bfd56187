"""A stranger's ONNX file is tried in another process first, which is killed if it comes to no end."""

import itertools

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import salgan
from salgan.errors import ModelError
from salgan.models import _trial
from salgan.preprocessing import METADATA_KEY
from tests._onnx import RECORD, tiny_model


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SALGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(_trial, "_known", lambda known=set(): known)
    _trial._known().clear()


def _model(nodes, functions=(), **constants) -> bytes:
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["picture", "channels"], ["mean"]), *nodes],
        "hostile",
        [helper.make_tensor_value_info("picture", onnx.TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [helper.make_tensor_value_info("saliency", onnx.TensorProto.FLOAT, ["N", 1, "h", "w"])],
        [
            numpy_helper.from_array(value, name)
            for name, value in {"channels": np.array([1]), **constants}.items()
        ],
    )
    operators = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    made = helper.make_model(graph, opset_imports=operators, ir_version=9, functions=list(functions))
    helper.set_model_props(made, {METADATA_KEY: RECORD.to_json()})
    return bytes(made.SerializeToString())


def _endless_constant() -> bytes:
    """A thousand products of large matrices, which the runtime computes while it loads the file."""
    nodes = [helper.make_node("ConstantOfShape", ["shape"], ["m0"])]
    nodes += [helper.make_node("MatMul", [f"m{n}", f"m{n}"], [f"m{n + 1}"]) for n in range(1000)]
    nodes += [helper.make_node("ReduceMean", ["m1000"], ["one"])]
    return _model(
        [*nodes, helper.make_node("Add", ["mean", "one"], ["saliency"])], shape=np.array([3000, 3000])
    )


def _functions_of_functions() -> bytes:
    """Ten calls of a function that calls another one ten times, and so on: a million million nodes."""
    functions = []
    for depth in range(12):
        called = {"op_type": "Sigmoid"} if depth == 11 else {"op_type": f"F{depth + 1}", "domain": "own"}
        names = ["x", *(f"t{n}" for n in range(9)), "y"]
        nodes = [helper.make_node(inputs=[a], outputs=[b], **called) for a, b in itertools.pairwise(names)]
        operators = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
        functions.append(helper.make_function("own", f"F{depth}", ["x"], ["y"], nodes, operators))
    return _model([helper.make_node("F0", ["mean"], ["saliency"], domain="own")], functions)


@pytest.mark.parametrize("made", [_endless_constant, _functions_of_functions])
def test_a_model_that_takes_for_ever_to_load_is_refused_in_time(made, tmp_path, monkeypatch):
    monkeypatch.setattr(_trial, "SECONDS", 1.0)
    (tmp_path / "hostile.onnx").write_bytes(made())
    with pytest.raises(ModelError) as caught:
        salgan.load_model(tmp_path / "hostile.onnx")
    assert str(caught.value) == "hostile: not loaded, because that or one picture took more than 1 s"


def test_a_model_that_crashes_the_runtime_is_one_line(tmp_path, monkeypatch, model):
    script = tmp_path / "crashing.py"
    script.write_text("import os; os.abort()")
    monkeypatch.setattr(_trial, "_SCRIPT", script)
    with pytest.raises(ModelError, match=r"^tiny: not loaded, because the runtime crashed on it$"):
        salgan.load_model(model)


def test_what_is_wrong_with_a_model_is_said_as_without_a_trial(tmp_path):
    (tmp_path / "plain.onnx").write_bytes(tiny_model(record=None))
    with pytest.raises(ModelError, match=r"^plain: holds no salgan\.preprocessing record; `salgan export"):
        salgan.load_model(tmp_path / "plain.onnx")


def test_a_model_is_tried_once_and_the_projects_own_never(tmp_path, monkeypatch, model):
    salgan.load_model(model)
    _trial._known().clear()  # as in another process
    monkeypatch.setattr(_trial, "_SCRIPT", tmp_path / "there is none")
    salgan.load_model(model)
    salgan.load_model("lite")
    (tmp_path / "other.onnx").write_bytes(tiny_model(gain=3))
    with pytest.raises(ModelError, match="not loaded"):
        salgan.load_model(tmp_path / "other.onnx")
