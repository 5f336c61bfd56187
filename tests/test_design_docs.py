"""The pages about regions, ab and crop: their commands and their Python do what they say."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import salgan
from salgan.models.predictor import Predictor
from tests import _fenced
from tests._onnx import tiny_model

PAGES = ("regions", "ab", "crop", "heatmaps", "report")


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Path:
    """A folder with the pictures and files that the pages speak of; its model is the default."""
    rng = np.random.default_rng(0)
    for name in ("page.png", "old.png", "new.png", "photo.jpg"):
        Image.fromarray(rng.integers(0, 256, (600, 800, 3), dtype=np.uint8)).save(tmp_path / name)
    (tmp_path / "regions.json").write_text(_fenced.texts("docs/regions.md", "json")[0])
    for folder in ("pages", "more", "designs"):
        (tmp_path / folder).mkdir()
        Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)).save(
            tmp_path / folder / f"{folder}.png"
        )
    (tmp_path / "list.txt").write_text("page.png\n")
    (rows,) = [block for block in _fenced.texts("docs/regions.md", "") if block.startswith("name,")]
    (tmp_path / "regions.csv").write_text(rows)
    monkeypatch.chdir(tmp_path)
    predictor = Predictor(tiny_model())
    monkeypatch.setattr("salgan.models.load_model", lambda *_, **__: predictor)
    monkeypatch.setattr(salgan, "predict", predictor.predict, raising=False)
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_run_as_they_are_written(desk, salgan, page):
    commands = [command for _, command in _fenced.commands(f"docs/{page}.md") if "examples/" not in command]
    assert commands
    for command in commands:
        said = salgan(*shlex.split(command)[1:])
        if "--fail-under" not in command:
            assert said.code == 0, said.err
        else:
            assert said.code == 3
            assert re.fullmatch(
                r"salgan: check failed: cta gets [\d.]+% of the attention, less than 8.00%\n", said.err
            )
    made = {path.name for path in desk.rglob("*") if path.is_file()}
    assert {
        "regions": {"page.regions.png", "report.json", "shares.csv"},
        "ab": {"old-new.png", "old-new.json"},
        "report": {"report.html", "report.csv"},
        "heatmaps": {"page.saliency.npy", "page.overlay.png", "page.overlay.webp"},
        "crop": {"photo.crop-1-1.jpg", "photo.crop-16-9.jpg", "photo.crop-400x300.jpg"},
    }[page] <= made


@pytest.mark.parametrize("page", PAGES)
def test_the_python_runs_as_it_is_written(desk, page, capsys):
    code = _fenced.code(f"docs/{page}.md")
    exec(compile(code, f"{page}.md", "exec"), {})  # noqa: S102  (our own documentation)
    assert re.search(r"\d", capsys.readouterr().out)


def test_the_file_of_several_variants_says_what_the_page_says(desk):
    from salgan.regions import read_region_set

    Path("many.json").write_text(_fenced.texts("docs/ab.md", "json")[0])
    regions = read_region_set("many.json")
    assert [each.name for each in regions.for_picture("old.png")] == ["cta", "logo"]
    assert regions.for_picture("new.png")[0].box == (0.5, 0.7, 0.4, 0.2)
    assert [each.name for each in regions.for_picture("bold.png")] == ["cta", "badge"]


def test_both_files_of_regions_say_the_same(desk):
    from salgan.regions import read_regions

    assert read_regions("regions.json")[:2] == read_regions("regions.csv")
