"""Prepared tensors: right, built once, never stale, whole or not there."""

import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from salgan._progress import unsaid
from salgan.datasets import open_dataset, synthetic
from salgan.errors import ConfigError, DatasetError
from salgan.preprocessing import Preprocessing
from salgan.training import cache as module
from salgan.training.cache import prepare
from salgan.training.config import DataSource

SIZE = Preprocessing(height=24, width=32)


@pytest.fixture
def folder(tmp_path):
    """A plain folder of two pictures, 64×48 and 40×80, with fixations as tables."""
    root = tmp_path / "data" / "set"
    for name in ("images", "fixations"):
        (root / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, size in (("wide", (64, 48)), ("tall", (40, 80))):
        picture = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(picture).save(root / "images" / f"{name}.png")
        (root / "fixations" / f"{name}.csv").write_text("x,y\n0,0\n39,47\n20.4,10.6\n500,3\n")
    return root


def opened(folder, cache, say=unsaid, **source):
    source = {"path": "set", "train": "all", "val": None, "sigma": 4} | source
    return prepare(DataSource.model_validate(source), folder.parent, SIZE, cache, say=say)


def test_samples_are_what_the_dataset_says_at_the_networks_size(folder, tmp_path):
    prepared = opened(folder, tmp_path / "cache")
    samples = prepared.samples
    assert samples.names == ("set/tall", "set/wide")
    assert (samples.pictures.shape, samples.pictures.dtype) == ((2, 24, 32, 3), np.uint8)
    assert (samples.density.shape, samples.density.dtype) == ((2, 24, 32), np.float16)
    assert (samples.fixations.shape, samples.fixations.dtype) == ((2, 24, 32), np.bool_)
    for row, stimulus in enumerate(open_dataset(folder)):
        assert np.array_equal(samples.pictures[row], SIZE.resize(stimulus.picture()))
        density = Image.fromarray(stimulus.density(4).astype(np.float32)).resize(
            (32, 24), Image.Resampling.BILINEAR
        )
        expected = np.asarray(density) / np.asarray(density).max()
        assert samples.density[row].max() == 1
        assert np.allclose(samples.density[row], expected, atol=1e-3)


def test_fixations_fall_into_the_pixel_that_covers_their_place(folder, tmp_path):
    wide = opened(folder, tmp_path / "cache").samples.fixations[1]
    # 64×48 to 32×24 halves: (0, 0), (39, 47) and (20.4, 10.6); (500, 3) lies outside.
    assert sorted(zip(*np.nonzero(wide), strict=True)) == [(0, 0), (5, 10), (23, 19)]


def test_a_second_run_reads_what_the_first_one_built(folder, tmp_path, monkeypatch):
    first = opened(folder, tmp_path / "cache")
    monkeypatch.setattr(module, "_build", lambda *_: pytest.fail("built again"))
    second = opened(folder, tmp_path / "cache")
    assert np.array_equal(first.samples.pictures, second.samples.pictures)
    assert isinstance(second.samples.pictures, np.memmap)


def test_another_blur_size_or_file_is_another_cache(folder, tmp_path):
    cache = tmp_path / "cache"
    opened(folder, cache)
    opened(folder, cache, sigma=6)
    assert len(list(cache.iterdir())) == 2
    changed = folder / "fixations" / "wide.csv"
    before = changed.stat()
    changed.write_text("x,y\n5,5\n".ljust(before.st_size, "\n"))
    os.utime(changed, ns=(before.st_mtime_ns, before.st_mtime_ns))
    assert changed.stat().st_size == before.st_size  # neither size nor time tells the two apart
    assert opened(folder, cache).samples.fixations[1].sum() == 1
    assert len(list(cache.iterdir())) == 3


def test_a_copy_of_the_dataset_finds_the_same_cache(folder, tmp_path):
    opened(folder, tmp_path / "cache")
    copied = shutil.copytree(folder, tmp_path / "elsewhere" / folder.name, copy_function=shutil.copyfile)
    (copied / "README.md").write_text("belongs to nothing that is read")
    opened(copied, tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_failed_build_leaves_nothing_behind(folder, tmp_path):
    (folder / "images" / "wide.png").write_bytes(b"\x89PNG but not really")
    with pytest.raises(DatasetError, match=r"wide\.png"):
        opened(folder, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_full_disk_is_said_in_one_line_and_leaves_nothing_behind(folder, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "posix_fallocate", full)
    with pytest.raises(
        DatasetError, match=r"cannot write the cache \(No space left on device\); set cache=FOLDER"
    ):
        opened(folder, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_damaged_cache_is_named(folder, tmp_path):
    opened(folder, tmp_path / "cache")
    (entry,) = (tmp_path / "cache").iterdir()
    (entry / "density.npy").write_bytes(b"half")
    with pytest.raises(DatasetError, match=r"damaged.*delete this folder"):
        opened(folder, tmp_path / "cache")


def test_a_picture_that_nobody_looked_at_is_left_out_by_name(folder, tmp_path):
    (folder / "fixations" / "wide.csv").write_text("x,y\n-5,900\n")
    said = []
    prepared = opened(folder, tmp_path / "cache", say=said.append)
    assert [prepared.samples.names[row] for row in prepared.train] == ["set/tall"]
    assert said == ["set: left out, nobody looked inside: wide"]


def test_a_split_file_divides_a_folder(folder, tmp_path):
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"train": ["wide"], "val": ["tall"]}))
    prepared = opened(folder, tmp_path / "cache", split=str(split), train="train", val="val")
    assert [prepared.samples.names[row] for row in prepared.train] == ["set/wide"]
    assert [prepared.samples.names[row] for row in prepared.val] == ["set/tall"]


def test_a_split_that_leaks_is_an_error(folder, tmp_path):
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"train": ["wide", "tall"], "val": ["tall"]}))
    with pytest.raises(ConfigError, match="tall is in both train and val"):
        opened(folder, tmp_path / "cache", split=str(split), train="train", val="val")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"path": "elsewhere"}, "no such dataset"),
        ({"split": "gone.json", "train": "train"}, "gone.json: no such file"),
        ({"split": "osie", "train": "trian"}, "names are not in it|has no part"),
        ({"split": "nobody"}, "no split named 'nobody'"),
    ],
)
def test_a_source_that_does_not_exist_is_named(folder, tmp_path, source, message):
    with pytest.raises((ConfigError, DatasetError), match=message):
        opened(folder, tmp_path / "cache", **source)


def test_parallel_workers_write_the_same_bytes_as_one_process(tmp_path, monkeypatch):
    synthetic(tmp_path / "set", n=17, seed=3)
    source = DataSource(path="set", train="all", val=None, sigma=12)
    monkeypatch.setattr(module.os, "cpu_count", lambda: 1)
    one = prepare(source, tmp_path, SIZE, tmp_path / "one").samples
    monkeypatch.setattr(module.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(module, "_CHUNK", 4)
    two = prepare(source, tmp_path, SIZE, tmp_path / "two").samples
    for name in ("names", "pictures", "density", "fixations"):
        assert np.array_equal(getattr(one, name), getattr(two, name))


@pytest.mark.shared
def test_the_three_eye_tracking_sets_prepare_with_their_committed_splits(shared, tmp_path):
    source = DataSource(path="osie", split="osie", train="val", val=None)
    prepared = prepare(source, shared / "data", SIZE, tmp_path / "cache")
    assert len(prepared.train) == 50
    assert (prepared.samples.fixations.sum((1, 2)) > 20).all()
