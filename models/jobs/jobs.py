"""Jobs on DBOS, seen from the web process: hand one in, look at it, wait for it, cancel it.

The worker's side is `models.jobs.worker` and `models.jobs.worker_jobs`. Both meet in
one database; what passes between them is JSON, never a pickle.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from dbos import DBOSClient, DBOSPortableJSONSerializer, WorkflowStatus, error
from dbos._schemas.system_database import SystemSchema

from models.jobs.job_log import Decision, Event, JobLog
from models.jobs.states import JOBS, STATES, Job, JobState, Work, error_of, job_of, member_id
from utils.api.request_limits import check_queue
from utils.auth.caller import caller
from utils.errors import Conflict, InternalError, NotFound, Unavailable
from utils.shutdown import DRAIN
from utils.storage.database import Workers, answering, open_engine

QUEUE = "training"
# Somebody waits for what is derived from a model: that is not to wait for a training, nor for a
# backtest; and a backtest is over in seconds, while a training takes hours.
QUEUES = {
    Work.TRAIN: QUEUE,
    Work.DERIVE: "deriving",
    Work.ILLUSTRATE: "deriving",
    Work.COMPRESS: "deriving",
    Work.BACKTEST: "backtesting",
}
APPLICATION = "lstm-backend-service"

_GRACE = 5.0  # seconds that a starting or restarting worker has to show up
_RESTART = 30.0  # seconds that the last worker has to come back to those who wait for its queue
_COME_BACK = 5  # seconds until a web server that stops is back, or another one is found
_POLL = (0.05, 0.5)  # seconds between two looks at a job: at first, and at most


class Jobs:
    """The jobs of a database, as its clients see them.

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
                engine = self._given or open_engine(self._url)
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
        """The database's."""
        return self._connection()[0]

    @property
    def log(self) -> JobLog:
        """The story of the jobs."""
        return JobLog(self.engine)

    def workers_alive(self) -> int:
        """How many workers could take a job now.

        Raises:
            Unavailable: the database does not answer.
        """
        return Workers(self.engine).alive()

    def queued(self) -> int:
        """How many trainings wait for a worker."""
        return len(self._statuses(status="ENQUEUED", queue_name=QUEUE))

    def queued_of(self, owner: str) -> int:
        """How many jobs that a caller handed in wait for a worker.

        Raises:
            Unavailable: the database does not answer.
        """
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

    def expect_place(self, more: int, most: int) -> None:
        """Refuse more jobs than the caller may have waiting.

        Raises:
            TooManyRequests: with so many more, there would be more than `most`.
            Unavailable: the database does not answer.
        """
        check_queue(self.queued_of(caller().id), more, most)

    def counts(self) -> dict[JobState, int]:
        """How many trainings there are in each state; {} before the first worker.

        Raises:
            Unavailable: the database does not answer.
        """
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
        """Epochs that all workers together ended per second, lately."""
        with self._answering():
            return self.log.epochs_since(time.time() - seconds) / seconds if self._made() else 0.0

    def _made(self) -> bool:
        """Whether a worker has ever made the tables of this database."""
        if not self._ready:
            engine = self.engine
            schema = None if engine.dialect.name == "sqlite" else "dbos"
            look = sa.inspect(engine)
            self._ready = (
                look.has_table("workflow_status", schema=schema)
                # The engine makes it in steps; a job that comes between two of them would fail.
                and {column["name"] for column in look.get_columns("workflow_status", schema)}
                >= {*SystemSchema.workflow_status.columns.keys()}
                and look.has_table("job_events")
            )
        return self._ready

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Turn what a database that does not answer raises into Unavailable."""
        try:
            with answering(self.engine):
                yield
        except error.DBOSException as failure:
            raise Unavailable("The job engine does not do what it is asked to.") from failure

    def _statuses(self, **filters: Any) -> list[WorkflowStatus]:
        plain = {"load_input": False, "load_output": False} | filters
        with self._answering():
            return self._client.list_workflows(**plain) if self._made() else []

    # --- looking at jobs ----------------------------------------------------------------------

    def newest(
        self,
        state: JobState | None,
        limit: int,
        offset: int,
        works: tuple[Work, ...] = (Work.TRAIN,),
    ) -> list[Job]:
        """The jobs of some kinds of work, by default the trainings, newest first."""
        wanted = [name for name, known in STATES.items() if state in (None, known)]
        names = [work.value for work in works]
        return self._jobs(name=names, status=wanted, limit=limit, offset=offset, sort_desc=True)

    def get(self, job_id: str) -> Job:
        """A job that somebody handed in.

        Raises:
            NotFound: there is none of that id.
        """
        found = self._jobs(name=[work.value for work in JOBS], workflow_ids=[job_id])
        if not found:
            raise NotFound(f"There is no job {job_id[:60]!r}.")
        return found[0]

    def unfinished(self) -> list[Job]:
        """The trainings that wait or run, oldest first."""
        wanted = [name for name, state in STATES.items() if not state.ended]
        return self._jobs(name=Work.TRAIN.value, status=wanted)

    def group_of(self, job: Job) -> list[Job]:
        """The trainings of a job's group, whatever became of them, in their order."""
        arguments = job.arguments
        ids = [member_id(arguments["group_id"], i) for i in range(arguments["group_size"])]
        found = self.find(ids)
        return [found[id] for id in ids if id in found]

    def ended_after(self, at: float, limit: int) -> list[Job]:
        """The newest of the trainings that ended at or after a Unix time."""
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
        """Some trainings by id; those that do not exist are left out."""
        found = self._jobs(name=Work.TRAIN.value, workflow_ids=job_ids) if job_ids else []
        return {job.job_id: job for job in found}

    def states(self, job_ids: list[str]) -> dict[str, JobState]:
        """The states of some jobs; those that do not exist are left out."""
        found = self._statuses(workflow_ids=job_ids) if job_ids else []
        return {status.workflow_id: STATES[status.status] for status in found}

    def events(self, seen: dict[str, int]) -> list[Event]:
        """Events of some jobs beyond the number of each that was seen, in order."""
        with self._answering():
            return self.log.after(seen)

    def last_events(self, limit: int) -> list[Event]:
        """The newest events of all jobs, oldest first."""
        with self._answering():
            return self.log.last(limit) if self._made() else []

    def _jobs(self, **filters: Any) -> list[Job]:
        statuses = self._statuses(load_input=True, load_output=True, **filters)
        ids = [status.workflow_id for status in statuses]
        trials = [s.workflow_id for s in statuses if s.name == Work.BACKTEST.value]
        with self._answering():
            epochs = self.log.last_epochs(ids) if ids else {}
            told = self.log.last_told(trials) if trials else {}
            spans = self.log.spans(ids) if ids else {}
        progress: dict[str, Any] = {id: event.data for id, event in epochs.items()}
        progress |= {id: event.data.get("progress") for id, event in told.items()}
        return [job_of(s, progress.get(s.workflow_id), spans.get(s.workflow_id)) for s in statuses]

    # --- handing jobs in ----------------------------------------------------------------------

    def enqueue(
        self, work: Work, job_id: str, arguments: dict[str, Any], priority: int = 1
    ) -> None:
        """Hand in a job of the caller's; one of the same id that exists is left as it is."""
        with self._answering():
            self._client.enqueue(
                {
                    "workflow_name": work.value,
                    "queue_name": QUEUES[work],
                    "workflow_id": job_id,
                    "priority": priority,
                    "authenticated_user": caller().id,
                },
                arguments | {"queued_at": time.time()},
            )

    def wait(self, job_id: str) -> None:
        """Wait for the end of a job.

        Raises:
            Unavailable: for longer than a restart takes, no worker is alive while the job is in
                the queue; it is cancelled. Or this process is to end before the job does.
            Conflict: it was cancelled.
            ServiceError: what it failed with.
        """
        pause, most = _POLL
        attended = time.monotonic()  # when somebody was last seen who could take the job
        while not (state := self.states([job_id]).get(job_id, JobState.CANCELLED)).ended:
            if DRAIN.ending or (DRAIN.begun and state is JobState.QUEUED):
                raise Unavailable(
                    f"This web server is stopping; job {job_id} goes on without it. Ask again in a "
                    "moment.",
                    retry_after=_COME_BACK,
                )
            time.sleep(pause)
            pause = min(most, pause * 1.2)
            if state is not JobState.QUEUED or self.workers_alive():
                attended = time.monotonic()
            elif time.monotonic() - attended > _RESTART:
                self.cancel(job_id)
                raise no_worker()
        if state is JobState.CANCELLED:
            raise Conflict(f"Job {job_id} was cancelled.")
        if state is JobState.FAILED:
            ended = self._statuses(workflow_ids=[job_id], load_output=True)
            raise (error_of(ended[0]) if ended else None) or InternalError("The job failed.")

    def cancel(self, job_id: str) -> None:
        """Cancel a job: nothing of it will be published.

        Raises:
            Conflict: it has ended, or its model or result is just being published.
        """
        state = self.states([job_id]).get(job_id)
        with self._answering():
            decided = state and not state.ended and self.log.decide(job_id, Decision.CANCEL)
            if decided is Decision.CANCEL:
                self._client.cancel_workflow(job_id)
        state = self.states([job_id]).get(job_id)
        if state is not JobState.CANCELLED:
            why = (
                "its result is being published" if state is JobState.RUNNING else f"it has {state}"
            )
            raise Conflict(f"Job {job_id} cannot be cancelled any more: {why}.")

    def derive(self, model_id: str) -> None:
        """Have a model's ONNX file made from its `.keras` or `.h5`.

        Raises:
            ServiceError: as `wait`.
        """
        self._have_done(Work.DERIVE, model_id)

    def illustrate(self, model_id: str) -> None:
        """Have a model's picture and report made.

        Raises:
            ServiceError: as `wait`.
        """
        self._have_done(Work.ILLUSTRATE, model_id)

    def compress(self, model_id: str, dataset_id: str, serves: str | None) -> None:
        """Have a model's smaller files made; see `compression.compress`.

        Raises:
            ServiceError: as `wait`.
        """
        self._have_done(Work.COMPRESS, model_id, dataset_id=dataset_id, serves=serves)

    def _have_done(self, work: Work, model_id: str, **more: Any) -> None:
        job_id = str(uuid4())
        self.enqueue(work, job_id, {"model_id": model_id} | more)
        self.wait(job_id)

    def expect_worker(self) -> None:
        """Wait a moment for a worker that starts or restarts.

        Raises:
            Unavailable: none showed up.
        """
        deadline = time.monotonic() + _GRACE
        while not (self.workers_alive() and self._made()):
            if time.monotonic() > deadline:
                raise no_worker()
            time.sleep(0.1)


def _workflows(engine: sa.Engine) -> sa.TableClause:
    """The engine's own table of jobs."""
    schema = None if engine.dialect.name == "sqlite" else "dbos"
    columns = [sa.column(name, sa.Text) for name in ("status", "name", "authenticated_user")]
    return sa.table("workflow_status", *columns, schema=schema)


def no_worker() -> Unavailable:
    """The error of a service that has a web server only."""
    return Unavailable(
        "No training worker is running. Start one with `python run.py worker`, with the same "
        "MODEL_STORE, DATA_STORE and DATABASE_URL as this server."
    )
