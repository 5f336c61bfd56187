"""Where a network runs: what is asked for, or one line that says why not; the CPU never steps in unasked."""

import importlib.util
import pickle
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

import salgan
from salgan.errors import ModelError
from salgan.models import _session, devices
from salgan.models.devices import candidates, check_device
from salgan.models.predictor import Predictor
from tests._fresh import modules_after
from tests._onnx import tiny_model

CPU = ["CPUExecutionProvider"]


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch):
    monkeypatch.delenv("SALGAN_DEVICE", raising=False)
    devices._warn_of_several_runtimes.cache_clear()
    yield
    devices._warn_of_several_runtimes.cache_clear()


def runtime_with(monkeypatch, available: list[str], works: bool = True) -> list[list[str]]:
    """A runtime with other providers, which all seem to work, or only the CPU does; what it was asked for."""
    real, asked = _session.onnx_runtime(), []

    class Session(real.InferenceSession):
        def __init__(self, content, options, providers, provider_options):
            asked.append(providers)
            super().__init__(content, options, providers=CPU)
            self._says = providers if works else CPU

        def get_providers(self):
            return self._says

    names = {name: getattr(real, name) for name in dir(real) if not name.startswith("_")}
    fake = SimpleNamespace(
        **names | {"InferenceSession": Session, "get_available_providers": lambda: available}
    )
    monkeypatch.setattr(_session, "onnx_runtime", lambda: fake)
    return asked


def test_a_cpu_is_a_device_everywhere():
    assert Predictor(tiny_model(), device="cpu").device == "cpu"


def test_a_device_that_the_runtime_lacks_is_one_line_with_the_package(monkeypatch):
    runtime_with(monkeypatch, CPU)
    with pytest.raises(ModelError, match=r"^model: device 'cuda' is not in .* pip install onnxruntime-gpu$"):
        Predictor(tiny_model(), device="cuda")
    with pytest.raises(ModelError, match="it is for Macs"):
        Predictor(tiny_model(), device="coreml")


def test_an_unknown_device_brings_the_list():
    with pytest.raises(ModelError, match="device 'cuda:0' is not one of auto, cpu, cuda"):
        salgan.load_model("lite", device="cuda:0")


def test_a_device_that_was_asked_for_is_never_replaced_by_the_cpu(monkeypatch):
    runtime_with(monkeypatch, ["CUDAExecutionProvider", *CPU], works=False)
    with pytest.raises(ModelError, match=r"'cuda' is in the ONNX Runtime .* but cannot be used"):
        Predictor(tiny_model(), device="cuda")


def test_auto_takes_the_first_that_works_and_says_which_did_not(monkeypatch):
    asked = runtime_with(monkeypatch, ["CUDAExecutionProvider", *CPU], works=False)
    with pytest.warns(UserWarning, match="'cuda' .* cannot be used .*; trying the next one"):
        predictor = Predictor(tiny_model())
    assert predictor.device == "cpu"
    assert asked == [["CUDAExecutionProvider", *CPU], CPU]


def test_auto_takes_a_gpu_but_neither_tensorrt_nor_coreml_unasked():
    everything = [devices.provider_of(each) for each in ("tensorrt", "coreml", "cuda", "openvino", "cpu")]
    assert candidates("auto", everything) == ["cuda", "openvino", "cpu"]
    assert candidates("tensorrt", everything) == ["tensorrt"]


def test_the_environment_says_what_auto_means_and_nothing_else(monkeypatch):
    monkeypatch.setenv("SALGAN_DEVICE", "openvino")
    assert check_device("auto") == "openvino"
    assert check_device("cpu") == "cpu"
    monkeypatch.setenv("SALGAN_DEVICE", "gpu")
    with pytest.raises(ModelError, match=r"^SALGAN_DEVICE 'gpu'"):
        check_device("auto")
    monkeypatch.setenv("SALGAN_DEVICE", "")
    assert check_device("auto") == "auto"


def test_a_predictor_keeps_its_device_through_a_pickle(monkeypatch):
    copy = pickle.loads(pickle.dumps(Predictor(tiny_model(), device="cpu")))  # noqa: S301  # our own bytes
    monkeypatch.setenv("SALGAN_DEVICE", "openvino")
    assert copy.device == "cpu"
    assert copy._wanted == "cpu"


def test_builds_of_the_runtime_that_overwrite_each_other_are_named(monkeypatch, tmp_path):
    for name in ("onnxruntime", "onnxruntime-1.28.0.dist-info", "onnxruntime_gpu-1.28.0.dist-info"):
        (tmp_path / name).mkdir()
    package = SimpleNamespace(origin=str(tmp_path / "onnxruntime" / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: package)
    with pytest.warns(UserWarning, match="onnxruntime-gpu and onnxruntime are installed together"):
        candidates("auto", CPU)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        candidates("auto", CPU)  # said once


def test_the_build_that_is_installed_is_found_without_a_slow_import():
    found = "from salgan.models import devices; assert len(devices._installed()) == 1"
    modules_after(f"{found}; import sys; assert 'importlib.metadata' not in sys.modules, 'slow'")


@pytest.mark.parametrize("device", ["cuda", "tensorrt", "openvino", "coreml", "directml"])
def test_another_device_gives_the_maps_of_the_cpu(device):
    runtime = _session.onnx_runtime()
    if devices.provider_of(device) not in runtime.get_available_providers():
        pytest.skip(f"the ONNX Runtime that is installed has no {device}")
    rng = np.random.default_rng(0)
    pictures = [rng.integers(256, size=size, dtype=np.uint8) for size in [(300, 400, 3), (640, 300, 3)]]
    there, here = (salgan.load_model("lite", device=each) for each in (device, "cpu"))
    assert there.device == device
    assert there._session._session.get_providers()[0] == devices.provider_of(device)
    for mine, theirs in zip(there.predict_batch(pictures), here.predict_batch(pictures), strict=True):
        assert np.abs(mine.array - theirs.array).max() < 1e-3
