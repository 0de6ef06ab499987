"""The work of each kind of job, as workflows of the job engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from dbos import DBOS
from dbos import error as engine

from models.data.dataset_calendars import load_with
from models.jobs.arguments import (
    BacktestArguments,
    CompressArguments,
    JobArguments,
    ModelArguments,
    TrainArguments,
    parse,
)
from models.jobs.job_control import JobControl
from models.jobs.states import JOBS, Work, packed_error
from models.jobs.worker_context import WorkerContext
from models.registry.continuable import expect_continuable
from models.registry.hyperparameters import Hyperparameters
from models.registry.model_document import ModelDocument
from models.registry.model_store import CHECKPOINT, served_suffix
from models.registry.opening import open_forecaster
from models.training import presets
from utils.api.architectures import DESIGNS, PLAIN, Architecture
from utils.api.schemas.calendar import calendars_of
from utils.api.schemas.models import BacktestRequest
from utils.errors import Conflict, InternalError, NotFound, ServiceError, Unavailable, first_line
from utils.logs import logger
from utils.storage.artifact_reader import DOCUMENT
from utils.storage.artifact_store import ArtifactStore

if TYPE_CHECKING:
    from models.series.panel import Panel
    from models.training.continuation import Continuation

log = logger("worker")


def register(context: WorkerContext) -> None:
    """Register the functions below as the engine's workflows of their kinds of work."""
    for work, function in _FUNCTIONS.items():
        workflow = _workflow(context, work, function)
        # Tries are counted by `WorkerJobs.recover`: the engine counts those of one recovery.
        DBOS.workflow(name=work.value, max_recovery_attempts=None)(workflow)


def _workflow(
    context: WorkerContext, work: Work, function: Callable[..., Any]
) -> Callable[..., Any]:
    """Return `function` as a workflow: typed arguments in, errors packed as JSON out."""

    def workflow(fields: dict[str, Any]) -> dict[str, Any]:
        job_id = str(DBOS.workflow_id)
        context.active.add(job_id)
        try:
            if work is not Work.BACKTEST:
                context.loaded.wait()
            if work not in JOBS:  # of those, `JobControl.on_start` counts the tries
                context.jobs.check_tries(job_id, work)
            return function(context, job_id, parse(work, fields))
        except ServiceError as error:
            log.warning("job failed", job_id=job_id, work=work, error=error.message)
            raise packed_error(error) from error
        except Exception as error:
            log.exception("job failed", job_id=job_id, work=work)
            reason = f"The work failed because of a defect of the service: {_summary(error)}"
            raise packed_error(InternalError(reason)) from error
        finally:
            context.active.discard(job_id)

    return workflow


def train(context: WorkerContext, job_id: str, arguments: TrainArguments) -> dict[str, Any]:
    """Train on a stored data set; the model takes the job's id, so none is published twice."""
    with (
        JobControl(context, job_id) as control,
        _cleaned_up(context, control, job_id, arguments),
    ):
        control.check()
        if job_id not in control.with_retries(context.models.ids):
            with _published_once(context.models, job_id):
                _train(context, control, job_id, arguments)
    try:
        context.models.drop(job_id, CHECKPOINT)
    except Unavailable as error:
        log.warning("a checkpoint is left behind", job_id=job_id, error=error.message)
    return {"model_id": job_id}


@contextmanager
def _cleaned_up(
    context: WorkerContext, control: JobControl, job_id: str, arguments: JobArguments
) -> Iterator[None]:
    """Remove what a job leaves behind if it ends without a result.

    Nothing is removed before the end is decided: until then a later attempt may need it.
    """
    try:
        try:
            yield
        except (engine.DBOSWorkflowConflictIDError, engine.DBOSWorkflowCancelledError):
            raise
        except Exception as error:
            try:
                control.fail()
            except Unavailable:  # whoever takes the job over cleans up, or the sweep of the store
                log.warning("cannot record that a job failed", job_id=job_id)
                raise error from None
            _remove_leftovers(context, job_id, arguments)
            raise
    except engine.DBOSWorkflowConflictIDError:
        log.warning("another attempt has taken the job over", job_id=job_id)
        raise
    except engine.DBOSWorkflowCancelledError:
        log.info("job cancelled", job_id=job_id)
        context.jobs.settle_cancelled(job_id)
        _remove_leftovers(context, job_id, arguments)
        raise


def _remove_leftovers(context: WorkerContext, job_id: str, arguments: JobArguments) -> None:
    """Remove what an ended job leaves behind; the sweep of the store does it if this cannot."""
    try:
        context.remove_leftovers(job_id, arguments)
    except Unavailable as error:
        log.warning("files of a job are left behind", job_id=job_id, error=error.message)


@contextmanager
def _published_once(store: ArtifactStore, job_id: str) -> Iterator[None]:
    """Accept that an earlier attempt of the job has published its result meanwhile."""
    try:
        yield
    except Conflict:
        if not store.has(job_id, DOCUMENT):
            raise
        log.warning("an earlier attempt has published the result", job_id=job_id)


def _train(
    context: WorkerContext, control: JobControl, job_id: str, arguments: TrainArguments
) -> None:
    control.on_start()
    from models.training import train

    control.check()
    # Before the rows are read, so never newer.
    data = context.datasets.store.document(arguments.dataset_id)
    digest = control.with_retries(lambda: _rows_digest(context, arguments))
    panel = control.with_retries(lambda: _panel(context, arguments))
    design = DESIGNS[Architecture(arguments.architecture)]
    kind = "training" if design == PLAIN else f"{design.architecture} training"
    log.info(
        f"starting {kind}", job_id=job_id, series=len(panel.series_keys), rows=len(panel.values)
    )
    about: dict[str, Any] = {
        "dataset_id": arguments.dataset_id,
        "data_points": len(panel.values),
        "dataset_version": data.get("version", 1),
        "dataset_as_of": data["summary"]["date_range"]["end"],
        "source": "trained",
    }
    if arguments.fingerprint is not None:
        about["fingerprint"] = arguments.fingerprint
    if arguments.left_open:
        about["chosen_by_preset"] = arguments.left_open
    if arguments.plant is not None:
        about |= {"plant": arguments.plant, "dataset_rows": digest}
    if arguments.calendar is not None:
        about["calendar"] = arguments.calendar
    continuation = None
    if arguments.continues is not None:
        continuation, more = _continuation(context, control, arguments.continues)
        about |= more | {"dataset_versions": [*more["dataset_versions"], about["dataset_version"]]}
        design = continuation.design
    hyper = Hyperparameters.from_config(arguments.config)
    hyper, design = presets.choose(panel, hyper, design, arguments.left_open, context.max_epochs)
    document = train.train(
        panel,
        hyper,
        arguments.seed,
        context.models,
        job_id,
        about,
        control,
        keep_optimizer=arguments.keep_optimizer,
        design=design,
        continuation=continuation,
    )
    log.info("training ended", job_id=job_id, seconds=round(document.training_time or 0.0, 2))


def _continuation(
    context: WorkerContext, control: JobControl, model_id: str
) -> tuple[Continuation, dict[str, Any]]:
    """The model that a training goes on from, and the fields of the document that tell of it."""
    from models.conversion import legacy_network
    from models.training.continuation import Continuation

    document = control.with_retries(lambda: ModelDocument.read(context.models, model_id))
    expect_continuable(model_id, document)
    network = control.with_retries(lambda: legacy_network.open_keras(context.models, model_id))
    versions = document.dataset_versions or [document.dataset_version]
    fields = {"continued_from": model_id, "dataset_versions": versions}
    return Continuation.of(document, network), fields


def _rows_digest(context: WorkerContext, arguments: TrainArguments) -> str | None:
    """The digest of the rows of the plant that is trained on; None for all plants."""
    if arguments.plant is None:
        return None
    return context.datasets.rows_digest(arguments.dataset_id, arguments.plant)


def _panel(context: WorkerContext, arguments: TrainArguments) -> Panel:
    calendar = None if arguments.calendar is None else calendars_of(arguments.calendar)
    panel = load_with(context.datasets, arguments.dataset_id, calendar)
    if arguments.plant is None:
        return panel
    return panel.select([s for s, key in enumerate(panel.series_keys) if key[0] == arguments.plant])


def derive(context: WorkerContext, job_id: str, arguments: ModelArguments) -> dict[str, Any]:
    """Make the ONNX file of a model that has none."""
    _make_onnx(context, arguments.model_id)
    return {"model_id": arguments.model_id}


def _make_onnx(context: WorkerContext, model_id: str) -> None:
    from models.conversion import legacy_network
    from models.training import network

    keras_model = legacy_network.open_keras(context.models, model_id)
    context.models.attach(model_id, ".onnx", lambda path: network.export_onnx(keras_model, path))


def make_report(context: WorkerContext, job_id: str, arguments: ModelArguments) -> dict[str, Any]:
    """Draw the picture of a model and write its report."""
    from models.conversion import legacy_network
    from models.reports import html_report, pictures

    model_id = arguments.model_id
    document = ModelDocument.read(context.models, model_id)
    layers = pictures.layers_of(legacy_network.open_keras(context.models, model_id))
    if not context.models.has(model_id, ".onnx"):
        _make_onnx(context, model_id)
    network = context.models.read(model_id, ".onnx")
    held_back = html_report.held_back(document, network, context.datasets)
    title, history = html_report.title_of(document), document.training_history or {}
    context.models.attach(
        model_id, ".html", lambda path: html_report.write(document, layers, held_back, path)
    )
    # Last: where the picture is, the report is.
    context.models.attach(
        model_id, ".png", lambda path: pictures.draw_model(title, layers, history, path)
    )
    return {"model_id": model_id}


def compress(context: WorkerContext, job_id: str, arguments: CompressArguments) -> dict[str, Any]:
    """Make the smaller files of a model, and serve the type of weights that is wanted."""
    from models.conversion import compression, legacy_network

    keras_model = legacy_network.open_keras(context.models, arguments.model_id)
    panel = context.datasets.load(arguments.dataset_id)
    compression.compress(context.models, arguments.model_id, keras_model, panel, arguments.serves)
    return {"model_id": arguments.model_id}


def backtest(context: WorkerContext, job_id: str, arguments: BacktestArguments) -> dict[str, Any]:
    """Judge a model from past origins; the result takes the job's id, as a model does."""
    with (
        JobControl(context, job_id) as control,
        _cleaned_up(context, control, job_id, arguments),
    ):
        control.check()
        if job_id not in control.with_retries(context.backtests.ids):
            with _published_once(context.backtests, job_id):
                _backtest(context, control, job_id, arguments)
        if not context.models.has(arguments.model_id, ".json"):  # deleted with its backtests
            with suppress(NotFound):
                context.backtests.delete(job_id)
            raise NotFound(f"Model {arguments.model_id} was deleted during its backtest.")
    return {"model_id": arguments.model_id}


def _backtest(
    context: WorkerContext, control: JobControl, job_id: str, arguments: BacktestArguments
) -> None:
    control.on_start()
    from models.backtest import result

    models, model_id, data_id = context.models, arguments.model_id, arguments.dataset_id
    document = control.with_retries(lambda: ModelDocument.read(models, model_id))
    if not models.has(model_id, ".onnx"):
        _make_onnx(context, model_id)
    forecaster = open_forecaster(document, models.read(model_id, served_suffix(document)))
    panel = control.with_retries(lambda: context.datasets.load(data_id))
    log.info("starting backtest", job_id=job_id, model_id=model_id, series=len(panel.series_keys))
    request = BacktestRequest.model_validate(arguments.config)
    ids = {"job_id": job_id, "model_id": model_id, "dataset_id": data_id}
    result.publish(forecaster, document, panel, request, context.backtests, ids, control)
    log.info("backtest ended", job_id=job_id)


_FUNCTIONS: dict[Work, Callable[..., dict[str, Any]]] = {
    Work.TRAIN: train,
    Work.DERIVE: derive,
    Work.REPORT: make_report,
    Work.COMPRESS: compress,
    Work.BACKTEST: backtest,
}


def _summary(error: Exception) -> str:
    """Return the class of an error and the first line of its message."""
    kind = type(error).__name__
    return f"{kind}: {first_line(error)}" if str(error).strip() else f"{kind}."
