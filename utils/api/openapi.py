"""The OpenAPI 3.1 document, from the schemas that requests and replies are checked by."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from utils.api.endpoint import Endpoint
from utils.api.parsing import Request
from utils.api.replies import ErrorReply
from utils.errors import InvalidInput

RATE_HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy")
EXEMPT = ("/health/live", "/health/ready")  # of rates: whoever probes must hear of the service
_REFERENCE = "#/components/schemas/{model}"
_ALWAYS = "X-Request-ID"
_HEADERS = {
    name: {"description": text, "required": False, "schema": schema}
    for name, text, schema in (
        (_ALWAYS, "As it stands in the log; the client's own, if it sent one",
         {"type": "string", "pattern": r"^[\w.-]{1,64}$"}),
        ("RateLimit-Limit", "Requests that the caller may make in a window", {"type": "integer"}),
        ("RateLimit-Remaining", "How many are left of them", {"type": "integer"}),
        ("RateLimit-Reset", "Seconds until the window ends", {"type": "integer"}),
        ("RateLimit-Policy", "The limit by name, its requests, its window in seconds",
         {"type": "string"}),
        ("Retry-After", "Seconds after which to try again", {"type": "integer"}),
        ("Location", "Where to look", {"type": "string"}),
        ("Allow", "What is allowed", {"type": "string"}),
        ("WWW-Authenticate", "How to say who is calling", {"type": "string"}),
    )
}  # fmt: skip
_HEADERS_OF = {
    "202": ("Location", "Retry-After"),
    "401": ("WWW-Authenticate",),
    "405": ("Allow",),
    "429": ("Retry-After",),
    "503": ("Retry-After",),
}
_REFUSALS = {
    "400": "The body is not JSON",
    "401": "The key is missing or not valid",
    "403": "The key's role may not do this",
    "404": "No such model, data set or route",
    "405": "The method is not allowed",
    "409": "The state of the thing does not allow it",
    "413": "The body, or what it asks for, is too large",
    "414": "The path and the query are too long",
    "415": "The body is of another kind",
    "422": "A field breaks its rule",
    "429": "As many requests, or jobs that wait, as one caller may have",
    "431": "The headers are too large",
    "500": "A defect of the service, or a damaged file",
    "503": "Nothing can do the work now",
}
_PARAMETERS: dict[str, Any] = {
    "Idempotency-Key": {"type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"},
}
_FORMATS = {
    "csv": "text/csv",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
    "png": "image/png",
}
_EVENT = {
    "type": "object",
    "description": "One event; `data` is JSON. The `id` of the last one is `end`.",
    "properties": {
        "id": {"type": "string", "pattern": "^([0-9]{1,9}|end)$"},
        "event": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "retry": {"type": "integer"},
    },
    "required": ["id", "event", "data"],
}
_BY_ROLE = ("401", "403")  # where everybody may, nobody is refused so
_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key (`python run.py keys create NAME`), or a token of OIDC_ISSUER.",
    },
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same."},
    "ticket": {
        "type": "apiKey",
        "in": "query",
        "name": "ticket",
        "description": "For browsers, of POST /api/jobs/{job_id}/events/ticket.",
    },
}


def document(endpoints: list[Endpoint], title: str, version: str) -> dict[str, Any]:
    """The OpenAPI document of some endpoints."""
    requests: dict[str, type[BaseModel]] = {
        e.request.__name__: e.request for e in endpoints if e.request
    }
    replies: dict[str, type[BaseModel]] = {
        reply.__name__: reply for e in endpoints for reply in (e.reply, e.accepted) if reply
    }
    replies[ErrorReply.__name__] = ErrorReply
    checked: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [
        *((model, "validation") for _, model in sorted(requests.items())),
        *((model, "serialization") for _, model in sorted(replies.items())),
    ]
    _, schemas = models_json_schema(checked, ref_template=_REFERENCE)
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        path = endpoint.template
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": paths,
        "components": {
            "schemas": schemas.get("$defs", {}),
            "headers": _HEADERS,
            "securitySchemes": _SCHEMES,
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    refusals = {
        status: _content(text, "ErrorReply")
        for status, text in _REFUSALS.items()
        if endpoint.needs or status not in _BY_ROLE
    }
    responses = _successes(endpoint) | refusals
    for status, response in responses.items():
        response["headers"] = _headers(endpoint, status)
    operation: dict[str, Any] = {
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "description": _description(endpoint),
        "operationId": endpoint.operation_id,
        "security": _security(endpoint),
        "responses": responses,
    }
    if endpoint.path not in EXEMPT:
        operation["x-rate-limit"] = "expensive" if endpoint.expensive else "cheap"
    parameters = _parameters(endpoint)
    if parameters:
        operation["parameters"] = parameters
    if endpoint.table:
        operation["requestBody"] = {"required": True, "content": _table(endpoint)}
    elif endpoint.request:
        content = _content("", endpoint.request.__name__)["content"]
        required = not _takes_nothing(endpoint.request)
        operation["requestBody"] = {"required": required, "content": content}
    return operation


def _description(endpoint: Endpoint) -> str:
    role = f"\n\nNeeds a key of the role `{endpoint.needs}`." if endpoint.needs else ""
    return f"{endpoint.description}{role}"


def _headers(endpoint: Endpoint, status: str) -> dict[str, Any]:
    names = [_ALWAYS, *_HEADERS_OF.get(status, ())]
    if endpoint.path not in EXEMPT and (status[0] == "2" or status == "429"):
        names += RATE_HEADERS
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    text = {"type": "string"}
    given = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"<(\w+)>", endpoint.path)
    ]
    queries = _fields(endpoint.query)
    if endpoint.formats:
        queries["format"] = {"type": "string", "enum": list(endpoint.formats)}
    headers = {name: _PARAMETERS.get(name, text) for name in endpoint.headers}
    for place, schemas in (("query", queries), ("header", headers)):
        for name, schema in schemas.items():
            given.append({"name": name, "in": place, "required": False, "schema": schema})
    return given


def _table(endpoint: Endpoint) -> dict[str, Any]:
    """The bodies that a table comes in: as such, as JSON rows, as a form's file."""
    asked = endpoint.request and {"$ref": _REFERENCE.format(model=endpoint.request.__name__)}
    rows: dict[str, Any] = {"type": "array", "items": {"type": "object"}, "minItems": 1}
    binary = {"type": "string", "contentMediaType": "application/octet-stream", "minLength": 1}
    form = {"type": "object", "properties": {"file": binary}, "required": ["file"]}
    return {
        "text/csv": {"schema": binary},
        _FORMATS["parquet"]: {"schema": binary},
        _FORMATS["json"]: {"schema": {"anyOf": [asked, rows]} if asked else rows},
        "multipart/form-data": {"schema": form},
    }


def _takes_nothing(request: type[Request]) -> bool:
    """Whether a request may be left empty."""
    try:
        request.parse({})
    except InvalidInput:
        return False
    return True


def _successes(endpoint: Endpoint) -> dict[str, Any]:
    replies: dict[str, Any] = {}
    text = {"schema": {"type": "string"}}
    replies["200"] = {"description": "Done", "content": {endpoint.media: text}}
    if endpoint.reply:
        replies["200"] = _content("Done", endpoint.reply.__name__)
        others = {_FORMATS[form]: text for form in endpoint.formats if form != "json"}
        replies["200"]["content"] |= others
    if endpoint.accepted:
        replies["202"] = _content("Goes on in the background", endpoint.accepted.__name__)
    if endpoint.events:
        stream = {"text/event-stream": {"schema": _EVENT}}
        replies["200"] = {"description": "Server-sent events", "content": stream}
        replies["204"] = {"description": "Nothing comes after the Last-Event-ID given"}
    return replies


def _security(endpoint: Endpoint) -> list[dict[str, list[str]]]:
    """The ways to say who is calling, each enough; on loopback without keys, none is needed."""
    if not endpoint.needs:
        return []
    ways = ["bearer", "key", "ticket"] if endpoint.events else ["bearer", "key"]
    return [{way: []} for way in ways]


def _fields(query: type[Request] | None) -> dict[str, Any]:
    """The fields of a query string, in which nothing is null."""
    fields = query.model_json_schema()["properties"] if query else {}
    for schema in fields.values():
        schema |= next(option for option in schema.pop("anyOf") if option != {"type": "null"})
        if schema.get("default", "") is None:
            del schema["default"]
    return fields


def _content(description: str, model: str) -> dict[str, Any]:
    schema = {"$ref": _REFERENCE.format(model=model)}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
