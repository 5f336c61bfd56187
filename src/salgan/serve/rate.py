"""How many pictures a minute each client may send, in memory that does not grow with the clients."""

from __future__ import annotations

import hashlib
import ipaddress
import math
import secrets
import time
from collections.abc import MutableSequence
from multiprocessing.sharedctypes import RawArray

from starlette.types import Scope

from salgan.serve.problems import ProblemError

__all__ = ["RateLimit"]

_SLOTS = 1 << 17
_ROWS = 3
_MINUTE = 60.0


class RateLimit:
    """Lets each client send so many pictures at once, and gives each of them back in its part of a minute.

    That is the generic cell rate algorithm: of a client only the moment is kept at which all its pictures
    will be given back. The moments lie in a table of fixed size in which a client has three places, found by
    a hash with a secret key; only who shares all three with another one would be slowed down by it. Worker
    processes that this object is handed to share the table. Nothing locks it: two requests of one client in
    the same instant may count as one.

    Args:
        per_minute: pictures; None lets everything pass.
    """

    def __init__(self, per_minute: int | None) -> None:
        self._per_minute = per_minute
        self._key = secrets.token_bytes(16)
        # Shared memory is asked for only where there is something to share.
        self._moments: MutableSequence[float] = RawArray("d", _ROWS * _SLOTS) if per_minute else []

    def take_more(self, scope: Scope, pictures: int) -> None:
        """Count the further pictures of a request that was counted as one.

        Raises:
            ProblemError: 429, as for :meth:`take`; 422, they are more than a client may ever send together.
        """
        if self._per_minute is not None and pictures >= self._per_minute:
            raise ProblemError(
                422, f"this service takes {self._per_minute} pictures a minute from a client; send fewer"
            )
        self.take(scope, pictures)

    def take(self, scope: Scope, pictures: int = 1) -> None:
        """Count pictures of the client that a request comes from.

        Raises:
            ProblemError: 429, it has sent too many.
        """
        if self._per_minute is None or pictures == 0:
            return
        each = _MINUTE / self._per_minute
        now = time.monotonic()  # which all processes of a machine share
        places = self._places(scope)
        free = max(now, min(self._moments[place] for place in places)) + pictures * each
        if (late := free - now - _MINUTE) > 1e-6:
            raise ProblemError(
                429,
                f"more than {self._per_minute} pictures a minute from this address; come back later",
                headers={"Retry-After": str(max(1, math.ceil(late)))},
            )
        for place in places:
            self._moments[place] = max(self._moments[place], free)

    def _places(self, scope: Scope) -> list[int]:
        name = _network(scope["client"][0]) if scope.get("client") else ""
        digest = hashlib.blake2b(name.encode(), key=self._key, digest_size=4 * _ROWS).digest()
        rows = (int.from_bytes(digest[4 * row : 4 * row + 4], "big") for row in range(_ROWS))
        return [row * _SLOTS + number % _SLOTS for row, number in enumerate(rows)]


def _network(address: str) -> str:
    """What counts as one client: an IPv4 address, or the IPv6 network that a subscriber is given whole."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(parsed.ipv4_mapped or ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
