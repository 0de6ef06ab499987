"""The web application: a factory that puts the service, its views and its guards together."""

from __future__ import annotations

from flask import Flask

from models.lstm_service import LSTMService
from utils import logs
from utils.http import (
    audit,
    bodies,
    cors,
    error_handler,
    headers,
    metrics,
    parameters,
    proxies,
    request_log,
)
from utils.http.access import Access
from utils.http.rate_limits import RateLimits
from utils.http.views import ENDPOINTS, VIEWS, documentation, page
from utils.settings import Settings, read


def create_app(settings: Settings) -> Flask:
    """Return the web application. It writes and connects to nothing before its first request."""
    app = Flask(__name__, static_folder=None)
    service = LSTMService(settings, audit.accepted, metrics.cache_holds)
    app.extensions["service"] = service
    cors.install(app, settings)
    bodies.install(app, settings)
    parameters.install(app)
    request_log.install(app)
    error_handler.install(app)
    headers.install(app, settings)
    proxies.install(app, settings)
    documentation.register(app)
    page.register(app)
    for views in VIEWS:
        views.register(app, service)
    Access(settings).install(app, ENDPOINTS)
    audit.install(app, settings, ENDPOINTS)
    RateLimits(settings).install(app, ENDPOINTS)
    return app


def __getattr__(name: str) -> Flask:
    """Return `app`, for `gunicorn app:app`: made when it is first used, not at import."""
    if name != "app":
        raise AttributeError(f"module 'app' has no attribute {name!r}")
    settings = read()
    logs.configure(settings.log_format, settings.log_level)
    return create_app(settings)
