"""Data sets that go on: rows are added to a stored one, or corrected, as one new version.

The series are made anew from all rows as they were received, so that rows that come in several
parts give the data set that one upload of all gives, byte for byte.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from models.data import table_merge
from models.data.cleaning import Cleaned
from models.data.dataset_content import cleaned_table
from models.data.dataset_summary import calendar_of
from models.data.datasets import Datasets, OutdatedVersion
from models.data.events import event_upload
from models.data.events.event_choices import event_options
from models.data.events.event_log import EventLog
from models.data.events.event_merge import joined_logs
from models.data.events.event_table import ReadLog
from models.data.reading import raw_files, tables
from models.data.reading.date_format import order_of
from models.data.reading.shift_names import ShiftTimes
from models.data.reading.similar_names import similar_names
from models.data.reading.spreadsheet_days import FIRST_DAYS
from models.data.reading.table_limits import check_rows, check_series
from models.data.reading.tables import Table
from models.series.day_parts import time_texts
from models.series.plant_calendars import PlantCalendars
from utils.api.upload_options import RowsOptions
from utils.errors import InvalidInput, Unavailable

_SINCE = {first: since for since, (first, _) in FIRST_DAYS.items()}
_ATTEMPTS = 5  # at a change of a data set that others change meanwhile

Counts = dict[str, int]
ReadAs = dict[str, Any]
_ASKED = {"numberFormat": "number_format", "dateOrder": "date_order"}
_LISTED = 5  # series that a data set did not have


def add_rows(
    datasets: Datasets, id: str, path: Path, options: RowsOptions
) -> tuple[dict[str, Any], Counts, ReadAs]:
    """Add the rows in a file to a data set; return its document, the numbers of rows, and how they
    were read.

    Rows that are stored already change nothing; without any change there is no new version.

    Args:
        options: how the rows are to be read; `replace` puts them in place of stored ones that
            differ.

    Raises:
        NotFound: there is no such data set.
        Conflict: rows differ from stored ones.
        ServiceError: the rows cannot be read, or the data set cannot be repaired with them.
    """
    for _ in range(_ATTEMPTS):
        document = datasets.store.document(id)
        make = _log if datasets.has_log(id) else _rows
        cleaned, log, counts, read_as = make(datasets, document, path, options)
        if not counts["added"] + counts["replaced"] + counts["completed"]:
            return document, counts, read_as
        try:
            version = document.get("version", 1)
            return datasets.revise(id, version, cleaned, log, dict(counts)), counts, read_as
        except OutdatedVersion:
            continue
    raise Unavailable(f"The data set {id} is being changed all the time. Try again.")


def _rows(
    datasets: Datasets, document: dict[str, Any], path: Path, options: RowsOptions
) -> tuple[Cleaned, None, Counts, ReadAs]:
    id = document["dataset_id"]
    new = _new_rows(datasets, document, path, options)
    old = datasets.received_table(id)
    table, counts = table_merge.joined(old, new, options.replace)
    check_rows(len(table), max(datasets.max_rows, document["data_points"]))
    check_series(len(np.unique(table.series)), datasets.max_series)
    given = PlantCalendars.from_document(document) if document.get("calendars_given") else None
    cleaned = cleaned_table(table, given=given)
    if f"{id}{table_merge.SUFFIX}" in document.get("files", {}):
        cleaned = replace(cleaned, received=table)
    return cleaned, None, counts, _with_new_names(new, old, table)


def _new_rows(
    datasets: Datasets, document: dict[str, Any], path: Path, options: RowsOptions
) -> Table:
    """The rows in a file; what a few of them do not tell is as it was in the stored ones."""
    stored = _stored_choices(document)
    known = {
        "dates_since": stored.get("dates_since"),
        "shift_names": _shift_names(options, document),
    }
    missing = {name: own for name, own in known.items() if getattr(options, name) is None}
    options = options.model_copy(update=missing)
    limits = datasets.max_rows, datasets.max_bytes, datasets.max_series
    declared = tuple(document.get("known", ()))
    try:
        return tables.read_file(path, *limits, options, calendar_of(document), declared)
    except InvalidInput as error:
        names = {_ASKED.get(each.field, "") for each in error.details} & set(stored)
        asked = {name: stored[name] for name in names if getattr(options, name) is None}
        if not asked:
            raise
    return _new_rows(datasets, document, path, options.model_copy(update=asked))


def _stored_choices(document: dict[str, Any]) -> dict[str, str]:
    """The options by which the stored rows were read, as far as they are known."""
    read_as = document.get("read_as", {})
    format, order = read_as.get("number_format"), order_of(read_as.get("dates", {}).get("form", ""))
    found = {
        "number_format": format if isinstance(format, str) else "",
        "date_order": order if order in ("dmy", "mdy") else "",
        "dates_since": _SINCE.get(read_as.get("dates_since", ""), ""),
    }
    return {name: choice for name, choice in found.items() if choice}


def _with_new_names(new: Table, old: Table, joined: Table) -> ReadAs:
    """The notes of reading new rows, with the series that the data set did not have."""
    keys = [set(_series_names(table)) for table in (new, old)]
    fresh = sorted(keys[0] - keys[1])
    found = new.read_as
    if fresh:
        listed = ", ".join(fresh[:_LISTED]) + (", …" if len(fresh) > _LISTED else "")
        told = f"{len(fresh):,} series are new in the data set: {listed}."
        found = found | {"warnings": [*found.get("warnings", []), told]}
    alike = similar_names([labels for _, labels in joined.names])
    return found | ({"similar_names": alike} if alike else {})


def _series_names(table: Table) -> list[str]:
    """The names of the series of a table."""
    _, rows = np.unique(table.series, return_index=True)
    parts = [[labels[code] for code in codes[rows].tolist()] for codes, labels in table.names]
    return [" / ".join(names) for names in zip(*parts, strict=True)]


def _shift_names(options: RowsOptions, document: dict[str, Any]) -> list[str] | None:
    """The names of all shifts in the stored rows, in the order of their times; None: not known."""
    by_time = {
        time: name for name, time in document.get("read_as", {}).get("shift_names", {}).items()
    }
    texts = options.shifts or ",".join(document["summary"].get("shifts", ()))
    times = time_texts(ShiftTimes.of(texts).begins) if by_time else []
    return [by_time[time] for time in times] if times and {*times} == {*by_time} else None


def _log(
    datasets: Datasets, document: dict[str, Any], path: Path, options: RowsOptions
) -> tuple[Cleaned, EventLog, Counts, ReadAs]:
    id, about = document["dataset_id"], document["quality"]["event_log"]
    stored, chosen = datasets.log(id), event_options(options)
    reading = replace(chosen.reading, rules=stored.rules)
    with raw_files.opened(path, datasets.max_rows, datasets.max_bytes, options) as raw:
        read = event_upload.read(raw, replace(chosen, reading=reading), datasets.max_series)
    if read is None:
        raise InvalidInput.of("rows", "must be those of an event log, as the stored ones are")
    log, counts = joined_logs(stored, read.log, options.replace)
    check_rows(len(log), datasets.max_rows)
    whole = ReadLog(log, about["columns"], read.ignored, about.get("date_order"))
    cleaned, _ = event_upload.series_of(whole, datasets.event_options(id))
    check_series(len(cleaned.panel.series_keys), datasets.max_series)
    read_as = raw.read_as | {"columns": read.columns, "warnings": raw.warnings}
    return cleaned, log, counts, read_as
