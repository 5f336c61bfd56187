"""The file code runs where POSIX is missing, as on Windows, and where text is not UTF-8 by default.

A ``sitecustomize`` takes away what Windows lacks from every Python process of the test, workers included,
before any of our code is imported.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image

from tests._onnx import tiny_model

ABSENT = '''
import asyncio, concurrent.futures.process, multiprocessing, os, signal, subprocess, sys, tempfile, warnings
import platformdirs.unix, psutil  # which have files of their own for Windows

# Windows ends a process without naming a signal; here the number has to be kept.
subprocess.Popen.kill = lambda self, number=signal.SIGKILL: self.send_signal(number)
for name in """fork forkpty getuid geteuid getgid getegid getgroups getloadavg nice setsid killpg mkfifo mknod
               statvfs fstatvfs pread pwrite fchmod fchown chown lchown posix_fallocate posix_fadvise sysconf
               confstr sched_getaffinity sched_setaffinity sched_yield sendfile wait3 wait4
               setxattr getxattr listxattr removexattr""".split():
    if hasattr(os, name):
        delattr(os, name)
for name in """SIGHUP SIGKILL SIGPIPE SIGQUIT SIGUSR1 SIGUSR2 SIGALRM SIGCHLD SIGPROF SIGXCPU SIGSTOP SIGTSTP
               SIGCONT SIGWINCH ITIMER_REAL ITIMER_PROF ITIMER_VIRTUAL setitimer getitimer alarm pause
               pthread_sigmask pthread_kill sigwait siginterrupt""".split():
    if hasattr(signal, name):
        delattr(signal, name)
for name in "fcntl resource pwd grp termios tty pty syslog".split():
    sys.modules[name] = None
# Where nobody says the encoding, Windows takes the country's code page.
warnings.filterwarnings("error", category=EncodingWarning, module=r"salgan(\\.|$)")
'''
CONFIG = {
    "network": "tests.training.tiny:Tiny",
    "size": [32, 48],
    "batch_size": 4,
    "sources": [{"path": "gaze", "train": "all", "val": "all", "sigma": 12}],
    "bootstrap": {"epochs": 1, "optimiser": {"name": "adamw", "lr": 0.01}},
    "adversarial": {"epochs": 1, "discriminator_optimiser": {"lr": 0.001}},
    "device": "cpu",
    "image_rows": 1,
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    """A folder with a model, pictures and the module that takes POSIX away."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "sitecustomize.py").write_text(ABSENT, encoding="utf-8")
    (folder / "tiny.onnx").write_bytes(tiny_model())
    (folder / "tiny.yaml").write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    (folder / "pictures" / "größer").mkdir(parents=True)
    for name, size in (("wide.png", (64, 40)), ("größer/Foto ünd Rahmen.jpg", (40, 64))):
        Image.new("RGB", size, (200, 120, 40)).save(folder / "pictures" / name)
    return folder


def run_without_posix(desk: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in the desk's folder, in a process that has nothing that only POSIX has."""
    home = Path(__file__).parents[1]
    path = os.pathsep.join([str(desk), str(home), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-X", "warn_default_encoding", "-c", code]
    told = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=desk, env=told, capture_output=True, text=True, timeout=300)


def command(desk: Path, *commands: str) -> str:
    """Run salgan's commands one after the other; what they printed."""
    code = (
        "import shlex, sys\nfrom salgan.cli import main\n"
        f"for line in {commands!r}:\n"
        "    code = main(shlex.split(line))\n"
        "    if code: sys.exit(f'{line}: exit code {code}')\n"
    )
    done = run_without_posix(desk, code)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_posix_is_gone_in_workers_too(desk):
    done = run_without_posix(
        desk,
        "import os, signal, subprocess, sys\n"
        'look = \'import os, signal; print(hasattr(os, "fork"), hasattr(signal, "SIGKILL"))\'\n'
        "exec(look)\n"
        "subprocess.run([sys.executable, '-c', look], check=True)",
    )
    assert done.stdout.split() == ["False"] * 4, done.stderr


def test_predictions_and_all_that_is_made_of_them(desk):
    command(
        desk,
        "predict pictures -o maps --model tiny.onnx",
        "predict pictures -o maps --model tiny.onnx --skip-existing",
        "regions pictures/wide.png --model tiny.onnx --box all:0,0,1,1 --json shares.json --png shares.png",
        "ab pictures/wide.png pictures/wide.png --model tiny.onnx --json ab.json --png ab.png",
        "crop pictures/wide.png --model tiny.onnx --ratio 1:1 -o crops",
        "models",
    )
    assert (desk / "maps" / "größer" / "Foto ünd Rahmen.saliency.npy").is_file()
    assert json.loads((desk / "shares.json").read_text("utf-8"))["regions"][0]["share"] == pytest.approx(1)
    assert (desk / "crops" / "wide.crop-1-1.png").is_file()


def test_data_evaluation_and_comparison(desk):
    command(
        desk,
        "data synthetic gaze -n 4",
        "data check gaze --sheet sheet.png",
        "evaluate tiny.onnx --data gaze --metrics nss,cc -o scores/tiny",
        "evaluate baseline:center-bias --data gaze --metrics nss,cc",
        "compare scores/tiny evaluations/baseline-center-bias-on-gaze -o compared",
    )
    assert (desk / "compared" / "comparison.json").is_file()


def test_a_training_that_goes_on_where_it_was(desk):
    again = "train tiny.yaml --trust data=learn out=run cache=cache"
    command(desk, "data synthetic learn/gaze -n 6", f"{again} time_limit=0.001", f"{again} resume=true")
    assert (desk / "run" / "network.safetensors").is_file()


def test_a_request_to_the_service(desk):
    done = run_without_posix(
        desk,
        "from pathlib import Path\n"
        "from fastapi.testclient import TestClient\n"
        "import salgan\n"
        "from salgan.serve import Limits, create_app\n"
        "app = create_app(salgan.load_model('tiny.onnx'), Limits())\n"
        "picture = Path('pictures/wide.png').read_bytes()\n"
        "with TestClient(app, base_url='http://localhost') as client:\n"
        "    sent = {'content': picture, 'headers': {'content-type': 'image/png'}}\n"
        "    print(client.post('/v1/predict?output=npy', **sent).status_code)\n",
    )
    assert done.stdout.split() == ["200"], done.stdout + done.stderr
