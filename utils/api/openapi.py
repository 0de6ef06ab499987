"""The OpenAPI 3.1 document, from the endpoints and the schemas that check requests and replies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from utils.api import openapi_parts as parts
from utils.api.endpoint import Endpoint
from utils.api.field_rules import ShownAs
from utils.api.parsing import Request
from utils.api.replies.base import ErrorReply
from utils.errors import InvalidInput

EXAMPLES = Path(__file__).with_name("examples.json")
RATE_HEADERS = parts.RATE_HEADERS
EXEMPT = ("/health/live", "/health/ready")  # from rate limits: probes must always be answered
_REFERENCE = "#/components/schemas/{model}"
_BY_ROLE = ("401", "403")  # refusals of endpoints that take a role


def document(endpoints: Sequence[Endpoint], title: str, version: str) -> dict[str, Any]:
    """Return the OpenAPI document of some endpoints."""
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.template, {})[endpoint.method.lower()] = _operation(endpoint)
    tags = dict.fromkeys(endpoint.tag for endpoint in endpoints)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, **parts.INFO},
        "servers": parts.SERVERS,
        "tags": [{"name": tag, "description": parts.TAGS[tag]} for tag in tags],
        "paths": paths,
        "components": {
            "schemas": _schemas(endpoints),
            "responses": {parts.REFUSALS[status][0]: _refusal(status) for status in parts.REFUSALS},
            "headers": parts.HEADERS,
            "securitySchemes": parts.SECURITY_SCHEMES,
        },
    }


def _schemas(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """Return the schemas of all requests and replies, by name."""
    requests = {e.request.__name__: e.request for e in endpoints if e.request}
    replies: dict[str, type[BaseModel]] = {
        reply.__name__: reply for e in endpoints for reply in (e.reply, e.accepted) if reply
    }
    replies[ErrorReply.__name__] = ErrorReply
    checked: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [
        *((model, "validation") for _, model in sorted(requests.items())),
        *((model, "serialization") for _, model in sorted(replies.items())),
    ]
    if any(endpoint.table for endpoint in endpoints):
        checked.append((parts.RowsRequest, "validation"))
    checked += [(request, "validation") for request in ShownAs.requests.values()]
    _, schemas = models_json_schema(checked, ref_template=_REFERENCE)
    referenced: dict[str, Any] = _referenced(schemas.get("$defs", {}))
    return referenced


def _referenced(schema: Any) -> Any:
    """Return a schema with references in place of `ShownAs`."""
    if isinstance(schema, list):
        return [_referenced(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if name := schema.get(ShownAs.KEYWORD):
        about = {"description": schema["description"]} if "description" in schema else {}
        return {"$ref": _REFERENCE.format(model=name), **about}
    return {part: _referenced(value) for part, value in schema.items()}


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "tags": [endpoint.tag],
        "operationId": endpoint.operation_id,
        "summary": endpoint.summary,
        "description": _description(endpoint),
        "security": _security(endpoint),
    }
    if parameters := _parameters(endpoint):
        operation["parameters"] = parameters
    if endpoint.table:
        operation["requestBody"] = {"required": True, "content": _table(endpoint)}
    elif endpoint.request:
        content = {"application/json": {"schema": _schema(endpoint.request)}}
        required = not _takes_nothing(endpoint.request)
        operation["requestBody"] = {"required": required, "content": content}
    operation["responses"] = _successes(endpoint) | _refusals(endpoint)
    if endpoint.path not in EXEMPT:
        operation["x-rate-limit"] = "expensive" if endpoint.expensive else "cheap"
    return operation


def _description(endpoint: Endpoint) -> str:
    role = f"\n\nNeeds a key of the role `{endpoint.needs}`." if endpoint.needs else ""
    return f"{endpoint.description}{role}"


def _security(endpoint: Endpoint) -> list[dict[str, list[str]]]:
    """Return the ways to identify the caller, each enough; on loopback without keys, none is."""
    if not endpoint.needs:
        return []
    ways = ["bearer", "key", "ticket"] if endpoint.events else ["bearer", "key"]
    return [{way: []} for way in ways]


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    found = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": parts.PATH_VARIABLES[name],
            "schema": {"type": "string", "minLength": 1},
        }
        for name in re.findall(r"<(\w+)>", endpoint.path)
    ]
    found += [_optional(name, "query", rule) for name, rule in _fields(endpoint.query).items()]
    if endpoint.formats:
        choices = {"type": "string", "enum": [*endpoint.formats], "description": parts.FORMAT}
        found.append(_optional("format", "query", choices))
    found += [_optional(name, "header", parts.REQUEST_HEADERS[name]) for name in endpoint.headers]
    return found


def _optional(name: str, place: str, rule: dict[str, Any]) -> dict[str, Any]:
    schema = {part: value for part, value in rule.items() if part != "description"}
    described = {"description": rule["description"], "schema": schema}
    return {"name": name, "in": place, "required": False, **described}


def _fields(query: type[Request] | None) -> dict[str, Any]:
    """Return the fields of a query string, in which nothing is null."""
    fields = query.model_json_schema()["properties"] if query else {}
    for rule in fields.values():
        rule |= next(option for option in rule.pop("anyOf") if option != {"type": "null"})
    return fields


def _table(endpoint: Endpoint) -> dict[str, Any]:
    """Return the media types of a body that may be a table."""
    rows = endpoint.request or parts.RowsRequest
    return {
        "multipart/form-data": {"schema": parts.FORM},
        "application/octet-stream": {"schema": parts.FILE, "example": parts.CSV},
        "application/json": {"schema": _schema(rows)},
    }


def _takes_nothing(request: type[Request]) -> bool:
    """Return whether a request may be left empty."""
    try:
        request.parse({})
    except InvalidInput:
        return False
    return True


def _successes(endpoint: Endpoint) -> dict[str, Any]:
    examples = _examples()["replies"].get(endpoint.operation_id, {})
    found: dict[str, Any] = {}
    if endpoint.events:
        stream = {"text/event-stream": _media(parts.EVENTS, examples.get("200"))}
        found["200"] = {"description": "Server-sent events", "content": stream}
        found["204"] = {"description": "No event comes after the Last-Event-ID given"}
    elif endpoint.reply:
        content = {"application/json": _media(_schema(endpoint.reply), examples.get("200"))}
        content |= {parts.FORMATS[form]: parts.OTHER_FORMS[form] for form in endpoint.formats[1:]}
        content |= dict.fromkeys(endpoint.accepted_media, parts.BINARY)
        found["200"] = {"description": "The reply", "content": content}
    elif endpoint.media in parts.MEDIA:
        content = {endpoint.media: _media(parts.MEDIA[endpoint.media], examples.get("200"))}
        found["200"] = {"description": "The file", "content": content}
    else:  # generators of clients know no pictures: the bytes are there without a schema
        found["200"] = {"description": f"The file, as {endpoint.media}"}
    if endpoint.accepted:
        content = {"application/json": _media(_schema(endpoint.accepted), examples.get("202"))}
        found["202"] = {"description": "It goes on in the background", "content": content}
    for status, response in found.items():
        response["headers"] = _headers(status, endpoint.path not in EXEMPT)
    return found


def _media(schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {"schema": schema} if example is None else {"schema": schema, "example": example}


def _refusals(endpoint: Endpoint) -> dict[str, Any]:
    left_out = {"429"} if endpoint.path in EXEMPT else set()
    left_out |= set() if endpoint.needs else {*_BY_ROLE}
    return {
        status: {"$ref": f"#/components/responses/{name}"}
        for status, (name, _) in parts.REFUSALS.items()
        if status not in left_out
    }


def _refusal(status: str) -> dict[str, Any]:
    example = _examples()["refusals"].get(status)
    return {
        "description": parts.REFUSALS[status][1],
        "headers": _headers(status, status == "429"),
        "content": {"application/json": _media(_schema(ErrorReply), example)},
    }


def _headers(status: str, counted: bool) -> dict[str, Any]:
    names = ["X-Request-ID", *parts.HEADERS_OF.get(status, ()), *(RATE_HEADERS if counted else ())]
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return {"$ref": _REFERENCE.format(model=model.__name__)}


@cache
def _examples() -> dict[str, Any]:
    """Return real replies, shortened: by operation and status, and of refusals by status."""
    examples: dict[str, Any] = orjson.loads(EXAMPLES.read_bytes())
    return examples
