"""Whatever bytes a reader is given, it answers or raises our own error: never a traceback of somebody else's.

The suite tries some dozens of inputs per reader; ``make fuzz`` tries thousands (SALGAN_FUZZ=number).
"""

import contextlib
import io
import json
import os
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from salgan import image
from salgan.errors import SalganError
from salgan.models.predictor import Predictor
from salgan.preprocessing import Preprocessing
from salgan.regions import read_regions
from tests._onnx import tiny_model

EXAMPLES = int(os.environ.get("SALGAN_FUZZ", "40"))
fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="SALGAN_FUZZ" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def pictures() -> list[bytes]:
    """One small picture in each common format."""
    made = []
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "AVIF"):
        buffer = io.BytesIO()
        Image.effect_noise((24, 16), 60).convert("RGB").save(buffer, kind)
        made.append(buffer.getvalue())
    return made


@st.composite
def damaged(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """A good file with bytes changed, cut out, doubled or added; a PNG's checksums are made right again."""
    content = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        what = draw(st.sampled_from(["change", "cut", "double", "add"]))
        if what == "change" and content:
            content[at] = draw(st.integers(0, 255))
        elif what == "cut":
            del content[at : at + draw(st.integers(1, 64))]
        elif what == "double":
            content[at:at] = content[at : at + draw(st.integers(1, 64))]
        else:
            content[at:at] = draw(st.binary(min_size=1, max_size=8))
    return _right_checksums(bytes(content))


def _right_checksums(content: bytes) -> bytes:
    """Without this nearly every damaged PNG ends at its first checksum."""
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        return content
    out, at = [content[:8]], 8
    while at + 12 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        if at + 12 + length > len(content):
            break
        chunk = content[at + 4 : at + 8 + length]
        out += [content[at : at + 4], chunk, zlib.crc32(chunk).to_bytes(4, "big")]
        at += 12 + length
    return b"".join([*out, content[at:]])


@fuzz
@given(damaged(pictures()) | st.binary(max_size=200))
def test_pictures(content):
    try:
        array = image.read(content)
    except SalganError as error:
        assert "\n" not in str(error)
    else:
        assert array.dtype == np.uint8
        assert array.ndim == 3


@fuzz
@given(damaged([tiny_model()]) | st.binary(max_size=200))
def test_models(content):
    try:
        Predictor(content)
    except SalganError as error:
        assert "\n" not in str(error)


@fuzz
@given(JSON.map(json.dumps) | damaged([Preprocessing(height=24, width=32).to_json().encode()]).map(repr))
def test_records_of_preprocessing(text):
    try:
        Preprocessing.from_json(text)
    except SalganError as error:
        assert "\n" not in str(error)


REGIONS = [
    json.dumps([{"name": "cta", "box": [0.6, 0.8, 0.3, 0.1]}]).encode(),
    b"name,x,y,width,height\ncta,0.6,0.8,0.3,0.1\n",
]


@pytest.mark.parametrize("ending", ["json", "csv"])
def test_files_of_regions(ending, tmp_path):
    path = tmp_path / f"regions.{ending}"

    @fuzz
    @given(damaged(REGIONS) | JSON.map(json.dumps).map(str.encode) | st.binary(max_size=100))
    def reads(content):
        path.write_bytes(content)
        try:
            read_regions(path)
        except SalganError as error:
            assert "\n" not in str(error)

    reads()


def test_recipes(tmp_path):
    pytest.importorskip("yaml")
    from salgan.training import load_config

    path = tmp_path / "recipe.yaml"
    good = b"data: .\nout: run\nsources:\n  - {path: a, train: all}\nbootstrap: {epochs: 1}\n"

    @fuzz
    @given(damaged([good]) | JSON.map(json.dumps).map(str.encode))
    def reads(content):
        path.write_bytes(content)
        with contextlib.suppress(SalganError):
            load_config(path, [])

    reads()
