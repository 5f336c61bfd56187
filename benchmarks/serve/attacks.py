"""Attacks that once filled the memory or blocked the service, each beside honest clients who want answers.

For each attack: how it was answered, the time to an answer of the honest clients (one picture of 640×480
after the other, two at a time), and the most memory that the service and its decoders held together. The run
fails if an honest client got anything but an answer or a 503 that says when to come back, if memory passed
the bound, or if the log holds a line that is not JSON.
"""

import argparse
import io
import resource
import socket
import statistics
import struct
import sys
import threading
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

BOUND = 1500
"""Megabytes that the service and its decoders may hold under any of the attacks, with the default limits."""

HONEST = 2
Attack = Callable[[Service, float], Counter[str]]


def post(service: Service, body: bytes, path: str = "/v1/predict", timeout: float = 90) -> str:
    """One request; the status, or how it failed."""
    try:
        headers = {"Content-Type": "application/octet-stream"}
        return str(httpx.post(service.url + path, content=body, headers=headers, timeout=timeout).status_code)
    except httpx.TransportError as error:
        return type(error).__name__


def repeated(
    service: Service, seconds: float, body: bytes, path: str = "/v1/predict", at_once: int = 8
) -> Counter[str]:
    """The same request again and again, so many at a time."""
    end, outcomes = time.monotonic() + seconds, Counter[str]()

    def one() -> None:
        while time.monotonic() < end:
            outcomes[post(service, body, path)] += 1

    with ThreadPoolExecutor(at_once) as clients:
        for _ in range(at_once):
            clients.submit(one)
    return outcomes


def scans(service: Service, seconds: float) -> Counter[str]:
    """A progressive JPEG whose last scan comes again and again: a small file, minutes of decoding."""
    return repeated(service, seconds, scanned(4900, 5000, 500_000))


def tile(service: Service, seconds: float) -> Counter[str]:
    """A TIFF of a few pixels in one tile of 8 GB."""
    return repeated(service, seconds, huge_tile())


def boxes(service: Service, seconds: float) -> Counter[str]:
    """50 boxes as large as the picture, of 25 megapixels in a small file."""
    query = "&".join(f"box=b{number}:0,0,1,{1 - number / 1000}" for number in range(50))
    return repeated(service, seconds, blank(5000, 5000), f"/v1/regions?{query}")


def polygons(service: Service, seconds: float, number: int = 4) -> Counter[str]:
    """As many polygons as large as the picture as are measured."""
    query = "&".join(f"polygon=p{each}:0,0,1,0,1,1,0,{1 - each / 1000}" for each in range(number))
    return repeated(service, seconds, blank(5000, 5000), f"/v1/regions?{query}")


def many_polygons(service: Service, seconds: float) -> Counter[str]:
    """50 of them, which are refused when the picture's size is known."""
    return polygons(service, seconds, 50)


def large(service: Service, seconds: float) -> Counter[str]:
    """Pictures of as many pixels as are allowed, overlays with everything drawn."""
    return repeated(
        service, seconds, blank(5000, 5000), "/v1/predict?output=overlay&contours=true&legend=true"
    )


def strips(service: Service, seconds: float) -> Counter[str]:
    """Pictures a pixel wide and as high as is allowed, half of them for suggestions if there are any."""
    body, half = blank(1, 25_000_000), seconds / 2
    return repeated(service, half, body) + repeated(service, half, body, "/v1/suggest")


def slow_readers(service: Service, seconds: float) -> Counter[str]:
    """Clients who ask for 100 MB of floats and read a few bytes now and then."""
    body, outcomes = blank(5000, 5000), Counter[str]()
    lines = ("POST /v1/predict?output=npy HTTP/1.1", "Host: 127.0.0.1", "Content-Type: image/png")
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])

    def one() -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                with socket.create_connection((service.host, service.port), 60) as connection:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                    connection.sendall(head.encode() + body)
                    first = connection.recv(1024)
                    outcomes[first.split(b" ", 2)[1].decode() if first else "closed"] += 1
                    while time.monotonic() < end and connection.recv(1024):
                        time.sleep(1)
            except (OSError, IndexError) as error:
                outcomes[type(error).__name__] += 1

    with ThreadPoolExecutor(15) as clients:
        for _ in range(15):
            clients.submit(one)
    return outcomes


def idle(service: Service, seconds: float) -> Counter[str]:
    """1,150 connections that ask for nothing, made anew when they are closed."""
    end, outcomes, lock = time.monotonic() + seconds, Counter[str](), threading.Lock()

    def some() -> None:
        held: list[socket.socket] = []
        while time.monotonic() < end:
            try:
                held.append(socket.create_connection((service.host, service.port), 5))
                with lock:
                    outcomes["connected"] += 1
            except OSError as error:
                with lock:
                    outcomes[type(error).__name__] += 1
            if len(held) > 230:
                held.pop(0).close()
                time.sleep(0.02)
        for connection in held:
            connection.close()

    with ThreadPoolExecutor(5) as clients:
        for _ in range(5):
            clients.submit(some)
    return outcomes


ATTACKS: tuple[Attack, ...] = (scans, tile, boxes, polygons, many_polygons, large, strips, slow_readers, idle)


def blank(width: int, height: int) -> bytes:
    """A small PNG of many white pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    start = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    data = zlib.compress((b"\0" + b"\xff" * (3 * width)) * height, 9)
    return b"\x89PNG\r\n\x1a\n" + start + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def scanned(width: int, height: int, length: int) -> bytes:
    """A progressive JPEG of so many bytes, most of them copies of its last scan."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(file, "JPEG", progressive=True, quality=50)
    content = file.getvalue().removesuffix(b"\xff\xd9")
    # It refines nothing: all blocks end in one run, so that it is short and yet passes all of them.
    last = content[content.rindex(b"\xff\xda") :]
    return content + last * max(1, (length - len(content)) // len(last)) + b"\xff\xd9"


def huge_tile() -> bytes:
    """A TIFF of 16×16 pixels whose only tile has 50,000 × 57,000."""
    entries = [
        (256, 4, 16), (257, 4, 16), (258, 3, 8), (259, 3, 1), (262, 3, 1), (277, 3, 3),
        (322, 4, 50_000), (323, 4, 57_008), (324, 4, 8), (325, 4, 100),
    ]  # fmt: skip
    directory = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries
    )
    return b"II*\0" + struct.pack("<I", 8) + directory + b"\0\0\0\0" + b"\0" * 32


class Honest:
    """Clients who send one small picture after the other, and come back when they are told to."""

    def __init__(self, service: Service) -> None:
        file = io.BytesIO()
        Image.open(PICTURE).convert("RGB").resize((640, 480)).save(file, "JPEG")
        self._body, self._service = file.getvalue(), service
        self.waits: list[float] = []
        self.outcomes = Counter[str]()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(HONEST)]

    def __enter__(self) -> "Honest":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        with httpx.Client(base_url=self._service.url, timeout=60) as client:
            while not self._over.is_set():
                start = time.perf_counter()
                for _ in range(20):
                    try:
                        response = client.post(
                            "/v1/predict", content=self._body, headers={"Content-Type": "image/jpeg"}
                        )
                    except httpx.TransportError as error:
                        self.outcomes[type(error).__name__] += 1
                        continue
                    self.outcomes[str(response.status_code)] += 1
                    if response.status_code != 503:
                        break
                    time.sleep(min(5.0, float(response.headers.get("retry-after", 1))))
                self.waits.append(time.perf_counter() - start)
                time.sleep(0.05)

    def said(self) -> dict[str, object]:
        """Statuses, and the times from the first try to the answer."""
        cuts = statistics.quantiles(self.waits, n=100, method="inclusive")
        times = {
            "p50 s": round(cuts[49], 2),
            "p99 s": round(cuts[98], 2),
            "longest s": round(max(self.waits), 2),
        }
        return {"pictures": len(self.waits), "statuses": dict(self.outcomes), **times}


def attacked(service: Service, attack: Attack, seconds: float) -> dict[str, object]:
    """One attack beside the honest clients."""
    over, most = threading.Event(), [0.0]

    def watch() -> None:
        while not over.wait(0.1):
            most[0] = max(most[0], service.family_megabytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    lines = service.log_lines()
    with Honest(service) as honest:
        outcomes = attack(service, seconds)
    over.set()
    watcher.join()
    return {
        "attack": dict(outcomes),
        "honest clients": honest.said(),
        "most MB": round(most[0]),
        "log lines per second": round((service.log_lines() - lines) / seconds, 1),
    }


def main() -> None:
    """Run the attacks that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("attacks", nargs="*", help="names of attacks; all if none is named")
    parser.add_argument("--model", default="lite", help="a model's name or an ONNX file")
    parser.add_argument("--seconds", type=float, default=20, help="for each attack")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    results: dict[str, object] = {}
    bad: list[str] = []
    for attack in ATTACKS:
        name = attack.__name__
        if options.attacks and name not in options.attacks:
            continue
        with serving(options.model, files=1024) as service:
            post(service, PICTURE.read_bytes())
            found = attacked(service, attack, options.seconds)
        print(name, found, file=sys.stderr)
        results[name] = found
        statuses = set(found["honest clients"]["statuses"])  # type: ignore[index]
        if not statuses <= {"200", "503"}:
            bad.append(f"{name}: honest clients were answered {statuses}")
        if found["most MB"] > BOUND:  # type: ignore[operator]
            bad.append(f"{name}: {found['most MB']} MB")
    about = {"date": date.today().isoformat(), "machine": machine(), "model": Path(options.model).name}
    save(
        "serve-attacks.json",
        {
            **about,
            "seconds each": options.seconds,
            "bound on memory, MB": BOUND,
            "attacks": results,
            "failed": bad,
        },
    )
    if bad:
        sys.exit("; ".join(bad))


if __name__ == "__main__":
    main()
