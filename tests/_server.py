"""A real HTTP server on this machine that serves one file, and misbehaves where the path says so."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Web:
    """The server's address, and what it was asked: (path, Range header) in order."""

    address: str
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"{self.address}/{path}"

    def ranges(self) -> list[str | None]:
        return [asked_range for _, asked_range in self.asked]


@contextlib.contextmanager
def serving(content: bytes) -> Iterator[Web]:
    """Serve ``content`` at these paths:

    good            honours Range
    no-range        always answers with the whole file
    cut-off         breaks off after a third of the file, every time; honours Range
    cut-at-once     promises the file, sends nothing
    missing, gone   404, 410
    busy            503 at the first request, then good
    offers-less     a Content-Length of one byte less
    other-bytes     the right length, another content
    endless         no Content-Length, never stops
    other-range     206 with another start than asked for
    past-the-end    416 to any Range
    stalls          sends the headers and then nothing
    moved           redirects to good
    moved-away      redirects to plain http on another machine
    """
    web = Web("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def log_message(self, *_):
            pass

        def _send(self, status: int, body: bytes, **headers: object) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), str(value))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

        def do_GET(self):
            path, asked_range = self.path.removeprefix("/"), self.headers.get("Range")
            first = not any(path == other for other, _ in web.asked)
            web.asked.append((path, asked_range))
            start = int(asked_range.removeprefix("bytes=").removesuffix("-")) if asked_range else 0
            rest, whole = content[start:], len(content)
            partial = {"Content_Range": f"bytes {start}-{whole - 1}/{whole}"} if asked_range else {}
            status = 206 if asked_range else 200
            match path:
                case "good" | "busy" if path == "good" or not first:
                    self._send(status, rest, Content_Length=len(rest), **partial)
                case "busy":
                    self._send(503, b"")
                case "no-range":
                    self._send(200, content, Content_Length=whole)
                case "cut-off":
                    self._send(status, rest[: whole // 3 + 1], Content_Length=len(rest), **partial)
                case "cut-at-once":
                    self._send(200, b"", Content_Length=whole)
                case "offers-less":
                    self._send(200, content[:-1], Content_Length=whole - 1)
                case "other-bytes":
                    self._send(200, b"x" * whole, Content_Length=whole)
                case "endless":
                    self._send(200, b"x" * (1 << 20))
                case "other-range":
                    self._send(
                        206, content, Content_Length=whole, Content_Range=f"bytes 0-{whole - 1}/{whole}"
                    )
                case "past-the-end":
                    if asked_range:
                        self._send(416, b"")
                    else:
                        self._send(200, content, Content_Length=whole)
                case "stalls":
                    self._send(200, b"", Content_Length=whole)
                    time.sleep(1)
                case "moved":
                    self._send(302, b"", Location="/good")
                case "moved-away":
                    self._send(302, b"", Location="http://example.invalid/model.onnx")
                case "gone":
                    self._send(410, b"")
                case _:
                    self._send(404, b"")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
