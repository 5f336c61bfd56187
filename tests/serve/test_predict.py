"""POST /v1/predict: the library's answers over HTTP, to the last bit."""

import csv
import io

import numpy as np
import pytest
from PIL import Image

from salgan import image, render
from salgan.cli._results import REGION_COLUMNS
from salgan.regions import parse_box, parse_polygon, read_regions, shares
from salgan.saliency_map import SaliencyMap
from salgan.serve.answers import focal_report
from tests.serve.conftest import png, serving

PICTURE = png()
PNG = {"Content-Type": "image/png"}


@pytest.fixture(scope="module")
def expected(predictor):
    return predictor.predict(PICTURE)


def test_the_map_is_the_librarys_to_the_last_bit(service, expected):
    response = service.post("/v1/predict?output=npy", content=PICTURE, headers=PNG)
    assert response.headers["content-type"] == "application/x-npy"
    values = np.load(io.BytesIO(response.content), allow_pickle=False)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, expected.array)


@pytest.mark.parametrize(
    "kind",
    [
        "image/jpg",
        "image/pjpeg",
        "image/x-png",
        "image/gif",
        "IMAGE/PNG; q=1",
        "application/octet-stream",
        None,
    ],
)
def test_the_content_decides_what_a_picture_is_and_not_its_type(service, expected, kind):
    headers = {} if kind is None else {"Content-Type": kind}
    response = service.post("/v1/predict?output=npy", content=PICTURE, headers=headers)
    assert response.status_code == 200
    assert response.content == expected.encode("npy")


@pytest.mark.parametrize(
    ("output", "media_type"),
    [("npy", "application/x-npy"), ("png16", "image/png"), ("png8", "image/png"), ("tiff", "image/tiff")],
)
def test_each_form_of_the_map_is_the_file_that_the_library_writes(service, expected, output, media_type):
    response = service.post(f"/v1/predict?output={output}", content=PICTURE, headers=PNG)
    assert response.headers["content-type"] == media_type
    assert response.content == expected.encode(output)


def test_the_overlay_is_the_librarys_with_its_options(service, expected):
    query = "output=overlay&opacity=0.4&contours=true&legend=true"
    response = service.post(f"/v1/predict?{query}", content=PICTURE, headers=PNG)
    drawn = render.overlay(image.read(PICTURE), expected, opacity=0.4, contours=True, legend=True)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(response.content))), drawn)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/json"),
        ("image/png", "image/png"),
        ("application/x-npy", "application/x-npy"),
        ("text/html, image/*;q=0.9, application/json;q=0.5", "image/png"),
        ("application/json;q=0, */*;q=0.1", "application/x-npy"),
    ],
)
def test_accept_chooses_where_no_output_is_named(service, accept, media_type):
    response = service.post("/v1/predict", content=PICTURE, headers={**PNG, "Accept": accept})
    assert (response.status_code, response.headers["content-type"]) == (200, media_type)


def test_what_accept_calls_png_is_the_map_of_16_bits(service, expected):
    response = service.post("/v1/predict", content=PICTURE, headers={**PNG, "Accept": "image/png"})
    assert response.content == expected.encode("png16")


def test_a_type_that_there_is_not_is_refused_by_name(service):
    response = service.post("/v1/predict", content=PICTURE, headers={**PNG, "Accept": "audio/mpeg"})
    assert response.status_code == 406
    assert "application/json" in response.json()["detail"]


def test_a_form_and_a_plain_body_get_the_same_answer(service):
    plain = service.post("/v1/predict?output=npy", content=PICTURE, headers=PNG)
    form = service.post("/v1/predict?output=npy", files={"picture": ("photo.png", PICTURE)})
    assert form.content == plain.content


def test_json_holds_what_the_library_says_of_boxes_and_polygons(service, expected):
    texts = {"box": "cta:0.1,0.2,0.333,0.4", "polygon": "sail:10,5,40,9,20,40"}
    response = service.post("/v1/predict", params=texts, content=PICTURE, headers=PNG)
    report = shares(expected, [parse_box(texts["box"]), parse_polygon(texts["polygon"])])
    assert response.json() == {"model": "tiny", **report.document()}


def test_without_regions_json_holds_the_picture_and_its_focal_points(service, expected):
    answer = service.post("/v1/predict", content=PICTURE, headers=PNG).json()
    assert answer["regions"] == []
    assert answer["picture"] == {"width": 64, "height": 48}
    row, column = np.unravel_index(expected.array.argmax(), expected.array.shape)
    assert answer["focal_points"][0]["value"] == expected.array[row, column]


def test_the_map_of_a_rotated_photo_is_upright(service):
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.open(io.BytesIO(PICTURE)).save(file, "JPEG", exif=exif)
    answer = service.post("/v1/predict", content=file.getvalue(), headers={"Content-Type": "image/jpeg"})
    assert answer.json()["picture"] == {"width": 48, "height": 64}


def test_a_picture_of_one_pixel_is_a_picture(service):
    answer = service.post("/v1/predict", content=png(1, 1), headers=PNG)
    assert answer.json()["picture"] == {"width": 1, "height": 1}


def test_regions_as_csv_can_be_read_back(service, expected, tmp_path):
    form = {"regions": '[{"name": "a, b", "box": [0, 0, 0.5, 1]}, {"name": "c", "box": [1, 2, 30, 20]}]'}
    response = service.post(
        "/v1/regions", files={"picture": PICTURE}, data=form, headers={"Accept": "text/csv"}
    )
    assert response.headers["content-type"].startswith("text/csv")
    path = tmp_path / "regions.csv"
    path.write_bytes(response.content)
    regions = read_regions(path)
    assert [region.name for region in regions] == ["a, b", "c"]
    share = response.text.splitlines()[1].split(",")[7]
    assert float(share) == shares(expected, regions)["a, b"].share


def test_the_csv_says_what_the_commands_says_and_of_polygons_all_but_their_place(service, expected, tmp_path):
    query = {"box": "a:0,0,0.5,1", "polygon": "p:0,0,1,0,1,1"}
    response = service.post(
        "/v1/regions", params=query, content=PICTURE, headers={**PNG, "Accept": "text/csv"}
    )
    path = tmp_path / "regions.csv"
    path.write_bytes(response.content)
    box, polygon = csv.DictReader(response.text.splitlines())
    assert set(REGION_COLUMNS) - {"picture", "region", "share_low", "share_high"} <= set(box)
    assert [region.name for region in read_regions(path)] == ["a"]
    found = shares(expected, [parse_box(query["box"]), parse_polygon(query["polygon"])])["p"]
    assert polygon["x"] == ""
    assert float(polygon["inside"]) == found.inside
    assert (float(polygon["focal_x"]), float(polygon["focal_y"])) == (
        found.focal_points[0].x,
        found.focal_points[0].y,
    )


@pytest.mark.parametrize(
    ("query", "form", "words"),
    [
        ({}, {}, "at least one region"),
        ({"box": "cta"}, {}, "is not a region"),
        ({"box": ["a:0,0,1,1", "a:0,0,.5,.5"]}, {}, "two regions are called 'a'"),
        ({"box": "a:0,0,0,1"}, {}, "above 0"),
        ({}, {"regions": "[1]"}, "region 1"),
        ({}, {"regions": "[" * 10_000}, "not JSON"),
        ({}, {"regions": '[{"name": "\\ud800", "box": [0,0,1,1]}]'}, "printable"),
        ({"box": [f"{n}:0,0,1,1" for n in range(51)]}, {}, "box"),
        ({}, {"regions": str([{"name": str(n), "box": [0, 0, 1, 1]} for n in range(51)])}, "not JSON"),
    ],
)
def test_regions_that_make_no_sense_are_refused_in_one_line(service, query, form, words):
    response = service.post("/v1/regions", params=query, files={"picture": PICTURE}, data=form)
    assert response.status_code == 422
    assert words in response.json()["detail"]
    assert "\n" not in response.json()["detail"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("predict?outputs=npy", "/v1/predict has no parameter 'outputs'; did you mean output?"),
        ("regions?box=a:0,0,1,1&views=16", "/v1/regions has no parameter 'views'"),
        ("predict?output=png8&box=a:0,0,1,1", "png8 holds no shares of regions"),
        ("predict?output=overlay&polygon=a:0,0,1,0,1,1", "ask for output=json"),
        ("predict?contours=false", "contours is about the overlay, not json; ask for output=overlay"),
        ("predict?output=npy&opacity=0.5", "opacity is about the overlay, not npy"),
        ("focal?ratio=1:1", "/v1/focal has no parameter 'ratio'; there are none"),
    ],
)
def test_a_parameter_that_would_be_ignored_is_refused_by_name(service, query, words):
    response = service.post(f"/v1/{query}", content=PICTURE, headers=PNG)
    assert response.status_code == 422
    assert words in response.json()["detail"]


@pytest.mark.parametrize(
    ("route", "fields", "words"),
    [
        ("crop?size=9x9", {"regions": "[]"}, "/v1/crop has no form field 'regions'; there are picture"),
        ("focal", {"regions": "[]"}, "/v1/focal has no form field 'regions'"),
        ("predict", {"region": "[]"}, "/v1/predict has no form field 'region'; did you mean regions?"),
        (
            "crop?size=9x9",
            {"ratio": "1:1"},
            "/v1/crop reads ratio from its address, not from the form: ?ratio=...",
        ),
        (
            "regions",
            {"regions": ["[]", "[]"]},
            "the form has 2 fields called regions, and /v1/regions reads one",
        ),
    ],
)
def test_a_form_field_that_would_be_ignored_is_refused_by_name(service, route, fields, words):
    response = service.post(f"/v1/{route}", files={"picture": PICTURE}, data=fields)
    assert response.status_code == 422
    assert words in response.json()["detail"]


def test_of_two_pictures_in_a_form_for_one_none_is_chosen_in_silence(service):
    response = service.post("/v1/predict", files=[("picture", PICTURE), ("picture", PICTURE)])
    assert response.status_code == 422
    assert "the form has 2 fields called picture" in response.json()["detail"]


def test_the_report_of_a_long_page_says_how_its_map_was_made(service):
    class InWindows:
        name = "in-windows"

        def predict_batch(self, pictures):
            return [SaliencyMap(np.full(each.shape[:2], 0.5), note="made of 3 windows") for each in pictures]

    with serving(InWindows()) as client:
        for path in ("predict", "regions"):
            report = client.post(f"/v1/{path}?box=top:0,0,1,0.1", content=PICTURE, headers=PNG).json()
            assert report["note"] == "made of 3 windows"
    assert "note" not in service.post("/v1/predict", content=PICTURE, headers=PNG).json()


def test_more_regions_than_a_request_may_have_are_refused(service):
    import json

    regions = json.dumps([{"name": str(n), "box": [0, 0, 1, 1]} for n in range(51)])
    response = service.post("/v1/regions", files={"picture": PICTURE}, data={"regions": regions})
    assert response.status_code == 422
    assert "at most 50 regions" in response.json()["detail"]


def test_polygons_that_span_too_many_pixels_together_are_refused(service, monkeypatch):
    monkeypatch.setattr("salgan.serve.answers._MOST_POLYGON_PIXELS", 64 * 48)
    whole = "0,0,1,0,1,1,0,1"
    asked = [{"polygon": [f"a:{whole}"]}, {"polygon": [f"a:{whole}", "b:0,0,1,0,1,1"]}]
    first, second = (
        service.post("/v1/regions", params=query, content=PICTURE, headers=PNG) for query in asked
    )
    assert (first.status_code, second.status_code) == (200, 422)
    assert "polygons span" in second.json()["detail"]


def test_crops_are_the_librarys(service, expected):
    from salgan.crop import best, largest, parse_ratio

    query = {"ratio": ["1:1", "16:9"], "size": "20x30"}
    answer = service.post("/v1/crop", params=query, content=PICTURE, headers=PNG).json()
    assert [crop["for"] for crop in answer["crops"]] == ["1:1", "16:9", "20x30"]
    windows = [largest(64, 48, parse_ratio(ratio)) for ratio in ("1:1", "16:9", "20:30")]
    for crop, found in zip(answer["crops"], best(expected, windows), strict=True):
        assert {"for": crop["for"], **found.document()} == crop


def test_a_single_crop_can_be_had_as_a_picture_of_the_size_asked_for(service):
    headers = {**PNG, "Accept": "image/png"}
    whole = service.post("/v1/crop?ratio=1:1", content=PICTURE, headers=headers)
    assert Image.open(io.BytesIO(whole.content)).size == (48, 48)
    scaled = service.post("/v1/crop?size=10x30", content=PICTURE, headers=headers)
    assert Image.open(io.BytesIO(scaled.content)).size == (10, 30)


@pytest.mark.parametrize(
    ("query", "accept", "status"),
    [
        ("", "*/*", 422),
        ("ratio=wide", "*/*", 422),
        ("ratio=5000:1", "*/*", 422),
        ("size=65x48", "*/*", 422),
        ("ratio=1:1&ratio=2:1", "image/png", 406),
    ],
)
def test_crops_that_cannot_be_made_are_refused(service, query, accept, status):
    response = service.post(f"/v1/crop?{query}", content=PICTURE, headers={**PNG, "Accept": accept})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


def test_the_focal_point_is_the_librarys_strongest_and_the_centre_of_a_flat_map(service, expected):
    answer = service.post("/v1/focal", content=PICTURE, headers=PNG).json()
    strongest = shares(expected, []).focal_points[0]
    assert (answer["x"], answer["y"]) == (strongest.x, strongest.y)
    assert answer["picture"] == {"width": expected.array.shape[1], "height": expected.array.shape[0]}
    flat = focal_report("flat", SaliencyMap(np.zeros((20, 30))))
    assert (flat["x"], flat["y"]) == pytest.approx((0.5, 0.5), abs=0.03)
    address = service.post("/v1/focal", content=b"http://127.0.0.1/a.png", headers=PNG)
    assert address.status_code == 422  # an address is not a picture, and is not fetched
