"""The database of the service: its engine, its clock, and the table of live workers."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement

from utils.errors import Unavailable
from utils.storage.patience import LONGEST, DatabasePatience

ALIVE_FOR = 15.0  # seconds after its last heartbeat for which a worker counts as alive
BEAT_EVERY = 3.0  # seconds between two heartbeats

# A lost database machine is noticed in seconds: while connecting by `connect_timeout`, while
# waiting for an answer by the others.
_POSTGRESQL = {
    "connect_timeout": "2",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
# When PostgreSQL ends a session: its process was paused in the middle of a transaction, and holds
# locks; or its machine is lost. The server's own keepalives would take two hours to notice.
_SESSION = {
    "idle_in_transaction_session_timeout": "15s",
    "tcp_keepalives_idle": "10s",
    "tcp_keepalives_interval": "5s",
    "tcp_keepalives_count": "3",
}
# Writers wait instead of failing; with write-ahead logging, readers never wait for them.
_BUSY = 30.0  # seconds
# Of the engines whose operations end in time.
_PATIENCE: WeakKeyDictionary[sa.Engine, DatabasePatience] = WeakKeyDictionary()
_TABLE_LOCK = 0x15731573  # an arbitrary number; processes that start together take turns

_WORKERS = sa.Table(
    "service_workers",
    sa.MetaData(),
    sa.Column("worker_id", sa.String(200), primary_key=True),
    sa.Column("host", sa.String(200), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started_at", sa.Float, nullable=False),
    sa.Column("beat_at", sa.Float, nullable=False),
)


class Clock(FunctionElement[float]):
    """The database's clock in seconds since 1970: one clock for all machines."""

    type = sa.Float()
    inherit_cache = True


@compiles(Clock, "postgresql")
def _postgresql_clock(_clock: Clock, _compiler: object, **_options: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"


@compiles(Clock, "sqlite")
def _sqlite_clock(_clock: Clock, _compiler: object, **_options: Any) -> str:
    # unixepoch('subsec') is the same from SQLite 3.42 on.
    return "((julianday('now') - 2440587.5) * 86400.0)"


def open_engine(url: str, places: int | None = None, **options: Any) -> sa.Engine:
    """Return the engine of a database URL; makes the folder of a SQLite file.

    It connects at the first use.

    Args:
        places: operations (see `answering`) that may run at once, each for seconds at most; None
            for a process that waits as long as it takes.
        options: of SQLAlchemy's create_engine.

    Raises:
        Unavailable: the URL is not valid, or the folder cannot be made.
    """
    parsed = _parse(url)
    if places is not None:
        options = {"pool_size": places, "max_overflow": 0, "pool_timeout": 1} | options
    if parsed.get_backend_name() == "sqlite":
        engine = _open_sqlite(parsed, options, _BUSY if places is None else LONGEST)
    else:
        missing = {name: value for name, value in _POSTGRESQL.items() if name not in parsed.query}
        parsed = parsed.set(drivername="postgresql+psycopg").update_query_dict(missing)
        engine = sa.create_engine(parsed, pool_pre_ping=True, **options)
    if places is not None:
        _PATIENCE[engine] = DatabasePatience(engine, places)
    if parsed.get_backend_name() == "postgresql":
        sa.event.listen(engine, "connect", _set_session)  # after those that end it if it hangs
    return engine


def _set_session(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
    # Not as options of the connection: poolers refuse those that they do not know.
    cursor = connection.cursor()
    cursor.execute("; ".join(f"SET {name} = '{value}'" for name, value in _SESSION.items()))
    cursor.close()
    connection.commit()


def _parse(url: str) -> sa.URL:
    # The error of SQLAlchemy may quote the URL with its password.
    try:
        parsed = sa.make_url(url)
    except (SQLAlchemyError, ValueError):
        raise Unavailable(
            "DATABASE_URL cannot be read. It must be like sqlite:///FILE or "
            "postgresql://USER:PASSWORD@HOST:PORT/NAME, a special character of the password "
            "written as in a web address (@ is %40)."
        ) from None
    if parsed.drivername.split("+")[0] not in ("sqlite", "postgresql", "postgres"):
        raise Unavailable(
            "DATABASE_URL must be of SQLite or PostgreSQL: sqlite:///… or postgresql://…. "
            f"Received: {parsed.drivername}://…"
        )
    return parsed


def _open_sqlite(url: sa.URL, options: dict[str, Any], busy: float) -> sa.Engine:
    if url.database:
        folder = Path(url.database).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(
                f"The folder of the database cannot be made: {folder}: {error.strerror}."
            ) from error
    engine = sa.create_engine(url, **options)

    @sa.event.listens_for(engine, "do_connect")
    def make_private(*_: object) -> None:
        # It holds hashes of keys and the secret of tickets; SQLite's other files take its mode.
        # Only where there is none: closing a database that is in use would release its locks.
        if url.database and url.database != ":memory:":
            with contextlib.suppress(OSError):  # there is one, or SQLite says why not
                os.close(os.open(url.database, os.O_CREAT | os.O_EXCL | os.O_RDONLY, 0o600))

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={int(1000 * busy)}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.close()

    return engine


def make_tables(engine: sa.Engine, tables: sa.MetaData) -> None:
    """Make the missing tables; safe for processes that start together.

    Raises:
        Unavailable: the database does not answer.
    """
    with answering(engine), engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # Two sessions that make a table IF NOT EXISTS can still collide there.
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_TABLE_LOCK)))
        for table in tables.sorted_tables:
            connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))


@contextlib.contextmanager
def answering(engine: sa.Engine) -> Iterator[None]:
    """Raise Unavailable with one sentence if the database of `engine` fails.

    Raises:
        Unavailable: too many operations wait for it; or in place of any error of SQLAlchemy
            except IntegrityError, which is an answer.
    """
    patience = _PATIENCE.get(engine)
    try:
        with patience.operation() if patience else contextlib.nullcontext():
            yield
    except IntegrityError:
        raise
    except SQLAlchemyError as error:
        raise Unavailable(f"The database does not answer: {_reason(error, engine)}.") from error


def _reason(error: SQLAlchemyError, engine: sa.Engine) -> str:
    """The first line of the driver's error, without statement, values and password."""
    text = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    password = str(engine.url.password or "")
    line = text.splitlines()[0].rstrip(".")
    return line.replace(password, "***") if password else line


def _machine() -> str:
    """Return a name of this machine's processes, as long as it runs.

    Two containers of one image may have the same host name, and other processes.
    """
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):  # elsewhere than on Linux
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def _has_ended(pid: int) -> bool:
    """Return whether no process of this machine has an id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


class Workers:
    """The training workers that are alive, by their heartbeats in the database.

    Heartbeats and their ages are of the database's clock alone. Every method raises Unavailable if
    the database does not answer.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def create(self) -> None:
        """Make the table; harmless where it exists, and for workers that start together."""
        make_tables(self._engine, _WORKERS.metadata)

    def beat(self, worker_id: str, started_at: float) -> None:
        """Record a heartbeat; heartbeats in the future are set to now.

        Else, after the clock was set back, dead workers would seem alive for as long.
        """
        # SQLite writes ON CONFLICT as PostgreSQL does.
        row = postgresql.insert(_WORKERS).values(
            worker_id=worker_id,
            host=_machine(),
            pid=os.getpid(),
            started_at=started_at,
            beat_at=Clock(),
        )
        others = {c.name: row.excluded[c.name] for c in _WORKERS.c if not c.primary_key}
        with self._writing() as connection:
            connection.execute(row.on_conflict_do_update(index_elements=["worker_id"], set_=others))
            ahead = _WORKERS.c.beat_at > Clock() + BEAT_EVERY
            connection.execute(_WORKERS.update().where(ahead).values(beat_at=Clock()))

    def leave(self, worker_id: str) -> None:
        """Remove a worker that ends."""
        with self._writing() as connection:
            connection.execute(_WORKERS.delete().where(_WORKERS.c.worker_id == worker_id))

    def forget(self, older_than_seconds: float) -> None:
        """Remove the workers whose last heartbeat is older."""
        with self._writing() as connection:
            connection.execute(
                _WORKERS.delete().where(_WORKERS.c.beat_at < Clock() - older_than_seconds)
            )

    def alive(self) -> int:
        """Return how many workers are alive."""
        return len(self.alive_ids())

    def alive_ids(self) -> set[str]:
        """Return the ids of the workers that are alive.

        A worker of this machine whose process has ended is not; of others, their heartbeats tell.
        """
        here = _machine()
        rows = self._recent()
        return {row.worker_id for row in rows if not (row.host == here and _has_ended(row.pid))}

    def pids_here(self) -> list[int]:
        """Return the processes of the workers of this machine."""
        here = _machine()
        return [row.pid for row in self._recent() if row.host == here]

    def _recent(self) -> list[Any]:
        """The workers whose last heartbeat is not old."""
        recent = _WORKERS.c.beat_at > Clock() - ALIVE_FOR
        with answering(self._engine), self._engine.connect() as connection:
            if not sa.inspect(connection).has_table(_WORKERS.name):
                return []
            return list(connection.execute(sa.select(_WORKERS).where(recent)))

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with answering(self._engine), self._engine.begin() as connection:
            yield connection
