"""Who may ask: the names the service answers to, the web pages that may use it, and its token."""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from salgan.errors import ConfigError
from salgan.serve.problems import ProblemError

__all__ = ["LOCAL_NAMES", "Access"]

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

_LEAST_TOKEN = 16
_OPEN_PATHS = frozenset({"/", "/api", "/healthz", "/readyz"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may use the service. By default that is anyone who can reach it, except other websites' pages.

    Attributes:
        hosts: names that a request may call the service by, in lower case and without a port (421 for
            others); None for any. A service for this machine alone answers only to this machine's names;
            otherwise any web page could reach it by a name of its own that points here (DNS rebinding).
        public_hosts: which of these names belong to a proxy in front; pages from there are the service's own.
        cors_origins: websites whose pages may use the service, such as ``https://example.org``; ``*`` for
            all.
        token: what a request must bring as ``Authorization: Bearer TOKEN`` (401), or None.

    Raises:
        ConfigError: a token that is too short or cannot stand in a header, or an origin that is not one.
    """

    hosts: Collection[str] | None = None
    public_hosts: Collection[str] = ()
    cors_origins: Collection[str] = ()
    token: str | None = None

    def __post_init__(self) -> None:
        if self.token is not None and (
            len(self.token) < _LEAST_TOKEN or not self.token.isascii() or not self.token.isprintable()
        ):
            raise ConfigError(
                f"SALGAN_TOKEN must have at least {_LEAST_TOKEN} printable ASCII characters; make one with: "
                "python -c 'import secrets; print(secrets.token_urlsafe())'"
            )
        for origin in self.cors_origins:
            parts = urlsplit(origin)
            if origin not in ("*", "null") and origin != f"{parts.scheme}://{parts.netloc}":
                raise ConfigError(
                    f"--cors-origin {origin}: write scheme and host, such as https://example.org"
                )

    def check(self, scope: Scope) -> None:
        """Let a request pass.

        Raises:
            ProblemError: 421, 403 or 401.
        """
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self.hosts is not None and _host_name(host) not in self.hosts:
            raise ProblemError(
                421,
                f"this service answers to {', '.join(sorted(self.hosts))} only; "
                "--allow-host adds the name that a proxy hands on",
            )
        if scope["method"] not in _READING and not self._is_welcome(headers, host):
            raise ProblemError(
                403,
                "this request comes from another website's page; --cors-origin names the sites that may ask",
            )
        if self.token is not None and not _is_open(scope["path"]):
            self._check_token(headers)

    def _is_welcome(self, headers: Headers, host: str) -> bool:
        """Whether a request comes from no page, from our own, or from one that is allowed.

        A browser says where a request comes from in headers that pages cannot change. Other programs send
        neither.
        """
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site in ("same-origin", "none") or (site is None and origin is None):
            return True
        if origin is None:
            return False
        if origin in self.cors_origins or "*" in self.cors_origins:
            return True
        try:
            parts = urlsplit(origin.lower())
            name = parts.hostname or ""
        except ValueError:
            return False
        own = host.lower().removesuffix(_DEFAULT_PORTS.get(parts.scheme, ""))
        is_own = parts.scheme in _DEFAULT_PORTS and own != "" and parts.netloc == own
        return is_own or name in self.public_hosts

    def _check_token(self, headers: Headers) -> None:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        expected = (self.token or "").encode()
        # Compared in constant time: how long it takes must not tell how much of a guess is right.
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), expected):
            raise ProblemError(
                401,
                "this service asks for a token: send the header Authorization: Bearer TOKEN",
                headers={"WWW-Authenticate": 'Bearer realm="salgan"'},
            )


def _is_open(path: str) -> bool:
    """Whether a path needs no token: the pages, which hold no secrets, and what supervisors look at."""
    return path in _OPEN_PATHS or path.startswith("/static/")


def _host_name(host: str) -> str:
    """The name of a Host header, without its port."""
    if host.startswith("["):
        return host.partition("]")[0].removeprefix("[")
    return host.partition(":")[0].lower()
