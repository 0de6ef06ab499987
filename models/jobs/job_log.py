"""The event log of each job, written by workers and read by every web process.

The engine keeps a job's state and outcome. The event log has one row per epoch and one per change
of status; beside it stand the one decision that cancelling, failing and publishing race for, the
fencing token of the attempt that may decide (M. Kleppmann, "Designing Data-Intensive
Applications", 2017, chapter 8), and the workers that ended while they had the job.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from utils.errors import InternalError
from utils.storage.database import answering, make_tables

_METADATA = sa.MetaData()
_EVENTS = sa.Table(
    "job_events",
    _METADATA,
    sa.Column("job_id", sa.String(36), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    # An epoch that is trained again after a crash is recorded once.
    sa.Column("epoch", sa.Integer),
    sa.Column("at", sa.Float, nullable=False, index=True),
    sa.Column("data", sa.Text, nullable=False),
    sa.UniqueConstraint("job_id", "epoch"),
)
_STAGES = sa.Table(
    "job_stages",
    _METADATA,
    sa.Column("job_id", sa.String(36), primary_key=True),
    sa.Column("stage", sa.String(40), primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
)
_DECISIONS = sa.Table(
    "job_decisions",
    _METADATA,
    sa.Column("job_id", sa.String(36), primary_key=True),
    sa.Column("decision", sa.String(20), nullable=False),
)
_ATTEMPTS = sa.Table(
    "job_attempts",
    _METADATA,
    sa.Column("job_id", sa.String(36), primary_key=True),
    sa.Column("token", sa.Integer, nullable=False),
    sa.Column("worker_id", sa.String(200), nullable=False),
)
_RECOVERIES = sa.Table(
    "job_recoveries",
    _METADATA,
    sa.Column("job_id", sa.String(36), primary_key=True),
    sa.Column("lost_worker_id", sa.String(200), primary_key=True),
    sa.Column("worker_id", sa.String(200), nullable=False),  # that requeues the job
)
_TRIES = 20  # of a writer whose number another one took first


class Decision(StrEnum):
    """The decision on how a job ends; the first one stands."""

    CANCEL = "cancel"
    PUBLISH = "publish"
    FAIL = "fail"


class StaleAttempt(Exception):
    """A later attempt of the job has begun: this one must not change anything any more."""


@dataclass(frozen=True)
class Event:
    """One entry of a job's event log; `epoch` is None for a change of status."""

    job_id: str
    number: int
    epoch: int | None
    at: float
    data: dict[str, Any]


class JobLog:
    """The event logs of the jobs in one database.

    Every method raises Unavailable if the database does not answer.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def create(self) -> None:
        """Make the tables where they do not exist."""
        make_tables(self._engine, _METADATA)

    def is_made(self) -> bool:
        """Return whether all tables exist."""
        look = sa.inspect(self._engine)
        return all(look.has_table(name) for name in _METADATA.tables)

    def add_epoch(self, job_id: str, epoch: int, data: dict[str, Any]) -> None:
        """Record an epoch; nothing changes if it is recorded already."""
        same = _EVENTS.c.epoch == epoch
        self._add(job_id, epoch, data, same, lambda last: True)

    def add_status(self, job_id: str, data: dict[str, Any]) -> None:
        """Record a change of status, unless the last recorded change is equal."""
        self._add(job_id, None, data, _EVENTS.c.epoch.is_(None), lambda last: last == data)

    def _add(
        self,
        job_id: str,
        epoch: int | None,
        data: dict[str, Any],
        alike: sa.ColumnElement[bool],
        known: Callable[[dict[str, Any]], bool],
    ) -> None:
        """Append an entry, unless the last one `alike` makes it `known`."""
        mine = _EVENTS.c.job_id == job_id
        last = sa.select(_EVENTS.c.data).where(mine, alike).order_by(_EVENTS.c.number.desc())
        count = sa.select(sa.func.max(_EVENTS.c.number)).where(mine)
        row = {"job_id": job_id, "epoch": epoch, "data": json.dumps(data, allow_nan=False)}
        for _ in range(_TRIES):
            with self._connection() as connection:
                number = 1 + (connection.execute(count).scalar() or 0)
                found = connection.execute(last.limit(1)).scalar()
            if found is not None and known(json.loads(found)):
                return
            try:
                with self._connection() as connection:
                    values = row | {"number": number, "at": time.time()}
                    connection.execute(_EVENTS.insert().values(**values))
            except IntegrityError:  # another writer was faster: look again
                continue
            return
        raise InternalError(f"The log of job {job_id} takes no entry.")

    def add_stage(self, job_id: str, stage: str) -> None:
        """Record that a job has reached a stage, now; a job that is resumed reaches it again."""
        change = postgresql.insert(_STAGES).values(job_id=job_id, stage=stage, at=time.time())
        change = change.on_conflict_do_update(
            index_elements=["job_id", "stage"], set_={"at": change.excluded.at}
        )
        with self._connection() as connection:
            connection.execute(change)

    def stages(self, job_id: str) -> dict[str, float]:
        """Return the Unix times at which a job reached its stages."""
        query = sa.select(_STAGES.c.stage, _STAGES.c.at).where(_STAGES.c.job_id == job_id)
        with self._connection() as connection:
            return {row.stage: row.at for row in connection.execute(query)}

    def after(self, seen: Mapping[str, int]) -> list[Event]:
        """Return events of some jobs in order: job id → number of the last event already seen."""
        if not seen:
            return []
        newer = [
            sa.and_(_EVENTS.c.job_id == job_id, _EVENTS.c.number > number)
            for job_id, number in seen.items()
        ]
        query = sa.select(_EVENTS).where(sa.or_(*newer))
        return self._events(query.order_by(_EVENTS.c.job_id, _EVENTS.c.number))

    def first_and_last(self, job_id: str, limit: int) -> list[Event]:
        """Return the first event of a job and its last ones, in order, `limit` at most."""
        mine = sa.select(_EVENTS).where(_EVENTS.c.job_id == job_id)
        last = self._events(mine.order_by(_EVENTS.c.number.desc()).limit(limit))[::-1]
        if not last or last[0].number == 1:
            return last
        return [*self._events(mine.order_by(_EVENTS.c.number).limit(1)), *last[1:]]

    def last_epochs(self, job_ids: Iterable[str]) -> dict[str, Event]:
        """Return the last recorded epoch of each of some jobs, where there is one."""
        newest = (
            sa.select(_EVENTS.c.job_id, sa.func.max(_EVENTS.c.epoch).label("epoch"))
            .where(_EVENTS.c.job_id.in_(list(job_ids)))
            .group_by(_EVENTS.c.job_id)
            .subquery()
        )
        both = sa.and_(_EVENTS.c.job_id == newest.c.job_id, _EVENTS.c.epoch == newest.c.epoch)
        found = self._events(sa.select(_EVENTS).join(newest, both))
        return {event.job_id: event for event in found}

    def last_of_each(self, job_ids: Iterable[str]) -> dict[str, Event]:
        """Return the last event of each of some jobs, where there is one."""
        newest = (
            sa.select(_EVENTS.c.job_id, sa.func.max(_EVENTS.c.number).label("number"))
            .where(_EVENTS.c.job_id.in_(list(job_ids)))
            .group_by(_EVENTS.c.job_id)
            .subquery()
        )
        both = sa.and_(_EVENTS.c.job_id == newest.c.job_id, _EVENTS.c.number == newest.c.number)
        return {
            event.job_id: event for event in self._events(sa.select(_EVENTS).join(newest, both))
        }

    def spans(self, job_ids: Iterable[str]) -> dict[str, tuple[float, float]]:
        """Return the Unix times of the first and the last event of each of some jobs.

        First and last by number: where a clock was set back, times may be in another order.
        """
        ends = (
            sa.select(
                _EVENTS.c.job_id,
                sa.func.min(_EVENTS.c.number).label("first"),
                sa.func.max(_EVENTS.c.number).label("last"),
            )
            .where(_EVENTS.c.job_id.in_(list(job_ids)))
            .group_by(_EVENTS.c.job_id)
            .subquery()
        )
        mine = _EVENTS.c.job_id == ends.c.job_id
        either = _EVENTS.c.number.in_([ends.c.first, ends.c.last])
        query = sa.select(_EVENTS.c.job_id, _EVENTS.c.at).join(ends, sa.and_(mine, either))
        times: dict[str, list[float]] = {}
        with self._connection() as connection:
            for job_id, at in connection.execute(query.order_by(_EVENTS.c.number)):
                times.setdefault(job_id, []).append(float(at))
        return {job_id: (found[0], found[-1]) for job_id, found in times.items()}

    def tries_without_progress(self, job_id: str) -> int:
        """Return the tries of a job since an epoch ended or a worker released it."""
        mine = _EVENTS.c.job_id == job_id
        last = sa.select(sa.func.max(_EVENTS.c.number)).where(mine, _EVENTS.c.epoch.isnot(None))
        since = _EVENTS.c.number > sa.func.coalesce(last.correlate(None).scalar_subquery(), -1)
        query = sa.select(_EVENTS).where(mine, since).order_by(_EVENTS.c.number)
        tries: set[int] = set()
        for event in self._events(query):
            if (number := event.data.get("try")) is not None:
                tries = {1} if number == 1 else tries | {number}
        return len(tries)

    def epochs_since(self, at: float) -> int:
        """Return how many epochs of all jobs ended after a Unix time."""
        query = sa.select(sa.func.count()).where(_EVENTS.c.at > at, _EVENTS.c.epoch.isnot(None))
        with self._connection() as connection:
            return int(connection.execute(query).scalar_one())

    def claim(self, job_id: str, worker_id: str) -> int:
        """Begin an attempt of a job; return its fencing token, which ends all earlier attempts.

        Args:
            worker_id: of the worker that begins it.
        """
        mine = _ATTEMPTS.c.job_id == job_id
        next_one = (
            _ATTEMPTS.update().where(mine).values(token=_ATTEMPTS.c.token + 1, worker_id=worker_id)
        )
        first = _ATTEMPTS.insert().values(job_id=job_id, token=1, worker_id=worker_id)
        for _ in range(_TRIES):
            try:
                with self._connection() as connection:
                    if not connection.execute(next_one).rowcount:
                        connection.execute(first)
                    token = connection.execute(sa.select(_ATTEMPTS.c.token).where(mine))
                    return int(token.scalar_one())
            except IntegrityError:  # another worker began the first attempt
                continue
        raise InternalError(f"No attempt of job {job_id} can begin.")

    def token(self, job_id: str) -> int | None:
        """Return the token of the newest attempt of a job; None before the first."""
        with self._connection() as connection:
            return connection.scalar(
                sa.select(_ATTEMPTS.c.token).where(_ATTEMPTS.c.job_id == job_id)
            )

    def claim_recovery(
        self, job_id: str, lost_worker_id: str, worker_id: str, alive: Collection[str]
    ) -> bool:
        """Return True for the one worker that is to requeue a job of a lost one.

        It remains the one as long as it is alive.

        Args:
            worker_id: of the worker that asks.
            alive: ids of the workers that are alive.
        """
        row = {"job_id": job_id, "lost_worker_id": lost_worker_id, "worker_id": worker_id}
        others = [other for other in alive if other != worker_id]
        # SQLite writes ON CONFLICT as PostgreSQL does.
        change = postgresql.insert(_RECOVERIES).values(**row)
        change = change.on_conflict_do_update(
            index_elements=["job_id", "lost_worker_id"],
            set_={"worker_id": worker_id},
            where=_RECOVERIES.c.worker_id.not_in(others),
        )
        with self._connection() as connection:
            changed = connection.execute(change.returning(_RECOVERIES.c.job_id))
            return changed.first() is not None

    def recoveries(self, job_ids: Iterable[str]) -> dict[str, int]:
        """Return how many workers each of some jobs has lost since one released it, if any."""
        mine = _RECOVERIES.c.job_id.in_(list(job_ids))
        query = sa.select(_RECOVERIES.c.job_id, sa.func.count()).where(mine)
        with self._connection() as connection:
            rows = connection.execute(query.group_by(_RECOVERIES.c.job_id)).all()
        return {row[0]: row[1] for row in rows}

    def forget_recoveries(self, job_id: str) -> None:
        """Delete the record of the workers that a job has lost."""
        with self._connection() as connection:
            connection.execute(_RECOVERIES.delete().where(_RECOVERIES.c.job_id == job_id))

    def decide(self, job_id: str, decision: Decision, token: int | None = None) -> Decision:
        """Decide how a job ends, unless it is decided; return the decision that stands.

        Args:
            token: of the attempt that decides; None: a client does.

        Raises:
            StaleAttempt: the token is not that of the newest attempt.
        """
        mine = _ATTEMPTS.c.job_id == job_id, _ATTEMPTS.c.token == token
        # An update without an effect, which locks the row: no attempt begins before the decision.
        hold = _ATTEMPTS.update().where(*mine).values(token=_ATTEMPTS.c.token)
        try:
            with self._connection() as connection:
                if token is not None and not connection.execute(hold).rowcount:
                    raise StaleAttempt(job_id)
                connection.execute(_DECISIONS.insert().values(job_id=job_id, decision=decision))
        except IntegrityError:
            return self.decision(job_id) or decision
        return decision

    def decision(self, job_id: str) -> Decision | None:
        """Return the decision on a job, if there is one."""
        query = sa.select(_DECISIONS.c.decision).where(_DECISIONS.c.job_id == job_id)
        with self._connection() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else Decision(found)

    def delete(self, job_ids: Iterable[str]) -> None:
        """Delete all that is recorded of some jobs."""
        ids = list(job_ids)
        with self._connection() as connection:
            for table in _METADATA.sorted_tables:
                connection.execute(table.delete().where(table.c.job_id.in_(ids)))

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        """Open a transaction."""
        with answering(self._engine), self._engine.begin() as connection:
            yield connection

    def _events(self, query: sa.Select[Any]) -> list[Event]:
        with self._connection() as connection:
            return [
                Event(row.job_id, row.number, row.epoch, row.at, json.loads(row.data))
                for row in connection.execute(query)
            ]
