"""Rate limits: how many requests one caller may make, cheap and expensive ones apart.

Requests are counted by API key, and without one by address. Flask-Limiter counts: in the memory of
each web process, or in Redis for all processes and machines together. While Redis cannot be
reached, each process counts in its own memory.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from flask import Flask, Response, current_app, g, request
from flask_limiter import Limiter, RateLimitExceeded, RequestLimit
from limits.errors import StorageError

from utils.api.endpoint import Endpoint
from utils.api.openapi import EXEMPT, RATE_HEADERS
from utils.auth.caller import LOCAL, caller
from utils.auth.exposure import is_local
from utils.errors import TooManyRequests
from utils.http.rules import by_rule
from utils.settings import Settings

_CHEAP, _EXPENSIVE = "cheap", "expensive"
_REFUSED = (401, 403)
_IN_MEMORY = "memory://"
# Options of Redis, times in seconds; the storage in memory ignores all but the last.
_STORAGE: dict[str, Any] = {
    "socket_timeout": 0.08,  # also the longest that a request without a limit may be held up
    "socket_connect_timeout": 0.5,
    "key_prefix": "lstm-rates",
    "wrap_exceptions": True,
}


class RateLimits:
    """The rate limits of an app."""

    def __init__(self, settings: Settings) -> None:
        self._is_off = settings.rate_limits == "off"
        self._spares_local = settings.rate_limits == "auto" and is_local(settings)
        self._expensive: set[str] = set()  # names of views
        self._exempt: set[str] = set()
        self._limiter = Limiter(
            _counted_for,
            storage_uri=settings.rate_store or _IN_MEMORY,
            storage_options=_STORAGE,
            strategy="fixed-window",
            swallow_errors=True,
            in_memory_fallback_enabled=True,
            request_identifier=lambda: request.endpoint or "nothing",
        )

        @self._limiter.shared_limit(settings.rate_cheap, scope=_CHEAP)
        def count_cheap() -> None:
            """Count a request, or refuse it."""

        @self._limiter.shared_limit(settings.rate_expensive, scope=_EXPENSIVE)
        def count_expensive() -> None:
            """Count a request, or refuse it."""

        self._count_of = {_CHEAP: count_cheap, _EXPENSIVE: count_expensive}

    def install(self, app: Flask, endpoints: Sequence[Endpoint]) -> None:
        """Count the requests of an app that has all of its views and its access control."""
        if self._is_off:
            return
        for rule, _, endpoint in by_rule(app, endpoints):
            if endpoint.expensive:
                self._expensive.add(rule.endpoint)
            if endpoint.path in EXEMPT:
                self._exempt.add(rule.endpoint)
        app.extensions["rates"] = self
        self._limiter.init_app(app)
        app.before_request(self._before)
        app.after_request(self._after)

    def kind_of(self, view: str | None) -> str | None:
        """Return `cheap` or `expensive`, by the name of a view; None if it is not counted."""
        if view in self._exempt:
            return None
        return _EXPENSIVE if view in self._expensive else _CHEAP

    def _before(self) -> None:
        # A service that only its own machine reaches belongs to the caller without a key.
        if not (self._spares_local and caller() == LOCAL):
            self._count()

    def _after(self, response: Response) -> Response:
        if response.status_code in _REFUSED and "rate_counted" not in g:
            # Access control runs first, as it tells the caller: guesses at keys are counted here.
            try:
                self._count()
            except TooManyRequests as error:
                response = current_app.make_response(current_app.handle_user_exception(error))
        if "rate_counted" in g:
            self._add_headers(response)
        return response

    def _count(self) -> None:
        """Count the current request.

        Raises:
            TooManyRequests: its caller has made as many as allowed.
        """
        # Browsers ask by OPTIONS for permission; a refusal would look like a missing one.
        kind = self.kind_of(request.endpoint)
        if request.method == "OPTIONS" or kind is None:
            return
        g.rate_counted = True
        try:
            self._count_of[kind]()
        except RateLimitExceeded as error:
            raise self._refusal(kind) from error

    def _refusal(self, kind: str) -> TooManyRequests:
        found = self._current()
        if found is None:  # Redis was lost since it refused
            return TooManyRequests(f"One caller has made too many {kind} requests.")
        limit, wait = found
        return TooManyRequests(
            f"One caller may make at most {limit.limit.amount:,} {kind} requests per "
            f"{limit.limit.GRANULARITY.name} (RATE_{kind.upper()}); try again in {wait} s.",
            retry_after=wait,
        )

    def _add_headers(self, response: Response) -> None:
        found = self._current()
        if found is None:
            return
        limit, wait = found
        amount, seconds = limit.limit.amount, limit.limit.get_expiry()
        policy = f'"{self.kind_of(request.endpoint)}";q={amount};w={seconds}'
        figures = (amount, limit.remaining, wait, policy)
        for name, figure in zip(RATE_HEADERS, figures, strict=True):
            response.headers[name] = str(figure)

    def _current(self) -> tuple[RequestLimit, int] | None:
        """The current request's limit and the seconds until its window ends, if known."""
        limit = self._limiter.current_limit
        try:
            if limit is not None:
                return limit, max(1, math.ceil(limit.window.reset_time - time.time()))
        except StorageError:  # lost since the request was counted; Flask-Limiter logs the next one
            return None
        return None


def _counted_for() -> str:
    """The caller that a request counts for: its key, or else its address."""
    found = caller()
    if found != LOCAL:
        return f"caller {found.id}"
    address = request.remote_addr or "unknown"
    if ":" not in address:
        return address
    # One network has 2^64 IPv6 addresses.
    network = ip_network((ip_address(address.partition("%")[0]), 64), strict=False)
    return str(network.network_address)
