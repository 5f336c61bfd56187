"""Damaged files and bombs for every reader: one line each, within bounds on memory and time."""

import io
import json
import os
import random
import resource
import signal
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from attacks import blank, huge_tile, scanned
from PIL import Image

from salgan.errors import SalganError

_SECONDS = 60
_ROOM = 4 << 30
_LEAST = 1200
"""Megabytes that a reader may hold at any time."""


def _outcome(read: Callable[[Path], object], path: Path) -> str | None:
    """What is wrong with how a reader takes a file, in a process of its own."""
    asked, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(asked)
        resource.setrlimit(resource.RLIMIT_AS, (_ROOM, _ROOM))
        signal.alarm(_SECONDS)
        words = ""
        try:
            read(path)
        except SalganError as error:
            words = f"several lines: {error}" if "\n" in str(error) else ""
        except BaseException as error:
            words = f"{type(error).__name__}: {error}"
        os.write(told, words.encode()[:1000])
        os._exit(0)
    os.close(told)
    with os.fdopen(asked, "rb") as stream:
        words = stream.read().decode(errors="replace")
    _, status, usage = os.wait4(child, 0)
    if os.WIFSIGNALED(status):
        return f"{path.name}: ended by signal {os.WTERMSIG(status)}"
    if usage.ru_maxrss / 1024 > _LEAST:
        return f"{path.name}: took {usage.ru_maxrss // 1024} MB"
    return f"{path.name}: {words}" if words else None


def _readers() -> dict[str, Callable[[Path], object]]:
    from salgan import image, models
    from salgan.datasets._mat import load_mat
    from salgan.datasets.stimulus import Stimulus
    from salgan.evaluation.maps import ZipMaps
    from salgan.models import _trial
    from salgan.regions import Region, read_regions, shares
    from salgan.saliency_map import SaliencyMap

    def all_maps(path: Path) -> None:
        maps = ZipMaps(path)
        for name in ("a", "b"):
            if not maps.missing([name]):
                maps.predict(Stimulus(name, Path()))

    def measured(path: Path) -> None:
        regions: list[Region] = read_regions(path)
        shares(SaliencyMap(np.full((600, 800), 0.5)), regions)

    def opened(path: Path) -> None:
        _trial.SECONDS = 10.0  # instead of 30, for this command's own limit holds for the whole
        models.load_model(path)

    return {
        ".png": image.read, ".jpg": image.read, ".tif": image.read, ".webp": image.read, ".gif": image.read,
        ".npy": SaliencyMap.load, ".mat": lambda path: load_mat(path, "fixLocs"), ".zip": all_maps,
        ".json": measured, ".csv": measured, ".onnx": opened,
    }  # fmt: skip


def _sound(folder: Path) -> list[Path]:
    """One sound file for each reader."""
    from scipy.io import savemat

    folder.mkdir()
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (60, 80, 3), np.uint8))
    for suffix in ("png", "jpg", "tif", "webp", "gif"):
        picture.save(folder / f"picture.{suffix}")
    np.save(folder / "map.npy", rng.random((6, 8)))
    savemat(folder / "gaze.mat", {"fixLocs": np.eye(6)})
    with zipfile.ZipFile(folder / "maps.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "map.npy", "a.npy")
        archive.write(folder / "picture.gif", "b.gif")
    (folder / "r.json").write_text(json.dumps([{"name": "a", "box": [0.1, 0.1, 0.5, 0.5]}]))
    (folder / "r.csv").write_text("name,x,y,width,height\na,0.1,0.1,0.5,0.5\n")
    return sorted(folder.iterdir())


def damaged(folder: Path, times: int, rng: random.Random) -> Iterator[str | None]:
    """Sound files with some bytes changed, or cut off."""
    sound, readers = _sound(folder / "sound"), _readers()
    for number in range(times):
        source = sound[number % len(sound)]
        content = bytearray(source.read_bytes())
        for _ in range(rng.choice([1, 2, 8])):
            content[rng.randrange(len(content))] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256)])
        path = folder / f"{number}{source.suffix}"
        path.write_bytes(content[: rng.randrange(len(content))] if rng.random() < 0.2 else content)
        yield _outcome(readers[source.suffix], path)
        path.unlink()


def bombs(folder: Path, times: int, rng: random.Random) -> Iterator[str | None]:
    """Small files that promise gigabytes or minutes."""
    readers = _readers()
    boxes = "name,x,y,width,height\n" + "".join(f"b{number},0,0,1,1\n" for number in range(20_000))
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (100000, 100000), }"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n"
        archive.writestr("a.npy", start + bytes(50_000_000))
    found = {
        "tile.tif": huge_tile(),
        "scans.jpg": scanned(4900, 5000, 500_000),
        "pixels.png": _promising(blank(10, 10), 30_000),
        "boxes.csv": boxes.encode(),
        "deep.json": b"[" * 1_000_000,
        "promise.npy": start,
        "maps.zip": packed.getvalue(),
        "numbers.mat": _matrix_of_gigabytes(),
        **_models(),
    }
    for name, content in found.items():
        path = folder / name
        path.write_bytes(content)
        yield _outcome(readers[path.suffix], path)
        path.unlink()


def _promising(content: bytes, side: int) -> bytes:
    """A PNG whose head says that it has other sides."""
    head = content[12:16] + struct.pack(">II", side, side) + content[24:29]
    return content[:12] + head + struct.pack(">I", zlib.crc32(head)) + content[33:]


def _matrix_of_gigabytes() -> bytes:
    from scipy.io import savemat

    def element(kind: int, body: bytes) -> bytes:
        return struct.pack("<II", kind, len(body)) + body

    head = element(6, struct.pack("<II", 6, 0)) + element(5, struct.pack("<ii", 40_000, 40_000))
    head += element(1, b"fixLocs\0") + struct.pack("<II", 9, 2**32 - 64)
    savemat(file := io.BytesIO(), {})
    return file.getvalue() + element(
        15, zlib.compress(struct.pack("<II", 14, 2**32 - 8) + head + bytes(10**6))
    )


def _models() -> dict[str, bytes]:
    """ONNX files that take 4 GB, or years, to be loaded, if the package onnx is there to make them."""
    try:
        from onnx import TensorProto, helper
    except ImportError:
        return {}
    shape = helper.make_tensor("shape", TensorProto.INT64, [1], [1 << 30])
    fill = helper.make_node("ConstantOfShape", ["shape"], ["all"])
    total = helper.make_node("ReduceSum", ["all"], ["one"], keepdims=0)
    add = helper.make_node("Add", ["picture", "one"], ["saliency"])
    sides = ["N", 3, "H", "W"]
    graph = helper.make_graph(
        [fill, total, add],
        "bomb",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, sides)],
        [helper.make_tensor_value_info("saliency", TensorProto.FLOAT, sides)],
        [shape],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    fill = helper.make_node("ConstantOfShape", ["sides"], ["m0"])
    products = [helper.make_node("MatMul", [f"m{n}", f"m{n}"], [f"m{n + 1}"]) for n in range(1000)]
    total = helper.make_node("ReduceSum", ["m1000"], ["one"], keepdims=0)
    endless = helper.make_graph(
        [fill, *products, total, add],
        "endless",
        list(graph.input),
        list(graph.output),
        [helper.make_tensor("sides", TensorProto.INT64, [2], [3000, 3000])],
    )
    slow = helper.make_model(endless, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return {"constant.onnx": model.SerializeToString(), "endless.onnx": slow.SerializeToString()}
