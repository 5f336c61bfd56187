"""What a person does on the page."""

import json

from tests.serve.conftest import png

PICTURE = png(400, 300)
OTHER = png(300, 300, seed=1)


def choose(page, content=PICTURE, name="photo.png", kind="image/png"):
    page.set_input_files("#file", {"name": name, "mimeType": kind, "buffer": content})


def upload(page, *arguments):
    choose(page, *arguments)
    page.wait_for_selector(".crops:not([hidden])")


def draw(page, left, top, right, bottom):
    """Draw a box with the mouse, corners in fractions of the picture."""
    area = page.locator(".boxes").first.bounding_box()
    page.mouse.move(area["x"] + left * area["width"], area["y"] + top * area["height"])
    page.mouse.down()
    page.mouse.move(area["x"] + right * area["width"], area["y"] + bottom * area["height"], steps=4)
    page.mouse.up()


def shares_of(page):
    """The shares behind the table's figures, one list per box, with every digit."""
    rows = page.locator("#regions tbody tr[data-shares]").all()
    return [json.loads(row.get_attribute("data-shares")) for row in rows]


def saved(page, kind, picture=0):
    with page.expect_download() as download:
        page.locator(f'[data-save="{kind}"]').nth(picture).click()
    return download.value.suggested_filename, download.value.path().read_bytes()


def report_of(page):
    return json.loads(saved(page, "json")[1])


def steady(page):
    """Wait until it is known what is noise."""
    page.locator("#steady span", has_text="Intervals").wait_for()


def add_box(page, name=None):
    """Add a box with the button, and name it."""
    page.click("#add")
    if name:
        page.keyboard.press("Enter")
        page.keyboard.type(name)
        page.keyboard.press("Enter")


def import_regions(page, path):
    """Choose a file of regions with the button."""
    with page.expect_file_chooser() as chooser:
        page.click("#import")
    chooser.value.set_files(path)


def focused(page):
    """The element that has the keyboard."""
    return page.locator("*:focus")
