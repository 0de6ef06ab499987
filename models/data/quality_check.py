"""The quality of any data, stored or posted; nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.data.cleaning import Cleaned
from models.data.dataset_content import cleaned_table
from models.data.dataset_summary import calendar_of, summary_of
from models.data.datasets import Datasets
from models.data.events import event_upload
from models.data.events.event_choices import event_options
from models.data.events.event_upload import EventOptions
from models.data.given_calendars import given_calendars
from models.data.quality import report
from models.data.reading import json_tables, raw_files, tables
from models.data.reading.raw_files import NO_OPTIONS
from models.data.reading.raw_tables import RawTable
from models.data.reading.tables import Table
from models.series.calendar import Calendar
from models.series.plant_calendars import PlantCalendars, described
from utils.api.schemas.calendar import CalendarFields
from utils.api.schemas.data import DataRequest
from utils.api.upload_options import ReadOptions, UploadOptions
from utils.errors import InvalidInput


def examine(
    datasets: Datasets, source: DataRequest | Path, options: UploadOptions = NO_OPTIONS
) -> dict[str, Any]:
    """Return the quality of a stored data set, of rows, or of the table in a file.

    Of a stored data set the figures are those of its upload. Of a table that an upload would
    refuse because its gaps are too long, the longest stretch of each series is judged, and
    `unmendable` has the refusal.

    Args:
        calendar: working calendars that hold, by plant, in place of those of a stored data set.

    Raises:
        NotFound: there is no such data set.
        ServiceError: the table cannot be read; the sentence names the place.
    """
    cleaned, unmendable, stored = _received(datasets, source, options)
    quality = stored or cleaned.quality
    return {
        "data_points": len(cleaned.panel.values) + len(cleaned.closed.group),
        "summary": summary_of(cleaned.panel, len(cleaned.closed.group)),
        "calendars": described(cleaned.calendars, {key[0] for key in cleaned.panel.series_keys}),
        "quality": {
            **quality,
            **report(cleaned.panel, cleaned.extras.get("releases")),
            "unmendable": unmendable,
        },
    }


def _received(
    datasets: Datasets, source: DataRequest | Path, options: UploadOptions
) -> tuple[Cleaned, dict[str, Any] | None, dict[str, Any] | None]:
    """The series, why an upload would refuse them, and the quality found at their upload."""
    rows, size, series = datasets.max_rows, datasets.max_bytes, datasets.max_series
    chosen = event_options(options)
    if isinstance(source, Path):
        with raw_files.opened(source, rows, size, options) as raw:
            return (*_read(raw, options, chosen, series, options.calendar), None)
    if source.posted is not None:
        raw = json_tables.of_rows(source.posted, rows, {"format": "json"})
        return (*_read(raw, source, chosen, series, options.calendar or source.calendar), None)
    document = datasets.store.document(str(source.dataset_id))
    # Filled gaps may have made it larger than what may be uploaded.
    rows = max(rows, document["data_points"])
    with datasets.parquet(document["dataset_id"]) as path:
        table = tables.read_file(path, rows, size, calendar=calendar_of(document))
    known = PlantCalendars.from_document(document) if document.get("calendars") else None
    given = given_calendars(options.calendar or source.calendar, table.names[0][1]) or known
    cleaned, unmendable = _cleaned(table, calendar_of(document), given)
    return cleaned, unmendable, document.get("quality")


def _read(
    raw: RawTable,
    options: ReadOptions,
    chosen: EventOptions,
    max_series: int,
    calendar: Mapping[str, CalendarFields] | None,
) -> tuple[Cleaned, dict[str, Any] | None]:
    log = event_upload.read(raw, chosen, max_series)
    if log:
        return event_upload.series_of(log, chosen)[0], None
    table = tables.table_of(raw, options, False, max_series)
    return _cleaned(table, None, given_calendars(calendar, table.names[0][1]))


def _cleaned(
    table: Table, calendar: Calendar | None, given: PlantCalendars | None
) -> tuple[Cleaned, dict[str, Any] | None]:
    """The cleaned table, and the refusal of its gaps if they are too long to fill."""
    try:
        return cleaned_table(table, calendar, given=given), None
    except InvalidInput as error:
        # What is wrong besides gaps is wrong with any part of the table, and raised again.
        cleaned = cleaned_table(table, calendar, partly=True, given=given)
        document = error.to_document()
        return cleaned, {"error": document["message"], "details": document["details"]}
