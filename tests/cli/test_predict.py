"""``salgan predict``: what it writes, what it never overwrites, and how it fails."""

import errno
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from salgan.errors import ImageError, ModelError
from salgan.jobs import find_jobs, predict_all
from salgan.models.predictor import Predictor
from salgan.preprocessing import Preprocessing
from tests._fresh import modules_after
from tests._onnx import tiny_model


@pytest.fixture
def photos(tmp_path) -> Path:
    """A folder with pictures, below it and hidden, and a file that is none."""
    folder = tmp_path / "photos"
    for name in ("a.jpg", "b.png", "trip/c.JPG", "trip/day 2/d.webp", ".hidden/e.jpg", ".f.jpg"):
        _picture(folder / name)
    (folder / "notes.txt").write_text("no picture")
    return folder


def _picture(path: Path, size: tuple[int, int] = (40, 30), level: int = 200) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.full((size[1], size[0], 3), 20, dtype=np.uint8)
    picture[: size[1] // 2] = level
    Image.fromarray(picture).save(path)
    return path


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_photo_gives_a_map_and_an_overlay_of_its_own_size(tmp_path, model, salgan):
    photo, out = _picture(tmp_path / "photo.jpg", (50, 30)), tmp_path / "out"
    said = salgan("predict", photo, "-o", out, "--model", model)
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [str(out / "photo.saliency.npy"), str(out / "photo.overlay.png")]
    assert _files(out) == ["photo.overlay.png", "photo.saliency.npy"]
    array = np.load(out / "photo.saliency.npy")
    assert np.array_equal(array, Predictor(model).predict(photo).array)
    with Image.open(out / "photo.overlay.png") as overlay:
        assert (overlay.size, overlay.mode) == ((50, 30), "RGB")


def test_a_long_page_is_said_to_be_made_of_windows(tmp_path, salgan):
    record = Preprocessing(height=24, width=30, shapes=((24, 30), (30, 24)))
    model = tmp_path / "shaped.onnx"
    model.write_bytes(tiny_model(record))
    page, photo = _picture(tmp_path / "page.png", (500, 2500)), _picture(tmp_path / "photo.png", (50, 40))
    said = salgan("predict", page, photo, "-o", tmp_path / "out", "--model", model)
    assert said.code == 0
    assert said.err.splitlines() == [
        f"{page}: made of 12 overlapping windows of 500×400 pixels, as seen while scrolling, "
        "each given the same share of attention"
    ]


@pytest.mark.parametrize(
    ("format", "name", "mode"),
    [("png16", "p.saliency.png", "I;16"), ("png8", "p.saliency.png", "L"), ("tiff", "p.saliency.tiff", "F")],
)
def test_the_format_decides_ending_and_content(tmp_path, model, salgan, format, name, mode):
    photo, out = _picture(tmp_path / "p.jpg"), tmp_path / "out"
    said = salgan("predict", photo, "-o", out, "--model", model, "--save", "map", "--format", format)
    assert said.code == 0
    assert _files(out) == [name]
    with Image.open(out / name) as image:
        assert image.mode == mode


def test_a_folder_is_searched_to_the_bottom_and_its_tree_kept(tmp_path, photos, model, salgan):
    out = tmp_path / "out"
    said = salgan("predict", photos, "-o", out, "--model", model)
    assert said.code == 0
    assert said.out == f"4 pictures, 8 files in {out}\n"
    assert [name for name in _files(out) if name.endswith(".npy")] == [
        "a.saliency.npy",
        "b.saliency.npy",
        "trip/c.saliency.npy",
        "trip/day 2/d.saliency.npy",
    ]


def test_results_inside_the_folder_are_not_taken_for_pictures_next_time(photos, model, salgan):
    arguments = ("predict", photos, "-o", photos, "--model", model, "--format", "png8", "--overwrite")
    assert salgan(*arguments).code == 0
    first = _files(photos)
    assert salgan(*arguments).code == 0
    assert _files(photos) == first


def test_globs_are_expanded(tmp_path, photos, model, salgan):
    out = tmp_path / "out"
    said = salgan("predict", photos / "**" / "*.[jJ]*", "-o", out, "--model", model, "--save", "map")
    assert said.code == 0
    assert _files(out) == ["a.saliency.npy", "c.saliency.npy"]


def test_a_list_names_a_source_a_line(tmp_path, photos, model, salgan):
    (photos / "list.txt").write_text("# from the shop\na.jpg\ntrip/*.JPG\n")
    arguments = ("--model", model, "--save", "map", "-o", tmp_path / "out")
    assert salgan("predict", f"@{photos / 'list.txt'}", *arguments).code == 0
    assert _files(tmp_path / "out") == ["a.saliency.npy", "c.saliency.npy"]
    (photos / "list.txt").write_text("s3://shop/a.jpg\n")
    far = salgan("predict", f"@{photos / 'list.txt'}", *arguments)
    assert (far.code, far.err.count("\n")) == (1, 1)
    assert "s3://shop/a.jpg: addresses and Parquet need --engine ray" in far.err
    missing = salgan("predict", "@none.txt", *arguments)
    assert (missing.code, missing.err) == (1, "salgan: error: @none.txt: no such list of pictures\n")


def test_a_file_whose_name_looks_like_a_glob_is_a_file(tmp_path, model, salgan):
    photo, out = _picture(tmp_path / "photo[1].jpg"), tmp_path / "out"
    assert salgan("predict", photo, "-o", out, "--model", model, "--save", "map").code == 0
    assert _files(out) == ["photo[1].saliency.npy"]


def _names(tmp_path, *sources: Path) -> list[str]:
    found = find_jobs([str(source) for source in sources], tmp_path, save=["map"], format="npy")
    assert not found.errors
    return [job.map_path.relative_to(tmp_path).as_posix() for job in found.jobs]


def test_pictures_that_differ_in_ending_only_keep_it(tmp_path):
    sources = [_picture(tmp_path / name) for name in ("a.jpg", "a.png", "b.jpg")]
    assert _names(tmp_path, *sources) == ["a.jpg.saliency.npy", "a.png.saliency.npy", "b.saliency.npy"]


def test_the_same_name_from_several_folders_is_told_apart_by_the_folders(tmp_path):
    sources = [_picture(tmp_path / name) for name in ("x/1/a.jpg", "y/1/a.jpg", "z/2/a.jpg")]
    assert _names(tmp_path, *sources) == [
        "x/1/a.jpg.saliency.npy",
        "y/1/a.jpg.saliency.npy",
        "2/a.jpg.saliency.npy",
    ]
    folders = [source.parent for source in sources[1:]]
    assert _names(tmp_path, *folders) == ["1/a.jpg.saliency.npy", "2/a.jpg.saliency.npy"]


def test_a_longer_name_may_not_meet_another_pictures_name(tmp_path):
    sources = [_picture(tmp_path / name) for name in ("s/a.jpg", "s/a.png", "s/a.jpg.webp")]
    names = _names(tmp_path, *sources)
    assert len(set(names)) == 3
    assert names == sorted(names, key=names.index)


def test_names_that_differ_in_case_only_are_kept_apart_where_folders_can_tell(tmp_path):
    sources = [_picture(tmp_path / name) for name in ("s/A.jpg", "t/a.jpg")]
    assert _names(tmp_path, *sources) == ["s/A.jpg.saliency.npy", "t/a.jpg.saliency.npy"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system that tells case apart")
def test_names_in_one_folder_that_differ_in_case_only_end_with_whole_paths(tmp_path):
    names = _names(tmp_path, *[_picture(tmp_path / name) for name in ("s/A.jpg", "s/a.jpg")])
    assert len(set(names)) == 2


def test_a_picture_named_twice_is_predicted_once(tmp_path):
    photo = _picture(tmp_path / "s" / "a.jpg")
    assert _names(tmp_path, photo, photo.parent, photo.parent / ".." / "s" / "a.jpg") == ["a.saliency.npy"]


def test_nothing_is_overwritten_in_silence(tmp_path, model, salgan):
    photo, out = _picture(tmp_path / "photo.jpg"), tmp_path / "out"
    out.mkdir()
    (out / "photo.overlay.png").write_text("precious")
    said = salgan("predict", photo, "-o", out, "--model", model)
    assert said.code == 1
    assert "photo.overlay.png exist" in said.err
    assert "--skip-existing or --overwrite" in said.err
    assert said.err.count("\n") == 1
    assert _files(out) == ["photo.overlay.png"]
    assert (out / "photo.overlay.png").read_text() == "precious"
    assert salgan("predict", photo, "-o", out, "--model", model, "--overwrite").code == 0
    assert (out / "photo.overlay.png").read_bytes().startswith(b"\x89PNG")


def test_skip_existing_makes_only_what_is_missing(tmp_path, photos, model, salgan):
    out = tmp_path / "out"
    (out / "trip").mkdir(parents=True)
    done = np.full((3, 4), 0.5, np.float32)  # not what would be predicted
    for name in ("a.saliency.npy", "trip/c.saliency.npy"):
        np.save(out / name, done)
    _picture(out / "a.overlay.png", (4, 3))
    said = salgan("predict", photos, "-o", out, "--model", model, "--skip-existing")
    assert said.code == 0
    assert "1 done before" in said.err
    assert np.array_equal(np.load(out / "trip/c.saliency.npy"), done)
    assert (out / "trip/c.overlay.png").exists()
    assert len(_files(out)) == 8
    again = salgan("predict", photos, "-o", out, "--model", "no-such-model", "--skip-existing")
    assert again.code == 0  # nothing to do: not even the model is needed
    assert "4 done before" in again.err


def test_a_result_that_does_not_open_is_not_counted_as_done(tmp_path, photos, model, salgan):
    out = tmp_path / "out"
    options = ("-o", out, "--model", model, "--skip-existing")
    assert salgan("predict", photos, *options).code == 0
    names = ["a.overlay.png", "a.saliency.npy", "b.overlay.png", "b.saliency.npy"]
    whole = {name: (out / name).read_bytes() for name in names}
    (out / "a.overlay.png").write_bytes(b"")  # as a crashed machine may leave them
    (out / "b.overlay.png").write_bytes(whole["b.overlay.png"][:-20])
    (out / "b.saliency.npy").write_bytes(whole["b.saliency.npy"][:-20])
    said = salgan("predict", photos, *options)
    assert said.code == 0
    assert "3 results that do not open are made anew" in said.err
    assert {name: (out / name).read_bytes() for name in names} == whole


def test_bad_files_do_not_stop_the_rest_and_are_named_at_the_end(tmp_path, photos, model, salgan):
    out = tmp_path / "out"
    (photos / "bad.jpg").write_bytes(b"")
    (photos / "cut.png").write_bytes((photos / "b.png").read_bytes()[:60])
    said = salgan("predict", photos, tmp_path / "none.jpg", "-o", out, "--model", model, "--save", "map")
    assert said.code == 1
    assert said.out == f"4 pictures, 4 files in {out}\n"
    left_out, *lines = said.err.splitlines()
    assert left_out == f"{photos}: 1 .txt left out, which are not pictures"
    assert len(lines) == 3
    assert all(line.startswith("salgan: error: ") for line in lines)
    for name in ("bad.jpg: is empty", "cut.png: is", "none.jpg: no such file"):
        assert any(name in line for line in lines)
    assert len(_files(out)) == 4


def test_the_first_full_disk_ends_it_and_names_the_file_that_was_asked_for(
    tmp_path, photos, model, salgan, monkeypatch
):
    def fills_up(draft, path, rename=Path.replace):
        if not path.name.startswith("a."):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return rename(draft, path)

    out = tmp_path / "out"
    monkeypatch.setattr(Path, "replace", fills_up)
    said = salgan("predict", photos, "-o", out, "--model", model)
    place = out / "b.saliency.npy"
    full = f"salgan: error: {place}: cannot be written (No space left on device)\n"
    assert (said.code, said.err) == (1, full)
    assert _files(out) == ["a.overlay.png", "a.saliency.npy"]
    monkeypatch.undo()
    assert salgan("predict", photos, "-o", out, "--model", model, "--skip-existing").code == 0


def test_a_result_that_cannot_be_written_is_one_line(tmp_path, photos, model, salgan):
    out = tmp_path / "out"
    out.mkdir()
    (out / "trip").write_text("a file where a folder must be")
    said = salgan("predict", photos, "-o", out, "--model", model)
    assert said.code == 1
    assert said.err.count("trip: cannot be made a folder") == 1
    assert (out / "a.saliency.npy").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["photo.jpg"], "-o FOLDER"),
        (["photo.jpg", "-o", "out", "--save", "map,heat"], "--save 'heat' is none of map, overlay"),
        (["photo.jpg", "-o", "out", "--format", "jpeg"], "none of npy, png16, png8, tiff"),
        (["photo.jpg", "-o", "out", "--skip-existing", "--overwrite"], "exclude each other"),
        (["photo.jpg", "-o", "photo.jpg"], "is a file"),
        (["photo.jpg", "-o", "out", "--model", "liet"], "no model or file 'liet'"),
        (["photo.jpg", "-o", "out", "--model", "none.onnx"], "none.onnx: no such file"),
        (["-", "photo.jpg"], "SOURCE - takes one picture"),
        (["-", "--save", "map,overlay"], "SOURCE - takes one picture"),
        (["-", "--box", "logo:0,0,1,1"], "leave them out with SOURCE -"),
        (["-", "--overwrite"], "leave them out with SOURCE -"),
        (["-", "--save", "overlay", "--format", "npy"], "add map to --save, or leave out --format"),
        (["photo.jpg", "-o", "out", "--save", "overlay", "--format", "npy"], "add map to --save"),
        (["photo.jpg", "-o", "out", "--save", "overlay,overlay.webp"], "as png and as webp; choose one"),
        (["nothing/*.jpg", "-o", "out"], "matches no pictures"),
        (["empty", "-o", "out"], "holds no pictures"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(tmp_path, monkeypatch, salgan, arguments, message):
    monkeypatch.chdir(tmp_path)
    _picture(tmp_path / "photo.jpg")
    (tmp_path / "empty").mkdir()
    said = salgan("predict", *arguments)
    assert said.code == 1
    assert message in said.err
    assert said.err.startswith("salgan: error: ")
    assert said.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def _pipe(picture: bytes, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    code = "import sys; from salgan.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "predict", "-", *map(str, arguments)]
    return subprocess.run(command, input=picture, capture_output=True, check=False)


def test_stdin_to_stdout(tmp_path, model):
    picture = _picture(tmp_path / "photo.png").read_bytes()
    expected = Predictor(model).predict(picture)
    done = _pipe(picture, "--model", model)
    assert (done.returncode, done.stderr) == (0, b"")
    assert np.array_equal(np.load(io.BytesIO(done.stdout)), expected.array)
    assert _pipe(picture, "--model", model, "--format", "tiff").stdout == expected.encode("tiff")
    overlay = Image.open(io.BytesIO(_pipe(picture, "--model", model, "--save", "overlay").stdout))
    assert (overlay.format, overlay.size) == ("PNG", (40, 30))


def test_a_bad_picture_on_stdin_gives_one_line_and_no_bytes(model):
    done = _pipe(b"no picture", "--model", model)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"salgan: error: picture: is not a picture")
    assert done.stderr.count(b"\n") == 1


def test_overlay_options_reach_the_overlay(tmp_path, model, salgan):
    photo = _picture(tmp_path / "photo.png", (600, 400))
    results = []
    for index, options in enumerate(([], ["--contours"], ["--legend"], ["--opacity", "0.2"])):
        out = tmp_path / str(index)
        assert salgan("predict", photo, "-o", out, "--model", model, "--save", "overlay", *options).code == 0
        results.append((out / "photo.overlay.png").read_bytes())
    assert len(set(results)) == 4
    assert salgan("predict", photo, "-o", out, "--model", model, "--opacity", "1.5").code == 2


def test_prediction_needs_neither_torch_nor_matplotlib(tmp_path, model):
    photo = _picture(tmp_path / "photo.jpg")
    arguments = ["predict", str(photo), "-o", str(tmp_path / "out"), "--model", str(model)]
    modules = modules_after(f"from salgan.cli import main\nassert main({arguments!r}) == 0")
    assert "onnxruntime" in modules
    assert not modules & {"torch", "lightning", "matplotlib", "scipy", "timm", "onnx"}


def test_only_a_few_pictures_are_under_way_at_a_time(tmp_path, model, monkeypatch):
    photo = _picture(tmp_path / "photo.png")
    jobs = find_jobs([str(photo)], tmp_path / "out", save=["map"], format="npy").jobs
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    started = 0

    def many():
        nonlocal started
        for _ in range(200):
            started += 1
            yield jobs[0]

    most = 0
    for finished, outcome in enumerate(predict_all(many(), Predictor(model), draw=lambda p, s: p), start=1):
        assert outcome.error is None
        most = max(most, started - finished)
    assert started == 200
    assert most <= 6


def test_outcomes_come_in_order_and_say_what_failed(tmp_path, model):
    names = [f"{index}.png" for index in range(12)]
    for index, name in enumerate(names):
        if index % 3:
            _picture(tmp_path / name)
        else:
            (tmp_path / name).write_bytes(b"")
    sources = [str(tmp_path / name) for name in names]
    jobs = find_jobs(sources, tmp_path / "out", save=["map"], format="npy").jobs
    outcomes = list(predict_all(jobs, Predictor(model), draw=lambda p, s: p))
    assert [outcome.job.source.name for outcome in outcomes] == names
    assert [isinstance(outcome.error, ImageError) for outcome in outcomes] == [i % 3 == 0 for i in range(12)]


def test_a_network_that_fails_stops_everything(tmp_path):
    photo = _picture(tmp_path / "photo.png")
    jobs = find_jobs([str(photo)], tmp_path / "out", save=["map"], format="npy").jobs
    broken = Predictor(tiny_model(gain=float("nan")))
    with pytest.raises(ModelError, match="not finite"):
        list(predict_all(jobs, broken, draw=lambda p, s: p))
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another thing there")
def test_an_interrupt_leaves_whole_files_only_and_no_traceback(tmp_path, model):
    photo = _picture(tmp_path / "photos" / "0.png", (800, 600))
    for index in range(1, 400):
        (photo.parent / f"{index}.png").symlink_to(photo)
    out = tmp_path / "out"
    # A shell starts what it runs in the background deaf to Ctrl-C, and the tests may be run there.
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{listen}; import sys; from salgan.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "predict", photo.parent, "-o", out, "--model", model]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while not (out.is_dir() and any(out.glob("*.png"))):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b""
    names = _files(out)
    assert 2 <= len(names) < 800
    assert all(name.endswith((".saliency.npy", ".overlay.png")) for name in names)
    for name in names:
        np.load(out / name) if name.endswith(".npy") else Image.open(out / name).load()


def test_the_former_name_of_save_is_understood_and_the_present_one_said(tmp_path, model, salgan):
    photo, out = _picture(tmp_path / "photo.jpg"), tmp_path / "out"
    said = salgan("predict", photo, "-o", out, "--model", model, "--output", "map")
    assert (said.code, said.err) == (0, "salgan: --output is called --save\n")
    assert _files(out) == ["photo.saliency.npy"]


def test_help_teaches_with_examples(salgan):
    said = salgan("predict", "--help")
    assert said.code == 0
    for words in ("salgan predict photo.jpg -o out", "--skip-existing", "npy|png16|png8|tiff"):
        assert words in said.out


# How overlays look, and as what they are written


@pytest.mark.parametrize(
    ("save", "kind"), [("overlay.jpg", "JPEG"), ("overlay.webp", "WEBP"), ("overlay", "PNG")]
)
def test_overlays_are_written_as_asked_and_done_once(tmp_path, model, salgan, save, kind):
    photo, out = tmp_path / "page.png", tmp_path / "out"
    Image.new("RGB", (80, 60), (250, 250, 250)).save(photo)
    arguments = ("predict", photo, "-o", out, "--model", model, "--save", save, "--skip-existing")
    assert salgan(*arguments).code == 0
    (made,) = out.iterdir()
    assert made.name == f"page.overlay{'.' + kind.lower().replace('jpeg', 'jpg')}"
    with Image.open(made) as overlay:
        assert (overlay.format, overlay.size) == (kind, (80, 60))
    assert "skipped" in salgan(*arguments).err
    made.write_bytes(made.read_bytes()[:-10])  # as a crash may leave it
    assert "made anew" in salgan(*arguments).err
    assert salgan("predict", out, tmp_path / "page.png", "-o", out, "--model", model, "--overwrite").code == 1


def test_a_white_logo_without_background_is_seen_on_the_one_given(tmp_path, model, salgan):
    logo, out = tmp_path / "logo.png", tmp_path / "out"
    picture = Image.new("RGBA", (80, 60), (255, 255, 255, 0))
    picture.paste((255, 255, 255, 255), (30, 20, 50, 40))
    picture.save(logo)
    arguments = ("predict", logo, "-o", out, "--model", model, "--overwrite")
    assert salgan(*arguments).code == 0
    assert np.ptp(np.load(out / "logo.saliency.npy")) < 1e-6  # white on white
    assert salgan(*arguments, "--background", "#336").code == 0
    saliency = np.load(out / "logo.saliency.npy")
    assert saliency[30, 40] > saliency[5, 5] + 0.3
    with Image.open(out / "logo.overlay.png") as overlay:
        assert overlay.getpixel((2, 2)) == (0x33, 0x33, 0x66)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--palette", "magm"], "--palette 'magm' is unknown; did you mean magma?"),
        (["--view", "fogg"], "--view 'fogg' is unknown; did you mean fog?"),
        (["--view", "fog", "--legend"], "--view fog has no legend; leave out --legend, or add --contours"),
        (["--background", "whitish"], "--background 'whitish' is not a colour, such as white or #336699"),
    ],
)
def test_an_unknown_look_is_one_line(tmp_path, salgan, arguments, message):
    Image.new("RGB", (80, 60)).save(tmp_path / "a.png")
    said = salgan("predict", tmp_path / "a.png", "-o", tmp_path / "out", *arguments)
    assert (said.code, said.err) == (1, f"salgan: error: {message}\n")
