"""Jobs, submitted from a web process: queue one, wait for it, cancel it.

The worker's side is `models.jobs.worker` and `models.jobs.worker_jobs`. Both meet in one database
(DBOS); what passes between them is JSON, never a pickle.
"""

from __future__ import annotations

import time
from uuid import uuid4

from models.jobs.arguments import CompressArguments, JobArguments, ModelArguments
from models.jobs.job_log import Decision
from models.jobs.job_queries import JobQueries
from models.jobs.states import JobState, Work, error_of
from utils.api.request_limits import check_queue
from utils.auth.caller import caller
from utils.errors import Conflict, InternalError, Unavailable
from utils.shutdown import DRAIN

# One queue, as each poll of a queue costs a worker 2 to 3 ms, with a part for each kind of work.
# Requests wait for files that are derived from a model, so these jobs do not queue behind trainings
# or backtests; and a backtest takes seconds, while a training may take hours.
QUEUE = "jobs"
PARTS = {
    Work.TRAIN: "training",
    Work.DERIVE: "deriving",
    Work.REPORT: "deriving",
    Work.COMPRESS: "deriving",
    Work.BACKTEST: "backtesting",
}
FORMER_QUEUES = PARTS  # up to 1.0.0 the parts were queues: jobs that wait in one are still taken

_GRACE = 5.0  # seconds within which a starting or restarting worker must report
_RESTART = 30.0  # seconds within which the last worker must return while requests wait for it
_COME_BACK = 5  # seconds after which a client may retry when this web server stops
_POLL = (0.05, 0.5)  # seconds between two polls of a job: at first, and at most


class Jobs(JobQueries):
    """The jobs of a database, to be read, submitted and cancelled.

    Every method raises Unavailable if the database does not answer.
    """

    def expect_place(self, more: int, most: int) -> None:
        """Check that the caller may queue more jobs.

        Raises:
            TooManyRequests: with `more` jobs added, more than `most` would wait.
        """
        check_queue(self.queued_of(caller().id), more, most)

    def enqueue(self, work: Work, job_id: str, arguments: JobArguments, priority: int = 1) -> None:
        """Submit a job of the caller's; one of the same id that exists is left as it is."""
        queued = arguments.model_copy(update={"queued_at": time.time()})
        with self._answering():
            self._client.enqueue(
                {
                    "workflow_name": work.value,
                    "queue_name": QUEUE,
                    "queue_partition_key": PARTS[work],
                    "workflow_id": job_id,
                    "priority": priority,
                    "authenticated_user": caller().id,
                },
                queued.to_json(),
            )

    def wait(self, job_id: str) -> None:
        """Wait for the end of a job.

        Raises:
            Unavailable: no worker was alive for longer than a restart takes while the job was in
                the queue, and it is cancelled; or this process ends before the job does.
            Conflict: the job was cancelled.
            ServiceError: the error that the job failed with.
        """
        pause, most = _POLL
        attended = time.monotonic()  # when a worker that could take the job was last alive
        while not (state := self.states([job_id]).get(job_id, JobState.CANCELLED)).ended:
            if DRAIN.ending or (DRAIN.begun and state is JobState.QUEUED):
                raise Unavailable(
                    f"This web server is stopping; job {job_id} goes on without it. Ask again in a "
                    "moment.",
                    retry_after=_COME_BACK,
                )
            time.sleep(pause)
            pause = min(most, pause * 1.2)
            if state is not JobState.QUEUED or self.workers_alive():
                attended = time.monotonic()
            elif time.monotonic() - attended > _RESTART:
                self.cancel(job_id)
                raise no_worker()
        if state is JobState.CANCELLED:
            raise Conflict(f"Job {job_id} was cancelled.")
        if state is JobState.FAILED:
            ended = self._statuses(workflow_ids=[job_id], load_output=True)
            raise (error_of(ended[0]) if ended else None) or InternalError("The job failed.")

    def cancel(self, job_id: str) -> None:
        """Cancel a job: no model or result of it will be published.

        Raises:
            Conflict: it has ended, or its model or result is being published.
        """
        state = self.states([job_id]).get(job_id)
        with self._answering():
            decided = state and not state.ended and self.log.decide(job_id, Decision.CANCEL)
            if decided is Decision.CANCEL:
                self._client.cancel_workflow(job_id)
        state = self.states([job_id]).get(job_id)
        if state is not JobState.CANCELLED:
            why = (
                "its result is being published" if state is JobState.RUNNING else f"it has {state}"
            )
            raise Conflict(f"Job {job_id} cannot be cancelled any more: {why}.")

    def derive(self, model_id: str) -> None:
        """Have a worker make a model's ONNX file from its `.keras` or `.h5`, and wait for it.

        Raises:
            ServiceError: as `wait`.
        """
        self._submit_and_wait(Work.DERIVE, ModelArguments(model_id=model_id))

    def make_report(self, model_id: str) -> None:
        """Have a worker make the picture and the report of a model, and wait for it.

        Raises:
            ServiceError: as `wait`.
        """
        self._submit_and_wait(Work.REPORT, ModelArguments(model_id=model_id))

    def compress(self, job_id: str, arguments: CompressArguments) -> None:
        """Have a worker make a model's smaller files (`compression.compress`), and wait for it.

        Raises:
            ServiceError: as `wait`.
        """
        self._submit_and_wait(Work.COMPRESS, arguments, job_id)

    def _submit_and_wait(
        self, work: Work, arguments: JobArguments, job_id: str | None = None
    ) -> None:
        job_id = job_id or str(uuid4())
        self.enqueue(work, job_id, arguments)
        self.wait(job_id)

    def expect_worker(self) -> None:
        """Wait a moment for a worker that starts or restarts.

        Raises:
            Unavailable: no worker is alive.
        """
        deadline = time.monotonic() + _GRACE
        while not (self.workers_alive() and self._made()):
            if time.monotonic() > deadline:
                raise no_worker()
            time.sleep(0.1)


def no_worker() -> Unavailable:
    """Return the error of a service without a training worker."""
    return Unavailable(
        "No training worker is running. Start one with `python run.py worker`, with the same "
        "MODEL_STORE, DATA_STORE and DATABASE_URL as this server."
    )
