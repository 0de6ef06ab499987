"""Jobs on DBOS, seen from the web process: hand one in, look at it, wait for it, cancel it.

The worker's side is `models.worker`. Both meet in one database; what passes between them is
JSON, never a pickle.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from dbos import (
    DBOSClient,
    DBOSPortableJSONSerializer,
    PortableWorkflowError,
    WorkflowStatus,
    error,
)

from models.job_log import Decision, Event, JobLog
from utils.database import Workers, answering, open_engine
from utils.errors import (
    Conflict,
    InternalError,
    NotFound,
    ServiceError,
    Unavailable,
    from_document,
)

QUEUE = "training"
APPLICATION = "lstm-backend-service"

_GRACE = 5.0  # seconds that a starting or restarting worker has to show up
_POLL = (0.05, 0.5)  # seconds between two looks at a job: at first, and at most


class Work(StrEnum):
    """The kinds of work that a worker does; the names of its workflows."""

    TRAIN = "train"
    DERIVE = "derive"


class JobState(StrEnum):
    """What a job is doing, or how it ended."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


STATES = {
    "ENQUEUED": JobState.QUEUED,
    "DELAYED": JobState.QUEUED,
    "PENDING": JobState.RUNNING,
    "SUCCESS": JobState.SUCCEEDED,
    "ERROR": JobState.FAILED,
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": JobState.FAILED,
    "CANCELLED": JobState.CANCELLED,
}


class Priority(StrEnum):
    """Who goes first where several wait: one model of somebody before a group's many."""

    SINGLE = "single"
    GROUP = "group"

    def of(self, place: int) -> int:
        """The engine's number (the least goes first) of the job at a place of its group.

        Groups that wait together take turns: their first jobs, then their second ones.
        """
        return 1 if self is Priority.SINGLE else 10 + place


@dataclass(frozen=True)
class Job:
    """A job as it stands."""

    job_id: str
    state: JobState
    arguments: dict[str, Any]
    queued_at: float
    started_at: float | None
    ended_at: float | None
    tries: int
    error: ServiceError | None
    progress: dict[str, Any] | None


def failed(error: ServiceError) -> PortableWorkflowError:
    """A job's failure, packed so that it passes the database as JSON."""
    document = error.to_document()
    return PortableWorkflowError(message=error.message, name=document["kind"], data=document)


def _error_of(status: WorkflowStatus) -> ServiceError | None:
    """The error that a failed job ended with, as `failed` packed it."""
    if STATES[status.status] is not JobState.FAILED:
        return None
    if status.error is None:
        return InternalError(
            f"The job was tried {max(1, (status.recovery_attempts or 1) - 1)} times, and each time "
            "its worker ended abruptly: most likely the machine ran out of memory. A smaller "
            "batchSize, sequenceLength, lstmUnits1 or lstmUnits2 needs less."
        )
    data = getattr(status.error, "data", None)
    return from_document(data) if isinstance(data, dict) else InternalError(str(status.error))


class Jobs:
    """The jobs of a database, as its clients see them.

    Connections are made on first use: a web process starts, and answers, without them.
    """

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._lock = threading.Lock()
        self._connected: tuple[sa.Engine, DBOSClient] | None = None
        self._ready = False

    def _connection(self) -> tuple[sa.Engine, DBOSClient]:
        with self._lock:
            if self._connected is None:
                engine = open_engine(self._url)
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
    def log(self) -> JobLog:
        """The story of the jobs."""
        return JobLog(self._connection()[0])

    def workers_alive(self) -> int:
        """How many workers could take a job now.

        Raises:
            Unavailable: the database does not answer.
        """
        return Workers(self._connection()[0]).alive()

    def queued(self) -> int:
        """How many jobs wait for a worker."""
        return len(self._statuses(status="ENQUEUED", queue_name=QUEUE))

    def counts(self) -> dict[JobState, int]:
        """How many trainings there are in each state; {} before the first worker.

        Raises:
            Unavailable: the database does not answer.
        """
        engine = self._connection()[0]
        schema = None if engine.dialect.name == "sqlite" else "dbos"
        status, name = sa.column("status", sa.Text), sa.column("name", sa.Text)
        table = sa.table("workflow_status", status, name, schema=schema)
        query = sa.select(status, sa.func.count()).where(name == Work.TRAIN.value)
        counts = dict.fromkeys(JobState, 0)
        with self._answering():
            if not self._made():
                return {}
            with engine.connect() as connection:
                for each, count in connection.execute(query.select_from(table).group_by(status)):
                    counts[STATES[each]] += count
        return counts

    def epochs_per_second(self, seconds: float = 60.0) -> float:
        """Epochs that all workers together ended per second, lately."""
        with self._answering():
            return self.log.epochs_since(time.time() - seconds) / seconds if self._made() else 0.0

    def _made(self) -> bool:
        """Whether a worker has ever made the tables of this database."""
        if not self._ready:
            engine = self._connection()[0]
            schema = None if engine.dialect.name == "sqlite" else "dbos"
            look = sa.inspect(engine)
            self._ready = look.has_table("workflow_status", schema=schema) and look.has_table(
                "job_events"
            )
        return self._ready

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Turn what a database that does not answer raises into Unavailable."""
        try:
            with answering(self._connection()[0]):
                yield
        except error.DBOSException as failure:
            raise Unavailable("The job engine does not do what it is asked to.") from failure

    def _statuses(self, **filters: Any) -> list[WorkflowStatus]:
        plain = {"load_input": False, "load_output": False} | filters
        with self._answering():
            return self._connection()[1].list_workflows(**plain) if self._made() else []

    # --- looking at jobs ----------------------------------------------------------------------

    def newest(self, state: JobState | None, limit: int, offset: int) -> list[Job]:
        """The trainings, newest first."""
        wanted = [name for name, known in STATES.items() if state in (None, known)]
        return self._jobs(
            name=Work.TRAIN.value, status=wanted, limit=limit, offset=offset, sort_desc=True
        )

    def get(self, job_id: str) -> Job:
        """A training.

        Raises:
            NotFound: there is none of that id.
        """
        found = self._jobs(name=Work.TRAIN.value, workflow_ids=[job_id])
        if not found:
            raise NotFound(f"There is no job {job_id[:60]!r}.")
        return found[0]

    def states(self, job_ids: list[str]) -> dict[str, JobState]:
        """The states of some jobs; those that do not exist are left out."""
        found = self._statuses(workflow_ids=job_ids) if job_ids else []
        return {status.workflow_id: STATES[status.status] for status in found}

    def events(self, seen: dict[str, int]) -> list[Event]:
        """Events of some jobs beyond the number of each that was seen, in order."""
        with self._answering():
            return self.log.after(seen)

    def _jobs(self, **filters: Any) -> list[Job]:
        statuses = self._statuses(load_input=True, load_output=True, **filters)
        ids = [status.workflow_id for status in statuses]
        with self._answering():
            epochs = self.log.last_epochs(ids) if ids else {}
            spans = self.log.spans(ids) if ids else {}
        return [_job(s, epochs.get(s.workflow_id), spans.get(s.workflow_id)) for s in statuses]

    # --- handing jobs in ----------------------------------------------------------------------

    def enqueue(
        self, work: Work, job_id: str, arguments: dict[str, Any], priority: int = 1
    ) -> None:
        """Hand in a job; one of the same id that exists already is left as it is."""
        with self._answering():
            self._connection()[1].enqueue(
                {
                    "workflow_name": work.value,
                    "queue_name": QUEUE,
                    "workflow_id": job_id,
                    "priority": priority,
                },
                arguments | {"queued_at": time.time()},
            )

    def wait(self, job_id: str) -> None:
        """Wait for the end of a job.

        Raises:
            Unavailable: no worker is alive any more while the job waits; it is cancelled.
            Conflict: it was cancelled.
            ServiceError: what it failed with.
        """
        pause, most = _POLL
        while not (state := self.states([job_id]).get(job_id, JobState.CANCELLED)).ended:
            time.sleep(pause)
            pause = min(most, pause * 1.2)
            if state is JobState.QUEUED and not self.workers_alive():
                self.cancel(job_id)
                raise no_worker()
        if state is JobState.CANCELLED:
            raise Conflict(f"Job {job_id} was cancelled.")
        if state is JobState.FAILED:
            ended = self._statuses(workflow_ids=[job_id], load_output=True)
            raise (_error_of(ended[0]) if ended else None) or InternalError("The job failed.")

    def cancel(self, job_id: str) -> None:
        """Cancel a job: no model of it will be published.

        Raises:
            Conflict: it has ended, or its model is just being published.
        """
        state = self.states([job_id]).get(job_id)
        with self._answering():
            decided = state and not state.ended and self.log.decide(job_id, Decision.CANCEL)
            if decided is Decision.CANCEL:
                self._connection()[1].cancel_workflow(job_id)
        state = self.states([job_id]).get(job_id)
        if state is not JobState.CANCELLED:
            why = "its model is being published" if state is JobState.RUNNING else f"it has {state}"
            raise Conflict(f"Job {job_id} cannot be cancelled any more: {why}.")

    # --- the worker's side --------------------------------------------------------------------

    def owner(self, job_id: str) -> tuple[JobState | None, str | None]:
        """The state of a job, and the worker that has it."""
        found = self._statuses(workflow_ids=[job_id])
        return (STATES[found[0].status], found[0].executor_id) if found else (None, None)

    def decision(self, job_id: str) -> Decision | None:
        """How it was decided that a job ends."""
        with self._answering():
            return self.log.decision(job_id)

    def settle_cancelled(self, job_id: str) -> None:
        """Have the engine know of a cancellation, whatever became of who decided it."""
        with self._answering():
            self._connection()[1].cancel_workflow(job_id)

    def hand_back(self, job_id: str, worker_id: str) -> None:
        """Put a running job of a worker that ends back into the queue, as not tried."""
        if self.owner(job_id) != (JobState.RUNNING, worker_id):
            return
        if self.decision(job_id) is None:
            self.tell_requeued(job_id)
            with self._answering():
                self._connection()[1].resume_workflow(job_id, queue_name=QUEUE)

    def tell_requeued(self, job_id: str) -> None:
        """Tell those who follow a job that it waits again."""
        with self._answering():
            self.log.add_status(job_id, {"job_id": job_id, "status": JobState.QUEUED})

    def held_by_others(self, worker_ids: set[str]) -> dict[str, str]:
        """Jobs that are with workers other than the ones given: job id → worker id."""
        found = self._statuses(status="PENDING", name=[work.value for work in Work])
        held = {status.workflow_id: str(status.executor_id) for status in found}
        return {job_id: worker for job_id, worker in held.items() if worker not in worker_ids}

    def ended_before(self, at: float, limit: int) -> list[str]:
        """Ids of jobs that ended before a Unix time."""
        found = self._statuses(
            status=[name for name, state in STATES.items() if state.ended],
            completed_before=datetime.fromtimestamp(at, UTC).isoformat(),
            limit=limit,
        )
        return [status.workflow_id for status in found]

    def forget(self, job_ids: list[str]) -> None:
        """Delete jobs that have ended, and their events."""
        with self._answering():
            self._connection()[1].delete_workflows(job_ids)
            self.log.forget(job_ids)

    def derive(self, model_id: str) -> None:
        """Have a model's ONNX file made from its `.keras` or `.h5`.

        Raises:
            ServiceError: as `wait`.
        """
        job_id = str(uuid4())
        self.enqueue(Work.DERIVE, job_id, {"model_id": model_id})
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


def _job(status: WorkflowStatus, epoch: Event | None, span: tuple[float, float] | None) -> Job:
    given: Sequence[Any] = status.input["args"] if status.input else ()
    arguments = dict(given[0]) if given else {}
    # The engine's own times are whole seconds on SQLite.
    queued = arguments.pop("queued_at", (status.created_at or 0) / 1000)
    ended = None if status.completed_at is None else status.completed_at / 1000
    return Job(
        job_id=status.workflow_id,
        state=STATES[status.status],
        arguments=arguments,
        queued_at=queued,
        started_at=span[0] if span else None,
        ended_at=None if ended is None else max(ended, span[1] if span else queued),
        tries=status.recovery_attempts or 0,
        error=_error_of(status),
        progress=None if epoch is None else epoch.data,
    )


def no_worker() -> Unavailable:
    """The error of a service that has a web server only."""
    return Unavailable(
        "No training worker is running. Start one with `python run.py worker`, with the same "
        "MODEL_STORE, DATA_STORE and DATABASE_URL as this server."
    )
