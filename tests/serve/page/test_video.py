"""A video on the page: a frame of it is picked and predicted, or one line says what to run."""

import io

import numpy as np
import pytest

from tests.serve import chromium
from tests.serve.page.acts import choose, focused

pytestmark = pytest.mark.skipif(chromium.why_not() is not None, reason=chromium.why_not() or "")


def _clip(name):
    """Two seconds of red, then two of blue."""
    av = pytest.importorskip("av", reason="the extra video is not installed")
    file = io.BytesIO()
    with av.open(file, "w", format="webm") as container:
        stream = container.add_stream("vp8", rate=5)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for at in range(20):
            picture = np.zeros((120, 160, 3), np.uint8)
            picture[..., 0 if at < 10 else 2] = 230
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue(), name, "video/webm"


def test_a_frame_of_a_video_is_picked_with_the_slider_and_predicted(open_page):
    page = open_page(bypass_csp=True)
    choose(page, *_clip("my clip.webm"))
    dialog = page.get_by_role("dialog", name="my clip.webm")
    dialog.wait_for()
    assert dialog.locator("code").inner_text() == "salgan predict 'my clip.webm'"
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    assert axe.run(page).response["violations"] == []
    dialog.get_by_label("Frame at").fill("3")
    assert dialog.locator("output").inner_text() == "0:03.0"
    dialog.get_by_role("button", name="Predict this frame").click()
    page.wait_for_selector(".crops:not([hidden])")
    assert page.locator("figure h2").inner_text().startswith("my clip.webm at 0:03.")
    assert page.locator(".size").inner_text() == "160 × 120"
    colour = "element => [...element.getContext('2d').getImageData(80, 60, 1, 1).data].slice(0, 3)"
    red, _, blue = page.locator("canvas.photo").evaluate(colour)
    assert red < 40
    assert blue > 180


def test_a_video_that_is_not_wanted_leaves_everything_as_it_is(page):
    page.locator("#welcome [data-choose]").focus()
    choose(page, *_clip("clip.webm"))
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    page.locator("#video").wait_for(state="hidden")
    assert page.locator("#welcome").is_visible()
    assert focused(page).inner_text() == "Choose a picture"
    assert not page.get_by_role("alert").is_visible()


@pytest.mark.parametrize("kind", ["video/mp4", ""])
def test_a_video_that_the_browser_cannot_show_says_what_to_run(page, kind):
    choose(page, b"\0\0\0\x20ftypisom" + bytes(500), "it's a clip.mp4", kind)
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "salgan predict 'it'\\''s a clip.mp4'" in alert.inner_text()
    assert "damaged" not in alert.inner_text()
