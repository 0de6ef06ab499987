"""Parameters of a request besides its body: ids in the path, the query string, headers."""

from __future__ import annotations

import re
from typing import TypeVar

from flask import Flask, request
from werkzeug.routing import BaseConverter

from utils.api.parsing import Request
from utils.errors import InvalidInput

# Words that stand where an id could: paths of their own begin with them.
_RESERVED = "generate|upload|train|predict|validate|preview"
_INTEGER = re.compile("-?[0-9]{1,18}")
_IDEMPOTENCY_KEY = re.compile("[!-~](?:[ -~]{0,253}[!-~])?")

R = TypeVar("R", bound=Request)


class IdConverter(BaseConverter):
    """An id in a path, `<id:name>`: any text but the reserved words."""

    part_isolating = True
    regex = rf"(?!(?:{_RESERVED})\Z)[^/]+"


def install(app: Flask) -> None:
    """Let the rules of an app have ids."""
    app.url_map.converters["id"] = IdConverter
    app.url_map.merge_slashes = False  # a redirect would be HTML, and name another thing


def read_query(schema: type[R], has_format: bool = False) -> R:
    """Return the request's query string, checked like a body; numbers are read where one is due.

    Args:
        has_format: True if `format`, which is no field of the schema, may be given too.

    Raises:
        InvalidInput: a field is unknown or breaks its rule.
    """
    given = query_fields()
    if has_format:
        given.pop("format", None)
    numbers = {name for name, field in schema.model_fields.items() if field.annotation is int}
    return schema.parse(
        {k: int(v) if k in numbers and _INTEGER.fullmatch(v) else v for k, v in given.items()}
    )


def prefers(media: str) -> bool:
    """Return True if the request asks for a media type rather than for JSON."""
    return request.accept_mimetypes.best_match(["application/json", media]) == media


def query_fields() -> dict[str, str]:
    """Return the fields of the query string.

    Raises:
        InvalidInput: one is given twice.
    """
    given = request.args.to_dict()
    for name in given:
        _expect_once(name)
    return given


def _expect_once(name: str) -> None:
    if len(given := request.args.getlist(name)) > 1:
        raise InvalidInput.of(name[:100], "must be given once", given[1][:100])


def refuse_unknown(known: set[str]) -> None:
    """Refuse query fields that would have no effect, and those that are given twice.

    Raises:
        InvalidInput: there is one.
    """
    for name, values in request.args.lists():
        if name not in known:
            others = (
                f"this request has {' and '.join(sorted(known))}" if known else "there are none"
            )
            rule = f"is no query field of this request: {others}"
            raise InvalidInput.of(name[:100], rule, values[0][:100])
        _expect_once(name)


def choice(name: str, choices: tuple[str, ...]) -> str:
    """Return the value of a query parameter; the first choice by default.

    Raises:
        InvalidInput: it is none of the choices.
    """
    given = request.args.get(name, choices[0])
    if given not in choices:
        rule = f"must be {', '.join(choices[:-1])} or {choices[-1]}"
        raise InvalidInput.of(name, rule, given)
    return given


def idempotency_key() -> str | None:
    """Return the request's Idempotency-Key, if it has one.

    Raises:
        InvalidInput: it is empty, too long, or not printable.
    """
    given = request.headers.get("Idempotency-Key")
    if given is not None and not _IDEMPOTENCY_KEY.fullmatch(given):
        rule = "must be 1 to 255 printable characters"
        raise InvalidInput.of("Idempotency-Key", rule, given[:100])
    return given


def refuse_idempotency_key() -> None:
    """Refuse the header where it would have no effect.

    Raises:
        InvalidInput: the request has it.
    """
    if "Idempotency-Key" in request.headers:
        rule = "must be left out: this request stores nothing that a repetition could double"
        raise InvalidInput.of("Idempotency-Key", rule)


def prefers_async() -> bool:
    """Return True if the client does not wait for the work to end (RFC 7240)."""
    return any(
        part.strip().lower() == "respond-async"
        for value in request.headers.getlist("Prefer")
        for part in value.split(",")
    )
