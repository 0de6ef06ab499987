"""The tables of access control in the database: API keys, tickets, the secret that signs tickets.

All times are of the database's clock, in seconds since 1970.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from utils.auth.caller import Caller
from utils.auth.keys import hashed, new_key
from utils.auth.roles import Role
from utils.errors import NotFound
from utils.storage.database import Clock, answering, make_tables, open_engine

KeyState = Literal["valid", "expired", "revoked"]
_DAY = 86_400.0  # seconds
_SIGNING = "tickets"  # name of the secret that signs tickets

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
_TICKETS = sa.Table(  # that have opened a stream
    "service_tickets",
    _TABLES,
    sa.Column("id", sa.String(50), primary_key=True),
    sa.Column("issued_at", sa.Float, nullable=False),
)


@dataclass(frozen=True)
class StoredKey:
    """A key as stored."""

    id: str
    name: str
    role: Role
    hash: str = field(repr=False)
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    expired: bool

    @property
    def state(self) -> KeyState:
        """Return the state by the database's clock at the time of reading."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expired else "valid"

    @cached_property
    def caller(self) -> Caller:
        """Return the caller that it identifies."""
        return Caller(self.id, self.name, self.role)


class KeyStore:
    """The keys of a database. Every method raises Unavailable if it does not answer."""

    def __init__(self, database_url: str) -> None:
        # One connection, and one more: its queries are small and rare.
        self._engine = open_engine(
            database_url, 2, poolclass=sa.QueuePool, pool_size=1, max_overflow=1
        )
        self._made = False

    def create(self) -> None:
        """Make the tables; harmless where they exist."""
        make_tables(self._engine, _TABLES)
        self._made = True

    def add(self, name: str, role: Role, days: int | None = None) -> str:
        """Return a new key, of which only the hash is stored.

        Args:
            days: that it is valid; None: until it is revoked.
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
        """Return every key that was ever made, oldest first."""
        return self._keys(sa.true())

    def unrevoked(self) -> list[StoredKey]:
        """Return the keys that are not revoked, oldest first, expired ones included."""
        return self._keys(_KEYS.c.revoked_at.is_(None))

    def revoke(self, id: str) -> None:
        """Make a key invalid; harmless if it was revoked before.

        Raises:
            NotFound: there is none of that id.
        """
        self.create()
        if not self._update(id, revoked_at=sa.func.coalesce(_KEYS.c.revoked_at, Clock())):
            raise NotFound(f"There is no key {id!r}; `python run.py keys list` shows them.")

    def set_hash(self, id: str, hash: str) -> None:
        """Replace the stored hash of a key."""
        self._update(id, hash=hash)

    def _update(self, id: str, **values: Any) -> int:
        change = _KEYS.update().where(_KEYS.c.id == id).values(**values)
        with answering(self._engine), self._engine.begin() as connection:
            return connection.execute(change).rowcount

    def signing_secret(self) -> str:
        """Return the secret that all web processes sign tickets with, made at the first call."""
        self.create()
        row = postgresql.insert(_SECRETS).values(name=_SIGNING, value=secrets.token_urlsafe(48))
        known = sa.select(_SECRETS.c.value).where(_SECRETS.c.name == _SIGNING)
        with answering(self._engine), self._engine.begin() as connection:
            connection.execute(row.on_conflict_do_nothing())
            return str(connection.execute(known).scalar_one())

    def clock(self) -> float:
        """Return the time of the database."""
        with self._reading() as connection:
            return float(connection.execute(sa.select(Clock())).scalar_one())

    def use_ticket(self, id: str, issued_at: float, opens_for: float, serves_for: float) -> bool:
        """Return whether a ticket opens a stream now: it is new, or it did so while it was new.

        Args:
            opens_for: seconds from `issued_at` in which it may be used for the first time.
            serves_for: seconds from `issued_at` in which it may be used again.
        """
        row = postgresql.insert(_TICKETS).values(id=id, issued_at=issued_at)
        with answering(self._engine), self._engine.begin() as connection:
            age = connection.execute(sa.select(Clock())).scalar_one() - issued_at
            if age <= opens_for:
                connection.execute(row.on_conflict_do_nothing())
                expired = _TICKETS.c.issued_at < Clock() - serves_for
                connection.execute(_TICKETS.delete().where(expired))
                return True
            used = sa.select(sa.exists().where(_TICKETS.c.id == id))
            return bool(age <= serves_for and connection.execute(used).scalar_one())

    def close(self) -> None:
        """Close the connections."""
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
