"""Zoom on the page: boxes stay right, with the mouse, the wheel and the keyboard."""

import pytest

from tests.serve import chromium
from tests.serve.conftest import png
from tests.serve.page.acts import add_box, choose, draw, report_of, upload

pytestmark = pytest.mark.skipif(chromium.why_not() is not None, reason=chromium.why_not() or "")

LONG = png(500, 1500)


def _width(page, selector):
    return page.locator(selector).first.bounding_box()["width"]


def test_a_long_page_is_read_at_its_own_size_and_boxes_stay_where_they_are_drawn(page):
    upload(page, LONG, "long.png")
    frame, stage = page.locator(".frame").first, page.locator(".stage").first
    assert stage.bounding_box()["height"] <= frame.bounding_box()["height"] <= 900  # the whole page at first
    page.get_by_role("button", name="Width").click()
    assert _width(page, ".stage") == pytest.approx(frame.evaluate("element => element.clientWidth"), abs=1)
    page.get_by_role("button", name="100 %").click()
    assert _width(page, ".stage") == pytest.approx(500, abs=1)
    assert page.locator("#zoom output").inner_text() == "100 %"
    assert frame.bounding_box()["height"] < 900 < stage.bounding_box()["height"]
    frame.evaluate("element => element.scrollTo(0, 600)")
    area, outer = stage.bounding_box(), frame.bounding_box()
    assert area["y"] == pytest.approx(outer["y"] - 600, abs=1)
    draw(page, 0.2, 0.4, 0.6, 0.5)  # what is seen after 600 pixels
    assert report_of(page)["regions"][0]["box"] == pytest.approx([0.2, 0.4, 0.4, 0.1], abs=0.004)
    box = page.locator(".box").bounding_box()
    assert box["width"] == pytest.approx(0.4 * 500, abs=2)
    page.get_by_role("button", name="Larger").click()
    box, area = page.locator(".box").bounding_box(), stage.bounding_box()
    assert area["width"] == pytest.approx(625, abs=1)
    assert (box["x"] - area["x"]) / area["width"] == pytest.approx(0.2, abs=0.005)
    assert (box["y"] - area["y"]) / area["height"] == pytest.approx(0.4, abs=0.005)


def test_wheel_and_keys_zoom_and_what_the_mouse_points_at_stays_there(page):
    upload(page, LONG, "long.png")
    page.get_by_role("button", name="100 %").click()
    frame, stage = page.locator(".frame").first, page.locator(".stage").first
    outer = frame.bounding_box()
    x, y = outer["x"] + outer["width"] / 2 - 60, outer["y"] + 300
    before = stage.bounding_box()
    page.mouse.move(x, y)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -60)
    page.keyboard.up("Control")
    page.locator("#zoom output", has_text="149 %").wait_for()
    after = stage.bounding_box()
    assert (y - after["y"]) / after["height"] == pytest.approx(
        (y - before["y"]) / before["height"], abs=0.003
    )
    frame.focus()
    for key, width in (("1", 500), ("+", 625), ("-", 500), ("-", 400)):
        page.keyboard.press(key)
        assert _width(page, ".stage") == pytest.approx(width, abs=1), key
    page.keyboard.press("0")
    assert frame.get_attribute("data-zoom") == "fit"
    add_box(page)
    page.keyboard.press("1")  # from a box, too
    assert _width(page, ".stage") == pytest.approx(500, abs=1)
    assert page.evaluate("document.activeElement.className").startswith("box")


def test_two_pages_scroll_together_in_fractions_of_their_length(page):
    choose(page, LONG, "old.png")
    choose(page, png(500, 1100, seed=1), "new.png")
    page.locator(".crops:not([hidden])").nth(1).wait_for()
    page.get_by_role("button", name="100 %").click()
    first, second = page.locator(".frame").all()
    room = "element => element.scrollHeight - element.clientHeight"
    rooms = [frame.evaluate(room) for frame in (first, second)]
    assert rooms[0] > rooms[1] + 100
    first.evaluate("(element, to) => element.scrollTo(0, to)", rooms[0] / 2)
    for _ in range(100):
        if abs(second.evaluate("element => element.scrollTop") - rooms[1] / 2) < 2:
            break
        page.wait_for_timeout(20)
    assert second.evaluate("element => element.scrollTop") == pytest.approx(rooms[1] / 2, abs=2)
    assert first.evaluate("element => element.scrollTop") == pytest.approx(rooms[0] / 2, abs=2)


def test_a_page_longer_than_a_screen_is_sent_so_that_it_stays_one(page):
    """The library predicts pages of more than 2000 rows in windows; scaled to 1600 rows it would not."""
    upload(page, png(900, 3000), "long.png")
    assert page.locator(".size").inner_text() == "800 × 2667"
    assert "900 × 3000 to 800 × 2667" in page.locator(".note").inner_text()
