"""The one place that turns errors into replies: a table of statuses, and one JSON body."""

from __future__ import annotations

import contextlib
import socket
from functools import partial
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from utils.api.replies.base import ErrorReply
from utils.errors import (
    BadRequest,
    Conflict,
    DamagedFile,
    Forbidden,
    InternalError,
    InvalidInput,
    NotFound,
    ServiceError,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedMedia,
)
from utils.framing import BROKEN_FRAMING
from utils.http.bodies import MEGABYTE
from utils.http.responses import json_response
from utils.logs import logger
from utils.storage.files import exhausted

STATUS: dict[type[ServiceError], int] = {
    BadRequest: 400,
    Unauthorized: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    TooLarge: 413,
    UnsupportedMedia: 415,
    InvalidInput: 422,
    TooManyRequests: 429,
    DamagedFile: 500,
    InternalError: 500,
    Unavailable: 503,
}
_LONGEST = 200  # characters of a reason, as it may repeat the request
_DRAINED_MB = 100  # of a body that is too large, read so that the client receives the reply
_TABLES = ("/api/data/upload", "/api/data/validate", "/api/data/preview")  # whose body is a table

log = logger("web")


def install(app: Flask) -> None:
    """Have an app reply to every error in the shape of `ErrorReply`."""
    app.register_error_handler(ServiceError, _service_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _defect)
    for kind in BROKEN_FRAMING:
        app.register_error_handler(kind, _broken_framing)


def _service_error(error: ServiceError) -> Response:
    response = _error_response(error, STATUS[error.kind()])
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _http_error(error: HTTPException) -> Response:
    """Return the reply to what Flask refuses: no such route or method, a body that is too large."""
    if isinstance(error, RequestEntityTooLarge):
        _drain()
        limit = (request.max_content_length or 0) // MEGABYTE
        table = request.path in _TABLES
        kind, name = ("An upload", "MAX_UPLOAD_MB") if table else ("A JSON body", "MAX_JSON_MB")
        return _service_error(TooLarge(f"{kind} may have at most {limit} MB ({name})."))
    sentences = {
        404: f"There is nothing at {request.path}.",
        405: f"{request.method} is not allowed at {request.path}.",
    }
    if refused := exhausted(getattr(error, "original_exception", None)):
        return _service_error(refused)  # of what goes on before and after a view
    status = error.code or 500
    sentence = sentences.get(status, error.description or error.name)
    response = _error_response(ServiceError(sentence), status)
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(allowed)
    return response


def _drain() -> None:
    """Read what is left of the body: closed on unread data, the client sees a reset, no reply."""
    if (request.content_length or 0) > _DRAINED_MB * MEGABYTE:
        return
    stream: Any = request.environ["wsgi.input"]
    for _ in range(_DRAINED_MB):  # a body in chunks does not state its length
        if not stream.read(MEGABYTE):
            return


def _broken_framing(error: Exception) -> Response:
    """Return the reply to a body in chunks that are none, after which the connection ends.

    What follows on the connection cannot be told from the body.
    """
    response = _service_error(BadRequest(f"The body cannot be read: {str(error)[:_LONGEST]}."))
    if (connection := request.environ.get("gunicorn.socket")) is not None:
        response.call_on_close(partial(_end, connection))
    return response


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the client has ended it
        connection.shutdown(socket.SHUT_RDWR)


def _defect(error: Exception) -> Response:
    if (refused := exhausted(error)) is not None:
        log.warning("out of resources", error=str(error), path=request.path)
        return _service_error(refused)
    log.exception("defect", path=request.path, request_id=g.get("request_id"))
    return _service_error(
        InternalError("Something went wrong inside the service; its log has the details.")
    )


def _error_response(error: ServiceError, status: int) -> Response:
    reply = ErrorReply.model_validate(
        {
            "error": error.message,
            "details": error.to_document()["details"],
            "request_id": g.get("request_id"),
        }
    )
    return json_response(reply, status)
