"""The floors of the house: what each part may import, seen in fresh processes."""

import subprocess
import sys

import pytest

from tests._floors import FLOOR
from tests._fresh import modules_after

HEAVY = {"torch", "torchvision", "lightning", "pytorch_lightning", "matplotlib", "timm"}
LAZY = {"scipy", "onnxruntime", "onnx", "h5py", "ot", "pydantic", "yaml", "fastapi"}

FLOORS_1_TO_4 = sorted(part for part, floor in FLOOR.items() if floor <= 4)
APART = {"salgan.models.torch_predictor", "salgan.datasets._mat_reader", "salgan.models._trial_run"}
"""What is made of PyTorch, which only a run folder opens, and another process's program, which has SciPy."""


@pytest.mark.parametrize("part", FLOORS_1_TO_4)
def test_no_module_on_floors_1_to_4_imports_anything_heavy(part):
    code = (
        f"import pkgutil, salgan.{part} as part\n"
        "for found in pkgutil.walk_packages(getattr(part, '__path__', []), part.__name__ + '.'):\n"
        f"    if found.name not in {APART!r}: __import__(found.name)"
    )
    modules = modules_after(code)
    assert "salgan" in modules
    assert not modules & (HEAVY | LAZY)


@pytest.mark.parametrize(
    ("code", "missing", "extra"),
    [
        ("import salgan.networks", "torch", "train"),
        ("import salgan.networks", "timm", "train"),
        ("import salgan.training", "yaml", "train"),
        ("from salgan.training import train", "lightning", "train"),
        ("import salgan.export", "onnx", "train"),
        ("import salgan.serve", "fastapi", "serve"),
        ("import salgan.video", "av", "video"),
        ("import salgan.cluster", "ray", "cluster"),
    ],
)
def test_a_package_without_its_extra_says_what_to_install(code, missing, extra):
    code = f"import sys; sys.modules[{missing!r}] = None; {code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == (
        "salgan.errors.MissingExtraError: "
        f"this needs {missing}, which is not installed; run: pip install 'salgan[{extra}]'"
    )


def test_importing_the_package_is_silent_and_loads_not_even_numpy():
    code = "import salgan; import sys; assert 'numpy' not in sys.modules, 'numpy'"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_public_names_are_reachable_from_the_package():
    import salgan

    for name in salgan.__all__:
        assert getattr(salgan, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'preditc'"):
        _ = salgan.preditc
