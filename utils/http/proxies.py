"""X-Forwarded-For, -Proto and -Host of trusted proxies, and of nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any

from flask import Flask

from utils.settings import Network, Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# As proxies write a client down: also with its port, IPv6 then in brackets.
_HOP = re.compile(r"(\d+(?:\.\d+){3})(?::\d+)?|\[([^\]]+)\](?::\d+)?|([0-9A-Fa-f:.]+)")
_HOST = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?", re.ASCII)


def install(app: Flask, settings: Settings) -> None:
    """Give an app the client, scheme and host that its trusted proxies state."""
    if settings.proxies:
        inner = app.wsgi_app
        app.wsgi_app = TrustedProxies(inner, settings.proxies)  # type: ignore[method-assign, assignment]


class TrustedProxies:
    """Middleware that replaces the address, scheme and host of a proxy by those of its client.

    Example: with 10.0.0.1 trusted, a request of 10.0.0.1 with `X-Forwarded-For: 1.2.3.4` has the
    address 1.2.3.4; one of 10.0.0.9 keeps its own.
    """

    def __init__(self, app: WSGIApplication, trusted: Iterable[Network]) -> None:
        self._app, self._trusted = app, tuple(trusted)
        self._look_up = lru_cache(4096)(self._known)

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Serve a request."""
        peer, trusted = self._look_up(environ.get("REMOTE_ADDR", ""))
        if trusted:
            client = self.client(peer, environ.get("HTTP_X_FORWARDED_FOR", ""))
            scheme = _last(environ.get("HTTP_X_FORWARDED_PROTO", "")).lower()
            host = _last(environ.get("HTTP_X_FORWARDED_HOST", ""))
            environ["REMOTE_ADDR"] = client
            if scheme in ("http", "https"):
                environ["wsgi.url_scheme"] = scheme
            if _HOST.fullmatch(host):
                environ["HTTP_HOST"] = host
        return self._app(environ, start)

    def client(self, peer: str, forwarded: str) -> str:
        """Return the address of the client at the far end of a chain of proxies.

        From the right, as each proxy adds whom it was called by: the first that is not a trusted
        proxy. What stands left of it is anybody's claim. Of what cannot be read, the proxy that
        passed it on is as far as one can see.
        """
        hops = forwarded.split(",") if forwarded else []
        for hop in reversed(hops):
            address, trusted = self._look_up(hop.strip())
            if not address:
                break
            peer = address
            if not trusted:
                break
        return peer

    def _known(self, text: str) -> tuple[str, bool]:
        """Return the address in canonical form ("" if it is none) and whether it is trusted."""
        address = _address(text)
        if address is None:
            return "", False
        return str(address), any(address in network for network in self._trusted)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    found = _HOP.fullmatch(text)
    if not found:
        return None
    try:
        address = ip_address(next(filter(None, found.groups())))
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _last(values: Any) -> str:
    """Return the value that the nearest proxy set, the last of a list."""
    return str(values).rpartition(",")[2].strip()
