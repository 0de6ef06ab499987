"""Engineered features: what a design shows its network beside the values and the usual calendar.

Moving averages are of each series' own past up to the row, never of what lies behind it or beside
it; at the beginning of a series they are of as many rows as there are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.series.calendar import Calendar, Step

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Rows of the moving averages: a week and four, a month and a quarter, a quarter and a year.
AVERAGED = {Step.DAY: (7, 28), Step.WEEK: (4, 13), Step.MONTH: (3, 12)}

_MONTHS_OF_A_QUARTER = 3
_WORKING_DAYS = 21.0  # of a usual month, Monday to Friday


def moving_averages(values: Floats, position: Ints, windows: tuple[int, ...]) -> Floats:
    """Means of the last rows up to each row of series, [n, 3] → [n, 3 × windows].

    Args:
        values: rows of series one behind the other.
        position: each row's place within its series from 0, [n].
        windows: how many rows are averaged, ascending.
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
    """The moving averages of the last row of n series each, [n, rows, 3] → [n, 3 × windows].

    Args:
        recent: their last rows, at least the longest window's.
        known: how many of them, at the end, are rows of the series, [n].
    """
    mine = np.arange(recent.shape[1], 0, -1) <= known[:, None]
    own = np.where(mine[..., None], recent, 0.0)
    return np.hstack(
        [own[:, -rows:].sum(axis=1) / np.minimum(known, rows)[:, None] for rows in windows]
    )


def calendar_extras(calendar: Calendar, index: Ints) -> NDArray[np.float32]:
    """What a step's date says beside `Calendar.features`, [n] → [n, width].

    Days and weeks: where in its month and in its quarter the date lies, as waves. Months: how
    many of its days are working days, Monday to Friday, above 21.
    """
    days = calendar.days(index).astype("datetime64[D]")
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
    """How much of a span of months that begins with month `begin` lies before each day."""
    first, end = begin.astype("datetime64[D]"), (begin + months).astype("datetime64[D]")
    return (days - first).astype(float) / (end - first).astype(float)
