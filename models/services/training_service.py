"""Trainings as clients see them: submitted, followed, waited for, cancelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from models.data.datasets import Datasets
from models.jobs.arguments import TrainArguments
from models.jobs.cleanup import remove_leftovers
from models.jobs.event_feed import EventFeed, Stream
from models.jobs.jobs import Jobs
from models.jobs.states import JOBS, JobState, Priority, Work
from models.registry.registry import Registry
from models.services.job_replies import job_fields
from models.services.submissions import Submission, Submissions
from models.services.waiting_requests import WaitingRequests
from utils.api import request_limits, urls
from utils.api.idempotency import undeleted_id_of, used_key
from utils.api.replies.base import MessageReply
from utils.api.replies.jobs import JobInfo, JobReply, JobsReply
from utils.api.replies.training import ContinueReply, TrainReply
from utils.api.schemas.jobs import JobsQuery
from utils.api.schemas.training import ContinueRequest, TrainRequest
from utils.auth.caller import caller
from utils.errors import NotFound
from utils.settings import Settings

# Fields of a model's document that the reply of its training repeats.
_REPLIED = {
    "architecture",
    "dataset_id",
    "data_points",
    "training_history",
    "metrics",
    "training_time",
    "model_summary",
    "warnings",
}
_CONTINUED = {"continued_from", "dataset_version", "dataset_as_of", "dataset_versions"}


class TrainingService:
    """The trainings of one service.

    Args:
        submissions: what it shares with the trainings per plant.
        waiting: the places of requests that wait for a job.
        on_job_submitted: called with the id of each job that a request submits or joins.
    """

    def __init__(
        self,
        settings: Settings,
        jobs: Jobs,
        datasets: Datasets,
        registry: Registry,
        submissions: Submissions,
        waiting: WaitingRequests,
        on_job_submitted: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._jobs, self._datasets, self._registry = jobs, datasets, registry
        self._submissions = submissions
        self._waiting, self._on_job_submitted = waiting, on_job_submitted
        self._streams = request_limits.Streams(settings)
        self._feed = EventFeed(jobs)

    # --- submission ---------------------------------------------------------------------------

    def start(self, request: TrainRequest, idempotency_key: str | None) -> str:
        """Submit a training; return the id of its job, which its model will have too.

        Args:
            idempotency_key: two submissions with the same one give one job.

        Raises:
            Unavailable: no worker is alive.
            InvalidInput: more epochs or units than allowed; or the idempotency key was used with
                another body.
            TooLarge: the stored models take all of the space that they may (MAX_MODELS_MB).
            TooManyRequests: too many jobs of the caller wait (MAX_QUEUED_JOBS).
            ServiceError: the data cannot be used.
        """
        return self._submit(self._submissions.of(request, idempotency_key))

    def start_continued(
        self, model_id: str, request: ContinueRequest, idempotency_key: str | None
    ) -> str:
        """Submit a training that goes on from a model; otherwise as `start`.

        Raises:
            NotFound: there is no such model.
            Conflict: it cannot be trained on, or there are no new rows.
            ServiceError: as `start`.
        """
        return self._submit(self._submissions.of_continued(model_id, request, idempotency_key))

    def _submit(self, submission: Submission[Any]) -> str:
        key, deleted = submission.idempotency_key, self._registry.store.was_deleted
        purpose = "train" if submission.continues is None else "continue"
        job_id = submission.shared_id or undeleted_id_of(key, purpose, deleted)
        if not self._is_known(job_id, submission):
            self._jobs.expect_worker()
            self._registry.store.quota.expect()
            self._jobs.expect_place(1, self._settings.max_queued_jobs)
            with self._submissions.stored(submission, job_id) as (_, arguments):
                self._jobs.enqueue(Work.TRAIN, job_id, arguments, Priority.SINGLE.of(0))
                self._submissions.expect_same(job_id, submission)  # two may have come at once
        self._submissions.expect_same(job_id, submission)
        self._on_job_submitted(job_id)
        return job_id

    def _is_known(self, job_id: str, submission: Submission[Any]) -> bool:
        """Return whether the job of a submission exists.

        Where the job of an idempotency key is forgotten but its model is there, a job is submitted
        that finds the model.

        Raises:
            InvalidInput: the key was used with another body.
        """
        if self._jobs.states([job_id]):
            return True
        key, mark = submission.idempotency_key, submission.mark
        if key is None:
            return False
        try:
            published = self._registry.summary(job_id)
        except NotFound:
            return False
        if published.fingerprint != mark:
            raise used_key(key)
        arguments = TrainArguments(dataset_id=published.dataset_id or "", fingerprint=mark)
        self._jobs.enqueue(Work.TRAIN, job_id, arguments, Priority.SINGLE.of(0))
        return True

    def train(self, request: TrainRequest, idempotency_key: str | None) -> TrainReply:
        """Train and wait for the end. If the client disconnects, the job goes on.

        A request equal to one that waits already joins it: a page whose user presses the button
        again gets the model that is being trained.

        Raises:
            Unavailable: no worker is alive, or too many requests wait already.
            Conflict: the job was cancelled.
            ServiceError: the data cannot be used or the training fails.
        """
        submission = self._submissions.of(request, idempotency_key)
        return TrainReply(**self._trained(submission, _REPLIED))

    def train_continued(
        self, model_id: str, request: ContinueRequest, idempotency_key: str | None
    ) -> ContinueReply:
        """Train a model on and wait for the end. Raises as `start_continued` and `train`."""
        submission = self._submissions.of_continued(model_id, request, idempotency_key)
        return ContinueReply(**self._trained(submission, _REPLIED | _CONTINUED))

    def _trained(self, submission: Submission[Any], shown: set[str]) -> dict[str, Any]:
        """Wait for a training; the fields of its reply, `shown` of them from the document."""
        with self._waiting.place(), self._submissions.shared(submission) as shared:
            job_id = self._submit(shared)
            self._jobs.wait(job_id)
        document = self._registry.document(job_id)
        fields = {
            "model_id": job_id,
            "enhanced_features": document.engineered_features,
            "beside": self._registry.others_of(document),
        }
        return fields | document.model_dump(include=shown, exclude_unset=True)

    # --- jobs ---------------------------------------------------------------------------------

    def jobs(self, query: JobsQuery) -> JobsReply:
        """Return a page of the jobs."""
        page = self._jobs.page(
            query.limit,
            state=None if query.status is None else JobState(query.status),
            works=JOBS if query.kind is None else (Work(query.kind),),
            descending=query.descending,
            after=query.after,
            offset=query.offset,
            search=query.q,
        )
        return JobsReply(
            jobs=[JobInfo(**job_fields(job)) for job in page.jobs],
            total=page.total,
            next_cursor=query.cursor_after(page.last),
        )

    def job(self, job_id: str) -> JobReply:
        """Return one job.

        Raises:
            NotFound: there is no such job.
        """
        return JobReply(**job_fields(self._jobs.get(job_id)))

    def cancel(self, job_id: str) -> MessageReply:
        """Cancel a job: no model or result of it will be published.

        Raises:
            NotFound: there is no such job.
            Conflict: it has ended already.
        """
        arguments = self._jobs.get(job_id).arguments
        self._jobs.cancel(job_id)
        # The worker that has the job does so too, but it may have died.
        stores = self._registry.store, self._datasets.store
        remove_leftovers(*stores, self._jobs.log, job_id, arguments)
        return MessageReply(message=f"Job {job_id} is cancelled.")

    def follow(self, job_id: str, last_id: str | None) -> Stream:
        """Return the messages of a job as they happen (`EventFeed.follow`), to be closed.

        Args:
            last_id: id of the last message that the client has; None: from the beginning.

        Raises:
            NotFound: there is no such job.
            Unavailable: too many streams are open (MAX_STREAMS).
            TooManyRequests: the caller has too many open (MAX_STREAMS_PER_CALLER).
        """
        queued_at = self._jobs.get(job_id).queued_at
        release = self._streams.take(caller(), f"GET {urls.job(job_id)}")
        return Stream(self._feed.follow(job_id, queued_at, last_id), release)
