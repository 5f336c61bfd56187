"""From a trained network to files that predict without PyTorch, each checked against the network.

Needs ``pip install 'salgan[train]'``.
"""

from salgan.errors import require

for _module in ("torch", "onnx", "onnxscript"):
    require(_module, "train")

from salgan.export.int8 import quantize_int8  # noqa: E402
from salgan.export.onnx import Exported, export_onnx  # noqa: E402

__all__ = ["Exported", "export_onnx", "quantize_int8"]
