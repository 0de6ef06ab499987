"""Bodies of requests: JSON checked by a schema, uploaded tables."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TypeVar

import orjson
from flask import Flask, request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge

from utils.api.parsing import Request
from utils.errors import BadRequest, InvalidInput, TooLarge, UnsupportedMedia
from utils.http import parameters
from utils.settings import Settings

MEGABYTE = 1_000_000

R = TypeVar("R", bound=Request)


def install(app: Flask, settings: Settings) -> None:
    """Bound the JSON bodies of an app."""
    app.config["MAX_CONTENT_LENGTH"] = settings.max_json_mb * MEGABYTE


def read_json(schema: type[R]) -> R:
    """Return the request's JSON body, checked. No body at all is an empty object.

    Raises:
        UnsupportedMedia: it is not sent as JSON.
        BadRequest: it is broken or incomplete.
        InvalidInput: a field breaks its rule.
    """
    if (encoding := request.headers.get("Content-Encoding", "identity")) != "identity":
        raise UnsupportedMedia(
            "A JSON body must be sent as it is, without Content-Encoding. Received: "
            f"{encoding[:60]}"
        )
    raw = request.get_data(cache=False)
    if request.content_length is None and raw:
        request.stream.read(1)  # in chunks: raises only now if there is more than allowed
    _check_complete(len(raw), request.content_length)
    if raw and not request.is_json:
        raise UnsupportedMedia(
            "The body must be JSON, sent with Content-Type: application/json. Received: "
            f"{request.mimetype or 'no content type'}"
        )
    return _parsed(schema, raw or b"{}")


def save_table(folder: Path, settings: Settings) -> Path:
    """Write an uploaded table, the body itself or a file of a form, into a folder.

    Raises:
        UnsupportedMedia: the body is of a kind that is no table.
        BadRequest: there is no table in the request, or not all of it.
    """
    request.max_content_length = settings.max_upload_mb * MEGABYTE
    target = folder / "upload"
    if request.mimetype == "application/x-www-form-urlencoded":
        raise UnsupportedMedia(
            "The table must be sent as text/csv, application/json, application/vnd.apache.parquet "
            "or as a form's file: curl -F file=@table.csv"
        )
    if request.mimetype == "multipart/form-data":
        file = _file_of_form()
        if file is None:
            raise BadRequest("The form has no file: curl -F file=@table.csv")
        file.save(target)
    else:
        with target.open("wb") as out:
            shutil.copyfileobj(request.stream, out, 1 << 20)
        _check_complete(target.stat().st_size, request.content_length)
    if not target.stat().st_size:
        raise BadRequest("The body is empty; it must be a table.")
    return target


def _file_of_form() -> FileStorage | None:
    """Return the first file of a form.

    Raises:
        TooLarge: the form has too much beside the file.
    """
    try:
        files = [file for group in request.files.listvalues() for file in group]
    except RequestEntityTooLarge as error:
        if request.content_length is None or request.content_length > (
            request.max_content_length or 0
        ):
            raise
        fields = (request.max_form_memory_size or 0) // 1000
        raise TooLarge(
            f"A form may have at most {request.max_form_parts:,} parts, and {fields} kB of fields "
            "beside the file: curl -F file=@table.csv"
        ) from error
    if len(files) > 1:
        raise InvalidInput.of(
            "file",
            "must be one; send each table by itself, or join them to one file",
            f"{len(files)} files",
        )
    return files[0] if files else None


def read_json_or_table(schema: type[R], folder: Path, settings: Settings) -> R | Path:
    """Return the request's JSON object, checked, or else the path of its table in a folder.

    Raises:
        UnsupportedMedia, BadRequest, InvalidInput: as `read_json` and `save_table`.
    """
    path = save_table(folder, settings)
    if request.is_json and (content := path.read_bytes()).lstrip()[:1] == b"{":
        return _parsed(schema, content)
    return path


def read_options(schema: type[R]) -> R:
    """Return the options of an uploaded table: of the query string, and of the form's fields.

    The charset of the table's content type is its `encoding`, if no field states another. To be
    called once the table is saved.

    Raises:
        InvalidInput: a field is unknown, breaks its rule, or is given twice.
    """
    given = parameters.query_fields()
    form = request.form if request.mimetype == "multipart/form-data" else {}
    for name, value in form.items():
        if name in given:
            raise InvalidInput.of(
                name[:100], "must be given once: in the URL or in the form", value
            )
        given[name] = value
    file = next(iter(request.files.values()), None)
    charset = (file or request).mimetype_params.get("charset")
    if charset and not request.is_json:
        given.setdefault("encoding", charset)
    return schema.parse(given)


def _check_complete(received: int, stated: int | None) -> None:
    """Refuse a body whose client disconnected: the part that came may look like a whole."""
    if stated is not None and received < stated:
        raise BadRequest(f"The body ended after {received} of {stated} bytes.")


def _parsed(schema: type[R], raw: bytes) -> R:
    try:
        return schema.parse(orjson.loads(raw))
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error}.") from error
