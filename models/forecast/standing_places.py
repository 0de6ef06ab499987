"""Places in the week at which a line of hours or shifts stands still: nothing is put out there.

Forecasts there are zero, and certain. Were their errors among those that intervals are taken from,
the intervals of worked hours would be too narrow. So they count as not known.

Of a line that often puts out nothing, a few rows of a place tell little: it stands still there if
its rows would hardly be all without output by chance.

    >>> output, places = np.array([5.0, 0.0, 6.0, 0.0, 4.0, 0.0]), np.array([0, 1, 0, 1, 0, 1])
    >>> standing_places(output, places, 2).tolist()
    [False, True]
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.series.calendar import Calendar, dated
from models.series.panel import Panel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_STILL = 0.95  # share of the rows without output
_FEWEST = 3  # rows of a place
_CHANCE = 1e-4  # that no row of a worked place has output, up to which it stands still
_THROUGHPUT = 1  # place in TARGETS


def standing_places(throughput: Floats, places: Ints, week: int) -> Flags:
    """Return True for the places in the week at which nothing is put out, [week].

    Args:
        throughput: of the rows of a series, [m]; NaN where unknown.
        places: of the rows, from 0, [m].
        week: number of places.
    """
    rows, idle = (np.bincount(some, minlength=week) for some in (places, places[throughput == 0]))
    found = (rows >= _FEWEST) & (idle >= _STILL * rows)
    elsewhere = idle[~found].sum() / max(rows[~found].sum(), 1)
    return found & (elsewhere**rows <= _CHANCE)


def standing_ahead(rows: Sequence[Floats], calendar: Calendar, last: Ints, steps: int) -> Flags:
    """Return True for the steps ahead at which series stand still, [n, steps].

    Args:
        rows: of each series, oldest first, [m, 3].
        calendar: of the series; rows of days or longer steps never stand still.
        last: dated step number of the last row of each, [n].
    """
    found = np.zeros((len(rows), steps), bool)
    if not calendar.begins:
        return found
    for i, own in enumerate(rows):
        numbers = last[i] + 1 + np.arange(-len(own), steps)
        places = calendar.place_in_week(calendar.days(numbers))
        past, ahead = places[: len(own)], places[len(own) :]
        found[i] = standing_places(own[:, _THROUGHPUT], past, calendar.week)[ahead]
    return found


def without_standing(rows: Floats, calendar: Calendar, last: int | np.int64) -> Floats:
    """Return rows of a series in which those of standing places are not known, [m, 3].

    Args:
        calendar: of the series; rows of days or longer steps stay as they are.
        last: dated step number of the last row.
    """
    if not calendar.begins:
        return rows
    places = calendar.place_in_week(calendar.days(last + 1 - np.arange(len(rows), 0, -1)))
    still = standing_places(rows[:, _THROUGHPUT], places, calendar.week)
    found = rows.copy()
    found[still[places]] = np.nan
    return found


def without_standing_errors(errors: Floats, origins: Ints, series: Ints, panel: Panel) -> Floats:
    """Return errors in which those at standing places are not known.

    Args:
        errors: by origin, series and step, [n, S', H, 3].
        origins: plain numbers of the first steps forecast, [n].
        series: numbers of the series in the panel, [S'].
    """
    calendar = panel.calendar
    if not calendar.begins:
        return errors
    place_of_row = calendar.place_in_week(panel.days)
    still = np.zeros((len(series), calendar.week), bool)
    for i, s in enumerate(series.tolist()):
        own = slice(panel.offsets[s], panel.offsets[s + 1])
        output = panel.values[own, _THROUGHPUT]
        still[i] = standing_places(output, place_of_row[own], calendar.week)
    if not still.any():
        return errors
    lanes = 0 if panel.lanes is None else panel.lanes[series][:, None]
    steps = dated(origins[:, None, None] + np.arange(errors.shape[2]), lanes)
    places = np.broadcast_to(calendar.place_in_week(calendar.days(steps)), errors.shape[:3])
    found = errors.copy()
    found[still[np.arange(len(series))[:, None], places]] = np.nan
    return found
