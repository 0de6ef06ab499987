"""Retention: how long what is not needed any more has been known, in seconds of the service's age.

The age of the service is a number in its database. It grows while a worker runs: by the seconds of
the worker's monotonic clock, but by no more than those of the database's clock, so that several
workers count a second once. A clock that jumps makes nothing old, and a service that is off does
not age.

Example: an ended job is first seen at age 100,000. With JOBS_KEPT_DAYS=30 it is deleted at age
2,692,000, whatever the clocks of the machines showed meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from utils.storage.database import Clock, answering, make_tables

_METADATA = sa.MetaData()
_AGE = sa.Table(
    "service_age",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True),  # 1: there is one row
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("counted_at", sa.Float, nullable=False),  # by the database's clock
)
_SEEN = sa.Table(
    "service_retention",
    _METADATA,
    sa.Column("kind", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("age", sa.Float, nullable=False),  # of the service when it was first seen
)


class Retention:
    """The age of the service, and what was seen at which age.

    Every method raises Unavailable if the database does not answer.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._counted_to = time.monotonic()

    def create(self) -> None:
        """Make the tables where they do not exist, with an age of 0."""
        make_tables(self._engine, _METADATA)
        first = postgresql.insert(_AGE).values(id=1, seconds=0.0, counted_at=Clock())
        with answering(self._engine), self._engine.begin() as connection:
            connection.execute(first.on_conflict_do_nothing())

    def count(self) -> None:
        """Let the service age by the time since the last call."""
        now = time.monotonic()
        passed = Clock() - _AGE.c.counted_at
        grown = sa.case(
            (passed < 0, 0.0),
            (passed > now - self._counted_to, now - self._counted_to),
            else_=passed,
        )
        change = _AGE.update().values(seconds=_AGE.c.seconds + grown, counted_at=Clock())
        with answering(self._engine), self._engine.begin() as connection:
            connection.execute(change)
        self._counted_to = now

    def age(self) -> float:
        """Return the age of the service in seconds."""
        with answering(self._engine), self._engine.connect() as connection:
            return float(connection.execute(sa.select(_AGE.c.seconds)).scalar_one())

    def due(self, kind: str, kept_for: Mapping[str, float]) -> list[str]:
        """Return the names that have been seen for as long as they are kept.

        Args:
            kind: of the names.
            kept_for: all names of the kind that there are now → seconds to keep each.
        """
        age = self.age()
        mine = _SEEN.c.kind == kind
        with answering(self._engine), self._engine.begin() as connection:
            query = sa.select(_SEEN.c.name, _SEEN.c.age).where(mine)
            seen = {row.name: row.age for row in connection.execute(query)}
            new = [
                {"kind": kind, "name": name, "age": age} for name in kept_for if name not in seen
            ]
            if new:
                connection.execute(postgresql.insert(_SEEN).on_conflict_do_nothing(), new)
            gone = [{"gone": name} for name in seen.keys() - kept_for.keys()]
            if gone:
                connection.execute(
                    _SEEN.delete().where(mine, _SEEN.c.name == sa.bindparam("gone")), gone
                )
        return [name for name, at in seen.items() if age - at >= kept_for.get(name, age + 1)]
