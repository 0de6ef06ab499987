"""The parts of the OpenAPI document that are the same whatever the endpoints are."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from utils.api.parsing import Request
from utils.api.schemas.base import Rows

INFO = {
    "description": "Forecasts of work in process, throughput and cycle time of production lines, "
    "checked against Little's Law.\n\nRequests take camelCase or snake_case names, replies have "
    "snake_case names. In an optional field of a request, null is as good as absent. Every refusal "
    "has the form of `ErrorReply`; a failure never comes with a 2xx. Times are ISO 8601 in UTC.",
    "license": {"name": "MIT", "identifier": "MIT"},
    "contact": {"name": "The operators of this service"},
}
SERVERS = [{"url": "/", "description": "This service"}]
TAGS = {
    "Operation": "Whether the service is up, and figures for monitoring.",
    "Keys": "API keys of callers: list, make and revoke them.",
    "Data": "Data sets: generate, upload, check, read and delete them.",
    "Training": "Train the plain or the enhanced network, on all data or per plant.",
    "Jobs": "Trainings and backtests that wait, run or have ended.",
    "Models": "Trained models: read, download, compress, backtest and delete them.",
    "Forecasts": "Forecast series, and check states of a line against Little's Law.",
    "Planning": "When orders are finished, which WIP cap and release rate meet a target, and what "
    "limits a line.",
    "Operation page": "What the operation page shows: trainings and models by plant, pictures, "
    "the training log.",
    "Master data": "Names of plants, products, panel sizes and regions.",
}
RATE_HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy")
HEADERS: dict[str, Any] = {
    name: {"description": text, "required": False, "schema": schema}
    for name, text, schema in (
        ("X-Request-ID", "Id of the request in the log; the client's own, if it sent one",
         {"type": "string", "pattern": r"^[\w.-]{1,64}$"}),
        ("RateLimit-Limit", "Requests that the caller may make in a window", {"type": "integer"}),
        ("RateLimit-Remaining", "Requests left in the window", {"type": "integer"}),
        ("RateLimit-Reset", "Seconds until the window ends", {"type": "integer"}),
        ("RateLimit-Policy", "The limit by name, its requests, its window in seconds",
         {"type": "string"}),
        ("Retry-After", "Seconds after which to try again", {"type": "integer"}),
        ("Location", "Path of the job", {"type": "string"}),
        ("Allow", "Methods that are allowed", {"type": "string"}),
        ("WWW-Authenticate", "How to identify the caller", {"type": "string"}),
    )
}  # fmt: skip
HEADERS_OF = {
    "202": ("Location", "Retry-After"),
    "401": ("WWW-Authenticate",),
    "405": ("Allow",),
    "429": ("Retry-After",),
    "503": ("Retry-After",),
}
REFUSALS = {  # by status: (name of the response, when it comes)
    "400": ("BadRequest", "The body or the request is not what it claims to be: not JSON, say"),
    "401": ("Unauthorized", "The key is missing or not valid"),
    "403": ("Forbidden", "The role of the key does not allow it"),
    "404": ("NotFound", "There is no such model, data set, job or path"),
    "405": ("MethodNotAllowed", "The method is not allowed"),
    "409": ("Conflict", "The state of the job, model or data set does not allow it"),
    "413": ("TooLarge", "The body, or what it asks for, is too large"),
    "414": ("PathTooLong", "The path and the query are too long"),
    "415": ("UnsupportedMedia", "The body is of another kind"),
    "422": ("InvalidInput", "A field breaks its rule"),
    "429": ("TooManyRequests", "The caller has made too many requests, or has too many jobs"),
    "431": ("HeadersTooLarge", "The headers are too large"),
    "500": ("InternalError", "A defect of the service, or a damaged file"),
    "503": ("Unavailable", "Nothing can do the work now"),
}
PATH_VARIABLES = {
    "dataset_id": "id of the data set",
    "model_id": "id of the model",
    "job_id": "id of the job",
    "key_id": "id of the API key",
    "plant": "name of the plant; it may contain slashes",
    "name": "file name of the picture: the id of the model with `.png`",
}
REQUEST_HEADERS: dict[str, Any] = {
    "Idempotency-Key": {
        "type": "string",
        "pattern": "^[!-~]([ -~]{0,253}[!-~])?$",
        "description": "A request that repeats it gets the result of the first one",
    },
    "Prefer": {
        "type": "string",
        "description": "`respond-async`: reply 202 with the job at once",
    },
    "X-Request-ID": {
        "type": "string",
        "description": "Id of the request in the log: up to 64 letters, digits and `_.-`",
    },
    "Last-Event-ID": {
        "type": "string",
        "description": "Id of the last event received; the stream resumes after it",
    },
}
FORMAT = "form of the reply (default: the first)"
FORMATS = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "png": "image/png",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
BINARY: dict[str, Any] = {
    "schema": {"type": "string", "contentMediaType": "application/octet-stream"}
}
OTHER_FORMS: dict[str, Any] = {
    "csv": {"schema": {"type": "string"}},
    "parquet": BINARY,
    "png": BINARY,
    "xlsx": BINARY,
}
FILE = {
    "type": "string",
    "format": "binary",
    "description": "CSV (plain or gzip) or Parquet, recognized by content. Other content types, "
    "`text/csv` say, are taken as well",
}
MEDIA: dict[str, Any] = {
    "text/plain": {"type": "string"},
    "text/html": {"type": "string"},
    "application/octet-stream": {"type": "string", "format": "binary"},
}
FORM = {
    "type": "object",
    "title": "TableForm",
    "description": "A form with one file",
    "properties": {"file": FILE | {"description": "the table: CSV, Parquet or JSON rows"}},
    "required": ["file"],
}
CSV = (
    "date,plant,application,panel_size,wip,throughput\n"
    "2024-01-01,Plant_A,Automotive,Small,101,49\n"
    "2024-01-02,Plant_A,Automotive,Small,102,48\n"
)
EVENTS = {
    "type": "string",
    "description": "Events with `id`, `event` (`status` or `epoch`) and `data`, which is JSON. "
    "The `id` of the last one is `end`.",
}
SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key (`python run.py keys create NAME`), or a token of OIDC_ISSUER.",
    },
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "A key, in another header.",
    },
    "ticket": {
        "type": "apiKey",
        "in": "query",
        "name": "ticket",
        "description": "For browsers: from POST /api/jobs/{job_id}/events/ticket.",
    },
}


class RowsRequest(Request):
    """A table as JSON; an array of rows alone is taken as well."""

    rows: Rows = Field(description="the rows of the table")
