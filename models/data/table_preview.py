"""The preview of a table: first rows, meaning of its columns, what was assumed, problems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from models.data.cleaning import Cleaned
from models.data.dataset_content import cleaned_table
from models.data.dataset_summary import summary_of
from models.data.datasets import Datasets
from models.data.events import event_upload
from models.data.events.event_choices import event_options
from models.data.reading import raw_files, tables
from models.data.reading.column_names import Header
from models.data.reading.event_columns import meaning_of
from models.data.reading.raw_tables import RawTable
from models.data.reading.spreadsheets import SheetChoice
from models.data.reading.table_columns import WrongCells
from models.data.reading.tables import Table
from models.series.calendar import EVERY_DAY
from models.series.panel import SERIES_FIELDS
from utils.api.parsing import shown
from utils.api.upload_options import UploadOptions
from utils.errors import InvalidInput, UnsupportedMedia

_ROWS = 20
_COLUMNS = 3  # fewer are neither a table nor an event log, whatever their names


def preview(datasets: Datasets, path: Path, options: UploadOptions) -> dict[str, Any]:
    """Return how the table in a file would be read, JSON-ready; nothing is stored.

    Raises:
        ServiceError: the content is broken, too large, or no table. What a choice or a change of
            the table would put right is in `problems`.
    """
    try:
        return _previewed(datasets, path, options)
    except UnsupportedMedia:
        found = _previewed(datasets, path, options, any_names=True)
        if len(found["columns"]) < _COLUMNS:
            raise
        return found


def _previewed(
    datasets: Datasets, path: Path, options: UploadOptions, any_names: bool = False
) -> dict[str, Any]:
    found: dict[str, Any] = {"is_readable": False, "kind": None, "columns": [], "cells": []}
    found |= {"rows": [], "problems": [], "read_as": None, "summary": None}
    limits = datasets.max_rows, datasets.max_bytes
    try:
        with raw_files.opened(path, *limits, options, any_names) as raw:
            found |= {"read_as": dict(raw.read_as), **_as_written(raw)}
            found |= _read(datasets, raw, options)
    except InvalidInput as error:
        return found | {"problems": _problems(error)}
    return found


def _as_written(raw: RawTable) -> dict[str, Any]:
    """The columns and the first rows, as they are in the file."""
    places = [place for place in range(len(raw.names)) if place not in raw.nested]
    columns = dict(zip(places, raw.load(places), strict=True))
    first = range(min(_ROWS, raw.rows))
    headers = [Header.of(name) for name in raw.names]
    return {
        "columns": [
            {"name": each.written, "meaning": meaning_of(each.written), "unit": each.unit or None}
            for each in headers
        ],
        "cells": [
            [shown(columns[i].cell(row)) if i in columns else None for i in range(len(headers))]
            for row in first
        ],
    }


def _read(datasets: Datasets, raw: RawTable, options: UploadOptions) -> dict[str, Any]:
    chosen = event_options(options)
    log = event_upload.read(raw, chosen, datasets.max_series)
    if log:
        cleaned, about = event_upload.series_of(log, chosen)
        read_as = raw.read_as | {
            "columns": about["columns"],
            "warnings": raw.warnings + about["notes"],
        }
        return _readable("event log", cleaned, read_as)
    table = tables.table_of(raw, options, False, datasets.max_series)
    shown_rows = {"rows": _first_rows(table), "kind": "table", "read_as": table.read_as}
    try:
        return shown_rows | _readable("table", cleaned_table(table), table.read_as)
    except InvalidInput as error:
        return shown_rows | {"problems": _problems(error)}


def _readable(kind: str, cleaned: Cleaned, read_as: dict[str, Any]) -> dict[str, Any]:
    summary = summary_of(cleaned.panel, len(cleaned.closed.group))
    return {"is_readable": True, "kind": kind, "read_as": read_as, "summary": summary}


def _first_rows(table: Table) -> list[dict[str, Any]]:
    """The first rows as they are understood."""
    rows = []
    for i in range(min(_ROWS, len(table))):
        row: dict[str, Any] = {"date": (table.calendar or EVERY_DAY).text(table.days[i])}
        for name, (codes, labels) in zip(SERIES_FIELDS, table.names, strict=True):
            row[name] = labels[codes[i]]
        for name, values in table.numbers.items():
            row[name] = None if np.isnan(values[i]) else float(values[i])
        rows.append(row)
    return rows


def _problems(error: InvalidInput) -> list[dict[str, Any]]:
    """The faults of a table: one entry for each cell, or for each choice that is needed."""
    if isinstance(error, WrongCells):
        return [
            {"row": row, "field": known, "message": rule, "received": value}
            for row, known, rule, value in error.cells
        ]
    choices = error.sheets if isinstance(error, SheetChoice) else []
    if not error.details:
        return [{"row": None, "field": None, "message": error.message, "received": None}]
    return [
        {"row": None, "field": each.field, "message": each.message, "received": each.received}
        | {"choices": choices}
        for each in error.details
    ]
