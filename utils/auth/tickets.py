"""Tickets: signed query parameters that open one event stream, as browsers send no headers there.

A ticket opens its stream within a minute. Once used, it may open it again for hours: a browser
that lost the connection reconnects to the same address by itself.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass

from itsdangerous import BadSignature, URLSafeSerializer

from utils.auth.caller import Caller
from utils.auth.known_keys import KnownKeys
from utils.auth.roles import Role
from utils.errors import Unauthorized

OPENS_FOR = 60.0  # seconds after its issue in which a ticket can be used first
SERVES_FOR = 43_200.0  # seconds after its issue in which a used one can be used again
_MAX_LENGTH = 1000  # characters


@dataclass(frozen=True)
class _Ticket:
    """The signed content of a ticket."""

    id: str
    job: str
    caller: str
    name: str
    role: Role
    until: float | None  # seconds since 1970 at which the caller's token expires
    at: float  # seconds since 1970 of its issue


class Tickets:
    """Issues and checks tickets. Raises Unavailable if the database does not answer."""

    def __init__(self, keys: KnownKeys) -> None:
        self._keys = keys
        self._signer: URLSafeSerializer | None = None

    def issue(self, job_id: str, caller: Caller, until: float | None = None) -> str:
        """Return a new ticket for the events of a job."""
        at = self._keys.store.clock()
        ticket = _Ticket(
            secrets.token_urlsafe(12), job_id, caller.id, caller.name, caller.role, until, at
        )
        return str(self._signing().dumps(asdict(ticket)))

    def take(self, text: str, job_id: str) -> tuple[Caller, float | None]:
        """Return the caller of a ticket and when their token expires; their key is not checked.

        Raises:
            Unauthorized: it is not valid, of another job, or too old.
        """
        try:
            ticket = _Ticket(**self._signing().loads(text[:_MAX_LENGTH]))
        except BadSignature:
            raise Unauthorized("The ticket is none of this service.") from None
        if ticket.job != job_id:
            raise Unauthorized("The ticket is for the events of another job.")
        if not self._keys.store.use_ticket(ticket.id, ticket.at, OPENS_FOR, SERVES_FOR):
            raise Unauthorized(
                f"The ticket is too old: it opens a stream for {OPENS_FOR:.0f} s, and opens it "
                f"again for {SERVES_FOR / 3600:.0f} h."
            )
        return Caller(ticket.caller, ticket.name, ticket.role), ticket.until

    def _signing(self) -> URLSafeSerializer:
        if self._signer is None:
            secret = self._keys.store.signing_secret()
            self._signer = URLSafeSerializer(secret, salt="job-events")
        return self._signer
