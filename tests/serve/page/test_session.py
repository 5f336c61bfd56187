"""What the page keeps in the browser: a reload loses nothing, and one button clears it all."""

import pytest

from tests.serve import chromium
from tests.serve.page.acts import OTHER, PICTURE, add_box, choose, focused, shares_of, upload

pytestmark = pytest.mark.skipif(chromium.why_not() is not None, reason=chromium.why_not() or "")

KEPT = """async () => {
    const database = await new Promise((resolve) => {
        const request = indexedDB.open("salgan-page");
        request.onsuccess = () => resolve(request.result);
    });
    const store = database.transaction("session").objectStore("session");
    const got = (request) => new Promise((resolve) => { request.onsuccess = () => resolve(request.result); });
    const keys = await got(store.getAllKeys());
    const state = await got(store.get("state"));
    database.close();
    return { keys, zoom: state?.settings.zoom };
}"""


def _wait_until_kept(page, *keys, zoom="fit"):
    """Wait until the browser has written down these pictures and settings, a moment after the last change."""
    expected = {"keys": [*keys, "state"], "zoom": zoom}
    for _ in range(100):
        kept = page.evaluate(KEPT)
        if kept == expected:
            return
        page.wait_for_timeout(100)
    assert kept == expected


def _state(page):
    return {
        "names": page.locator("figure h2").all_inner_texts(),
        "boxes": page.locator('#regions input[type="text"]').evaluate_all("all => all.map(one => one.value)"),
        "tags": page.locator(".tag").all_inner_texts(),
        "shares": shares_of(page),
        "view": page.locator("input[name=view]:checked").get_attribute("value"),
        "opacity": page.get_by_label("Opacity").input_value(),
        "apart": page.locator("input[name=apart]:checked").get_attribute("value"),
        "zoom": page.locator("#zoom [aria-pressed=true]").inner_text(),
    }


def test_a_reload_keeps_pictures_boxes_names_order_and_settings(page):
    choose(page, OTHER, "second first.png")
    choose(page, PICTURE, "photo.png")
    page.locator(".crops:not([hidden])").nth(1).wait_for()
    add_box(page, "Call to action")
    add_box(page)
    page.get_by_label("in one only").check(force=True)
    page.locator("figure").nth(1).locator(".box").first.focus()
    page.keyboard.press("ArrowRight")
    page.get_by_label("Opacity").fill("30")
    page.get_by_label("Difference").check(force=True)
    page.get_by_role("button", name="Width").click()
    before = _state(page)
    assert before["boxes"] == ["Call to action", "Box 1"]
    _wait_until_kept(page, "picture 1", "picture 2", zoom="width")
    page.reload()
    page.locator(".crops:not([hidden])").nth(1).wait_for()
    page.locator(".tag", has_text="own place").wait_for()
    after = _state(page)
    assert after.pop("shares") == [pytest.approx(shares, abs=1e-9) for shares in before.pop("shares")]
    assert {**after, "tags": None} == {**before, "tags": None}
    # What is named next does not take a name or number that is in use.
    page.click("#add")
    assert page.locator('#regions input[type="text"]').nth(2).input_value() == "Box 2"
    page.locator("figure .remove").first.click()
    _wait_until_kept(page, "picture 2", zoom="width")
    page.click("#clear")
    page.keyboard.press("Escape")
    assert page.locator("figure").count() == 1
    page.click("#clear")
    page.locator("#sure").get_by_role("button", name="Clear everything").click()
    page.locator("#welcome").wait_for()
    assert focused(page).inner_text() == "Choose a picture"
    assert set(page.evaluate(KEPT)["keys"]) <= {"state"}
    page.reload()
    page.locator("#model", has_text="tiny").wait_for()
    assert page.locator("#welcome").is_visible()


def test_a_browser_that_keeps_nothing_says_so_in_one_line_and_the_page_works(open_page, url):
    page = open_page()
    page.add_init_script(
        "IDBFactory.prototype.open = () => { throw new DOMException('storage is off.', 'SecurityError'); }"
    )
    page.goto(url)
    upload(page)
    words = page.locator("#kept").inner_text()
    assert words == "This browser does not keep the session (storage is off); a reload loses it."


def test_a_full_store_is_said_too(new_page, url):
    page = new_page()
    session = page.context.new_cdp_session(page)
    # Before the page is there: once a store is open, Chromium remembers for a while how much space is left.
    session.send("Storage.overrideQuotaForOrigin", {"origin": url.rstrip("/"), "quotaSize": 1})
    page.goto(url)
    upload(page)
    page.locator("#kept", has_text="does not keep").wait_for()
    words = page.locator("#kept").inner_text()
    assert words == "This browser does not keep the session (its space is full); a reload loses it."


def test_a_second_tab_does_not_overwrite_what_the_first_one_keeps(page):
    upload(page)
    _wait_until_kept(page, "picture 1")
    other = page.context.new_page()
    other.goto(page.url)
    other.set_default_timeout(30_000)
    upload(other, OTHER, "other.png")
    other.get_by_text("Another tab keeps its session").wait_for()
    assert other.locator("figure h2").all_inner_texts() == ["other.png"]
    other.close()
    page.reload()
    page.wait_for_selector(".crops:not([hidden])")
    assert page.locator("figure h2").all_inner_texts() == ["photo.png"]
