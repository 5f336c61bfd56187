"""Variants on the page: what is a difference and what noise, and boxes that lie elsewhere in one of them."""

import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from salgan import image
from salgan.ab import compare_measured, draw_difference, most_in
from salgan.regions import Region, measure, read_region_set
from tests.serve import chromium
from tests.serve.conftest import png
from tests.serve.page.acts import (
    PICTURE,
    add_box,
    choose,
    import_regions,
    report_of,
    saved,
    shares_of,
    steady,
    upload,
)

pytestmark = pytest.mark.skipif(chromium.why_not() is not None, reason=chromium.why_not() or "")

REGION = Region.of_box("Box 1", 0.3, 0.35, 0.3, 0.2)
TALLER = png(300, 360, seed=1)


def _give(page, *contents):
    for at, content in enumerate(contents):
        choose(page, content, f"{'abc'[at]}.png")
    page.locator(".crops:not([hidden])").nth(len(contents) - 1).wait_for()


def _numbers(text):
    return [float(number) for number in re.findall(r"\d+\.\d", text)]


def test_the_difference_is_the_one_that_the_command_draws_and_counts(page, model):
    _give(page, PICTURE, TALLER)
    add_box(page)
    steady(page)
    a, b = (measure(model, image.read(content), [REGION]) for content in (PICTURE, TALLER))
    expected = compare_measured(a, b)
    assert expected.differs is True
    words = page.locator(".moved").nth(1).inner_text()
    assert _numbers(words) == pytest.approx([100 * expected.moved, 100 * expected.noise], abs=0.051)
    assert "more than the" in words
    assert "in fractions of the sides" in words
    assert not page.locator(".moved").first.is_visible()
    said = page.locator("tr.steady").inner_text()
    ends = [*expected.a.regions[0].interval, *expected.b.regions[0].interval]
    assert _numbers(said) == pytest.approx([100 * end for end in ends], abs=0.051)
    assert said.startswith("More than noise" if expected.regions[0].differs else "No difference")
    page.get_by_role("button", name="Delete Box 1").click()
    page.get_by_label("Difference").check(force=True)
    name, file = saved(page, "png", picture=1)
    assert name == "b.difference.png"
    drawn = np.asarray(Image.open(io.BytesIO(file)).convert("RGB")).astype(int)
    assert np.abs(drawn - draw_difference(image.read(TALLER), expected.difference)).max() <= 4
    assert saved(page, "png")[0] == "a.overlay.png"


def test_one_picture_twice_is_no_difference(page):
    _give(page, PICTURE, PICTURE)
    add_box(page)
    steady(page)
    assert page.locator(".moved").nth(1).inner_text().startswith("No difference: ")
    assert page.locator("tr.steady").inner_text().startswith("No difference: A ")
    change = page.locator("tr[data-shares] .number").nth(2)
    assert "line-through" in change.evaluate("element => getComputedStyle(element).textDecoration")
    page.get_by_label("Difference").check(force=True)
    assert page.locator(".box .tag").nth(1).inner_text() == "Box 1  no difference"
    page.locator("figure .remove").first.click()
    assert page.get_by_label("Overlay").is_checked()
    assert page.get_by_label("Difference").is_disabled()


def test_of_three_pictures_the_page_names_the_one_that_surely_has_the_most(page, model):
    contents = [PICTURE, TALLER, png(320, 200, seed=5)]
    _give(page, *contents)
    add_box(page)
    steady(page)
    found = [measure(model, image.read(content), [REGION]).shares for content in contents]
    best = most_in(found, "Box 1")
    said = page.locator("tr.steady").inner_text()
    assert said == ("No picture surely has the most." if best is None else f"Most in {'ABC'[best]}.")


def test_a_box_is_moved_in_one_picture_only_and_the_page_says_so(page, model, tmp_path):
    _give(page, PICTURE, TALLER)
    add_box(page, "CTA")
    page.get_by_label("in one only").check(force=True)
    second = page.locator("figure").nth(1).locator(".box")
    second.focus()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowDown"):
        page.keyboard.press(key)
    places = {"a.png": (0.3, 0.35, 0.3, 0.2), "b.png": (0.32, 0.35, 0.3, 0.21)}
    assert page.locator("figure").first.locator(".tag").inner_text().endswith(" %")
    assert second.locator(".tag").inner_text().endswith("own place")
    page.locator("tr.steady", has_text=re.compile("own place in B", re.IGNORECASE)).wait_for()
    assert page.get_by_text("Place in B only").is_visible()
    assert second.get_attribute("aria-label").endswith("at its own place in B")
    expected = [
        measure(model, image.read(content), [Region.of_box("CTA", *place)], fast=True).shares["CTA"].share
        for content, place in zip((PICTURE, TALLER), places.values(), strict=True)
    ]
    assert shares_of(page)[0] == pytest.approx(expected, abs=1e-9)
    with page.expect_download() as download:
        page.click("#export")
    path = tmp_path / "regions.json"
    path.write_bytes(download.value.path().read_bytes())
    for name, place in places.items():
        (region,) = read_region_set(path).for_picture(name)
        assert region.box == pytest.approx(place)
    second.focus()
    page.keyboard.press("Delete")  # in this picture only
    assert [page.locator("figure").nth(at).locator(".box").count() for at in (0, 1)] == [1, 0]
    assert page.locator("tr[data-shares] .number").nth(1).inner_text() == "–"
    page.get_by_role("button", name="Same place in all pictures").click()
    assert second.count() == 1
    assert shares_of(page)[0][0] == pytest.approx(expected[0], abs=1e-9)
    import_regions(page, path)
    second.locator(".tag", has_text="own place").wait_for()
    assert shares_of(page)[0] == pytest.approx(expected, abs=1e-9)
    with page.expect_download() as download:
        page.locator('[data-save="json"]').nth(1).click()
    (entry,) = json.loads(download.value.path().read_bytes())["regions"]
    assert entry["box"] == pytest.approx(places["b.png"])


def test_what_a_file_says_of_other_pictures_is_not_lost_in_silence(page, tmp_path):
    _give(page, PICTURE, TALLER)
    path = tmp_path / "aoi.json"
    document = {
        "regions": [{"name": "logo", "box": [0, 0, 0.2, 0.1]}],
        "pictures": {
            "v2/b.png": [{"name": "logo", "absent": True}, {"name": "badge", "box": [30, 36, 60, 72]}],
            "gone.png": [{"name": "logo", "box": [0, 0, 1, 1]}],
        },
    }
    path.write_text(json.dumps(document))
    import_regions(page, path)
    page.locator(".box").nth(1).wait_for()
    assert "pictures that are not here: gone.png" in page.get_by_role("alert").inner_text()
    assert [region["name"] for region in report_of(page)["regions"]] == ["logo"]
    tags = page.locator("figure").nth(1).locator(".tag").all_inner_texts()
    assert [tag.partition("  ")[0] for tag in tags] == ["badge"]
    region = json.loads(saved(page, "json", picture=1)[1])["regions"][0]
    assert region["box"] == pytest.approx([0.1, 0.1, 0.2, 0.2])


def test_where_noise_cannot_be_measured_the_page_says_why_and_tries_again_when_asked(page):
    refuse = [True]

    def answer(route):
        if refuse:
            route.fulfill(status=429, json={"detail": "more than 20 pictures a minute; come back later"})
        else:
            route.continue_()

    page.route("**/v1/predict?output=json&intervals=true", answer)
    upload(page)
    add_box(page)
    page.get_by_text("What is noise is not known: more than 20 pictures a minute").wait_for()
    assert not page.locator("tr.steady").is_visible()
    refuse.clear()
    page.get_by_role("button", name="Try again").click()
    steady(page)
    assert page.locator("tr.steady").inner_text().endswith("in the views.")
