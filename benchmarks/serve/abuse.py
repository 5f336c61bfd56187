"""200 malformed requests of ten kinds: no 5xx but 503, and the service still answers after each kind."""

import argparse
import io
import random
import socket
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import httpx
from _service import PICTURE, Service, machine, save, serving
from PIL import Image

JPEG = PICTURE.read_bytes()
BOUNDARY = "multipart/form-data; boundary=b"
Attack = Callable[[Service, random.Random], str]


def post(service: Service, body: bytes, media_type: str = "image/png", path: str = "/v1/predict") -> str:
    """What a client that keeps to HTTP is answered."""
    try:
        response = httpx.post(
            service.url + path, content=body, headers={"Content-Type": media_type}, timeout=60
        )
    except httpx.TransportError as error:
        return type(error).__name__
    return str(response.status_code)


def raw(service: Service, *pieces: bytes, pause: float = 0.0, wait: float = 20.0) -> str:
    """What a client that sends these bytes, with pauses between them, is answered."""
    with socket.create_connection((service.host, service.port), wait) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause)
            answer = connection.recv(4096)
        except (TimeoutError, ConnectionError) as error:
            return type(error).__name__
    return status_of(answer)


def status_of(answer: bytes) -> str:
    """The status of an answer's first bytes; of none, that the connection was closed."""
    return answer.split(b" ", 2)[1].decode() if answer.startswith(b"HTTP/") else "closed"


def head(length: int | str, media_type: str = "image/png") -> bytes:
    """A request's head that promises a body of so many bytes."""
    lines = ("POST /v1/predict HTTP/1.1", "Host: 127.0.0.1", f"Content-Type: {media_type}")
    return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode()


def png_header(width: int, height: int, data: bytes) -> bytes:
    """A PNG that promises so many pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    start = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + start + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")


def in_format(name: str) -> bytes:
    """The example picture in another format."""
    file = io.BytesIO()
    Image.open(PICTURE).convert("RGB").resize((120, 90)).save(file, name)
    return file.getvalue()


def truncated(service: Service, rng: random.Random) -> str:
    """A picture that ends early."""
    name = rng.choice(["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
    content = in_format(name)
    return post(service, content[: rng.randrange(len(content) * 9 // 10)], f"image/{name.lower()}")


def flipped(service: Service, rng: random.Random) -> str:
    """A picture some of whose bytes are others; some of these can still be read, which is a 200."""
    content = bytearray(in_format(rng.choice(["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])))
    for _ in range(30):
        content[rng.randrange(len(content))] = rng.randrange(256)
    return post(service, bytes(content), "application/octet-stream")


def bomb(service: Service, rng: random.Random) -> str:
    """A small file of very many pixels, some within the limit and full of zeros, some beyond."""
    width, height = rng.choice([(4900, 5000), (30_000, 30_000), (2**31 - 1, 2**31 - 1), (1, 25_000_001)])
    data = b"\0" * (height * (3 * width + 1)) if width * height < 25_000_000 else b"\0" * 1_000_000
    return post(service, png_header(width, height, data))


def noise(service: Service, rng: random.Random) -> str:
    """Random bytes called a picture."""
    return post(service, rng.randbytes(rng.randrange(1, 5000)), "image/jpeg")


def wrong_type(service: Service, rng: random.Random) -> str:
    """A body that does not even say it is a picture."""
    kind = rng.choice(["text/plain", "application/json", "application/pdf", "video/mp4", "", "a/b/c", "\xff"])
    return raw(service, head(5, kind) + b"hello")


def wrong_form(service: Service, rng: random.Random) -> str:
    """A form that is cut, garbled, without its file, or with too much in it."""
    part = b'--b\r\nContent-Disposition: form-data; name="picture"; filename="x"\r\n\r\n'
    whole = part + JPEG + b"\r\n--b--\r\n"
    body = rng.choice(
        [
            whole[: rng.randrange(len(whole))],
            rng.randbytes(2000),
            part * 30,
            b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n' + b"y" * 3_000_000,
            b'--b\r\nContent-Disposition: form-data; name="picture"\r\n\r\nhttp://127.0.0.1:1/x.png\r\n--b--\r\n',
        ]
    )
    return post(service, body, BOUNDARY)


def too_long(service: Service, rng: random.Random) -> str:
    """More bytes than are taken: said before, or found out on the way."""
    if rng.random() < 0.5:
        return raw(service, head(10 ** rng.randrange(8, 30)) + b"x" * 1000)
    chunk = b"%x\r\n" % 1_000_000 + b"x" * 1_000_000 + b"\r\n"
    start = head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    return raw(service, start, *[chunk] * 40)


def wrong_http(service: Service, rng: random.Random) -> str:
    """Bytes that are no HTTP, or lengths that are none."""
    pieces = [
        rng.randbytes(500),
        b"GET / HTTP/9.9\r\n\r\n",
        head(-5),
        head("a"),
        b"POST /v1/predict HTTP/1.1\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ]
    return raw(service, rng.choice(pieces))


def slow(service: Service, rng: random.Random) -> str:
    """A body, or a head, of which a byte comes now and then."""
    start = head(5000) if rng.random() < 0.5 else head(5000)[:40]
    return raw(service, start, *[b"x"] * 12, pause=0.4, wait=30)


def half_open(service: Service, rng: random.Random) -> str:
    """A client that leaves in the middle, or falls silent."""
    with socket.create_connection((service.host, service.port), 30) as connection:
        connection.sendall(rng.choice([b"", b"POST ", head(len(JPEG)), head(len(JPEG)) + JPEG[:3000]]))
        if rng.random() < 0.7:
            return "left"
        return status_of(connection.recv(4096))


ATTACKS: tuple[Attack, ...] = (
    truncated, flipped, bomb, noise, wrong_type, wrong_form, too_long, wrong_http, slow, half_open,
)  # fmt: skip


def several(attack: Attack, service: Service, times: int, seed: int) -> list[str]:
    """The same kind so many times, five at a time, each with random numbers of its own."""
    name = attack.__name__
    with ThreadPoolExecutor(5) as clients:
        rngs = [random.Random(f"{seed} {name} {number}") for number in range(times)]  # noqa: S311
        return list(clients.map(lambda rng: attack(service, rng), rngs))


def main() -> None:
    """Run every kind, look after each whether the service still predicts, and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="lite", help="a model's name or an ONNX file")
    parser.add_argument("--each", type=int, default=20, help="requests of each of the ten kinds")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    kinds: dict[str, dict[str, int]] = {}
    with serving(options.model) as service:
        post(service, JPEG, "image/jpeg")
        before = service.resident_megabytes()
        for attack in ATTACKS:
            outcomes = Counter(several(attack, service, options.each, options.seed))
            kinds[attack.__name__] = dict(outcomes)
            after = post(service, JPEG, "image/jpeg")
            print(attack.__name__, dict(outcomes), "then", after, file=sys.stderr)
            if after != "200":
                sys.exit(f"after {attack.__name__} a good picture is answered {after}")
        resident = service.resident_megabytes()
    outcomes = Counter[str]()
    for kind in kinds.values():
        outcomes.update(kind)
    bad = {status: many for status, many in outcomes.items() if status.startswith("5") and status != "503"}
    save(
        "serve-abuse.json",
        {
            "date": date.today().isoformat(),
            "machine": machine(),
            "model": Path(options.model).name,
            "requests": sum(outcomes.values()),
            "outcomes by kind": kinds,
            "5xx other than 503": bad,
            "a good picture after each kind": 200,
            "resident MB before and after": [round(before), round(resident)],
        },
    )
    if bad:
        sys.exit(f"answered {bad}")


if __name__ == "__main__":
    main()
