"""The control of a running job: records its progress, keeps checkpoints, stops it, publishes."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from dbos import error as engine

from models.jobs.job_log import Decision, StaleAttempt
from models.jobs.states import MOST_TRIES, JobState, abrupt_end
from models.jobs.worker_context import WorkerContext
from models.registry.model_store import CHECKPOINT
from models.training.control import Epoch, Stage
from utils.errors import InternalError, Unavailable
from utils.logs import logger
from utils.storage.checksums import with_checksum, without_checksum

log = logger("worker")
T = TypeVar("T")

# A training that took hours does not fail because the database restarts or the disk is full as it
# ends.
_OUTAGE, _RETRY_SECONDS = 600.0, 2.0
_CHECKPOINT_PAUSE = 30.0  # seconds without checkpoints after the store refused one

_LEAST_SHARE = 0.05  # of a backtest between two records of its progress
_POLL_SECONDS = 0.2  # between two checks that the job is still to be done by this worker
# Seconds within which stopped work must notice it. A batch of the largest networks takes minutes,
# a restart of the worker about five seconds.
_STOP_SECONDS = 3.0


class JobControl:
    """The control of one job, as a context manager around its work.

    Two threads of its own record the progress and check whether the job is still to be done by
    this worker, so that the work itself never waits for the database. Entering it begins an attempt
    with a fencing token of its own; once a later attempt has begun, this one decides, keeps,
    publishes and removes nothing.
    """

    def __init__(self, context: WorkerContext, job_id: str) -> None:
        self._context, self._job_id = context, job_id
        self._token: int | None = None
        self._ended = threading.Event()
        self._stop: BaseException | None = None
        self._began = self._kept_at = time.monotonic()
        self._status: dict[str, Any] = {"job_id": job_id, "status": JobState.RUNNING}
        self._recorded_share = 0.0
        self._unrecorded: list[dict[str, Any]] = []
        self._news, self._recording = threading.Event(), threading.Lock()
        self._interruptible = threading.Event()  # no work would be lost, were it to end now
        self._interruptible.set()

    def __enter__(self) -> JobControl:
        self.with_retries(self._begin)
        self._context.running[self._job_id] = self._interruptible
        for run in (self._keep_polling, self._keep_recording):
            threading.Thread(target=run, name="job-control", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._news.set()
        self._interruptible.set()
        self._try_to_record()  # also the last epochs of a job that failed
        self._context.running.pop(self._job_id, None)

    def _keep_polling(self) -> None:
        while self._stop is None and not self._ended.wait(_POLL_SECONDS):
            try:
                self._poll()
            except Unavailable as error:
                log.warning("cannot check the job", job_id=self._job_id, error=error.message)
        if self._stop is not None:
            self._context.loaded.wait()  # an import cannot be stopped, nor is it repeated
            if not self._ended.wait(_STOP_SECONDS):
                self._context.restart(self._job_id)

    def _begin(self) -> None:
        self._poll()
        if self._stop is None:
            self._token = self._context.jobs.log.claim(self._job_id, self._context.worker_id)

    def _poll(self) -> None:
        jobs, job_id = self._context.jobs, self._job_id
        state, owner = jobs.owner(job_id)
        if state is JobState.CANCELLED or jobs.decision(job_id) is Decision.CANCEL:
            self._stop = engine.DBOSWorkflowCancelledError(f"Job {job_id} was cancelled.")
        elif (state, owner) != (JobState.RUNNING, self._context.worker_id) or self._is_stale():
            self._stop = engine.DBOSWorkflowConflictIDError(job_id)

    def _is_stale(self) -> bool:
        """Return True if a later attempt of the job has begun."""
        newest = self._context.jobs.log.token(self._job_id) if self._token is not None else None
        return newest != self._token

    def check(self) -> None:
        """Raise the error that is to end the work, if there is one."""
        if self._stop is not None:
            raise self._stop

    def on_stage(self, stage: Stage) -> None:
        """Record a stage of a training, after the epochs before it."""
        if not self._try_to_record():
            return
        try:
            self._context.jobs.log.add_stage(self._job_id, stage)
        except Unavailable as error:  # the training does not wait
            log.warning("cannot record a stage", job_id=self._job_id, error=error.message)

    def on_epoch(self, epoch: Epoch) -> None:
        """Record an epoch in the event log and in the worker's log."""
        figures = asdict(epoch)
        log.info(
            f"Epoch {epoch.epoch}/{epoch.epochs}",
            job_id=self._job_id,
            **{n: float(f"{v:.4g}") if isinstance(v, float) else v for n, v in figures.items()},
        )
        self._unrecorded.append(figures)
        self._news.set()

    def on_start(self) -> None:
        """Record that the job runs, and the number of the try.

        Raises:
            InternalError: too many tries in a row ended with their worker, or the job failed and
                its worker ended before it could record why.
        """
        self.with_retries(self._start)

    def _start(self) -> None:
        jobs = self._context.jobs
        if jobs.log.decision(self._job_id) is Decision.FAIL:
            raise InternalError("The job failed, and its worker ended before it recorded why.")
        job, ended = jobs.get(self._job_id), jobs.log.tries_without_progress(self._job_id)
        if ended >= MOST_TRIES:
            raise abrupt_end(job.work, ended)
        self._status |= {"worker": self._context.worker_id, "try": job.tries}
        jobs.log.add_status(self._job_id, self._status)

    def on_origins(self, done: int, count: int, share: float) -> None:
        """Record the progress of a backtest where it has grown enough since the last record.

        Args:
            done: origins that all series were forecast from.
            count: all origins.
            share: of all forecasts, 0 to 1.
        """
        if share < 1 and share - self._recorded_share < _LEAST_SHARE:
            return
        self._recorded_share, seconds = share, time.monotonic() - self._began
        progress = {
            "origins": count,
            "origins_done": done,
            "share": round(share, 4),
            "seconds": round(seconds, 3),
            "eta_seconds": round(seconds * (1 - share) / share, 3),
        }
        try:
            self._context.jobs.log.add_status(self._job_id, self._status | {"progress": progress})
        except Unavailable as error:  # the backtest does not wait
            log.warning("cannot record progress", job_id=self._job_id, error=error.message)

    def _keep_recording(self) -> None:
        while not self._ended.is_set():
            self._news.wait()
            self._news.clear()
            if not self._try_to_record():
                self._ended.wait(_RETRY_SECONDS)
                self._news.set()

    def _try_to_record(self) -> bool:
        try:
            self._record()
        except Unavailable as error:
            log.warning("cannot record the epoch", job_id=self._job_id, error=error.message)
            return False
        return True

    def _record(self) -> None:
        with self._recording:
            while self._unrecorded:
                epoch = self._unrecorded[0]
                self._context.jobs.log.add_epoch(self._job_id, epoch["epoch"], epoch)
                self._unrecorded.pop(0)

    def checkpoint(self) -> bytes | None:
        """Return the checkpoint that an earlier try of this job left."""
        kept = self.with_retries(lambda: self._context.models.kept(self._job_id, CHECKPOINT))
        if kept is None:
            return None
        try:
            unrecorded, _, content = without_checksum(kept).partition(b"\n")
            self._unrecorded[:0] = json.loads(unrecorded)
        except ValueError:
            log.warning("the checkpoint is damaged: starting over", job_id=self._job_id)
            return None
        self._news.set()
        log.info("resuming from a checkpoint", job_id=self._job_id, bytes=len(content))
        return content

    def is_checkpoint_due(self) -> bool:
        """Return whether a checkpoint is due: the last one is old enough, or the worker stops."""
        if self._context.stopping.is_set():
            return True
        self._interruptible.clear()
        return time.monotonic() - self._kept_at >= self._context.checkpoint_seconds

    def save_checkpoint(self, content: bytes) -> None:
        """Keep a checkpoint. If the store refuses it, the training goes on without.

        Epochs that are not recorded yet are kept with it, as they are not trained again.
        """
        self._kept_at = time.monotonic()
        unrecorded = json.dumps(self._unrecorded)

        def write(path: Path) -> None:
            path.write_bytes(with_checksum(unrecorded.encode() + b"\n" + content))

        try:
            if not self._is_stale():
                self._context.models.keep(self._job_id, CHECKPOINT, write)
        except Unavailable as error:
            log.warning("no checkpoint kept", job_id=self._job_id, error=error.message)
            self._kept_at = time.monotonic() + _CHECKPOINT_PAUSE  # each attempt may take seconds
        if self._context.stopping.is_set():
            self._interruptible.set()

    def publish(self, act: Callable[[], None]) -> None:
        """Publish by `act`, after which the job cannot be cancelled.

        Raises:
            DBOSWorkflowCancelledError: the job was cancelled first.
            DBOSWorkflowConflictIDError: a later attempt has begun.
            Conflict: another attempt published it, or it was deleted meanwhile.
        """
        if self.with_retries(lambda: self._decide(Decision.PUBLISH)) is Decision.CANCEL:
            raise engine.DBOSWorkflowCancelledError(f"Job {self._job_id} was cancelled.")
        self.with_retries(act)

    def fail(self) -> None:
        """Decide that the job fails, before anything of it is removed.

        Raises:
            DBOSWorkflowCancelledError: the job was cancelled first.
            DBOSWorkflowConflictIDError: a later attempt has begun, which needs what there is.
        """
        if self.with_retries(lambda: self._decide(Decision.FAIL)) is Decision.CANCEL:
            raise engine.DBOSWorkflowCancelledError(f"Job {self._job_id} was cancelled.")

    def _decide(self, decision: Decision) -> Decision:
        self._poll()
        self.check()
        self._record()
        try:
            return self._context.jobs.log.decide(self._job_id, decision, self._token)
        except StaleAttempt:
            raise engine.DBOSWorkflowConflictIDError(self._job_id) from None

    def with_retries(self, act: Callable[[], T]) -> T:
        """Return the result of `act`, called again while the database or a store is away.

        The job says meanwhile what it waits for.

        Raises:
            Unavailable: it was away for ten minutes.
        """
        deadline, waited = time.monotonic() + _OUTAGE, False
        while True:
            try:
                result = act()
                break
            except Unavailable as error:
                if time.monotonic() > deadline:
                    raise
                log.warning("waiting", job_id=self._job_id, error=error.message)
                self._record_waiting(error.message)
                waited = True
            self._ended.wait(_RETRY_SECONDS)
            self.check()
        if waited:
            self._record_waiting(None)
        return result

    def _record_waiting(self, reason: str | None) -> None:
        """Record what the job waits for; None: it goes on. Not while the database is away."""
        with contextlib.suppress(Unavailable):
            self._context.jobs.log.add_status(self._job_id, self._status | {"waiting": reason})
