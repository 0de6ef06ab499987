"""The working calendars of stored data sets: read with another one, and changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from models.data.cleaning import Cleaned, clean
from models.data.dataset_summary import calendar_of
from models.data.datasets import Datasets
from models.data.given_calendars import given_calendars
from models.data.reading import tables
from models.data.reading.raw_files import NO_OPTIONS
from models.series.panel import Panel
from models.series.plant_calendars import PlantCalendars, described
from models.series.working_calendar import WorkingCalendar, span_of
from utils.api.schemas.calendar import CalendarFields
from utils.errors import InvalidInput

Document = dict[str, Any]


def load_with(datasets: Datasets, id: str, calendar: Mapping[str, CalendarFields] | None) -> Panel:
    """Return the series of a data set with a calendar of a request; None: with its own.

    Raises:
        NotFound: there is no such data set.
        InvalidInput: the calendar does not fit the rows.
    """
    return datasets.load(id) if calendar is None else _cleaned(datasets, id, calendar).panel


def change(datasets: Datasets, id: str, calendar: Mapping[str, CalendarFields]) -> None:
    """Give a data set another calendar.

    Raises:
        NotFound: there is no such data set.
        InvalidInput: the calendar does not fit the rows: it has open days without any.
    """
    cleaned = _cleaned(datasets, id, calendar)
    gaps, still = cleaned.quality["gaps"], cleaned.quality.get("standstills", {"steps": 0})
    if lacking := gaps["steps"] + still["steps"]:
        places = [
            f"of {place['series']} between {place['after']} and {place['before']}"
            for place in gaps["places"]
        ]
        places += [f"of {plant} on {each[0]}" for plant, each in still.get("places", {}).items()]
        raise InvalidInput.of(
            "calendar",
            f"must have open days with rows only; {lacking} lack, the first ones {places[0]}. "
            "Upload the table anew with this calendar to have them filled",
        )
    changed = cleaned.calendars.to_document() | {"calendars_given": True}
    datasets.store.update_document(id, lambda kept: kept | changed)


def calendars_in(document: Document) -> Document:
    """Return the calendars in the document of a data set, by plant, JSON-ready."""
    plants = document["summary"]["plants"]
    return described(PlantCalendars.from_document(document), plants)


def closed_days(calendars: Document, span: str) -> dict[str, list[str]]:
    """Return the closed dates within a span by the names of calendars.

    Args:
        calendars: by name, as `calendars_in` returns them.
        span: its first and last date, both included.

    >>> closed_days({"North": {"weekdays": [1, 2, 3, 4, 5]}}, "2026-01-01/2026-01-04")
    {'North': ['2026-01-03', '2026-01-04']}
    """
    first, last = span_of(span)
    days = np.arange(first, last + 1)
    return {
        name: days[~WorkingCalendar.from_document(own).is_open(days)]
        .astype("M8[D]")
        .astype(str)
        .tolist()
        for name, own in calendars.items()
    }


def _cleaned(datasets: Datasets, id: str, calendar: Mapping[str, CalendarFields]) -> Cleaned:
    document = datasets.store.document(id)
    given = given_calendars(calendar, document["summary"]["plants"])
    rows = max(datasets.max_rows, document["data_points"])
    with datasets.parquet(id) as path:
        declared = document.get("known", ())
        step = calendar_of(document)
        table = tables.read_file(path, rows, datasets.max_bytes, None, NO_OPTIONS, step, declared)
    return clean(table, step, given=given)
