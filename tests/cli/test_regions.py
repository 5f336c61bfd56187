"""``salgan regions``: the report in its three forms, and the exit code for builds."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from salgan.models.predictor import Predictor
from salgan.preprocessing import Preprocessing
from salgan.regions import parse_box, shares
from tests._fresh import modules_after
from tests._onnx import tiny_model


@pytest.fixture
def page(tmp_path) -> Path:
    """Bright, and so salient, in its left half."""
    picture = np.full((60, 80, 3), 20, dtype=np.uint8)
    picture[:, :40] = 230
    path = tmp_path / "page.png"
    Image.fromarray(picture).save(path)
    return path


def test_two_results_do_not_go_into_one_file(tmp_path, page, model, salgan, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = salgan(
        "regions",
        page,
        "--box",
        "a:0,0,1,1",
        "--model",
        model,
        "--json",
        "r.out",
        "--csv",
        tmp_path / "r.out",
    )
    assert (said.code, "two results cannot go into one file" in said.err) == (1, True)
    assert not (tmp_path / "r.out").exists()


def test_a_picture_that_fails_while_it_is_measured_leaves_the_others(
    tmp_path, page, model, salgan, monkeypatch
):
    from salgan import regions
    from salgan.errors import NotEnoughMemoryError

    (tmp_path / "a.png").write_bytes(page.read_bytes())
    measure = regions.measure

    calls = []

    def first_fails(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 1:
            raise NotEnoughMemoryError("there is not enough memory for it")
        return measure(*arguments, **options)

    monkeypatch.setattr(regions, "measure", first_fails)
    table = tmp_path / "t.csv"
    said = salgan("regions", tmp_path, "--box", "a:0,0,1,1", "--model", model, "--csv", table, "--fast")
    assert said.code == 1
    assert f"{tmp_path / 'a.png'}: there is not enough memory for it" in said.err
    assert [row.split(",")[0] for row in table.read_text().splitlines()[1:]] == [str(page)]


def test_the_json_report_holds_the_librarys_figures(page, model, salgan):
    said = salgan("regions", page, "--box", "cta:0.6,0.8,0.3,0.1", "--model", model, "--fast", "--json", "-")
    assert (said.code, said.err) == (0, "")
    report = json.loads(said.out)
    expected = shares(Predictor(model).predict(page), [parse_box("cta:0.6,0.8,0.3,0.1")]).document()
    assert report["schema"] == "salgan.regions/1"
    assert report["regions"] == expected["regions"]
    assert report["elsewhere"] == expected["elsewhere"]
    assert report["picture"] == {"path": str(page), "width": 80, "height": 60}
    assert (report["model"], report["checks"]) == ("tiny", [])
    assert set(report["regions"][0]) == {
        *("name", "box", "unit", "share", "area", "lift", "mean", "peak", "rank", "inside", "focal_points")
    }


def test_the_table_shows_every_region_whatever_its_name(page, model, salgan):
    said = salgan(
        "regions",
        page,
        "--box",
        "[bold]x:0,0,.5,1",
        "--polygon",
        "p:0.5,0,1,0,1,1",
        "--model",
        model,
        "--fast",
    )
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].split()[:4] == ["region", "attention", "area", "lift"]
    assert lines[1].startswith("[bold]x")
    assert "50.0%" in lines[1]
    assert lines[2].split()[2] == "25.0%"
    assert lines[3].split()[0] == "elsewhere"


def test_regions_of_a_file_and_of_the_command_line_go_together(tmp_path, page, model, salgan):
    file = tmp_path / "r.csv"
    file.write_text("name,x,y,w,h\nlogo,0,0,0.2,0.2\n")
    said = salgan("regions", page, "--file", file, "--box", "cta:0,0,1,1", "--model", model, "--json", "-")
    assert [each["name"] for each in json.loads(said.out)["regions"]] == ["logo", "cta"]


def test_the_picture_is_drawn_at_its_own_size(tmp_path, page, model, salgan):
    png = tmp_path / "out.png"
    assert salgan("regions", page, "--box", "a:0.1,0.1,0.5,0.5", "--model", model, "--png", png).code == 0
    with Image.open(png) as drawn:
        assert (drawn.size, drawn.format) == ((80, 60), "PNG")


def test_a_region_under_its_least_share_gives_exit_code_3_and_one_line(tmp_path, page, model, salgan):
    report, png = tmp_path / "r.json", tmp_path / "r.png"
    arguments = ("regions", page, "--box", "left:0,0,.5,1", "--box", "cta:0.6,0.8,0.3,0.1", "--model", model)
    said = salgan(
        *arguments, "--fail-under", "left=50%", "--fail-under", "cta=8%", "--json", report, "--png", png
    )
    assert said.code == 3
    (line,) = said.err.splitlines()
    assert line.startswith("salgan: check failed: cta gets ")
    assert line.endswith("less than 8.00%")
    assert png.exists()
    left, cta = json.loads(report.read_text())["checks"]
    assert (left["region"], left["at_least"], left["passed"]) == ("left", 0.5, True)
    assert (cta["region"], cta["at_least"], cta["passed"]) == ("cta", 0.08, False)
    assert salgan(*arguments, "--fail-under", "left=0.5").code == 0


def test_exactly_the_least_share_is_enough(tmp_path, page, model, salgan):
    found = shares(Predictor(model).predict(page), [parse_box("a:0,0,.5,.5")])["a"].share
    arguments = ("regions", page, "--box", "a:0,0,.5,.5", "--model", model, "--fast", "--fail-under")
    assert salgan(*arguments, f"a={found!r}").code == 0
    more = float(np.nextafter(found, 1))
    assert salgan(*arguments, f"a={more!r}").code == 3


def test_a_region_outside_the_picture_is_warned_about_and_fails_its_check(page, model, salgan):
    said = salgan("regions", page, "--box", "cta:90,0,10,10", "--model", model, "--fail-under", "cta=1%")
    assert said.code == 3
    assert "warning: region cta lies outside the picture" in said.err
    assert "check failed: cta gets 0.00%" in said.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name at least one region: --box"),
        (["--box", "a:0,0,1"], "a box has 4 numbers"),
        (["--box", "a:0,0,1,1", "--box", "a:0,0,.5,1"], "two regions are called 'a'"),
        (["--box", "a:0,0,1,1", "--file", "none.json"], "none.json: no such file"),
        (["--box", "button:0,0,1,1", "--fail-under", "buton=8%"], "did you mean button?"),
        (["--box", "a:0,0,1,1", "--fail-under", "xyz=8%"], "there are a"),
        (["--box", "a:0,0,1,1", "--fail-under", "a=8"], "such as cta=8% or cta=0.08"),
        (["--box", "a:0,0,1,1", "--fail-under", "a=nan"], "NAME=SHARE"),
        (["--box", "a:0,0,1,1", "--fail-under", "a"], "NAME=SHARE"),
        (["--box", "a:0,0,1,1", "--png", "out.jpg"], "must end in .png"),
        (["--box", "a:0,0,1,1", "--json", "nowhere/r.json"], "its folder does not exist"),
        (["--box", "a:0,0,1,1", "--json", "there.json"], "exists already; add --overwrite"),
        (["--box", "a:0,0,1,1", "--model", "liet"], "no model or file 'liet'"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(tmp_path, monkeypatch, page, salgan, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.json").write_text("kept")
    before = sorted(tmp_path.iterdir())
    said = salgan("regions", page, *arguments)
    assert (said.code, said.out) == (1, "")
    assert message in said.err
    assert said.err.startswith("salgan: error: ")
    assert said.err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "there.json").read_text() == "kept"


def test_a_picture_that_is_none_is_one_line(tmp_path, model, salgan):
    (tmp_path / "x.png").write_text("no picture")
    said = salgan("regions", tmp_path / "x.png", "--box", "a:0,0,1,1", "--model", model)
    assert said.code == 1
    assert "is not a picture in a known format" in said.err


def test_overwrite_replaces_a_report(tmp_path, page, model, salgan):
    report = tmp_path / "r.json"
    report.write_text("old")
    arguments = ("regions", page, "--box", "a:0,0,1,1", "--model", model, "--json", report, "--overwrite")
    assert salgan(*arguments).code == 0
    assert json.loads(report.read_text())["schema"] == "salgan.regions/1"


def test_regions_need_neither_torch_nor_matplotlib_nor_scipy(tmp_path, page, model):
    arguments = [
        "regions",
        str(page),
        "--box",
        "a:0,0,.5,1",
        "--model",
        str(model),
        "--png",
        str(tmp_path / "r.png"),
    ]
    modules = modules_after(f"from salgan.cli import main\nassert main({arguments!r}) == 0")
    assert not modules & {"torch", "lightning", "matplotlib", "scipy", "timm", "onnx"}


def test_help_teaches_with_examples(salgan):
    said = salgan("regions", "--help")
    assert said.code == 0
    for words in ("--box cta:0.6,0.8,0.3,0.1", "--fail-under cta=8%", "exit code 3"):
        assert words in said.out


# Intervals and many pictures


def test_a_check_fails_only_if_the_whole_interval_is_less(page, model, salgan):
    arguments = ("regions", page, "--box", "edge:0.3,0.3,.4,.4", "--model", model)
    (edge,) = json.loads(salgan(*arguments, "--json", "-").out)["regions"]
    low, high = edge["interval"]
    assert low <= edge["share"] <= high
    assert low < high
    between = (max(edge["share"], low) + high) / 2
    said = salgan(*arguments, "--fail-under", f"edge={between!r}")
    assert said.code == 0
    assert ("cannot be told from" in said.err) == (edge["share"] < between)
    assert salgan(*arguments, "--fail-under", f"edge={high!r}").code == 0
    assert salgan(*arguments, "--fail-under", f"edge={float(np.nextafter(high, 1))!r}").code == 3


def test_a_picture_from_stdin_is_measured_like_its_file(page, model):
    command = [sys.executable, "-m", "salgan", "regions", "--box", "cta:0,0,.5,1", "--model", str(model)]
    with page.open("rb") as file:
        piped = subprocess.run([*command, "-", "--json", "-"], stdin=file, capture_output=True, check=True)
    plain = subprocess.run([*command, str(page), "--json", "-"], capture_output=True, check=True)
    document = json.loads(piped.stdout)
    assert document["picture"].pop("path") == "-"
    expected = json.loads(plain.stdout)
    del expected["picture"]["path"]
    assert document == expected


def test_stdin_is_one_picture_alone(page, salgan):
    said = salgan("regions", "-", page, "--box", "cta:0,0,1,1")
    assert (said.code, said.out) == (1, "")
    assert said.err == "salgan: error: IMAGE - is one picture from stdin; give no others beside it\n"


def test_a_long_page_is_said_to_be_made_of_windows(tmp_path, salgan):
    record = Preprocessing(height=24, width=30, shapes=((24, 30), (30, 24)))
    model = tmp_path / "shaped.onnx"
    model.write_bytes(tiny_model(record))
    page = tmp_path / "page.png"
    Image.new("RGB", (500, 2500)).save(page)
    said = salgan("regions", page, "--box", "cta:0,0,1,0.1", "--model", model, "--fast")
    assert said.code == 0
    assert said.err.startswith(f"{page}: made of 12 overlapping windows of 500×400 pixels")


def test_the_table_shows_the_interval(page, model, salgan):
    lines = salgan("regions", page, "--box", "left:0,0,.5,1", "--model", model).out.splitlines()
    assert "in 16 views" in lines[0]
    assert " to " in lines[1]


def test_many_pictures_give_a_row_each(tmp_path, page, model, salgan):
    folder = tmp_path / "pages"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(page.read_bytes())
    document = {
        "regions": [{"name": "left", "box": [0, 0, 0.5, 1]}],
        "pictures": {"b.png": [{"name": "left", "box": [0.5, 0, 0.5, 1]}]},
    }
    file = tmp_path / "aoi.json"
    file.write_text(json.dumps(document))
    report, table = tmp_path / "r.json", tmp_path / "r.csv"
    said = salgan(
        *("regions", folder, "--file", file, "--model", model, "--fast"),
        *("--json", report, "--csv", table, "--fail-under", "left=50%"),
    )
    assert said.code == 3
    assert said.err.startswith(f"salgan: check failed: {folder / 'b.png'}: left gets ")
    assert [line.split()[0] for line in said.out.splitlines()] == [
        "picture",
        str(folder / "a.png"),
        str(folder / "b.png"),
    ]
    pictures = json.loads(report.read_text())["pictures"]
    assert [each["regions"][0]["share"] > 0.5 for each in pictures] == [True, False]
    _, *rows = (line.split(",") for line in table.read_text().splitlines())
    assert [row[:2] for row in rows] == [[str(folder / "a.png"), "left"], [str(folder / "b.png"), "left"]]
    assert float(rows[0][2]) == pictures[0]["regions"][0]["share"]
    # The report names regions for the same pictures again.
    again = salgan("regions", folder, "--file", report, "--model", model, "--fast", "--json", "-")
    assert [each["regions"] for each in json.loads(again.out)["pictures"]] == [
        each["regions"] for each in pictures
    ]


def test_a_broken_picture_among_many_does_not_stop_the_others(tmp_path, page, model, salgan):
    broken = tmp_path / "broken.png"
    broken.write_text("no picture")
    said = salgan("regions", broken, page, "--box", "a:0,0,1,1", "--model", model, "--fast")
    assert said.code == 1
    assert str(page) in said.out
    assert said.err.count("\n") == 1
    assert "broken.png: is not a picture" in said.err


def test_a_format_that_is_not_installed_does_not_stop_the_others(
    tmp_path, page, model, salgan, monkeypatch, heic
):
    table = tmp_path / "shares.csv"
    said = salgan("regions", heic, page, "--box", "a:0,0,1,1", "--model", model, "--fast", "--csv", table)
    assert said.code == 1
    assert "pip install 'salgan[heif]'" in said.err and said.err.count("\n") == 1
    assert [line.split(",")[0] for line in table.read_text().splitlines()] == ["picture", str(page)]


def test_a_check_that_no_picture_would_be_held_to_is_a_mistake(tmp_path, page, model, salgan):
    regions = tmp_path / "regions.json"
    own = [{"name": "cta", "box": [0, 0, 0.5, 1]}]
    regions.write_text(json.dumps({"pictures": {"pgae.png": own, "other.png": own}}))
    said = salgan("regions", page, "--file", regions, "--fail-under", "cta=1%", "--model", model)
    assert (said.code, said.out) == (1, "")
    assert said.err.endswith("none of the pictures has a region 'cta'; look at their names in --file\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["@none.txt"], "@none.txt: no such list of pictures"),
        (["@empty.txt"], "@empty.txt: names no pictures"),
        (["page.png", "page2.png", "--png", "x.png"], "--png draws one picture, not 2"),
    ],
)
def test_a_mistake_with_many_pictures_is_one_line(tmp_path, monkeypatch, page, salgan, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page2.png").write_bytes(page.read_bytes())
    (tmp_path / "empty.txt").write_text("# nothing\n")
    said = salgan("regions", *arguments, "--box", "a:0,0,1,1")
    assert (said.code, said.out) == (1, "")
    assert message in said.err
    assert said.err.count("\n") == 1
