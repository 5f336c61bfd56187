"""A tiny network in the form that salgan.export writes, for tests of everything that predicts."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from salgan.preprocessing import Preprocessing

RECORD = Preprocessing(height=24, width=32)


def tiny_model(
    record: Preprocessing | str | None = RECORD,
    *,
    gain: float = 8.0,
    names: tuple[str, str] = ("picture", "saliency"),
    size: tuple[Any, Any] = ("H", "W"),
) -> bytes:
    """An ONNX file whose map is sigmoid(gain * (mean over RGB / 255 - 1/2)): bright is salient.

    Args:
        record: what goes into the metadata; text goes in as it is, None leaves it out.
        gain: steepness; NaN makes a model whose output is not finite.
        names: of input and output.
        size: of the input; numbers fix it.
    """
    taken, given = names
    constants = {
        "axes": np.array([1], dtype=np.int64),
        "scale": np.array(gain / 255, dtype=np.float32),
        "offset": np.array(gain / 2, dtype=np.float32),
    }
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", [taken, "axes"], ["mean"], keepdims=1),
            helper.make_node("Mul", ["mean", "scale"], ["scaled"]),
            helper.make_node("Sub", ["scaled", "offset"], ["logit"]),
            helper.make_node("Sigmoid", ["logit"], [given]),
        ],
        "tiny",
        [helper.make_tensor_value_info(taken, TensorProto.FLOAT, ["N", 3, *size])],
        [helper.make_tensor_value_info(given, TensorProto.FLOAT, ["N", 1, *size])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if record is not None:
        text = record if isinstance(record, str) else record.to_json()
        helper.set_model_props(model, {"salgan.preprocessing": text})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
