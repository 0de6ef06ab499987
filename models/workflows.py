"""What a worker does for each kind of job, and how a job's training is watched."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from dbos import DBOS
from dbos import error as engine

from models.datasets import Datasets
from models.forecasting import Forecaster
from models.job_log import Decision
from models.job_states import JobState, Work, failed
from models.leftovers import tidy
from models.registry import CHECKPOINT, backtest_store, model_store
from models.worker_jobs import WorkerJobs
from utils.errors import InternalError, NotFound, ServiceError, Unavailable
from utils.schemas import BacktestRequest, Hyperparameters
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

_TOLD_EVERY = 0.05  # of a backtest
_LOOK_EVERY = 0.2  # seconds between two looks at whether a job is still wanted


class Desk:
    """What the work of one worker needs: its stores, its jobs, its name."""

    def __init__(self, settings: Settings, jobs: WorkerJobs, worker_id: str) -> None:
        self.jobs, self.worker_id = jobs, worker_id
        self.checkpoint_seconds = settings.checkpoint_seconds
        self.models: Store = model_store(settings.model_location)
        self.datasets = Datasets(
            settings.data_location, settings.max_rows, settings.max_upload_mb * 1_000_000
        )
        self.backtests = backtest_store(settings.model_location)
        self.running: set[str] = set()  # the jobs that this worker is at

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
    with _tidied(desk, job_id, arguments):
        if job_id not in desk.models.ids():
            with Watch(desk, job_id) as watch:
                watch.check()
                _train(desk, watch, job_id, arguments)
    desk.models.drop(job_id, CHECKPOINT)
    return {"model_id": job_id}


@contextmanager
def _tidied(desk: Desk, job_id: str, arguments: dict[str, Any]) -> Iterator[None]:
    """See to it that a job which ends without a result leaves nothing behind."""
    try:
        yield
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


def _train(desk: Desk, watch: Watch, job_id: str, arguments: dict[str, Any]) -> None:
    watch.on_start()
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
    document = training.train(panel, hyper, arguments["seed"], desk.models, job_id, about, watch)
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


def backtest(desk: Desk, job_id: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Try a model out from past origins; the result takes the job's id, as a model does."""
    model_id = arguments["model_id"]
    with _tidied(desk, job_id, arguments):
        if job_id not in desk.backtests.ids():
            with Watch(desk, job_id) as watch:
                watch.check()
                _backtest(desk, watch, job_id, arguments)
        if not desk.models.has(model_id, ".json"):  # deleted meanwhile, and its backtests with it
            desk.backtests.delete(job_id)
            raise NotFound(f"Model {model_id} was deleted while it was tried out.")
    return {"model_id": model_id}


def _backtest(desk: Desk, watch: Watch, job_id: str, arguments: dict[str, Any]) -> None:
    watch.on_start()
    from models import backtest_result

    model_id, data_id = arguments["model_id"], arguments["dataset_id"]
    document = desk.models.document(model_id)
    if not desk.models.has(model_id, ".onnx"):
        derive(desk, job_id, arguments)
    forecaster = Forecaster(document, desk.models.read(model_id, ".onnx"))
    panel = desk.datasets.load(data_id)
    log.info("starting backtest", job_id=job_id, model_id=model_id, series=len(panel.keys))
    asked = BacktestRequest.model_validate(arguments["config"])
    ids = {"job_id": job_id, "model_id": model_id, "dataset_id": data_id}
    backtest_result.publish(forecaster, document, panel, asked, desk.backtests, ids, watch)
    log.info("backtest ended", job_id=job_id)


_DONE_BY = {Work.TRAIN: train, Work.DERIVE: derive, Work.BACKTEST: backtest}


def _said(error: Exception) -> str:
    """The kind of an error and the first line of what it says."""
    first = (str(error).strip().splitlines() or [""])[0][:200]
    return f"{type(error).__name__}: {first}" if first else f"{type(error).__name__}."
