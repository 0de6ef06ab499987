"""Who a request is from: what access control says, and limits, jobs and the audit log go by."""

from __future__ import annotations

from dataclasses import dataclass

from flask import g, has_app_context

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


# Whoever works at this machine, while the service is open to it alone.
LOCAL = Caller("local", "local", "admin")


def caller() -> Caller:
    """The caller of the request that is being answered; on the command line, `LOCAL`."""
    found: Caller = g.get("caller", LOCAL) if has_app_context() else LOCAL
    return found
