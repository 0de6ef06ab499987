"""HTTP manners: bodies in, errors out, one log line a request. What is served is `app.py`'s."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from random import getrandbits
from typing import Any, TypeVar

import orjson
from flask import Flask, Response, g, request
from flask_cors import CORS
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.routing import BaseConverter

from utils.api.openapi import RATE_HEADERS
from utils.api.parsing import Request
from utils.api.replies import ErrorReply, Reply
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
from utils.http import metrics
from utils.logs import logger
from utils.settings import Settings
from utils.storage.files import full_disk

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
_MB = 1_000_000
_DRAINED_MB = 100  # of a body that is too large, read and thrown away so that the client hears why

_LOOK_AFTER = 2  # seconds after which it is worth asking after a job

_TABLES = ("/api/data/upload", "/api/data/validate")  # whose body is a table

# Words that stand where an id could: their paths are not those of things.
_RESERVED = "generate|upload|train|predict|validate"

_WHOLE = re.compile("-?[0-9]{1,18}")

log = logger("web")
R = TypeVar("R", bound=Request)


class IdConverter(BaseConverter):
    """An id in a path: any name but the words that paths of their own begin with."""

    part_isolating = True
    regex = rf"(?!(?:{_RESERVED})\Z)[^/]+"


def install(app: Flask, settings: Settings) -> None:
    """Give an app the manners: request ids, logs, CORS, errors in the contract's shape."""
    CORS(
        app,
        origins=settings.origins,
        methods=["GET", "POST", "DELETE", "OPTIONS"],
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
    app.config["MAX_CONTENT_LENGTH"] = settings.max_json_mb * _MB
    app.url_map.converters["id"] = IdConverter
    app.url_map.merge_slashes = False  # a redirect would answer in HTML, and change what is meant
    app.before_request(_begin)
    app.after_request(_end)
    app.register_error_handler(ServiceError, _service_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _defect)


def body(schema: type[R]) -> R:
    """The request's JSON body, checked. No body at all is an empty object.

    Raises:
        UnsupportedMedia, BadRequest, InvalidInput: it is not JSON, broken, or against a rule.
    """
    raw = request.get_data(cache=False)
    if request.content_length is None and raw:
        request.stream.read(1)  # sent in chunks: it says only now that there is more than may be
    _expect_whole(len(raw), request.content_length)
    if raw and not request.is_json:
        raise UnsupportedMedia(
            "The body must be JSON, sent with Content-Type: application/json. Received: "
            f"{request.mimetype or 'no content type'}"
        )
    return _parsed(schema, raw or b"{}")


def _expect_whole(received: int, stated: int | None) -> None:
    """Refuse a body whose client hung up in the middle: what is cut off may look like a whole."""
    if stated is not None and received < stated:
        raise BadRequest(f"The body ended after {received} of {stated} bytes.")


def _parsed(schema: type[R], raw: bytes) -> R:
    try:
        return schema.parse(orjson.loads(raw))
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error}.") from error


def query(schema: type[R]) -> R:
    """The request's query string, checked like a body; numbers are numbers.

    Raises:
        InvalidInput: a field is unknown or breaks its rule.
    """
    given = request.args.to_dict()
    return schema.parse({k: int(v) if _WHOLE.fullmatch(v) else v for k, v in given.items()})


def choice(name: str, choices: tuple[str, ...]) -> str:
    """What the query string chooses; the first by default.

    Raises:
        InvalidInput: none of them.
    """
    given = request.args.get(name, choices[0])
    if given not in choices:
        rule = f"must be {', '.join(choices[:-1])} or {choices[-1]}"
        raise InvalidInput.of(name, rule, given)
    return given


def idempotency_key() -> str | None:
    """The request's Idempotency-Key, if it has one.

    Raises:
        InvalidInput: it is empty, too long, or not printable.
    """
    key = request.headers.get("Idempotency-Key")
    if key is not None and not re.fullmatch(r"[!-~](?:[ -~]{0,253}[!-~])?", key):
        raise InvalidInput.of("Idempotency-Key", "must be 1 to 255 printable characters", key[:100])
    return key


def prefers_async() -> bool:
    """Whether the client asked not to wait (RFC 7240)."""
    return any(
        part.strip().lower() == "respond-async"
        for value in request.headers.getlist("Prefer")
        for part in value.split(",")
    )


def accepted(reply: Reply, url: str) -> Response:
    """The reply to work that goes on: 202, and where to look after it."""
    response = json(reply, 202)
    response.headers["Location"] = url
    response.headers["Retry-After"] = str(_LOOK_AFTER)
    if prefers_async():
        response.headers["Preference-Applied"] = "respond-async"
    return response


def save_upload(folder: Path, settings: Settings) -> Path:
    """Put an uploaded table, posted as such or as a form's file, into a folder.

    Raises:
        UnsupportedMedia, BadRequest: there is no table in the request.
    """
    request.max_content_length = settings.max_upload_mb * _MB
    target = folder / "upload"
    if request.mimetype == "application/x-www-form-urlencoded":
        raise UnsupportedMedia(
            "The table must be sent as text/csv, application/json, application/vnd.apache.parquet "
            "or as a form's file: curl -F file=@table.csv"
        )
    if request.mimetype == "multipart/form-data":
        file = next(iter(request.files.values()), None)
        if file is None:
            raise BadRequest("The form has no file: curl -F file=@table.csv")
        file.save(target)
    else:
        with target.open("wb") as out:
            shutil.copyfileobj(request.stream, out, 1 << 20)
        _expect_whole(target.stat().st_size, request.content_length)
    if not target.stat().st_size:
        raise BadRequest("The body is empty; it must be a table.")
    return target


def body_or_table(schema: type[R], folder: Path, settings: Settings) -> R | Path:
    """The request's JSON object, checked, or else the table that it uploads, put into a folder.

    Raises:
        UnsupportedMedia, BadRequest, InvalidInput: as `body` and `save_upload`.
    """
    path = save_upload(folder, settings)
    if request.is_json and (content := path.read_bytes()).lstrip()[:1] == b"{":
        return _parsed(schema, content)
    return path


def json(reply: Reply | ErrorReply, status: int = 200) -> Response:
    """A reply as strict JSON: its models refuse numbers that are not finite."""
    return Response(reply.model_dump_json(), status, mimetype="application/json")


def page(content: bytes) -> Response:
    """A page of our own making; `headers` sees to it that it loads and runs nothing."""
    return Response(content, mimetype="text/html")


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    if not re.fullmatch(r"[\w.-]{1,64}", given):
        given = f"{getrandbits(128):032x}"  # nosec B311  # a name, no secret
    g.request_id = given
    g.began = time.perf_counter()


def _end(response: Response) -> Response:
    id = g.request_id
    response.headers["X-Request-ID"] = id
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
        request_id=id,
    )
    return response


def _service_error(error: ServiceError) -> Response:
    response = _refusal(error, STATUS[type(error)])
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _http_error(error: HTTPException) -> Response:
    """What Flask itself refuses: no such route, no such method, a body that is too large."""
    if isinstance(error, RequestEntityTooLarge):
        _drain()
        limit = (request.max_content_length or 0) // _MB
        table = request.path in _TABLES
        kind, name = ("An upload", "MAX_UPLOAD_MB") if table else ("A JSON body", "MAX_JSON_MB")
        return _refusal(TooLarge(f"{kind} may have at most {limit} MB ({name})."), 413)
    sentences = {
        404: f"There is nothing at {request.path}.",
        405: f"{request.method} is not allowed at {request.path}.",
    }
    status = error.code or 500
    response = _refusal(
        ServiceError(sentences.get(status, error.description or error.name)), status
    )
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(allowed)
    return response


def _drain() -> None:
    """Read what is left of the body: closed on unread data, clients see a reset, no reply."""
    if (request.content_length or 0) > _DRAINED_MB * _MB:
        return
    stream: Any = request.environ["wsgi.input"]
    for _ in range(_DRAINED_MB):  # of what comes in chunks nobody knows the end
        if not stream.read(_MB):
            return


def _defect(error: Exception) -> Response:
    if (full := full_disk(error)) is not None:
        return _service_error(full)
    log.exception("defect", path=request.path, request_id=g.get("request_id"))
    return _refusal(
        InternalError("Something went wrong inside the service; its log has the details."), 500
    )


def _refusal(error: ServiceError, status: int) -> Response:
    reply = ErrorReply.model_validate(
        {
            "error": error.message,
            "details": error.to_document()["details"],
            "request_id": g.get("request_id"),
        }
    )
    return json(reply, status)
