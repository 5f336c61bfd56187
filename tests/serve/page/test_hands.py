"""Mouse and keyboard on the page: where labels and handles lie, what is caught, and where the focus goes."""

import io

import pytest
from PIL import Image

from tests.serve import chromium
from tests.serve.conftest import png
from tests.serve.page.acts import PICTURE, add_box, choose, draw, focused, report_of, upload

pytestmark = pytest.mark.skipif(chromium.why_not() is not None, reason=chromium.why_not() or "")


def _overlap(one, other):
    across = min(one["x"] + one["width"], other["x"] + other["width"]) - max(one["x"], other["x"])
    down = min(one["y"] + one["height"], other["y"] + other["height"]) - max(one["y"], other["y"])
    return min(across, down)


def test_labels_lie_in_the_picture_off_the_handles_and_off_each_other(page):
    upload(page)
    corners = [(0, 0), (0.9, 0), (0, 0.9), (0.9, 0.9), (0.45, 0), (0.45, 0.45)]
    for x, y in corners:
        draw(page, x + 0.01, y + 0.01, x + 0.09, y + 0.09)
    draw(page, 0.45, 0.62, 0.7, 0.8)
    stage = page.locator(".boxes").bounding_box()
    tags = [tag.bounding_box() for tag in page.locator(".tag").all()]
    for tag in tags:
        assert tag["x"] >= stage["x"] - 0.5
        assert tag["x"] + tag["width"] <= stage["x"] + stage["width"] + 0.5
        assert tag["y"] >= stage["y"] - 0.5
        assert tag["y"] + tag["height"] <= stage["y"] + stage["height"] + 0.5
    for at, tag in enumerate(tags):
        assert all(_overlap(tag, other) < 0.5 for other in tags[:at])
    for box in page.locator(".box").all():
        box.focus()  # a box that is selected shows its handles, 12 pixels wide
        label = box.locator(".tag").bounding_box()
        for grip in box.locator(".grip").all():
            outer = grip.bounding_box()
            seen = {
                "x": outer["x"] + 6, "y": outer["y"] + 6,
                "width": outer["width"] - 12, "height": outer["height"] - 12,
            }  # fmt: skip
            assert _overlap(label, seen) < 0.5


def test_a_label_keeps_off_the_edge_of_another_box_where_it_can(page):
    upload(page)
    draw(page, 0.3, 0.3, 0.5, 0.6)
    draw(page, 0.4, 0.1, 0.9, 0.32)  # where the label of the first one would be
    page.locator(".box").first.focus()
    label, other = page.locator(".tag").first.bounding_box(), page.locator(".box").nth(1).bounding_box()
    assert _overlap(label, other) < 0.5


def test_a_new_box_begins_beside_and_with_shift_inside_another_one(page):
    upload(page)
    draw(page, 0.2, 0.2, 0.6, 0.6)
    page.locator(".frame").first.focus()
    page.mouse.click(*_at(page, 0.95, 0.95))  # nothing is selected any more
    draw(page, 0.605, 0.605, 0.8, 0.8)  # where an unseen handle of the first one is
    page.keyboard.down("Shift")
    draw(page, 0.3, 0.3, 0.4, 0.4)
    page.keyboard.up("Shift")
    boxes = [region["box"] for region in report_of(page)["regions"]]
    assert boxes[0] == pytest.approx([0.2, 0.2, 0.4, 0.4], abs=0.005)
    assert boxes[1] == pytest.approx([0.605, 0.605, 0.195, 0.195], abs=0.005)
    assert boxes[2] == pytest.approx([0.3, 0.3, 0.1, 0.1], abs=0.005)


def _at(page, x, y):
    area = page.locator(".boxes").first.bounding_box()
    return area["x"] + x * area["width"], area["y"] + y * area["height"]


def test_a_side_that_is_made_too_long_ends_at_the_edge_and_the_other_sides_stay(page):
    upload(page)
    page.click("#add")
    page.get_by_label("Width %").filter(visible=True).fill("95")
    assert report_of(page)["regions"][0]["box"] == pytest.approx([0.3, 0.35, 0.7, 0.2])


def test_the_focus_stays_where_the_keyboard_was(page):
    choose(page, PICTURE, "a.png")
    choose(page, png(300, 300, seed=1), "b.png")
    choose(page, png(320, 240, seed=2), "c.png")
    page.locator(".crops:not([hidden])").nth(2).wait_for()
    page.click("#add")
    page.click("#add")
    page.locator(".box").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.type("Logo")
    page.keyboard.press("Enter")  # back on the box that was named
    assert focused(page).get_attribute("aria-label").startswith("Logo, ")
    page.keyboard.press("Delete")  # on to the next box
    assert focused(page).get_attribute("aria-label").startswith("Box 2, ")
    page.keyboard.press("Delete")  # there is none, so to the picture
    assert focused(page).get_attribute("aria-label") == "a.png, with its boxes"
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    page.locator(".box").first.focus()
    for _ in range(3):
        page.keyboard.press("Control+z")  # the box itself goes
    assert focused(page).get_attribute("aria-label") == "a.png, with its boxes"
    page.focus("#undo")
    page.keyboard.press("Enter")
    assert page.locator("#undo").is_disabled()
    assert focused(page).get_attribute("id") == "undo"
    page.locator("figure .remove").nth(1).focus()
    page.keyboard.press("Enter")
    assert page.locator("figure h2").all_inner_texts() == ["a.png", "c.png"]
    assert (
        focused(page).evaluate("element => element.closest('figure').querySelector('h2').innerText")
        == "c.png"
    )
    page.focus("#add")
    page.keyboard.press("Enter")
    choose(page, b"hello", "notes.txt", "text/plain")
    page.get_by_role("alert").wait_for()
    page.get_by_role("button", name="Dismiss").focus()
    page.keyboard.press("Enter")
    assert focused(page).get_attribute("aria-label").startswith("Box 1, ")


def test_a_name_that_is_being_typed_stays_when_another_picture_comes(page):
    upload(page)
    add_box(page)
    field = page.locator('#regions input[type="text"]')
    field.focus()
    page.keyboard.type("Half a na")
    choose(page, png(300, 300, seed=1), "b.png")
    page.locator(".crops:not([hidden])").nth(1).wait_for()
    page.keyboard.type("me")
    assert field.input_value().endswith("Half a name")
    assert page.locator("#regions thead .number").all_inner_texts() == ["A", "B", "Change"]


def test_the_example_is_one_click_away_and_the_keyboard_goes_on_at_the_picture(page):
    page.get_by_role("button", name="Try an example").click()
    page.wait_for_selector(".crops:not([hidden])")
    assert page.locator("figure h2").inner_text() == "example.jpg"
    assert page.locator(".size").inner_text() == "512 × 512"
    assert focused(page).get_attribute("aria-label") == "example.jpg, with its boxes"


def test_the_example_is_the_picture_that_the_examples_credit():
    from importlib.resources import files
    from pathlib import Path

    examples = Path(__file__).parents[3] / "examples"
    example = files("salgan.serve") / "static" / "example.jpg"
    assert example.read_bytes() == (examples / "photo.jpg").read_bytes()
    assert (
        "`photo.jpg` | Eileen Collins, astronaut | NASA, public domain"
        in (examples / "README.md").read_text()
    )


def test_white_pictures_and_their_crops_have_an_edge(page):
    file = io.BytesIO()
    Image.new("RGB", (400, 300), "white").save(file, "PNG")
    upload(page, file.getvalue(), "white.png")
    width = "(element, pseudo) => getComputedStyle(element, pseudo || null).borderTopWidth"
    for part, pseudo in ((".crops li button", ""), (".stage", "::after")):
        assert page.locator(part).first.evaluate(width, pseudo) == "1px"
