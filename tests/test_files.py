"""Files that are whole or not there, drafts that do not stay, folders that one process writes at a time."""

import errno
import os
import subprocess
import sys
import time

import pytest

from salgan import _files
from salgan._files import draft_of, locked, replacing, sweep
from salgan.errors import DiskFullError, SalganError


def test_a_file_appears_whole_and_its_draft_is_gone(tmp_path):
    with replacing(tmp_path / "a.txt") as part:
        assert part.suffix == ".txt"
        part.write_text("all of it")
        assert not (tmp_path / "a.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    happened = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: happened.append((tmp_path / "a").exists()) or fsync(file))
    with replacing(tmp_path / "a") as part:
        part.write_text("x")
    assert happened == [False]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_apart_and_names_the_file_that_was_asked_for(tmp_path, number):
    path = tmp_path / "a.npy"
    path.write_text("old")
    with pytest.raises(DiskFullError) as raised, replacing(path) as part:
        part.write_text("half")
        raise OSError(number, os.strerror(number), str(part))
    assert str(raised.value) == f"{path}: cannot be written (No space left on device)"
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_known_where_numpy_gives_no_number(tmp_path, monkeypatch):
    monkeypatch.setattr(_files.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 0}))
    with pytest.raises(DiskFullError), replacing(tmp_path / "a.npy"):
        raise OSError("1000 requested and 12 written")


def _pid_that_is_gone() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


@pytest.mark.skipif(os.name == "nt", reason="there it cannot be asked whether a process lives")
def test_drafts_of_killed_processes_are_removed_and_those_of_others_stay(tmp_path, monkeypatch):
    mine = draft_of(tmp_path / "a.npy")
    monkeypatch.setattr(os, "getpid", _pid_that_is_gone)
    dead, dead_folder = draft_of(tmp_path / "b.npy"), draft_of(tmp_path / "cache")
    monkeypatch.setattr(_files, "_host", lambda: "0" * 8)
    elsewhere = draft_of(tmp_path / "c.npy")
    monkeypatch.undo()
    for path in (mine, dead, elsewhere, tmp_path / ".hidden", tmp_path / "result.npy"):
        path.write_text("x")
    dead_folder.mkdir()
    (dead_folder / "part").write_text("x")
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        mine.name,
        elsewhere.name,
        ".hidden",
        "result.npy",
    }


@pytest.mark.skipif(os.name == "nt", reason="there it cannot be asked whether a process lives")
def test_the_next_start_sweeps_where_it_writes(tmp_path):
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom salgan._files import replacing\n"
        "with replacing(Path(sys.argv[1])) as part:\n    part.write_text('half'); os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path / "a.txt"], check=False).returncode == 9
    assert len(list(tmp_path.iterdir())) == 1
    code = code.replace("; os._exit(9)", "")
    subprocess.run([sys.executable, "-c", code, tmp_path / "a.txt"], check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_that_hdf5_tells_of_in_words_is_one_line(tmp_path):
    said = (
        "Can't decrement id ref count (file write failed: time = now, errno = 28, error message = 'No space')"
    )
    with pytest.raises(DiskFullError, match=r"a\.h5: cannot be written \(No space left on device\)"):  # noqa: SIM117
        with replacing(tmp_path / "a.h5"):
            raise RuntimeError(said)
    with pytest.raises(RuntimeError, match="another matter"), replacing(tmp_path / "a.h5"):
        raise RuntimeError("another matter")
    assert list(tmp_path.iterdir()) == []


_HOLD = """
import sys, time
from pathlib import Path
from salgan._files import locked
with locked(Path(sys.argv[1])):
    Path(sys.argv[1], "mine").write_text("x")
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_folder_is_for_one_process_and_free_again_when_that_is_killed(tmp_path):
    folder = tmp_path / "run"
    with subprocess.Popen([sys.executable, "-c", _HOLD, folder], stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline()
        with (
            pytest.raises(SalganError, match="run: another process is writing here") as raised,
            locked(folder),
        ):
            pass
        assert "\n" not in str(raised.value)
        holder.kill()
    deadline = time.monotonic() + 30
    while True:
        try:
            with locked(folder):
                break
        except SalganError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert [path.name for path in folder.iterdir()] == ["mine"]


def test_a_folder_that_stays_empty_is_removed(tmp_path):
    with locked(tmp_path / "a"):
        assert (tmp_path / "a").is_dir()
    assert not (tmp_path / "a").exists()
