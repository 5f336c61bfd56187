"""What is known of each request afterwards: its id, its line in the log, what it adds to the metrics."""

from __future__ import annotations

import datetime
import errno
import json
import logging
import os
import re
import threading
import time
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from salgan._version import __version__
from salgan.serve.problems import ProblemError, problem_response

__all__ = [
    "LOG_CONFIG",
    "METRICS_VARIABLE",
    "JsonFormatter",
    "Observe",
    "Telemetry",
    "log_everything_as_json",
    "logger",
]

logger = logging.getLogger("salgan.serve")
"""Fields beyond the message go into ``extra={"fields": {...}}``."""


_SHORTAGES = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})


class JsonFormatter(logging.Formatter):
    """One line of JSON per record: time (UTC), level, logger, message, fields, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record; whatever its values hold, it stays one line."""
        entry: dict[str, Any] = {
            "time": datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(
                "T", "milliseconds"
            ),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            error = record.exc_info[1]
            # Where a machine runs out of files, memory or disk, no line of code is at fault.
            short = isinstance(error, OSError) and error.errno in _SHORTAGES
            entry["exception"] = str(error) if short else self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


class OnceASecond(logging.Filter):
    """Lets each message of a logger pass once a second: asyncio says each time that it cannot accept."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the message has not been logged within the last second."""
        words = record.getMessage().partition("\n")[0]
        if record.created - self._said.get(words, 0.0) < 1.0:
            return False
        if len(self._said) > 100:
            self._said.clear()
        self._said[words] = record.created
        return True


LOG_CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"once a second": {"()": OnceASecond}},
    "formatters": {"json": {"()": JsonFormatter}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    # Whatever else speaks (asyncio, a library's warning) takes the same form.
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        **{
            name: {"handlers": ["stderr"], "level": "INFO", "propagate": False}
            for name in ("salgan", "uvicorn")
        },
        "asyncio": {"filters": ["once a second"]},
    },
}
"""For :func:`logging.config.dictConfig`; uvicorn's own words take the same form."""


def log_everything_as_json() -> None:
    """Send to the log what Python would otherwise print beside it: warnings, and what ends a thread."""
    logging.captureWarnings(True)

    def note(end: threading.ExceptHookArgs) -> None:
        if end.exc_value is not None:
            found = (end.exc_type, end.exc_value, end.exc_traceback)
            logger.error("a thread ended with an error", exc_info=found)

    threading.excepthook = note


_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "media-src blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Observe:
    """The outermost middleware.

    The id is the client's ``X-Request-ID`` if that is 1 to 64 letters, digits, dots, dashes and underscores,
    else a new one. It is in the answer, in the log and in every problem document.
    """

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        if method == "HEAD":
            # HEAD is allowed wherever GET is; the server leaves out the body by itself.
            scope = {**scope, "method": "GET"}
        given = Headers(scope=scope).get("x-request-id", "")
        identity = given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = identity
        start = time.perf_counter()
        status, sent = 0, 0

        async def noting(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = identity
                headers.update(_SECURITY_HEADERS)
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:  # a bug's client must get an answer, and its bug a place in the log
            problem = _problem_of(error)
            words = "a bug" if problem.status == 500 else "the machine is short of something"
            logger.exception(words, extra={"fields": {"request_id": identity}})
            if status:
                raise  # half an answer is out; the server breaks the connection off
            await problem_response(scope, problem)(scope, receive, noting)
        finally:
            self._note(scope, method, identity, status, sent, time.perf_counter() - start)

    def _note(self, scope: Scope, method: str, identity: str, status: int, sent: int, seconds: float) -> None:
        method = method if method in _METHODS else "other"
        # The template of a path, never the path itself: a label that clients choose would never end.
        route = getattr(scope.get("route"), "path", "other")
        self._telemetry.requests.labels(method, route, str(status)).inc()
        self._telemetry.seconds.labels(route).observe(seconds)
        fields = {
            "request_id": identity,
            "method": method,
            "path": scope["path"][:200],
            "status": status,
            "ms": round(1000 * seconds, 1),
            "bytes_in": scope["state"].get("bytes_in", 0),
            "bytes_out": sent,
        }
        logger.info("request", extra={"fields": fields})


_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


def _problem_of(error: Exception) -> ProblemError:
    """What to tell a client about an unforeseen error: nothing about the inside."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _SHORTAGES):
        return ProblemError(
            503,
            "this machine is short of memory, disk or open files; come back later",
            headers={"Retry-After": "10"},
        )
    return ProblemError(500, "something went wrong here, not with you; the log says what")


METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder in which workers count together; prometheus_client reads it when it is imported."""


class Telemetry:
    """The service's metrics; labels take only values that the service itself chooses.

    Attributes:
        shown: what /metrics shows: the metrics of this process, or of all workers together.
    """

    def __init__(self, model: str, max_batch: int) -> None:
        self.registry = self.shown = CollectorRegistry()
        if folder := os.environ.get(METRICS_VARIABLE):
            self.shown = CollectorRegistry()
            MultiProcessCollector(self.shown, path=folder)  # type: ignore[no-untyped-call]
            self.shown.register(_AllProcesses(Path(folder)))
        else:
            ProcessCollector(registry=self.shown)
            GCCollector(registry=self.shown)
        PlatformCollector(registry=self.shown)
        Info("salgan", "Version and model.", registry=self.shown).info(
            {"version": __version__, "model": model}
        )
        self.requests = Counter(
            "salgan_http_requests",
            "Requests that were answered, by route and status.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "salgan_http_request_seconds",
            "From a request's head to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.held_bytes = Gauge(
            "salgan_held_body_bytes",
            "Bytes of request bodies, and of answers on their way, that are held now.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.pictures_under_way = Gauge(
            "salgan_pictures_under_way",
            "Pictures taken and not yet answered, waiting or being worked on.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.batch_pictures = Histogram(
            "salgan_batch_pictures",
            "Pictures in one run of the network.",
            buckets=sorted({2**power for power in range(6) if 2**power < max_batch} | {max_batch}),
            registry=self.registry,
        )
        self.batch_seconds = Histogram(
            "salgan_batch_seconds",
            "One run of the network, with resizing before and after.",
            buckets=_SECONDS,
            registry=self.registry,
        )

    def note_batch(self, pictures: int, seconds: float) -> None:
        """Count one run of the network."""
        self.batch_pictures.observe(pictures)
        self.batch_seconds.observe(seconds)


class _AllProcesses(Collector):
    """The workers' memory, processor time and open files, summed; the start is that of the oldest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        # A worker keeps its gauges in a file with its number, which is removed when it has ended.
        numbers = sorted(int(file.stem.rpartition("_")[2]) for file in self._folder.glob("gauge_live*_*.db"))
        found: dict[str, list[Metric]] = {}
        for number in numbers:
            collector = ProcessCollector(pid=partial(int, number), registry=CollectorRegistry())
            for metric in collector.collect():
                found.setdefault(metric.name, []).append(metric)
        for name, metrics in found.items():
            combine = min if "start_time" in name else sum
            first = metrics[0]
            total = Metric(first.name, first.documentation, first.type)
            total.add_sample(
                first.samples[0].name, {}, combine(each.value for m in metrics for each in m.samples)
            )
            yield total
        workers = Metric("salgan_workers", "Worker processes that serve.", "gauge")
        workers.add_sample("salgan_workers", {}, len(numbers))
        yield workers
