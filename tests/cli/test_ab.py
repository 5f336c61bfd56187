"""``salgan ab``: figures, JSON and page of two designs."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from salgan.ab import compare_variants
from salgan.models.predictor import Predictor
from salgan.regions import parse_box


@pytest.fixture
def designs(tmp_path) -> tuple[Path, Path]:
    """Bright, and so salient, in the left and in the right half."""
    paths = tmp_path / "old.png", tmp_path / "new.png"
    for path, half in zip(paths, (slice(0, 40), slice(40, 80)), strict=True):
        picture = np.full((60, 80, 3), 20, dtype=np.uint8)
        picture[:, half] = 230
        Image.fromarray(picture).save(path)
    return paths


def test_the_table_and_the_numbers(designs, model, salgan):
    pytest.importorskip("ot")
    said = salgan("ab", *designs, "--box", "left:0,0,.5,1", "--model", model, "--fast")
    assert (said.code, said.err) == (0, "")
    predictor = Predictor(model)
    result = compare_variants(*map(predictor.predict, designs), [parse_box("left:0,0,.5,1")])
    lines = said.out.splitlines()
    (left,) = result.regions
    assert lines[1].split() == [
        *("left", f"{left.a.share:.1%}", f"{left.b.share:.1%}", f"{left.change * 100:+.1f}", "points"),
        f"{left.ratio:.2f}",
    ]
    assert lines[-3].startswith(f"moved  {result.moved:.1%}")
    assert lines[-2] == f"CC     {result.cc:.3f}"
    assert lines[-1].startswith(f"EMD    {result.emd:.1%} of the longer side")


def test_the_json_report_holds_the_librarys_figures(tmp_path, designs, model, salgan):
    target = tmp_path / "ab.json"
    assert (
        salgan("ab", *designs, "--box", "left:0,0,.5,1", "--model", model, "--fast", "--json", target).code
        == 0
    )
    report = json.loads(target.read_text())
    predictor = Predictor(model)
    expected = compare_variants(*map(predictor.predict, designs), [parse_box("left:0,0,.5,1")]).document()
    assert report["schema"] == "salgan.ab/1"
    assert {key: report[key] for key in ("cc", "moved", "emd", "regions")} == {
        key: expected[key] for key in ("cc", "moved", "emd", "regions")
    }
    assert report["a"]["picture"] == {"path": str(designs[0]), "width": 80, "height": 60}
    assert report["b"]["picture"]["path"] == str(designs[1])
    assert report["model"] == "tiny"


def test_the_page_is_drawn(tmp_path, designs, model, salgan):
    png = tmp_path / "ab.png"
    assert salgan("ab", *designs, "--model", model, "--png", png).code == 0
    with Image.open(png) as page:
        assert page.format == "PNG"
        assert page.width > 1000


def test_without_pot_the_way_to_get_it_is_shown(designs, model, salgan, monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    said = salgan("ab", *designs, "--model", model)
    assert said.code == 0
    assert "EMD    needs POT; run: pip install 'salgan[eval]'" in said.out


def test_sizes_that_differ_are_said(tmp_path, designs, model, salgan):
    with Image.open(designs[1]) as design:
        design.resize((160, 120)).save(tmp_path / "large.png")
    said = salgan("ab", designs[1], tmp_path / "large.png", "--box", "left:0,0,.5,1", "--model", model)
    assert said.code == 0
    assert said.err == (
        "salgan: note: A is 80×60, B 160×120; places are compared as fractions of the sides\n"
    )
    said = salgan("ab", designs[1], tmp_path / "large.png", "--box", "left:0,0,40,60", "--model", model)
    assert said.code == 1
    assert "give it in fractions" in said.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--png", "ab.jpg"], "must end in .png"),
        (["--json", "there.json"], "exists already; add --overwrite"),
        (["--box", "x"], "write NAME:X,Y,WIDTH,HEIGHT"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(tmp_path, monkeypatch, designs, salgan, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.json").write_text("kept")
    before = sorted(tmp_path.iterdir())
    said = salgan("ab", *designs, *arguments)
    assert (said.code, said.out) == (1, "")
    assert message in said.err
    assert said.err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_help_teaches_with_an_example(salgan):
    said = salgan("ab", "--help")
    assert said.code == 0
    assert "salgan ab old.png new.png" in said.out


# Variants with boxes of their own, intervals, and more than two


@pytest.fixture
def regions_file(tmp_path) -> Path:
    """The bright half, which lies elsewhere in each design."""
    own = [{"name": "half", "box": [0.5, 0, 0.5, 1]}]
    document = {"regions": [{"name": "half", "box": [0, 0, 0.5, 1]}], "pictures": {"new.png": own}}
    path = tmp_path / "aoi.json"
    path.write_text(json.dumps(document))
    return path


def test_each_variant_is_measured_in_its_own_box(tmp_path, designs, regions_file, model, salgan):
    target = tmp_path / "ab.json"
    said = salgan("ab", *designs, "--file", regions_file, "--model", model, "--json", target)
    assert said.code == 0
    assert "no difference" in said.out.splitlines()[1]
    (half,) = json.loads(target.read_text())["regions"]
    assert half["a"] == pytest.approx(half["b"]) == pytest.approx(0.98, abs=0.02)
    assert half["differs"] is False
    # With the box of A in both, the wrong design would win by far.
    wrong = salgan("ab", *designs, "--box", "half:0,0,.5,1", "--model", model)
    assert " points" in wrong.out.splitlines()[1]


def test_any_number_of_variants_is_compared_with_the_first(tmp_path, designs, regions_file, model, salgan):
    third = tmp_path / "third.png"
    Image.new("RGB", (80, 60), (128, 128, 128)).save(third)
    listed = tmp_path / "list.txt"
    listed.write_text("old.png\n\n# the new one\nnew.png\nthird.png\n")
    target, table, png = tmp_path / "abc.json", tmp_path / "abc.csv", tmp_path / "abc.png"
    said = salgan(
        *("ab", f"@{listed}", "--file", regions_file, "--model", model),
        *("--json", target, "--csv", table, "--png", png),
    )
    assert said.code == 0
    head, half, *_ = said.out.splitlines()
    assert head.split("  ")[-1].strip() == "most in"
    assert half.split("  ")[-1].strip() == "no difference"  # A and B cannot be told apart
    assert "From A to B:" in said.out
    assert "From A to C:" in said.out
    report = json.loads(target.read_text())
    assert report["schema"] == "salgan.ab.many/1"
    assert [each["name"] for each in report["variants"]] == ["A", "B", "C"]
    assert [each["regions"][0]["differs"] for each in report["comparisons"]] == [False, True]
    assert report["comparisons"][1]["regions"][0]["b"] == pytest.approx(0.5, abs=0.01)
    assert report["most_in"] == {"half": None}
    header, *rows = table.read_text().splitlines()
    assert header.startswith("variant,picture,region,share,share_low,share_high,area,lift")
    assert [row.split(",")[0] for row in rows] == ["A", "B", "C"]
    with Image.open(png) as page:
        assert page.height > 600  # two rows of panels


def test_quiet_prints_nothing_and_fast_gives_no_intervals(tmp_path, designs, model, salgan):
    table = tmp_path / "t.csv"
    arguments = ("ab", *designs, "--box", "left:0,0,.5,1", "--model", model, "--fast", "--quiet")
    said = salgan(*arguments, "--csv", table)
    assert (said.code, said.out, said.err) == (0, "", "")
    assert table.read_text().splitlines()[1].split(",")[4:6] == ["", ""]


def test_one_picture_is_not_compared(designs, model, salgan):
    said = salgan("ab", designs[0], "--model", model)
    assert said.code == 2
    assert "Missing variant B" in said.err
    said = salgan("ab", str(designs[0].parent / "*.png"), "--model", model, "--fast")
    assert (said.code, said.err) == (0, "")
    (designs[0].parent / "one.txt").write_text("old.png")
    said = salgan("ab", f"@{designs[0].parent / 'one.txt'}", "--model", model)
    assert said.code == 1
    assert "compares 2 to 26 pictures, not 1" in said.err


def test_pixels_in_pictures_of_two_sizes_are_refused_before_anything_is_predicted(
    designs, model, salgan, monkeypatch
):
    with Image.open(designs[1]) as picture:
        picture.resize((100, 60)).save(designs[1])
    monkeypatch.setattr(Predictor, "predict_batch", None)
    monkeypatch.setattr(Predictor, "predict", None)
    said = salgan("ab", *designs, "--box", "c:10,10,20,20", "--model", model)
    assert (said.code, "region c is in pixels, but the pictures differ in size" in said.err) == (1, True)


def test_a_misspelt_name_that_is_absent_is_said(tmp_path, designs, model, salgan):
    file = tmp_path / "r.json"
    logo = {"name": "logo", "box": [0, 0, 0.5, 1]}
    file.write_text(
        json.dumps({"regions": [logo], "pictures": {"new.png": [{"name": "lgoo", "absent": True}]}})
    )
    said = salgan("ab", *designs, "--file", file, "--model", model, "--fast", "--quiet")
    assert said.err == (
        "salgan: warning: new.png: region lgoo is absent, and no picture has it; did you mean logo?\n"
    )


def test_a_misspelt_picture_in_the_file_is_said(tmp_path, designs, regions_file, model, salgan):
    regions_file.write_text(regions_file.read_text().replace("new.png", "nwe.png"))
    said = salgan("ab", *designs, "--file", regions_file, "--model", model, "--fast", "--quiet")
    assert said.err == (
        "salgan: warning: --file has regions of nwe.png, which is not among the pictures; "
        "did you mean new.png?\n"
    )


def test_a_file_for_many_more_pictures_is_one_line(tmp_path, designs, model, salgan):
    own = [{"name": "left", "box": [0, 0, 0.5, 1]}]
    entries = dict.fromkeys((*(path.name for path in designs), "a.png", "b.png", "c.png", "d.png"), own)
    file = tmp_path / "many.json"
    file.write_text(json.dumps({"pictures": entries}))
    said = salgan("ab", *designs, "--file", file, "--model", model, "--fast", "--quiet")
    assert said.err == (
        "salgan: warning: --file has regions of a.png, b.png, c.png and 1 more, "
        "which are not among the pictures\n"
    )
