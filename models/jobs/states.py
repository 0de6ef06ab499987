"""What a job is: its kind, its states, its errors, as read from the engine's records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from dbos import PortableWorkflowError, WorkflowStatus

from utils.errors import InternalError, ServiceError, from_document


class Work(StrEnum):
    """The kinds of work that a worker does; the names of its workflows."""

    TRAIN = "train"
    DERIVE = "derive"
    BACKTEST = "backtest"
    ILLUSTRATE = "illustrate"
    COMPRESS = "compress"


# A worker that ends abruptly may have been killed by its job, for want of memory say, or by
# anything else: a job is given up that so many workers died of, one after the other, without
# its getting an epoch further.
MOST_TRIES = 5

JOBS = (Work.TRAIN, Work.BACKTEST)  # what clients hand in, follow and cancel


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


_LESS = {
    Work.TRAIN: "A smaller batchSize, sequenceLength, lstmUnits1 or lstmUnits2 needs less.",
    Work.BACKTEST: "A smaller data set, or the series of one plant, needs less.",
}


@dataclass(frozen=True)
class Job:
    """A job as it stands."""

    job_id: str
    work: Work
    state: JobState
    arguments: dict[str, Any]
    queued_at: float
    started_at: float | None
    ended_at: float | None
    tries: int
    error: ServiceError | None
    progress: dict[str, Any] | None
    owner: str | None  # the id of the caller who handed it in

    @property
    def model_id(self) -> str | None:
        """The model that it gave, or that it tries out."""
        if self.work is Work.BACKTEST:
            return str(self.arguments["model_id"])
        return self.job_id if self.state is JobState.SUCCEEDED else None


def member_id(group_id: str, place: int) -> str:
    """The id of the job at a place of a group."""
    return str(uuid5(UUID(group_id), str(place)))


def failed(error: ServiceError) -> PortableWorkflowError:
    """A job's failure, packed so that it passes the database as JSON."""
    document = error.to_document()
    return PortableWorkflowError(message=error.message, name=document["kind"], data=document)


def took_along(work: Work, tries: int) -> InternalError:
    """The error of a job whose workers died of it."""
    return InternalError(
        f"The job was tried {tries} times, and each time its worker ended abruptly: most likely "
        f"the machine ran out of memory. {_LESS.get(work, '')}".rstrip()
    )


def error_of(status: WorkflowStatus) -> ServiceError | None:
    """The error that a failed job ended with, as `failed` packed it."""
    if STATES[status.status] is not JobState.FAILED:
        return None
    if status.error is None:
        return took_along(Work(status.name), max(1, (status.recovery_attempts or 1) - 1))
    data = getattr(status.error, "data", None)
    return from_document(data) if isinstance(data, dict) else InternalError(str(status.error))


def job_of(
    status: WorkflowStatus,
    progress: dict[str, Any] | None,
    span: tuple[float, float] | None,
) -> Job:
    """A job from the engine's record, how far it is, and when its story began and ended."""
    given: Sequence[Any] = status.input["args"] if status.input else ()
    arguments = dict(given[0]) if given else {}
    # The engine's own times are whole seconds on SQLite.
    queued = arguments.pop("queued_at", (status.created_at or 0) / 1000)
    ended = None if status.completed_at is None else status.completed_at / 1000
    # Nothing ends before it began, whatever clocks were set back meanwhile.
    began = max(span[0], queued) if span else None
    return Job(
        job_id=status.workflow_id,
        work=Work(status.name),
        state=STATES[status.status],
        arguments=arguments,
        queued_at=queued,
        started_at=began,
        ended_at=None if ended is None else max(ended, span[1] if span else queued, began or 0.0),
        tries=status.recovery_attempts or 0,
        error=error_of(status),
        progress=progress,
        owner=status.authenticated_user,
    )
