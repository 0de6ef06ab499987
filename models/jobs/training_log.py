"""The training log: lines for people about trainings, and notes of clients.

Only notes are stored as lines. The lines of jobs are made from the jobs' event logs and outcomes,
so that every web process shows the same ones, also of a worker that has ended.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from models.jobs.job_log import Event
from models.jobs.job_queries import JobQueries
from models.jobs.states import Job, JobState
from models.registry.registry import Registry
from models.training.control import Stage
from utils.api.architectures import Architecture
from utils.errors import ServiceError, Unavailable
from utils.storage.database import answering, make_tables

KEPT = 500  # lines that the log has
_AHEAD = 60.0  # seconds that the clocks of machines may differ by
_NEWEST = 20  # trainings among which the one that ended last is found
_STAGES: dict[str, str] = {
    Stage.DATA: "data made",
    Stage.AUTOREGRESSION: "autoregression fitted",
    Stage.EXPORT: "exporting the network",
    Stage.EVALUATION: "evaluating on the held-back end of the data",
}

_METADATA = sa.MetaData()
_NOTES = sa.Table(
    "training_notes",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.Float, nullable=False, index=True),
    sa.Column("level", sa.String(10), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
)


@dataclass(frozen=True)
class Line:
    """One line of the log; `at` is a Unix time, `job` None for a note of a client."""

    at: float
    level: str
    message: str
    job: Job | None = None


class Notes:
    """Notes of clients. Every method raises Unavailable if the database does not answer."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, message: str, level: str) -> Line:
        """Store a note; the first one makes the table."""
        make_tables(self._engine, _METADATA)
        line = Line(time.time(), level, message)
        with answering(self._engine), self._engine.begin() as connection:
            values = {"at": line.at, "level": level, "message": message}
            connection.execute(_NOTES.insert().values(**values))
        return line

    def last(self, limit: int) -> list[Line]:
        """Return the newest notes, oldest first."""
        query = sa.select(_NOTES).order_by(_NOTES.c.at.desc(), _NOTES.c.id.desc()).limit(limit)
        with answering(self._engine), self._engine.connect() as connection:
            if not sa.inspect(connection).has_table(_NOTES.name):
                return []
            rows = connection.execute(query).all()
        return [Line(row.at, row.level, row.message) for row in reversed(rows)]

    def ids(self) -> list[int]:
        """Return the ids of all notes."""
        with answering(self._engine), self._engine.connect() as connection:
            if not sa.inspect(connection).has_table(_NOTES.name):
                return []
            return list(connection.scalars(sa.select(_NOTES.c.id)))

    def delete(self, ids: list[int]) -> None:
        """Delete notes."""
        with answering(self._engine), self._engine.begin() as connection:
            for id in ids:
                connection.execute(_NOTES.delete().where(_NOTES.c.id == id))


def last_lines(jobs: JobQueries, registry: Registry) -> list[Line]:
    """Return the lines of the newest training that runs, else of the last one, oldest first.

    Notes since it began are among them. Of more than 500 lines, the first and the last stay.

    Raises:
        Unavailable: the database or the model store does not answer.
    """
    job = _newest(jobs)
    if job is None:
        return Notes(jobs.engine).last(KEPT)
    lines = [_event_line(event, job) for event in jobs.first_and_last_events(job.job_id, KEPT)]
    lines += [_stage_line(stage, at, job) for stage, at in jobs.stages(job.job_id).items()]
    if job.state.ended:
        # Its own time may be a whole second.
        at = max([job.ended_at or job.queued_at, *(line.at for line in lines)])
        lines.append(_end_line(job, registry, at))
    began = min(line.at for line in lines)
    notes = Notes(jobs.engine).last(KEPT)
    # Stable: an end that is as old as the last epoch comes after it.
    lines = sorted([*lines, *(note for note in notes if note.at >= began)], key=lambda x: x.at)
    return lines if len(lines) <= KEPT else [lines[0], *lines[1 - KEPT :]]


def _newest(jobs: JobQueries) -> Job | None:
    """Return the training that began last of those that run, or else the one that ended last."""
    running = [job for job in jobs.unfinished() if job.started_at is not None]
    if running:
        return max(running, key=lambda job: (job.state is JobState.RUNNING, job.started_at or 0))
    # Before a clock was set back, times were later than now: they are no news.
    now = time.time() + _AHEAD
    ended = [(job.ended_at or 0.0, job) for job in jobs.ended_after(0.0, _NEWEST)]
    ranked = sorted(ended, key=lambda pair: (pair[0] < now, pair[0]))
    return ranked[-1][1] if ranked else None


def _event_line(event: Event, job: Job) -> Line:
    if event.epoch is not None:
        return Line(event.at, "info", epoch_line(event.data), job)
    if reason := event.data.get("waiting"):
        return Line(event.at, "warning", f"{_name(job)}: waiting: {reason}", job)
    if "waiting" in event.data:
        return Line(event.at, "info", f"{_name(job)}: goes on", job)
    if event.data.get("status") == JobState.RUNNING:
        tries = event.data.get("try", 1)
        again = f", try {tries}" if tries > 1 else ""
        message = f"{_name(job)}: starting {_kind(job)}training of {_what(job)}{again}"
        message += f" on {_data(job)}"
        if job.training.continues is not None:
            message += f", from the weights of model {job.training.continues}"
        return Line(event.at, "info", message, job)
    message = f"{_name(job)}: its worker has ended, the job waits again"
    return Line(event.at, "warning", message, job)


def _stage_line(stage: str, at: float, job: Job) -> Line:
    return Line(at, "info", f"{_name(job)}: {_STAGES.get(stage, stage)}", job)


def _end_line(job: Job, registry: Registry, at: float) -> Line:
    if job.state is JobState.SUCCEEDED:
        return Line(at, "success", f"{_name(job)}: model trained: {_result(job, registry)}", job)
    if job.state is JobState.CANCELLED:
        return Line(at, "warning", f"{_name(job)}: cancelled", job)
    reason = job.error.message if job.error else "the reason is not known"
    return Line(at, "error", f"{_name(job)}: failed: {reason}", job)


def _result(job: Job, registry: Registry) -> str:
    """Return the figures of a model as text."""
    try:
        document = registry.summary(job.job_id)
    except Unavailable:
        raise
    except ServiceError as error:  # deleted meanwhile, or damaged
        return error.message
    metrics = document.metrics
    figures = {"R²": metrics.r2_score, "RMSE": metrics.rmse, "MAE": metrics.mae}
    shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items() if value is not None)
    return f"{shown}; {document.data_points} rows, {document.training_time or 0.0:.1f} seconds"


def epoch_line(epoch: dict[str, Any]) -> str:
    """Return an epoch as a line in the form from which pages read their curves.

    They take figures of a narrow range only: the MAE is that relative to the mean of the truth
    (where an earlier version recorded none, in units), and an R² below 0 is shown as 0.
    """
    relative = epoch.get("relative_mae")
    figures = {
        "loss": epoch["loss"],
        "val_loss": epoch["val_loss"],
        "mae": epoch["mae"] if relative is None else relative,
        "r2": max(0.0, epoch["r2_score"]),
    }
    shown = " ".join(f"{name}: {_figure(value)}" for name, value in figures.items())
    return f"Epoch {epoch['epoch']}/{epoch['epochs']} {shown}"


def _figure(value: float) -> str:
    """Return a number with four decimals, or more for four digits; never an exponent."""
    small = value != 0 and abs(value) < 0.1
    return f"{value:.{min(12, 3 - math.floor(math.log10(abs(value)))) if small else 4}f}"


def _name(job: Job) -> str:
    return f"Job {job.job_id[:8]}"


def _kind(job: Job) -> str:
    """Return the architecture that is trained, if it is not the plain one."""
    architecture = job.training.architecture
    return "" if architecture == Architecture.PLAIN else f"{architecture} "


def _what(job: Job) -> str:
    plant = job.training.plant
    return "all plants" if plant is None else f"plant {plant}"


def _data(job: Job) -> str:
    """Return the data set of a job, and how it was chosen."""
    training = job.training
    if training.newest_data:
        return f"the newest data set, {training.dataset_id}"
    return f"data set {training.dataset_id}{', made for it' if training.owns_data else ''}"
