"""The database, and its jobs held against the stores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from models.jobs.jobs import Jobs
from models.jobs.states import JOBS, Job, JobState, Work
from models.maintenance.findings import Report
from utils.errors import DamagedFile, NotFound
from utils.settings import Settings
from utils.storage import sqlite_file
from utils.storage.artifact_store import ArtifactStore
from utils.storage.database import answering, open_engine

_AT_ONCE = 500
_NAMED = 3  # jobs that a sentence names


@dataclass(frozen=True)
class Found:
    """The jobs at one moment."""

    unfinished: list[Job]
    trained: list[str]  # ids of trainings that succeeded


NONE = Found([], [])


def open_jobs(settings: Settings, report: Report) -> Jobs | None:
    """Check the database; its jobs, if it can be read and was ever used.

    Raises:
        Unavailable: it does not answer.
    """
    url = sa.make_url(settings.resolved_database_url)
    if url.get_backend_name() == "sqlite":
        path = Path(url.database or "")
        if not path.exists():
            report.note("database", f"There is none yet at {path}.", "Nothing is to be done.")
            return None
        try:
            sqlite_file.expect_whole(path)
        except DamagedFile as error:
            advice = "Stop the service and restore a backup, or move the file away: it holds jobs."
            report.problem("database", error.message, advice)
            return None
    else:
        _read_every_table(settings.resolved_database_url)
    report.checked["databases"] += 1
    return Jobs(settings.resolved_database_url)


def _read_every_table(url: str) -> None:
    engine = open_engine(url)
    with answering(engine), engine.connect() as connection:
        look = sa.inspect(connection)
        for schema in set(look.get_schema_names()) & {"public", "dbos"}:
            for name in look.get_table_names(schema):
                table = sa.table(name, schema=schema)
                connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).all()
    engine.dispose()


def read(jobs: Jobs) -> Found:
    """The jobs as they stand. Raises Unavailable."""
    unfinished = [
        job for state in (JobState.QUEUED, JobState.RUNNING) for job in _all(jobs, state, JOBS)
    ]
    trained = [job.job_id for job in _all(jobs, JobState.SUCCEEDED, (Work.TRAIN,))]
    return Found(unfinished, trained)


def _all(jobs: Jobs, state: JobState, works: tuple[Work, ...]) -> Iterator[Job]:
    offset = 0
    while page := jobs.newest(state, _AT_ONCE, offset, works):
        yield from page
        offset += len(page)


def judge(
    found: Found, jobs: Jobs | None, models: ArtifactStore, datasets: ArtifactStore, report: Report
) -> None:
    """What the jobs and the stores do not agree about."""
    report.checked["jobs"] += len(found.unfinished) + len(found.trained)
    for job in found.unfinished:
        data_id = job.arguments["dataset_id"]
        try:
            datasets.document(data_id)
        except DamagedFile:  # told of already
            continue
        except NotFound:
            if jobs and jobs.states([job.job_id]).get(job.job_id, job.state).ended:
                continue
            report.problem(
                f"job {job.job_id}",
                f"It is {job.state} and needs data set {data_id}, which is deleted.",
                f"It will fail; cancel it: DELETE /api/jobs/{job.job_id}",
            )
    gone = sorted(set(found.trained).difference(models.ids()))
    if gone:
        named = ", ".join(gone[:_NAMED]) + (", …" if len(gone) > _NAMED else "")
        report.note(
            "jobs",
            f"{len(gone)} trainings succeeded whose models are not here: {named}.",
            "Nothing, if they were deleted; else restore them from a backup.",
        )
