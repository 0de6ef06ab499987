"""The OpenAPI 3.1 document, from the schemas that requests and replies are checked by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from utils.parsing import Request
from utils.rates import EXEMPT, RATE_HEADERS
from utils.replies import ErrorReply, Reply
from utils.roles import Role

_REFERENCE = "#/components/schemas/{model}"
_HEADERS = {
    name: {"description": text, "required": False, "schema": {"type": kind}}
    for name, text, kind in (
        ("RateLimit-Limit", "Requests that the caller may make in a window", "integer"),
        ("RateLimit-Remaining", "How many are left of them", "integer"),
        ("RateLimit-Reset", "Seconds until the window ends", "integer"),
        ("RateLimit-Policy", "The limit by name, its requests, its window in seconds", "string"),
        ("Retry-After", "Seconds after which to try again", "integer"),
    )
}
_REFUSALS = {
    "400": "The body is not JSON",
    "401": "The key is missing or not valid",
    "403": "The key's role may not do this",
    "404": "No such model, data set or route",
    "405": "The method is not allowed",
    "409": "The state of the thing does not allow it",
    "413": "The body, or what it asks for, is too large",
    "415": "The body is of another kind",
    "422": "A field breaks its rule",
    "429": "As many requests, or jobs that wait, as one caller may have",
    "500": "A defect of the service, or a damaged file",
    "503": "Nothing can do the work now",
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


@dataclass(frozen=True)
class Endpoint:
    """What the document says of one endpoint; Flask's own form of paths."""

    method: str
    path: str
    summary: str
    reply: type[Reply] | None = None  # None: of another kind, `media`
    request: type[Request] | None = None
    accepted: type[Reply] | None = None  # instead of the reply, where the client does not wait
    query: type[Request] | None = None
    headers: tuple[str, ...] = ()  # optional ones that it heeds
    events: bool = False  # the reply is a stream of server-sent events
    table: bool = False  # the body is a table
    formats: tuple[str, ...] = ()  # choices of `?format=`
    media: str = "text/plain"  # of a reply that is no JSON
    expensive: bool = False  # by which of the two rate limits it counts
    role: Role | Literal["", "anybody"] = ""  # who may; "": `read` for a GET, else `write`
    action: str = ""  # what the audit log calls it: what changes things, or takes them away

    @property
    def needs(self) -> Role | None:
        """The role that a caller must have; None: whoever reaches the service may."""
        if self.role == "anybody":
            return None
        return self.role or ("read" if self.method == "GET" else "write")


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
        path = path_of(endpoint)
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


def path_of(endpoint: Endpoint) -> str:
    """The path in the document's own form."""
    return re.sub(r"<(\w+)>", r"{\1}", endpoint.path)


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": _operation_id(endpoint),
        "security": _security(endpoint),
        "responses": _successes(endpoint)
        | {
            status: _content(text, "ErrorReply")
            for status, text in _REFUSALS.items()
            if endpoint.needs or status not in _BY_ROLE
        },
    }
    if endpoint.path not in EXEMPT:
        operation["x-rate-limit"] = "expensive" if endpoint.expensive else "cheap"
        for status, response in operation["responses"].items():
            if status[0] == "2" or status == "429":
                names = (*RATE_HEADERS, "Retry-After") if status == "429" else RATE_HEADERS
                response["headers"] = {n: {"$ref": f"#/components/headers/{n}"} for n in names}
    if endpoint.needs:
        operation["description"] = f"Takes the role `{endpoint.needs}`."
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"<(\w+)>", endpoint.path)
    ]
    if endpoint.formats:
        choices = {"type": "string", "enum": list(endpoint.formats)}
        parameters.append({"name": "format", "in": "query", "required": False, "schema": choices})
    for name in endpoint.headers:
        text = {"type": "string"}
        parameters.append({"name": name, "in": "header", "required": False, "schema": text})
    for name, schema in _fields(endpoint.query).items():
        parameters.append({"name": name, "in": "query", "required": False, "schema": schema})
    if parameters:
        operation["parameters"] = parameters
    if endpoint.request:
        operation["requestBody"] = _content("", endpoint.request.__name__) | {"required": True}
        del operation["requestBody"]["description"]
    if endpoint.table:
        asked = endpoint.request and {"$ref": _REFERENCE.format(model=endpoint.request.__name__)}
        rows: dict[str, Any] = {"type": "array", "items": {"type": "object"}}
        binary = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
        form = {"type": "object", "properties": {"file": binary["schema"]}}
        operation["requestBody"] = {
            "required": True,
            "content": {
                "text/csv": binary,
                "application/vnd.apache.parquet": binary,
                "application/json": {"schema": {"anyOf": [asked, rows]} if asked else rows},
                "multipart/form-data": {"schema": form},
            },
        }
    return operation


def _successes(endpoint: Endpoint) -> dict[str, Any]:
    replies: dict[str, Any] = {}
    text = {endpoint.media: {"schema": {"type": "string"}}}
    replies["200"] = {"description": "Done", "content": text}
    if endpoint.reply:
        replies["200"] = _content("Done", endpoint.reply.__name__)
    if endpoint.accepted:
        replies["202"] = _content("Goes on in the background", endpoint.accepted.__name__)
    if endpoint.events:
        stream = {"text/event-stream": {"schema": {"type": "string"}}}
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
    return query.model_json_schema()["properties"] if query else {}


def _operation_id(endpoint: Endpoint) -> str:
    words = re.findall(r"\w+", endpoint.path.removeprefix("/api"))
    return "_".join([endpoint.method.lower(), *words])


def _content(description: str, model: str) -> dict[str, Any]:
    schema = {"$ref": _REFERENCE.format(model=model)}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
