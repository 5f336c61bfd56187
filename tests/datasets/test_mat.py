"""MATLAB files are read in a process that may be killed: what damages it costs one line and nothing else."""

import io
import signal
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from salgan import _child
from salgan.datasets import _mat
from salgan.datasets._mat import Struct, load_mat
from salgan.errors import DatasetError, NotEnoughMemoryError
from tests._dying import dying
from tests.datasets import _trees as trees

NUMBERS = np.arange(12.0).reshape(3, 4)


@pytest.fixture
def whole(tmp_path):
    return trees.mat(tmp_path / "whole.mat", fixLocs=NUMBERS)


def test_every_kind_of_value_arrives_as_scipy_reads_it(tmp_path):
    values = {
        "matrix": NUMBERS,
        "bytes": np.array([[1, 2], [3, 255]], np.uint8),
        "one": 7,
        "none": np.empty((0, 2)),
        "yes": np.array([[True, False]]),
        "words": "a photo.jpg",
        "rows": np.array(["ab", "cd"]),
        "cells": trees.cell([NUMBERS, "text", np.empty((0, 0)), trees.cell([np.ones((1, 2))])]),
    }
    path = trees.mat(tmp_path / "all.mat", **values)
    for name in values:
        ours, theirs = load_mat(path, name), loadmat(path, squeeze_me=True)[name]
        assert isinstance(ours, str) == isinstance(theirs, str)
        if name != "cells":
            np.testing.assert_array_equal(ours, theirs)
        if name not in ("cells", "rows"):
            assert np.asarray(ours).dtype == np.asarray(theirs).dtype
    first, second, third, fourth = load_mat(path, "cells")
    np.testing.assert_array_equal(first, NUMBERS)
    assert (second, third.size, fourth.tolist()) == ("text", 0, [1, 1])


def test_structs_and_arrays_of_structs_arrive_with_their_fields(tmp_path):
    path = trees.mat(tmp_path / "gaze.mat", gaze=trees.gaze([[1, 1], [40, 30]], [], [[5, 6]]))
    first, second, third = load_mat(path, "gaze")
    assert isinstance(first, Struct)
    np.testing.assert_array_equal(first.fields["fixations"], [[1, 1], [40, 30]])
    assert second.fields["fixations"].size == 0
    np.testing.assert_array_equal(third.fields["fixations"], [5, 6])


def test_one_process_reads_all_files_and_one_that_ends_it_is_replaced(whole, tmp_path):
    load_mat(whole, "fixLocs")
    process = _mat._reader._process
    with pytest.raises(DatasetError, match="has no variable 'gaze'"):
        load_mat(whole, "gaze")
    with pytest.raises(DatasetError, match="no such file"):
        load_mat(tmp_path / "gone.mat", "gaze")
    load_mat(whole, "fixLocs")
    assert _mat._reader._process is process
    process.kill()
    process.wait()
    np.testing.assert_array_equal(load_mat(whole, "fixLocs"), NUMBERS)


def test_damage_that_crashes_scipy_is_one_line_and_the_next_file_is_read(whole, tmp_path):
    content = bytearray(whole.read_bytes())
    content[184] = 0  # the type of the numbers: SciPy 1.13 to 1.16 read beyond their memory
    damaged = tmp_path / "damaged.mat"
    damaged.write_bytes(content)
    with pytest.raises(DatasetError, match=r"damaged\.mat: ") as error:
        load_mat(damaged, "fixLocs")
    assert "\n" not in str(error.value)
    np.testing.assert_array_equal(load_mat(whole, "fixLocs"), NUMBERS)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system has no such bound")
def test_a_bomb_gets_no_memory(whole, tmp_path):
    # A few kB that promise a matrix of 12 GB.
    def element(kind: int, body: bytes) -> bytes:
        return struct.pack("<II", kind, len(body)) + body

    side = 40_000
    head = element(6, struct.pack("<II", 6, 0)) + element(5, struct.pack("<ii", side, side))
    head += element(1, b"fixLocs\0")
    numbers = struct.pack("<II", 9, 8 * side * side % 2**32)
    packed = zlib.compress(struct.pack("<II", 14, 2**32 - 8) + head + numbers + bytes(1_000_000))
    savemat(file := io.BytesIO(), {})
    bomb = tmp_path / "bomb.mat"
    bomb.write_bytes(file.getvalue() + element(15, packed))
    with pytest.raises(DatasetError, match=r"bomb\.mat: "):
        load_mat(bomb, "fixLocs")
    np.testing.assert_array_equal(load_mat(whole, "fixLocs"), NUMBERS)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot stop a process")
def test_time_runs_out_and_is_named(whole, monkeypatch):
    load_mat(whole, "fixLocs")
    _mat._reader._process.send_signal(signal.SIGSTOP)  # so that it cannot answer in time, however fast it is
    monkeypatch.setattr(_mat, "_SECONDS", 0.0)
    monkeypatch.setattr(_mat, "_SECONDS_PER_BYTE", 0.0)
    monkeypatch.setattr(_child, "_START_SECONDS", 0.0)
    with pytest.raises(DatasetError, match="takes too long"):
        load_mat(whole, "fixLocs")
    monkeypatch.undo()
    np.testing.assert_array_equal(load_mat(whole, "fixLocs"), NUMBERS)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot stop a process")
@pytest.mark.parametrize(("sign", "error"), [("SIGSEGV", DatasetError), ("SIGKILL", NotEnoughMemoryError)])
def test_how_the_process_died_is_told_apart(whole, sign, error):
    load_mat(whole, "fixLocs")
    process = _mat._reader._process
    with dying(process, sign), pytest.raises(error):
        load_mat(whole, "fixLocs")
