"""Rate limits: how many requests one caller may make, cheap ones and expensive ones apart.

They count by key, and without one by address. Flask-Limiter does it, made at the first request
that counts: it takes 30 ms to import, and on a laptop nothing counts.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple, NoReturn, cast

from flask import Flask, Response, current_app, g, request

from utils.api.endpoint import Endpoint
from utils.api.openapi import EXEMPT, RATE_HEADERS
from utils.auth.caller import LOCAL, caller
from utils.auth.exposure import is_local
from utils.errors import TooManyRequests
from utils.http.rules import by_rule
from utils.lazy_imports import IMPORTS
from utils.settings import Settings

if TYPE_CHECKING:
    from flask_limiter import Limiter, RequestLimit

    from utils.http.rate_store import Forgiving

_CHEAP, _EXPENSIVE = "cheap", "expensive"
_REFUSED = (401, 403)


class _Limiter(NamedTuple):
    limiter: Limiter
    store: Forgiving
    counting: dict[str, Callable[[], None]]  # by kind of request


class RateLimits:
    """The rate limits of an app."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._spares_local = settings.rate_limits == "auto" and is_local(settings)
        self._expensive: set[str] = set()  # names of views
        self._exempt: set[str] = set()
        self._lock = threading.Lock()
        self._made: _Limiter | None = None

    def install(self, app: Flask, endpoints: Sequence[Endpoint]) -> None:
        """Count an app's requests, once all of its views and its access control are there."""
        if self._settings.rate_limits == "off":
            return
        for rule, _, endpoint in by_rule(app, endpoints):
            if endpoint.expensive:
                self._expensive.add(rule.endpoint)
            if endpoint.path in EXEMPT:
                self._exempt.add(rule.endpoint)
        app.extensions["rates"] = self
        app.before_request(self._before)
        app.after_request(self._after)

    def kind_of(self, view: str | None) -> str | None:
        """`cheap` or `expensive`, by the name of a view; None: it does not count."""
        if view in self._exempt:
            return None
        return _EXPENSIVE if view in self._expensive else _CHEAP

    def _before(self) -> None:
        # Open to its own machine alone, the service is that of whoever is let in without a key.
        if not (self._spares_local and caller() == LOCAL):
            self._count()

    def _after(self, response: Response) -> Response:
        if response.status_code in _REFUSED and "rate_counted" not in g:
            # Access control comes first, as it says who is calling: guesses count, too.
            try:
                self._count()
            except TooManyRequests as error:
                response = current_app.make_response(current_app.handle_user_exception(error))
        if "rate_counted" in g:
            self._tell(response)
        return response

    def _count(self) -> None:
        """Count the request that is being answered.

        Raises:
            TooManyRequests: its caller has made as many as may be.
        """
        # Browsers ask by OPTIONS what they may ask; no answer would look like no permission.
        kind = self.kind_of(request.endpoint)
        if request.method == "OPTIONS" or kind is None:
            return
        g.rate_counted = True
        self._limiter().counting[kind]()

    def _tell(self, response: Response) -> None:
        limiter = self._limiter()
        limit = limiter.limiter.current_limit
        if limit is None or not limiter.store.knows:
            return
        seconds, kind = limit.limit.get_expiry(), self.kind_of(request.endpoint)
        figures = (
            limit.limit.amount,
            limit.remaining,
            _wait(limit),
            f'"{kind}";q={limit.limit.amount};w={seconds}',
        )
        for name, figure in zip(RATE_HEADERS, figures, strict=True):
            response.headers[name] = str(figure)

    def _limiter(self) -> _Limiter:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made

    def _make(self) -> _Limiter:
        with IMPORTS:
            from flask_limiter import Limiter

            from utils.http.rate_store import SCHEME

        limiter = Limiter(
            _who,
            storage_uri=f"{SCHEME}://",
            storage_options={
                "url": self._settings.rate_store or self._settings.resolved_database_url
            },
            strategy="fixed-window",
            on_breach=self._refuse,
            request_identifier=lambda: request.endpoint or "nothing",
        )
        # Its hooks would go into the app, which takes none after its first request; it is asked.
        limiter.init_app(Flask(__name__))

        @limiter.shared_limit(self._settings.rate_cheap, scope=_CHEAP)
        def count_cheap() -> None:
            """Count a request, or refuse it."""

        @limiter.shared_limit(self._settings.rate_expensive, scope=_EXPENSIVE)
        def count_expensive() -> None:
            """Count a request, or refuse it."""

        counting = {_CHEAP: count_cheap, _EXPENSIVE: count_expensive}
        return _Limiter(limiter, cast("Forgiving", limiter.storage), counting)

    def _refuse(self, limit: RequestLimit) -> NoReturn:
        kind = self.kind_of(request.endpoint)
        amount, wait = limit.limit.amount, _wait(limit)
        unit = limit.limit.GRANULARITY.name
        raise TooManyRequests(
            f"One caller may make at most {amount:,} {kind} requests a {unit} "
            f"(RATE_{str(kind).upper()}); try again in {wait} s.",
            retry_after=wait,
        )


def _wait(limit: RequestLimit) -> int:
    """Seconds until a limit's window ends, at least 1."""
    return max(1, math.ceil(limit.window.reset_time - time.time()))


def _who() -> str:
    """Whom a request counts for: its key, or else where it comes from."""
    found = caller()
    if found != LOCAL:
        return f"caller {found.id}"
    address = request.remote_addr or "unknown"
    if ":" not in address:
        return address
    # Whoever has one IPv6 address has 2^64 of them.
    network = ip_network((ip_address(address.partition("%")[0]), 64), strict=False)
    return str(network.network_address)
