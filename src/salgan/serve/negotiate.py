"""Which of the answers we have a client's Accept header asks for (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["choose"]


def choose(accept: str | None, offers: Sequence[str]) -> str | None:
    """The media type to answer with.

    Args:
        accept: the header, or None if there is none, which is as good as ``*/*``.
        offers: the media types there are; of equally welcome ones, the first.

    Returns:
        One of the offers, or None if the client wants none of them.

    >>> choose("image/*;q=0.5, application/json", ["image/png", "application/json"])
    'application/json'
    """
    ranges = [_parsed(entry) for entry in (accept or "*/*").split(",") if entry.strip()]
    welcome = [(_weight(offer, ranges), -place) for place, offer in enumerate(offers)]
    best, place = max(welcome)
    return offers[-place] if best > 0 else None


def _parsed(entry: str) -> tuple[str, float]:
    media_range, *parameters = (part.strip().lower() for part in entry.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return media_range, min(1.0, max(0.0, float(value)))
            except ValueError:
                return media_range, 0.0
    return media_range, 1.0


def _weight(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    """How welcome an offer is: by the most specific range that names it, 0 if none does."""
    kind = offer.partition("/")[0]
    for media_range in (offer, f"{kind}/*", "*/*"):
        weights = [weight for other, weight in ranges if other == media_range]
        if weights:
            return max(weights)
    return 0.0
