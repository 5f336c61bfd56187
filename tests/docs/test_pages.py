"""Every command and every piece of Python on the pages is one that works, and is run where it can be."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import salgan as package
from salgan import image
from salgan.models.predictor import Predictor
from tests import _fenced
from tests._onnx import tiny_model

# Python blocks with a test of their own, which prepares what they need and looks at what they give.
RUN_ELSEWHERE = {
    "docs/ab.md": "tests/test_design_docs.py",
    "docs/crop.md": "tests/test_design_docs.py",
    "docs/evaluation.md": "tests/docs/test_evaluation.py",
    "docs/heatmaps.md": "tests/test_design_docs.py",
    "docs/regions.md": "tests/test_design_docs.py",
    "docs/report.md": "tests/test_design_docs.py",
    "docs/scaling.md": "tests/cluster/test_worker.py",
    "docs/serve.md": "tests/serve/test_docs.py",
    "docs/training.md": "tests/docs/test_training.py",
    "docs/video.md": "tests/video/test_docs.py",
}
# Commands of README.md that are parsed and not run, by how they begin, and why.
NOT_RUN = {
    "salgan regions page.png --suggest": "needs a page with text; tests/test_suggestions.py draws one",
    "salgan data check osie": "needs the dataset OSIE",
    "salgan train paper": "needs SALICON and days; tests/docs/test_training.py runs a training of the page",
    "salgan evaluate runs/paper": "needs that run",
    "salgan compare evaluations/a": "needs two evaluations; docs/evaluation.md's are run",
    "salgan reproduce": "needs SALICON and days; tests/reproduce runs small ones",
    "salgan export runs/paper": "needs that run; tests/export exports networks",
    "salgan serve": "does not end; tests/serve asks a running one",
    "salgan predict clip.mp4": "tests/video predicts clips",
    "salgan regions page.png": "needs the extra suggest; its own tests suggest regions",
    "salgan predict s3://": "tests/cluster predicts from a bucket to a bucket",
    "salgan predict pictures/": "needs the exported model; tests/cli predicts folders",
}
OF_OTHERS = {"--help", "--keep"}
"""Options of other programs, or of all, that the text speaks of."""
COMMANDS = [found for page in _fenced.pages() for found in _fenced.commands(page)]


def parse(arguments: list[str]) -> None:
    """Parse a command line as the program does, down to its last verb, and run nothing."""
    import typer

    from salgan.cli import app

    command, name = typer.main.get_command(app), "salgan"
    while True:
        context = command.make_context(name, list(arguments))
        if not hasattr(command, "resolve_command"):
            return
        rest = [*getattr(context, "_protected_args", getattr(context, "protected_args", [])), *context.args]
        found, command, arguments = command.resolve_command(context, rest)
        name = f"{name} {found}"


@pytest.mark.parametrize(("where", "command"), COMMANDS, ids=[where for where, _ in COMMANDS])
def test_every_command_is_one_that_the_program_understands(where, command):
    parse(shlex.split(command)[1:])


def test_a_wrong_command_would_be_found():
    for wrong in ("predict photo.jpg --otput out", "predikt photo.jpg", "data chekc osie", "ab one.png"):
        with pytest.raises(Exception, match=r"(?i)no such|missing"):
            parse(wrong.split())


def verbs_and_options() -> tuple[set[str], set[str]]:
    """Everything that can follow ``salgan``, and every option of any verb."""
    import typer

    from salgan.cli import app

    verbs, options = set(), set()
    waiting = [("", typer.main.get_command(app))]
    while waiting:
        name, command = waiting.pop()
        options |= {word for parameter in command.params for word in parameter.opts}
        verbs.add(name)
        waiting += [
            (f"{name} {sub}".strip(), found) for sub, found in getattr(command, "commands", {}).items()
        ]
    return verbs, options


@pytest.mark.parametrize("page", _fenced.pages())
def test_every_verb_and_option_in_the_text_exists(page):
    verbs, options = verbs_and_options()
    prose = re.sub(r"^```.*?^```$", "", _fenced.text_of(page), flags=re.DOTALL | re.MULTILINE)
    for first, second in re.findall(r"`salgan ([a-z-]+) ?([a-z0-9-]*)", prose):
        assert first in verbs, f"{page}: salgan {first}"
        is_group = any(verb.startswith(f"{first} ") for verb in verbs)
        assert not (is_group and second) or f"{first} {second}" in verbs, f"{page}: salgan {first} {second}"
    for option in re.findall(r"`(?:salgan [^`]*?)?(--[a-z][a-z0-9-]+)", prose):
        assert option in options | OF_OTHERS, f"{page}: {option}"


@pytest.mark.parametrize("page", _fenced.pages())
def test_every_python_block_compiles(page):
    for block in _fenced.blocks(page, "python"):
        compile("\n" * (block.line - 1) + block.text, block.page, "exec")


def test_every_python_block_is_run_by_some_test():
    pages = {page for page in _fenced.pages() if _fenced.blocks(page, "python")}
    assert pages - {"README.md", "docs/api.md", "docs/onnx.md"} == set(RUN_ELSEWHERE)
    for page, test in RUN_ELSEWHERE.items():
        assert Path(page).name.removesuffix(".md") in (_fenced.ROOT / test).read_text(encoding="utf-8")


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with the pictures that README speaks of; its model is the default."""
    rng = np.random.default_rng(0)
    for name in ("photo.jpg", "ad.png", "old.png", "new.png"):
        Image.fromarray(rng.integers(0, 256, (300, 400, 3), dtype=np.uint8)).save(tmp_path / name)
    (tmp_path / "designs").mkdir()
    (tmp_path / "designs" / "a.png").write_bytes((tmp_path / "ad.png").read_bytes())
    (tmp_path / "regions.json").write_text('[{"name": "cta", "box": [0.6, 0.8, 0.3, 0.1]}]')
    monkeypatch.chdir(tmp_path)
    predictor = Predictor(tiny_model())
    monkeypatch.setattr("salgan.models.load_model", lambda *_, **__: predictor)
    monkeypatch.setattr(package, "predict", predictor.predict, raising=False)
    monkeypatch.setattr(package, "load_model", lambda *_, **__: predictor, raising=False)
    return tmp_path


def test_the_python_of_readme_runs(desk):
    for block in _fenced.blocks("README.md", "python"):
        exec(compile(block.text, str(block), "exec"), {})  # noqa: S102  (our own page)
    assert (desk / "map.png").is_file()


def test_the_python_of_the_reference_runs(desk, capsys):
    exec(compile(_fenced.code("docs/api.md"), "api.md", "exec"), {})  # noqa: S102
    assert image.read(desk / "overlay.png").shape == (300, 400, 3)
    first, second = capsys.readouterr().out.splitlines()
    assert 0 < float(first) <= 1
    assert "missing.jpg: no such file" in second


def test_every_name_of_the_reference_exists():
    import pkgutil

    named = re.findall(r"^::: (salgan[.\w]*)$", _fenced.text_of("docs/api.md"), re.MULTILINE)
    assert len(named) > 20
    for name in named:
        assert pkgutil.resolve_name(name) is not None
    assert {f"salgan.{name}" for name in package.__all__} - set(named) == {
        "salgan.SalganError",  # with the other errors
        "salgan.__version__",
    }


def test_the_contract_of_the_onnx_file_holds_without_this_package(desk):
    example = compile(_fenced.code("docs/onnx.md"), "onnx.md", "exec")
    (desk / "model.onnx").write_bytes(tiny_model())
    names: dict[str, object] = {}
    exec(example, names)  # noqa: S102
    ours = Predictor(tiny_model()).predict("photo.jpg").array
    assert np.abs(names["saliency_map"] - ours).max() < 1e-4


def test_the_contracts_example_knows_the_shapes_of_lite(desk):
    lite = Path(package.models.__file__).parent / "weights" / "lite.onnx"
    (desk / "model.onnx").write_bytes(lite.read_bytes())
    with Image.open(desk / "photo.jpg") as photo:
        photo.resize((240, 520)).save(desk / "photo.jpg", quality=95)
    names: dict[str, object] = {}
    exec(compile(_fenced.code("docs/onnx.md"), "onnx.md", "exec"), names)  # noqa: S102
    assert names["picture"].shape == (1, 3, 416, 192)
    ours = Predictor(lite.read_bytes()).predict("photo.jpg").array
    assert np.abs(names["saliency_map"] - ours).max() < 0.02


def test_the_contract_names_every_field_of_the_record():
    import json

    from salgan.preprocessing import METADATA_KEY, Preprocessing

    text = _fenced.text_of("docs/onnx.md")
    assert f"`{METADATA_KEY}`" in text
    for field in json.loads(Preprocessing(shapes=((192, 256),)).to_json()):
        assert f"`{field}`" in text, field
    lite = package.models.load_model("lite").preprocessing
    assert f"[{lite.height}, {lite.width}]" in text


def test_the_commands_of_readme_run_or_say_why_they_are_not_run(desk, salgan):
    ran = 0
    for where, command in _fenced.commands("README.md"):
        if any(command.startswith(beginning) for beginning in NOT_RUN):
            continue
        said = salgan(*shlex.split(command)[1:])
        assert said.code == 0, f"{where}: {said.err}"
        ran += 1
    assert ran >= 4
    for beginning in NOT_RUN:
        assert any(command.startswith(beginning) for _, command in _fenced.commands("README.md")), beginning
