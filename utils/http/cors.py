"""CORS: the pages that may call the service, and the headers that they may send and read."""

from __future__ import annotations

from flask import Flask
from flask_cors import CORS

from utils.api.openapi import RATE_HEADERS
from utils.settings import Settings


def install(app: Flask, settings: Settings) -> None:
    """Let pages of the origins in `CORS_ORIGINS` call an app."""
    CORS(
        app,
        origins=settings.origins,
        methods=["GET", "POST", "PUT", "DELETE", "OPTIONS"],
        allow_headers=[
            "Content-Type",
            "Authorization",
            "X-API-Key",
            "Idempotency-Key",
            "Prefer",
            "Last-Event-ID",
        ],
        expose_headers=[
            "Location",
            "Retry-After",
            "WWW-Authenticate",
            "X-Request-ID",
            *RATE_HEADERS,
        ],
        max_age=600,
    )
