"""Streams, pipes, devices and names: what surrounds the command may be odd, and it ends in one line."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from salgan._files import files_below, replacing
from salgan._words import printable
from salgan.errors import DatasetError, SalganError
from salgan.image import read

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no FIFOs, and no such devices")
COMMAND = [sys.executable, "-m", "salgan"]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.effect_noise((40, 30), 60).convert("RGB").save(path)
    return path


def ended(*arguments: object, **options) -> subprocess.CompletedProcess:
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, timeout=60, **options)


# Streams


class Endless(io.RawIOBase):
    """Gives one beginning, and then zeros for ever; it counts what was taken."""

    def __init__(self, beginning: bytes = b"") -> None:
        self.beginning, self.taken = beginning, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        part = self.beginning[: len(buffer)] or bytes(len(buffer))
        self.beginning = self.beginning[len(part) :]
        buffer[: len(part)] = part
        self.taken += len(part)
        return len(part)


def test_an_endless_stream_of_something_else_is_not_read_to_its_end(monkeypatch, salgan, model):
    endless = Endless()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(endless)))
    said = salgan("predict", "-", "--model", model)
    assert said.code == 1
    assert "salgan: error: picture: is not a picture in a known format" in said.err
    assert endless.taken < 100_000


def test_a_stream_that_comes_in_small_pieces_is_read_whole(photo):
    class Pieces(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 100))

    assert np.array_equal(read(Pieces(photo.read_bytes())), read(photo))


@posix
@pytest.mark.parametrize(
    ("closed", "said"),
    [("<&-", "SOURCE - reads a picture from stdin"), (">&-", "stdout is closed or a terminal")],
)
def test_a_closed_stream_is_one_line(closed, said, photo):
    line = f"{sys.executable} -m salgan predict - {closed}"
    with photo.open("rb") as file:
        done = subprocess.run(
            ["bash", "-c", line], stdin=file, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith(f"salgan: error: {said}")
    assert done.stderr.count("\n") == 1


@posix
def test_a_reader_that_goes_away_leaves_no_traceback():
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m salgan models | head -c 1"], capture_output=True, timeout=60
    )
    assert (done.stdout, done.stderr) == (b"l", b"")


# Pipes and devices in place of files


@posix
@pytest.mark.parametrize(
    "command",
    [
        "regions photo.png --file PIPE.json",
        "regions photo.png --file PIPE.csv",
        "ab photo.png photo.png --file PIPE.json",
        "regions photo.png --box a:0,0,1,1 --model PIPE",
        "regions PIPE --box a:0,0,1,1",
        "predict PIPE -o out",
        "predict photo.png -o PIPE",
        "crop PIPE --ratio 1:1 -o out",
        "train PIPE data=. out=run",
        "evaluate PIPE.zip --data set",
        "evaluate PIPE.h5 --data set",
        "evaluate lite --data PIPE",
        "compare PIPE PIPE",
        "compare evaluated evaluated",
        "submit mit300 PIPE -o out.zip",
        "data check PIPE",
        "data check set",
        "export PIPE -o out.onnx",
        "import-lasagne PIPE -o out",
    ],
)
def test_a_pipe_behind_any_option_is_one_line_and_waits_for_nobody(
    command, photo, tmp_path, salgan, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for needed in ("pydantic", "h5py", "torch"):
        if command.startswith(("train", "evaluate PIPE.h5", "export", "import")):
            pytest.importorskip(needed)
    for name in ("PIPE", "PIPE.json", "PIPE.csv", "PIPE.zip", "PIPE.h5"):
        os.mkfifo(name)
    for folder in ("set/images", "set/fixations", "evaluated"):
        Path(folder).mkdir(parents=True)
    shutil.copy(photo, "set/images/a.png")
    os.mkfifo("set/fixations/a.csv")
    os.mkfifo("evaluated/evaluation.json")
    said = salgan(*command.split())
    assert said.code == 1
    assert "PIPE" in said.err + said.out or "a.csv" in said.out or "evaluation.json" in said.err
    if not command.startswith("data check set"):
        assert said.err.startswith("salgan: error: ")
        assert said.err.count("\n") == 1


@posix
def test_a_device_is_never_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "device")
    with (
        pytest.raises(SalganError, match=r"device: cannot be written \(it is not a plain file\)"),
        replacing(tmp_path / "device") as part,
    ):
        part.write_text("")
    assert (tmp_path / "device").is_fifo()
    assert len(list(tmp_path.iterdir())) == 1


# Folders


def test_linked_folders_are_searched_and_circles_are_named(tmp_path):
    (tmp_path / "set/a").mkdir(parents=True)
    (tmp_path / "set/.hidden").mkdir()
    (tmp_path / "elsewhere").mkdir()
    for name in ("set/a/1.png", "set/.hidden/2.png", "elsewhere/3.png"):
        (tmp_path / name).touch()
    (tmp_path / "set/b").symlink_to(tmp_path / "elsewhere")
    found = [path.relative_to(tmp_path).as_posix() for path in files_below(tmp_path / "set", DatasetError)]
    assert found == ["set/a/1.png", "set/b/3.png"]
    (tmp_path / "elsewhere/back").symlink_to(tmp_path / "set")
    with pytest.raises(DatasetError, match="set/b/back: links to a folder that it lies in".replace("/", ".")):
        list(files_below(tmp_path / "set", DatasetError))


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    scan = os.scandir

    def refused(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(DatasetError, match=r"closed: cannot be read \(Permission denied\)"):
        list(files_below(tmp_path, DatasetError))


def test_a_home_folder_behind_an_option_is_the_users(monkeypatch, tmp_path, salgan):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    said = salgan("evaluate", "lite", "--data=~/nowhere")
    assert str(tmp_path / "nowhere") in said.err


# Names


def test_what_is_shown_gives_the_terminal_no_orders():
    assert printable("a\x1b[31m\x9b\udce9\tb\nc é") == "a\\x1b[31m\\x9b\\udce9\tb\nc é"


@posix
def test_a_pipe_gets_names_byte_for_byte(tmp_path, model, photo):
    name = os.fsdecode(b"caf\xe9\x1b[31m.png")
    try:
        shutil.copy(photo, tmp_path / name)
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    done = ended("predict", name, "-o", "out", "--model", model, "--save", "map", cwd=tmp_path)
    assert done.stdout == b"out/caf\xe9\x1b[31m.saliency.npy\n"
    assert b"\x1b" not in done.stderr


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-16"])
def test_a_code_page_that_lacks_signs_costs_no_traceback(encoding, photo, model):
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    named = photo.with_name("漢é.png")
    shutil.copy(photo, named)
    done = ended("regions", named, "--box", "漢:0,0,1,1", "--model", model, env=environment)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr


# Tables that are opened as spreadsheets


@pytest.mark.parametrize("name", ["=1+1", "+a", "-a", "@a", "'=a", "a  b", "a,b", 'a"b', "'a"])
def test_a_picture_whose_name_is_a_formula_is_evaluated_and_stays_text(name, tmp_path, salgan):
    pytest.importorskip("scipy", reason="the extra eval is not installed")
    from salgan.evaluation import Results

    for folder in ("images", "fixations"):
        (tmp_path / "set" / folder).mkdir(parents=True)
    for number, stem in enumerate((name, "b")):
        Image.effect_noise((40, 30), 60 + number).save(tmp_path / f"set/images/{stem}.png")
        (tmp_path / f"set/fixations/{stem}.csv").write_text(
            "x,y\n" + f"{5 + number},7\n20,{9 + number}\n" * 3
        )
    command = ["evaluate", "baseline:uniform", "--data", tmp_path / "set", "--metrics", "nss"]
    for _ in range(2):  # the second time goes on from the table of the first
        said = salgan(*command, "-o", tmp_path / "out", "--processes", "1")
        assert said.code == 0, said.err
    assert set(Results.read(tmp_path / "out").pictures) == {name, "b"}
    table = (tmp_path / "out/per_picture.csv").read_text("utf-8")
    assert not re.search(r"^\"?[=+\-@]", table, re.MULTILINE)


def test_the_services_table_holds_no_formula_and_reads_back(tmp_path):
    pytest.importorskip("fastapi", reason="the extra serve is not installed")
    from salgan.regions import read_regions
    from salgan.regions.region import Region
    from salgan.saliency_map import SaliencyMap
    from salgan.serve.answers import measure, table

    boxes = [Region.of_box("=cmd|' /C calc'!A0", 0, 0, 0.5, 1), Region.of_box("b", 0, 0, 1, 1)]
    path = tmp_path / "table.csv"
    path.write_text(table(measure(SaliencyMap(np.ones((4, 5), np.float32)), boxes)), "utf-8")
    assert "\n=" not in path.read_text("utf-8")
    assert [region.name for region in read_regions(path)] == [region.name for region in boxes]


# Documents that are nested deeper than a parser goes


def test_regions_nested_too_deep_are_one_line(tmp_path, salgan, photo):
    path = tmp_path / "regions.json"
    path.write_text("[" * 200_000)
    said = salgan("regions", photo, "--file", path)
    assert (said.code, said.err) == (1, f"salgan: error: {path}: is not JSON (nested too deep)\n")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("https://[/a.onnx", "Invalid IPv6 URL"),
        (f"https://{'a' * 70}.org/a.onnx", "too long"),
        ("https://host:99999/a.onnx", "Port out of range"),
    ],
)
def test_an_address_that_is_none_is_one_line(address, reason, salgan, photo, tmp_path):
    said = salgan("predict", photo, "-o", tmp_path / "out", "-m", f"{address}#sha256={'0' * 64}")
    assert said.code == 1
    assert re.search(f"is not an address \\(.*{reason}", said.err), said.err
    assert json.dumps(said.err).count("\\n") == 1
