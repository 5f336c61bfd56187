"""Reports on many pictures: the page, what it escapes, the table, and the scores."""

import csv
import json
import re
import warnings
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from salgan.errors import ConfigError
from salgan.regions import Region, shares
from salgan.report import above_fold, first_regions, focus
from salgan.saliency_map import SaliencyMap

# Scores


def _spot(height: int, width: int, sigma: float) -> SaliencyMap:
    rows, columns = np.mgrid[0:height, 0:width]
    return SaliencyMap(np.exp(-((rows - height / 2) ** 2 + (columns - width / 2) ** 2) / (2 * sigma**2)))


def test_focus_is_0_for_a_flat_map_1_for_one_cell_and_rises_as_attention_gathers():
    assert focus(SaliencyMap(np.full((90, 120), 0.4))) == pytest.approx(0, abs=1e-9)
    assert focus(SaliencyMap(np.zeros((90, 120)))) == pytest.approx(0, abs=1e-9)
    one = np.zeros((64, 64))
    one[10, 20] = 1
    assert focus(SaliencyMap(one)) == 1
    wide, middle, narrow = (focus(_spot(128, 128, sigma)) for sigma in (40, 20, 6))
    assert 0 < wide < middle < narrow < 1


def test_focus_agrees_with_the_entropy_of_a_uniform_part():
    array = np.zeros((64, 64))
    array[:16, :16] = 0.7  # 256 of 4096 cells: the entropy is ln 256 of ln 4096
    assert focus(SaliencyMap(array)) == pytest.approx(1 - np.log(256) / np.log(4096))


def test_focus_does_not_depend_on_the_resolution():
    small, large = _spot(128, 192, 20), _spot(512, 768, 80)
    assert focus(large) == pytest.approx(focus(small), abs=0.002)


def test_the_share_above_the_fold_is_that_of_the_rows_above_it():
    array = np.zeros((400, 320))
    array[:100], array[100:] = 0.9, 0.1  # 90 and 30 parts
    page = SaliencyMap(array)
    assert above_fold(page, 100) == pytest.approx(0.75)
    assert above_fold(page, 99.5) == pytest.approx(0.75 * 0.995)
    assert above_fold(page) == pytest.approx((90 + 8) / 120)  # 9/16 of 320 are 180 rows
    assert above_fold(page, 400) is None
    assert above_fold(SaliencyMap(np.zeros((400, 320))), 100) == 0.25
    with pytest.raises(ConfigError, match="hides the whole page"):
        above_fold(page, 0)


def test_regions_that_cannot_be_told_apart_share_a_place():
    from dataclasses import replace

    array = np.zeros((10, 100))
    array[:, :40], array[:, 40:70], array[:, 70:90] = 0.5, 0.6, 0.4
    boxes = [
        Region.of_box(name, x, 0, width, 1)
        for name, x, width in (("a", 0, 0.4), ("b", 0.4, 0.3), ("c", 0.7, 0.2), ("none", 0.9, 0.1))
    ]
    report = shares(SaliencyMap(array), boxes)
    assert [(place, each.name) for place, each in first_regions(report)] == [(1, "a"), (2, "b"), (3, "c")]
    wide = [replace(each, interval=(each.share - 0.03, each.share + 0.03)) for each in report.regions]
    found = first_regions(replace(report, regions=tuple(wide)))
    assert [(place, each.name) for place, each in found] == [(1, "a"), (1, "b"), (3, "c")]


# The page and the command


class _Page(HTMLParser):
    """Every tag with its attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


HOSTILE = "<img src=x onerror=alert(1)>&\"'.png"


@pytest.fixture
def designs(tmp_path) -> Path:
    """Three pages of different name and size; the bright part is salient."""
    folder = tmp_path / "designs"
    folder.mkdir()
    for name, left in (("a.png", 0), ("b.png", 60), (HOSTILE, 100)):
        picture = np.full((150, 160, 3), 20, np.uint8)
        picture[20:80, left : left + 60] = 230
        Image.fromarray(picture).save(folder / name)
    return folder


@pytest.fixture
def regions_file(tmp_path) -> Path:
    document = {
        "regions": [
            {"name": "=hero", "box": [0, 20, 60, 60], "unit": "pixel"},
            {"name": "<b>foot</b>", "box": [0, 0.8, 1, 0.2]},
        ],
        "pictures": {
            "b.png": [{"name": "=hero", "box": [60, 20, 60, 60]}, {"name": "<b>foot</b>", "absent": True}]
        },
    }
    path = tmp_path / "aoi.json"
    path.write_text(json.dumps(document))
    return path


def test_one_page_holds_everything_and_loads_nothing(tmp_path, designs, regions_file, model, salgan):
    out, table = tmp_path / "report.html", tmp_path / "report.csv"
    said = salgan("report", designs, "--file", regions_file, "--model", model, "-o", out, "--csv", table)
    assert said.code == 0, said.err
    assert said.out == f"{out}\n"
    page = _Page(out.read_text(encoding="utf-8"))
    pictures = [attributes["src"] for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == 3 * (2 + 4)
    assert all(source.startswith("data:image/webp;base64,") for source in pictures)
    assert not {tag for tag, _ in page.tags} & {"script", "iframe", "object", "form", "b"}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    links = [attributes["href"] for tag, attributes in page.tags if "href" in attributes]
    assert links
    assert all(re.fullmatch(r"#picture-[1-3]", link) for link in links)
    assert str(designs) not in page.text  # names are seen from their folder
    for words in ("a.png", HOSTILE, "<b>foot</b>", "no order of gaze", "What this cannot tell you", " to "):
        assert words in page.text
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(Path(row["picture"]).name, row["region"].lstrip("'")) for row in rows] == [
        *((HOSTILE, "=hero"), (HOSTILE, "<b>foot</b>"), ("a.png", "=hero"), ("a.png", "<b>foot</b>")),
        ("b.png", "=hero"),
    ]
    assert all(float(row["share_low"]) <= float(row["share"]) <= float(row["share_high"]) for row in rows)
    assert not rows[0]["region"].startswith("=")  # no spreadsheet takes it for a formula
    hero = {Path(row["picture"]).name: float(row["share"]) for row in rows if row["region"].endswith("hero")}
    assert hero["b.png"] > 0.7  # measured in its own box
    assert hero[HOSTILE] < 0.1


def test_the_ranking_gives_equals_one_place(tmp_path, designs, regions_file, model, salgan):
    out = tmp_path / "report.html"
    assert salgan("report", designs, "--file", regions_file, "--model", model, "-o", out, "--quiet").out == ""
    ranking = out.read_text(encoding="utf-8").partition('id="ranking"')[2].partition("<h3>Focus")[0]
    hero = ranking.partition("=hero")[2].partition("<h3>")[0]
    places = re.findall(r">([^<]*)</a></td><td>(\d)</td>", hero)
    assert [place for name, place in places if name.endswith(("a.png", "b.png"))] == ["1", "1"]
    assert places[-1][1] == "3"


def test_fast_has_no_intervals_and_broken_pictures_are_named(tmp_path, designs, model, salgan):
    (designs / "broken.png").write_text("no picture")
    out = tmp_path / "report.html"
    said = salgan("report", designs, "--model", model, "-o", out, "--fast", "--fold", "60")
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert "broken.png: is not a picture" in said.err
    text = out.read_text(encoding="utf-8")
    assert re.search(
        r"1 more could not be read and is missing here:.*broken\.png: is not a picture", text, re.S
    )
    assert "predicted once" in text
    assert "16 views" not in text
    assert "% of the attention is above the fold" in text


def test_a_format_that_is_not_installed_leaves_one_picture_out(tmp_path, designs, model, salgan, heic):
    out = tmp_path / "report.html"
    said = salgan("report", designs, heic, "--model", model, "-o", out, "--fast")
    assert said.code == 1
    assert "pip install 'salgan[heif]'" in said.err
    assert "1 more could not be read and is missing here" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["."], "say where the page goes, a name that ends in .html: -o report.html"),
        ([".", "-o", "x.pdf"], "ends in .html"),
        ([".", "--pdf", "x.html"], "ends in .pdf"),
        (["none.png", "-o", "x.html"], "none.png: no such file or folder"),
        ([".", "-o", "there.html"], "exists already; add --overwrite"),
        ([".", "-o", "x.html", "--file", "no.json"], "no.json: no such file"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(tmp_path, monkeypatch, salgan, arguments, message):
    monkeypatch.chdir(tmp_path)
    Path("there.html").write_text("kept")
    Image.new("RGB", (30, 20)).save("a.png")
    said = salgan("report", *arguments)
    assert (said.code, said.out) == (1, "")
    assert message in said.err
    assert said.err.count("\n") == 1
    assert Path("there.html").read_text() == "kept"
    assert not Path("x.html").exists()


def test_without_the_extra_the_way_to_get_it_is_shown(tmp_path, designs, monkeypatch, salgan):
    import sys

    monkeypatch.setitem(sys.modules, "jinja2", None)
    said = salgan("report", designs, "-o", tmp_path / "x.html")
    assert said.code == 1
    assert "pip install 'salgan[report]'" in said.err


def test_a_page_too_small_for_labels_and_crops_is_reported_as_well(tmp_path, model, salgan):
    Image.new("RGB", (3, 40), "white").save(tmp_path / "thin.png")
    out = tmp_path / "x.html"
    file = tmp_path / "r.json"
    file.write_text('[{"name": "a", "box": [0, 0, 1, 0.5]}]')
    said = salgan("report", tmp_path / "thin.png", "--file", file, "--model", model, "-o", out, "--fast")
    assert said.code == 0, said.err


# PDF


def _pango_is_missing() -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries that its next versions will want
        try:
            import weasyprint  # noqa: F401
        except (ImportError, OSError):
            return True
    return False


needs_weasyprint = pytest.mark.skipif(
    _pango_is_missing(), reason="WeasyPrint or its library Pango is missing"
)


@needs_weasyprint
def test_the_pdf_has_a_sheet_for_each_picture_and_its_words(tmp_path, designs, regions_file, model, salgan):
    pdfium = pytest.importorskip("pypdfium2")
    out = tmp_path / "report.pdf"
    said = salgan("report", designs, "--file", regions_file, "--model", model, "--fast", "--pdf", out)
    assert said.code == 0, said.err
    assert said.out == f"{out}\n"
    with pdfium.PdfDocument(out) as document:
        sheets = [sheet.get_textpage().get_text_range() for sheet in document]
        looks = [np.asarray(sheet.render(scale=0.5).to_pil().convert("RGB")) for sheet in document]
    assert len(sheets) == 1 + 3 + 1  # the ranking, the pictures, what the model cannot tell
    for name, sheet, look in zip((HOSTILE, "a.png", "b.png"), sheets[1:4], looks[1:4], strict=True):
        assert name in "".join(sheet.split("\r\n"))
        assert (look < 70).all(axis=2).sum() > 1000  # the dark picture is on it
    assert "cannot tell you" in sheets[-1]


@needs_weasyprint
def test_the_pdf_fetches_nothing(tmp_path):
    from salgan.report import pdf

    secret = tmp_path / "secret.css"
    secret.write_text("@page { size: 10mm 10mm }")
    file = pdf(
        f'<link rel="stylesheet" href="{secret.as_uri()}"><img src="http://127.0.0.1:9/x.png"><p>hello</p>'
    )
    with pytest.importorskip("pypdfium2").PdfDocument(file) as document:
        assert document[0].get_width() > 500  # not the size that the file asked for


@pytest.mark.parametrize(
    ("missing", "message"), [(ImportError, "pip install 'salgan[pdf]'"), (OSError, "apt install libpango")]
)
def test_without_weasyprint_or_its_library_the_way_to_get_it_is_shown(
    tmp_path, designs, monkeypatch, salgan, missing, message
):
    import importlib
    import sys

    for name in [name for name in sys.modules if name.partition(".")[0] == "weasyprint"]:
        monkeypatch.delitem(sys.modules, name)
    if missing is ImportError:
        monkeypatch.setitem(sys.modules, "weasyprint", None)
    else:
        real = importlib.import_module

        def without_library(name, *arguments):
            if name.startswith("weasyprint"):
                raise OSError("cannot load library 'libpango-1.0-0'")
            return real(name, *arguments)

        monkeypatch.setattr(importlib, "import_module", without_library)
    said = salgan("report", designs, "-o", tmp_path / "x.html", "--pdf", tmp_path / "x.pdf")
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert message in said.err
    assert not (tmp_path / "x.html").exists()
