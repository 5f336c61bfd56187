"""``salgan predict clip.mp4``: what it writes, how it ends, how it is stopped."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests._fresh import modules_after
from tests.video import clips


@pytest.fixture
def clip(tmp_path) -> Path:
    return clips.make(tmp_path / "clip.mp4", [np.roll(clips.quarters(), 6 * n, axis=1) for n in range(8)])


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_video_gives_its_overlay(tmp_path, clip, model, salgan):
    out = tmp_path / "out"
    said = salgan("predict", clip, "-o", out, "--model", model)
    assert (said.code, said.err, said.out) == (0, "", f"{out / 'clip.overlay.mp4'}\n")
    assert _names(out) == ["clip.overlay.mp4"]
    assert len(clips.read(out / "clip.overlay.mp4")[0]) == 8


def test_maps_boxes_smoothing_and_stride_can_be_asked_for(tmp_path, clip, model, salgan):
    out = tmp_path / "out"
    options = ["--save", "map,overlay", "--smooth", "0.3", "--stride", "2", "--box", "cta:0,0,0.5,0.5"]
    said = salgan("predict", clip, "-o", out, "--model", model, *options)
    names = ["clip.maps.npy", "clip.overlay.mp4", "clip.frames.csv", "clip.timeline.png"]
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [str(out / name) for name in names]
    assert np.load(out / "clip.maps.npy").shape == (4, 48, 64)
    assert (out / "clip.frames.csv").read_text().startswith("frame,seconds,share:cta\n0,0.000000,0.")
    said = salgan("predict", clip, "-o", out, "--model", model, "--save", "map", "--format", "mp4")
    assert said.code == 1  # the table is there
    assert "clip.frames.csv exists already" in said.err


def test_results_that_are_there_are_kept_or_replaced_as_told(tmp_path, clip, model, salgan):
    out = tmp_path / "out"
    out.mkdir()
    overlay = out / "clip.overlay.mp4"
    mine = clips.make(tmp_path / "mine.mp4", [clips.flat(99)] * 3).read_bytes()
    overlay.write_bytes(mine)
    said = salgan("predict", clip, "-o", out, "--model", model)
    assert (said.code, said.out) == (1, "")
    assert said.err == f"salgan: error: {overlay} exists already; add --skip-existing or --overwrite\n"
    assert salgan("predict", clip, "-o", out, "--model", model, "--skip-existing").code == 0
    assert overlay.read_bytes() == mine
    assert salgan("predict", clip, "-o", out, "--model", model, "--overwrite").code == 0
    assert len(clips.read(overlay)[0]) == 8


def test_pictures_and_videos_go_together_and_namesakes_keep_apart(tmp_path, clip, model, salgan):
    out = tmp_path / "out"
    clips.make(tmp_path / "clip.mkv", [clips.flat(99)] * 3)
    Image.fromarray(clips.quarters()).save(tmp_path / "clip.png")
    said = salgan("predict", tmp_path / "clip.png", tmp_path / "clip.m*", "-o", out, "--model", model)
    assert said.code == 1  # a pattern without the ending of videos is one of pictures
    arguments = [tmp_path / "clip.png", tmp_path / "*.mp4", tmp_path / "clip.mkv", "--save", "map,overlay"]
    said = salgan("predict", *arguments, "-o", out, "--model", model, "--overwrite")
    assert (said.code, said.err) == (0, "")
    assert _names(out) == [
        "clip.mkv.frames.csv",
        "clip.mkv.maps.npy",
        "clip.mkv.overlay.mp4",
        "clip.mp4.frames.csv",
        "clip.mp4.maps.npy",
        "clip.mp4.overlay.mp4",
        "clip.overlay.png",
        "clip.saliency.npy",
    ]


def test_earlier_results_are_no_sources_of_a_pattern(tmp_path, clip, model, salgan):
    for _ in range(2):
        said = salgan("predict", tmp_path / "*.mp4", "-o", tmp_path, "--model", model, "--overwrite")
        assert (said.code, said.out) == (0, f"{tmp_path / 'clip.overlay.mp4'}\n")


def test_a_video_without_an_ending_is_known_by_its_content(tmp_path, clip, model, salgan):
    source, out = clip.rename(tmp_path / "download"), tmp_path / "out"
    assert salgan("predict", source, "-o", out, "--model", model).code == 0
    assert _names(out) == ["download.overlay.mp4"]


def _text(path):
    path.write_text("no video at all\n" * 100)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "no such file"),
        (_text, "is not a video in a known format"),
        (lambda path: path.write_bytes(b"YUV4MPEG2 W64 H48 F25:1 C420jpeg\n"), "no frame"),
        (lambda path: clips.music(path, "aac"), "holds sound but no video"),
    ],
)
def test_a_bad_file_is_one_line_and_does_not_stop_the_others(tmp_path, clip, model, salgan, make, words):
    bad, out = tmp_path / "bad.mp4", tmp_path / "out"
    make(bad)
    said = salgan("predict", bad, clip, "-o", out, "--model", model)
    assert said.code == 1
    assert said.err.startswith(f"salgan: error: {bad}: ")
    assert words in said.err
    assert said.err.count("\n") == 1
    assert _names(out) == ["clip.overlay.mp4"]


def test_of_a_video_that_was_cut_off_the_rest_is_kept_and_the_damage_told(tmp_path, model, salgan):
    out = tmp_path / "out"
    source = clips.cut(clips.make(tmp_path / "c.mkv", [clips.noise(n) for n in range(50)]), 0.5)
    said = salgan("predict", source, "-o", out, "--model", model)
    assert (said.code, said.out) == (1, f"{out / 'c.overlay.mp4'}\n")
    assert said.err.startswith(f"salgan: error: {source}: ends after 1.")
    assert said.err.count("\n") == 1
    assert len(clips.read(out / "c.overlay.mp4")[0]) > 15


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--save", "map", "--format", "tiff"], "npy or mp4"),
        (["--box", "cta:0,0"], "a box has 4 numbers"),
        (["--box", "a:0,0,1,1", "--box", "a:0,0,1,0.5"], "two regions"),
        (["--smooth", "inf"], "time constant"),
    ],
)
def test_options_that_make_no_sense_are_one_line(tmp_path, clip, model, salgan, options, words):
    said = salgan("predict", clip, "-o", tmp_path / "out", "--model", model, *options)
    assert said.code == 1
    assert words in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("option", [["--smooth", "1"], ["--stride", "2"], ["--box", "a:0,0,1,1"]])
def test_options_of_videos_are_refused_for_pictures(tmp_path, model, salgan, option):
    Image.fromarray(clips.quarters()).save(tmp_path / "p.png")
    said = salgan("predict", tmp_path / "p.png", "-o", tmp_path / "out", "--model", model, *option)
    assert said.code == 1
    assert "are for videos" in said.err


@pytest.mark.parametrize(("missing", "options"), [("av", []), ("matplotlib", ["--box", "a:0,0,1,1"])])
def test_a_missing_extra_is_named_with_the_command_that_brings_it(
    tmp_path, clip, model, salgan, monkeypatch, missing, options
):
    monkeypatch.setitem(sys.modules, missing, None)
    said = salgan("predict", clip, "-o", tmp_path / "out", "--model", model, *options)
    assert said.code == 1
    assert said.err == (
        f"salgan: error: this needs {missing}, which is not installed; run: pip install 'salgan[video]'\n"
    )


def test_predicting_a_picture_loads_nothing_for_videos(tmp_path, model):
    Image.fromarray(clips.quarters()).save(tmp_path / "p.png")
    arguments = ["predict", str(tmp_path / "p.png"), "-o", str(tmp_path), "--model", str(model)]
    assert not modules_after(f"from salgan.cli import main; main({arguments!r})") & {"av", "matplotlib"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for another process")
def test_ctrl_c_leaves_a_playable_file(tmp_path, model):
    pictures = [np.roll(clips.quarters((320, 240)), 7 * n, axis=1) for n in range(40)]
    source, out = clips.make(tmp_path / "long.mp4", pictures * 50, codec="mpeg4", sound="aac"), tmp_path / "o"
    # A shell starts what it runs in the background deaf to Ctrl-C, and the tests may be run there.
    script = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    script += "from salgan.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", script, "predict", source, "-o", out, "--model", model]
    with subprocess.Popen(
        [*command, "--save", "map,overlay"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        enough = 10 * 320 * 240 * 4
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size > enough for path in out.glob(".*.npy")):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "")
    names = ["long.frames.partial.csv", "long.maps.partial.npy", "long.overlay.partial.mp4"]
    assert _names(out) == names
    assert errors.startswith("salgan: stopped after ")
    assert errors.count("\n") == 1
    assert all(name in errors for name in names)
    frames = len(clips.read(out / "long.overlay.partial.mp4")[0])
    assert 10 <= frames < 2000
    assert np.load(out / "long.maps.partial.npy", mmap_mode="r").shape == (frames, 240, 320)
