"""The rows of worked days, parted from those of closed days by the calendars that rows show.

Example: of a table from Monday to Friday with some rows of a Saturday without output, the rows of
Saturdays are kept apart; they are no steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.data.calendar_recognition import recognise
from models.data.days_shown import DaysShown, by_day
from models.data.series_rows import MAX_GAP, SeriesRows
from models.series.calendar import Calendar
from models.series.plant_calendars import PlantCalendars
from models.series.working_calendar import WorkingCalendar

Ints = NDArray[np.int64]

_SHARED = 0.5  # share of the series without a row on a day, from which the lack is no gap


@dataclass(frozen=True)
class WorkedRows:
    """The rows of worked days.

    Attributes:
        calendars: working calendars of the plants.
        rows: of worked days.
        closed: of closed days.
        until: the last day (hour, shift) with a row of each series, closed or not, by its number;
            0: none.
    """

    calendars: PlantCalendars
    rows: SeriesRows
    closed: SeriesRows
    until: Ints

    @classmethod
    def fixed(cls, rows: SeriesRows) -> WorkedRows:
        """Return rows of which all are of worked days."""
        none = rows.select(np.zeros(len(rows.group), bool))
        return cls(PlantCalendars(), rows, none, _until(rows))


def worked_rows(
    rows: SeriesRows, step: Calendar, given: PlantCalendars | None = None
) -> WorkedRows:
    """Recognise the calendars of rows, and part the rows by them.

    Where one series alone did not work on a day on which its plant did, it gets a row in which
    nothing leaves.

    Args:
        step: of the rows: days, hours or shifts.
        given: as of `recognise`.
    """
    # A day that lacks all of its hours or shifts is hardly a gap.
    longest_gap = 0 if step.begins else MAX_GAP
    calendars, until = recognise(by_day(rows, step), given, longest_gap), _until(rows)
    calendar, lanes = calendars.applied(step, rows.keys)
    if lanes is None:
        return replace(WorkedRows.fixed(rows), calendars=calendars)
    is_open = calendar.is_open(rows.days, lanes[rows.group])
    closed, worked = rows.select(~is_open), rows.select(is_open)
    return WorkedRows(calendars, _with_carried_days(worked, calendars, step), closed, until)


def _until(rows: SeriesRows) -> Ints:
    found = np.zeros(len(rows.keys), np.int64)
    found[rows.group] = rows.days  # of each series, the last one stays
    return found


def _with_carried_days(rows: SeriesRows, calendars: PlantCalendars, step: Calendar) -> SeriesRows:
    """Rows, and those that lack because the series alone did not work on a day (hour, shift).

    On a day of extra work of others, or on one on which most of the series of a calendar have no
    row, nothing of the series leaves, and its WIP is carried.
    """
    groups: dict[WorkingCalendar, list[int]] = {}
    for g in np.unique(rows.group).tolist():
        groups.setdefault(calendars.of(rows.keys[g]), []).append(g)
    found: list[tuple[int, int, float]] = []
    for calendar, members in groups.items():
        if len(members) > 1 and not calendar.works_every_day:
            own = DaysShown.of(rows, np.array(members))
            lacking = own.active - own.rows
            few = (lacking > 1) & (lacking >= _SHARED * own.active)
            dates = step.day_of(own.days)
            extra = (lacking > 0) & ~replace(calendar, open=()).is_open(dates)
            days = own.days[(own.rows > 0) & (few | extra) & calendar.is_open(dates)]
            for g in members:
                found += [(g, *row) for row in _carried(rows, g, days)]
    if not found:
        return rows
    group, more_days, wip = map(np.array, zip(*found, strict=True))
    more = {name: np.full(len(wip), np.nan) for name in rows.numbers}
    more |= {"wip": wip, "throughput": np.zeros(len(wip))}
    return rows.joined(SeriesRows(rows.keys, group, more_days, more))


def _carried(rows: SeriesRows, g: int, days: Ints) -> Iterator[tuple[int, float]]:
    """Days within a series without a row, and the WIP of the row before each."""
    own = rows.places(np.array([g]))
    known, wip = rows.days[own], rows.numbers["wip"][own]
    for day in np.setdiff1d(days[(days > known[0]) & (days < known[-1])], known).tolist():
        yield day, float(wip[np.searchsorted(known, day) - 1])
