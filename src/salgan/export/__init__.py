"""From a trained network to files that predict without PyTorch, each checked against the network."""

from salgan.export.int8 import quantize_int8
from salgan.export.onnx import Exported, export_onnx

__all__ = ["Exported", "export_onnx", "quantize_int8"]
