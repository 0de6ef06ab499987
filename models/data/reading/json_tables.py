"""Tables in JSON: rows as objects, alone or in an envelope, one a line, or column by column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import orjson

from models.data.reading import table_limits
from models.data.reading.column_names import canonical_name
from models.data.reading.raw_tables import RawColumn, RawTable
from utils.api.parsing import shown
from utils.errors import BadRequest, InvalidInput

_BOM = b"\xef\xbb\xbf"
_ENVELOPES = (
    "rows", "data", "value", "values", "results", "tables", "series", "items", "records", "d",
)  # fmt: skip
_INNER = ("node", "_source")  # of a row, as GraphQL and Elasticsearch wrap it
_NAN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|\bNaN\b')  # a text, or what Python writes for a blank
_NEXT_PAGE = ("@odata.nextLink", "odata.nextLink", "__next", "nextLink", "next")


def is_json(start: bytes) -> bool:
    """Return true if a file that begins so is JSON."""
    return start.removeprefix(_BOM).lstrip()[:1] in (b"[", b"{")


def read(path: Path, max_rows: int) -> RawTable:
    """Read a table in JSON.

    Raises:
        BadRequest: it is not JSON.
        InvalidInput: it has no rows that are objects.
        TooLarge: there are more rows or bytes than allowed.
    """
    table_limits.check_json(path.stat().st_size)
    content = path.read_bytes().removeprefix(_BOM)
    form, warnings = "json", []
    if b"NaN" in content:
        content = _NAN.sub(lambda found: b"null" if found[0] == b"NaN" else found[0], content)
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        body, form = _lines(content, error), "ndjson"
    if isinstance(body, dict):
        warnings = [
            f"The table is one page of several: {name} leads to the next; only this page was read."
            for name in _NEXT_PAGE
            if body.get(name) or (isinstance(body.get("d"), dict) and body["d"].get(name))
        ]
        body = _unwrapped(body)
    return of_rows(_as_objects(body), max_rows, {"format": form}, warnings)


def _lines(content: bytes, error: orjson.JSONDecodeError) -> list[Any]:
    """The objects of a file that has one on each line."""
    first, _, rest = content.partition(b"\n")
    if not (first.lstrip().startswith(b"{") and first.rstrip().endswith(b"}") and rest.strip()):
        raise BadRequest(f"The content is not JSON: {error}") from error
    rows = []
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            try:
                rows.append(orjson.loads(line))
            except orjson.JSONDecodeError as wrong:
                raise BadRequest(f"Line {number} of the content is not JSON: {wrong}") from wrong
    return rows


def _unwrapped(body: dict[str, Any]) -> Any:
    """The rows in an object: in an envelope, as lists with their names beside, or by column."""
    found = next((body[name] for name in _ENVELOPES if name in body), None)
    if isinstance(found, dict):
        return _unwrapped(found)
    if _is_envelope(found):
        return _unwrapped(found[0])  # type: ignore[index]  # it is a list
    names, columns = body.get("columns"), list(body.values())
    if found is None and len(own := [each for each in columns if _holds_rows(each)]) == 1:
        return _unwrapped(own[0]) if isinstance(own[0], dict) else own[0]
    if isinstance(names, list) and isinstance(found, list) and _are_lists(found, len(names)):
        return [dict(zip(map(str, names), row, strict=True)) for row in found]
    if found is None and columns and _are_lists(columns, None):
        return [dict(zip(body, row, strict=True)) for row in zip(*columns, strict=True)]
    if found is None and columns and all(isinstance(each, dict) for each in columns):
        return _by_label(body)
    if found is None and any(canonical_name(name) for name in body):
        return [body]
    if not isinstance(found, list):
        raise InvalidInput.of("rows", "must be a list of rows, alone or under `rows`")
    return found


def _holds_rows(value: Any, levels: int = 4) -> bool:
    """Return true for a list of objects, or an object in which one value is such a list."""
    if isinstance(value, dict):
        return levels > 0 and sum(_holds_rows(each, levels - 1) for each in value.values()) == 1
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _as_objects(rows: Any) -> Any:
    """Rows as objects: of lists under one of names, of objects within objects."""
    if not isinstance(rows, list) or not rows:
        return rows
    if all(isinstance(row, list) for row in rows) and all(isinstance(n, str) for n in rows[0]):
        names, *cells = rows
        if any(map(canonical_name, names)) and max(map(len, rows)) == len(names):
            return [dict(zip_longest(names, row)) for row in cells]
    for name in _INNER:
        if all(isinstance(row, dict) and isinstance(row.get(name), dict) for row in rows):
            return [row[name] for row in rows]
    return rows


def _is_envelope(found: Any) -> bool:
    """Return true for a list of one object that holds the rows: a result of Power BI."""
    if not (isinstance(found, list) and len(found) == 1 and isinstance(found[0], dict)):
        return False
    return any(isinstance(found[0].get(name), list | dict) for name in _ENVELOPES)


def _by_label(body: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of objects by the label of a row, or of columns by such labels, as of pandas."""
    if not any(canonical_name(name) for name in body):
        return list(body.values())
    labels = dict.fromkeys(chain.from_iterable(body.values()))
    return [{name: column.get(label) for name, column in body.items()} for label in labels]


def _are_lists(items: list[Any], length: int | None) -> bool:
    """Return true if all are lists of one length, of the given one if any is given."""
    lengths = {len(item) if isinstance(item, list) else -1 for item in items}
    return lengths <= {length} if length is not None else len(lengths) == 1 and -1 not in lengths


def of_rows(
    rows: Any, max_rows: int, read_as: dict[str, Any], warnings: Sequence[str] = ()
) -> RawTable:
    """Return the table of rows that are objects.

    Raises:
        InvalidInput, TooLarge: as `read`.
    """
    if not isinstance(rows, list):
        raise InvalidInput.of("rows", "must be a list of rows, alone or under `rows`")
    table_limits.check_rows(len(rows), max_rows)
    wrong = next((i for i, row in enumerate(rows) if not isinstance(row, dict)), None)
    if wrong is not None:
        raise InvalidInput.of(f"rows.{wrong}", "must be an object", shown(rows[wrong]))
    names = [str(name) for name in dict.fromkeys(chain.from_iterable(rows))]
    table_limits.check_columns(len(names))

    def load(positions: Sequence[int]) -> list[RawColumn]:
        return [RawColumn.of(names[place], _cells(rows, names[place])) for place in positions]

    return RawTable(names, len(rows), load, read_as, list(warnings))


def _cells(rows: list[dict[str, Any]], name: str) -> list[Any]:
    """The values of a column; of {"$date": "2024-01-31"}, as MongoDB writes it, the text."""
    values = [row.get(name) for row in rows]
    return [_plain(value) for value in values] if dict in set(map(type, values)) else values


def _plain(value: Any) -> Any:
    while isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith("$"):
        value = next(iter(value.values()))
    return value
