"""The training worker: takes jobs from the queue, trains, publishes. TensorFlow lives here."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer

from models.datasets import Datasets
from models.jobs import APPLICATION, QUEUE, Work, failed
from models.registry import model_store
from utils.database import BEAT_EVERY, Workers, open_engine
from utils.errors import InternalError, ServiceError
from utils.schemas import Hyperparameters
from utils.settings import Settings

log = structlog.get_logger("worker")


def run(settings: Settings) -> None:
    """Work until SIGTERM or Ctrl-C, or until the process that started this one is gone."""
    worker_id = settings.worker_id or socket.gethostname()
    engine = open_engine(settings.resolved_database_url)
    workers = Workers(engine)
    workers.create()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    for store in (model_store(settings.model_folder), _datasets(settings).store):
        store.sweep()
    _launch(settings, worker_id)
    log.info("worker ready", worker_id=worker_id, pid=os.getpid())
    threading.Thread(target=_warm_up, daemon=True).start()
    _beat(workers, worker_id, stop)
    workers.leave(worker_id)
    log.info("worker stopped", worker_id=worker_id)
    # A training in the middle of an epoch would hold the process; the engine runs it again at
    # this worker's next start.
    os._exit(0)


def _beat(workers: Workers, worker_id: str, stop: threading.Event) -> None:
    """Show that the worker lives, until it is to stop or its parent is gone."""
    started, parent = time.time(), os.getppid()
    while os.getppid() == parent:
        workers.beat(worker_id, started)
        if stop.wait(BEAT_EVERY):
            return
    log.warning("the process that started this worker is gone")


def _warm_up() -> None:
    """Import TensorFlow before the first job asks for it."""
    began = time.perf_counter()
    from models import training

    log.info("trainer loaded", module=training.__name__, seconds=time.perf_counter() - began)


def _launch(settings: Settings, worker_id: str) -> None:
    config: DBOSConfig = {
        "name": APPLICATION,
        "system_database_engine": open_engine(settings.resolved_database_url),
        "serializer": DBOSPortableJSONSerializer(),
        "executor_id": worker_id,
        # Fixed: a job that a restart or an upgrade interrupted is taken up again after it.
        "application_version": "1",
        "log_level": "WARNING",
    }
    DBOS(config=config)
    _register(Work.TRAIN, settings, _train)
    _register(Work.DERIVE, settings, _derive)
    DBOS.launch()
    # One training at a time and process; more processes train side by side.
    DBOS.register_queue(QUEUE, worker_concurrency=1, polling_interval_sec=0.1)


Function = Callable[[Settings, dict[str, Any]], dict[str, Any]]


def _register(work: Work, settings: Settings, function: Function) -> None:
    """Make `function` the workflow of a kind of work; its errors become JSON."""

    def workflow(arguments: dict[str, Any]) -> dict[str, Any]:
        job_id = DBOS.workflow_id
        try:
            return function(settings, arguments | {"job_id": job_id})
        except ServiceError as error:
            log.warning("job failed", job_id=job_id, work=work, error=error.message)
            raise failed(error) from error
        except Exception as error:
            log.exception("job failed", job_id=job_id, work=work)
            reason = f"The work failed for a reason of the service's own: {type(error).__name__}."
            raise failed(InternalError(reason)) from error

    DBOS.workflow(name=work.value, max_recovery_attempts=3)(workflow)


def _datasets(settings: Settings) -> Datasets:
    return Datasets(settings.data_folder, settings.max_rows, settings.max_upload_mb * 1_000_000)


def _train(settings: Settings, arguments: dict[str, Any]) -> dict[str, Any]:
    """Train on a stored data set; the model takes the job's id, so none is published twice."""
    from models import training

    model_id = str(arguments["job_id"])
    store = model_store(settings.model_folder)
    if model_id in store.ids():
        return {"model_id": model_id}
    panel = _datasets(settings).load(arguments["dataset_id"])
    log.info("starting training", model_id=model_id, series=len(panel.keys), rows=len(panel.values))

    def on_epoch(epoch: training.Epoch) -> None:
        log.info(
            f"Epoch {epoch.epoch}/{epoch.epochs} loss: {epoch.loss:.4f} "
            f"val_loss: {epoch.val_loss:.4f}",
            model_id=model_id,
            seconds=round(epoch.seconds, 3),
        )

    document = training.train(
        panel,
        Hyperparameters.from_config(arguments["config"]),
        arguments["seed"],
        store,
        model_id,
        {
            "dataset_id": arguments["dataset_id"],
            "data_points": len(panel.values),
            "source": "trained",
        },
        on_epoch,
    )
    log.info("training ended", model_id=model_id, seconds=round(document["training_time"], 2))
    return {"model_id": model_id}


def _derive(settings: Settings, arguments: dict[str, Any]) -> dict[str, Any]:
    """Make the ONNX file of a model that has none."""
    from models import importing, network

    model_id = arguments["model_id"]
    store = model_store(settings.model_folder)
    if store.path(model_id, ".keras").is_file():
        keras_model = network.load(store.file(model_id, ".keras"))
    else:
        keras_model = importing.load_legacy(store.file(model_id, ".h5"))
    store.attach(model_id, ".onnx", lambda path: network.export_onnx(keras_model, path))
    return {"model_id": model_id}
