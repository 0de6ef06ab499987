"""Jobs as the engine's records describe them: kind of work, state, arguments, error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from dbos import PortableWorkflowError, WorkflowStatus

from models.jobs import arguments
from models.jobs.arguments import BacktestArguments, JobArguments, TrainArguments
from utils.errors import InternalError, ServiceError, from_document


class Work(StrEnum):
    """The kinds of work that a worker does; the names of its workflows in the database."""

    TRAIN = "train"
    DERIVE = "derive"
    BACKTEST = "backtest"
    REPORT = "illustrate"
    COMPRESS = "compress"


# A worker that ends abruptly may have been killed by its job (out of memory) or by anything else.
# A job fails after so many workers in a row ended abruptly before it completed another epoch.
MOST_TRIES = 5

JOBS = (Work.TRAIN, Work.BACKTEST)  # submitted, followed and cancelled by clients


class JobState(StrEnum):
    """The state of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """True if the state is final."""
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
    """The order in which waiting jobs are started: single models before the models of a group."""

    SINGLE = "single"
    GROUP = "group"

    def of(self, place: int) -> int:
        """Return the engine's priority (lowest first) of the job at a place of its group.

        Groups that wait together take turns: their first jobs, then their second ones.
        """
        return 1 if self is Priority.SINGLE else 10 + place


_SMALLER = {
    Work.TRAIN: "A smaller batchSize, sequenceLength, lstmUnits1 or lstmUnits2 needs less.",
    Work.BACKTEST: "A smaller data set, or the series of one plant, needs less.",
}


@dataclass(frozen=True)
class Job:
    """A job at one moment; times are Unix times, None as long as they lie ahead.

    Attributes:
        tries: how often a worker has started it.
        progress: figures of the last epoch, or of a backtest's origins.
        waiting: why it does not go on at the moment; None: it does.
        owner: id of the caller who submitted it.
    """

    job_id: str
    work: Work
    state: JobState
    arguments: JobArguments
    queued_at: float
    started_at: float | None
    ended_at: float | None
    tries: int
    error: ServiceError | None
    progress: dict[str, Any] | None
    waiting: str | None
    owner: str | None

    @property
    def training(self) -> TrainArguments:
        """The arguments of a training; those of no training for another job."""
        return self.arguments if isinstance(self.arguments, TrainArguments) else TrainArguments()

    @property
    def model_id(self) -> str | None:
        """The model that a training has published, or that a backtest judges."""
        if isinstance(self.arguments, BacktestArguments):
            return self.arguments.model_id
        return self.job_id if self.state is JobState.SUCCEEDED else None


def member_id(group_id: str, place: int) -> str:
    """Return the id of the job at a place of a group."""
    return str(uuid5(UUID(group_id), str(place)))


def packed_error(error: ServiceError) -> PortableWorkflowError:
    """Return the failure of a job in a form that the database keeps as JSON."""
    document = error.to_document()
    return PortableWorkflowError(message=error.message, name=document["kind"], data=document)


def abrupt_end(work: Work, tries: int) -> InternalError:
    """Return the error of a job whose workers ended abruptly."""
    return InternalError(
        f"The job was tried {tries} times, and each time its worker ended abruptly: most likely "
        f"the machine ran out of memory. {_SMALLER.get(work, '')}".rstrip()
    )


def error_of(status: WorkflowStatus) -> ServiceError | None:
    """Return the error that a failed job ended with, as `packed_error` packed it."""
    if STATES[status.status] is not JobState.FAILED:
        return None
    if status.error is None:
        return abrupt_end(Work(status.name), max(1, (status.recovery_attempts or 1) - 1))
    data = getattr(status.error, "data", None)
    return from_document(data) if isinstance(data, dict) else InternalError(str(status.error))


def job_of(
    status: WorkflowStatus,
    progress: dict[str, Any] | None,
    waiting: str | None,
    span: tuple[float, float] | None,
    recoveries: int,
) -> Job:
    """Return a job from the engine's record.

    Args:
        waiting: why it does not go on, if it runs.
        span: times of its first and last event.
        recoveries: times that it was requeued as its worker had ended.
    """
    given: Sequence[Any] = status.input["args"] if status.input else ()
    work = Work(status.name)
    parsed = arguments.parse(work, dict(given[0]) if given else {})
    # The engine's own times are whole seconds on SQLite.
    queued = (status.created_at or 0) / 1000 if parsed.queued_at is None else parsed.queued_at
    ended = None if status.completed_at is None else status.completed_at / 1000
    # Nothing ends before it began, whatever clocks were set back meanwhile.
    began = max(span[0], queued) if span else None
    return Job(
        job_id=status.workflow_id,
        work=work,
        state=STATES[status.status],
        arguments=parsed,
        queued_at=queued,
        started_at=began,
        ended_at=None if ended is None else max(ended, span[1] if span else queued, began or 0.0),
        tries=recoveries + (status.recovery_attempts or 0),
        error=error_of(status),
        progress=progress,
        waiting=waiting if STATES[status.status] is JobState.RUNNING else None,
        owner=status.authenticated_user,
    )


def iso_time(at: float) -> str:
    """Return a Unix time as ISO 8601 in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat()
