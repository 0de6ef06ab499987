"""Views of the API's own documentation: the index, the OpenAPI document, the page that shows it."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_swagger_ui import get_swaggerui_blueprint

from models.lstm_service import VERSION
from utils.api import openapi
from utils.http.views import ENDPOINTS

TITLE = "LSTM Backend Service"


def register(app: Flask) -> None:
    """Have an app serve its documentation."""
    app.add_url_rule("/", view_func=index)
    app.add_url_rule("/api/openapi.json", view_func=document)
    # The page holds nothing of the request, and sends nothing of it elsewhere.
    options = {"oauth2RedirectUrl": "/api/docs/oauth2-redirect.html", "validatorUrl": "none"}
    page = get_swaggerui_blueprint("/api/docs", "/api/openapi.json", {"app_name": TITLE, **options})
    app.register_blueprint(page)


def index() -> dict[str, Any]:
    """Return the name of the service and where its documentation is."""
    return {
        "success": True,
        "service": TITLE,
        "version": VERSION,
        "docs": "/api/docs/",
        "health": "/health",
    }


def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return openapi.document(ENDPOINTS, TITLE, VERSION)
