"""Arrays in files: npy, zip and HDF5 of maps, MATLAB's, and the weights of 2017."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salgan.jobs.whole import is_whole
from salgan.saliency_map import SaliencyMap
from tests.fuzz.damage import answers, damaged, fuzz, slow_fuzz


def _npy(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    return file.getvalue()


ARRAYS = [
    _npy(np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)),
    _npy(np.asfortranarray(np.ones((3, 4)))),
    _npy(np.ones((2, 3), np.uint8), (2, 0)),
    _npy(np.ones((2, 3), [("é", "f4")]), (3, 0)),
    _npy(np.array([None, "a"], dtype=object)),
    _npy(np.array(["text"])),
]


@st.composite
def headers(draw: st.DrawFn) -> bytes:
    """An npy file whose header is a Python literal of somebody's choice."""
    value = st.recursive(
        st.sampled_from(
            ["1", "-1", "'<f4'", "'|O'", "True", "None", "1e9", "10**9", "2**70", "x", "(", "\n "]
        ),
        lambda inner: st.lists(inner, max_size=3).map(lambda parts: "(" + ",".join(parts) + ",)"),
        max_leaves=5,
    )
    keys = ["'descr'", "'fortran_order'", "'shape'"]
    text = (
        "{"
        + ", ".join(f"{key}: {draw(value)}" for key in keys)
        + draw(st.sampled_from(["}", "", "}}", "} "]))
    )
    head = text.encode() + b"\n"
    version = draw(st.sampled_from([1, 2, 3, 4]))
    length = len(head).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + head + draw(st.binary(max_size=64))


NPY = damaged(ARRAYS) | headers() | st.binary(max_size=100)


def test_npy(tmp_path):
    pytest.importorskip("scipy", reason="the extra eval is not installed")
    from salgan.datasets._files import read_array, read_map
    from salgan.evaluation.maps import decode_map

    path = tmp_path / "a.npy"

    @fuzz
    @given(NPY)
    def reads(content):
        path.write_bytes(content)
        for read in (SaliencyMap.load, read_array, read_map):
            answers(read, path)
        answers(decode_map, content, "a.npy")
        answers(decode_map, path, "a.npy")
        assert is_whole(path) in (True, False)

    reads()


def _archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def _maps(source):
    return [answers(source._read, key, 10_000) for key in source._names._keys.values()]


def test_archives_of_maps(tmp_path):
    from salgan.evaluation.maps import ZipMaps

    path = tmp_path / "maps.zip"

    @fuzz
    @given(damaged([_archive(a=ARRAYS[0], é=ARRAYS[1])]) | NPY.map(lambda one: _archive(a=one)))
    def reads(content):
        path.write_bytes(content)
        source = answers(ZipMaps, path)
        if source is not None:
            _maps(source)

    reads()


def test_hdf5(tmp_path):
    h5py = pytest.importorskip("h5py", reason="the extra eval is not installed")
    from salgan.evaluation.maps import Hdf5Maps

    good = tmp_path / "good.h5"
    with h5py.File(good, "w") as file:
        file["a"] = np.ones((4, 5), np.float32)
        file.create_dataset("b/c", data=np.ones((8, 8)), chunks=(4, 4), compression="gzip")
        file.create_dataset("d", (9, 9), "f4", fillvalue=0.5)
        file["words"] = ["one", "two"]
        file.attrs["kind"] = "density"
    path = tmp_path / "maps.h5"

    @fuzz
    @given(damaged([good.read_bytes()]) | st.binary(max_size=200))
    def reads(content):
        path.write_bytes(content)
        source = answers(Hdf5Maps, path)
        if source is not None:
            _maps(source)

    reads()


def test_weights_of_2017(tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="the extra train is not installed")
    from torch import nn

    from salgan.networks import lasagne

    small = nn.Sequential(*(nn.Conv2d(1, 1, 3) for _ in range(27)))
    monkeypatch.setattr(lasagne, "Generator", lambda _: small)
    arrays = {}
    for place in range(27):
        arrays[f"arr_{2 * place}"] = _npy(np.ones((1, 1, 3, 3), np.float32))
        arrays[f"arr_{2 * place + 1}"] = _npy(np.ones(1, np.float32))
    path = tmp_path / "weights.npz"

    @slow_fuzz
    @given(damaged([_archive(**arrays)]) | NPY.map(lambda one: _archive(**arrays | {"arr_0": one})))
    def reads(content):
        path.write_bytes(content)
        answers(lasagne.import_lasagne, path)

    reads()


def test_fixations_packed_in_one_file(tmp_path):
    from PIL import Image

    from salgan.datasets import open_dataset

    (tmp_path / "stimuli").mkdir()
    Image.new("RGB", (40, 30)).save(tmp_path / "stimuli/a.png")
    path = tmp_path / "fixations.npz"
    np.savez(path, names=np.array(["a.png"]), offsets=np.array([0, 2]), xy=np.ones((2, 2)))
    whole = path.read_bytes()

    @fuzz
    @given(damaged([whole]) | st.binary(max_size=100))
    def reads(content):
        path.write_bytes(content)
        answers(open_dataset, tmp_path)

    reads()


def test_matlabs_files(tmp_path):
    """Its reader runs in another process, which damaged files crash; that too is one line."""
    from salgan.datasets._mat import load_mat

    scipy_io = pytest.importorskip("scipy.io", reason="the extra eval is not installed")
    cells = np.empty(2, object)
    cells[:] = [np.ones((2, 3)), "text"]
    wholes = []
    for packed in (False, True):
        file = io.BytesIO()
        content = {"gaze": {"fixations": np.arange(6.0).reshape(3, 2), "cells": cells}}
        scipy_io.savemat(file, content, do_compression=packed)
        wholes.append(file.getvalue())
    file = io.BytesIO()
    scipy_io.savemat(file, {"gaze": np.eye(3)}, format="4")
    wholes.append(file.getvalue())
    path = tmp_path / "gaze.mat"

    @slow_fuzz
    @given(damaged(wholes) | st.binary(max_size=200))
    def reads(content):
        path.write_bytes(content)
        answers(load_mat, path, "gaze")

    reads()


@pytest.mark.parametrize("file", ["stimuli", "fixations"])
def test_pysaliencys_hdf5(file, tmp_path):
    h5py = pytest.importorskip("h5py", reason="the extra eval is not installed")
    from salgan.datasets import open_dataset

    pixels, row = np.zeros((3, 4), np.uint8), np.array([0.0])
    for kind, arrays in (("Stimuli", {"0": pixels}), ("Fixations", {"n": row, "x": row, "y": row})):
        with h5py.File(tmp_path / f"{kind.lower()}.hdf5", "w") as hdf5:
            hdf5.attrs["type"], hdf5.attrs["size"] = np.bytes_(kind), 1
            for key, values in arrays.items():
                hdf5[key] = values
    path = tmp_path / f"{file}.hdf5"
    whole = path.read_bytes()
    assert len(open_dataset(tmp_path).stimuli[0].fixations) == 1

    @slow_fuzz
    @given(damaged([whole]))
    def reads(content):
        path.write_bytes(content)
        dataset = answers(open_dataset, tmp_path)
        for stimulus in dataset or ():
            answers(stimulus.picture)

    reads()
