"""Jobs in the engine's database, as its clients read them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from dbos import DBOSClient, DBOSPortableJSONSerializer, WorkflowStatus, error

from models.jobs.job_log import Event, JobLog
from models.jobs.states import JOBS, STATES, Job, JobState, Work, job_of, member_id
from utils.errors import NotFound, Unavailable
from utils.storage.database import Workers, answering, open_engine

APPLICATION = "lstm-backend-service"
_PLACES = 15  # operations of one process that use or wait for the database at once


class JobPage(NamedTuple):
    """Jobs in order.

    Attributes:
        last: time and place among those of one time of the last of them, if there are more.
        total: the number of jobs on all pages.
    """

    jobs: list[Job]
    last: tuple[float, str] | None
    total: int


class JobQueries:
    """The jobs of a database, to be read. Every method raises Unavailable if it does not answer.

    Args:
        engine: of that database, where one is open already.

    Connections are made on first use: a web process starts, and answers, without them.
    """

    def __init__(self, database_url: str, engine: sa.Engine | None = None) -> None:
        self._url, self._given = database_url, engine
        self._lock = threading.Lock()
        self._connected: tuple[sa.Engine, DBOSClient] | None = None
        self._ready = False

    def _connection(self) -> tuple[sa.Engine, DBOSClient]:
        with self._lock:
            if self._connected is None:
                engine = self._given or open_engine(self._url, _PLACES)
                client = DBOSClient(
                    system_database_engine=engine,
                    serializer=DBOSPortableJSONSerializer(),
                    application_name=APPLICATION,
                    lazy=True,
                    retry_connection_errors=False,
                )
                self._connected = engine, client
            return self._connected

    @property
    def _client(self) -> DBOSClient:
        return self._connection()[1]

    @property
    def engine(self) -> sa.Engine:
        """The engine of the database."""
        return self._connection()[0]

    @property
    def log(self) -> JobLog:
        """The event log of the jobs."""
        return JobLog(self.engine)

    def workers_alive(self) -> int:
        """Return the number of workers that could take a job now."""
        return Workers(self.engine).alive()

    def worker_pids(self) -> list[int]:
        """Return the processes of the workers of this machine."""
        return Workers(self.engine).pids_here()

    def queued(self) -> int:
        """Return the number of trainings that wait for a worker."""
        return len(self._statuses(status="ENQUEUED", name=Work.TRAIN.value))

    def queued_of(self, owner: str) -> int:
        """Return the number of jobs of a caller that wait for a worker."""
        table = _workflows(self.engine)
        waits = [name for name, state in STATES.items() if state is JobState.QUEUED]
        query = sa.select(sa.func.count()).where(
            table.c.authenticated_user == owner,
            table.c.status.in_(waits),
            table.c.name.in_([work.value for work in JOBS]),
        )
        with self._answering():
            if not self._made():
                return 0
            with self.engine.connect() as connection:
                return connection.scalar(query) or 0

    def counts(self) -> dict[JobState, int]:
        """Return the number of trainings in each state; {} before the first worker."""
        table = _workflows(self.engine)
        status = table.c.status
        query = sa.select(status, sa.func.count()).where(table.c.name == Work.TRAIN.value)
        counts = dict.fromkeys(JobState, 0)
        with self._answering():
            if not self._made():
                return {}
            with self.engine.connect() as connection:
                for each, count in connection.execute(query.group_by(status)):
                    counts[STATES[each]] += count
        return counts

    def epochs_per_second(self, seconds: float = 60.0) -> float:
        """Return the epochs per second of all workers together, over the last `seconds`."""
        with self._answering():
            return self.log.epochs_since(time.time() - seconds) / seconds if self._made() else 0.0

    def _made(self) -> bool:
        """Return whether a worker has made the tables of this database."""
        if not self._ready:
            look = sa.inspect(self.engine)
            # A worker makes the tables of the log last.
            self._ready = self.log.is_made() and all(
                look.has_table(table.name, schema=table.schema)
                and {column["name"] for column in look.get_columns(table.name, table.schema)}
                >= {*table.c.keys()}
                for table in (_workflows(self.engine), _inputs(self.engine))
            )
        return self._ready

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Turn the errors of a database that does not answer into Unavailable."""
        try:
            with answering(self.engine):
                yield
        except error.DBOSException as failure:
            raise Unavailable("The job engine refused the operation.") from failure

    def _statuses(self, **filters: Any) -> list[WorkflowStatus]:
        plain = {"load_input": False, "load_output": False} | filters
        with self._answering():
            return self._client.list_workflows(**plain) if self._made() else []

    # --- jobs ---------------------------------------------------------------------------------

    def newest(
        self,
        state: JobState | None,
        limit: int,
        offset: int,
        works: tuple[Work, ...] = (Work.TRAIN,),
    ) -> list[Job]:
        """Return jobs of some kinds of work, by default the trainings, newest first."""
        wanted = [name for name, known in STATES.items() if state in (None, known)]
        names = [work.value for work in works]
        return self._jobs(name=names, status=wanted, limit=limit, offset=offset, sort_desc=True)

    def page(
        self,
        limit: int,
        *,
        state: JobState | None = None,
        works: tuple[Work, ...] = JOBS,
        descending: bool = True,
        after: tuple[float, str] | None = None,
        offset: int = 0,
        search: str | None = None,
    ) -> JobPage:
        """Return some jobs in the order in which they were submitted.

        Args:
            limit: jobs at most.
            state, works: only jobs in this state (None: in any), of these kinds of work.
            descending: True for the newest first.
            after: `JobPage.last` of the page before.
            offset: jobs to skip.
            search: only jobs with this text in their id or arguments.
        """
        table = _workflows(self.engine)
        # SQLite has times of whole seconds, and numbers rows in the order in which they came.
        is_sqlite = self.engine.dialect.name == "sqlite"
        number: sa.ColumnElement[Any] = table.c.workflow_uuid
        if is_sqlite:
            number = sa.literal_column("workflow_status.rowid")
        place = sa.tuple_(table.c.created_at, number)
        wanted = [name for name, known in STATES.items() if state in (None, known)]
        named = table.c.name.in_([work.value for work in works])
        chosen: list[sa.ColumnElement[bool]] = [named, table.c.status.in_(wanted)]
        if search is not None:
            chosen.append(_contains(table, _inputs(self.engine), search))
        counted = sa.select(sa.func.count()).select_from(table).where(*chosen)
        order = [column.desc() if descending else column.asc() for column in place.clauses]
        columns = table.c.created_at, number.label("number"), table.c.workflow_uuid
        query = sa.select(*columns).where(*chosen)
        if after is not None:
            begin = after[0], _number(after[1]) if is_sqlite else after[1]
            query = query.where(place < begin if descending else place > begin)
        with self._answering():
            if not self._made():
                return JobPage([], None, 0)
            with self.engine.connect() as connection:
                total = connection.scalar(counted) or 0
                paged = query.order_by(*order).offset(offset).limit(limit + 1)
                rows = connection.execute(paged).all()
        ids = [row.workflow_uuid for row in rows[:limit]]
        jobs = {job.job_id: job for job in self._jobs(workflow_ids=ids)} if ids else {}
        end = rows[limit - 1] if len(rows) > limit else None
        last = None if end is None else (end.created_at, str(end.number))
        return JobPage([jobs[id] for id in ids if id in jobs], last, total)

    def get(self, job_id: str) -> Job:
        """Return a training or backtest.

        Raises:
            NotFound: there is no such job.
        """
        found = self._jobs(name=[work.value for work in JOBS], workflow_ids=[job_id])
        if not found:
            raise NotFound(f"There is no job {job_id[:60]!r}.")
        return found[0]

    def fingerprint_of(self, job_id: str) -> str | None:
        """Return the fingerprint of the request for a job of any kind; None without one."""
        found = self._jobs(workflow_ids=[job_id])
        return found[0].arguments.fingerprint if found else None

    def unfinished(self) -> list[Job]:
        """Return the trainings that wait or run, oldest first."""
        wanted = [name for name, state in STATES.items() if not state.ended]
        return self._jobs(name=Work.TRAIN.value, status=wanted)

    def group_of(self, job: Job) -> list[Job]:
        """Return the trainings of a job's group, in any state, in their order."""
        group_id = job.training.group_id
        ids = [member_id(group_id, i) for i in range(job.training.group_size)] if group_id else []
        found = self.find(ids)
        return [found[id] for id in ids if id in found]

    def ended_after(self, at: float, limit: int) -> list[Job]:
        """Return the newest of the trainings that ended at or after a Unix time."""
        wanted = [name for name, state in STATES.items() if state.ended]
        # The engine's own times may be whole seconds.
        since = datetime.fromtimestamp(max(0.0, at - 1), UTC).isoformat()
        return self._jobs(
            name=Work.TRAIN.value,
            status=wanted,
            completed_after=since,
            limit=limit,
            sort_desc=True,
        )

    def find(self, job_ids: list[str]) -> dict[str, Job]:
        """Return some trainings by id; those that do not exist are left out."""
        found = self._jobs(name=Work.TRAIN.value, workflow_ids=job_ids) if job_ids else []
        return {job.job_id: job for job in found}

    def states(self, job_ids: list[str]) -> dict[str, JobState]:
        """Return the states of some jobs by id; those that do not exist are left out."""
        found = self._statuses(workflow_ids=job_ids) if job_ids else []
        return {status.workflow_id: STATES[status.status] for status in found}

    def events(self, seen: dict[str, int]) -> list[Event]:
        """Return events of some jobs in order: job id → number of the last event already seen."""
        with self._answering():
            return self.log.after(seen)

    def first_and_last_events(self, job_id: str, limit: int) -> list[Event]:
        """Return the first event of a job and its last ones, in order, `limit` at most."""
        with self._answering():
            return self.log.first_and_last(job_id, limit)

    def stages(self, job_id: str) -> dict[str, float]:
        """Return the Unix times at which a training reached its stages."""
        with self._answering():
            return self.log.stages(job_id)

    def _jobs(self, **filters: Any) -> list[Job]:
        statuses = self._statuses(load_input=True, load_output=True, **filters)
        ids = [status.workflow_id for status in statuses]
        backtests = {s.workflow_id for s in statuses if s.name == Work.BACKTEST.value}
        running = {s.workflow_id for s in statuses if STATES[s.status] is JobState.RUNNING}
        with self._answering():
            epochs = self.log.last_epochs(ids) if ids else {}
            followed = sorted(backtests | running)
            newest = self.log.last_of_each(followed) if followed else {}
            spans = self.log.spans(ids) if ids else {}
            recoveries = self.log.recoveries(ids) if ids else {}
        progress: dict[str, Any] = {id: event.data for id, event in epochs.items()}
        progress |= {id: newest[id].data.get("progress") for id in backtests & newest.keys()}
        waiting = {id: event.data.get("waiting") for id, event in newest.items()}
        return [
            job_of(status, progress.get(id), waiting.get(id), spans.get(id), recoveries.get(id, 0))
            for id, status in zip(ids, statuses, strict=True)
        ]


def _number(text: str) -> int:
    """Return the number of a row in a cursor; 0 for one that is none."""
    return int(text) if text.isdecimal() and len(text) < 19 else 0


def _contains(table: sa.TableClause, inputs: sa.TableClause, text: str) -> sa.ColumnElement[bool]:
    """Return the condition that a job has a text in its id or its arguments."""

    def has(column: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        return sa.func.lower(column).contains(text.lower(), autoescape=True)

    of_job = sa.exists().where(inputs.c.workflow_uuid == table.c.workflow_uuid)
    return has(table.c.workflow_uuid) | of_job.where(has(inputs.c.inputs))


def _workflows(engine: sa.Engine) -> sa.TableClause:
    """Return the engine's own table of jobs, with the columns that are read here."""
    columns = [
        sa.column(name, sa.Text)
        for name in ("workflow_uuid", "status", "name", "authenticated_user")
    ]
    submitted = sa.column("created_at", sa.BigInteger)
    return sa.table("workflow_status", submitted, *columns, schema=_schema(engine))


def _inputs(engine: sa.Engine) -> sa.TableClause:
    """Return the engine's own table of the jobs' arguments, with the columns that are read here."""
    columns = [sa.column(name, sa.Text) for name in ("workflow_uuid", "inputs")]
    return sa.table("workflow_input", *columns, schema=_schema(engine))


def _schema(engine: sa.Engine) -> str | None:
    return None if engine.dialect.name == "sqlite" else "dbos"
