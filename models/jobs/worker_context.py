"""A worker's desk: what its work needs, and how it is left."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

from models.data.datasets import Datasets
from models.jobs.cleanup import tidy
from models.jobs.job_log import Decision
from models.jobs.states import JobState
from models.jobs.worker_jobs import WorkerJobs
from models.registry.registry import backtest_store, model_store
from utils.errors import ServiceError, Unavailable
from utils.logs import logger
from utils.settings import Settings
from utils.storage.artifact_store import ArtifactStore

log = logger("worker")

_PARTING = 4.0  # seconds that trainings have to come to the end of an epoch when a worker stops


class WorkerContext:
    """What the work of one worker needs: its stores, its jobs, its name."""

    def __init__(self, settings: Settings, jobs: WorkerJobs, worker_id: str) -> None:
        self.jobs, self.worker_id = jobs, worker_id
        self.checkpoint_seconds = settings.checkpoint_seconds
        self.models: ArtifactStore = model_store(settings.model_location)
        self.max_epochs = settings.max_epochs
        self.datasets = Datasets.of(settings)
        self.backtests = backtest_store(settings.model_location)
        # The jobs that this worker is at, and when nothing of each would be lost.
        self.running: dict[str, threading.Event] = {}
        self.at_work: set[str] = set()  # these, and whatever else the engine gave it to do
        self.leaving = threading.Event()  # it is about to stop
        self.loaded = threading.Event()  # TensorFlow is imported, and has been used once

    def tidy(self, job_id: str, arguments: dict[str, Any]) -> None:
        """Remove what a job that gave no model would leave behind."""
        try:
            tidy(self.models, self.datasets.store, job_id, arguments)
        except Unavailable as error:  # sweeps see to the checkpoint
            log.warning("cannot tidy up after a job", job_id=job_id, error=error.message)

    def leave(self) -> None:
        """Hand all jobs back, trainings with a checkpoint of now, if an epoch ends soon.

        Raises:
            Unavailable: the database does not answer.
        """
        self.leaving.set()
        deadline = time.monotonic() + _PARTING
        for job_id, parted in list(self.running.items()):
            parted.wait(max(0.0, deadline - time.monotonic()))
            self.jobs.hand_back(job_id, self.worker_id)

    def start_afresh(self, job_id: str) -> None:
        """Have this process begin again, as the same one to its parent, without the work that it
        is at: nothing else stops a batch."""
        log.warning("starting afresh, as work that is not wanted goes on", job_id=job_id)
        try:
            job = self.jobs.get(job_id)
            if job.state is JobState.CANCELLED or self.jobs.decision(job_id) is Decision.CANCEL:
                self.jobs.settle_cancelled(job_id)
                self.tidy(job_id, job.arguments)
        except ServiceError as error:  # forgotten, or the database is away: sweeps see to it
            log.warning("cannot tidy up after a job", job_id=job_id, error=error.message)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # nosec B606
