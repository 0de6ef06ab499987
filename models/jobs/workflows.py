"""What a worker does for each kind of job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from dbos import DBOS
from dbos import error as engine

from models.jobs.job_control import JobControl
from models.jobs.states import JOBS, MOST_TRIES, Work, failed
from models.jobs.worker_context import WorkerContext
from models.registry.model_document import ModelDocument
from models.registry.opening import open_forecaster
from models.registry.registry import CHECKPOINT, served_suffix
from models.training import presets
from utils.api.architectures import DESIGNS, PLAIN, Architecture
from utils.api.request_limits import preset_epochs
from utils.api.schemas import BacktestRequest, Hyperparameters
from utils.errors import InternalError, NotFound, ServiceError, Unavailable, first_line
from utils.logs import logger

if TYPE_CHECKING:
    from models.series.panel import Panel

log = logger("worker")


def register(desk: WorkerContext) -> None:
    """Make the functions below the workflows of their kinds of work."""
    for work, function in _DONE_BY.items():
        # Of a job that has a story, the story decides: see `JobControl.on_start`.
        most = None if work in JOBS else MOST_TRIES - 1
        DBOS.workflow(name=work.value, max_recovery_attempts=most)(_workflow(desk, work, function))


def _workflow(desk: WorkerContext, work: Work, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, its errors packed as JSON."""

    def workflow(arguments: dict[str, Any]) -> dict[str, Any]:
        job_id = str(DBOS.workflow_id)
        desk.at_work.add(job_id)
        try:
            if work is not Work.BACKTEST:
                desk.loaded.wait()
            return function(desk, job_id, arguments)
        except ServiceError as error:
            log.warning("job failed", job_id=job_id, work=work, error=error.message)
            raise failed(error) from error
        except Exception as error:
            log.exception("job failed", job_id=job_id, work=work)
            reason = f"The work failed for a reason of the service's own: {_said(error)}"
            raise failed(InternalError(reason)) from error
        finally:
            desk.at_work.discard(job_id)

    return workflow


def train(desk: WorkerContext, job_id: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Train on a stored data set; the model takes the job's id, so none is published twice."""
    with _tidied(desk, job_id, arguments), JobControl(desk, job_id) as watch:
        watch.check()
        if job_id not in watch.patiently(desk.models.ids):
            _train(desk, watch, job_id, arguments)
    try:
        desk.models.drop(job_id, CHECKPOINT)
    except Unavailable as error:
        log.warning("a checkpoint is left behind", job_id=job_id, error=error.message)
    return {"model_id": job_id}


@contextmanager
def _tidied(desk: WorkerContext, job_id: str, arguments: dict[str, Any]) -> Iterator[None]:
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


def _train(desk: WorkerContext, watch: JobControl, job_id: str, arguments: dict[str, Any]) -> None:
    watch.on_start()
    from models.training import train

    watch.check()
    panel = watch.patiently(lambda: _panel(desk, arguments))
    design = DESIGNS[Architecture(arguments.get("architecture", Architecture.PLAIN))]
    kind = "training" if design == PLAIN else f"{design.architecture} training"
    log.info(f"starting {kind}", job_id=job_id, series=len(panel.keys), rows=len(panel.values))
    about = {
        "dataset_id": arguments["dataset_id"],
        "data_points": len(panel.values),
        "source": "trained",
    }
    if arguments.get("left_open"):
        about["chosen_by_preset"] = arguments["left_open"]
    if arguments.get("plant") is not None:
        about["plant"] = arguments["plant"]
    hyper = Hyperparameters.from_config(arguments["config"])
    left_open = arguments.get("left_open", [])
    hyper, design = presets.settle(panel, hyper, design, left_open)
    if "epochs" in left_open:
        hyper = preset_epochs(hyper, desk.max_epochs)
    document = train.train(
        panel,
        hyper,
        arguments["seed"],
        desk.models,
        job_id,
        about,
        watch,
        keep_optimizer=arguments.get("keep_optimizer", False),
        design=design,
    )
    log.info("training ended", job_id=job_id, seconds=round(document.training_time or 0.0, 2))


def _panel(desk: WorkerContext, arguments: dict[str, Any]) -> Panel:
    panel = desk.datasets.load(arguments["dataset_id"])
    plant = arguments.get("plant")
    if plant is None:
        return panel
    return panel.select([s for s, key in enumerate(panel.keys) if key[0] == plant])


def derive(desk: WorkerContext, job_id: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Make the ONNX file of a model that has none."""
    from models.conversion import legacy_import
    from models.training import network

    model_id = arguments["model_id"]
    keras_model = legacy_import.open_keras(desk.models, model_id)
    desk.models.attach(model_id, ".onnx", lambda path: network.export_onnx(keras_model, path))
    return {"model_id": model_id}


def illustrate(desk: WorkerContext, job_id: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Draw a model and write its report."""
    from models.conversion import legacy_import
    from models.reports import html_report, pictures

    model_id = arguments["model_id"]
    document = ModelDocument.read(desk.models, model_id)
    layers = pictures.layers_of(legacy_import.open_keras(desk.models, model_id))
    if not desk.models.has(model_id, ".onnx"):
        derive(desk, job_id, arguments)
    network = desk.models.read(model_id, ".onnx")
    held_back = html_report.held_back(document, network, desk.datasets)
    title, history = html_report.title_of(document), document.training_history or {}
    desk.models.attach(
        model_id, ".html", lambda path: html_report.write(document, layers, held_back, path)
    )
    # Last: where the picture is, the report is.
    desk.models.attach(
        model_id, ".png", lambda path: pictures.draw_model(title, layers, history, path)
    )
    return {"model_id": model_id}


def compress(desk: WorkerContext, job_id: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Make the smaller files of a model, and serve what is asked for."""
    from models.conversion import compression, legacy_import

    model_id = arguments["model_id"]
    keras_model = legacy_import.open_keras(desk.models, model_id)
    panel = desk.datasets.load(arguments["dataset_id"])
    compression.compress(desk.models, model_id, keras_model, panel, arguments["serves"])
    return {"model_id": model_id}


def backtest(desk: WorkerContext, job_id: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Try a model out from past origins; the result takes the job's id, as a model does."""
    model_id = arguments["model_id"]
    with _tidied(desk, job_id, arguments):
        with JobControl(desk, job_id) as watch:
            watch.check()
            if job_id not in watch.patiently(desk.backtests.ids):
                _backtest(desk, watch, job_id, arguments)
        if not desk.models.has(model_id, ".json"):  # deleted meanwhile, and its backtests with it
            with suppress(NotFound):
                desk.backtests.delete(job_id)
            raise NotFound(f"Model {model_id} was deleted while it was tried out.")
    return {"model_id": model_id}


def _backtest(
    desk: WorkerContext, watch: JobControl, job_id: str, arguments: dict[str, Any]
) -> None:
    watch.on_start()
    from models.backtest import result

    model_id, data_id = arguments["model_id"], arguments["dataset_id"]
    document = watch.patiently(lambda: ModelDocument.read(desk.models, model_id))
    if not desk.models.has(model_id, ".onnx"):
        derive(desk, job_id, arguments)
    forecaster = open_forecaster(document, desk.models.read(model_id, served_suffix(document)))
    panel = watch.patiently(lambda: desk.datasets.load(data_id))
    log.info("starting backtest", job_id=job_id, model_id=model_id, series=len(panel.keys))
    asked = BacktestRequest.model_validate(arguments["config"])
    ids = {"job_id": job_id, "model_id": model_id, "dataset_id": data_id}
    result.publish(forecaster, document, panel, asked, desk.backtests, ids, watch)
    log.info("backtest ended", job_id=job_id)


_DONE_BY = {
    Work.TRAIN: train,
    Work.DERIVE: derive,
    Work.ILLUSTRATE: illustrate,
    Work.COMPRESS: compress,
    Work.BACKTEST: backtest,
}


def _said(error: Exception) -> str:
    """The kind of an error and the first line of what it says."""
    kind = type(error).__name__
    return f"{kind}: {first_line(error)}" if str(error).strip() else f"{kind}."
