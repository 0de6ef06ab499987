"""What a worker does for each kind of job, and how a job's training is watched."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from dbos import DBOS
from dbos import error as engine

from models.datasets import Datasets
from models.job_log import Decision
from models.job_states import JobState, Work, failed
from models.leftovers import tidy
from models.registry import CHECKPOINT, model_store
from models.worker_jobs import WorkerJobs
from utils.errors import InternalError, ServiceError, Unavailable
from utils.schemas import Hyperparameters
from utils.settings import Settings
from utils.store import Store

if TYPE_CHECKING:
    from models.epochs import Epoch
    from utils.series import Panel

log = structlog.get_logger("worker")

# A job whose worker dies with it is tried this often; the engine counts the tries after the first.
MOST_TRIES = 3

# A training that took hours is not to fail for a database that restarts as it ends.
_OUTAGE, _AGAIN_EVERY = 600.0, 2.0  # seconds

_LOOK_EVERY = 0.2  # seconds between two looks at whether a job is still wanted
# Seconds that a training which is not wanted any more has to notice it. A batch of the largest
# networks takes minutes, a worker that starts afresh about five seconds.
_PATIENCE = 3.0


class Desk:
    """What the work of one worker needs: its stores, its jobs, its name."""

    def __init__(self, settings: Settings, jobs: WorkerJobs, worker_id: str) -> None:
        self.jobs, self.worker_id = jobs, worker_id
        self.checkpoint_seconds = settings.checkpoint_seconds
        self.models: Store = model_store(settings.model_location)
        self.datasets = Datasets(
            settings.data_location, settings.max_rows, settings.max_upload_mb * 1_000_000
        )
        self.running: str | None = None  # the training that this worker is at
        self.loaded = threading.Event()  # TensorFlow is imported

    def register(self) -> None:
        """Make the functions below the workflows of their kinds of work."""
        for work, function in _DONE_BY.items():
            DBOS.workflow(name=work.value, max_recovery_attempts=MOST_TRIES - 1)(
                self._workflow(work, function)
            )

    def _workflow(self, work: Work, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, its errors packed as JSON."""

        def workflow(arguments: dict[str, Any]) -> dict[str, Any]:
            job_id = str(DBOS.workflow_id)
            try:
                return function(self, job_id, arguments)
            except ServiceError as error:
                log.warning("job failed", job_id=job_id, work=work, error=error.message)
                raise failed(error) from error
            except Exception as error:
                log.exception("job failed", job_id=job_id, work=work)
                reason = f"The work failed for a reason of the service's own: {_said(error)}"
                raise failed(InternalError(reason)) from error

        return workflow

    def tidy(self, job_id: str, arguments: dict[str, Any]) -> None:
        """Remove what a job that gave no model would leave behind."""
        tidy(self.models, self.datasets.store, job_id, arguments)

    def start_afresh(self, job_id: str) -> None:
        """Have this process begin again, as the same one to its parent, without the training that
        it is at: nothing else stops a batch."""
        log.warning("starting afresh, as a training that is not wanted goes on", job_id=job_id)
        try:
            job = self.jobs.get(job_id)
            if job.state is JobState.CANCELLED or self.jobs.decision(job_id) is Decision.CANCEL:
                self.jobs.settle_cancelled(job_id)
                self.tidy(job_id, job.arguments)
        except ServiceError as error:  # forgotten, or the database is away: sweeps see to it
            log.warning("cannot tidy up after a job", job_id=job_id, error=error.message)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves


class Watch:
    """The control of a job's training: tells its epochs, keeps its checkpoints, ends it.

    A thread of its own looks whether the job is still wanted and still this worker's, so that
    the training itself never waits for the database.
    """

    def __init__(self, desk: Desk, job_id: str) -> None:
        self._desk, self._job_id = desk, job_id
        self._ended = threading.Event()
        self._stop: BaseException | None = None
        self._kept_at = time.monotonic()
        self._untold: list[Epoch] = []

    def __enter__(self) -> Watch:
        self._look()
        self._desk.running = self._job_id
        threading.Thread(target=self._keep_looking, name="watch", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._desk.running = None

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
        """Raise what is to end the training, if anything is."""
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

    def _tell(self) -> None:
        while self._untold:
            epoch = self._untold[0]
            self._desk.jobs.log.add_epoch(self._job_id, epoch.epoch, asdict(epoch))
            self._untold.pop(0)

    def checkpoint(self) -> bytes | None:
        """The checkpoint that an earlier try of this job left."""
        content = self._desk.models.kept(self._job_id, CHECKPOINT)
        if content is not None:
            log.info("taking up a checkpoint", job_id=self._job_id, bytes=len(content))
        return content

    def is_due(self) -> bool:
        """Whether the last checkpoint is old enough for another."""
        return time.monotonic() - self._kept_at >= self._desk.checkpoint_seconds

    def keep(self, content: bytes) -> None:
        """Keep a checkpoint. A store that is full costs the checkpoint, not the training."""
        self._kept_at = time.monotonic()

        def write(path: Path) -> None:
            path.write_bytes(content)

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


def train(desk: Desk, job_id: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Train on a stored data set; the model takes the job's id, so none is published twice."""
    try:
        if job_id not in desk.models.ids():
            with Watch(desk, job_id) as watch:
                watch.check()
                _train(desk, watch, job_id, arguments)
    except engine.DBOSWorkflowConflictIDError:
        log.warning("another worker has taken the job over", job_id=job_id)
        raise
    except engine.DBOSWorkflowCancelledError:
        log.info("job cancelled", job_id=job_id)
        desk.jobs.settle_cancelled(job_id)
        desk.tidy(job_id, arguments)
        raise
    except Exception:
        desk.tidy(job_id, arguments)
        raise
    desk.models.drop(job_id, CHECKPOINT)
    return {"model_id": job_id}


def _train(desk: Desk, watch: Watch, job_id: str, arguments: dict[str, Any]) -> None:
    tries = desk.jobs.get(job_id).tries
    desk.jobs.log.add_status(
        job_id,
        {"job_id": job_id, "status": JobState.RUNNING, "worker": desk.worker_id, "try": tries},
    )
    from models import training

    watch.check()
    panel = _panel(desk, arguments)
    log.info("starting training", job_id=job_id, series=len(panel.keys), rows=len(panel.values))
    about = {
        "dataset_id": arguments["dataset_id"],
        "data_points": len(panel.values),
        "source": "trained",
    }
    if arguments.get("plant") is not None:
        about["plant"] = arguments["plant"]
    hyper = Hyperparameters.from_config(arguments["config"])
    document = training.train(
        panel,
        hyper,
        arguments["seed"],
        desk.models,
        job_id,
        about,
        watch,
        keep_optimizer=arguments.get("keep_optimizer", False),
    )
    log.info("training ended", job_id=job_id, seconds=round(document["training_time"], 2))


def _panel(desk: Desk, arguments: dict[str, Any]) -> Panel:
    panel = desk.datasets.load(arguments["dataset_id"])
    plant = arguments.get("plant")
    if plant is None:
        return panel
    return panel.select([s for s, key in enumerate(panel.keys) if key[0] == plant])


def derive(desk: Desk, job_id: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Make the ONNX file of a model that has none."""
    from models import importing, network

    model_id = arguments["model_id"]
    keras_model = importing.open_keras(desk.models, model_id)
    desk.models.attach(model_id, ".onnx", lambda path: network.export_onnx(keras_model, path))
    return {"model_id": model_id}


def illustrate(desk: Desk, job_id: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Draw a model and write its report."""
    from models import illustration, importing, report

    model_id = arguments["model_id"]
    document = desk.models.document(model_id)
    layers = illustration.layers_of(importing.open_keras(desk.models, model_id))
    if not desk.models.has(model_id, ".onnx"):
        derive(desk, job_id, arguments)
    network = desk.models.read(model_id, ".onnx")
    held_back = report.held_back(document, network, desk.datasets)
    title, history = report.title_of(document), document.get("training_history") or {}
    desk.models.attach(
        model_id, ".html", lambda path: report.write(document, layers, held_back, path)
    )
    # Last: where the picture is, the report is.
    desk.models.attach(
        model_id, ".png", lambda path: illustration.draw_model(title, layers, history, path)
    )
    return {"model_id": model_id}


_DONE_BY = {Work.TRAIN: train, Work.DERIVE: derive, Work.ILLUSTRATE: illustrate}


def _said(error: Exception) -> str:
    """The kind of an error and the first line of what it says."""
    first = (str(error).strip().splitlines() or [""])[0][:200]
    return f"{type(error).__name__}: {first}" if first else f"{type(error).__name__}."
