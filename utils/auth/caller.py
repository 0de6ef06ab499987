"""The caller of the request that is being answered, for limits, jobs and the audit log."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from utils.auth.roles import Role


@dataclass(frozen=True)
class Caller:
    """Somebody who may do something here.

    Attributes:
        id: never a secret; the same for all requests of one caller.
        name: what people call them.
        role: `read` looks and forecasts, `write` also makes and deletes, `admin` may do all.
    """

    id: str
    name: str
    role: Role


# The user of this machine, while only this machine can reach the service.
LOCAL = Caller("local", "local", "admin")

# Each thread has a value of its own.
_CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)


def caller() -> Caller:
    """Return the caller of the request; `LOCAL` on the command line and where no key is needed."""
    return _CALLER.get() or LOCAL


def identified_caller() -> Caller | None:
    """Return the caller as access control identified them; None if it did not."""
    return _CALLER.get()


def set_caller(who: Caller | None) -> None:
    """Set the caller for the rest of the request, or clear it at its end."""
    _CALLER.set(who)
