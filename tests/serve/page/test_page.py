"""The page in headless Chromium: what a person sees and does, against what the library says."""

import csv
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from salgan import image, render
from salgan.regions import Region, shares
from salgan.saliency_map import SaliencyMap
from salgan.serve import Access
from tests.serve import chromium
from tests.serve.conftest import png, serving
from tests.serve.page.acts import (
    OTHER,
    PICTURE,
    choose,
    draw,
    import_regions,
    report_of,
    saved,
    shares_of,
    steady,
    upload,
)

pytestmark = pytest.mark.skipif(chromium.why_not() is not None, reason=chromium.why_not() or "")


def test_the_share_of_a_drawn_box_is_the_librarys(page, model):
    upload(page)
    draw(page, 0.123, 0.217, 0.611, 0.789)
    saliency = model.predict(PICTURE)
    (entry,) = report_of(page)["regions"]
    x, y, width, height = entry["box"]
    assert (x, y, x + width, y + height) == pytest.approx((0.123, 0.217, 0.611, 0.789), abs=0.005)
    expected = shares(saliency, [Region.of_box("Box 1", *entry["box"], unit="fraction")])["Box 1"]
    assert shares_of(page)[0][0] == pytest.approx(expected.share, abs=1e-9)
    row = page.locator("#regions tbody tr").first
    assert [cell.inner_text() for cell in row.locator(".number").all()] == [
        f"{100 * expected.share:.1f} %",
        f"{100 * expected.area:.1f} %",
        f"× {expected.lift:.2f}",
    ]
    assert page.locator(".box .tag").inner_text() == f"Box 1  {100 * expected.share:.1f} %"


def test_a_box_follows_the_keyboard_and_its_share_with_it(page, model):
    upload(page)
    page.get_by_role("button", name="Add a box").click()
    before = report_of(page)["regions"][0]["box"]
    page.locator(".box").focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "Shift+ArrowLeft", "Alt+ArrowUp"):
        page.keyboard.press(key)
    report = report_of(page)["regions"][0]
    moved = [before[0] + 0.01, before[1] + 0.019, before[2] - 0.01, before[3]]
    assert report["box"] == pytest.approx(moved, abs=1e-9)
    assert shares_of(page)[0][0] == pytest.approx(report["share"], abs=1e-9)
    page.locator(".box").focus()
    for _ in range(80):
        page.keyboard.press("ArrowRight")
    x, _, width, _ = report_of(page)["regions"][0]["box"]
    assert x + width == pytest.approx(1)
    page.locator(".box").focus()
    page.keyboard.press("Delete")
    assert page.locator(".box").count() == 0
    assert page.locator("#no-regions").is_visible()


def test_a_box_is_moved_and_resized_with_the_mouse(page):
    upload(page)
    draw(page, 0.2, 0.2, 0.4, 0.4)
    box, area = page.locator(".box").bounding_box(), page.locator(".boxes").bounding_box()
    x, y = box["x"] + 20, box["y"] + 20
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 0.3 * area["width"], y + 0.1 * area["height"])
    page.mouse.up()
    assert report_of(page)["regions"][0]["box"] == pytest.approx([0.5, 0.3, 0.2, 0.2], abs=0.01)
    grip = page.locator(".grip.se").bounding_box()
    page.mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] + 300, area["y"] + 0.9 * area["height"])
    page.mouse.up()
    assert report_of(page)["regions"][0]["box"] == pytest.approx([0.5, 0.3, 0.5, 0.6], abs=0.01)


def test_boxes_are_named_and_placed_in_the_table_and_names_stay_apart(page):
    upload(page)
    page.click("#add")
    page.click("#add")
    names = page.locator('#regions input[type="text"]')
    names.nth(1).fill("Call to action")
    names.nth(1).press("Enter")
    page.get_by_label("Left %").filter(visible=True).fill("12.5")
    names.nth(0).fill("Call to action")
    names.nth(0).press("Enter")
    regions = report_of(page)["regions"]
    assert [region["name"] for region in regions] == ["Box 1", "Call to action"]
    assert regions[1]["box"][0] == 0.125
    page.get_by_role("button", name="Delete Box 1").click()
    assert [region["name"] for region in report_of(page)["regions"]] == ["Call to action"]


def test_what_is_downloaded_is_what_the_library_makes(page, model):
    upload(page)
    saliency = model.predict(PICTURE)
    name, file = saved(page, "npy")
    assert name == "photo.saliency.npy"
    np.testing.assert_array_equal(np.load(io.BytesIO(file), allow_pickle=False), saliency.array)
    name, file = saved(page, "png")
    assert name == "photo.overlay.png"
    drawn = np.asarray(Image.open(io.BytesIO(file)).convert("RGB")).astype(int)
    expected = render.overlay(image.read(PICTURE), saliency).astype(int)
    assert drawn.shape == expected.shape
    assert np.abs(drawn - expected).max() <= 4  # the canvas rounds opacity and colour in other places
    page.click("#add")
    name, file = saved(page, "csv")
    (row,) = csv.DictReader(io.StringIO(file.decode()))
    assert name == "photo.regions.csv"
    assert float(row["share"]) == pytest.approx(shares_of(page)[0][0], abs=1e-9)


def test_the_table_without_boxes_says_what_it_needs(page):
    upload(page)
    page.locator('[data-save="csv"]').click()
    assert "draw a box first" in page.get_by_role("alert").inner_text()


def test_the_views_show_the_heatmap_the_contours_and_the_map(page):
    upload(page)
    heat, lines = page.locator("canvas.heat"), page.locator("svg.lines")
    assert heat.is_visible()
    assert not lines.is_visible()
    page.get_by_label("Opacity").fill("30")
    assert heat.evaluate("element => element.style.opacity") == "0.3"
    page.get_by_label("Contours").check(force=True)
    assert lines.is_visible()
    assert not heat.is_visible()
    assert page.get_by_label("Opacity").is_disabled()
    page.get_by_label("Map", exact=True).check(force=True)
    alpha = "element => element.getContext('2d').getImageData(0, 0, 9, 9).data.filter((_, i) => i % 4 === 3)"
    assert set(heat.evaluate(f"element => [...({alpha})(element)]")) == {255}


def test_contours_enclose_the_shares_they_say(page):
    """The value at which each line is drawn is the one that the library's contours have."""
    upload(page)
    levels = page.evaluate(
        """async () => {
            const { Saliency } = await import("/static/saliency.js");
            const { look } = await (await fetch("/page.json")).json();
            const values = Float32Array.from({ length: 10000 }, (_, i) => ((i * 7919) % 10000) / 10000);
            return new Saliency({ width: 100, height: 100, values }, look).levels();
        }"""
    )
    values = np.array([((i * 7919) % 10000) / 10000 for i in range(10_000)], np.float32)
    held = np.cumsum(np.sort(values)[::-1], dtype=np.float64)
    expected = [np.sort(values)[::-1][np.searchsorted(held, share * held[-1])] for share in (0.25, 0.5, 0.75)]
    assert levels == pytest.approx(expected, abs=2e-4)


def test_crops_are_shown_with_what_they_keep(page, model):
    from salgan.crop import best, largest, parse_ratio

    upload(page)
    saliency = model.predict(PICTURE)
    shown = page.locator(".crops li")
    for at, ratio in enumerate(("1:1", "4:5", "16:9", "3:1")):
        (crop,) = best(saliency, [largest(400, 300, parse_ratio(ratio))])
        assert shown.nth(at).inner_text().strip() == f"{ratio} keeps {100 * crop.kept:.0f} %"
    with page.expect_download() as download:
        shown.nth(0).get_by_role("button").click()
    assert Image.open(io.BytesIO(download.value.path().read_bytes())).size == (300, 300)


def test_two_pictures_side_by_side_show_both_shares_and_the_change(page, model):
    upload(page)
    page.click("#add")
    page.get_by_role("button", name="Compare with a second picture").click()
    with page.expect_file_chooser() as chooser:
        page.locator(".empty [data-choose]").click()
    chooser.value.set_files({"name": "other.png", "mimeType": "image/png", "buffer": OTHER})
    page.locator(".crops:not([hidden])").nth(1).wait_for()
    region = Region.of_box("Box 1", 0.3, 0.35, 0.3, 0.2)
    expected = [shares(model.predict(content), [region])["Box 1"].share for content in (PICTURE, OTHER)]
    assert shares_of(page)[0] == pytest.approx(expected, abs=1e-9)
    change = page.locator("#regions tbody .number").nth(2).inner_text()
    assert float(change.replace("−", "-").replace("+", "")) == pytest.approx(
        100 * (expected[1] - expected[0]), abs=0.051
    )
    assert page.locator(".box").count() == 2
    page.get_by_role("button", name="Remove").first.click()
    assert page.locator("figure h2").all_inner_texts() == ["other.png"]
    assert shares_of(page)[0] == pytest.approx(expected[1:], abs=1e-9)


def test_a_text_file_is_refused_with_words_and_the_picture_stays(page):
    choose(page, b"hello", "notes.txt", "text/plain")
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "notes.txt: this is not a picture" in alert.inner_text()
    assert page.locator("#welcome").is_visible()
    upload(page)
    assert not alert.is_visible()
    choose(page, PICTURE[:500], "cut.png")
    alert.wait_for()
    assert "cut.png: picture: is damaged or cut off" in alert.inner_text()
    assert page.locator("figure h2").inner_text() == "photo.png"


def test_a_picture_can_be_dropped_and_pasted(page):
    give = """([event, bytes]) => {
        const files = new DataTransfer();
        files.items.add(new File([new Uint8Array(bytes)], event + ".png", { type: "image/png" }));
        const options = { dataTransfer: files, clipboardData: files, bubbles: true, cancelable: true };
        const kind = { drop: DragEvent, paste: ClipboardEvent }[event];
        document.dispatchEvent(new kind(event, options));
    }"""
    for event in ("drop", "paste"):
        page.evaluate(give, [event, list(PICTURE)])
        page.locator("figure h2", has_text=f"{event}.png").wait_for()
        page.wait_for_selector(".crops:not([hidden])")


def test_a_picture_that_the_browser_cannot_show_is_shown_by_the_service(page):
    file = io.BytesIO()
    Image.open(io.BytesIO(PICTURE)).save(file, "TIFF")
    upload(page, file.getvalue(), "scan.tif", "image/tiff")
    colour = "element => [...element.getContext('2d').getImageData(200, 150, 1, 1).data].slice(0, 3)"
    shown = page.locator("canvas.photo").evaluate(colour)
    assert shown == image.read(PICTURE)[150, 200].tolist()


def test_a_photo_of_20_megapixels_is_scaled_down_first_and_the_page_says_so(page):
    file = io.BytesIO()
    Image.open(io.BytesIO(PICTURE)).convert("RGB").resize((5472, 3648)).save(file, "JPEG", quality=95)
    with page.expect_request("**/v1/predict?output=npy") as request:
        upload(page, file.getvalue(), "large.jpg", "image/jpeg")
    assert request.value.sizes()["requestBodySize"] < len(file.getvalue()) / 3
    note = page.locator(".note").inner_text()
    assert "5472 × 3648 to 1600 × 1067" in note
    assert "scaled picture" in note
    assert page.locator(".size").inner_text() == "1600 × 1067"


def test_a_busy_service_is_asked_again(browser, model):
    class Busy:
        name = "busy"

        def predict_batch(self, pictures):
            return model.predict_batch(pictures)

    with serving(Busy()) as client:
        context = browser.new_context()
        page = context.new_page()
        refusals = iter([503, 503])

        def answer(route):
            status = next(refusals, None)
            if status is None:
                route.continue_()
            else:
                route.fulfill(status=status, headers={"Retry-After": "0"}, json={"detail": "busy"})

        page.route("**/v1/predict*", answer)
        page.goto(str(client.base_url))
        upload(page)
        context.close()


def test_a_map_that_is_flat_is_shared_by_area(open_page, browser):
    class Flat:
        name = "flat"

        def predict_batch(self, pictures):
            return [SaliencyMap(np.zeros(picture.shape[:2])) for picture in pictures]

    with serving(Flat()) as client:
        context = browser.new_context()
        page = context.new_page()
        page.goto(str(client.base_url))
        upload(page)
        page.click("#add")
        assert shares_of(page)[0][0] == pytest.approx(0.06, abs=1e-9)
        assert report_of(page)["regions"][0]["share"] == pytest.approx(0.06, abs=1e-9)
        context.close()


@pytest.mark.parametrize("width", [320, 768])
def test_nothing_sticks_out_on_small_screens(open_page, width):
    page = open_page(viewport={"width": width, "height": 844}, has_touch=True)
    too_wide = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(too_wide) == 0
    upload(page)
    page.click("#add")
    assert page.evaluate(too_wide) == 0
    box, stage = page.locator(".box").bounding_box(), page.locator(".stage").bounding_box()
    assert box["width"] == pytest.approx(0.3 * stage["width"], abs=2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_that_shuts_people_out(open_page, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    page = open_page(color_scheme=scheme, bypass_csp=True)

    def violations():
        found = axe.run(page).response["violations"]
        return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]

    page.locator("#model", has_text="tiny").wait_for()
    page.get_by_text("What this cannot tell you").click()
    assert violations() == []
    upload(page)
    page.click("#add")
    assert violations() == []
    page.click("#compare")
    assert violations() == []
    choose(page, OTHER, "other.png")
    page.locator(".crops:not([hidden])").nth(1).wait_for()
    page.get_by_label("in one only").check(force=True)
    page.locator(".box").nth(1).focus()
    page.keyboard.press("ArrowRight")
    page.locator("tr.steady", has_text="own place in B").wait_for()
    page.get_by_role("button", name="100 %").click()
    page.get_by_label("Difference").check(force=True)
    steady(page)
    assert violations() == []
    page.click("#clear")
    assert violations() == []


def test_the_whole_page_can_be_used_with_the_keyboard_alone(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.on("filechooser", lambda _: None)  # a real chooser would open before the driver listens
    for _ in range(2):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Choose a picture"
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files({"name": "photo.png", "mimeType": "image/png", "buffer": PICTURE})
    page.wait_for_selector(".crops:not([hidden])")
    page.focus("#add")
    page.keyboard.press("Enter")
    assert re.search(r"\bbox\b", page.evaluate("document.activeElement.className"))
    assert "of the attention" in page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("Enter")
    page.keyboard.type("Logo")
    page.keyboard.press("Enter")
    assert page.locator(".box .tag").inner_text().startswith("Logo  ")


def test_the_page_asks_for_the_services_token_and_goes_on_with_it(browser, model):
    token = "correct-horse-battery-staple"  # noqa: S105  (of this test)
    with serving(model, access=Access(token=token)) as client:
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(str(client.base_url))
        page.fill("#token input", "a wrong one")
        page.click("#token button")
        page.wait_for_selector("#token p:not([hidden])")
        page.fill("#token input", token)
        page.click("#token button")
        page.wait_for_selector("#token", state="hidden")
        page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": PICTURE})
        page.wait_for_selector(".crops:not([hidden])")
        page.close()


def test_five_dropped_files_are_five_cards_and_none_is_replaced(page, model):
    upload(page)
    page.click("#add")
    files = [
        {"name": f"{name}.png", "mimeType": "image/png", "buffer": png(200, 150, seed=at)}
        for at, name in enumerate("bcde")
    ]
    page.set_input_files("#file", files)
    page.locator(".crops:not([hidden])").nth(4).wait_for()
    names = ["photo.png", "b.png", "c.png", "d.png", "e.png"]
    assert page.locator("figure h2").all_inner_texts() == names
    assert page.locator("#regions thead .number").all_inner_texts() == ["A", "B", "C", "D", "E"]
    letters = "elements => elements.map(each => getComputedStyle(each, '::before').content)"
    assert page.locator("figcaption").evaluate_all(letters) == ['"A"', '"B"', '"C"', '"D"', '"E"']
    region = Region.of_box("Box 1", 0.3, 0.35, 0.3, 0.2)
    contents = [PICTURE, *(file["buffer"] for file in files)]
    expected = [shares(model.predict(content), [region])["Box 1"].share for content in contents]
    assert shares_of(page)[0] == pytest.approx(expected, abs=1e-9)
    page.locator("figure .remove").nth(2).click()
    assert page.locator("figure h2").all_inner_texts() == [*names[:2], *names[3:]]


def test_changes_of_boxes_are_undone_one_by_one_and_done_again(page):
    upload(page)
    draw(page, 0.2, 0.2, 0.4, 0.4)
    page.click("#add")
    name = page.locator('#regions input[type="text"]').nth(1)
    name.fill("Call to action")
    name.press("Enter")
    page.locator(".box").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    moved = report_of(page)["regions"][0]["box"]
    page.locator(".box").first.focus()
    page.keyboard.press("Control+z")  # both presses are one step
    regions = report_of(page)["regions"]
    assert regions[0]["box"] == pytest.approx([0.2, 0.2, 0.2, 0.2], abs=0.01)
    assert regions[1]["name"] == "Call to action"  # not what was typed last
    page.locator(".box").first.focus()
    page.keyboard.press("Control+Shift+z")
    assert report_of(page)["regions"][0]["box"] == pytest.approx(moved)
    for _ in range(3):
        page.click("#undo")
    assert [region["name"] for region in report_of(page)["regions"]] == ["Box 1"]
    page.click("#undo")  # the box that was drawn, at once
    assert page.locator(".box").count() == 0
    assert page.locator("#undo").is_disabled()


def test_regions_are_exported_for_the_commands_and_imported_again(page, tmp_path):
    from salgan.regions import read_regions

    upload(page)
    page.click("#add")
    with page.expect_download() as download:
        page.click("#export")
    path = tmp_path / "aoi.json"
    path.write_bytes(download.value.path().read_bytes())
    (region,) = read_regions(path)
    assert region.box == pytest.approx((0.3, 0.35, 0.3, 0.2))
    path.write_text(
        '[{"name": "Box 1", "box": [40, 30, 80, 60]}, {"name": "Logo", "box": [0, 0, 0.1, 0.1]},'
        ' {"name": "sail", "polygon": [[0, 0], [1, 0], [1, 1]]}]'
    )
    import_regions(page, path)
    page.locator(".box").nth(1).wait_for()
    assert "1 of the regions are no boxes" in page.get_by_role("alert").inner_text()
    found = {region["name"]: region["box"] for region in report_of(page)["regions"]}
    assert found == {"Box 1": pytest.approx([0.1, 0.1, 0.2, 0.2]), "Logo": [0, 0, 0.1, 0.1]}
    page.click("#undo")  # the import is one step
    assert [region["name"] for region in report_of(page)["regions"]] == ["Box 1"]


def test_small_boxes_stay_as_small_and_of_others_what_lies_in_the_picture_is_taken(page, tmp_path):
    """As the commands measure them: a button on a long page is not enlarged, and nothing is moved."""
    upload(page)
    path = tmp_path / "aoi.json"
    path.write_text(
        '[{"name": "button", "box": [0.4, 0.5, 0.1, 0.0025]}, {"name": "right", "box": [0.9, 0.1, 0.3, 0.1]},'
        ' {"name": "corner", "box": [-40, -30, 80, 60], "unit": "pixel"},'
        ' {"name": "beside", "box": [1, 0, 0.5, 0.5]}]'
    )
    import_regions(page, path)
    page.locator(".box").nth(2).wait_for()
    assert "1 of the boxes lie outside the picture" in page.get_by_role("alert").inner_text()
    with page.expect_download() as download:
        page.click("#export")
    found = {each["name"]: each["box"] for each in json.loads(download.value.path().read_text())["regions"]}
    assert found == {
        "button": [0.4, 0.5, 0.1, 0.0025],
        "right": pytest.approx([0.9, 0.1, 0.1, 0.1]),
        "corner": pytest.approx([0, 0, 0.1, 0.1]),
    }


@pytest.mark.parametrize("level", [2, 255])
def test_a_light_or_dark_picture_is_painted_with_its_own_palette_as_the_library_does(page, model, level):
    picture = np.full((120, 160, 3), level, np.uint8)
    picture[20:60, 30:90] = (200, 60, 40)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    upload(page, file.getvalue())
    blend = page.locator("canvas.heat").evaluate("element => getComputedStyle(element).mixBlendMode")
    assert blend == {2: "screen", 255: "multiply"}[level]
    drawn = np.asarray(Image.open(io.BytesIO(saved(page, "png")[1])).convert("RGB")).astype(int)
    expected = render.overlay(picture, model.predict(picture)).astype(int)
    assert np.abs(drawn - expected).max() <= 4


def test_what_the_model_cannot_tell_is_one_click_away_before_and_after_a_picture(page):
    words = page.get_by_text("not what is looked at first")
    assert not words.is_visible()
    page.get_by_text("What this cannot tell you").click()
    assert words.is_visible()
    upload(page)
    assert words.is_visible()


def test_two_pictures_on_a_phone_stand_below_each_other_and_stay_in_their_cards(open_page):
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True)
    choose(page, png(1200, 600), "a very long name of a picture that was saved by a telephone.png")
    upload(page)
    page.locator(".crops:not([hidden])").nth(1).wait_for()
    cards = [card.bounding_box() for card in page.locator("figure.picture").all()]
    assert cards[1]["y"] >= cards[0]["y"] + cards[0]["height"]
    for at, card in enumerate(cards):
        for part in (".frame", ".crops", ".remove"):
            box = page.locator("figure.picture").nth(at).locator(part).bounding_box()
            assert box["x"] + box["width"] <= card["x"] + card["width"] <= 390
