"""Access control: identifies the caller of each request and checks their role."""

from __future__ import annotations

import contextlib
import hmac
import re
import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from flask import Flask, Request, g, request

from utils.api import urls
from utils.api.endpoint import Endpoint
from utils.api.events import Message
from utils.api.replies.jobs import TicketReply
from utils.auth.caller import LOCAL, Caller, caller, set_caller
from utils.auth.exposure import is_local, is_loopback
from utils.auth.known_keys import KnownKeys
from utils.auth.oidc import Provider
from utils.auth.roles import ROLES, Role
from utils.auth.tickets import OPENS_FOR, Tickets
from utils.errors import Forbidden, Unauthorized, Unavailable
from utils.http.event_streams import Messages
from utils.http.rules import by_rule
from utils.settings import Settings

# Open without a key, besides the endpoints that are declared so: the page and the API's form are
# no secret.
OPEN_RULES = (
    "/",
    "/web/<version>/<path:name>",
    "/api/openapi.json",
    "/api/docs/",
    "/api/docs/<path:path>",
)
_UNKNOWN: Role = "read"  # the role for a 404
_RANK = {role: rank for rank, role in enumerate(ROLES)}
_FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_X_FORWARDED_HOST")
_MISSING = (
    "This takes a key: send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`. "
    "`python run.py keys create NAME` makes one."
)
_KEYS_NEEDED = "Make a key (`python run.py keys create NAME`), and call with it."


class Access:
    """The access control of an app.

    Raises:
        SettingsError: a setting of the OpenID provider breaks its rule.
    """

    def __init__(self, settings: Settings) -> None:
        self._is_local = is_local(settings)
        self._origins = {origin.lower() for origin in settings.origins}
        self._needs_of: dict[tuple[str, str], Role | None] = {}
        self._streams: frozenset[str] = frozenset()
        self._keys = KnownKeys(settings.resolved_database_url)
        self._tickets = Tickets(self._keys)
        self._provider = Provider(settings) if settings.oidc_issuer else None

    def install(self, app: Flask, endpoints: Sequence[Endpoint]) -> None:
        """Check the requests of an app that has all of its views."""
        for rule, method, endpoint in by_rule(app, endpoints):
            for each in (method, "HEAD") if method == "GET" else (method,):
                self._needs_of[each, rule.rule] = endpoint.needs
            self._streams |= {rule.rule} if endpoint.events else frozenset()
        for rule in app.url_map.iter_rules():
            for method in rule.methods or ():
                if rule.rule in OPEN_RULES or method == "OPTIONS":
                    self._needs_of[method, rule.rule] = None
        app.extensions["access"] = self
        app.before_request(self._check)
        app.teardown_request(_clear_caller)  # threads answer one request after another

    def needs(self, method: str, rule: str) -> Role | None:
        """Return the role that a method needs at one of the app's rules; None: no role.

        Rules that are not declared need `admin`.
        """
        return self._needs_of.get((method, rule), "admin")

    def ticket(self, job_id: str) -> TicketReply:
        """Return a ticket of the request's caller for the events of a job."""
        ticket = self._tickets.issue(job_id, caller(), g.get("caller_until"))
        url = f"{urls.job_events(job_id)}?ticket={ticket}"
        return TicketReply(ticket=ticket, expires_in_seconds=OPENS_FOR, url=url)

    def as_long_as_allowed(self, messages: Messages) -> Messages:
        """Return the messages, which end when the access of the request's caller ends."""
        found, until = caller(), g.get("caller_until")

        def has_access() -> bool:
            with contextlib.suppress(Unavailable):  # streams end, and clients reconnect
                return self._has_access(found, until)
            return False

        return _GuardedMessages(messages, has_access)

    def _check(self) -> None:
        method, rule = request.method, request.url_rule
        needed = self.needs(method, rule.rule) if rule else _UNKNOWN
        if needed is None or method == "OPTIONS":
            return
        found = self._caller_of(request)
        set_caller(found)
        if found is not LOCAL and _RANK[found.role] < _RANK[needed]:
            raise Forbidden(f"This takes the role `{needed}`; the key has `{found.role}`.")

    def _caller_of(self, incoming: Request) -> Caller:
        if self._is_open():
            self._expect_this_machine(incoming)
            return LOCAL
        credential = _credential(incoming.environ)
        if credential is None:
            return self._caller_of_ticket(incoming)
        if self._provider is None or credential.startswith("lstm_"):
            return self._keys.caller(credential)
        found, g.caller_until = self._provider.caller(credential)
        return found

    def _is_open(self) -> bool:
        return self._is_local and self._provider is None and not self._keys.exist()

    def _expect_this_machine(self, incoming: Request) -> None:
        """Refuse requests of other machines and of foreign pages."""
        environ = incoming.environ
        if not is_loopback(environ.get("REMOTE_ADDR") or ""):
            raise Forbidden(f"Without keys the service is open to its own machine. {_KEYS_NEEDED}")
        if not environ.keys().isdisjoint(_FORWARDED):
            raise Forbidden(f"Without keys nothing is answered through a proxy. {_KEYS_NEEDED}")
        if not _is_this_machine(incoming.host):
            # DNS rebinding: a foreign page whose host name resolves to this machine.
            raise Forbidden(
                "Without keys the service answers to localhost only, not to "
                f"{incoming.host[:100]!r}. {_KEYS_NEEDED}"
            )
        origin = environ.get("HTTP_ORIGIN")
        if origin is None or incoming.method in ("GET", "HEAD"):
            return  # browsers do not show the reply to a page of another origin
        if not self._is_allowed(origin.lower(), incoming):
            raise Forbidden(
                f"Pages of {origin[:100]!r} may not call this service; CORS_ORIGINS names those "
                "that may."
            )

    def _is_allowed(self, origin: str, incoming: Request) -> bool:
        own = incoming.host_url.rstrip("/").lower()
        return origin == own or origin in self._origins or "*" in self._origins

    def _caller_of_ticket(self, incoming: Request) -> Caller:
        rule = incoming.url_rule
        ticket = incoming.args.get("ticket") if rule and rule.rule in self._streams else None
        if not ticket:
            raise Unauthorized(_MISSING)
        found, until = self._tickets.take(ticket, (incoming.view_args or {})["job_id"])
        g.caller_until = until
        if not self._has_access(found, until):
            raise Unauthorized("The access of the ticket's caller has ended.")
        return found

    def _has_access(self, found: Caller, until: float | None) -> bool:
        """Return whether a caller still has access; `until` is the expiry of their token."""
        if until is not None:
            return self._provider is not None and time.time() < until
        return self._is_open() or (found != LOCAL and self._keys.valid_caller(found.id) is not None)


def _clear_caller(_: BaseException | None) -> None:
    set_caller(None)


class _GuardedMessages:
    """Messages that end when the access of their caller ends."""

    def __init__(self, messages: Messages, has_access: Callable[[], bool]) -> None:
        self._messages, self._has_access = messages, has_access

    def __iter__(self) -> Iterator[Message | None]:
        for message in self._messages:
            if not self._has_access():
                return
            yield message

    def close(self) -> None:
        self._messages.close()


def _credential(environ: dict[str, Any]) -> str | None:
    """The API key or token of a request.

    Raises:
        Unauthorized: it has two different ones.
    """
    key: str | None = environ.get("HTTP_X_API_KEY")
    scheme, _, word = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer":  # another scheme may be for a proxy in between
        return key
    token: str = word.strip()
    if key is not None and not hmac.compare_digest(key.encode(), token.encode()):
        raise Unauthorized("Authorization and X-API-Key differ: send one of them.")
    return token


@lru_cache(maxsize=256)
def _is_this_machine(host: str) -> bool:
    """Return whether a Host header is a loopback name of this machine."""
    return is_loopback(re.sub(r":\d*\Z", "", host))
