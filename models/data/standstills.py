"""Hours and shifts of open days at which a plant stands still.

Plants leave nights, and the ends of closed times, out of their tables. A lacking row is one in
which nothing leaves, with throughput 0 and the WIP carried, if none of the plant's series has a row

* in most weeks at that place in the week, as in a night without a shift,
* or from there to such a place or to a closed day: the late shift before a holiday,
* or for a day or longer, of a plant that stands still at times.

Any other lacking row is a gap. Whole days without rows are closed days (`worked_rows`).

Example: of shifts from Sunday 22:00 to Friday 22:00, a series gets two rows for every Sunday, and
one for every Friday; Saturdays are closed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.series_rows import SeriesRows
from models.series import day_parts
from models.series.calendar import Calendar
from models.series.working_calendar import spans_of

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_IDLE = 0.25  # share of the weeks with a row, up to which a place in the week stands still
_FEWEST_WEEKS = 2
_LISTED = 20  # spans
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def with_standstills(
    rows: SeriesRows, calendar: Calendar, lanes: Ints | None = None
) -> tuple[SeriesRows, dict[str, Any]]:
    """Return rows of hours or shifts with those of standstills, and what was added.

    Args:
        rows: one of each series and step, of open days.
        calendar: of hours or shifts.
        lanes: of the working calendar of each series; None: every day is worked.

    Returns:
        the rows; {} or `steps`, their number, `places` in the week by plant, as "Sat 06:00", and
        `spans` by plant, of those at no such place.
    """
    plants = np.array([key[0] for key in rows.keys])
    lanes = np.zeros(len(rows.keys), np.int64) if lanes is None else lanes
    found: list[tuple[int, int, float]] = []
    places, spans = {}, {}
    for plant in dict.fromkeys(plants.tolist()):
        members = np.flatnonzero(plants == plant)
        days = np.unique(rows.days[np.isin(rows.group, members)])
        if not days.size:
            continue
        idle = _idle_places(days, calendar)
        still = _standstills(days, idle, calendar, np.unique(lanes[members]))
        own = [
            row for g in members.tolist() for row in _carried(rows, g, still, calendar, lanes[g])
        ]
        found += own
        added = np.unique(np.array([day for _, day, _ in own], np.int64))
        usual = np.isin(calendar.place_in_week(added), idle)
        if usual.any():
            places[plant] = _names(np.unique(calendar.place_in_week(added[usual])), calendar)
        if not usual.all():
            spans[plant] = _span_texts(added[~usual], calendar)
    if not found:
        return rows, {}
    group, steps, wip = map(np.array, zip(*found, strict=True))
    more = {name: np.full(len(wip), np.nan) for name in rows.numbers}
    more |= {"wip": wip, "throughput": np.zeros(len(wip))}
    note = {"steps": len(found), "places": places} | ({"spans": spans} if spans else {})
    return rows.joined(SeriesRows(rows.keys, group, steps, more)), note


def _idle_places(days: Ints, calendar: Calendar) -> Ints:
    """The places in the week at which a plant stands still."""
    seen = calendar.place_in_week(days)
    every = calendar.place_in_week(np.arange(days[0], days[-1] + 1))
    rows, weeks = (np.bincount(places, minlength=calendar.week) for places in (seen, every))
    return np.flatnonzero((weeks >= _FEWEST_WEEKS) & (rows <= _IDLE * weeks))


def _standstills(days: Ints, idle: Ints, calendar: Calendar, lanes: Ints) -> Ints:
    """The hours or shifts at which a plant stands still, those of closed days among them."""
    every = np.arange(days[0], days[-1] + 1)
    closed = ~np.any([calendar.is_open(every, lane) for lane in lanes.tolist()], axis=0)
    still = closed | np.isin(calendar.place_in_week(every), idle)
    lacking = ~np.isin(every, days)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lacking, [False]])))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        is_day = end - begin >= calendar.parts and still.any()
        if is_day or still[begin:end].any():
            still[begin:end] = True
    return every[still]


def _carried(
    rows: SeriesRows, g: int, still: Ints, calendar: Calendar, lane: int
) -> list[tuple[int, int, float]]:
    """Lacking rows of a series at which it stands still: its number, the step, the WIP before."""
    own = rows.places(np.array([g]))
    known, wip = rows.days[own], rows.numbers["wip"][own]
    if not len(known):
        return []
    inside = still[(still > known[0]) & (still < known[-1])]
    lacking = np.setdiff1d(inside[calendar.is_open(inside, lane)], known)
    before = wip[np.searchsorted(known, lacking) - 1]
    return [(g, *row) for row in zip(lacking.tolist(), before.tolist(), strict=True)]


def _names(places: Ints, calendar: Calendar) -> list[str]:
    times = day_parts.time_texts(calendar.begins)
    parts = (divmod(place, calendar.parts) for place in places.tolist())
    return [f"{_WEEKDAYS[day]} {times[part]}" for day, part in parts]


def _span_texts(days: Ints, calendar: Calendar) -> list[str]:
    """The first spans of hours or shifts, by their first and last one."""
    return ["/".join(dict.fromkeys(map(calendar.text, span))) for span in spans_of(days)[:_LISTED]]
