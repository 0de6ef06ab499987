"""Jobs as replies describe them."""

from __future__ import annotations

from typing import Any

from models.jobs.arguments import JobArguments
from models.jobs.states import Job, JobState, Work, iso_time
from utils.api import urls
from utils.auth.caller import LOCAL


def job_fields(job: Job) -> dict[str, Any]:
    """Return the fields of `replies.JobInfo` for a job."""
    return {
        "job_id": job.job_id,
        "kind": job.work,
        "owner": None if job.owner == LOCAL.id else job.owner,
        "status": job.state,
        "progress": job.progress,
        "waiting": job.waiting,
        "model_id": job.model_id,
        "result_url": _result_url(job),
        "error": None if job.error is None else job.error.message,
        "queued_at": iso_time(job.queued_at),
        "started_at": None if job.started_at is None else iso_time(job.started_at),
        "ended_at": None if job.ended_at is None else iso_time(job.ended_at),
        "tries": job.tries,
        **_request_fields(job.arguments),
    }


def _request_fields(arguments: JobArguments) -> dict[str, Any]:
    """Return the fields that repeat the request; None where the kind of work has none."""
    names = ("dataset_id", "plant", "group_id", "architecture")
    fields = {name: getattr(arguments, name, None) or None for name in names}
    continued = getattr(arguments, "continues", None)
    return fields | {"continued_from": continued, "config": getattr(arguments, "config", {})}


def _result_url(job: Job) -> str | None:
    if job.state is not JobState.SUCCEEDED or job.model_id is None:
        return None
    if job.work is Work.BACKTEST:
        return urls.backtest(job.model_id, job.job_id)
    return urls.model(job.model_id)
