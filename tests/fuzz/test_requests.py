"""Requests to the service, sent as bytes: nothing between the test and the socket mends them."""

import contextlib
import re
import select
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from salgan.models.predictor import Predictor
from tests._onnx import tiny_model
from tests.fuzz.damage import JSON, damaged, deep, fuzz
from tests.serve.conftest import png, serving

PICTURE = png(16, 12)
WORDS = st.text(max_size=12) | st.sampled_from(
    ["%00", "%ff", "a" * 70_000, "*/*;q=x", "image/png", "1e999", "-1"]
)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["Accept", "Content-Type", "Content-Length", "Origin", "Sec-Fetch-Site", "Authorization", "Range",
         "Transfer-Encoding", "Expect", "If-None-Match", "X-Request-ID", "Content-Encoding", "Cookie"]
    ),
    WORDS
    | st.sampled_from(
        ["multipart/form-data; boundary=x", "multipart/form-data", "image/jpeg", "chunked", "100-continue",
         "http://[", "null", "bytes=-1", "Bearer \xe9", "99999999999999999999", "0", "application/json"]
    ),
    max_size=4,
)  # fmt: skip
PATHS = st.sampled_from(
    ["/v1/predict?output={}", "/v1/regions?box={}", "/v1/regions?polygon={}", "/v1/crop?ratio={}",
     "/v1/crop?size={}", "/v1/predict?opacity={}", "/static/{}", "/{}", "/healthz?{}", "/v1/models"]
)  # fmt: skip


def _form(regions: bytes) -> bytes:
    part = b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    return part % (b"picture", b'; filename="a"', PICTURE) + part % (b"regions", b"", regions) + b"--x--\r\n"


FORM = _form(b'[{"name": "a", "box": [0, 0, 1, 1]}]')
BODIES = (
    damaged([PICTURE, FORM])
    | (JSON.map(repr).map(str.encode) | deep).map(_form)
    | st.binary(max_size=60)
    | st.just(PICTURE)
)


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    """Where a service listens."""
    with serving(Predictor(tiny_model(), name="tiny", threads=1)) as client:
        yield client.base_url.host, client.base_url.port


def answer(address: tuple[str, int], request: bytes, *, whole: bool) -> bytes:
    """What comes back for the bytes of a request, or nothing if the service hangs up.

    The service would wait for the rest of a request that is not whole, so nothing more is promised then.
    """
    parts = []
    with socket.create_connection(address, timeout=20) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(request)
        if not whole and not select.select([connection], [], [], 0.05)[0]:
            connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(1 << 16):
            parts.append(part)
    return b"".join(parts)


def test_requests(address):
    good = _request("POST", "/v1/predict", {"Content-Type": "image/png"}, PICTURE)
    assert answer(address, good, whole=True).startswith(b"HTTP/1.1 200")

    @fuzz
    @given(
        st.sampled_from(["POST", "POST", "GET", "HEAD", "OPTIONS", "PUT", "BREW"]),
        PATHS,
        WORDS,
        HEADERS,
        BODIES,
        st.booleans(),
    )
    def takes(method, path, word, headers, body, form):
        if form:
            headers = {"Content-Type": "multipart/form-data; boundary=x"} | headers
        whole = not {"Content-Length", "Transfer-Encoding"} & set(headers)
        said = answer(address, _request(method, path.format(word), headers, body), whole=whole)
        status = re.match(rb"HTTP/1.1 (\d{3}) ", said)
        assert not said or status
        assert status is None or int(status[1]) in (503, *range(200, 500)), said[:2000]

    takes()


@fuzz
@given(
    damaged(
        [
            b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\n"
            b"Content-Length: 3\r\n\r\nabc",
            b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n0\r\n\r\n",
        ]
    )
)
def test_bytes_that_are_hardly_requests(address, sent):
    said = answer(address, sent, whole=False)
    status = re.match(rb"HTTP/1.1 (\d{3}) ", said)
    assert not said or status
    assert status is None or int(status[1]) < 500, said[:2000]


def _request(method: str, target: str, headers: dict[str, str], body: bytes) -> bytes:
    host = {"Host": "127.0.0.1", "Connection": "close", "Content-Length": str(len(body))}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in (host | headers).items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body
