"""Pictures over Ray with two workers: killed on the way, stopped, started again, from and to a bucket."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from salgan.cluster import Wanted, on_cluster, predict_on_cluster, storage
from salgan.cluster.engine import Pool
from salgan.datasets import synthetic
from salgan.errors import ConfigError, ModelError
from salgan.jobs import find_jobs, predict_all
from salgan.models import load_model
from tests._onnx import tiny_model
from tests.cluster.conftest import BAD, jpeg

pytestmark = pytest.mark.usefixtures("two_workers")


def read_rows(out: Path | str) -> list[dict]:
    names = [name for name, _ in storage.listed(str(out)) if name.endswith(".parquet")]
    return [
        row
        for name in names
        for row in pq.read_table(storage.opened(storage.below(str(out), name))).to_pylist()
    ]


def test_a_killed_worker_loses_nothing_and_a_run_goes_on_where_it_was_stopped(folder, tmp_path, model):
    once, out = tmp_path / "once", tmp_path / "maps.parquet"

    def draw(picture, saliency):
        if picture.shape[1] == 40 + 8 * 4 and not once.exists():
            once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return picture

    predictor = load_model(model)
    seen = []
    result = predict_on_cluster(
        [str(folder)],
        str(out),
        predictor,
        wanted=Wanted(map="npy", overlay=".png", draw=draw),
        on_progress=lambda *step: seen.append(step),
    )
    found = read_rows(out)
    single = {
        str(each.job.source): each
        for each in predict_all(find_jobs([str(folder)], tmp_path / "single").jobs, predictor)
    }
    assert once.exists()
    assert sorted(row["path"] for row in found) == sorted(single)
    assert seen[-1] == ("predicting", 12, 12)
    for row in found:
        if single[row["path"]].error is None:
            expected = np.load(single[row["path"]].job.map_path)
            assert np.array_equal(np.load(io.BytesIO(row["map"])), expected)
        else:
            assert row["error"] == str(single[row["path"]].error)
    assert (result.pictures, result.failed, result.skipped) == (12, len(BAD), 0)

    # A part is missing, and a picture has come.
    parts = sorted(out.glob("*.parquet"))
    lost = pq.read_table(parts[0]).column("path").to_pylist()
    parts[0].unlink()
    (folder / "new.jpg").write_bytes(jpeg(50))
    times = {part: part.stat().st_mtime_ns for part in parts[1:]}
    with pytest.raises(ConfigError, match="--skip-existing to go on"):
        predict_on_cluster([str(folder)], str(out), predictor, wanted=Wanted(map="npy", overlay=".png"))
    with pytest.raises(ConfigError, match="rows made with another map and overlay"):
        predict_on_cluster([str(folder)], str(out), predictor, skip_existing=True)
    again = predict_on_cluster(
        [str(folder)], str(out), predictor, wanted=Wanted(map="npy", overlay=".png"), skip_existing=True
    )
    assert (again.pictures, again.skipped) == (len(lost) + 1, 12 - len(lost))
    paths = [row["path"] for row in read_rows(out)]
    assert sorted(paths) == sorted([*single, str(folder / "new.jpg")])
    assert {part: part.stat().st_mtime_ns for part in times} == times


def test_the_command_goes_from_a_bucket_to_a_bucket(s3, model, salgan, tmp_path):
    for number in range(5):
        storage.write_bytes(f"{s3}/in/{number}.jpg", jpeg(number))
    storage.write_bytes(f"{s3}/in/bad.jpg", b"bad")
    command = ("predict", f"{s3}/in", "--engine", "ray", "-m", model)
    said = salgan(*command, "-o", f"{s3}/out.parquet", "--save", "focal")
    assert said.code == 0
    assert said.out.startswith("6 pictures, ")
    error, note = said.err.splitlines()
    assert error.startswith(f"salgan: error: {s3}/in/bad.jpg: is not a picture")
    assert note == "1 row has an error in the place of a map"
    rows = {row["path"]: row for row in read_rows(f"{s3}/out.parquet")}
    assert len(rows) == 6
    assert all(row["focal"] or row["error"] for row in rows.values())

    said = salgan(*command, "-o", f"{s3}/files", "--save", "map", "--format", "png8")
    assert said.code == 1
    assert said.out == f"6 pictures, 5 files in {s3}/files\n"
    names = sorted(name for name, _ in storage.listed(f"{s3}/files"))
    assert names == [f"{number}.saliency.png" for number in range(5)]
    assert storage.read_bytes(f"{s3}/files/3.saliency.png") == load_model(model).predict(jpeg(3)).encode(
        "png8"
    )
    assert "--skip-existing or --overwrite" in salgan(*command, "-o", f"{s3}/files").err


def test_a_model_that_fails_stops_the_run_in_one_line(folder, tmp_path):
    (tmp_path / "nan.onnx").write_bytes(tiny_model(gain=float("nan")))
    with pytest.raises(ModelError, match="not finite"):
        predict_on_cluster([str(folder)], str(tmp_path / "o.parquet"), load_model(tmp_path / "nan.onnx"))


def _refuse_the_first(task, trail):
    if task == 0:
        raise ModelError("no")
    time.sleep(1)
    return task


def test_an_error_that_somebody_keeps_ends_the_run_and_frees_its_actors():
    with pytest.raises(ModelError) as kept:
        list(on_cluster(_refuse_the_first, list(range(150)), Pool(2)))
    done = threading.Event()

    def next_run():  # it gets no core while the first run's actors are there
        list(on_cluster(_refuse_the_first, [1, 2], Pool(2)))
        done.set()

    threading.Thread(target=next_run, daemon=True).start()
    assert done.wait(60), kept


def test_an_evaluation_on_the_cluster_has_the_table_of_a_single_machine(salgan, model, tmp_path):
    data = synthetic(tmp_path / "made-up", 6)
    command = ("evaluate", model, "--data", data, "--metrics", "nss,sauc,ig,kld")
    said = [
        salgan(*command, "-o", tmp_path / "local", "--processes", 1),
        salgan(*command, "-o", tmp_path / "ray", "--engine", "ray"),
    ]
    assert [each.code for each in said] == [0, 0], said
    for name in ("per_picture.csv", "summary.json", "summary.md"):
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()


def test_nobody_without_the_token_gets_work_done():
    import ray

    address = ray.get_runtime_context().gcs_address
    stranger = {key: value for key, value in os.environ.items() if not key.startswith("RAY_AUTH")}
    code = f"import ray; ray.init({address!r}); print(ray.get(ray.remote(abs).remote(1)))"
    done = subprocess.run([sys.executable, "-c", code], env=stranger, capture_output=True, text=True)
    assert done.returncode and "Failed to connect" in done.stderr
