"""``/v1/suggest``: boxes to choose from, or one line that names the extra."""

import sys
from pathlib import Path

import pytest

from salgan import image
from salgan.regions import _text, regions_from, suggest
from tests.serve.conftest import png

PHOTO = "examples/photo.jpg"


def test_the_answer_is_what_the_library_finds_and_can_be_sent_back_as_regions(service):
    pytest.importorskip("rapidocr", reason="the extra suggest is not installed")
    with Path(PHOTO).open("rb") as file:
        answer = service.post("/v1/suggest", files={"picture": file})
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["schema"] == "salgan.suggestions/1"
    assert document["picture"] == {"width": 512, "height": 512}
    expected = suggest(image.read(PHOTO))
    assert expected
    assert document["regions"] == [each.document() for each in expected]
    assert regions_from(document) == [each.region for each in expected]


def test_a_page_can_ask_what_is_suggested_here(service):
    pytest.importorskip("rapidocr", reason="the extra suggest is not installed")
    kinds = service.get("/page.json").json()["suggested"]
    assert {"text", "block"} <= set(kinds) <= {"face", "text", "block"}


def test_a_file_that_is_no_picture_is_refused_as_everywhere(service):
    pytest.importorskip("rapidocr", reason="the extra suggest is not installed")
    answer = service.post("/v1/suggest", content=b"no picture", headers={"Content-Type": "image/png"})
    assert answer.status_code == 422


def test_without_the_extra_the_answer_is_one_line_that_names_it(service, monkeypatch):
    _text.load.cache_clear()
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    assert service.get("/page.json").json()["suggested"] == []
    answer = service.post("/v1/suggest", content=png(), headers={"Content-Type": "image/png"})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == (
        "regions are not suggested here: this needs rapidocr, which is not installed; "
        "run: pip install 'salgan[suggest]'"
    )
