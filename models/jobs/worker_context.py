"""The context that the jobs of one worker process share."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable

from models.data.datasets import Datasets
from models.jobs.arguments import JobArguments
from models.jobs.cleanup import remove_leftovers
from models.jobs.job_log import Decision
from models.jobs.states import JobState
from models.jobs.worker_jobs import WorkerJobs
from models.registry.model_store import backtest_store, model_store
from utils.errors import ServiceError, Unavailable
from utils.logs import logger
from utils.settings import Settings
from utils.storage.artifact_store import ArtifactStore

log = logger("worker")

_STOP_SECONDS = 4.0  # that trainings have to reach the end of an epoch when a worker stops


class WorkerContext:
    """The stores, the jobs and the id of one worker.

    Args:
        leave: ends the worker's heartbeat, so that others take its jobs over at once.

    Attributes:
        running: jobs with a control, and an event that is set while ending now would lose no work.
        active: ids of all jobs that the engine gave to this process.
        stopping: set when the worker is about to stop.
        loaded: set when TensorFlow is imported and has been used once.
    """

    def __init__(
        self,
        settings: Settings,
        jobs: WorkerJobs,
        worker_id: str,
        leave: Callable[[], None] = lambda: None,
    ) -> None:
        self.jobs, self.worker_id, self._leave = jobs, worker_id, leave
        self.checkpoint_seconds = settings.checkpoint_seconds
        self.queue_poll_seconds = settings.queue_poll_ms / 1000
        self.models: ArtifactStore = model_store(settings.model_location)
        self.max_epochs = settings.max_epochs
        self.datasets = Datasets.of(settings)
        self.backtests = backtest_store(settings.model_location)
        self.running: dict[str, threading.Event] = {}
        self.active: set[str] = set()
        self.stopping = threading.Event()
        self.loaded = threading.Event()

    def remove_leftovers(self, job_id: str, arguments: JobArguments) -> None:
        """Remove what a job that gave no model would leave behind."""
        try:
            stores = self.models, self.datasets.store
            remove_leftovers(*stores, self.jobs.log, job_id, arguments)
        except Unavailable as error:  # the store's next sweep removes the checkpoint
            log.warning("cannot clean up after a job", job_id=job_id, error=error.message)

    def stop(self) -> None:
        """Release all jobs; trainings keep a checkpoint first if an epoch ends in time.

        Raises:
            Unavailable: the database does not answer.
        """
        self.stopping.set()
        deadline = time.monotonic() + _STOP_SECONDS
        for job_id, interruptible in list(self.running.items()):
            interruptible.wait(max(0.0, deadline - time.monotonic()))
            self.jobs.release(job_id, self.worker_id)

    def restart(self, job_id: str) -> None:
        """Replace this process by a new one without its running work; its parent sees no change.

        Nothing else stops a batch of a large network.
        """
        log.warning("restarting the worker, as a cancelled job goes on", job_id=job_id)
        try:
            job = self.jobs.get(job_id)
            if job.state is JobState.CANCELLED or self.jobs.decision(job_id) is Decision.CANCEL:
                self.jobs.settle_cancelled(job_id)
                self.remove_leftovers(job_id, job.arguments)
            self._leave()
        except ServiceError as error:  # deleted, or the database is away: sweeps clean up later
            log.warning("cannot clean up after a job", job_id=job_id, error=error.message)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # nosec B606
