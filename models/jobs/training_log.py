"""The training log: what jobs went through, and what clients noted, as lines for people.

Nothing is logged twice: the lines of jobs are told from the jobs' own story and outcome, so that
every web process tells the same, whatever became of the worker that lived it.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from models.jobs.job_log import Event
from models.jobs.jobs import Jobs
from models.jobs.states import Job, JobState
from utils.api.architectures import Architecture
from utils.storage.database import answering, make_tables

KEPT = 50  # lines that are shown

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
    """One line of the log; `at` is a Unix time, `job` None for what a client noted."""

    at: float
    level: str
    message: str
    job: Job | None = None


class Notes:
    """What clients noted. Every method raises Unavailable if the database does not answer."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, message: str, level: str) -> Line:
        """Note something; the table is made by the first who does."""
        make_tables(self._engine, _METADATA)
        line = Line(time.time(), level, message)
        with answering(self._engine), self._engine.begin() as connection:
            values = {"at": line.at, "level": level, "message": message}
            connection.execute(_NOTES.insert().values(**values))
        return line

    def last(self, limit: int) -> list[Line]:
        """The newest notes, oldest first."""
        query = sa.select(_NOTES).order_by(_NOTES.c.at.desc(), _NOTES.c.id.desc()).limit(limit)
        with answering(self._engine), self._engine.connect() as connection:
            if not sa.inspect(connection).has_table(_NOTES.name):
                return []
            rows = connection.execute(query).all()
        return [Line(row.at, row.level, row.message) for row in reversed(rows)]

    def forget(self, before: float) -> None:
        """Delete the notes from before a Unix time."""
        with answering(self._engine), self._engine.begin() as connection:
            if sa.inspect(connection).has_table(_NOTES.name):
                connection.execute(_NOTES.delete().where(_NOTES.c.at < before))


def last_lines(jobs: Jobs) -> list[Line]:
    """The last lines of the log, oldest first.

    Raises:
        Unavailable: the database does not answer.
    """
    events, known = _story(jobs)
    since = events[0].at if len(events) == KEPT else 0.0
    ended = jobs.ended_after(since, KEPT)
    told = [_told(event, known[event.job_id]) for event in events]
    lines = [*told, *map(_ending, ended), *Notes(jobs.engine).last(KEPT)]
    # Stable: an end that is as old as the last epoch comes after it.
    return sorted(lines, key=lambda line: line.at)[-KEPT:]


def _story(jobs: Jobs) -> tuple[list[Event], dict[str, Job]]:
    """The newest events of trainings, oldest first, and their jobs; those of others lie between."""
    limit = KEPT
    while True:
        events = jobs.last_events(limit)
        known = jobs.find(sorted({event.job_id for event in events}))
        told = [event for event in events if event.job_id in known]
        if len(told) >= KEPT or len(events) < limit:
            return told[-KEPT:], known
        limit *= 4


def _told(event: Event, job: Job) -> Line:
    if event.epoch is not None:
        return Line(event.at, "info", epoch_line(event.data), job)
    if event.data.get("status") == JobState.RUNNING:
        tries = event.data.get("try", 1)
        again = f", try {tries}" if tries > 1 else ""
        said = f"{_name(job)}: starting {_kind(job)}training of {_what(job)}{again}"
        return Line(event.at, "info", said, job)
    return Line(event.at, "warning", f"{_name(job)}: its worker has ended, it waits again", job)


def _ending(job: Job) -> Line:
    at = job.ended_at or job.queued_at
    if job.state is JobState.SUCCEEDED:
        seconds = at - (job.started_at or at)
        return Line(at, "success", f"{_name(job)}: model trained in {seconds:.1f} s", job)
    if job.state is JobState.CANCELLED:
        return Line(at, "warning", f"{_name(job)}: cancelled", job)
    reason = job.error.message if job.error else "for a reason that is not known"
    return Line(at, "error", f"{_name(job)}: failed: {reason}", job)


def epoch_line(epoch: dict[str, Any]) -> str:
    """An epoch, in the form that pages read their curves out of."""
    figures = {
        "loss": epoch["loss"],
        "val_loss": epoch["val_loss"],
        "mae": epoch["mae"],
        "r2": epoch["r2_score"],
    }
    shown = " ".join(f"{name}: {_figure(value)}" for name, value in figures.items())
    return f"Epoch {epoch['epoch']}/{epoch['epochs']} {shown}"


def _figure(value: float) -> str:
    """Four decimals, or as many as four digits take; never an exponent."""
    small = value != 0 and abs(value) < 0.1
    return f"{value:.{min(12, 3 - math.floor(math.log10(abs(value)))) if small else 4}f}"


def _name(job: Job) -> str:
    return f"Job {job.job_id[:8]}"


def _kind(job: Job) -> str:
    """The architecture that is trained, if it is not the plain one."""
    architecture = job.arguments.get("architecture", Architecture.PLAIN)
    return "" if architecture == Architecture.PLAIN else f"{architecture} "


def _what(job: Job) -> str:
    plant = job.arguments.get("plant")
    return "all plants" if plant is None else f"plant {plant}"
