"""What the service counts, in a registry of its own, by Prometheus' client library."""

from __future__ import annotations

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

from salgan._version import __version__

__all__ = ["Telemetry"]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Telemetry:
    """The service's metrics; labels take only values that the service itself chooses."""

    def __init__(self, model: str, max_batch: int) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        Info("salgan", "Version and model.", registry=self.registry).info(
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
            "salgan_held_body_bytes", "Bytes of request bodies held now.", registry=self.registry
        )
        self.pictures_under_way = Gauge(
            "salgan_pictures_under_way",
            "Pictures taken and not yet answered, waiting or being worked on.",
            registry=self.registry,
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
