"""A prediction talks to nobody and leaves nothing in the user's home."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]


@pytest.fixture
def command(tmp_path):
    """Predict a picture by the command line, in an empty home."""
    Image.radial_gradient("L").convert("RGB").save(tmp_path / "photo.png")
    (tmp_path / "home").mkdir()

    def run(*before: str, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "ORT_"))}
        return subprocess.run(
            [*before, sys.executable, "-m", "salgan", "predict", "photo.png", "-o", "out", "--overwrite"],
            cwd=tmp_path,
            env={**kept, "HOME": str(tmp_path / "home"), **environment},
            capture_output=True,
            text=True,
            check=True,
        )

    return run


def test_suggestions_leave_nothing_in_the_home_either(tmp_path):
    """The engine for text brings ONNX Runtime in by itself."""
    for package in ("rapidocr", "cv2"):
        pytest.importorskip(package, reason="the extra suggest is not installed")
    code = "import numpy; from salgan.regions import suggest; suggest(numpy.zeros((64, 64, 3), 'uint8'))"
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "ORT_"))}
    subprocess.run([sys.executable, "-c", code], env={**kept, "HOME": str(tmp_path)}, check=True)
    assert files(tmp_path) == []


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_prediction_leaves_nothing_in_the_home(command, tmp_path):
    command()
    assert len(files(tmp_path / "out")) == 2
    assert files(tmp_path / "home") == []


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace, to see what a process asks for")
def test_a_prediction_asks_no_other_machine(command, tmp_path):
    log = tmp_path / "log"
    try:
        command("strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(log))
    except subprocess.CalledProcessError as error:
        pytest.skip(f"strace may not look: {error.stderr[:100]}")
    asked = [line for line in log.read_text().splitlines() if re.search(r"AF_INET6?\b", line)]
    assert asked == []


def test_what_the_user_has_set_is_kept():
    code = (
        "import os; from salgan._private import onnx_runtime; onnx_runtime(); "
        "print(os.environ['ORT_DISABLE_TELEMETRY'], os.environ['HF_HUB_DISABLE_TELEMETRY'])"
    )
    environment = {**os.environ, "ORT_DISABLE_TELEMETRY": "0", "HF_HUB_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "0 1\n"


def test_the_runtime_is_imported_in_one_place_alone():
    importing = re.compile(r"(^|\\n|[\"'; ])\s*(import|from) onnxruntime\b(?!-)", re.MULTILINE)
    found = [
        path.relative_to(ROOT)
        for folder in ("src", "tests", "benchmarks", "experiments", "examples", "docs")
        for path in (ROOT / folder).rglob("*.py")
        if importing.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
