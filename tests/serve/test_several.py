"""Several pictures in one request: two variants compared, and a batch."""

import csv
import io

import pytest

from salgan import image
from salgan.ab import compare_measured, compare_variants
from salgan.regions import measure, parse_box, shares
from salgan.serve import Limits
from tests.serve.conftest import Held, metric, png, serving, until

A, B = png(seed=1), png(seed=2)


BOX = "cta:0.5,0.5,0.25,0.25"


def test_ab_is_the_library_s_comparison(service, predictor, quick_transport):
    answer = service.post("/v1/ab", params={"box": BOX}, files={"a": A, "b": B})
    maps = predictor.predict_batch([image.read(A), image.read(B)])
    expected = compare_variants(*maps, [parse_box(BOX)]).document()
    assert answer.status_code == 200
    got = answer.json()
    assert got.pop("model") == "tiny"
    assert got["moved"] == pytest.approx(expected["moved"], abs=1e-6)
    assert got["moved"] > 0.001
    assert got["regions"][0]["change"] == pytest.approx(expected["regions"][0]["change"], abs=1e-6)
    assert got.keys() == expected.keys()


def test_ab_of_one_picture_with_itself_has_not_moved(service, quick_transport):
    answer = service.post("/v1/ab", files={"a": A, "b": A}).json()
    assert (answer["moved"], answer["cc"]) == (0, 1)


@pytest.mark.parametrize(
    ("files", "status", "says"),
    [
        ({"a": A}, 422, "called b"),
        ({"a": A, "b": b"no picture"}, 422, "picture"),
        ({"a": A, "b": png(10, 10), "c": A, "d": A}, 400, "form"),
    ],
)
def test_ab_says_what_it_misses(service, files, status, says):
    answer = service.post("/v1/ab", files=files)
    assert answer.status_code == status
    assert says in answer.json()["detail"]


def test_ab_takes_no_more_pixels_than_one_picture_may_have(predictor, quick_transport):
    with serving(predictor, Limits(max_pixels=100 * 100)) as client:
        fits = client.post("/v1/ab", files={"a": png(100, 40), "b": png(100, 60)})
        too_many = client.post("/v1/ab", files={"a": png(100, 60), "b": png(100, 41)})
    assert fits.status_code == 200
    assert too_many.status_code == 413
    assert "together" in too_many.json()["detail"]


def test_a_batch_answers_each_picture_as_the_library_does_in_its_place(service, predictor):
    files = [("picture", ("a.png", A)), ("picture", ("bad.png", b"no")), ("picture", ("b.png", B))]
    answer = service.post("/v1/batch", params={"box": BOX}, files=files)
    assert answer.status_code == 200
    entries = answer.json()["pictures"]
    assert [entry["name"] for entry in entries] == ["a.png", "bad.png", "b.png"]
    assert entries[1]["problem"]["status"] == 422
    assert "report" not in entries[1]
    for entry, picture in ((entries[0], A), (entries[2], B)):
        expected = shares(predictor.predict(picture), [parse_box(BOX)]).document()
        assert entry["report"]["regions"][0]["share"] == pytest.approx(
            expected["regions"][0]["share"], abs=1e-6
        )


def test_a_batch_leaves_places_in_the_queue_for_others():
    held = Held()
    with serving(held, Limits(max_batch=2, max_waiting=1)) as client:
        import threading

        answers = []
        files = [("picture", (f"{number}.png", A)) for number in range(8)]
        batch = threading.Thread(target=lambda: answers.append(client.post("/v1/batch", files=files)))
        batch.start()
        until(lambda: metric(client, "salgan_pictures_under_way") == 2)
        assert client.get("/readyz").status_code == 200
        held.let.set()
        batch.join()
    assert [("report" in entry) for entry in answers[0].json()["pictures"]] == [True] * 8


def test_a_batch_for_which_there_is_no_room_is_503():
    held = Held()
    with serving(held, Limits(max_batch=1, max_waiting=1)) as client:
        import threading

        def ask():
            client.post("/v1/predict", content=A, headers={"Content-Type": "image/png"})

        others = [threading.Thread(target=ask) for _ in range(2)]
        for other in others:
            other.start()
        until(lambda: metric(client, "salgan_pictures_under_way") == 2)
        answer = client.post("/v1/batch", files=[("picture", A), ("picture", B)])
        ready = client.get("/readyz")
        healthy = client.get("/healthz")
        held.let.set()
        for other in others:
            other.join()
    assert answer.status_code == ready.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert healthy.status_code == 200


def test_a_batch_of_none_or_too_many_is_refused(service):
    assert service.post("/v1/batch", files={"other": A}).status_code == 422
    many = [("picture", b"x")] * 51
    answer = service.post("/v1/batch", files=many)
    assert answer.status_code == 422
    assert "1 to 50" in answer.json()["detail"]


def test_with_intervals_ab_says_what_is_more_than_noise_as_the_library_does(
    service, predictor, quick_transport
):
    region = parse_box(BOX)
    a, b = (measure(predictor, image.read(content), [region]) for content in (A, B))
    expected = compare_measured(a, b).document()
    got = service.post("/v1/ab", params={"box": BOX, "intervals": True}, files={"a": A, "b": B}).json()
    assert got["noise"] == pytest.approx(expected["noise"], abs=1e-5)
    assert got["differs"] is expected["differs"]
    assert got["regions"][0]["differs"] is expected["regions"][0]["differs"]
    for variant in ("a", "b"):
        interval = expected[variant]["regions"][0]["interval"]
        assert got[variant]["regions"][0]["interval"] == pytest.approx(interval, abs=1e-5)
        assert interval[1] - interval[0] > 1e-4
    same = service.post("/v1/ab", params={"box": BOX, "intervals": True}, files={"a": A, "b": A}).json()
    assert (same["differs"], same["regions"][0]["differs"]) == (False, False)


def test_the_shares_of_one_picture_have_intervals_where_they_are_asked_for(service, predictor):
    found = measure(predictor, image.read(A), [parse_box(BOX)]).shares
    low, high = found.regions[0].interval
    for path in ("/v1/regions", "/v1/predict"):
        asked = {"params": {"box": BOX, "intervals": True}, "content": A}
        report = service.post(path, **asked).json()
        assert report["regions"][0]["interval"] == pytest.approx([low, high], abs=1e-5)
        assert report["noise"] == pytest.approx(found.noise, abs=1e-5)
        assert "noise" not in service.post(path, params={"box": BOX}, content=A).json()
    (row,) = csv.DictReader(
        io.StringIO(service.post("/v1/regions", **asked, headers={"Accept": "text/csv"}).text)
    )
    assert [float(row["share_low"]), float(row["share_high"])] == pytest.approx([low, high], abs=1e-5)
    drawn = service.post("/v1/predict", params={"output": "overlay", "intervals": True}, content=A)
    assert drawn.status_code == 422
    assert "output=json" in drawn.json()["detail"]


def test_views_count_as_pictures_and_end_when_nobody_waits(predictor):
    with serving(predictor, Limits(max_per_minute=20)) as client:
        asked = {"params": {"intervals": True}, "content": A, "headers": {"Accept": "application/json"}}
        assert client.post("/v1/predict", **asked).status_code == 200
        assert client.post("/v1/predict", **asked).status_code == 429
    model = Held()
    with serving(model, Limits(timeout=0.3)) as client:
        assert client.post("/v1/predict", **asked).status_code == 504
        model.let.set()
        until(lambda: metric(client, "salgan_pictures_under_way") == 0)
        assert sum(model.batches) <= 2  # not the 16 that nobody waits for
