"""The service, in this process behind real sockets, or as the command in a process of its own."""

import contextlib
import io
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="the extra serve is not installed")

import httpx
import uvicorn

from salgan.cli import POT_BACKENDS
from salgan.models.predictor import Predictor
from salgan.saliency_map import SaliencyMap
from salgan.serve import Access, Limits, create_app
from salgan.serve.server import configured
from tests._onnx import tiny_model

T = TypeVar("T")


class Held:
    """A model that answers when it is let: for tests of what happens meanwhile."""

    name = "held"

    def __init__(self) -> None:
        self.let = threading.Event()
        self.batches: list[int] = []

    def predict_batch(self, pictures):
        self.batches.append(len(pictures))
        assert self.let.wait(20)
        return [SaliencyMap(np.full(picture.shape[:2], 0.5)) for picture in pictures]


@contextlib.contextmanager
def serving(predictor, limits: Limits | None = None, access: Access | None = None) -> Iterator[httpx.Client]:
    """A client of the service, which listens on a free port of this machine."""
    limits = limits or Limits()
    server = uvicorn.Server(configured(create_app(predictor, limits, access=access), limits))
    server.config.port = 0
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive()


def until(condition: Callable[[], T], seconds: float = 10) -> T:
    """Wait for something that must come, and return it."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)
    return found


def metric(client: httpx.Client, name: str) -> float:
    """A value of /metrics, by its name with labels."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def png(width: int = 64, height: int = 48, seed: int = 0) -> bytes:
    """A picture with structure, so that its map is not flat."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    file = io.BytesIO()
    small.resize((width, height), Image.Resampling.BICUBIC).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="session")
def predictor() -> Predictor:
    return Predictor(tiny_model(), name="tiny", threads=1)


@pytest.fixture(scope="session")
def quick_transport() -> Iterator[None]:
    """Import POT as the command does, without PyTorch: a first comparison that takes 30 s is late."""
    with pytest.MonkeyPatch.context() as patch:
        for name in POT_BACKENDS:
            patch.setenv(name, "1")
        pytest.importorskip("ot", reason="the extra eval is not installed")
        yield


@pytest.fixture(scope="session")
def service(predictor) -> Iterator[httpx.Client]:
    """One service with the default limits, for all tests that do not change it."""
    with serving(predictor) as client:
        yield client


@contextlib.contextmanager
def command(model: Path, *arguments: str, before: str = "") -> Iterator[tuple[subprocess.Popen, str]]:
    """``salgan serve`` in a process of its own, which runs some code ``before``, and its URL."""
    run = before + "import sys; from salgan.cli import main; sys.exit(main())"
    order = [sys.executable, "-c", run, "serve", "--port", "0", "--model", str(model), *arguments]
    with subprocess.Popen(order, stderr=subprocess.PIPE, text=True) as process:
        try:
            said = ""
            # Several workers may say something before all of them listen.
            while not (found := re.search(r"http://[^\s\"]+", said)):
                line = process.stderr.readline()
                assert line, said
                said += line
            yield process, found[0]
        finally:
            process.kill()
