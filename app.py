"""The HTTP surface: one thin view per endpoint, in the README's order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask, Response, request, send_file
from flask_swagger_ui import get_swaggerui_blueprint

from models.lstm_service import VERSION, LSTMService
from models.services import enhanced_config as enhanced_defaults
from utils import logs
from utils.api import openapi, urls
from utils.api import replies as r
from utils.api import schemas as s
from utils.api.endpoints import ENDPOINTS
from utils.api.events import LAST
from utils.http import audit, event_streams, headers, proxies, web
from utils.http import metrics as service_metrics
from utils.http.access import Access
from utils.http.rate_limits import RateLimits
from utils.settings import Settings, read

TITLE = "LSTM Backend Service"


class _App(Flask):
    """A Flask that does not ask of each view and each hook, at each request, if it is async."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function as it is: none here is a coroutine."""
        return func


def create_app(settings: Settings) -> Flask:
    """The web application. It writes nothing and connects to nothing until it is asked to."""
    app = _App(__name__, static_folder=None)
    service = LSTMService(settings, audit.accepted, service_metrics.cache_holds)
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
    RateLimits(settings).install(app, ENDPOINTS)
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
        text, kind = service_metrics.render(asdict(service.metrics_facts()))
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
        return web.json(enhanced_defaults.config())

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
        return event_streams.reply(messages, request.environ)

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
    url = urls.job(job_id)
    reply = r.JobAccepted(job_id=job_id, status_url=url, events_url=urls.job_events(job_id))
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
