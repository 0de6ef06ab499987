"""Views of the root, which is the service's own page or an index, and of the documentation."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, current_app, jsonify
from flask_swagger_ui import get_swaggerui_blueprint

from models.lstm_service import VERSION
from utils.api import openapi
from utils.http.views import ENDPOINTS, page

TITLE = "LSTM Backend Service"


def register(app: Flask) -> None:
    """Have an app serve its documentation."""
    app.add_url_rule("/", view_func=index)
    app.add_url_rule("/api/openapi.json", view_func=document)
    # The page holds nothing of the request, and sends nothing of it elsewhere.
    options = {"oauth2RedirectUrl": "/api/docs/oauth2-redirect.html", "validatorUrl": "none"}
    options["app_name"] = TITLE
    app.register_blueprint(get_swaggerui_blueprint("/api/docs", "/api/openapi.json", options))


def index() -> Response:
    """Return the service's own page to browsers; to others its name and its documents."""
    if page.wants_page():
        return page.page(current_app.extensions["web_files"])
    found = {"service": TITLE, "version": VERSION, "docs": "/api/docs/", "health": "/health"}
    response = jsonify({"success": True} | found)
    response.vary.add("Accept")
    return response


def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return openapi.document(ENDPOINTS, TITLE, VERSION)
