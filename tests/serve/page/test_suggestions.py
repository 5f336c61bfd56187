"""Suggested boxes on the page: dashed until they are taken, never there unasked."""

import pytest

from tests.serve import chromium
from tests.serve.page.acts import add_box, focused, report_of, upload

pytestmark = pytest.mark.skipif(chromium.why_not() is not None, reason=chromium.why_not() or "")

FOUND = [
    {"name": "face-1", "box": [0.1, 0.1, 0.2, 0.2], "unit": "fraction", "kind": "face"},
    {"name": "text-1", "box": [200, 150, 100, 30], "unit": "pixel", "kind": "text"},
    {"name": "block-1", "box": [0.2, 0.8, 0.2, 0.1], "unit": "fraction", "kind": "block"},
]


@pytest.fixture(autouse=True)
def _detectors(monkeypatch):
    """A service that says it has the detectors, whether or not they are installed."""
    monkeypatch.setattr("salgan.serve.page.kinds_here", lambda: ["face", "text", "block"])


def _service_suggests(page, asked):
    def answer(route):
        asked.append(route.request.method)
        route.fulfill(json={"picture": {"width": 400, "height": 300}, "regions": FOUND})

    page.route("**/v1/suggest", answer)


def test_suggestions_are_asked_for_with_a_button_and_taken_one_by_one_or_all(open_page):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    page, asked = open_page(bypass_csp=True), []
    _service_suggests(page, asked)
    upload(page)
    add_box(page, "text-1")  # a box of that name must not move
    assert asked == []
    page.click("#suggest")
    page.locator(".suggestion").nth(2).wait_for()
    assert page.get_by_text("3 suggested").is_visible()
    assert axe.run(page).response["violations"] == []
    assert len(report_of(page)["regions"]) == 1  # nothing is a box before it is taken
    page.locator(".suggestion").nth(0).focus()
    page.keyboard.press("Enter")
    assert focused(page).get_attribute("aria-label") == "Take text-1 as a box"
    page.keyboard.press("Enter")
    boxes = {region["name"]: region["box"] for region in report_of(page)["regions"]}
    assert boxes["face-1"] == pytest.approx([0.1, 0.1, 0.2, 0.2])
    assert boxes["text-1"] == pytest.approx([0.3, 0.35, 0.3, 0.2])
    assert boxes["text-1 (2)"] == pytest.approx([0.5, 0.5, 0.25, 0.1])
    page.click("#undo")  # each is a step of its own
    assert len(report_of(page)["regions"]) == 2
    page.click("#take-all")
    assert [region["name"] for region in report_of(page)["regions"]] == ["text-1", "face-1", "block-1"]
    assert not page.locator("#suggested").is_visible()
    page.click("#suggest")
    page.locator(".suggestion").nth(2).wait_for()
    page.click("#dismiss")
    assert page.locator(".suggestion").count() == 0
    assert focused(page).get_attribute("id") == "suggest"


def test_a_service_without_detectors_says_what_it_lacks(page):
    detail = "regions are not suggested here: install salgan[suggest]"
    page.route("**/v1/suggest", lambda route: route.fulfill(status=404, json={"detail": detail}))
    upload(page)
    page.click("#suggest")
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert detail in alert.inner_text()


@pytest.mark.parametrize(("kinds", "is_offered"), [([], False), (["text", "block"], True)])
def test_they_are_offered_only_where_the_service_has_the_detectors(open_page, monkeypatch, kinds, is_offered):
    monkeypatch.setattr("salgan.serve.page.kinds_here", lambda: kinds)
    page = open_page()
    page.locator("#model", has_text="tiny").wait_for()
    assert page.locator("#suggest").evaluate("button => !button.hidden") == is_offered
