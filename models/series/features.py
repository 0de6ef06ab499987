"""Engineered features of the enhanced network: moving averages and further calendar features.

A moving average is of the rows of one series up to a row, never of later rows or of other series;
at the beginning of a series it is of as many rows as there are.

    >>> values = np.array([[1.0], [3.0], [5.0]]).repeat(3, axis=1)
    >>> moving_averages(values, np.arange(3), windows=(2,))[:, 0].tolist()
    [1.0, 2.0, 4.0]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.series.calendar import Calendar, Step

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Rows of the moving averages: a week and four, a month and a quarter, a quarter and a year.
_AVERAGED = {Step.DAY: (7, 28), Step.WEEK: (4, 13), Step.MONTH: (3, 12)}

_MONTHS_OF_A_QUARTER = 3
_WORKING_DAYS = 21.0  # of a usual month, Monday to Friday


def averaged_rows(calendar: Calendar) -> tuple[int, ...]:
    """Return the rows of the moving averages; of hours and shifts those of a day and a week."""
    return (calendar.parts, calendar.week) if calendar.begins else _AVERAGED[calendar.step]


def moving_averages(values: Floats, position: Ints, windows: tuple[int, ...]) -> Floats:
    """Return the moving averages up to each row, [n, 3 × windows].

    Args:
        values: rows of series, one series after the other, [n, 3].
        position: position of each row within its series, from 0, [n].
        windows: numbers of rows that are averaged, ascending.
    """
    total, found = np.zeros_like(values), []
    count = np.minimum(position, windows[-1]) + 1
    for lag in range(windows[-1]):
        own = position[lag:] >= lag
        total[lag:] += np.where(own[:, None], values[: len(own)], 0.0)
        if lag + 1 in windows:
            found.append(total / np.minimum(count, lag + 1)[:, None])
    return np.hstack(found)


def last_averages(recent: Floats, known: Ints, windows: tuple[int, ...]) -> Floats:
    """Return the moving averages up to the last row of n series, [n, 3 × windows].

    Args:
        recent: the last rows of each, at least as many as the longest window, [n, rows, 3].
        known: how many of them, at the end, are rows of the series, [n].
        windows: numbers of rows that are averaged, ascending.
    """
    mine = np.arange(recent.shape[1], 0, -1) <= known[:, None]
    own = np.where(mine[..., None], recent, 0.0)
    return np.hstack(
        [own[:, -rows:].sum(axis=1) / np.minimum(known, rows)[:, None] for rows in windows]
    )


def calendar_extras(calendar: Calendar, index: Ints) -> NDArray[np.float32]:
    """Return calendar features beside those of `Calendar.features`, [n] → [n, width].

    Days and their parts, weeks: position of the date in its month and in its quarter, as sine and
    cosine.
    Months: number of working days, Monday to Friday, less 21.
    """
    days = calendar.day_of(calendar.days(index)).astype("datetime64[D]")
    month = days.astype("datetime64[M]")
    if calendar.step is Step.MONTH:
        working = np.busday_count(
            month.astype("datetime64[D]"), (month + 1).astype("datetime64[D]")
        )
        return (working - _WORKING_DAYS)[:, None].astype(np.float32)
    into = month.astype(np.int64) % _MONTHS_OF_A_QUARTER
    quarter = month - into.astype("timedelta64[M]")
    shares = [_share(days, month, 1), _share(days, quarter, _MONTHS_OF_A_QUARTER)]
    waves = [wave(2 * np.pi * share) for share in shares for wave in (np.sin, np.cos)]
    return np.stack(waves, axis=1).astype(np.float32)


def _share(
    days: NDArray[np.datetime64], begin: NDArray[np.datetime64], months: int
) -> NDArray[np.float64]:
    """Share of a span of months from month `begin` on that lies before each day, 0 to 1."""
    first, end = begin.astype("datetime64[D]"), (begin + months).astype("datetime64[D]")
    return (days - first).astype(float) / (end - first).astype(float)
