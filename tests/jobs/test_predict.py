"""How pictures in files are spread over the cores."""

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from salgan.jobs import Job, find_jobs, predict_all, threads_each
from salgan.models.predictor import Predictor
from tests._onnx import tiny_model

PICTURE = Job(Path("a.jpg"), "picture", "npy")
VIDEO = Job(Path("a.mp4"), "video", "npy")


@pytest.mark.parametrize(
    ("cores", "jobs", "threads"),
    [
        (1, [PICTURE] * 5, 1),
        (2, [PICTURE] * 2, 1),
        (8, [PICTURE] * 8, 1),
        (9, [PICTURE] * 100, 2),
        (64, [PICTURE] * 100, 8),
        (2, [PICTURE], None),
        (8, [PICTURE] * 7, None),
        (2, [*[PICTURE] * 20, VIDEO], None),
    ],
)
def test_pictures_that_fill_the_cores_share_them_and_fewer_or_videos_get_them_all(
    monkeypatch, cores, jobs, threads
):
    monkeypatch.setattr("salgan.jobs.predict.cores", lambda: cores)
    assert threads_each(jobs) == threads


def test_a_predictor_says_how_many_threads_a_prediction_may_use(monkeypatch):
    monkeypatch.setattr("salgan.models.predictor.cores", lambda: 6)
    assert Predictor(tiny_model(), threads=3).threads == 3
    assert Predictor(tiny_model()).threads == 6


@pytest.mark.parametrize(("threads", "side_by_side"), [(1, 4), (2, 2), (3, 2)])
def test_on_a_processor_so_many_pictures_are_predicted_side_by_side(
    tmp_path, monkeypatch, threads, side_by_side
):
    for module in ("salgan.jobs.predict", "salgan.models.batches"):
        monkeypatch.setattr(f"{module}.cores", lambda: 3)
    names = [f"{number}.png" for number in range(2 * side_by_side)]
    for number, name in enumerate(names):
        Image.fromarray(np.full((20, 30, 3), 9 * number, np.uint8)).save(tmp_path / name)
    predictor = Predictor(tiny_model(), threads=threads)
    meeting = threading.Barrier(side_by_side)  # a run that the others do not join breaks it
    alone, under_way, most = predictor.predict_batch, [], []

    def together(pictures):
        under_way.append(None)
        meeting.wait(120)
        most.append(len(under_way))
        meeting.wait(120)
        under_way.pop()
        return alone(pictures)

    monkeypatch.setattr(predictor, "predict_batch", together)
    jobs = find_jobs([str(tmp_path / name) for name in names], tmp_path / "out", save=["map"]).jobs
    results = list(predict_all(jobs, predictor))
    assert [result.error for result in results] == [None] * len(names)
    assert set(most) == {side_by_side}
    for name, result in zip(names, results, strict=True):
        expected = Predictor(tiny_model()).predict(tmp_path / name).array
        np.testing.assert_array_equal(np.load(result.written[0]), expected)
