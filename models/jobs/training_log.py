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
from utils.api.architectures import Architecture
from utils.storage.database import answering, make_tables

KEPT = 50  # lines that the log has

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


def last_lines(jobs: JobQueries) -> list[Line]:
    """Return the last lines of the log, oldest first.

    Raises:
        Unavailable: the database does not answer.
    """
    events, known = _training_events(jobs)
    since = events[0].at if len(events) == KEPT else 0.0
    ended = jobs.ended_after(since, KEPT)
    recorded = [_event_line(event, known[event.job_id]) for event in events]
    lines = [*recorded, *map(_end_line, ended), *Notes(jobs.engine).last(KEPT)]
    # Stable: an end that is as old as the last epoch comes after it.
    return sorted(lines, key=lambda line: line.at)[-KEPT:]


def _training_events(jobs: JobQueries) -> tuple[list[Event], dict[str, Job]]:
    """Return the newest events of trainings, oldest first, and their jobs by id."""
    limit = KEPT
    while True:
        events = jobs.last_events(limit)
        known = jobs.find(sorted({event.job_id for event in events}))
        found = [event for event in events if event.job_id in known]
        if len(found) >= KEPT or len(events) < limit:
            return found[-KEPT:], known
        limit *= 4


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
        return Line(event.at, "info", message, job)
    message = f"{_name(job)}: its worker has ended, the job waits again"
    return Line(event.at, "warning", message, job)


def _end_line(job: Job) -> Line:
    at = job.ended_at or job.queued_at
    if job.state is JobState.SUCCEEDED:
        seconds = at - (job.started_at or at)
        return Line(at, "success", f"{_name(job)}: model trained in {seconds:.1f} s", job)
    if job.state is JobState.CANCELLED:
        return Line(at, "warning", f"{_name(job)}: cancelled", job)
    reason = job.error.message if job.error else "the reason is not known"
    return Line(at, "error", f"{_name(job)}: failed: {reason}", job)


def epoch_line(epoch: dict[str, Any]) -> str:
    """Return an epoch as a line in the form from which pages read their curves."""
    figures = {
        "loss": epoch["loss"],
        "val_loss": epoch["val_loss"],
        "mae": epoch["mae"],
        "r2": epoch["r2_score"],
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
