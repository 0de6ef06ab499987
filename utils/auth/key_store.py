"""The tables of access control, in the service's one database: keys, tickets, a secret to sign by.

All times are of the database's clock.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from utils.auth.caller import Caller
from utils.auth.keys import hashed, new_key
from utils.auth.roles import Role
from utils.errors import NotFound
from utils.storage.database import Clock, answering, make_tables, open_engine

_DAY = 86_400.0  # seconds
_SIGNING = "tickets"  # name of the secret that tickets are signed by

_TABLES = sa.MetaData()
_KEYS = sa.Table(
    "service_keys",
    _TABLES,
    sa.Column("id", sa.String(20), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("hash", sa.String(200), nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("expires_at", sa.Float),
    sa.Column("revoked_at", sa.Float),
)
_SECRETS = sa.Table(
    "service_secrets",
    _TABLES,
    sa.Column("name", sa.String(50), primary_key=True),
    sa.Column("value", sa.String(200), nullable=False),
)
_TICKETS = sa.Table(  # those that have opened a stream
    "service_tickets",
    _TABLES,
    sa.Column("id", sa.String(50), primary_key=True),
    sa.Column("issued_at", sa.Float, nullable=False),
)


@dataclass(frozen=True)
class StoredKey:
    """A key as the database knows it. Times are in seconds since 1970."""

    id: str
    name: str
    role: Role
    hash: str = field(repr=False)
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    expired: bool

    @property
    def state(self) -> str:
        """`valid`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expired else "valid"

    @cached_property
    def caller(self) -> Caller:
        """Whoever calls with it."""
        return Caller(self.id, self.name, self.role)


class KeyStore:
    """The keys of a database. Every method raises Unavailable if it does not answer."""

    def __init__(self, database_url: str) -> None:
        # One connection, and one more: what it asks for is little, and rare.
        self._engine = open_engine(
            database_url, poolclass=sa.QueuePool, pool_size=1, max_overflow=1, pool_timeout=5
        )
        self._made = False

    def create(self) -> None:
        """Make the tables; harmless where they exist."""
        make_tables(self._engine, _TABLES)
        self._made = True

    def add(self, name: str, role: Role, days: int | None = None) -> str:
        """Make a key that is valid for so many days (None: until it is revoked).

        Returns:
            The key, which is not to be had again: only its hash is kept.
        """
        self.create()
        id, key = new_key()
        values = {"id": id, "name": name, "role": role, "hash": hashed(key)}
        expires = None if days is None else Clock() + days * _DAY
        row = _KEYS.insert().values(**values, created_at=Clock(), expires_at=expires)
        with answering(self._engine), self._engine.begin() as connection:
            connection.execute(row)
        return key

    def all(self) -> list[StoredKey]:
        """Every key that was ever made, oldest first."""
        return self._keys(sa.true())

    def unrevoked(self) -> list[StoredKey]:
        """The keys that were not revoked, oldest first; expired ones are among them."""
        return self._keys(_KEYS.c.revoked_at.is_(None))

    def revoke(self, id: str) -> None:
        """Have a key be valid no more; harmless if it was revoked before.

        Raises:
            NotFound: there is none of that id.
        """
        change = _KEYS.update().where(_KEYS.c.id == id)
        self.create()
        with answering(self._engine), self._engine.begin() as connection:
            at = sa.func.coalesce(_KEYS.c.revoked_at, Clock())
            if not connection.execute(change.values(revoked_at=at)).rowcount:
                raise NotFound(f"There is no key {id!r}; `python run.py keys list` shows them.")

    def signing_secret(self) -> str:
        """What all web processes sign tickets by; made by the first that asks."""
        self.create()
        row = postgresql.insert(_SECRETS).values(name=_SIGNING, value=secrets.token_urlsafe(48))
        known = sa.select(_SECRETS.c.value).where(_SECRETS.c.name == _SIGNING)
        with answering(self._engine), self._engine.begin() as connection:
            connection.execute(row.on_conflict_do_nothing())
            return str(connection.execute(known).scalar_one())

    def clock(self) -> float:
        """Now, in seconds since 1970."""
        with self._reading() as connection:
            return float(connection.execute(sa.select(Clock())).scalar_one())

    def use_ticket(self, id: str, issued_at: float, opens_for: float, serves_for: float) -> bool:
        """Whether a ticket opens a stream now: it is new, or it did so while it was new.

        Args:
            opens_for: seconds from `issued_at` in which it may be used for the first time.
            serves_for: seconds from `issued_at` in which it may be used again.
        """
        row = postgresql.insert(_TICKETS).values(id=id, issued_at=issued_at)
        with answering(self._engine), self._engine.begin() as connection:
            age = connection.execute(sa.select(Clock())).scalar_one() - issued_at
            if age <= opens_for:
                connection.execute(row.on_conflict_do_nothing())
                gone = _TICKETS.c.issued_at < Clock() - serves_for
                connection.execute(_TICKETS.delete().where(gone))
                return True
            used = sa.select(sa.exists().where(_TICKETS.c.id == id))
            return bool(age <= serves_for and connection.execute(used).scalar_one())

    def close(self) -> None:
        """Let go of the connections."""
        self._engine.dispose()

    def _keys(self, which: sa.ColumnElement[bool]) -> list[StoredKey]:
        expired = sa.func.coalesce(_KEYS.c.expires_at <= Clock(), sa.false()).label("expired")
        query = sa.select(*_KEYS.c, expired).where(which).order_by(_KEYS.c.created_at)
        with self._reading() as connection:
            if not self._made and not sa.inspect(connection).has_table(_KEYS.name):
                return []
            self._made = True
            return [_stored(row) for row in connection.execute(query).mappings()]

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with answering(self._engine), self._engine.connect() as connection:
            yield connection


def _stored(row: sa.RowMapping) -> StoredKey:
    values: dict[str, Any] = dict(row)
    return StoredKey(**values | {"expired": bool(values["expired"])})
