"""A line in the log, a count in the metrics and an id for each request."""

from __future__ import annotations

import re
import time
from uuid import uuid4

from flask import Flask, Response, g, request

from utils.http import metrics
from utils.logs import logger

log = logger("web")


def install(app: Flask) -> None:
    """Log and count every request of an app; to be called before what may refuse requests."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if re.fullmatch(r"[\w.-]{1,64}", given) else uuid4().hex
    g.began = time.perf_counter()


def _end(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    seconds = time.perf_counter() - g.began
    rule = request.url_rule.rule if request.url_rule else None
    metrics.observe(request.method, rule, response.status_code, seconds)
    log.info(
        "request",
        method=request.method,
        path=request.path,
        status=response.status_code,
        milliseconds=round(1000 * seconds, 2),
        address=request.remote_addr,
        request_id=g.request_id,
    )
    return response
