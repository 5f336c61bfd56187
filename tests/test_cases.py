"""Faults that people reported of tools like this one: each public case is made, tried, and judged.

``cases/run NAME`` in the shared folder makes the same input by hand.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import salgan
from salgan import image

pytestmark = pytest.mark.shared


@dataclass(frozen=True)
class Ended:
    """How one command of a case ended, and what it said on both streams."""

    code: int
    said: str


@pytest.fixture
def tried(shared: Path, tmp_path: Path) -> Callable[[str], list[Ended]]:
    """Make a case's input in ``tmp_path`` and run its commands there."""
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(Path(salgan.__file__).parents[1]),
    }

    def run(name: str) -> list[Ended]:
        make = [sys.executable, shared / "cases" / name / "make.py"]
        # The shared folder is not ours to write to, compiled files included.
        untouched = environment | {"PYTHONDONTWRITEBYTECODE": "1"}
        made = subprocess.run(make, cwd=tmp_path, env=untouched, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        ended = []
        for command in made.stdout.splitlines():
            if not command.startswith(("salgan", "python", "HOME", "PYTHON", "rm", "for", "printf")):
                continue
            command = command.replace(" --output map", " --save map")  # its name when the case was written
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=tmp_path,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="surrogateescape",
                timeout=250,
            )
            # (A traceback of the case's own Python only says that there was nothing to look at.)
            assert f"{os.sep}salgan{os.sep}cli{os.sep}" not in done.stdout, done.stdout
            ended.append(Ended(done.returncode, done.stdout))
        return ended or [Ended(made.returncode, made.stdout)]

    return run


def one_line(ended: Ended) -> bool:
    """Whether a command was refused as every refusal is: exit code 1 and one line that says why."""
    last = ended.said.strip().splitlines()[-1] if ended.said.strip() else ""
    return ended.code == 1 and last.startswith("salgan: error: ")


def test_every_case_has_its_test(shared):
    cases = {path.parent.name for path in (shared / "cases").glob("*/make.py")}
    text = Path(__file__).read_text(encoding="utf-8")
    assert {case for case in cases if f'"{case}"' not in text} == set()


# Pictures


def test_avif_becomes_video(tried, tmp_path):
    both, maps = tried("avif-becomes-video")
    assert (both.code, maps.code) == (0, 0)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"still.saliency.npy", "still.overlay.png"}
    assert np.load(tmp_path / "out2/still.saliency.npy").shape == (480, 640)


def test_heic_becomes_video(tried, tmp_path):
    pytest.importorskip("pillow_heif")
    (done,) = tried("heic-becomes-video")
    assert done.code == 0, done.said
    assert np.load(tmp_path / "out/IMG_0042.saliency.npy").shape == (480, 640)
    assert not list((tmp_path / "out").glob("*.mp4"))


def test_crop_16_bit(tried, tmp_path):
    from PIL import Image

    (done,) = tried("crop-16-bit")
    assert done.code == 0, done.said
    crop = Image.open(tmp_path / "out/scan.crop-100x75.png")
    assert (crop.size, crop.mode) == ((100, 75), "I;16")
    assert np.asarray(crop).max() > 40_000


def test_jpeg_without_end_mark(tried, tmp_path):
    (done,) = tried("jpeg-without-end-mark")
    assert done.code == 0, done.said
    whole, without = (image.read(tmp_path / name) for name in ("x.jpg", "noend.jpg"))
    assert np.array_equal(whole, without)


def test_left_out_silently(tried):
    (done,) = tried("left-out-silently")
    assert done.code == 0
    predicted = done.said.count(".saliency.npy")
    assert predicted == 5 or "left out" in done.said


def test_name_not_utf8(tried, tmp_path):
    import json

    for done, name in zip(tried("name-not-utf8"), ("c.json", "r.json"), strict=True):
        assert done.code == 0, done.said
        path = json.loads((tmp_path / name).read_text("utf-8"))["picture"]["path"]
        assert os.fsencode(path) == b"caf\xe9.jpg"


def test_png_with_much_text(tried):
    (done,) = tried("png-with-much-text")
    assert done.code == 0, done.said


def test_raw_photo_preview(tried):
    (done,) = tried("raw-photo-preview")
    assert "(480, 640)" in done.said or "salgan: error: photo.dng: " in done.said
    assert "(120, 160)" not in done.said


@pytest.mark.parametrize("case", ["tiff-0-is-white", "tiff-0-is-white-big-endian"])
def test_tiffs_in_which_0_is_white(tried, case, tmp_path):
    (done,) = tried(case)
    assert done.code == 0, done.said
    black, white = (image.read(tmp_path / f"{name}0.tif") for name in ("black", "white"))
    assert np.array_equal(black, white)
    assert black.min() < black.max()


# Names, folders and streams


@pytest.mark.skipif(not Path("/usr/bin/dash").exists(), reason="there is no dash here")
def test_tilde(tried, tmp_path):
    # The first command is for zsh, which is not everywhere; dash hands over the same text.
    *_, dash = tried("tilde")
    assert (tmp_path / "home/runs/b/network.safetensors").is_file(), dash.said
    assert not (tmp_path / "~").exists()


def test_stdout_not_utf8(tried, tmp_path):
    cropped, predicted, listed = tried("stdout-not-utf8")
    assert cropped.said.splitlines()[-1] == "0", cropped.said
    assert predicted.said.splitlines()[0] == "0", predicted.said
    assert listed.said.splitlines()[-1] == "0", listed.said
    assert "lite" in (tmp_path / "c.txt").read_text("ascii")


def test_stdout_not_utf8_evaluate(tried):
    _, evaluated, checked = tried("stdout-not-utf8-evaluate")
    assert evaluated.said.splitlines()[-1] == "0", evaluated.said
    assert checked.said.splitlines()[-1] == "0", checked.said


# Evaluation and datasets


def test_coloured_maps(tried):
    (done,) = tried("coloured-maps")
    assert one_line(done) or "colour" in done.said


def test_maps_transposed(tried):
    (done,) = tried("maps-transposed")
    assert one_line(done) or "exchanged" in done.said or "transposed" in done.said


def test_fixations_as_fractions(tried):
    checked, evaluated = tried("fixations-as-fractions")
    assert "fraction" in checked.said
    assert one_line(evaluated) or "fraction" in evaluated.said


def test_points_with_counts(tried, tmp_path):
    checked, evaluated = tried("points-with-counts")
    for done in (checked, evaluated):
        assert one_line(done) or done.code == 0, done.said
    if evaluated.code == 0:
        from salgan.datasets import open_dataset

        stimuli = list(open_dataset(tmp_path / "set"))
        # At least as many pixels as were drawn, less those that fell together.
        assert min(len(stimulus.fixations) for stimulus in stimuli) > 15


def test_round_trip_evaluate(tried):
    *_, evaluated = tried("round-trip-evaluate")
    assert evaluated.code == 0, evaluated.said
    assert "NSS" in evaluated.said


def test_tables_of_trackers(tried):
    (done,) = tried("tables-of-trackers")
    tab, semicolon, lost = done.said.strip().splitlines()
    for line in (tab, semicolon, lost):
        assert "needs at least the columns x and y" not in line, line
    assert "is '.'" not in lost


def test_truth_as_people_have_it(tried):
    checked, trained = tried("truth-as-people-have-it")
    assert "must be the same" not in checked.said
    assert "rows and columns" not in checked.said
    assert "1.png" in trained.said
    assert "no fixations to blur" not in trained.said


# Training and models


def test_nss_without_fixations(tried):
    trained, _ = tried("nss-without-fixations")
    assert one_line(trained), trained.said
    assert "fixations" in trained.said


def test_yaml_guesses(tried):
    dated, numbered, twice = tried("yaml-guesses")
    for done in (dated, numbered):
        assert "valid string" not in done.said
    # A key given twice must be refused, not decided in silence.
    assert "batch_size" in twice.said
    assert twice.code != 0


def test_weights_of_another_kind(tried):
    predicted, evaluated, exported = tried("weights-of-another-kind")
    assert "protobuf" not in predicted.said + evaluated.said
    assert predicted.code == 0 or one_line(predicted), predicted.said
    assert one_line(evaluated), evaluated.said
    assert one_line(exported), exported.said


def test_predictor_copied(tried):
    (done,) = tried("predictor-copied")
    for line in done.said.strip().splitlines():
        assert line.endswith(" ok") or ("cannot pickle" not in line and "load" in line), line


def test_predictor_in_processes(shared, tmp_path):
    script = shared / "cases" / "predictor-in-processes" / "make.py"
    environment = {**os.environ, "PYTHONPATH": str(Path(salgan.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (done.returncode == 0 and "SaliencyMap" in done.stdout) or (
        "cannot pickle" not in done.stderr and "load" in done.stderr.splitlines()[-1]
    ), done.stderr


# Videos


@pytest.mark.parametrize(("case", "step"), [("avi-frame-times", 0.04), ("avi-frame-times-10", 0.1)])
def test_frame_times_of_avi(tried, tmp_path, case, step):
    (done,) = tried(case)
    assert done.code == 0, done.said
    rows = (tmp_path / "out/clip.frames.csv").read_text().splitlines()[1:]
    seconds = [float(row.split(",")[1]) for row in rows]
    assert seconds == pytest.approx([step * number for number in range(len(rows))], abs=1e-3)


@pytest.mark.parametrize(("case", "name"), [("sound-mp3-8k", "voice"), ("sound-without-decoder", "IMG_0016")])
def test_sound_that_is_rare(tried, tmp_path, case, name):
    import av

    (done,) = tried(case)
    assert done.code == 0, done.said
    with av.open(str(tmp_path / f"out/{name}.overlay.mp4")) as clip:
        assert [sound.codec_context.name for sound in clip.streams.audio] == ["aac"]


# The service


def test_serve_answer_lost(tried):
    (done,) = tried("serve-answer-lost")
    assert len([line for line in done.said.splitlines() if line.strip().startswith("20 4")]) == 1, done.said


def test_serve_behind_proxy(tried):
    (done,) = tried("serve-behind-proxy")
    assert "--allow-host" in done.said


def test_serve_crop_flattens(tried):
    (done,) = tried("serve-crop-flattens")
    assert "RGBA RGBA" in done.said


def test_serve_image_jpg(tried):
    (done,) = tried("serve-image-jpg")
    assert '"status": 200' in done.said, done.said
