"""What becomes of a command that a signal ends: its exit code, its drafts, and no traceback."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals for another process")

# A shell starts what it runs in the background deaf to Ctrl-C, nohup makes it deaf to a closing terminal, and
# the tests may be run so.
_HEARING = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
_COMMAND = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from salgan.cli import main
sys.exit(main())
"""


def _start(*arguments: object, before: str = _HEARING) -> subprocess.Popen:
    command = [sys.executable, "-c", before + _COMMAND, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def many(tmp_path) -> Path:
    """A folder with more pictures than are predicted before anybody can press a key."""
    photo = tmp_path / "photos" / "0.png"
    photo.parent.mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (400, 500, 3), np.uint8)).save(photo)
    for index in range(1, 600):
        (photo.parent / f"{index}.png").symlink_to(photo)
    return photo.parent


def _wait_for(condition, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_whole_files_no_drafts_and_no_traceback(tmp_path, many, model, number):
    out = tmp_path / "out"
    with _start("predict", many, "-o", out, "--model", model) as process:
        _wait_for(lambda: out.is_dir() and any(out.glob("*.npy")), process)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (128 + number, "")
    names = [path.name for path in out.iterdir()]
    assert 0 < len(names) < 1200
    assert not [name for name in names if name.startswith(".")]


def test_what_nohup_made_deaf_to_a_closing_terminal_stays_deaf(tmp_path, many, model):
    deaf = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    out = tmp_path / "out"
    with _start("predict", many, "-o", out, "--model", model, before=deaf) as process:
        _wait_for(lambda: out.is_dir() and any(out.glob("*.npy")), process)
        process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert process.poll() is None
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
