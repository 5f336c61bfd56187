"""What is too much, too slow or no picture is refused, and the service goes on."""

import contextlib
import errno
import gc
import io
import os
import socket
import struct
import tempfile
import threading
import time
import weakref
import zlib

import numpy as np
import pytest
from PIL import Image

from salgan.errors import ConfigError, ModelError
from salgan.models.batches import TooManyTogetherError
from salgan.saliency_map import SaliencyMap
from salgan.serve import Limits
from salgan.serve.batcher import Batcher
from salgan.serve.guard import Held as HeldBytes
from salgan.serve.guard import _Answer
from salgan.serve.observe import Telemetry
from tests.serve.conftest import Held, metric, png, serving, until

PICTURE = png()
PNG = {"Content-Type": "image/png"}
SLOW = Limits(body_timeout=0.4, max_bytes=200_000)


def _bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises this many pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100_000))


def _connect(client, timeout=5.0) -> socket.socket:
    return socket.create_connection((client.base_url.host, client.base_url.port), timeout)


def _head(length, *more) -> bytes:
    lines = ["POST /v1/predict HTTP/1.1", "Host: 127.0.0.1", "Content-Type: image/png"]
    return "\r\n".join([*lines, f"Content-Length: {length}", *more, "", ""]).encode()


def _read_all(connection) -> bytes:
    with contextlib.suppress(ConnectionResetError):
        return b"".join(iter(lambda: connection.recv(65536), b""))
    return b""


@pytest.fixture(scope="module")
def slow(predictor):
    with serving(predictor, SLOW) as client:
        yield client


@pytest.fixture(autouse=True)
def still_answers(request):
    """After each of these tests the service that was used still predicts."""
    yield
    for name in ("service", "slow"):
        if name in request.fixturenames:
            client = request.getfixturevalue(name)
            response = client.post("/v1/predict?output=npy", content=PICTURE, headers=PNG)
            assert response.status_code == 200


def _problem(response) -> dict:
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document["status"] == response.status_code
    assert document["request_id"] == response.headers["x-request-id"]
    return document


def test_a_body_that_says_it_is_too_long_is_refused(slow):
    response = slow.post("/v1/predict", content=b"x" * 200_001, headers=PNG)
    assert response.status_code == 413
    assert "0.2 MB" in _problem(response)["detail"]
    assert response.headers["connection"] == "close"


def test_a_body_that_turns_out_too_long_is_refused(slow):
    response = slow.post("/v1/predict", content=iter([b"x" * 50_000] * 5), headers=PNG)
    assert "transfer-encoding" in response.request.headers
    assert response.status_code == 413


def test_a_body_that_waits_to_be_asked_for_is_refused_before_it_is_sent(slow):
    with _connect(slow) as connection:
        connection.sendall(_head(10_000_000, "Expect: 100-continue"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("size", [(5001, 5000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_a_picture_that_promises_too_many_pixels_is_refused_before_it_is_decoded(service, size):
    start = time.process_time()
    response = service.post("/v1/predict", content=_bomb(*size), headers=PNG)
    assert response.status_code == 413
    assert "more than 25 megapixels" in _problem(response)["detail"]
    assert time.process_time() - start < 1


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/x-www-form-urlencoded", "x"])
def test_what_is_no_picture_by_its_type_is_refused(service, kind):
    response = service.post("/v1/predict", content=PICTURE, headers={"Content-Type": kind})
    assert response.status_code == 415
    assert kind in _problem(response)["detail"]
    assert "image/jpeg" in response.headers["accept-post"]


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF89a", b"hello", PICTURE[:60], PICTURE[: len(PICTURE) // 2], PICTURE[:8] + b"\0" * 500],
    ids=["empty", "header only", "text", "cut in the header", "cut in the pixels", "zeros"],
)
def test_what_is_no_picture_by_its_content_is_refused(service, content):
    response = service.post("/v1/predict", content=content, headers=PNG)
    assert response.status_code == 422
    assert _problem(response)["detail"].startswith("picture: ")


# Starlette leaves the temporary file of a part that is cut off to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"hello", 400),
        (b"--b\r\n\r\n\r\n--b--\r\n", 400),
        (b'--b\r\nContent-Disposition: form-data; name="picture"\r\n\r\nhttp://127.0.0.1/\r\n--b--\r\n', 422),
        (b'--b\r\nContent-Disposition: form-data; name="picture"; filename="x"\r\n\r\nhello', 422),
        (b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n' + b"y" * 2_000_000 + b"\r\n--b--", 400),
        (b"".join(b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n\r\n' for _ in range(50)), 400),
    ],
    ids=["empty", "no form", "no name", "no file", "cut off", "endless text", "too many fields"],
)
def test_a_form_that_is_none_is_refused(service, content, status):
    response = service.post(
        "/v1/predict", content=content, headers={"Content-Type": "multipart/form-data; boundary=b"}
    )
    assert response.status_code == status
    _problem(response)


def test_a_form_without_its_boundary_is_refused(service):
    response = service.post("/v1/predict", content=PICTURE, headers={"Content-Type": "multipart/form-data"})
    assert response.status_code == 400


def test_a_body_that_trickles_in_is_given_up(slow):
    with _connect(slow) as connection:
        connection.sendall(_head(5000) + b"x")
        start = time.monotonic()
        answer = _read_all(connection)
        assert time.monotonic() - start < 3
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"did not arrive within 0.4 s" in answer


@pytest.mark.parametrize(
    "sent", [b"", b"POST /v1/pre", _head(5)[:-2]], ids=["nothing", "a word", "half a head"]
)
def test_a_connection_that_brings_no_request_is_closed(slow, sent):
    with _connect(slow) as connection:
        connection.sendall(sent)
        start = time.monotonic()
        assert _read_all(connection) == b""
        assert time.monotonic() - start < 3


def test_a_head_that_trickles_in_is_closed_all_the_same(slow):
    with _connect(slow) as connection, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        start = time.monotonic()
        while time.monotonic() - start < 3:
            connection.sendall(b"POST / HTTP/1.1\r\n" if time.monotonic() - start < 0.05 else b"X: y\r\n")
            time.sleep(0.1)
    assert time.monotonic() - start < 2


def test_a_second_request_of_a_connection_has_as_long_as_the_first(slow):
    with _connect(slow) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while not answer.endswith(b"}"):
            answer += connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"GET /heal")
        start = time.monotonic()
        assert _read_all(connection) == b""
        assert time.monotonic() - start < 3


def test_a_client_that_does_not_read_its_answer_is_cut_off(predictor, monkeypatch):
    monkeypatch.setattr("salgan.serve.connections._CHECK_WRITING", 0.2)
    large = io.BytesIO()
    Image.new("RGB", (2000, 2000)).save(large, "PNG")
    with serving(predictor) as client, _connect(client) as connection:
        head = _head(len(large.getvalue())).replace(b"predict", b"predict?output=npy")
        connection.sendall(head + large.getvalue())
        served = 'salgan_http_requests_total{method="POST",route="/v1/predict",status="200"}'
        until(lambda: metric(client, served) == 1)
        time.sleep(0.8)
        read = _read_all(connection)
        assert 0 < len(read) < 16_000_000  # a map of 2000 × 2000 floats is more


def test_an_honest_client_on_a_slow_line_gets_all_of_its_answer(predictor, monkeypatch):
    """16 MB in pieces: for many times as long as one that reads nothing is waited for."""
    monkeypatch.setattr("salgan.serve.connections._CHECK_WRITING", 0.3)
    large = io.BytesIO()
    Image.new("RGB", (2000, 2000)).save(large, "PNG")
    with serving(predictor) as client, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.settimeout(20)
        connection.connect((client.base_url.host, client.base_url.port))
        head = _head(len(large.getvalue()), "Connection: close")
        connection.sendall(head.replace(b"predict", b"predict?output=npy") + large.getvalue())
        start, read = time.monotonic(), 0
        while piece := connection.recv(131_072):
            read += len(piece)
            time.sleep(len(piece) / 8_000_000)
        assert read > 16_000_000
        assert time.monotonic() - start > 1.5


def test_of_too_many_answers_the_slowest_reader_loses_its_own_and_no_new_one_does(monkeypatch):
    monkeypatch.setattr("salgan.serve.guard._PATIENCE", 0.1)
    dropped = []
    telemetry = Telemetry("tiny", 4)
    held = HeldBytes(Limits(max_bytes=100), telemetry)
    for name, sent in (("slow", 10), ("fast", 300), ("new", 0)):
        answer = _Answer(400, lambda name=name: dropped.append(name))
        held.start(answer)
        answer.sent = sent
        time.sleep(0.2)
    assert dropped == ["slow"]
    assert telemetry.registry.get_sample_value("salgan_held_body_bytes") == 800


def test_beyond_twice_the_bound_the_slowest_reader_has_no_time_left_and_the_new_one_has():
    dropped = []
    held = HeldBytes(Limits(max_bytes=100), Telemetry("tiny", 4))
    for name, sent in (("fast", 300), ("slow", 10), ("third", 200), ("fourth", 200), ("new", 0)):
        answer = _Answer(500, lambda name=name: dropped.append(name))
        held.start(answer)
        answer.sent = sent
        time.sleep(0.01)
    assert dropped == ["slow"]


def test_a_full_temporary_disk_does_not_matter(service, monkeypatch):
    """A form's file stays in memory; nothing may be written beside it."""

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for name in ("TemporaryFile", "NamedTemporaryFile", "mkstemp", "_mkstemp_inner"):
        monkeypatch.setattr(tempfile, name, full)
    large = png(1500, 1200)
    large += b"\0" * (3_000_000 - len(large))
    for request in (
        {"files": {"picture": ("a.png", large), "regions": ("r.json", b"[]")}},
        {"content": large, "headers": PNG},
    ):
        assert service.post("/v1/predict?output=png16", **request).status_code == 200


def test_a_full_queue_answers_503_with_a_time_to_come_back_and_the_taken_ones_are_served():
    held = Held()
    with serving(held, Limits(max_batch=1, max_waiting=2)) as client:
        statuses = []
        threads = [
            threading.Thread(
                target=lambda: statuses.append(client.post("/v1/predict", content=PICTURE, headers=PNG))
            )
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        until(lambda: metric(client, "salgan_pictures_under_way") == 3)
        refused = client.post("/v1/predict", content=PICTURE, headers=PNG)
        assert refused.status_code == 503
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert "waiting" in _problem(refused)["detail"]
        assert client.get("/healthz").status_code == 200
        held.let.set()
        for thread in threads:
            thread.join()
        assert [response.status_code for response in statuses] == [200] * 3
        assert client.post("/v1/predict", content=PICTURE, headers=PNG).status_code == 200
        until(lambda: metric(client, "salgan_pictures_under_way") == 0)


def test_more_bytes_than_may_be_held_answer_503():
    held = Held()
    limits = Limits(max_bytes=20_000)
    with serving(held, limits) as client:
        with contextlib.ExitStack() as stack:
            for _ in range(11):
                connection = stack.enter_context(_connect(client))
                connection.sendall(_head(20_000) + b"x" * 18_500)
            until(lambda: metric(client, "salgan_held_body_bytes") == 11 * 18_500)
            refused = client.post("/v1/predict", content=PICTURE, headers=PNG)
            assert refused.status_code == 503
            assert "retry-after" in refused.headers
        until(lambda: metric(client, "salgan_held_body_bytes") == 0)


def test_what_takes_too_long_answers_504_and_holds_its_place_until_it_is_done():
    held = Held()
    with serving(held, Limits(timeout=0.3, max_batch=1)) as client:
        response = client.post("/v1/predict", content=PICTURE, headers=PNG)
        assert response.status_code == 504
        assert "0.3 s" in _problem(response)["detail"]
        assert metric(client, "salgan_pictures_under_way") == 1
        held.let.set()
        until(lambda: metric(client, "salgan_pictures_under_way") == 0)
        assert client.post("/v1/predict", content=PICTURE, headers=PNG).status_code == 200


def test_a_picture_whose_client_left_is_not_predicted():
    held = Held()
    with serving(held, Limits(max_batch=1)) as client:
        with _connect(client) as first, _connect(client) as second:
            first.sendall(_head(len(PICTURE)) + PICTURE)
            until(lambda: held.batches)
            second.sendall(_head(len(PICTURE)) + PICTURE)
            until(lambda: metric(client, "salgan_pictures_under_way") == 2)
        until(lambda: metric(client, "salgan_pictures_under_way") == 1)
        held.let.set()
        until(lambda: metric(client, "salgan_pictures_under_way") == 0)
    assert held.batches == [1]


def test_large_pictures_never_fill_the_threads_of_small_ones(monkeypatch):
    held = Held()
    decoded, predict = [], Batcher.predict
    monkeypatch.setattr(
        Batcher, "predict", lambda self, picture: (decoded.append(picture.shape), predict(self, picture))[1]
    )
    with serving(held, Limits(max_batch=2, max_pixels=40_000)) as client:
        large = {"content": png(200, 150), "headers": PNG}
        threads = [
            threading.Thread(target=client.post, args=("/v1/predict",), kwargs=large) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        until(lambda: decoded and metric(client, "salgan_pictures_under_way") == 4)
        small = {"content": PICTURE, "headers": PNG}
        threads.append(threading.Thread(target=client.post, args=("/v1/predict",), kwargs=small))
        threads[-1].start()
        until(lambda: len(decoded) == 2)
        held.let.set()
        for thread in threads:
            thread.join()
    assert decoded == [(150, 200, 3), (48, 64, 3), *[(150, 200, 3)] * 3]


def test_waiting_pictures_share_a_run_of_the_network(monkeypatch):
    held = Held()
    decoded, predict = [], Batcher.predict
    monkeypatch.setattr(
        Batcher, "predict", lambda self, picture: (decoded.append(picture), predict(self, picture))[1]
    )
    with serving(held, Limits(max_batch=3)) as client:
        threads = [
            threading.Thread(
                target=client.post, args=("/v1/predict",), kwargs={"content": PICTURE, "headers": PNG}
            )
            for _ in range(4)
        ]
        threads[0].start()
        until(lambda: held.batches == [1])
        for thread in threads[1:]:
            thread.start()
        until(lambda: metric(client, "salgan_pictures_under_way") == 4)
        until(lambda: len(decoded) == 3)  # two of the three wait for the network; a third has no thread yet
        time.sleep(0.1)
        held.let.set()
        for thread in threads:
            thread.join()
        assert sum(held.batches) == 4
        assert held.batches[:2] == [1, 2]
        assert metric(client, "salgan_batch_pictures_count") == len(held.batches)


class Remembering:
    """A model that says whether the pictures and maps that it once had are still in memory."""

    name = "remembering"

    def __init__(self, error: Exception | None = None) -> None:
        self.seen: list[weakref.ref] = []
        self._error = error

    def predict_batch(self, pictures):
        maps = [SaliencyMap(np.full(picture.shape[:2], 0.5, np.float32)) for picture in pictures]
        self.seen += [weakref.ref(each) for each in (*pictures, *(found.array for found in maps))]
        if self._error is not None:
            raise self._error
        return maps

    def gone(self) -> bool:
        return bool(self.seen) and all(each() is None for each in self.seen)


@pytest.mark.parametrize(
    ("path", "error", "status"),
    [
        ("/v1/predict", None, 200),
        ("/v1/crop?size=999x999", None, 422),
        ("/v1/regions?polygon=a:0,0,1,0,1,1", None, 422),
        ("/v1/predict", ModelError("it fails"), 500),
        ("/v1/predict", ZeroDivisionError("a bug"), 500),
        ("/v1/predict", TooManyTogetherError("too large"), 503),
    ],
)
def test_no_picture_stays_in_memory_after_its_answer(path, error, status, monkeypatch):
    """Neither with the network's thread nor in the frames of an error, whose circles nobody frees in time."""
    monkeypatch.setattr("salgan.serve.answers._MOST_POLYGON_PIXELS", 100)
    model = Remembering(error)
    with serving(model) as client:
        gc.disable()
        try:
            assert client.post(path, content=PICTURE, headers=PNG).status_code == status
            until(model.gone, 3)
        finally:
            gc.enable()


@pytest.mark.parametrize("name", ["max_bytes", "max_pixels", "max_waiting", "max_batch", "timeout"])
def test_limits_that_make_no_sense_are_refused(name):
    with pytest.raises(ConfigError, match=name):
        Limits(**{name: 0})


@pytest.mark.parametrize("name", ["timeout", "body_timeout"])
@pytest.mark.parametrize("seconds", [float("inf"), 1e30, 86_401])
def test_no_time_is_longer_than_a_day(name, seconds):
    assert getattr(Limits(**{name: 86_400}), name) == 86_400
    with pytest.raises(ConfigError, match=rf"^{name} .* at most 86400 seconds, a day$"):
        Limits(**{name: seconds})


def test_a_network_that_finds_no_memory_answers_503_and_when_to_come_back():
    with serving(Remembering(TooManyTogetherError("too large"))) as client:
        response = client.post("/v1/predict", content=PICTURE, headers=PNG)
        assert response.status_code == 503
        assert response.headers["retry-after"] == "5"
        assert _problem(response)["detail"].startswith("there is no memory left for this picture")


def test_more_pixels_than_the_library_reads_cannot_be_allowed():
    with pytest.raises(ConfigError, match="100000000"):
        Limits(max_pixels=100_000_001)
