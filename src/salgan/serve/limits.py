"""How much the service takes on: bounds on sizes, numbers and times."""

from __future__ import annotations

from dataclasses import dataclass, fields

from salgan.errors import ConfigError
from salgan.image import MAX_PIXELS

__all__ = ["Limits"]

_DAY = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The service's limits. Anything beyond them is refused, with the status in brackets.

    Attributes:
        max_bytes: bytes of a request's body (413).
        max_pixels: pixels of a picture, refused before it is decoded (413).
        max_waiting: pictures that wait for their turn, compressed as they came (503).
        max_batch: pictures that are decoded, predicted and encoded at a time, and so at most in one run of
            the network.
        timeout: seconds from a picture's arrival to its answer (504).
        body_timeout: seconds in which a request's head, and then its body, must arrive (408).
        max_connections: open connections; when one more opens, the one that has been idle longest is closed.
        max_per_minute: pictures that one client may send in a minute (429); None for any number.

    Raises:
        ConfigError: a limit is not above zero, a time is more than a day, or there are more pixels than
            :data:`salgan.image.MAX_PIXELS`.
    """

    max_bytes: int = 25_000_000
    max_pixels: int = 25_000_000
    max_waiting: int = 32
    max_batch: int = 4
    timeout: float = 30.0
    body_timeout: float = 15.0
    max_connections: int = 500
    max_per_minute: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not value > 0:
                raise ConfigError(f"{field.name} {value} must be above zero")
        for name, seconds in (("timeout", self.timeout), ("body_timeout", self.body_timeout)):
            if seconds > _DAY:
                raise ConfigError(f"{name} {seconds:g} must be at most {_DAY:g} seconds, a day")
        if self.max_pixels > MAX_PIXELS:
            raise ConfigError(
                f"max_pixels {self.max_pixels} is above {MAX_PIXELS}, which no picture may have"
            )

    @property
    def max_held(self) -> int:
        """Bytes of bodies that are held at a time, and of answers that wait to be read (503)."""
        return 10 * self.max_bytes

    @property
    def large(self) -> int:
        """Pictures of more pixels than this have a queue of their own, so that small ones need not wait."""
        return self.max_pixels // 8

    @property
    def max_large(self) -> int:
        """Large pictures that are worked on at a time."""
        return max(1, self.max_batch // 2)

    @property
    def decode_seconds(self) -> float:
        """Processor time for decoding the largest picture (422); smaller ones get down to a fifth of it."""
        return max(2.0, self.timeout / 10)
