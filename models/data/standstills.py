"""Hours and shifts at which a plant stands still: places in the week that hardly ever have a row.

Plants leave nights and weekends out of their tables. Of an hour or a shift at which none of the
plant's series has a row in most weeks, a lacking row is one in which nothing leaves: throughput
is 0, and the WIP is carried. Any other lacking row is a gap.

Example: of shifts from Monday to Friday, a series gets six rows for every weekend.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.series_rows import SeriesRows
from models.series import day_parts
from models.series.calendar import Calendar

Ints = NDArray[np.int64]

_IDLE = 0.25  # share of the weeks with a row, up to which a place in the week stands still
_FEWEST_WEEKS = 2
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def with_standstills(rows: SeriesRows, calendar: Calendar) -> tuple[SeriesRows, dict[str, Any]]:
    """Return rows of hours or shifts with those of standstills, and what was added.

    Args:
        rows: one of each series and step.
        calendar: of hours or shifts.

    Returns:
        the rows; {} or `steps`, their number, and `places` in the week by plant, as "Sat 06:00".
    """
    plants = np.array([key[0] for key in rows.keys])
    found: list[tuple[int, int, float]] = []
    places = {}
    for plant in dict.fromkeys(plants.tolist()):
        members = np.flatnonzero(plants == plant)
        idle = _idle_places(rows.days[np.isin(rows.group, members)], calendar)
        own = [row for g in members.tolist() for row in _carried(rows, g, idle, calendar)]
        found += own
        if own:
            numbers = calendar.place_in_week(np.array([day for _, day, _ in own]))
            places[plant] = _names(np.unique(numbers), calendar)
    if not found:
        return rows, {}
    group, days, wip = map(np.array, zip(*found, strict=True))
    more = {name: np.full(len(wip), np.nan) for name in rows.numbers}
    more |= {"wip": wip, "throughput": np.zeros(len(wip))}
    note = {"steps": len(found), "places": places}
    return rows.joined(SeriesRows(rows.keys, group, days, more)), note


def _idle_places(days: Ints, calendar: Calendar) -> Ints:
    """The places in the week at which a plant stands still."""
    if not days.size:
        return days
    seen = calendar.place_in_week(np.unique(days))
    every = calendar.place_in_week(np.arange(days.min(), days.max() + 1))
    rows, weeks = (np.bincount(places, minlength=calendar.week) for places in (seen, every))
    return np.flatnonzero((weeks >= _FEWEST_WEEKS) & (rows <= _IDLE * weeks))


def _carried(
    rows: SeriesRows, g: int, idle: Ints, calendar: Calendar
) -> list[tuple[int, int, float]]:
    """Lacking rows of a series at which it stands still: its number, the step, the WIP before."""
    own = rows.places(np.array([g]))
    known, wip = rows.days[own], rows.numbers["wip"][own]
    if not len(known):
        return []
    inside = np.arange(known[0], known[-1] + 1)
    lacking = np.setdiff1d(inside[np.isin(calendar.place_in_week(inside), idle)], known)
    before = wip[np.searchsorted(known, lacking) - 1]
    return [(g, *row) for row in zip(lacking.tolist(), before.tolist(), strict=True)]


def _names(places: Ints, calendar: Calendar) -> list[str]:
    times = day_parts.time_texts(calendar.begins)
    parts = (divmod(place, calendar.parts) for place in places.tolist())
    return [f"{_WEEKDAYS[day]} {times[part]}" for day, part in parts]
