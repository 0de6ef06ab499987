"""Where requests are counted, together by all processes: the service's database, or Redis."""

from __future__ import annotations

import threading
import time
from typing import Any

import sqlalchemy as sa
from limits.errors import ConfigurationError
from limits.storage import RedisStorage, Storage
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import SQLAlchemyError

from utils.errors import Unavailable
from utils.logs import logger
from utils.storage.database import Clock, make_tables, open_hasty_engine

log = logger("rates")

SCHEME = "forgiving"  # by which Flask-Limiter is told to use `Forgiving`

_SWEEP_EVERY = 60.0  # seconds
_AFTER_TROUBLE = 5.0  # seconds that a store which did not answer is left alone
_WARN_EVERY = 60.0  # seconds
_REDIS: dict[str, Any] = {"socket_timeout": 0.2, "socket_connect_timeout": 0.5}  # seconds

_HITS = sa.Table(
    "rate_hits",
    sa.MetaData(),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("hits", sa.BigInteger, nullable=False),
    sa.Column("until", sa.Float, nullable=False),
)


class DatabaseStorage(Storage):
    """Windows of requests in a table: each begins with its first hit.

    Args:
        engine: of SQLite or PostgreSQL; a statement at a time, without transactions around.
        now: the time in seconds, by default of the database's clock, one for all machines.
    """

    STORAGE_SCHEME = None

    def __init__(self, engine: sa.Engine, now: sa.ColumnElement[float] | None = None) -> None:
        super().__init__()
        self._engine = engine
        self._now: sa.ColumnElement[float] = Clock() if now is None else now
        self._hit = _hit(self._now)
        self._made = False
        self._swept_at = time.monotonic()

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """What a database raises that does not do what it is asked to."""
        return SQLAlchemyError, Unavailable

    def hit(self, key: str, expiry: int, amount: int = 1) -> tuple[int, float]:
        """Count; (hits in the window that they fell into, when it ends)."""
        self._prepare()
        with self._engine.connect() as connection:
            row = connection.execute(
                self._hit, {"key": key, "amount": amount, "seconds": float(expiry)}
            ).one()
            if time.monotonic() - self._swept_at > _SWEEP_EVERY:
                self._swept_at = time.monotonic()
                connection.execute(_HITS.delete().where(_HITS.c.until <= self._now))
        return row.hits, row.until

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count; the hits of the window that they fell into."""
        return self.hit(key, expiry, amount)[0]

    def get(self, key: str) -> int:
        """The hits of the window that is open, 0 if none is."""
        return self._look(_HITS.c.hits, key, 0)

    def get_expiry(self, key: str) -> float:
        """When the window that is open ends; now if none is."""
        return self._look(_HITS.c.until, key, self._now)

    def _look(self, column: sa.ColumnElement[Any], key: str, otherwise: Any) -> Any:
        self._prepare()
        found = sa.select(column).where(_HITS.c.key == key, _HITS.c.until > self._now)
        with self._engine.connect() as connection:
            return connection.scalar(
                sa.select(sa.func.coalesce(found.scalar_subquery(), otherwise))
            )

    def check(self) -> bool:
        """Whether the database answers."""
        self._prepare()
        with self._engine.connect() as connection:
            return connection.scalar(sa.select(1)) == 1

    def reset(self) -> int:
        """Forget all windows; how many there were."""
        self._prepare()
        with self._engine.connect() as connection:
            return connection.execute(_HITS.delete()).rowcount

    def clear(self, key: str) -> None:
        """Forget a window."""
        self._prepare()
        with self._engine.connect() as connection:
            connection.execute(_HITS.delete().where(_HITS.c.key == key))

    def _prepare(self) -> None:
        if not self._made:
            make_tables(self._engine, _HITS.metadata)
            self._made = True


def _hit(now: sa.ColumnElement[float]) -> sa.UpdateBase:
    """The one statement of a hit: a window that is over begins anew, one that is open counts."""
    seconds = sa.bindparam("seconds", type_=sa.Float)
    # SQLite writes ON CONFLICT as PostgreSQL does.
    row = postgresql.insert(_HITS).values(
        key=sa.bindparam("key"), hits=sa.bindparam("amount"), until=now + seconds
    )
    new = row.excluded
    # The clock is read once, as it goes on within a statement. Were it set back by a lot, a window
    # would stay open for as long.
    over = (_HITS.c.until <= new.until - seconds) | (_HITS.c.until > new.until + seconds)
    return row.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "hits": sa.case((over, new.hits), else_=_HITS.c.hits + new.hits),
            "until": sa.case((over, new.until), else_=_HITS.c.until),
        },
    ).returning(_HITS.c.hits, _HITS.c.until)


class Forgiving(Storage):
    """Another storage; while that does not answer, everybody passes.

    Limits keep one caller from slowing the others down. Refusing all of them, or having them wait,
    because the count is out of reach would do more harm than the caller: what must not be passed
    by, access control, does not depend on it.

    Args:
        url: of the service's database, or of a Redis.
    """

    STORAGE_SCHEME = [SCHEME]  # noqa: RUF012 - the library asks for it so

    def __init__(self, uri: str | None = None, url: str = "", **_options: Any) -> None:
        super().__init__(uri)
        self._storage: DatabaseStorage | RedisStorage
        if url.startswith("redis"):
            self._storage = RedisStorage(url, key_prefix="lstm-rates", **_REDIS)
        else:
            self._storage = DatabaseStorage(open_hasty_engine(url))
        self._last = threading.local()
        self._again_at = 0.0
        self._warn_at = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        """Nothing is raised."""
        return ConfigurationError

    @property
    def knows(self) -> bool:
        """Whether this thread's last hit was counted."""
        return getattr(self._last, "window", None) is not None

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count; the hits of the window, 0 if that is not known."""
        self._last.window = None
        if self._again_at:
            if time.monotonic() < self._again_at:
                return 0
            self._again_at = time.monotonic() + _AFTER_TROUBLE  # one request tries for all
        try:
            hits, until = self._hit(key, expiry, amount)
        except self._storage.base_exceptions as error:
            self._again_at = time.monotonic() + _AFTER_TROUBLE
            self._warn(error)
            return 0
        self._again_at = 0.0
        self._last.window = hits, until
        return hits

    def _hit(self, key: str, expiry: int, amount: int) -> tuple[int, float]:
        if isinstance(self._storage, DatabaseStorage):
            return self._storage.hit(key, expiry, amount)
        return self._storage.incr(key, expiry, amount), self._storage.get_expiry(key)

    def _warn(self, error: Exception) -> None:
        if time.monotonic() >= self._warn_at:
            self._warn_at = time.monotonic() + _WARN_EVERY
            # The error's own words may hold an address with its password.
            log.warning("requests are not counted: their store fails", kind=type(error).__name__)

    def get(self, key: str) -> int:
        """The hits of the window of this thread's last hit."""
        return self._last.window[0] if self.knows else 0

    def get_expiry(self, key: str) -> float:
        """When the window of this thread's last hit ends."""
        return self._last.window[1] if self.knows else time.time()

    def check(self) -> bool:
        """Whether the storage answers."""
        return self._storage.check()

    def reset(self) -> int | None:
        """Forget all windows."""
        return self._storage.reset()

    def clear(self, key: str) -> None:
        """Forget a window."""
        self._storage.clear(key)
