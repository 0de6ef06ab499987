"""The one database of the service: its engine, and the table of workers that are alive."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from utils.errors import Unavailable

ALIVE_FOR = 15.0  # seconds that a worker counts as alive after a sign of life
BEAT_EVERY = 3.0  # seconds between two signs of life

_WORKERS = sa.Table(
    "service_workers",
    sa.MetaData(),
    sa.Column("worker_id", sa.String(200), primary_key=True),
    sa.Column("host", sa.String(200), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started_at", sa.Float, nullable=False),
    sa.Column("beat_at", sa.Float, nullable=False),
)


def open_engine(url: str) -> sa.Engine:
    """The engine of a database URL; the folder of a SQLite file is made if need be."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_pre_ping=True)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(parsed)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
        # Writers queue up instead of failing; with the log ahead, readers never wait for them.
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout=30000")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.close()

    return engine


class Workers:
    """Which training workers are alive, by the signs of life they leave in the database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def create(self) -> None:
        """Make the table; harmless where it exists."""
        _WORKERS.create(self._engine, checkfirst=True)

    def beat(self, worker_id: str, started_at: float) -> None:
        """Leave a sign of life."""
        row = {
            "worker_id": worker_id,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started_at": started_at,
            "beat_at": time.time(),
        }
        with self._engine.begin() as connection:
            changed = connection.execute(
                _WORKERS.update().where(_WORKERS.c.worker_id == worker_id).values(**row)
            )
            if not changed.rowcount:
                connection.execute(_WORKERS.insert().values(**row))

    def leave(self, worker_id: str) -> None:
        """Take a worker off the list, as it ends."""
        with self._engine.begin() as connection:
            connection.execute(_WORKERS.delete().where(_WORKERS.c.worker_id == worker_id))

    def alive_ids(self) -> set[str]:
        """shim"""
        with self._engine.connect() as c:
            return {
                r[0]
                for r in c.execute(
                    sa.select(_WORKERS.c.worker_id).where(
                        _WORKERS.c.beat_at > time.time() - ALIVE_FOR
                    )
                )
            }

    def forget(self, older_than: float) -> None:
        """shim"""

    def alive(self) -> int:
        """How many workers gave a sign of life lately.

        Raises:
            Unavailable: the database does not answer.
        """
        recent = _WORKERS.c.beat_at > time.time() - ALIVE_FOR
        try:
            if not sa.inspect(self._engine).has_table(_WORKERS.name):
                return 0
            with self._engine.connect() as connection:
                query = sa.select(sa.func.count()).select_from(_WORKERS).where(recent)
                return int(connection.execute(query).scalar_one())
        except SQLAlchemyError as error:
            raise Unavailable(f"The database does not answer: {error}") from error
