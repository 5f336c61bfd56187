"""The page that predicts in the browser: what it computes is what the library computes."""

import base64
import functools
import http.server
import io
import json
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from salgan import crop
from salgan.models.predictor import Predictor
from tests.serve import chromium

HERE = Path(__file__).parents[2]
WEB = HERE / "web"
MODEL = HERE / "release" / "lite-int8.onnx"
PACKAGES = WEB / "node_modules"
SIZES = [
    (800, 600), (640, 480), (321, 257), (1000, 300), (300, 1000), (320, 256), (97, 61), (1280, 720),
    (500, 500), (33, 400),
]  # fmt: skip

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
with_packages = pytest.mark.skipif(
    not (PACKAGES / "onnxruntime-web").is_dir(), reason="`make web` has not brought the npm packages"
)


@pytest.fixture(scope="module")
def pictures():
    """Ten pictures with structure at all scales, of many shapes."""
    found = []
    for seed, (width, height) in enumerate(SIZES):
        rng = np.random.default_rng(seed)
        coarse = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(int)
        noisy = smooth + rng.integers(-40, 41, (height, width, 3))
        found.append(np.clip(noisy, 0, 255).astype(np.uint8))
    return found


@pytest.fixture(scope="module")
def predictor():
    return Predictor(MODEL, threads=1)


def _in_node(folder, pictures, predictor, *model):
    """Run the page's modules in Node.js on these pictures."""
    from dataclasses import asdict

    record = {key: value for key, value in asdict(predictor.preprocessing).items() if value != ()}
    (folder / "record.json").write_text(json.dumps(record))
    (folder / "sizes.json").write_text(json.dumps([[p.shape[1], p.shape[0]] for p in pictures]))
    for at, picture in enumerate(pictures):
        opaque = np.full((*picture.shape[:2], 1), 255, np.uint8)
        (folder / f"{at}.rgba").write_bytes(np.concatenate([picture, opaque], axis=2).tobytes())
    line = ["node", HERE / "tests" / "web" / "node.mjs", folder, *model]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_the_network_sees_what_the_library_shows_it(tmp_path, pictures, predictor):
    _in_node(tmp_path, pictures, predictor)
    for at, picture in enumerate(pictures):
        expected = predictor.network_input([picture])
        dims = json.loads((tmp_path / f"{at}.dims.json").read_text())
        assert tuple(dims) == expected.shape
        got = np.fromfile(tmp_path / f"{at}.input", np.float32).reshape(dims)
        np.testing.assert_allclose(got / 255, expected / 255, atol=2e-3)


@with_packages
def test_a_second_client_of_the_onnx_file_finds_the_same_maps_and_crops(tmp_path, pictures, predictor):
    few = pictures[1:3]
    _in_node(tmp_path, few, predictor, MODEL)
    assert json.loads((tmp_path / "names.json").read_text()) == [["picture"], ["saliency"]]
    for at, picture in enumerate(few):
        height, width = picture.shape[:2]
        saliency = predictor.predict(picture)
        got = np.fromfile(tmp_path / f"{at}.map", np.float32).reshape(height, width)
        np.testing.assert_allclose(got, saliency.array, atol=2e-3)
        windows = [crop.largest(width, height, crop.parse_ratio(each)) for each in ("1:1", "16:9", "4:5")]
        for found, expected in zip(
            json.loads((tmp_path / f"{at}.crops.json").read_text()), crop.best(saliency, windows), strict=True
        ):
            assert (found["box"]["width"], found["box"]["height"]) == (expected.width, expected.height)
            assert found["kept"] == pytest.approx(expected.kept, abs=2e-3)


def test_npm_packages_are_pinned_and_the_lock_names_no_address():
    package = json.loads((WEB / "package.json").read_text())
    for version in {**package["dependencies"], **package["devDependencies"]}.values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    lock = (WEB / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert "integrity" in lock


def test_the_model_is_small_enough_for_a_page():
    assert MODEL.stat().st_size <= 6_000_000


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The page, built and served; what it asks for beside its own files is an error."""
    if why := chromium.why_not():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("site")
    import sys

    subprocess.run([sys.executable, WEB / "build.py", folder], check=True)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        extensions_map = {  # noqa: RUF012
            **http.server.SimpleHTTPRequestHandler.extensions_map,
            ".mjs": "text/javascript",
            ".wasm": "application/wasm",
        }

        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


_GIVE = """
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const blob = new Blob([bytes], { type: "image/png" });
  const given = (values) => {
    const raw = new Uint8Array(values.buffer, values.byteOffset, 4 * values.length);
    let signs = "";
    for (let at = 0; at < raw.length; at += 999) signs += String.fromCharCode(...raw.subarray(at, at + 999));
    return btoa(signs);
  };
"""
_INPUT = f"""async (text) => {{
  {_GIVE}
  const api = await import("./api.js");
  const {{ networkInput }} = await import("./predict.js");
  const {{ preprocessing }} = await (await fetch("model.json")).json();
  return given(networkInput(await api.pixelsOf(blob), preprocessing).values);
}}"""
_MAP = f"""async (text) => {{
  {_GIVE}
  const api = await import("./api.js");
  await api.settings();
  return given((await api.saliencyMap(blob)).values);
}}"""


def _floats(page, function, file):
    """What a function of the page makes of a picture's file, as float32."""
    return np.frombuffer(base64.b64decode(page.evaluate(function, base64.b64encode(file).decode())), "<f4")


@with_packages
def test_chromium_predicts_what_the_library_predicts_and_sends_nothing_anywhere(site, pictures, predictor):
    asked, trouble = [], []
    with chromium.browser() as browser:
        page = browser.new_page()
        page.on("request", lambda request: asked.append((request.method, request.url)))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.goto(site)
        page.wait_for_selector("#model:not(:empty)", timeout=60_000)
        for picture in pictures:
            file = io.BytesIO()
            Image.fromarray(picture).save(file, "PNG")
            got = _floats(page, _INPUT, file.getvalue())
            expected = predictor.network_input([picture]).ravel()
            np.testing.assert_allclose(got / 255, expected / 255, atol=2e-3)
        file = io.BytesIO()
        Image.fromarray(pictures[0]).save(file, "PNG")
        start = time.monotonic()
        page.set_input_files(
            "#file", files=[{"name": "a.png", "mimeType": "image/png", "buffer": file.getvalue()}]
        )
        page.wait_for_selector(".crops li", timeout=60_000)
        print(f"file chosen to crops shown: {time.monotonic() - start:.2f} s")
        found = _floats(page, _MAP, file.getvalue())
    height, width = pictures[0].shape[:2]
    saliency = predictor.predict(pictures[0]).array
    # WebAssembly rounds int8 sums elsewhere than this processor may; a map is far from that.
    np.testing.assert_allclose(np.reshape(found, (height, width)), saliency, atol=0.02)
    assert trouble == []
    assert {method for method, _ in asked} == {"GET"}
    assert all(url.startswith((site, "blob:", "data:")) for _, url in asked)
