"""Makes the pictures of the page for the README and the documentation, in docs/images.

python docs/screenshots.py [--model lite]

Needs ``pip install 'salgan[dev]'`` and Debian's Chromium, as the page's tests do, and drives it as they do.
"""

import argparse
import io
import logging
import sys
import threading
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image, ImageDraw, ImageFont

from salgan import models
from salgan.serve import Limits, create_app
from salgan.serve.server import configured

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.serve import chromium  # noqa: E402

IMAGES = ROOT / "docs" / "images"
PHOTO = ROOT / "examples" / "photo.jpg"
TITLE = (0.58, 0.03, 0.99, 0.18)
DESKTOP = {"viewport": {"width": 1360, "height": 860}, "device_scale_factor": 1.5}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True}
BOXES = (
    ("Face", (0.36, 0.12, 0.6, 0.44)),
    ("Rocket", (0.68, 0.02, 0.9, 0.6)),
    ("Patch", (0.25, 0.68, 0.42, 0.84)),
)


def main() -> None:
    """Serve the page and photograph it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="lite", help="a model's name or an ONNX file")
    options = parser.parse_args()
    if (reason := chromium.why_not()) is not None:
        sys.exit(reason)
    limits = Limits()
    config = configured(create_app(models.load_model(options.model), limits), limits)
    config.port = 0
    server = uvicorn.Server(config)
    logging.disable(logging.WARNING)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.05)
        IMAGES.mkdir(exist_ok=True)
        with chromium.browser() as browser:
            photograph(browser, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join()


def photograph(browser: Any, url: str) -> None:
    """Take every picture."""
    for scheme in ("light", "dark"):
        page = browser.new_context(color_scheme=scheme, **DESKTOP).new_page()
        choose(page, url)
        for name, corners in BOXES:
            draw(page, name, corners)
        page.locator("#steady span", has_text="Intervals").wait_for()
        page.evaluate("document.activeElement.blur()")
        shoot(page, f"page-{scheme}")
        if scheme == "light":
            page.get_by_label("Contours").check(force=True)
            shoot(page, "page-contours")
    compare(browser.new_context(color_scheme="light", **DESKTOP).new_page(), url)
    page = browser.new_context(color_scheme="dark", **PHONE).new_page()
    choose(page, url)
    page.click("#add")
    page.locator("#steady span", has_text="Intervals").wait_for()
    page.evaluate("scrollTo(0, 0)")
    shoot(page, "page-phone")


def choose(page: Any, url: str) -> None:
    """Open the page and give it the photo."""
    page.goto(url)
    page.set_input_files("#file", PHOTO)
    page.wait_for_selector(".crops:not([hidden])")


def compare(page: Any, url: str) -> None:
    """A photograph without and with a title: shares with their noise, and where attention moved."""
    choose(page, url)
    titled = io.BytesIO()
    with Image.open(PHOTO) as photo:
        pen = ImageDraw.Draw(photo)
        left, top, right, bottom = (extent * photo.width for extent in TITLE)
        pen.rounded_rectangle((left, top, right, bottom), 12, fill="white")
        middle = ((left + right) / 2, (top + bottom) / 2)
        pen.text(middle, "LIFT-OFF", fill="#b5123e", font=ImageFont.load_default(36), anchor="mm")
        photo.save(titled, "PNG")
    file = {"name": "titled.png", "mimeType": "image/png", "buffer": titled.getvalue()}
    page.set_input_files("#file", [file])
    page.locator(".crops:not([hidden])").nth(1).wait_for()
    draw(page, "Face", BOXES[0][1])
    draw(page, "Title", TITLE)
    page.get_by_label("Difference").check(force=True)
    page.locator("#steady span", has_text="Intervals").wait_for()
    page.evaluate("document.activeElement.blur()")
    shoot(page, "page-compare")


def draw(page: Any, name: str, corners: tuple[float, float, float, float]) -> None:
    """Draw a box with the mouse and name it."""
    area = page.locator(".boxes").first.bounding_box()
    left, top, right, bottom = corners
    page.mouse.move(area["x"] + left * area["width"], area["y"] + top * area["height"])
    page.mouse.down()
    page.mouse.move(area["x"] + right * area["width"], area["y"] + bottom * area["height"], steps=4)
    page.mouse.up()
    field = page.locator('#regions input[type="text"]').last
    field.fill(name)
    field.press("Enter")


def shoot(page: Any, name: str) -> None:
    """Save what is seen."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(300)
    page.screenshot(path=IMAGES / f"{name}.jpg", type="jpeg", quality=85)
    print(f"docs/images/{name}.jpg")


if __name__ == "__main__":
    main()
