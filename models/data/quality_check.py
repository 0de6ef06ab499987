"""The quality of any data, stored or posted; nothing is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.data import tables
from models.data.cleaning import Cleaned, clean
from models.data.dataset_summary import calendar_of, summary_of
from models.data.datasets import Datasets
from models.data.events import event_upload
from models.data.events.event_upload import EventOptions
from models.data.quality import report
from models.data.tables import Table
from models.series.calendar import Calendar
from models.series.plant_calendars import PlantCalendars
from utils.api.schemas import DataRequest
from utils.errors import InvalidInput


def examine(
    datasets: Datasets, source: DataRequest | Path, options: EventOptions | None = None
) -> dict[str, Any]:
    """Return the quality of a stored data set, of rows, or of the table in a file.

    Of a stored data set the figures are those of its upload. Of a table that an upload would
    refuse because its gaps are too long, the longest stretch of each series is judged, and
    `unmendable` has the refusal.

    Raises:
        NotFound: there is no such data set.
        ServiceError: the table cannot be read; the sentence names the place.
    """
    log = event_log(datasets, source, options or EventOptions())
    if log is None:
        table, calendar, given, stored = _table(datasets, source)
        cleaned, unmendable = _cleaned(table, calendar, given)
    else:
        cleaned, unmendable, stored = log, None, None
    quality = stored or cleaned.quality
    return {
        "data_points": len(cleaned.panel.values) + len(cleaned.closed.group),
        "summary": summary_of(cleaned.panel, len(cleaned.closed.group)),
        "quality": {
            **quality,
            **report(cleaned.panel, cleaned.extras.get("releases")),
            "unmendable": unmendable,
        },
    }


def event_log(
    datasets: Datasets, source: DataRequest | Path, options: EventOptions
) -> Cleaned | None:
    """Return the series of an event log; None if the source is none.

    Raises:
        ServiceError: it is one, and cannot be read.
    """
    if isinstance(source, Path):
        limits = datasets.max_rows, datasets.max_bytes, datasets.max_series
        read = event_upload.read_file(source, options, *limits)
    elif source.posted is not None:
        read = event_upload.read_rows(source.posted, options, datasets.max_series)
    else:
        return None
    return None if read is None else event_upload.series_of(read, options)[0]


def _table(
    datasets: Datasets, source: DataRequest | Path
) -> tuple[Table, Calendar | None, PlantCalendars | None, dict[str, Any] | None]:
    """The rows; of a stored data set also its calendars and the quality found at its upload."""
    if isinstance(source, Path):
        limits = datasets.max_rows, datasets.max_bytes, datasets.max_series
        return tables.read_file(source, *limits), None, None, None
    if source.posted is not None:
        rows, series = datasets.max_rows, datasets.max_series
        return tables.read_rows(source.posted, rows, False, series), None, None, None
    document = datasets.store.document(str(source.dataset_id))
    # Filled gaps may have made it larger than what may be uploaded.
    rows = max(datasets.max_rows, document["data_points"])
    with datasets.parquet(document["dataset_id"]) as path:
        table = tables.read_file(path, rows, datasets.max_bytes)
    given = PlantCalendars.from_document(document) if document.get("calendars") else None
    return table, calendar_of(document), given, document.get("quality")


def _cleaned(
    table: Table, calendar: Calendar | None, given: PlantCalendars | None
) -> tuple[Cleaned, dict[str, Any] | None]:
    """The cleaned table, and the refusal of its gaps if they are too long to fill."""
    try:
        return clean(table, calendar, given=given), None
    except InvalidInput as error:
        # What is wrong besides gaps is wrong with any part of the table, and raised again.
        cleaned = clean(table, calendar, partly=True, given=given)
        document = error.to_document()
        return cleaned, {"error": document["message"], "details": document["details"]}
