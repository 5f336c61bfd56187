"""Where an exported network runs: the devices that ONNX Runtime knows, and what ``auto`` means."""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from salgan._private import onnx_runtime
from salgan.errors import ModelError

__all__ = ["VARIABLE", "Device", "candidates", "check_device", "first_choice", "on_gpu", "provider_of"]

Device = Literal["auto", "cpu", "cuda", "tensorrt", "openvino", "coreml", "directml"]
"""What users call a device."""

VARIABLE = "SALGAN_DEVICE"
"""The environment variable that says what ``auto`` means."""


@dataclass(frozen=True)
class _Runtime:
    """How ONNX Runtime reaches a device.

    Attributes:
        provider: the execution provider.
        package: the build of the runtime that has it.
    """

    provider: str
    package: str


_RUNTIMES = {
    "cuda": _Runtime("CUDAExecutionProvider", "onnxruntime-gpu"),
    "tensorrt": _Runtime("TensorrtExecutionProvider", "onnxruntime-gpu"),
    "directml": _Runtime("DmlExecutionProvider", "onnxruntime-directml"),
    "openvino": _Runtime("OpenVINOExecutionProvider", "onnxruntime-openvino"),
    "coreml": _Runtime("CoreMLExecutionProvider", "onnxruntime"),
    "cpu": _Runtime("CPUExecutionProvider", "onnxruntime"),
}

# TensorRT builds an engine for minutes, and every runtime on a Mac has CoreML, so nobody gets these unasked.
_UNASKED = ("cuda", "directml", "openvino", "cpu")


def check_device(device: str) -> str:
    """The device that is meant: what ``SALGAN_DEVICE`` says in place of ``"auto"``.

    Raises:
        ModelError: the device has an unknown name.
    """
    origin = "device"
    if device == "auto":
        device, origin = os.environ.get(VARIABLE) or "auto", VARIABLE
    names = get_args(Device)
    if device not in names:
        raise ModelError(f"{origin} {device!r} is not one of {', '.join(names)}")
    return device


def candidates(device: str, available: Sequence[str]) -> list[str]:
    """The devices to try, in order.

    Args:
        device: as :func:`check_device` gives it.
        available: the execution providers that the installed runtime has.

    Raises:
        ModelError: the runtime lacks the device; the message names the package to install.
    """
    _warn_of_several_runtimes()
    if device == "auto":
        return [each for each in _UNASKED if _RUNTIMES[each].provider in available]
    if _RUNTIMES[device].provider not in available:
        package = _RUNTIMES[device].package
        remedy = (
            f"pip uninstall {' '.join(_installed()) or 'onnxruntime'}, then pip install {package}"
            if package != "onnxruntime"
            else "it is for Macs"
        )
        raise ModelError(f"device {device!r} is not in the ONNX Runtime that is installed; {remedy}")
    return [device]


def first_choice() -> str:
    """The device that exported networks run on if nobody names another, and if it works.

    Raises:
        ModelError: as :func:`check_device` and :func:`candidates` raise it.
    """
    return candidates(check_device("auto"), onnx_runtime().get_available_providers())[0]


def on_gpu() -> bool:
    """Whether exported networks run on a GPU or its like, which processes should not share.

    Raises:
        ModelError: as :func:`first_choice` raises it.
    """
    return first_choice() not in ("cpu", "openvino")


def provider_of(device: str) -> str:
    """The execution provider of ONNX Runtime that is a device."""
    return _RUNTIMES[device].provider


def _installed() -> list[str]:
    """The builds of ONNX Runtime that are installed.

    They share one folder, so what is known of each lies beside it. importlib.metadata would find it too, but
    takes longer to import than a prediction takes.
    """
    runtime = importlib.util.find_spec("onnxruntime")
    if runtime is None or runtime.origin is None:
        return []
    beside = Path(runtime.origin).parents[1]
    packages = dict.fromkeys(each.package for each in _RUNTIMES.values())
    return [each for each in packages if any(beside.glob(f"{each.replace('-', '_')}-*.dist-info"))]


@cache
def _warn_of_several_runtimes() -> None:
    """All builds of the runtime have one folder, where the one that was installed last wins."""
    found = _installed()
    if len(found) > 1:
        warnings.warn(
            f"{' and '.join(found)} are installed together and overwrite each other's files; "
            f"pip uninstall {' '.join(found)}, then install one of them",
            stacklevel=2,
        )
