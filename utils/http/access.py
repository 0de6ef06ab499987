"""Access control: who is calling, and whether they may. Runs before every request."""

from __future__ import annotations

import contextlib
import hmac
import re
import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from flask import Flask, Request, g

from utils.api import urls
from utils.api.endpoint import Endpoint
from utils.api.events import Message
from utils.api.replies import TicketReply
from utils.auth.caller import LOCAL, Caller, caller, set_caller
from utils.auth.exposure import is_local, is_loopback
from utils.auth.known_keys import KnownKeys
from utils.auth.oidc import Provider
from utils.auth.roles import ROLES, Role
from utils.auth.tickets import OPENS_FOR, Tickets
from utils.errors import Forbidden, Unauthorized, Unavailable
from utils.http.event_streams import Messages
from utils.http.rules import by_rule
from utils.http.web import asked_itself
from utils.settings import Settings

# Open to whoever reaches the service, besides the endpoints that say so: what the API is like is
# no secret.
OPEN_RULES = ("/", "/api/openapi.json", "/api/docs/", "/api/docs/<path:path>")
_UNKNOWN: Role = "read"  # what a caller needs to be told that there is nothing at a path
_RANK = {role: rank for rank, role in enumerate(ROLES)}
_FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_X_FORWARDED_HOST")
_MISSING = (
    "This takes a key: send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`. "
    "`python run.py keys create NAME` makes one."
)
_KEYS_NEEDED = "Make a key (`python run.py keys create NAME`), and call with it."


class Access:
    """Who may call what.

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
        """Look at every request of an app before it is answered; to be called once all its
        views are there."""
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
        """The role that a method takes at one of the app's rules; None: none."""
        # What is in no table is for those who may do all.
        return self._needs_of.get((method, rule), "admin")

    def ticket(self, job_id: str) -> TicketReply:
        """A ticket of the request's caller for the events of a job."""
        ticket = self._tickets.issue(job_id, caller(), g.get("caller_until"))
        url = f"{urls.job_events(job_id)}?ticket={ticket}"
        return TicketReply(ticket=ticket, expires_in_seconds=OPENS_FOR, url=url)

    def as_long_as_allowed(self, messages: Messages) -> Messages:
        """The same messages, up to where the request's caller may call no more."""
        who, until = caller(), g.get("caller_until")

        def may() -> bool:
            with contextlib.suppress(Unavailable):  # for too long: streams end, clients come back
                return self._still(who, until)
            return False

        return _Guarded(messages, may)

    def _check(self) -> None:
        asked = asked_itself()
        method, rule = asked.method, asked.url_rule
        needed = self.needs(method, rule.rule) if rule else _UNKNOWN
        if needed is None or method == "OPTIONS":
            return
        who = self._caller_of(asked)
        set_caller(who)
        if who is not LOCAL and _RANK[who.role] < _RANK[needed]:
            raise Forbidden(f"This takes the role `{needed}`; the key has `{who.role}`.")

    def _caller_of(self, asked: Request) -> Caller:
        if self._is_open():
            self._expect_this_machine(asked)
            return LOCAL
        given = _given(asked.environ)
        if given is None:
            return self._of_ticket(asked)
        if self._provider is None or given.startswith("lstm_"):
            return self._keys.caller(given)
        who, g.caller_until = self._provider.caller(given)
        return who

    def _is_open(self) -> bool:
        return self._is_local and self._provider is None and not self._keys.exist()

    def _expect_this_machine(self, asked: Request) -> None:
        """Refuse what came here from elsewhere, though only this machine is listened to."""
        environ = asked.environ
        if not is_loopback(environ.get("REMOTE_ADDR") or ""):
            raise Forbidden(f"Without keys the service is open to its own machine. {_KEYS_NEEDED}")
        if not environ.keys().isdisjoint(_FORWARDED):
            raise Forbidden(f"Without keys nothing is answered through a proxy. {_KEYS_NEEDED}")
        if not _leads_here(asked.host):
            # A foreign page whose name its owner lets lead here (DNS rebinding).
            raise Forbidden(
                "Without keys the service answers to localhost only, not to "
                f"{asked.host[:100]!r}. {_KEYS_NEEDED}"
            )
        origin = environ.get("HTTP_ORIGIN")
        if origin is None or asked.method in ("GET", "HEAD"):
            return  # browsers keep what a page of another origin reads from it
        if not self._is_allowed(origin.lower(), asked):
            raise Forbidden(
                f"Pages of {origin[:100]!r} may not call this service; CORS_ORIGINS names those "
                "that may."
            )

    def _is_allowed(self, origin: str, asked: Request) -> bool:
        own = asked.host_url.rstrip("/").lower()
        return origin == own or origin in self._origins or "*" in self._origins

    def _of_ticket(self, asked: Request) -> Caller:
        rule = asked.url_rule
        ticket = asked.args.get("ticket") if rule and rule.rule in self._streams else None
        if not ticket:
            raise Unauthorized(_MISSING)
        who, until = self._tickets.take(ticket, (asked.view_args or {})["job_id"])
        g.caller_until = until
        if not self._still(who, until):
            raise Unauthorized("Whoever the ticket was made for may not call any more.")
        return who

    def _still(self, who: Caller, until: float | None) -> bool:
        """Whether somebody who was let in would be let in now."""
        if until is not None:
            return self._provider is not None and time.time() < until
        return self._is_open() or (who != LOCAL and self._keys.valid_caller(who.id) is not None)


def _clear_caller(_: BaseException | None) -> None:
    set_caller(None)


class _Guarded:
    """Messages that end once somebody may not hear them any more."""

    def __init__(self, messages: Messages, may: Callable[[], bool]) -> None:
        self._messages, self._may = messages, may

    def __iter__(self) -> Iterator[Message | None]:
        for message in self._messages:
            if not self._may():
                return
            yield message

    def close(self) -> None:
        self._messages.close()


def _given(environ: dict[str, Any]) -> str | None:
    """The key or token that a request presents.

    Raises:
        Unauthorized: it presents two.
    """
    key: str | None = environ.get("HTTP_X_API_KEY")
    scheme, _, word = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer":  # another scheme may be for a proxy on the way
        return key
    token: str = word.strip()
    if key is not None and not hmac.compare_digest(key.encode(), token.encode()):
        raise Unauthorized("Authorization and X-API-Key differ: send one of them.")
    return token


@lru_cache(maxsize=256)
def _leads_here(host: str) -> bool:
    """Whether a Host header names this machine as only itself does."""
    return is_loopback(re.sub(r":\d*\Z", "", host))
