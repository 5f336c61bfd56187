"""The page of the documentation: its commands and its Python do what they say."""

import io
import json
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from salgan import image
from tests import _fenced
from tests.serve.conftest import png

PAGE = "docs/serve.md"


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_the_commands_run_as_they_are_written(service, tmp_path, quick_transport):
    Image.open(io.BytesIO(png(800, 600))).convert("RGB").save(tmp_path / "photo.jpg")
    lines = "".join(_fenced.texts(PAGE, "")).replace("\\\n", "").splitlines()
    commands = [line for line in lines if line.startswith("curl ")]
    assert len(commands) == 9
    said = []
    for command in commands:
        here = command.replace("http://127.0.0.1:8000", str(service.base_url).rstrip("/"))
        done = subprocess.run(
            ["bash", "-c", here.replace("curl ", "curl --fail --silent ", 1)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, command
        said.append(done.stdout)
    assert image.read(tmp_path / "overlay.png").shape == (600, 800, 3)
    assert np.load(tmp_path / "map.npy", allow_pickle=False).shape == (600, 800)
    assert '"name":"cta"' in said[2]
    assert said[3].startswith("name,x,y")
    assert '"for":"16:9"' in said[4]
    assert image.read(tmp_path / "crop.png").shape == (300, 400, 3)
    assert '"moved":' in said[6]
    assert said[7].count('"report":') == 2
    point = json.loads((tmp_path / "focal.json").read_text())
    assert 0 <= point["x"] <= 1
    assert 0 <= point["y"] <= 1


@pytest.mark.skipif(shutil.which("jq") is None, reason="there is no jq here")
def test_the_image_servers_get_the_point_that_was_found(tmp_path):
    (tmp_path / "focal.json").write_text('{"picture": {"width": 800, "height": 600}, "x": 0.25, "y": 0.335}')
    blocks = [text for text in _fenced.texts(PAGE, "") if text.startswith("echo")]
    said = [
        subprocess.run(["bash", "-c", text], cwd=tmp_path, capture_output=True, text=True).stdout
        for text in blocks
    ]
    assert said == [
        "/insecure/rs:fill:600:400/gravity:fp:0.25:0.335/plain/local:///photo.jpg\n",
        "/unsafe/600x400/filters:focal(200x201:201x202)/photo.jpg\n",
    ]


def test_the_python_runs_as_it_is_written(predictor, monkeypatch):
    monkeypatch.setattr("salgan.models.load_model", lambda: predictor)
    code = _fenced.code(PAGE)
    names = {}
    exec(compile(code, "serve.md", "exec"), names)  # noqa: S102  (our own documentation)
    assert names["app"].title == "salgan"


def test_the_limits_are_those_that_it_says():
    from salgan.serve import Limits

    limits = Limits()
    text = _fenced.text_of(PAGE)
    assert f"| {limits.max_bytes // 1_000_000} MB |" in text
    assert f"| {limits.max_pixels // 1_000_000} megapixels |" in text
    assert f"| {limits.max_waiting} | `--max-waiting`" in text
    assert f"| {limits.max_batch} | `--max-batch`" in text
    assert f"| {limits.timeout:g} s | `--timeout`" in text
    assert f"| {limits.body_timeout:g} s |" in text
