"""Columns of dates in stored Parquet files: days as dates, hours and shifts as times.

>>> hours = Calendar(Step.HOUR, begins=day_parts.HOURS)
>>> column = date_column(hours, np.array([29, 30]))
>>> str(column[0]), days_of_column(column, hours).tolist()
('1970-01-02 05:00:00', [29, 30])
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.series import day_parts
from models.series.calendar import Calendar

Ints = NDArray[np.int64]


def date_type(calendar: Calendar) -> pa.DataType:
    """Return the type of a column of dates: of hours and shifts it is a time without a zone."""
    return pa.timestamp("ms") if calendar.begins else pa.date32()


def date_column(calendar: Calendar, days: Ints) -> pa.Array:
    """Return a column of dates, of days of a calendar."""
    if calendar.begins:
        times = day_parts.part_times(calendar.begins, days).astype("datetime64[ms]")
        return pa.array(times, date_type(calendar))
    return pa.array(days.astype("datetime64[D]"))


def days_of_column(column: pa.ChunkedArray, calendar: Calendar) -> Ints:
    """Return the days of a calendar that a column of dates has; the inverse of `date_column`."""
    if not calendar.begins:
        found: Ints = column.cast(pa.int32()).to_numpy().astype(np.int64)
        return found
    seconds = column.cast(pa.int64()).to_numpy() // 1000
    return day_parts.part_numbers(calendar.begins, *np.divmod(seconds, 86_400))
