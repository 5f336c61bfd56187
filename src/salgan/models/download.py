"""One file from the web: resumed where it broke off, verified, and put in place whole."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import ipaddress
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from salgan._progress import Progress, silent
from salgan._version import __version__
from salgan.errors import ModelError

__all__ = ["fetch"]

MAX_BYTES = 2 * 1024**3
"""Where no size is known, a download ends with an error here."""

_CHUNK = 1 << 18
_WORTH_A_RETRY = {408, 425, 429, 500, 502, 503, 504}


class _BrokenOffError(OSError):
    """The transfer ended early in a way that another attempt may fix."""


def fetch(
    url: str,
    path: Path,
    *,
    sha256: str,
    size: int | None = None,
    on_progress: Progress = silent,
    timeout: float = 30.0,
    attempts: int = 5,
    pause: float = 0.5,
) -> None:
    """Download a file to ``path``.

    Bytes are gathered in ``path`` + ``.part``, which survives a broken connection or a kill and is continued
    by the next call; only a file with the right hash gets the name ``path``. Processes that want the same
    file at once take turns.

    Args:
        url: ``https``, or ``http`` on this machine; redirects must keep to that.
        path: where the file goes; its folder is made.
        sha256: the SHA-256 of the whole file.
        size: the size of the whole file in bytes, if known.
        on_progress: is told ("downloading", bytes so far, bytes in all or None) now and then.
        timeout: seconds without an answer or a byte after which a connection is given up.
        attempts: connections made before giving up.
        pause: seconds before the second attempt; doubled before each further one.

    Raises:
        ModelError: another kind of URL, the server refuses, the connection keeps breaking (the part is kept),
            or size or hash are wrong (nothing is kept).
    """
    _check_url(url)
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _one_process_at_a_time(path.parent.with_name(path.parent.name + ".lock")):
            if path.exists():
                return
            # A part from another day may belong to another file: then the hash is wrong, and one fresh
            # download decides.
            while True:
                fresh = not part.exists()
                _gather(url, part, size, on_progress, timeout, attempts, pause)
                with part.open("rb") as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
                if found == sha256:
                    part.replace(path)
                    return
                part.unlink()
                if fresh:
                    raise ModelError(f"{url}: what came has sha256 {found}, not {sha256}; nothing was kept")
    except OSError as error:
        raise ModelError(f"{path}: cannot be written ({error.strerror or error})") from None


def _gather(
    url: str,
    part: Path,
    size: int | None,
    on_progress: Progress,
    timeout: float,
    attempts: int,
    pause: float,
) -> None:
    for attempt in range(attempts):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        try:
            return _transfer(url, part, size, on_progress, timeout)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:  # the part is longer than the file
                part.unlink(missing_ok=True)
            elif error.code not in _WORTH_A_RETRY:
                raise ModelError(f"{url}: the server answers {error.code} {error.reason}") from None
            reason = f"the server answers {error.code} {error.reason}"
        except (urllib.error.URLError, TimeoutError, ConnectionError, _BrokenOffError) as error:
            reason = str(getattr(error, "reason", error))
        except (http.client.HTTPException, UnicodeError) as error:
            reason = f"{type(error).__name__} {error}".strip()
    raise ModelError(f"{url}: cannot be downloaded ({reason}); run it again to go on where it broke off")


def _transfer(url: str, part: Path, size: int | None, on_progress: Progress, timeout: float) -> None:
    have = part.stat().st_size if part.exists() else 0
    if size is not None and have == size:
        return
    # Identity: a compressed transfer could be neither resumed nor measured.
    headers = {"User-Agent": f"salgan/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  (the URL was checked)
    with _opener().open(request, timeout=timeout) as response:
        if response.status == 206:
            total = _range_total(response.headers.get("Content-Range", ""), have)
        else:
            have = 0
            length = response.headers.get("Content-Length", "")
            total = int(length) if length.isascii() and length.isdigit() else None
        if size is not None and total is not None and total != size:
            part.unlink(missing_ok=True)
            raise ModelError(f"{url}: the server offers {total} bytes, not {size}; nothing was kept")
        limit = size if size is not None else MAX_BYTES
        with part.open("ab" if have else "wb") as file:
            while chunk := _receive(response):
                have += len(chunk)
                if have > limit:
                    break
                file.write(chunk)
                on_progress("downloading", have, size or total)
    if have > limit:
        part.unlink()
        raise ModelError(f"{url}: the server sends more than {limit} bytes; nothing was kept")
    expected = size if size is not None else total
    if expected is not None and have < expected:
        raise _BrokenOffError(f"the connection broke off at {have} of {expected} bytes")


def _receive(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(_CHUNK)
    except OSError as error:  # told apart here from a disk that is full
        raise _BrokenOffError(str(error)) from error


def _range_total(content_range: str, start: int) -> int | None:
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", content_range.strip())
    if match is None or int(match[1]) != start:
        raise _BrokenOffError(f"the server answers with another range ({content_range or 'none'})")
    return None if match[2] == "*" else int(match[2])


def _check_url(url: str) -> None:
    try:
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname or ""
        host.encode("idna")
        parts.port  # noqa: B018  (it is parsed now)
    except ValueError as error:
        raise ModelError(f"{url}: is not an address ({error})") from None
    if host and (parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(host))):
        return
    raise ModelError(f"{url}: only https addresses are downloaded from; fetch the file and name its path")


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        try:
            _check_url(newurl)
        except ModelError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_CheckedRedirects)


@contextlib.contextmanager
def _one_process_at_a_time(lock: Path) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:  # Windows: two at once would spoil the part, and the hash would say so
        yield
        return
    with lock.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
