"""The columns of a table that hold its dates: one, or a year beside a month or a week."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow.compute as pc

from models.data.reading import table_columns
from models.data.reading.column_mapping import Mapping
from models.data.reading.column_names import YEARS, folded, is_of_weeks
from models.data.reading.date_format import Dates, Order
from models.data.reading.raw_tables import RawColumn, RawTable
from models.data.reading.spreadsheet_days import Since

_WITHOUT_YEAR = r"^(?:\pL{0,9}[. ]*\d{1,2}\.?|\pL{3,9}\.?)$"  # 1, KW 5, M01, Januar
_DAY_NUMBER = r"^[+-]?\d{1,7}(?:[.,]\d*)?$"


def with_year(raw: RawTable, mapping: Mapping) -> Mapping:
    """Return a mapping whose date is the year and the month (or week), if they have columns each.

    Only if no value in the column of the date has a year, and one other column is named as one.
    """
    places = mapping.places.get("date", [])
    years = [place for place in mapping.ignored if folded(raw.names[place]) in YEARS]
    if len(places) != 1 or len(years) != 1:
        return mapping
    values = raw.load(places)[0].distinct()[0]
    if not len(values) or not pc.all(pc.match_substring_regex(values, _WITHOUT_YEAR)).as_py():
        return mapping
    ignored = [place for place in mapping.ignored if place not in years]
    return replace(mapping, places=mapping.places | {"date": years + places}, ignored=ignored)


def dates_of(
    columns: dict[str, RawColumn],
    mapping: Mapping,
    names: list[str],
    order: Order | None,
    since: Since | None = None,
) -> Dates:
    """Return the dates of a table, of its column `date` or `day`.

    Args:
        columns: the known columns.
        names: of all columns of the table, as they are written.
        order: of day, month and year, as the request states it.
        since: first year of dates that are numbers of days, as it is known.

    Raises:
        InvalidInput: a row has no date that can be read.
    """
    of_weeks = any(is_of_weeks(names[place]) for place in mapping.places.get("date", []))
    if "date" in columns:
        return table_columns.days_of(columns["date"], order, of_weeks, since)
    day = columns["day"]
    if pc.all(pc.match_substring_regex(day.distinct()[0], _DAY_NUMBER)).as_py():
        return Dates(table_columns.days_of_numbers(day), None, "number of the day")
    return table_columns.days_of(day, order, since=since)


def zone_warnings(dates: Dates) -> list[str]:
    """Return a sentence if all times are one of UTC that may be midnight in another zone."""
    if dates.seconds is None or dates.offsets is None or dates.offsets.any():
        return []
    times = np.unique(dates.seconds)
    if 0 in times or np.ptp(times) not in (0, 3600) or len(times) > 2:
        return []
    written = " or ".join(f"{time // 3600:02d}:{time // 60 % 60:02d}" for time in times)
    return [
        f"All dates are at {written} in UTC, which may be midnight of a local day. They were taken "
        "as written, in UTC; send local dates if those are meant."
    ]
