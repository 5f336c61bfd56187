"""Models by name, their records, and downloads that are verified, resumed and never half there."""

import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from salgan import models
from salgan.errors import ModelError
from salgan.models import load, records, store
from salgan.models.download import fetch
from salgan.models.predictor import Predictor
from salgan.models.records import ModelRecord, read_records
from tests._onnx import tiny_model
from tests._server import serving

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def web():
    with serving(CONTENT) as web:
        yield web


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "cache" / "models" / "big.onnx"


def _fetch(url: str, target: Path, **options) -> None:
    fetch(url, target, **{"sha256": SHA256, "size": len(CONTENT), "pause": 0.0, "timeout": 5.0} | options)


def _left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


# Downloads


@pytest.mark.parametrize("path", ["good", "no-range", "cut-off", "busy", "moved", "past-the-end"])
@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_a_download_ends_with_the_whole_file_and_nothing_else(web, target, path, size):
    _fetch(web.url(path), target, size=size)
    assert target.read_bytes() == CONTENT
    assert _left(target) == ["big.onnx"]


def test_a_broken_off_download_goes_on_where_it_stopped(web, target):
    _fetch(web.url("cut-off"), target)
    third = len(CONTENT) // 3 + 1
    assert web.ranges() == [None, f"bytes={third}-", f"bytes={2 * third}-"]


def test_a_part_of_an_earlier_process_is_continued(web, target):
    part = target.with_name("big.onnx.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:1000])
    _fetch(web.url("good"), target)
    assert web.ranges() == ["bytes=1000-"]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("path", ["good", "no-range", "other-range", "past-the-end"])
def test_a_part_of_another_file_is_thrown_away_and_the_whole_is_fetched(web, target, path):
    part = target.with_name("big.onnx.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"of another day")
    if (
        path == "other-range"
    ):  # a server that never continues rightly: the part stays, as after any broken line
        with pytest.raises(ModelError, match="another range"):
            _fetch(web.url(path), target)
        assert not target.exists()
        return
    _fetch(web.url(path), target)
    assert target.read_bytes() == CONTENT
    assert _left(target) == ["big.onnx"]


def test_what_is_already_there_is_not_fetched_again(web, target):
    _fetch(web.url("good"), target)
    _fetch(web.url("good"), target)
    assert len(web.asked) == 1


def test_progress_is_told_up_to_the_whole_size(web, target):
    told = []
    _fetch(web.url("good"), target, on_progress=lambda stage, have, total: told.append((have, total)))
    assert told == sorted(told)
    assert told[-1] == (len(CONTENT), len(CONTENT))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing", "answers 404"),
        ("gone", "answers 410"),
        ("offers-less", "offers 1023999 bytes, not 1024000"),
        ("other-bytes", "what came has sha256"),
        ("endless", "more than 1024000 bytes"),
        ("moved-away", "only https"),
    ],
)
def test_a_server_that_refuses_or_lies_leaves_nothing_behind(web, target, path, message):
    with pytest.raises(ModelError, match=message) as caught:
        _fetch(web.url(path), target)
    assert "\n" not in str(caught.value)
    assert _left(target) == []
    assert len(web.asked) == 1


def test_a_wrong_hash_in_the_record_leaves_nothing_behind(web, target):
    with pytest.raises(ModelError, match=f"sha256 {SHA256}, not {'0' * 64}"):
        _fetch(web.url("good"), target, sha256="0" * 64)
    assert _left(target) == []


@pytest.mark.parametrize("path", ["cut-at-once", "stalls"])
def test_a_line_that_keeps_breaking_is_given_up_and_can_be_resumed(web, target, path):
    with pytest.raises(ModelError, match=r"cannot be downloaded .*run it again"):
        _fetch(web.url(path), target, timeout=0.4, attempts=3)
    assert len(web.asked) == 3
    assert not target.exists()
    _fetch(web.url("good"), target)
    assert target.read_bytes() == CONTENT


def test_a_server_that_is_not_there_is_one_line(target):
    with serving(b"") as web:
        address = web.url("good")
    with pytest.raises(ModelError, match=r"cannot be downloaded \(.*refused"):
        _fetch(address, target, attempts=2)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.invalid/m.onnx",
        "file:///etc/passwd",
        "ftp://127.0.0.1/m",
        "https:///m",
        "http://127.evil/m",
    ],
)
def test_only_https_and_this_machine_are_asked(target, url):
    with pytest.raises(ModelError, match="only https"):
        _fetch(url, target)
    assert not target.parent.exists()


def test_a_folder_that_cannot_be_written_is_one_line(web, tmp_path):
    (tmp_path / "models").write_text("a file, not a folder")
    with pytest.raises(ModelError, match="cannot be written"):
        _fetch(web.url("good"), tmp_path / "models" / "big.onnx")


def test_processes_that_want_the_same_file_take_turns(web, target):
    code = (
        "import sys; from pathlib import Path; from salgan.models.download import fetch\n"
        f"fetch({web.url('cut-off')!r}, Path({str(target)!r}), sha256={SHA256!r}, pause=0.05)"
    )
    several = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [process.wait() for process in several] == [0, 0, 0]
    assert target.read_bytes() == CONTENT
    assert len(web.asked) == 3  # one process asked three times, the others found the file


# Records


def _record(**fields) -> ModelRecord:
    return ModelRecord(**{"name": "tiny", "sha256": SHA256, "file": "weights/tiny.onnx"} | fields)


def test_the_bundled_table_is_well_formed_and_what_it_bundles_is_there():
    for record in models.list_models():
        assert record.licence, record.name
        path = models.find(record)
        if path is not None:
            record.verify(path.read_bytes(), record.name)
        elif record.url is None:  # only what is too large for the package may be missing, outside a checkout
            assert record.file is not None
            assert record.file.startswith("release/"), record.name
            assert not (Path(__file__).parents[1] / "release").is_dir(), record.name


def test_a_record_is_measured_from_a_file(tmp_path):
    path = tmp_path / "mine.onnx"
    path.write_bytes(CONTENT)
    record = models.record_for(path)
    assert (record.name, record.size, record.sha256) == ("mine", len(CONTENT), SHA256)
    record.verify(CONTENT, "mine.onnx")
    with pytest.raises(ModelError, match="cannot be read"):
        models.record_for(tmp_path / "none.onnx")


def test_a_table_is_read_with_its_scores(tmp_path):
    table = tmp_path / "models.toml"
    table.write_text(
        f'[a]\nsha256 = "{SHA256}"\nfile = "weights/a.onnx"\nsize = 5\n[a.scores.osie]\nnss = 3.1\n'
    )
    (record,) = read_records(table)
    assert (record.name, record.size, record.scores) == ("a", 5, {"osie": {"nss": 3.1}})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a", "models.toml"),
        (f'[a]\nsha256 = "{SHA256}"\nfile = "a"\ncolour = 1\n', "model a: .*colour"),
        ('[a]\nfile = "a"\n', "model a: .*sha256"),
        ('[a]\nfile = "a"\nsha256 = "12"\n', "64 hexadecimal"),
        (f'[a]\nsha256 = "{SHA256}"\n', "neither a file nor a url"),
        (f'[a]\nsha256 = "{SHA256}"\nfile = "../a"\n', "below the package"),
        (f'[a]\nsha256 = "{SHA256}"\nfile = "a"\nsize = 0\n', "size 0"),
    ],
)
def test_a_malformed_table_is_refused_by_name(tmp_path, text, message):
    table = tmp_path / "models.toml"
    table.write_text(text)
    with pytest.raises(ModelError, match=message):
        read_records(table)


def test_the_default_model_comes_with_the_package_and_predicts():
    if models.DEFAULT not in [record.name for record in models.list_models()]:
        pytest.skip("the default model is not trained yet")
    record = next(record for record in models.list_models() if record.name == models.DEFAULT)
    assert record.size is not None
    assert record.size <= 15_000_000
    picture = np.random.default_rng(0).integers(0, 256, (150, 200, 3), dtype=np.uint8)
    saliency = models.predict(picture)
    assert saliency.array.shape == (150, 200)
    assert saliency.array.max() > saliency.array.min()
    assert not np.array_equal(models.predict(picture[:, ::-1]).array, saliency.array)


# Models by name, path and address


@pytest.fixture
def tiny(tmp_path, monkeypatch) -> ModelRecord:
    """A table whose package holds one model, tiny, and whose cache is empty."""
    content = tiny_model()
    (tmp_path / "models" / "weights").mkdir(parents=True)
    (tmp_path / "models" / "weights" / "tiny.onnx").write_bytes(content)
    record = _record(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    monkeypatch.setattr(store, "_HERE", tmp_path / "models")
    _table(tmp_path, monkeypatch, record)
    monkeypatch.setenv("SALGAN_CACHE", str(tmp_path / "cache"))
    load._kept.cache_clear()
    yield record
    load._kept.cache_clear()


def _table(folder: Path, monkeypatch, record: ModelRecord) -> None:
    """Put one record into the place of the package's table."""
    fields = {key: value for key, value in vars(record).items() if value not in (None, "", {})}
    lines = [f"{key} = {json.dumps(value)}" for key, value in fields.items() if key not in ("name", "scores")]
    scores = [
        f"[{record.name}.scores.{dataset}]\n"
        + "\n".join(f"{metric} = {value}" for metric, value in of.items())
        for dataset, of in record.scores.items()
    ]
    table = folder / "table.toml"
    table.write_text("\n".join([f"[{record.name}]", *lines, *scores]))
    monkeypatch.setattr(records, "TABLE", table)


def test_a_bundled_model_is_loaded_by_name(tiny):
    predictor = models.load_model("tiny", threads=1)
    assert isinstance(predictor, Predictor)
    assert predictor.name == "tiny"


def test_a_model_is_loaded_from_a_path(tmp_path):
    path = tmp_path / "own.onnx"
    path.write_bytes(tiny_model())
    for given in (path, str(path)):
        assert models.load_model(given).name == "own"
    with pytest.raises(ModelError, match="no such file"):
        models.load_model(tmp_path / "none.onnx")
    with pytest.raises(ModelError, match="no such file"):
        models.load_model("none.onnx")


def test_an_unknown_name_brings_the_close_match_and_the_list(tiny):
    with pytest.raises(ModelError, match=r"no model or file 'tinny' \(did you mean tiny\?\); models: tiny"):
        models.load_model("tinny")


def test_a_spoiled_bundled_model_is_refused(tiny, tmp_path):
    (tmp_path / "models" / "weights" / "tiny.onnx").write_bytes(tiny_model(gain=3.0))
    with pytest.raises(ModelError, match="has sha256"):
        models.load_model("tiny")


def test_a_model_outside_the_wheel_says_where_it_lies(tmp_path, monkeypatch):
    _table(tmp_path, monkeypatch, _record(name="paper", file="release/paper.onnx"))
    with pytest.raises(ModelError, match=r"^model paper: not in .*; pip install .* or take release/paper"):
        models.load_model("paper")


def test_a_model_outside_the_wheel_is_found_in_a_checkout(tmp_path, monkeypatch):
    package = tmp_path / "src" / "salgan" / "models"
    package.mkdir(parents=True)
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "paper.onnx").write_bytes(b"weights")
    monkeypatch.setattr(store, "_HERE", package)
    monkeypatch.setenv("SALGAN_CACHE", str(tmp_path / "cache"))
    record = _record(file="release/paper.onnx")
    assert models.find(record) is None  # a folder above a package is a checkout only with its pyproject.toml
    (tmp_path / "pyproject.toml").touch()
    assert models.find(record) == tmp_path / "release" / "paper.onnx"


def test_a_model_outside_the_wheel_is_found_in_the_companion_wheel_and_verified(tmp_path, monkeypatch):
    content = tiny_model()
    record = _record(name="paper", file="release/paper.onnx", sha256=hashlib.sha256(content).hexdigest())
    _table(tmp_path, monkeypatch, record)
    packed = tmp_path / "site-packages" / store.COMPANION / "paper.onnx"
    packed.parent.mkdir(parents=True)
    packed.write_bytes(content)
    monkeypatch.syspath_prepend(packed.parents[1])
    assert models.load_model("paper", threads=1).name == "paper"
    packed.write_bytes(tiny_model(gain=3.0))
    load._kept.cache_clear()
    with pytest.raises(ModelError, match="has sha256"):
        models.load_model("paper", threads=1)


def test_the_companion_wheel_holds_every_listed_model_that_the_wheel_leaves_out():
    project = Path(__file__).parents[2] / "release" / "pyproject.toml"
    wheel = tomllib.loads(project.read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    left_out = {record.file for record in models.list_models() if record.file.startswith("release/")}
    packed = {f"release/{name}" for name in wheel["force-include"] if name.endswith(".onnx")}
    assert packed == left_out


def test_a_record_whose_file_is_nowhere_says_what_to_do(tiny, tmp_path):
    (tmp_path / "models" / "weights" / "tiny.onnx").unlink()
    with pytest.raises(ModelError, match="install it again"):
        models.load_model("tiny")


def test_a_model_with_an_address_is_downloaded_once_and_verified_each_time(tmp_path, monkeypatch):
    content = tiny_model()
    monkeypatch.setenv("SALGAN_CACHE", str(tmp_path))
    with serving(content) as web:
        digest = hashlib.sha256(content).hexdigest()
        record = _record(file=None, url=web.url("good"), sha256=digest, size=len(content))
        _table(tmp_path, monkeypatch, record)
        assert models.load_model("tiny").name == "tiny"
        assert models.load_model("tiny").name == "tiny"
        assert len(web.asked) == 1
        cached = models.find(record)
        assert cached is not None
        assert cached.is_relative_to(tmp_path)
        cached.write_bytes(b"spoiled")
        assert models.load_model("tiny").name == "tiny"
        assert len(web.asked) == 2
        assert cached.read_bytes() == content


def test_an_address_with_its_hash_is_a_model(tmp_path, monkeypatch):
    content = tiny_model()
    monkeypatch.setenv("SALGAN_CACHE", str(tmp_path))
    with serving(content) as web:
        digest = hashlib.sha256(content).hexdigest()
        assert models.load_model(f"{web.url('good')}#sha256={digest}").name == "good"
        with pytest.raises(ModelError, match=f"sha256 {digest}, not {'0' * 64}"):
            models.load_model(f"{web.url('good')}#sha256={'0' * 64}")
        with pytest.raises(ModelError, match="add the file's hash"):
            models.load_model(web.url("good"))
        with pytest.raises(ModelError, match="64 hexadecimal"):
            models.load_model(f"{web.url('good')}#sha256=../../x")
    assert len(list((tmp_path / "models").iterdir())) == 1


def test_predict_loads_the_model_once(tiny, monkeypatch):
    loads = []
    real = load.load_model
    monkeypatch.setattr(load, "load_model", lambda model: loads.append(model) or real(model))
    picture = np.full((20, 30, 3), 200, dtype=np.uint8)
    first, second = models.predict(picture, model="tiny"), models.predict(picture, model="tiny")
    assert first.array.shape == (20, 30)
    assert np.array_equal(first.array, second.array)
    assert loads == ["tiny"]


def test_the_verb_lists_name_size_licence_scores_and_place(tiny, tmp_path, monkeypatch, salgan):
    import dataclasses

    told = dataclasses.replace(tiny, licence="MIT", scores={"osie": {"nss": 3.125}}, size=2_500_000)
    _table(tmp_path, monkeypatch, told)
    monkeypatch.setenv("COLUMNS", "250")
    said = salgan("models")
    assert said.code == 0
    for word in ("tiny", "2.5 MB", "MIT", "osie: nss 3.125", "tiny.onnx"):
        assert word in said.out


def test_a_baseline_is_no_model_and_the_error_says_what_it_is_for():
    with pytest.raises(ModelError, match="salgan evaluate baseline:uniform --data FOLDER"):
        models.load_model("baseline:uniform")
