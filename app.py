"""The HTTP surface: one thin view per endpoint, in the README's order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask, Response, request, send_file
from flask_swagger_ui import get_swaggerui_blueprint

from models import enhanced
from models.lstm_service import VERSION, LSTMService
from utils import audit, headers, logs, openapi, proxies, sse, telemetry, web
from utils import backtest_replies as b
from utils import page_replies as p
from utils import replies as r
from utils import schemas as s
from utils.access import Access
from utils.openapi import Endpoint
from utils.rates import Rates
from utils.settings import Settings, read
from utils.sse import LAST

TITLE = "LSTM Backend Service"
ENDPOINTS = [
    Endpoint("GET", "/health", "Whether the service is up", r.HealthReply),
    Endpoint("GET", "/health/live", "Whether the process answers", r.LiveReply, role="anybody"),
    Endpoint("GET", "/health/ready", "Whether it can do its work", r.ReadyReply, role="anybody"),
    Endpoint("GET", "/metrics", "Metrics in Prometheus' text format", None),
    Endpoint(
        "POST",
        "/api/data/generate",
        "Make synthetic data",
        r.GenerateReply,
        s.GenerateRequest,
        headers=("Idempotency-Key",),
        action="data.generate",
        expensive=True,
    ),
    Endpoint(
        "POST",
        "/api/data/upload",
        "Store a table",
        r.UploadReply,
        table=True,
        action="data.upload",
        expensive=True,
    ),
    Endpoint(
        "POST",
        "/api/data/validate",
        "Judge the quality of data: Little's Law, stability, outliers",
        r.DataQualityReply,
        s.DataRequest,
        table=True,
        role="read",
        expensive=True,
    ),
    Endpoint("GET", "/api/data", "List the data sets", r.DatasetsReply),
    Endpoint(
        "GET",
        "/api/data/<dataset_id>",
        "The rows of a data set, streamed",
        r.DatasetReply,
        formats=("json", "csv", "parquet"),
        action="data.download",
        expensive=True,
    ),
    Endpoint(
        "DELETE",
        "/api/data/<dataset_id>",
        "Delete a data set",
        r.MessageReply,
        action="data.delete",
    ),
    Endpoint(
        "POST",
        "/api/model/train",
        "Train a model",
        r.TrainReply,
        s.TrainRequest,
        accepted=r.JobAccepted,
        headers=("Idempotency-Key", "Prefer"),
        action="model.train",
        expensive=True,
    ),
    Endpoint(
        "POST",
        "/api/model/train/enhanced",
        "Train a model of the enhanced network",
        r.TrainReply,
        s.EnhancedRequest,
        accepted=r.JobAccepted,
        headers=("Idempotency-Key", "Prefer"),
        action="model.train",
        expensive=True,
    ),
    Endpoint(
        "GET",
        "/api/model/train/enhanced/config",
        "What the enhanced network is trained with by default",
        p.EnhancedConfigReply,
    ),
    Endpoint(
        "POST",
        "/api/model/train/parallel/plants",
        "Train a model per plant",
        r.ParallelReply,
        s.ParallelRequest,
        accepted=r.JobsAccepted,
        headers=("Prefer",),
        action="model.train",
        expensive=True,
    ),
    Endpoint(
        "POST",
        "/api/model/train/parallel/enhanced",
        "Train a model of the enhanced network per plant",
        r.ParallelReply,
        s.EnhancedParallelRequest,
        accepted=r.JobsAccepted,
        headers=("Prefer",),
        action="model.train",
        expensive=True,
    ),
    Endpoint("GET", "/api/jobs", "List the jobs", r.JobsReply, query=s.JobsQuery),
    Endpoint("GET", "/api/jobs/<job_id>", "A job", r.JobReply),
    Endpoint(
        "GET",
        "/api/jobs/<job_id>/events",
        "What happens to a job, as it happens",
        headers=("Last-Event-ID",),
        events=True,
    ),
    Endpoint(
        "POST",
        "/api/jobs/<job_id>/events/ticket",
        "What opens a job's events in a browser, which sends no headers there",
        r.TicketReply,
        role="read",
    ),
    Endpoint("DELETE", "/api/jobs/<job_id>", "Cancel a job", r.MessageReply, action="job.cancel"),
    Endpoint("GET", "/api/models", "List the models", r.ModelsReply),
    Endpoint("GET", "/api/model/<model_id>", "A model in full", r.ModelReply),
    Endpoint(
        "DELETE", "/api/model/<model_id>", "Delete a model", r.MessageReply, action="model.delete"
    ),
    Endpoint(
        "POST",
        "/api/model/<model_id>/backtest",
        "Try a model out from past origins",
        b.BacktestReply,
        s.BacktestRequest,
        accepted=r.JobAccepted,
        headers=("Idempotency-Key", "Prefer"),
        action="model.backtest",
        expensive=True,
    ),
    Endpoint(
        "GET",
        "/api/model/<model_id>/backtest/<job_id>",
        "What a backtest gave: figures, or a picture",
        b.BacktestReply,
        formats=("json", "png"),
    ),
    Endpoint(
        "GET",
        "/api/model/<model_id>/download",
        "A file of a model",
        media="application/octet-stream",
        formats=("keras", "onnx", "litert"),
        action="model.download",
        expensive=True,
    ),
    Endpoint(
        "POST",
        "/api/model/<model_id>/compress",
        "Serve a model with smaller weights",
        r.CompressReply,
        s.CompressRequest,
        action="model.compress",
        expensive=True,
    ),
    Endpoint(
        "POST",
        "/api/model/predict",
        "Forecast a series",
        r.PredictReply,
        s.PredictRequest,
        role="read",
    ),
    Endpoint(
        "POST",
        "/api/model/predict/batch",
        "Forecast up to 10,000 series",
        r.BatchReply,
        s.BatchRequest,
        role="read",
        expensive=True,
    ),
    Endpoint(
        "POST",
        "/api/model/validate",
        "Judge a state by Little's Law",
        r.ValidateReply,
        s.ValidateRequest,
        role="read",
    ),
    Endpoint("GET", "/api/model/plants/status", "Trainings by plant", p.PlantsStatusReply),
    Endpoint("GET", "/api/model/plants/summary", "Models by plant", p.PlantsSummaryReply),
    Endpoint("GET", "/api/model/plant/<plant>/best", "A plant's best model", p.BestModelReply),
    Endpoint(
        "POST",
        "/api/model/plant/<plant>/predict",
        "Forecast a series with its plant's best model",
        r.PredictReply,
        s.PlantPredictRequest,
        role="read",
    ),
    Endpoint(
        "GET", "/api/model/<model_id>/visualize", "Draw a model", p.VisualizeReply, expensive=True
    ),
    Endpoint("GET", "/visualizations/<name>", "A picture of a model", media="image/png"),
    Endpoint(
        "GET", "/api/model/<model_id>/report", "A model's report", media="text/html", expensive=True
    ),
    Endpoint("GET", "/api/training/logs", "The training log", p.LogsReply),
    Endpoint(
        "POST",
        "/api/training/logs",
        "Note in the log",
        p.NotedReply,
        s.NoteRequest,
        action="log.note",
    ),
    Endpoint("GET", "/api/training/status/dashboard", "State of training", p.DashboardReply),
    Endpoint("GET", "/api/training/metrics/realtime", "Running jobs", p.RealtimeReply),
    Endpoint("GET", "/api/training/jobs/parallel", "Jobs by group", p.JobGroupsReply),
    Endpoint("GET", "/api/training/job/<job_id>/metrics/epochs", "A job's epochs", p.EpochsReply),
    Endpoint("GET", "/api/masterdata/config", "Names of master data", p.MasterConfigReply),
    Endpoint("GET", "/api/masterdata/summary", "Master data", p.MasterSummaryReply),
    Endpoint(
        "POST",
        "/api/masterdata/validate",
        "Compare with data",
        p.MasterReportReply,
        role="read",
        expensive=True,
    ),
    Endpoint(
        "GET",
        "/api/masterdata/export",
        "Master data as a file",
        p.MasterExportReply,
        action="master_data.download",
    ),
    Endpoint(
        "POST",
        "/api/masterdata/reload",
        "Read the file again",
        p.MasterReloadReply,
        role="admin",
        action="master_data.reload",
    ),
]


class _App(Flask):
    """A Flask that does not ask of each view and each hook, at each request, if it is async."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function as it is: none here is a coroutine."""
        return func


def create_app(settings: Settings) -> Flask:
    """The web application. It writes nothing and connects to nothing until it is asked to."""
    app = _App(__name__, static_folder=None)
    service = LSTMService(settings)
    app.extensions["service"] = service
    web.install(app, settings)
    headers.install(app, settings)
    proxies.install(app, settings)
    _add_documentation(app)
    control = Access(settings)
    _add_operation_views(app, service)
    _add_data_views(app, service)
    _add_training_views(app, service)
    _add_job_views(app, service, control)
    _add_model_views(app, service)
    _add_page_views(app, service)
    _add_master_data_views(app, service)
    control.install(app, ENDPOINTS)
    audit.install(app, settings, ENDPOINTS)
    Rates(settings).install(app, ENDPOINTS)
    return app


def _add_operation_views(app: Flask, service: LSTMService) -> None:
    @app.get("/health")
    def health() -> Response:
        return web.json(service.health())

    @app.get("/health/live")
    def live() -> Response:
        return web.json(r.LiveReply())

    @app.get("/health/ready")
    def ready() -> Response:
        return web.json(service.ready())

    @app.get("/metrics")
    def metrics() -> Response:
        text, kind = telemetry.render(service.metrics_facts())
        return Response(text, content_type=kind)


def _add_data_views(app: Flask, service: LSTMService) -> None:
    @app.post("/api/data/generate")
    def generate() -> Response:
        key = web.idempotency_key()
        made = service.generate(web.body(s.GenerateRequest), key)
        audit.about(made.dataset_id)
        return web.json(made)

    @app.post("/api/data/upload")
    def upload() -> Response:
        with TemporaryDirectory() as folder:
            stored = service.upload(web.save_upload(Path(folder), service.settings))
        audit.about(stored.dataset_id)
        return web.json(stored)

    @app.post("/api/data/validate")
    def validate_data() -> Response:
        with TemporaryDirectory() as folder:
            asked = web.body_or_table(s.DataRequest, Path(folder), service.settings)
            return web.json(service.examine(asked))

    @app.get("/api/data")
    def list_datasets() -> Response:
        return web.json(service.list_datasets())

    @app.get("/api/data/<id:dataset_id>")
    def read_dataset(dataset_id: str) -> Response:
        form = web.choice("format", ("json", "csv", "parquet"))
        name = f"{dataset_id}.{form}"
        if form == "parquet":
            # Opened here: a copy that is removed at the end of the context is sent all the same.
            with service.dataset_file(dataset_id) as path:
                return send_file(path, "application/vnd.apache.parquet", True, name)
        kind = "text/csv" if form == "csv" else "application/json"
        return Response(service.dataset_rows(dataset_id, form), mimetype=kind)

    @app.delete("/api/data/<id:dataset_id>")
    def delete_dataset(dataset_id: str) -> Response:
        return web.json(service.delete_dataset(dataset_id))


def _add_training_views(app: Flask, service: LSTMService) -> None:
    def trained(asked: s.TrainRequest) -> Response:
        key = web.idempotency_key()
        if not (asked.background or web.prefers_async()):
            return web.json(service.trainings.train(asked, key))
        return _accepted(service.trainings.start(asked, key))

    def trained_by_plant(asked: s.ParallelRequest) -> Response:
        if not (asked.background or web.prefers_async()):
            return web.json(service.trainings.train_plants(asked))
        jobs = service.trainings.start_plants(asked)
        reply = r.JobsAccepted(total_plants=len(jobs), jobs=jobs, status_url="/api/jobs")
        return web.accepted(reply, "/api/jobs")

    @app.post("/api/model/train")
    def train() -> Response:
        return trained(web.body(s.TrainRequest))

    @app.post("/api/model/train/enhanced")
    def train_enhanced() -> Response:
        return trained(web.body(s.EnhancedRequest))

    @app.get("/api/model/train/enhanced/config")
    def enhanced_config() -> Response:
        return web.json(enhanced.config())

    @app.post("/api/model/train/parallel/plants")
    def train_plants() -> Response:
        return trained_by_plant(web.body(s.ParallelRequest))

    @app.post("/api/model/train/parallel/enhanced")
    def train_plants_enhanced() -> Response:
        return trained_by_plant(web.body(s.EnhancedParallelRequest))


def _add_job_views(app: Flask, service: LSTMService, control: Access) -> None:
    @app.get("/api/jobs")
    def list_jobs() -> Response:
        return web.json(service.trainings.jobs(web.query(s.JobsQuery)))

    @app.get("/api/jobs/<id:job_id>")
    def read_job(job_id: str) -> Response:
        return web.json(service.trainings.job(job_id))

    @app.get("/api/jobs/<id:job_id>/events")
    def follow_job(job_id: str) -> Response:
        last_id = request.headers.get("Last-Event-ID")
        if last_id == LAST:
            return Response(status=204)  # browsers stop connecting again
        messages = control.as_long_as_allowed(service.trainings.follow(job_id, last_id))
        return sse.reply(messages, request.environ)

    @app.post("/api/jobs/<id:job_id>/events/ticket")
    def make_ticket(job_id: str) -> Response:
        service.trainings.job(job_id)
        return web.json(control.ticket(job_id))

    @app.delete("/api/jobs/<id:job_id>")
    def cancel_job(job_id: str) -> Response:
        return web.json(service.trainings.cancel(job_id))


def _add_model_views(app: Flask, service: LSTMService) -> None:
    @app.get("/api/models")
    def list_models() -> Response:
        return web.json(service.list_models())

    @app.get("/api/model/<id:model_id>")
    def read_model(model_id: str) -> Response:
        return web.json(service.model(model_id))

    @app.delete("/api/model/<id:model_id>")
    def delete_model(model_id: str) -> Response:
        return web.json(service.delete_model(model_id))

    @app.post("/api/model/<id:model_id>/backtest")
    def backtest(model_id: str) -> Response:
        asked, key = web.body(s.BacktestRequest), web.idempotency_key()
        if asked.background or web.prefers_async():
            return _accepted(service.backtests.start(model_id, asked, key))
        return Response(service.backtests.run(model_id, asked, key), mimetype="application/json")

    @app.get("/api/model/<id:model_id>/backtest/<id:job_id>")
    def read_backtest(model_id: str, job_id: str) -> Response:
        form = web.choice("format", ("json", "png"))
        kind = "image/png" if form == "png" else "application/json"
        return Response(service.backtests.read(model_id, job_id, form), mimetype=kind)

    @app.get("/api/model/<id:model_id>/download")
    def download(model_id: str) -> Response:
        file, name = service.files.download(
            model_id, web.choice("format", ("keras", "onnx", "litert"))
        )
        with file as path:  # opened here: it is sent whole, even if removed meanwhile
            return send_file(path, "application/octet-stream", True, name)

    @app.post("/api/model/<id:model_id>/compress")
    def compress(model_id: str) -> Response:
        return web.json(service.files.compress(model_id, web.body(s.CompressRequest)))

    @app.post("/api/model/predict")
    def predict() -> Response:
        said = service.predict_json(web.body(s.PredictRequest))
        return Response(said, mimetype="application/json")

    @app.post("/api/model/predict/batch")
    def predict_batch() -> Response:
        parts = service.predict_batch(web.body(s.BatchRequest))
        return Response(parts, mimetype="application/json")

    @app.post("/api/model/validate")
    def validate() -> Response:
        return web.json(service.validate(web.body(s.ValidateRequest)))


def _accepted(job_id: str) -> Response:
    url = f"/api/jobs/{job_id}"
    reply = r.JobAccepted(job_id=job_id, status_url=url, events_url=f"{url}/events")
    return web.accepted(reply, url)


def _add_page_views(app: Flask, service: LSTMService) -> None:
    """What the operation page calls besides."""

    @app.get("/api/model/plants/status")
    def plants_status() -> Response:
        return web.json(service.page.plants_status())

    @app.get("/api/model/plants/summary")
    def plants_summary() -> Response:
        return web.json(service.page.plants_summary())

    @app.get("/api/model/plant/<path:plant>/best")
    def best_of_plant(plant: str) -> Response:
        return web.json(service.page.best(plant))

    @app.post("/api/model/plant/<path:plant>/predict")
    def predict_plant(plant: str) -> Response:
        return web.json(service.predict_plant(plant, web.body(s.PlantPredictRequest)))

    @app.get("/api/model/<id:model_id>/visualize")
    def visualize(model_id: str) -> Response:
        return web.json(service.page.visualize(model_id))

    @app.get("/visualizations/<name>")
    def picture(name: str) -> Response:
        return Response(service.page.picture(name), mimetype="image/png")

    @app.get("/api/model/<id:model_id>/report")
    def report(model_id: str) -> Response:
        return web.page(service.page.report(model_id))

    @app.get("/api/training/logs")
    def training_logs() -> Response:
        return web.json(service.page.logs())

    @app.post("/api/training/logs")
    def note() -> Response:
        return web.json(service.page.note(web.body(s.NoteRequest)))

    @app.get("/api/training/status/dashboard")
    def dashboard() -> Response:
        return web.json(service.page.dashboard())

    @app.get("/api/training/metrics/realtime")
    def realtime() -> Response:
        return web.json(service.page.realtime())

    @app.get("/api/training/jobs/parallel")
    def job_groups() -> Response:
        return web.json(service.page.groups())

    @app.get("/api/training/job/<id:job_id>/metrics/epochs")
    def job_epochs(job_id: str) -> Response:
        return web.json(service.page.epochs(job_id))


def _add_master_data_views(app: Flask, service: LSTMService) -> None:
    @app.get("/api/masterdata/config")
    def master_config() -> Response:
        return web.json(service.master_data.config())

    @app.get("/api/masterdata/summary")
    def master_summary() -> Response:
        return web.json(service.master_data.summary())

    @app.post("/api/masterdata/validate")
    def validate_master_data() -> Response:
        return web.json(service.master_data.validate())

    @app.get("/api/masterdata/export")
    def export_master_data() -> Response:
        return web.json(service.master_data.export())

    @app.post("/api/masterdata/reload")
    def reload_master_data() -> Response:
        return web.json(service.master_data.reload())


def _add_documentation(app: Flask) -> None:
    @app.get("/")
    def index() -> dict[str, Any]:
        return {
            "success": True,
            "service": TITLE,
            "version": VERSION,
            "docs": "/api/docs/",
            "health": "/health",
        }

    @app.get("/api/openapi.json")
    def document() -> dict[str, Any]:
        return openapi.document(ENDPOINTS, TITLE, VERSION)

    # Nothing of the request stands in the page, and nothing of it is sent elsewhere.
    options = {"oauth2RedirectUrl": "/api/docs/oauth2-redirect.html", "validatorUrl": "none"}
    page = get_swaggerui_blueprint("/api/docs", "/api/openapi.json", {"app_name": TITLE, **options})
    app.register_blueprint(page)


def __getattr__(name: str) -> Flask:
    """`app`, for `gunicorn app:app`: made when it is asked for, not at import."""
    if name != "app":
        raise AttributeError(f"module 'app' has no attribute {name!r}")
    settings = read()
    logs.configure(settings.log_format, settings.log_level)
    return create_app(settings)
