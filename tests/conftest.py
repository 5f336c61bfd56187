"""Fixtures that every part of the tests may use."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Every run tries the same examples, however slow the machine is: a test that passed here passes in CI.
settings.register_profile(
    "tests",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tests")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real gaze data and reference scores, named by SALGAN_SHARED; skips without it."""
    folder = os.environ.get("SALGAN_SHARED")
    if not folder:
        pytest.skip("SALGAN_SHARED names no folder with the real data")
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"SALGAN_SHARED={folder} is not a folder")
    return path


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache folder of the tests' own: they leave nothing in the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SALGAN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A tiny network's ONNX file, for whatever predicts: bright is salient."""
    from tests._onnx import tiny_model

    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_model())
    return path


@pytest.fixture
def heic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The beginning of a HEIC photograph, where the extra that reads it is not installed."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    path = tmp_path / "photo.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    return path


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


@pytest.fixture
def salgan(capfd: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run the command line in this process: ``salgan("predict", photo, "-o", out).code``."""
    from salgan.cli import main

    def run(*arguments: object) -> Said:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        return Said(code, *capfd.readouterr())

    return run
