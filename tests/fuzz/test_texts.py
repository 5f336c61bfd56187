"""Text: records, regions, tables, recipes, splits, evaluations, addresses."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salgan.models.load import load_model
from salgan.models.records import read_records
from salgan.preprocessing import Preprocessing
from salgan.regions import read_region_set, read_regions
from salgan.regions.files import parse_box, parse_polygon
from tests.fuzz.damage import JSON, answers, damaged, deep, fuzz, slow_fuzz

RECORD = Preprocessing(
    height=24, width=32, shapes=((24, 32), (32, 24)), squash=(0.5, 1.5), small=(16, 24)
).to_json()


def _entries(names, values):
    return st.dictionaries(st.sampled_from(names), values, max_size=len(names))


@fuzz
@given(
    JSON.map(json.dumps)
    | _entries([*json.loads(RECORD)], JSON).map(json.dumps)
    | (damaged([RECORD.encode()]) | deep).map(lambda content: content.decode("utf-8", "replace"))
)
def test_records_of_preprocessing(text):
    record = answers(Preprocessing.from_json, text)
    if record is not None:
        for size in ((40, 60), (4, 6)):
            rows, columns = record.shape_for(*size)
            assert rows >= 1
            assert columns >= 1


def test_registries(tmp_path):
    path = tmp_path / "models.toml"
    good = (
        b'[lite]\nfile = "a.onnx"\nsha256 = "' + b"0" * 64 + b'"\nsize = 7\n[lite.scores.osie]\nnss = 1.5\n'
    )

    @fuzz
    @given(damaged([good]) | st.binary(max_size=100) | deep.map(lambda content: b"a = " + content))
    def reads(content):
        path.write_bytes(content)
        answers(read_records, path)

    reads()


REGIONS = [
    json.dumps([{"name": "cta", "box": [0.6, 0.8, 0.3, 0.1]}]).encode(),
    json.dumps({"regions": [{"name": "sail", "polygon": [[0.5, 0.1], [0.8, 0.6], [0.4, 0.7]]}]}).encode(),
    b'{"regions": [], "pictures": {"b.png": [{"name": "cta", "absent": true}]}}',
    b'{"pictures": [{"picture": {"path": "b.png"}, "regions": [{"name": "a", "box": [0, 0, 1, 1]}]}]}',
    b"name,x,y,width,height\ncta,0.6,0.8,0.3,0.1\n",
]
REGION = _entries(["name", "box", "polygon", "unit"], JSON | st.lists(st.floats(), min_size=4, max_size=4))


@pytest.mark.parametrize("ending", ["json", "csv"])
def test_files_of_regions(ending, tmp_path):
    path = tmp_path / f"regions.{ending}"

    @fuzz
    @given(
        damaged(REGIONS)
        | (JSON | st.lists(REGION, max_size=3)).map(json.dumps).map(str.encode)
        | st.binary(max_size=100)
        | deep
    )
    def reads(content):
        path.write_bytes(content)
        answers(read_regions, path)
        answers(read_region_set, path)

    reads()


@fuzz
@given(
    st.text(max_size=30) | damaged([b"cta:0.6,0.8,30%,10px"]).map(lambda one: one.decode("utf-8", "replace"))
)
def test_regions_on_the_command_line(text):
    answers(parse_box, text)
    answers(parse_polygon, text)


TABLES = [
    b"x,y,viewer,duration\n1,2,0,200\n3.5,4,b,\n",
    b"Participant\tMedia name\tGaze X\tFixation_X\tFixation_Y\nP1\ta.jpg\t1\t10,5\t20\n",
    "\ufeffx;y\n1,5;2\nNA;.\n".encode(),
    "x,y\n1,2\n".encode("utf-16"),
]


def test_tables_of_fixations(tmp_path):
    pytest.importorskip("scipy", reason="the extra eval is not installed")
    from salgan.datasets.tables import read_csv, read_csv_of_set

    path = tmp_path / "fixations.csv"

    @fuzz
    @given(
        damaged(TABLES)
        | st.binary(max_size=100)
        | st.text("xy,;\t\n\r\0\"'1.eE+-na", max_size=60).map(str.encode)
    )
    def reads(content):
        path.write_bytes(content)
        answers(read_csv, path)
        answers(read_csv_of_set, path, ["a"])

    reads()


RECIPES = [
    b"data: .\nout: run\nsources:\n  - {path: a, train: all}\nbootstrap: {epochs: 1}\n",
    b"data: !!python/name:os.system x\nout: &a [*a, 2001-99-99]\n",
    b"<<: {data: .}\nsize: [32, !!int 0x_]\n? [a]\n: !!set {a, b}\n!!omap x: !!binary =\n",
    b"seed: 1\nseed: 2\nout: !!bool 7\ndata: no\n",
]


def test_recipes(tmp_path):
    pytest.importorskip("torch", reason="the extra train is not installed")
    from salgan.training import load_config

    path = tmp_path / "recipe.yaml"

    @fuzz
    @given(damaged(RECIPES) | JSON.map(json.dumps).map(str.encode) | st.binary(max_size=60) | deep)
    def reads(content):
        path.write_bytes(content)
        answers(load_config, path, [])

    reads()


@fuzz
@given(
    st.sampled_from(
        ["seed", "size", "sources", "sources.0", "sources.0.path", "init", "network", "augmentation.x"]
    ),
    st.text(max_size=20)
    | JSON.map(json.dumps)
    | st.sampled_from(["9" * 5000, "2001-99-99", "!!bool 7", "*a", "~x/"]),
)
def test_overrides(key, value):
    pytest.importorskip("torch", reason="the extra train is not installed")
    from salgan.training import load_config

    answers(load_config, "lite", ["data=.", "out=run", f"{key}={value}"])


def test_splits(tmp_path):
    pytest.importorskip("torch", reason="the extra train is not installed")
    from salgan.training.cache import _split

    path = tmp_path / "split.json"

    @fuzz
    @given(damaged([b'{"train": ["a"], "val": []}']) | JSON.map(json.dumps).map(str.encode) | deep)
    def reads(content):
        path.write_bytes(content)
        answers(_split, str(path), tmp_path, None)

    reads()


def test_descriptions_of_sets(tmp_path):
    pytest.importorskip("scipy", reason="the extra eval is not installed")
    from salgan.datasets.description import parse_description

    good = b'name = "a"\nlicence = "MIT"\npixels_per_degree = 31\n[parts]\nval = "cats/*"\ntrain = "rest"\n'

    @fuzz
    @given(damaged([good]).map(lambda content: content.decode("utf-8", "replace")) | deep.map(bytes.decode))
    def reads(text):
        said = answers(parse_description, text, tmp_path / "salgan.toml")
        if said is not None:
            answers(said.divide, ["cats/1", "dogs/1"])

    reads()


def test_folders_of_evaluations(tmp_path):
    pytest.importorskip("scipy", reason="the extra eval is not installed")
    from salgan.evaluation import Results, compare
    from salgan.evaluation.compare import markdown, write
    from salgan.evaluation.results import FACTS

    about = {
        "salgan": "0.1.0",
        "model": {"name": "a", "fingerprint": "1", "spec": None},
        "dataset": {"name": "b", "fingerprint": "2", "without_map": 0, "path": None},
        "center_bias": None,
        "protocol": {
            "metrics": ["nss", "cc"], "sigma": None, "degrees": None, "others": 10, "seed": 0
        },
    }  # fmt: skip
    table = (
        ",".join([*FACTS, "nss", "cc", "note"])
        + "\n"
        + "".join(f"p{number},4,3,4,3,5,1,2.0,{number}.5,0.{number},\n" for number in range(3))
    )
    good = json.dumps(about).encode(), table.encode()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    paths = [tmp_path / "a" / "evaluation.json", tmp_path / "a" / "per_picture.csv"]
    for path, content in zip([tmp_path / "b" / path.name for path in paths], good, strict=True):
        path.write_bytes(content)
    whole = Results.read(tmp_path / "b")

    def both():
        comparison = compare(Results.read(tmp_path / "a"), whole)
        markdown(comparison)
        write(comparison, tmp_path / "out")

    assert compare(whole, whole).differences

    part = st.sampled_from(["salgan", "model", "dataset", "center_bias", "protocol"])

    @fuzz
    @given(
        st.one_of(
            st.tuples(damaged(good[:1]) | deep, st.just(good[1])),
            st.tuples(st.just(good[0]), damaged(good[1:]) | st.just(b"\0" * 100)),
            st.tuples(
                st.tuples(part, JSON).map(lambda one: json.dumps(about | {one[0]: one[1]}).encode()),
                st.just(good[1]),
            ),
            st.tuples(
                st.tuples(part, st.sampled_from(["name", "metrics", "seed", "sigma", "others"]), JSON).map(
                    lambda one: (
                        json.dumps(about | {one[0]: (about[one[0]] or {}) | {one[1]: one[2]}}).encode()
                        if isinstance(about[one[0]] or {}, dict)
                        else b""
                    )
                ),
                st.just(good[1]),
            ),
        )
    )
    def reads(contents):
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        answers(both)

    reads()


@slow_fuzz
@given(
    st.text(max_size=30)
    | damaged([b"https://[::1]:99999/model.onnx#sha256=" + b"0" * 64, b"file:///etc/passwd"]).map(
        lambda one: one.decode("utf-8", "replace")
    )
)
def test_names_of_models(text):
    answers(load_model, text)


def test_descriptions_of_datasets(tmp_path):
    from salgan.datasets.description import read_description

    path = tmp_path / "salgan.toml"
    names = ["cats/1", "cats/2", "dogs/3"]
    good = [
        b'name = "pets"\npixels_per_degree = 31.5\nseed = 5\nfolds = 3\n',
        b'[parts]\ntrain = "rest"\nval = ["cats/1.jpg", "fold 1/3"]\ntest = "dogs/[0-9]"\n',
    ]

    @fuzz
    @given(damaged(good) | st.binary(max_size=100) | deep.map(lambda content: b"a = " + content))
    def reads(content):
        path.write_bytes(content)
        said = answers(read_description, tmp_path)
        if said is not None:
            answers(said.divide, names)

    reads()


def test_scanpaths_of_coco_freeview(tmp_path):
    from PIL import Image

    from salgan.datasets import open_dataset

    Image.new("RGB", (1680, 1050)).save(tmp_path / "1.png")
    scanpath = {"name": "1.png", "subject": 4, "X": [1.5], "Y": [2], "T": [200], "split": "train"}
    path = tmp_path / "COCOFreeView_fixations_trainval.json"

    @fuzz
    @given(
        damaged([json.dumps([scanpath]).encode()])
        | st.lists(_entries([*scanpath], JSON), max_size=2).map(json.dumps).map(str.encode)
        | deep
    )
    def reads(content):
        path.write_bytes(content)
        dataset = answers(open_dataset, tmp_path)
        for stimulus in dataset or ():
            answers(lambda: stimulus.fixations)  # noqa: B023 - called at once

    reads()


def test_logs_of_ueyes(tmp_path):
    from PIL import Image

    from salgan.datasets import open_dataset

    (tmp_path / "images").mkdir()
    Image.new("RGB", (40, 30)).save(tmp_path / "images/a.png")
    path = tmp_path / "eyetracker_logs/00_kh005_fixations.csv"
    path.parent.mkdir()
    good = b"MEDIA_NAME,BPOGX,BPOGY,BPOGV,FPOGD\na.png,0.5,0.25,1,0.2\na.png,,0.25,1,0.2\n"

    @fuzz
    @given(damaged([good]) | st.binary(max_size=100).map(lambda line: good + line))
    def reads(content):
        path.write_bytes(content)
        dataset = answers(open_dataset, tmp_path)
        for stimulus in dataset or ():
            answers(lambda: stimulus.fixations)  # noqa: B023 - called at once

    reads()
