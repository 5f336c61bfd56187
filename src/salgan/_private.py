"""No dependency reports to anyone what is done with this package, unless the user has asked it to."""

from __future__ import annotations

import importlib
import os
from typing import Any

__all__ = ["keep_private", "onnx_runtime"]

_OFF = {
    # ONNX Runtime 1.32 asks its collector's address at the first session, and keeps a device's number in the
    # user's cache folder.
    "ORT_DISABLE_TELEMETRY": "1",
    # The next one is for Hugging Face's hub, from which timm downloads weights.
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    # Ray reports its use of its own accord, and asks about that only where there is a terminal.
    "RAY_USAGE_STATS_ENABLED": "0",
    # Weights & Biases, as a training's logger, sends its own errors to its makers.
    "WANDB_ERROR_REPORTING": "false",
}


def keep_private() -> None:
    """Turn telemetry off in the process and in those it starts; what the user has set stays as it is."""
    for name, value in _OFF.items():
        os.environ.setdefault(name, value)


def onnx_runtime(module: str = "onnxruntime") -> Any:
    """Import ONNX Runtime, silenced. Nothing here imports it in another way.

    Args:
        module: the runtime, or a part of it such as ``"onnxruntime.quantization"``.
    """
    keep_private()
    imported = importlib.import_module(module)
    runtime = importlib.import_module("onnxruntime")
    # If a program had imported it before, the variable would have no effect.
    if os.environ["ORT_DISABLE_TELEMETRY"] == "1" and hasattr(runtime, "disable_telemetry_events"):
        runtime.disable_telemetry_events()
    return imported
