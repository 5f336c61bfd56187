"""What one actor does with a unit, without Ray: rows and files equal those of a single machine."""

import hashlib
import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from salgan.cluster import Wanted, parse_wanted, storage
from salgan.cluster.sources import Unit, find_sources, units_of
from salgan.cluster.trail import Trail
from salgan.cluster.worker import Worker
from salgan.errors import SalganError
from salgan.jobs import find_jobs, predict_all
from salgan.models import load_model
from salgan.regions import parse_box
from salgan.saliency_map import SaliencyMap
from tests import _fenced
from tests.cluster.conftest import BAD, jpeg


@pytest.fixture
def predictor(model):
    return load_model(model)


def rows(sources, out: Path, predictor, wanted: Wanted | None = None) -> dict[str, dict]:
    """The rows that one worker makes of sources, by path."""
    found = find_sources([str(source) for source in sources])
    worker = Worker(predictor, wanted or Wanted(), str(out))
    for unit in units_of(found):
        worker(unit)
    assert not found.errors
    return {row["path"]: row for part in out.glob("*.parquet") for row in pq.read_table(part).to_pylist()}


def test_rows_equal_what_a_single_machine_finds(folder, tmp_path, predictor):
    found = rows([folder], tmp_path / "maps.parquet", predictor, Wanted(map="npy"))
    single = {
        str(each.job.source): each
        for each in predict_all(find_jobs([str(folder)], tmp_path / "out").jobs, predictor)
    }
    assert set(found) == set(single) and len(found) == 9 + len(BAD)
    for path, row in found.items():
        content = Path(path).read_bytes()
        assert row["sha256"] == hashlib.sha256(content).hexdigest()
        assert row["model"] == predictor.fingerprint
        if single[path].error is None:
            expected = np.load(single[path].job.map_path)
            assert np.array_equal(np.load(io.BytesIO(row["map"])), expected)
            assert (row["height"], row["width"]) == expected.shape
            assert row["error"] is None
        else:
            assert row["error"] == str(single[path].error)
            assert row["map"] is None


def test_files_are_those_of_a_single_machine(folder, tmp_path, predictor):
    wanted = parse_wanted(None, None, [], as_files=True)
    worker = Worker(predictor, wanted, str(tmp_path / "ray"), as_files=True)
    reports = [worker(unit) for unit in units_of(find_sources([str(folder)]), as_files=True)]
    for _ in predict_all(find_jobs([str(folder)], tmp_path / "single").jobs, predictor):
        pass
    ours, theirs = (
        {str(path.relative_to(tmp_path / out)): path.read_bytes() for path in (tmp_path / out).rglob("*.*")}
        for out in ("ray", "single")
    )
    assert ours == theirs
    assert [sum(getattr(each, what) for each in reports) for what in ("pictures", "failed", "files")] == [
        12,
        3,
        18,
    ]
    assert sorted(ours)[:2] == ["0.overlay.png", "0.saliency.npy"]


def test_rows_may_hold_focal_points_regions_and_crops_instead_of_maps(tmp_path, predictor):
    (tmp_path / "a.jpg").write_bytes(jpeg(1, 80, 40))
    wanted = parse_wanted("focal,regions,crop:1:1", None, [parse_box("left:0,0,0.5,1")], as_files=False)
    (row,) = rows([tmp_path / "a.jpg"], tmp_path / "maps.parquet", predictor, wanted).values()
    from salgan import crop
    from salgan.regions import focal_points, shares

    saliency = predictor.predict(tmp_path / "a.jpg")
    assert "map" not in row
    assert [(at["x"], at["y"]) for at in row["focal"]] == [(at.x, at.y) for at in focal_points(saliency)]
    (region,) = row["regions"]
    assert region["name"] == "left"
    assert region["share"] == shares(saliency, [parse_box("left:0,0,0.5,1")])["left"].share
    (window,) = row["crops"]
    assert window["width"] == window["height"] == 40
    assert window["left"] == crop.best(saliency, [(40, 40)])[0].left


def make_tar(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize(("name", "mode"), [("a.tar", "w"), ("a.tar.gz", "w:gz")])
def test_a_webdataset_gives_a_row_for_each_picture_and_unpickles_nothing(tmp_path, predictor, name, mode):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    members = {"000.jpg": jpeg(0), "000.json": b"{}", "000.pyd": pickle.dumps(Trap()), "001.jpg": b"bad"}
    tar = make_tar(tmp_path / name, members, mode)
    found = rows([tar], tmp_path / "maps.parquet", predictor)
    assert set(found) == {f"{tar}/000.jpg", f"{tar}/001.jpg"}
    map_ = np.asarray(Image.open(io.BytesIO(found[f"{tar}/000.jpg"]["map"])))
    assert np.array_equal(map_, np.rint(predictor.predict(jpeg(0)).array * np.float32(65535)))
    assert found[f"{tar}/001.jpg"]["error"].startswith(f"{tar}/001.jpg: is not a picture")
    assert not (tmp_path / "sprung").exists()


def test_a_tar_that_is_cut_off_keeps_the_pictures_before_the_damage(tmp_path, predictor):
    tar = make_tar(tmp_path / "a.tar", {f"{number}.jpg": jpeg(number) for number in range(4)})
    tar.write_bytes(tar.read_bytes()[:3500])
    found = rows([tar], tmp_path / "maps.parquet", predictor)
    good = [path for path, row in found.items() if row["error"] is None]
    assert good and good[0] == f"{tar}/0.jpg" and len(good) < 4
    assert "cannot be unpacked to its end" in found[str(tar)]["error"]


def test_names_in_a_tar_lead_nowhere_else(tmp_path, predictor):
    tar = make_tar(
        tmp_path / "a.tar", {"../../up.jpg": jpeg(0), "/abs.jpg": jpeg(1), "x\\..\\y.jpg": jpeg(2)}
    )
    worker = Worker(predictor, Wanted(), str(tmp_path / "deep" / "out"), as_files=True)
    (unit,) = units_of(find_sources([str(tar)]), as_files=True)
    worker(unit)
    made = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png"))
    assert made == [f"deep/out/a/{name}.jpg.saliency.png" for name in ("abs", "up", "x/y")]


def test_a_member_that_promises_gigabytes_is_not_read(tmp_path, predictor):
    info = tarfile.TarInfo("a.jpg")
    info.size = 5 << 30
    (tmp_path / "a.tar").write_bytes(info.tobuf() + jpeg(0))
    found = rows([tmp_path / "a.tar"], tmp_path / "maps.parquet", predictor)
    assert "more than a picture may have" in found[f"{tmp_path}/a.tar/a.jpg"]["error"]


def test_parquet_gives_a_row_for_each_of_its_rows(tmp_path, predictor):
    pictures = [jpeg(0), b"bad", None, jpeg(3), jpeg(4)]
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"name": list("abcde"), "image": pictures}), path, row_group_size=2)
    found = rows([path], tmp_path / "maps.parquet", predictor)
    assert sorted(found) == [f"{path}/{number}" for number in range(5)]
    assert [number for number in range(5) if found[f"{path}/{number}"]["error"]] == [1, 2]
    assert found[f"{path}/4"]["sha256"] == hashlib.sha256(jpeg(4)).hexdigest()


def test_pictures_in_a_struct_are_found_too(tmp_path, predictor):
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"image": [{"bytes": jpeg(0), "path": "a.jpg"}]}), path)
    (row,) = rows([path], tmp_path / "maps.parquet", predictor).values()
    assert row["sha256"] == hashlib.sha256(jpeg(0)).hexdigest()


def test_several_columns_of_bytes_are_asked_about(tmp_path, predictor):
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"image": [jpeg(0)], "thumb": [jpeg(1)]}), path)
    found = find_sources([str(path)])
    assert list(units_of(found)) == []
    (error,) = found.errors
    assert "several columns of bytes (image, thumb)" in str(error) and "in.parquet#image" in str(error)
    (row,) = rows([f"{path}#thumb"], tmp_path / "maps.parquet", predictor).values()
    assert row["sha256"] == hashlib.sha256(jpeg(1)).hexdigest()


def test_rows_go_from_a_bucket_to_a_bucket(s3, tmp_path, predictor):
    from salgan.cluster import storage

    for number in range(3):
        storage.write_bytes(f"{s3}/rows in/a b/{number}#?.jpg", jpeg(number))
    storage.write_bytes(f"{s3}/rows in/bad.jpg", b"bad")
    found = find_sources([f"{s3}/rows in"])
    for unit in units_of(found):
        Worker(predictor, Wanted(), f"{s3}/rows.parquet")(unit)
    names = [name for name, _ in storage.listed(f"{s3}/rows.parquet")]
    table = [
        row
        for name in names
        for row in pq.read_table(storage.opened(f"{s3}/rows.parquet/{name}")).to_pylist()
    ]
    assert [row["path"] for row in table if row["error"]] == [f"{s3}/rows in/bad.jpg"]
    assert {row["path"] for row in table if row["map"]} == {f"{s3}/rows in/a b/{n}#?.jpg" for n in range(3)}


def test_a_bucket_is_matched_by_patterns(s3):
    from salgan.cluster import storage

    for name in ("a.jpg", "x/b.jpg", "x/y/c.jpg", "x/d.txt", "x/.hidden.jpg"):
        storage.write_bytes(f"{s3}/glob/{name}", b"")

    def matched(pattern):
        return [path.removeprefix(f"{s3}/glob/") for path in find_sources([f"{s3}/glob/{pattern}"]).pictures]

    assert matched("*.jpg") == ["a.jpg"]
    assert matched("**/*.jpg") == ["a.jpg", "x/b.jpg", "x/y/c.jpg"]
    assert matched("x/[b-c].jpg") == ["x/b.jpg"]
    assert matched("**/[!ab].jpg") == ["x/y/c.jpg"]
    assert matched("x/[!]a].jpg") == ["x/b.jpg"]
    for nobody in ("[z-a]*.jpg", "[a-\\d].jpg"):
        (error,) = find_sources([f"{s3}/glob/{nobody}"]).errors
        assert "matches no pictures" in str(error)


def test_a_pattern_is_matched_in_a_folder_whose_own_name_looks_like_one(tmp_path, monkeypatch):
    folder = tmp_path / "site[1]"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"")
    monkeypatch.chdir(folder)
    assert list(find_sources(["*.png"]).pictures) == [str(folder / "a.png")]


def test_a_second_attempt_is_careful_and_leaves_out_what_two_such_attempts_died_at(
    folder, tmp_path, predictor, monkeypatch
):
    class Killed(BaseException):
        pass

    def draw(picture, saliency):
        if picture.shape[1] == 40 + 8 * 2:
            raise Killed
        return picture

    paths = tuple(str(folder / f"{number}.jpg") for number in range(4))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    worker = Worker(predictor, Wanted(overlay=".png", draw=draw), str(tmp_path / "maps.parquet"))
    for _ in range(3):
        with pytest.raises(Killed):
            worker(Unit(paths), Trail("run", "task"))
    trail = Trail("run", "task")
    report = worker(Unit(paths), trail)
    trail.end()
    assert (report.pictures, report.failed) == (4, 1)
    assert [str(error) for error in report.errors] == [f"{paths[2]}: kills the process that reads it"]
    assert not list(tmp_path.glob("salgan-*"))


def test_a_worker_that_was_killed_from_outside_blames_no_picture(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for number in (3, 5, 3):
        trail = Trail("run", "task")
        trail.at(number)
    assert Trail("run", "task").killers == {3}
    assert Trail("run", "other").killers == set()


def test_actors_of_one_machine_do_not_remove_each_others_trails(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    first, second = Trail("run", "1"), Trail("run", "2")
    first.end()
    second.at(0)
    assert Trail("run", "2").attempt == 2
    assert {path.parent for path in tmp_path.iterdir()} == {tmp_path}
    assert all(path.is_file() for path in tmp_path.iterdir())


def test_a_part_is_written_whole_or_not_at_all(folder, tmp_path, predictor):
    def draw(picture, saliency):
        raise RuntimeError("a bug")

    out = tmp_path / "maps.parquet"
    with pytest.raises(RuntimeError, match="a bug"):
        Worker(predictor, Wanted(overlay=".png", draw=draw), str(out))(Unit((str(folder / "0.jpg"),)))
    assert not out.exists() or not list(out.iterdir())


def test_a_map_in_a_row_is_a_saliency_map_again(tmp_path, predictor):
    (tmp_path / "a.jpg").write_bytes(jpeg(1))
    (row,) = rows([tmp_path / "a.jpg"], tmp_path / "maps.parquet", predictor).values()
    (tmp_path / "a.png").write_bytes(row["map"])
    assert np.allclose(
        SaliencyMap.load(tmp_path / "a.png").array, predictor.predict(tmp_path / "a.jpg").array, atol=1e-5
    )


def test_the_page_about_scaling_reads_the_rows(folder, tmp_path, predictor, monkeypatch):
    rows([folder], tmp_path / "maps.parquet", predictor)
    monkeypatch.chdir(tmp_path)
    (block,) = _fenced.blocks("docs/scaling.md", "python")
    names: dict[str, object] = {}
    exec(block.text, names)  # noqa: S102
    assert names["rows"].num_rows == 9 + len(BAD)


def test_what_stands_where_is_said(tmp_path):
    with pytest.raises(SalganError, match=r"nosuch://x: cannot be opened"):
        find_sources(["nosuch://x/y"])


def test_what_a_buckets_driver_raises_is_one_line_whatever_its_class(monkeypatch):
    """Without credentials botocore raises a class that is not an OSError."""

    class NoCredentialsError(Exception):
        pass

    class Bucket:
        def get_file_info(self, _):
            raise NoCredentialsError("Unable to locate credentials")

        open_input_file = get_file_info

    monkeypatch.setattr(storage, "_at", lambda _: (Bucket(), "bucket/photos"))
    place = "s3://bucket/photos"
    for ask in (storage.size_of, lambda location: list(storage.listed(location)), storage.read_bytes):
        with pytest.raises(SalganError, match=f"{place}: cannot be read .Unable to locate credentials"):
            ask(place)
