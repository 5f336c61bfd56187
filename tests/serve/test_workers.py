"""Several worker processes behind one port, started as the command starts them."""

import json
import os
import re
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests._onnx import tiny_model
from tests.serve.conftest import command, png, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals to processes")

PICTURE = png()
PROC = Path("/proc/self/task")
PNG = {"Content-Type": "image/png"}


def _ask(url, path="/v1/predict", content=PICTURE):
    """One request on a connection of its own; its status."""
    return httpx.post(url + path, content=content, headers=PNG, timeout=30).status_code


def _metric(url, name):
    found = re.search(rf"^{re.escape(name)} (\S+)$", httpx.get(f"{url}/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def _children(pid):
    """The worker processes: children that were spawned with the service's worker as their target."""
    numbers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(n) for n in numbers if b"spawn_main" in Path(f"/proc/{n}/cmdline").read_bytes()]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    model = tmp_path_factory.mktemp("model") / "tiny.onnx"
    model.write_bytes(tiny_model())
    with command(model, "--workers", "2", "--max-per-minute", "30") as (process, url):
        drain = threading.Thread(target=process.stderr.read, daemon=True)
        drain.start()
        yield process, url


def test_two_workers_answer_and_their_metrics_are_summed(two):
    _, url = two
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: _ask(url), range(24))) == {200}
    name = 'salgan_http_requests_total{method="POST",route="/v1/predict",status="200"}'
    # Whichever worker is asked, it knows of all.
    assert {_metric(url, name) for _ in range(6)} == {24.0}
    assert _metric(url, "salgan_workers") == 2
    assert _metric(url, "salgan_pictures_under_way") == 0
    assert _metric(url, "process_resident_memory_bytes") > 5e7


def test_the_rate_is_one_for_all_workers(two):
    _, url = two
    headers = {**PNG, "X-Forwarded-For": "192.0.2.77"}

    def ask(_):
        return httpx.post(f"{url}/v1/predict", content=b"no", headers=headers, timeout=30).status_code

    with ThreadPoolExecutor(4) as pool:
        start = time.monotonic()
        statuses = list(pool.map(ask, range(60)))
        seconds = time.monotonic() - start
    # One comes back every two seconds, and two requests in the same instant may count as one.
    assert 30 <= statuses.count(422) <= 30 + seconds / 2 + 5
    assert statuses.count(429) == 60 - statuses.count(422)


@pytest.mark.skipif(not PROC.exists(), reason="finds processes in /proc")
def test_a_worker_that_is_killed_is_replaced_and_the_others_answer_meanwhile(two):
    process, url = two
    before = _children(process.pid)
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    statuses = []
    end = time.monotonic() + 20
    while not (set(_children(process.pid)) - set(before) and _metric(url, "salgan_workers") == 2):
        statuses.append(httpx.get(f"{url}/readyz").status_code)
        assert time.monotonic() < end
        time.sleep(0.05)
    assert set(statuses) == {200}
    assert before[0] not in _children(process.pid)


def test_sigterm_finishes_what_was_taken_and_ends_every_worker(model):
    large = png(4000, 3000)
    with command(model, "--workers", "2") as (process, url):
        answers = []
        client = threading.Thread(target=lambda: answers.append(_ask(url, "/v1/predict?output=png16", large)))
        client.start()
        until(lambda: _metric(url, "salgan_pictures_under_way") == 1)
        workers = _children(process.pid) if PROC.exists() else []
        process.send_signal(signal.SIGTERM)
        client.join()
        said = process.communicate(timeout=30)[1]
    assert answers == [200]
    assert process.returncode == 0
    assert not any(Path(f"/proc/{number}").exists() for number in workers)
    for line in said.splitlines():
        json.loads(line)
