"""The rows of a stored data set as replies carry them: CSV or JSON, some rows at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from models.data.dataset_files import BATCH_ROWS, decoded
from utils import spreadsheet_text
from utils.api.replies.base import whole_seconds

# Entries of a data set's document that replies do not state.
_INTERNAL = (
    "files",
    "anchor",
    "calendar_origin",
    "month_rule",
    "fingerprint",
    "made",
    "made_for",
    "event_options",
    "calendars_given",
)


def csv_parts(file: pq.ParquetFile) -> Iterator[bytes]:
    """Yield the rows as CSV, the header first."""
    header = True
    for batch in file.iter_batches(batch_size=BATCH_ROWS):
        text = io.BytesIO()
        options = pyarrow.csv.WriteOptions(include_header=header, quoting_style="needed")
        columns = {name: _as_text(batch.column(name)) for name in batch.schema.names}
        pyarrow.csv.write_csv(pa.table(columns), text, options)
        header = False
        yield text.getvalue()


def _as_text(column: pa.Array) -> pa.Array:
    """The column without a dictionary; names that a spreadsheet takes for formulas are escaped.

    Times are as in all replies: 2024-12-31T06:00.
    """
    if pa.types.is_timestamp(column.type):
        return pc.utf8_slice_codeunits(pc.strftime(column, "%Y-%m-%dT%H:%M"), 0, 16)
    if not pa.types.is_dictionary(column.type):
        return column
    names = [spreadsheet_text.escaped(name) for name in column.dictionary.to_pylist()]
    return decoded(pa.DictionaryArray.from_arrays(column.indices, pa.array(names, pa.string())))


def json_parts(file: pq.ParquetFile, document: dict[str, Any]) -> Iterator[bytes]:
    """Yield the document of the data set as JSON, with its rows under `data`."""
    head = {"success": True} | {k: v for k, v in document.items() if k not in _INTERNAL}
    head["created_at"] = whole_seconds(head.get("created_at", ""))
    yield orjson.dumps(head)[:-1] + b',"data":['
    comma = b""
    for batch in file.iter_batches(batch_size=BATCH_ROWS):
        yield comma + orjson.dumps(as_rows(batch))[1:-1]
        comma = b","
    yield b"]}"


def _iso(day: date) -> str:
    return day.isoformat(timespec="minutes") if isinstance(day, datetime) else day.isoformat()


def as_rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return the rows of a batch, JSON-ready."""
    rows: list[dict[str, Any]] = batch.to_pylist()
    for row in rows:
        row["date"] = _iso(row["date"])
    return rows
