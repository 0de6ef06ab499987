"""The 202 reply to a client that does not wait for a job."""

from __future__ import annotations

from flask import Response

from utils.api import urls
from utils.api.replies.jobs import JobAccepted
from utils.http import parameters, responses


def is_background(background: bool) -> bool:
    """Return whether a client waits for nothing but the job: by the body or by `Prefer`."""
    return background or parameters.prefers_async()


def accepted_job(job_id: str) -> Response:
    """Return the 202 reply with the paths of a job."""
    url = urls.job(job_id)
    reply = JobAccepted(job_id=job_id, status_url=url, events_url=urls.job_events(job_id))
    return responses.accepted(reply, url)
