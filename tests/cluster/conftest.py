"""A cluster of Ray with two workers, and a server of S3, each started once for all tests."""

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from salgan.errors import SalganError

pytest.importorskip("ray", reason="the extra cluster is not installed")
pytest.importorskip("pyarrow", reason="the extra cluster is not installed")

BUCKET = "pictures"


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of an empty bucket; the usual variables name its server, in this process and in actors."""
    server_module = pytest.importorskip("moto.server", reason="moto's server is not installed")
    from pyarrow import fs

    server = server_module.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        client = fs.S3FileSystem(
            endpoint_override=f"http://{host}:{port}", region="us-east-1", allow_bucket_creation=True
        )
        client.create_dir(BUCKET)
        yield f"s3://{BUCKET}"
    server.stop()


@pytest.fixture(scope="session")
def two_workers(s3: str) -> Iterator[None]:
    """Ray with two workers, which know the bucket; what runs in this process uses it."""
    from salgan.cluster.engine import cluster

    with pytest.MonkeyPatch.context() as patch:
        # Actors see the tests' own modules and this checkout.
        patch.setenv(
            "PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        )
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(cluster(2))
            except SalganError as error:
                pytest.skip(f"Ray does not start on this machine, or not in time: {error}")
            yield


def jpeg(number: int, width: int = 64, height: int = 48) -> bytes:
    """A picture's file; each number gives another picture."""
    rng = np.random.default_rng(number)
    coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    file = io.BytesIO()
    coarse.resize((width, height), Image.Resampling.BICUBIC).save(file, "JPEG")
    return file.getvalue()


def huge_png() -> bytes:
    """A PNG file of few bytes whose header promises 10 gigapixels."""
    file = io.BytesIO()
    Image.new("L", (1, 1)).save(file, "PNG")
    content = bytearray(file.getvalue())
    content[16:24] = (100_000).to_bytes(4, "big") * 2
    import zlib

    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


BAD = {"cut.jpg": jpeg(100)[:200], "huge.png": huge_png(), "text.png": b"no picture"}
"""Files that look like pictures by their names."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Nine good pictures of several sizes and shapes, in two folders, and three bad ones."""
    for number in range(9):
        path = tmp_path / "in" / ("more" if number > 5 else "") / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(number, 40 + 8 * number, 48))
    for name, content in BAD.items():
        (tmp_path / "in" / name).write_bytes(content)
    return tmp_path / "in"
