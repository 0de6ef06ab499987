"""Views of jobs: list, read, follow, cancel."""

from __future__ import annotations

from flask import Response, current_app, request

from models.lstm_service import LSTMService
from utils.api.events import LAST
from utils.api.replies.base import MessageReply
from utils.api.replies.jobs import JobReply, JobsReply, TicketReply
from utils.api.schemas.jobs import JobsQuery
from utils.http import event_streams
from utils.http.access import Access
from utils.http.views.declaration import Views

views = Views("Jobs")


@views.get("/api/jobs", reply=JobsReply, query=JobsQuery)
def list_jobs(service: LSTMService, query: JobsQuery) -> JobsReply:
    """List the jobs.

    Trainings and backtests, newest first, `limit` at a time; `kind`, `status` and `q` choose
    among them.
    """
    return service.trainings.jobs(query)


@views.get("/api/jobs/<id:job_id>", reply=JobReply)
def read_job(service: LSTMService, job_id: str) -> JobReply:
    """Read a job.

    Its status, its progress while it runs, and once it has ended the model or the result that it
    made, or the reason why it failed. A model has the id of the job that trained it.
    """
    return service.trainings.job(job_id)


@views.get("/api/jobs/<id:job_id>/events", headers=("Last-Event-ID",), events=True)
def follow_job(service: LSTMService, job_id: str) -> Response:
    """Follow a job by server-sent events.

    One event per epoch and one per change of status, as they happen, up to the end of the job.
    `Last-Event-ID` resumes after an event that was received; browsers send it by themselves.
    """
    last_id = request.headers.get("Last-Event-ID")
    if last_id == LAST:
        return Response(status=204)  # browsers do not connect again
    messages = _access().as_long_as_allowed(service.trainings.follow(job_id, last_id))
    return event_streams.reply(messages, request.environ)


@views.post("/api/jobs/<id:job_id>/events/ticket", reply=TicketReply, role="read")
def create_event_ticket(service: LSTMService, job_id: str) -> TicketReply:
    """Create a ticket for a job's events.

    Browsers send no key with an `EventSource`. The ticket opens the events of this one job in its
    place, as `?ticket=`, for a short time.
    """
    service.trainings.job(job_id)
    return _access().ticket(job_id)


@views.delete("/api/jobs/<id:job_id>", reply=MessageReply, action="job.cancel")
def cancel_job(service: LSTMService, job_id: str) -> MessageReply:
    """Cancel a job.

    A job that waits is cancelled at once, a training that runs within one epoch. A job that has
    ended cannot be cancelled: that is a 409.
    """
    return service.trainings.cancel(job_id)


def _access() -> Access:
    access: Access = current_app.extensions["access"]
    return access
