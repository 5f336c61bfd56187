"""The service around the pictures: ids, logs, metrics, health, headers, and an orderly end."""

import contextlib
import errno
import json
import logging
import os
import re
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from salgan._version import __version__
from salgan.errors import ModelError
from salgan.serve import Access
from salgan.serve.access import LOCAL_NAMES
from salgan.serve.observe import JsonFormatter
from salgan.serve.server import listen
from tests.serve.conftest import command, metric, png, serving, until

PICTURE = png()
PNG = {"Content-Type": "image/png"}


@pytest.mark.parametrize("given", ["a", "build-17.b_2", "x" * 64])
def test_a_sane_request_id_is_honoured(service, given):
    assert service.get("/healthz", headers={"X-Request-ID": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", 'a"b', "<script>", "a;b"])
def test_any_other_request_id_is_replaced(service, given):
    got = service.get("/healthz", headers={"X-Request-ID": given}).headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", got)


def test_the_end_of_an_answer_is_not_kept_back_until_its_beginning_is_acknowledged():
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_health_names_the_model_and_the_version(service):
    assert service.get("/healthz").json() == {"status": "ok", "model": "tiny", "version": __version__}


@pytest.mark.parametrize("path", ["/healthz", "/v1/models", "/metrics", "/"])
def test_head_is_answered_as_get_without_the_body(service, path):
    whole, head = service.get(path), service.head(path)
    assert (whole.status_code, head.status_code, head.content) == (200, 200, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]


def test_models_lists_the_models_by_name_and_says_which_one_is_loaded(service):
    from salgan.models import list_models

    models = service.get("/v1/models").json()["models"]
    assert [model["name"] for model in models if model["loaded"]] == ["tiny"]
    assert {record.name for record in list_models()} <= {model["name"] for model in models}


def test_metrics_count_requests_by_route_never_by_path(service):
    name = 'salgan_http_requests_total{method="GET",route="%s",status="%s"}'
    before = metric(service, name % ("other", 404))
    service.get("/no/such/path-1")
    service.get("/no/such/path-2")
    assert metric(service, name % ("other", 404)) == before + 2
    assert "path-1" not in service.get("/metrics").text
    assert metric(service, "process_resident_memory_bytes") > 1e6


def test_two_services_in_one_process_count_apart(predictor):
    with serving(predictor) as first, serving(predictor) as second:
        first.post("/v1/predict", content=PICTURE, headers=PNG)
        assert metric(first, "salgan_batch_pictures_sum") == 1
        assert metric(second, "salgan_batch_pictures_sum") == 0


def test_every_request_is_one_line_of_json_in_the_log(service, caplog):
    log = logging.getLogger("salgan")
    log.addHandler(caplog.handler)
    try:
        service.post("/v1/predict?box=secret:0,0,1,1", content=PICTURE, headers={**PNG, "X-Request-ID": "me"})
        mine = until(
            lambda: [r for r in caplog.records if getattr(r, "fields", {}).get("request_id") == "me"]
        )
    finally:
        log.removeHandler(caplog.handler)
    line = JsonFormatter().format(mine[0])
    entry = json.loads(line)
    assert "\n" not in line
    assert "secret" not in line
    assert entry["level"] == "info"
    assert (entry["method"], entry["path"], entry["status"]) == ("POST", "/v1/predict", 200)
    assert entry["bytes_in"] == len(PICTURE)
    assert entry["bytes_out"] > 100
    assert entry["ms"] > 0


def test_a_line_break_in_a_path_stays_in_its_line_of_the_log():
    record = logging.LogRecord("salgan.serve", logging.INFO, "", 1, "request", (), None)
    record.fields = {"path": '/a\n{"level": "forged"}'}
    assert len(JsonFormatter().format(record).splitlines()) == 1


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("GET", "/v1/predict", 405)]
)
def test_what_there_is_not_is_a_problem_document_too(service, method, path, status):
    response = service.request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


def test_a_parameter_that_makes_no_sense_is_named(service):
    response = service.post("/v1/predict?opacity=2", content=PICTURE, headers=PNG)
    assert response.status_code == 422
    assert "opacity" in response.json()["detail"]


def test_a_failing_model_is_a_500_that_tells_nothing_of_the_inside_and_the_service_goes_on():
    class Failing:
        name = "failing"

        def predict_batch(self, pictures):
            raise ModelError("at /secret/path")

    with serving(Failing()) as client:
        response = client.post("/v1/predict", content=PICTURE, headers=PNG)
        assert response.status_code == 500
        assert response.headers["content-type"] == "application/problem+json"
        assert "secret" not in response.text
        assert client.get("/healthz").status_code == 200


def test_the_page_and_its_parts_may_load_nothing_from_elsewhere(service):
    page = service.get("/")
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bon\w+=|style=", page.text)
    for link in re.findall(r'(?:src|href)="(/[^"]*)"', page.text):
        assert service.get(link).status_code == 200, link
    assert "https://" not in page.text


def test_static_files_stay_within_their_folder(service):
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/"):
        assert service.get(path).status_code in (404, 405)


def test_pages_that_would_load_scripts_from_the_network_are_not_there(service):
    assert service.get("/docs").status_code == service.get("/redoc").status_code == 404


def test_an_address_is_never_fetched(service):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.3)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/photo.png"
        for request in (
            {"content": url.encode(), "headers": PNG},
            {"data": {"picture": url}, "files": {"regions": b"[]"}},
            {"files": {"picture": url.encode()}},
            {
                "content": PICTURE,
                "headers": PNG,
                "params": {"url": url, "picture": url, "box": f"{url}:0,0,1,1"},
            },
        ):
            assert service.post("/v1/predict", **request).status_code in (200, 422)
        with pytest.raises(TimeoutError):
            listener.accept()


def test_a_local_service_answers_to_local_names_only(predictor):
    with serving(predictor, access=Access(hosts=LOCAL_NAMES)) as client:
        for host in ("localhost", "127.0.0.1:8000", "[::1]:9", "LocalHost"):
            assert client.get("/healthz", headers={"Host": host}).status_code == 200
        for host in ("evil.example", "127.0.0.1.evil.example", "[::1].evil"):
            assert client.get("/healthz", headers={"Host": host}).status_code in (200, 421)
        assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 421


def test_sigterm_finishes_what_was_taken_and_leaves_with_0(model):
    import httpx

    large = png(4000, 3000)
    with command(model) as (process, url):
        until(lambda: _is_up(url))
        answers = []
        client = threading.Thread(
            target=lambda: answers.append(
                httpx.post(f"{url}/v1/predict?output=png16", content=large, headers=PNG, timeout=30)
            )
        )
        client.start()
        until(lambda: "salgan_pictures_under_way 1.0" in httpx.get(f"{url}/metrics").text)
        process.send_signal(signal.SIGTERM)
        client.join()
        said = process.communicate(timeout=30)[1]
    assert answers[0].status_code == 200
    assert process.returncode == 0
    for line in said.splitlines():
        json.loads(line)
    assert "Traceback" not in said


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="bounds on open files are set and read as on Linux")
def test_where_files_run_out_the_log_says_so_without_lines_of_code():
    def line(number):
        try:
            raise OSError(number, os.strerror(number))
        except OSError:
            record = logging.LogRecord("asyncio", logging.ERROR, "", 0, "cannot accept", None, sys.exc_info())
        return JsonFormatter().format(record)

    assert "Too many open files" in line(errno.EMFILE)
    assert "Traceback" not in line(errno.EMFILE)
    assert "Traceback" in line(errno.EIO)


def test_more_connections_than_files_leave_room_for_requests_and_the_log_short(model):
    few = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128)); "
    with contextlib.ExitStack() as stack:
        process, url = stack.enter_context(command(model, before=few))
        place = urlsplit(url)
        for _ in range(300):
            idle = socket.create_connection((place.hostname, place.port), 5)
            stack.callback(idle.close)
        time.sleep(1)
        until(lambda: _is_up(url))
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=30)[1]
    assert process.returncode == 0
    assert len(said.splitlines()) < 30
    assert "Traceback" not in said


def _is_up(url):
    import httpx

    try:
        return httpx.get(f"{url}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_a_port_that_is_taken_is_one_line(salgan, model):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = salgan("serve", "--port", taken.getsockname()[1], "--model", model)
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert "choose another --host or --port" in said.err


def test_help_shows_a_line_to_type(salgan):
    said = salgan("serve", "--help")
    assert said.code == 0
    assert "/v1/predict?output=overlay" in said.out
