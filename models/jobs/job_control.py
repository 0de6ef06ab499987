"""How a job is watched while a worker is at it: told of, kept, ended, published."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dbos import error as engine

from models.jobs.job_log import Decision
from models.jobs.states import MOST_TRIES, JobState, took_along
from models.jobs.worker_context import WorkerContext
from models.registry.registry import CHECKPOINT
from utils.errors import Unavailable
from utils.logs import logger
from utils.storage.checksums import sealed, unsealed

if TYPE_CHECKING:
    from models.training.fit import Epoch

log = logger("worker")
T = TypeVar("T")

# A training that took hours is not to fail for a database that restarts as it ends, nor for a disk
# that is full just then.
_OUTAGE, _AGAIN_EVERY = 600.0, 2.0  # seconds
_UNKEPT_FOR = 30.0  # seconds that a store which did not take a checkpoint is left alone

_TOLD_EVERY = 0.05  # of a backtest
_LOOK_EVERY = 0.2  # seconds between two looks at whether a job is still wanted
# Seconds that work which is not wanted any more has to notice it. A batch of the largest networks
# takes minutes, a worker that starts afresh about five seconds.
_PATIENCE = 3.0


class JobControl:
    """The control of a job: tells how far it is, keeps a training's checkpoints, ends it.

    Threads of its own tell of it, and look whether the job is still wanted and still this
    worker's, so that the work itself never waits for the database.
    """

    def __init__(self, desk: WorkerContext, job_id: str) -> None:
        self._desk, self._job_id = desk, job_id
        self._ended = threading.Event()
        self._stop: BaseException | None = None
        self._began = self._kept_at = time.monotonic()
        self._told: dict[str, Any] = {"job_id": job_id, "status": JobState.RUNNING}
        self._told_share = 0.0
        self._untold: list[dict[str, Any]] = []
        self._news, self._telling = threading.Event(), threading.Lock()
        self._parted = threading.Event()  # nothing would be lost, were the work to end now
        self._parted.set()

    def __enter__(self) -> JobControl:
        self.patiently(self._look)
        self._desk.running[self._job_id] = self._parted
        for run in (self._keep_looking, self._keep_telling):
            threading.Thread(target=run, name="watch", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._news.set()
        self._parted.set()
        self._try_to_tell()  # of one that failed, how far it came
        self._desk.running.pop(self._job_id, None)

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
        self._untold.append(asdict(epoch))
        self._news.set()

    def on_start(self) -> None:
        """Tell that the job runs, and which try it is.

        Raises:
            InternalError: too many tries ended with their worker, and none got any further.
        """
        self.patiently(self._start)

    def _start(self) -> None:
        jobs = self._desk.jobs
        job, died = jobs.get(self._job_id), jobs.log.fruitless_tries(self._job_id)
        if died >= MOST_TRIES:
            raise took_along(job.work, died)
        self._told |= {"worker": self._desk.worker_id, "try": job.tries}
        jobs.log.add_status(self._job_id, self._told)

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

    def _keep_telling(self) -> None:
        while not self._ended.is_set():
            self._news.wait()
            self._news.clear()
            if not self._try_to_tell():
                self._ended.wait(_AGAIN_EVERY)
                self._news.set()

    def _try_to_tell(self) -> bool:
        try:
            self._tell()
        except Unavailable as error:
            log.warning("cannot tell of the epoch", job_id=self._job_id, error=error.message)
            return False
        return True

    def _tell(self) -> None:
        with self._telling:
            while self._untold:
                epoch = self._untold[0]
                self._desk.jobs.log.add_epoch(self._job_id, epoch["epoch"], epoch)
                self._untold.pop(0)

    def checkpoint(self) -> bytes | None:
        """The checkpoint that an earlier try of this job left."""
        kept = self.patiently(lambda: self._desk.models.kept(self._job_id, CHECKPOINT))
        if kept is None:
            return None
        try:
            untold, _, content = unsealed(kept).partition(b"\n")
            self._untold[:0] = json.loads(untold)
        except ValueError:
            log.warning("the checkpoint is damaged: starting over", job_id=self._job_id)
            return None
        self._news.set()
        log.info("taking up a checkpoint", job_id=self._job_id, bytes=len(content))
        return content

    def is_due(self) -> bool:
        """Whether the last checkpoint is old enough for another, or the worker stops."""
        if self._desk.leaving.is_set():
            return True
        self._parted.clear()
        return time.monotonic() - self._kept_at >= self._desk.checkpoint_seconds

    def keep(self, content: bytes) -> None:
        """Keep a checkpoint. A store that is full costs the checkpoint, not the training.

        The epochs that nobody was told of yet are kept with it: they are not trained again.
        """
        self._kept_at = time.monotonic()
        untold = json.dumps(self._untold)

        def write(path: Path) -> None:
            path.write_bytes(sealed(untold.encode() + b"\n" + content))

        try:
            self._desk.models.keep(self._job_id, CHECKPOINT, write)
        except Unavailable as error:
            log.warning("no checkpoint kept", job_id=self._job_id, error=error.message)
            self._kept_at = time.monotonic() + _UNKEPT_FOR  # each attempt may take seconds
        if self._desk.leaving.is_set():
            self._parted.set()

    def publish(self, act: Callable[[], None]) -> None:
        """Publish by `act`, which stands against a cancellation; raise if that came first."""
        if self.patiently(self._decide) is Decision.CANCEL:
            raise engine.DBOSWorkflowCancelledError(f"Job {self._job_id} was cancelled.")
        self.patiently(act)

    def _decide(self) -> Decision:
        self._look()
        self.check()
        self._tell()
        return self._desk.jobs.log.decide(self._job_id, Decision.PUBLISH)

    def patiently(self, act: Callable[[], T]) -> T:
        """What `act` gives, tried again while the database or a store is away.

        Raises:
            Unavailable: it was for too long.
        """
        deadline = time.monotonic() + _OUTAGE
        while True:
            try:
                return act()
            except Unavailable as error:
                if time.monotonic() > deadline:
                    raise
                log.warning("waiting", job_id=self._job_id, error=error.message)
            self._ended.wait(_AGAIN_EVERY)
            self.check()
