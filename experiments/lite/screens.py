"""Add the layer for screens, posters and charts to an exported light network; its weights stay as they are.

    python experiments/lite/screens.py IN.onnx -o OUT.onnx

A network that was trained with ``screens: true`` has the layer already. It has no weights, so a file that was
exported before it was written (in 8 bits, or trained in steps that nobody wants to repeat) can have it too.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import onnx
import torch
from onnx import compose

from salgan._files import replacing
from salgan.errors import SalganError
from salgan.networks import ScreenPrior


def add_screens(model: onnx.ModelProto) -> None:
    """Add the layer at a file's end.

    Args:
        model: an export of this project, from ``picture`` to ``saliency``; changed in place.
    """
    two = torch.zeros(2, 3, 256, 320), torch.zeros(2, 1, 256, 320)
    batch, height, width = (torch.export.Dim.DYNAMIC for _ in range(3))
    free = {0: batch, 2: height, 3: width}
    program = torch.onnx.export(
        ScreenPrior().eval(),
        two,
        dynamo=True,
        opset_version=model.opset_import[0].version,
        input_names=["picture", "map"],
        output_names=["saliency"],
        dynamic_shapes=(free, free),
        verbose=False,
    )
    layer = compose.add_prefix(program.model_proto, "screens/", rename_inputs=False, rename_outputs=False)
    layer.ir_version = model.ir_version
    for node in layer.graph.node:
        del node.metadata_props[:]
        node.ClearField("doc_string")
    # The picture goes into both graphs, which a merge cannot say: the second one's is renamed to the first's.
    del layer.graph.input[[value.name for value in layer.graph.input].index("picture")]
    for node in model.graph.node:
        node.output[:] = ["map" if name == "saliency" else name for name in node.output]
    model.graph.node.extend(layer.graph.node)
    model.graph.initializer.extend(layer.graph.initializer)
    del model.graph.output[:]
    output = onnx.helper.make_tensor_value_info(
        "saliency", onnx.TensorProto.FLOAT, ["batch", 1, "height", "width"]
    )
    model.graph.output.append(output)
    onnx.checker.check_model(model)


def main() -> None:
    """Parse, add, write."""
    parser = argparse.ArgumentParser(description="Add the layer for screens to an exported light network.")
    parser.add_argument("model", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    arguments = parser.parse_args()
    model = onnx.load(arguments.model)
    add_screens(model)
    with replacing(arguments.out) as part:
        part.write_bytes(model.SerializeToString())


if __name__ == "__main__":
    try:
        main()
    except SalganError as error:
        sys.exit(f"error: {error}")
