"""A worker's desk: what its work needs, and how a job is watched while it is worked on."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from dbos import error as engine

from models.datasets import Datasets
from models.job_log import Decision
from models.job_states import JobState
from models.leftovers import tidy
from models.registry import CHECKPOINT, backtest_store, model_store
from models.worker_jobs import WorkerJobs
from utils.errors import ServiceError, Unavailable
from utils.seals import BrokenSeal, sealed, unsealed
from utils.settings import Settings
from utils.store import Store

if TYPE_CHECKING:
    from models.epochs import Epoch

log = structlog.get_logger("worker")

# A training that took hours is not to fail for a database that restarts as it ends.
_OUTAGE, _AGAIN_EVERY = 600.0, 2.0  # seconds

_TOLD_EVERY = 0.05  # of a backtest
_LOOK_EVERY = 0.2  # seconds between two looks at whether a job is still wanted
# Seconds that work which is not wanted any more has to notice it. A batch of the largest networks
# takes minutes, a worker that starts afresh about five seconds.
_PATIENCE = 3.0


class Desk:
    """What the work of one worker needs: its stores, its jobs, its name."""

    def __init__(self, settings: Settings, jobs: WorkerJobs, worker_id: str) -> None:
        self.jobs, self.worker_id = jobs, worker_id
        self.checkpoint_seconds = settings.checkpoint_seconds
        self.models: Store = model_store(settings.model_location)
        self.max_epochs = settings.max_epochs
        self.datasets = Datasets.of(settings)
        self.backtests = backtest_store(settings.model_location)
        self.running: set[str] = set()  # the jobs that this worker is at
        self.loaded = threading.Event()  # TensorFlow is imported, and has been used once

    def tidy(self, job_id: str, arguments: dict[str, Any]) -> None:
        """Remove what a job that gave no model would leave behind."""
        tidy(self.models, self.datasets.store, job_id, arguments)

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
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves


class Watch:
    """The control of a job: tells how far it is, keeps a training's checkpoints, ends it.

    A thread of its own looks whether the job is still wanted and still this worker's, so that
    the work itself never waits for the database.
    """

    def __init__(self, desk: Desk, job_id: str) -> None:
        self._desk, self._job_id = desk, job_id
        self._ended = threading.Event()
        self._stop: BaseException | None = None
        self._began = self._kept_at = time.monotonic()
        self._told: dict[str, Any] = {"job_id": job_id, "status": JobState.RUNNING}
        self._told_share = 0.0
        self._untold: list[Epoch] = []

    def __enter__(self) -> Watch:
        self._look()
        self._desk.running.add(self._job_id)
        threading.Thread(target=self._keep_looking, name="watch", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._desk.running.discard(self._job_id)

    def _keep_looking(self) -> None:
        while self._stop is None and not self._ended.wait(_LOOK_EVERY):
            try:
                self._look()
            except Unavailable as error:
                log.warning("cannot look at the job", job_id=self._job_id, error=error.message)
        if self._stop is not None:
            self._desk.loaded.wait()  # that does not stop either, and is not begun again for it
            if not self._ended.wait(_PATIENCE):
                self._desk.start_afresh(self._job_id)

    def _look(self) -> None:
        jobs, job_id = self._desk.jobs, self._job_id
        state, owner = jobs.owner(job_id)
        if state is JobState.CANCELLED or jobs.decision(job_id) is Decision.CANCEL:
            self._stop = engine.DBOSWorkflowCancelledError(f"Job {job_id} was cancelled.")
        elif state is not JobState.RUNNING or owner != self._desk.worker_id:
            self._stop = engine.DBOSWorkflowConflictIDError(job_id)

    def check(self) -> None:
        """Raise what is to end the work, if anything is."""
        if self._stop is not None:
            raise self._stop

    def on_epoch(self, epoch: Epoch) -> None:
        """Tell of an epoch: to those who follow the job, and in the log."""
        log.info(
            f"Epoch {epoch.epoch}/{epoch.epochs} loss: {epoch.loss:.4f} "
            f"val_loss: {epoch.val_loss:.4f} mae: {epoch.mae:.4f} r2: {epoch.r2_score:.4f}",
            job_id=self._job_id,
            seconds=round(epoch.seconds, 3),
        )
        self._untold.append(epoch)
        try:
            self._tell()
        except Unavailable as error:  # told with a later epoch: the training does not wait
            log.warning("cannot tell of the epoch", job_id=self._job_id, error=error.message)

    def on_start(self) -> None:
        """Tell that the job runs, and which try it is."""
        self._told |= {
            "worker": self._desk.worker_id,
            "try": self._desk.jobs.get(self._job_id).tries,
        }
        self._desk.jobs.log.add_status(self._job_id, self._told)

    def on_origins(self, done: int, count: int, share: float) -> None:
        """Tell how far a backtest is, whenever it is a good deal farther than told last."""
        if share < 1 and share - self._told_share < _TOLD_EVERY:
            return
        self._told_share, seconds = share, time.monotonic() - self._began
        progress = {
            "origins": count,
            "origins_done": done,
            "share": round(share, 4),
            "seconds": round(seconds, 3),
            "eta_seconds": round(seconds * (1 - share) / share, 3),
        }
        try:
            self._desk.jobs.log.add_status(self._job_id, self._told | {"progress": progress})
        except Unavailable as error:  # the backtest does not wait
            log.warning("cannot tell how far it is", job_id=self._job_id, error=error.message)

    def _tell(self) -> None:
        while self._untold:
            epoch = self._untold[0]
            self._desk.jobs.log.add_epoch(self._job_id, epoch.epoch, asdict(epoch))
            self._untold.pop(0)

    def checkpoint(self) -> bytes | None:
        """The checkpoint that an earlier try of this job left."""
        kept = self._desk.models.kept(self._job_id, CHECKPOINT)
        if kept is None:
            return None
        try:
            content = unsealed(kept)
        except BrokenSeal:
            log.warning("the checkpoint is damaged: starting over", job_id=self._job_id)
            return None
        log.info("taking up a checkpoint", job_id=self._job_id, bytes=len(content))
        return content

    def is_due(self) -> bool:
        """Whether the last checkpoint is old enough for another."""
        return time.monotonic() - self._kept_at >= self._desk.checkpoint_seconds

    def keep(self, content: bytes) -> None:
        """Keep a checkpoint. A store that is full costs the checkpoint, not the training."""
        self._kept_at = time.monotonic()

        def write(path: Path) -> None:
            path.write_bytes(sealed(content))

        try:
            self._desk.models.keep(self._job_id, CHECKPOINT, write)
        except Unavailable as error:
            log.warning("no checkpoint kept", job_id=self._job_id, error=error.message)

    def before_publishing(self) -> None:
        """Have publishing stand against a cancellation; raise if that came first."""
        deadline = time.monotonic() + _OUTAGE
        while True:
            try:
                self._look()
                self.check()
                self._tell()
                decided = self._desk.jobs.log.decide(self._job_id, Decision.PUBLISH)
                break
            except Unavailable as error:
                if time.monotonic() > deadline:
                    raise
                log.warning("waiting for the database", job_id=self._job_id, error=error.message)
                time.sleep(_AGAIN_EVERY)
        if decided is Decision.CANCEL:
            raise engine.DBOSWorkflowCancelledError(f"Job {self._job_id} was cancelled.")
