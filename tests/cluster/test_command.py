"""What the command says of mistakes before Ray starts, and how it ends when it is asked to."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from salgan.cluster import Wanted, job, predict_on_cluster
from salgan.cluster.engine import Pool
from salgan.models import load_model
from tests.cluster.conftest import jpeg


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["in", "-o", "o", "--engine", "rey"], "--engine 'rey' is none of local, ray"),
        (["s3://bucket/in", "-o", "o"], "s3://bucket/in: addresses and Parquet need --engine ray"),
        (["in", "-o", "o.parquet"], "o.parquet: addresses and Parquet need --engine ray"),
        (["in", "--engine", "ray"], "say where the results go: -o FOLDER"),
        (["-", "-o", "o", "--engine", "ray"], "SOURCE - takes one picture from stdin"),
        (["a.mp4", "-o", "o", "--engine", "ray"], "a.mp4: --engine ray takes pictures"),
        (["in", "-o", "o", "--engine", "ray", "--save", "focal"], "name the results -o NAME.parquet"),
        (["in", "-o", "o.parquet", "--engine", "ray", "--save", "regions"], "go together"),
        (["in", "-o", "o.parquet", "--engine", "ray", "--save", "maps"], "--save 'maps' is none of map"),
        (["in", "-o", "o.parquet", "--engine", "ray", "--save", "crop:0:1"], "0:1"),
        (["in", "-o", "o.parquet", "--engine", "ray", "--format", "jpg"], "--format 'jpg' is none of npy"),
        (["in", "-o", "o.parquet", "--engine", "ray", "--save", "focal", "--format", "npy"], "add map"),
        (["in", "-o", "o", "--engine", "ray", "--save", "overlay,overlay.jpg"], "as png and as jpg"),
        (["in", "-o", "o.parquet", "--engine", "ray", "--stride", "2"], "for videos"),
        (["none", "-o", "o.parquet", "--engine", "ray"], "none: no such file or folder"),
    ],
)
def test_mistakes_are_answered_in_one_line_without_ray(
    salgan, model, tmp_path, monkeypatch, arguments, words
):
    import ray

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ray, "init", lambda **_: pytest.fail("Ray was started"))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(jpeg(1))
    said = salgan("predict", *arguments, "-m", model)
    assert said.code == 1
    assert said.err.startswith("salgan: error: ") and said.err.count("\n") == 1
    assert words in said.err


def test_rows_are_there_until_ray_has_started(salgan, model, tmp_path, monkeypatch):
    import ray

    def fails(**_):
        raise RuntimeError("no cluster")

    monkeypatch.setattr(ray, "init", fails)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    photo, rows = tmp_path / "a.jpg", tmp_path / "maps.parquet"
    photo.write_bytes(jpeg(1))
    rows.mkdir()
    part = rows / "pictures-0123456789abcdef.parquet"
    part.write_bytes(b"rows")
    said = salgan("predict", photo, "-o", rows, "--engine", "ray", "--overwrite", "-m", model)
    assert said.code == 1 and "cannot be reached or started" in said.err
    assert part.read_bytes() == b"rows"


def test_overlays_of_another_look_do_not_go_into_the_same_rows(salgan, model, tmp_path, monkeypatch):
    import ray

    monkeypatch.setattr(ray, "init", lambda **_: pytest.fail("Ray was started"))
    photo, rows = tmp_path / "a.jpg", tmp_path / "maps.parquet"
    photo.write_bytes(jpeg(1))
    rows.mkdir()
    (rows / "pictures-0123456789abcdef.parquet").write_bytes(b"rows")
    ours = {"model": load_model(model).fingerprint, **Wanted(overlay=".png", look="fog").document()}
    (rows / job.RECORD).write_text(json.dumps(ours | {"map": None}))
    arguments = ("--save", "overlay", "--view", "heat", "--skip-existing")
    said = salgan("predict", photo, "-o", rows, "--engine", "ray", *arguments, "-m", model)
    assert said.code == 1 and "rows made with another look" in said.err


def test_without_ray_one_line_says_what_to_install(tmp_path, model):
    code = (
        "import sys; sys.modules['ray'] = None; from salgan.cli import main; "
        f"sys.exit(main(['predict', 'a.jpg', '-o', 'o', '--engine', 'ray', '-m', {str(model)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "salgan: error: this needs ray, which is not installed; run: pip install 'salgan[cluster]'\n"
    )


def test_ray_is_told_to_report_nothing_before_it_is_imported():
    code = "import os, salgan.cluster; print(os.environ['RAY_USAGE_STATS_ENABLED'])"
    environment = {key: value for key, value in os.environ.items() if key != "RAY_USAGE_STATS_ENABLED"}
    for given, expected in ((environment, "0"), ({**environment, "RAY_USAGE_STATS_ENABLED": "1"}, "1")):
        done = subprocess.run(
            [sys.executable, "-c", code], env=given, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == expected


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_sigterm_while_ray_starts_is_answered_by_us(monkeypatch):
    import ray

    from salgan.cli._signals import Ended, ending_cleanly
    from salgan.cluster import cluster

    def begin(**_):
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))  # as Ray's own does
        signal.raise_signal(signal.SIGTERM)

    stopped = []
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", begin)
    monkeypatch.setattr(ray, "shutdown", lambda: stopped.append(True))
    with pytest.raises(Ended), ending_cleanly(), cluster(1):
        pytest.fail("Ray counts as started")
    assert stopped


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(("code", "ends"), [(1, -signal.SIGABRT), (143, 143)])
def test_what_crashes_while_ray_is_unloaded_does_not_change_how_a_signal_ended_the_command(code, ends):
    script = f"""
import atexit, os, sys, types
import salgan.cli
class Library:
    def __del__(self, crash=os.abort):
        crash()
library = Library()
sys.modules["ray"] = types.ModuleType("ray")
atexit.register(print, "stopped what Ray had started")
salgan.cli.main = lambda: {code}
from salgan.__main__ import main
sys.exit(main())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == ends
    assert done.stdout == "stopped what Ray had started\n" or code == 1


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_sigterm_stops_in_one_line_and_what_is_there_is_whole(tmp_path, model, monkeypatch):
    content = jpeg(1, 1600, 1200)
    for number in range(60):
        (tmp_path / f"{number}.jpg").write_bytes(content)
    out = tmp_path / "maps.parquet"
    command = [
        sys.executable,
        "-m",
        "salgan",
        "predict",
        ".",
        "-o",
        str(out),
        "--engine",
        "ray",
        "--threads",
        "1",
    ]
    process = subprocess.Popen(
        [*command, "-m", str(model)],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    limit = time.monotonic() + 240
    while not list(out.glob("pictures-*.parquet")) and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=120)
    if "cannot be reached or started" in said:
        pytest.skip(said)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert said.startswith("salgan: stopped after ") and said.count("\n") == 1
    parts = list(out.glob("*.parquet"))
    assert 0 < sum(pq.read_metadata(part).num_rows for part in parts) < 60
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["_salgan.json", *(part.name for part in parts)]
    )
    _wait_until_nobody_is_left_in(process.pid)

    # It goes on: with two of the pictures that are left, since all of them would take a while.
    done = [path for part in parts for path in pq.read_table(part).column("path").to_pylist()]
    left = sorted({str(path) for path in tmp_path.glob("*.jpg")} - {str(tmp_path / path) for path in done})
    for path in left[2:]:
        Path(path).unlink()
    # In this process, since starting Ray again takes long; with Ray it is tested in test_ray.py.
    monkeypatch.setattr(job, "cluster", lambda *_: contextlib.nullcontext(Pool(1)))
    monkeypatch.setattr(job, "on_cluster", lambda work, units, _: map(work, units))
    monkeypatch.chdir(tmp_path)
    again = predict_on_cluster(["."], str(out), load_model(model), skip_existing=True)
    assert (again.pictures, again.failed, again.skipped) == (2, 0, len(done))


def _wait_until_nobody_is_left_in(group):
    """Wait until all processes of a group have ended; Ray's agents look for their parent now and then."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("processes of Ray are left")
