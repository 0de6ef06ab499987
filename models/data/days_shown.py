"""The days that rows show: how many series are active, have a row, and work, day by day.

A day is idle for a series if it has no row, or a row in which nothing leaves and the WIP is that of
the row before or after it. Example: of two lines with rows from Monday to Friday, of which one
lacks the Wednesday, 2 are active on it, and 1 works. Hours and shifts are put together to days
first (`by_day`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.series_rows import SeriesRows
from models.series.calendar import Calendar
from models.series.known_inputs import RELEASES

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class DaysShown:
    """Counts of the series that are active, have a row and work, day by day.

    Attributes:
        first: the first day.
        active: series whose rows begin on or before a day and end on or after it, [days].
        rows, worked: series with a row, and with a row that is not idle, [days].
        moved: series in which nothing leaves and WIP changes, [days].
        output: True where something leaves, [days].
    """

    first: int
    active: Ints
    rows: Ints
    worked: Ints
    moved: Ints
    output: Flags

    @classmethod
    def of(cls, rows: SeriesRows, members: Ints) -> DaysShown:
        """Return the counts of some series."""
        some = rows.places(members)
        group, days, busy = rows.group[some], rows.days[some], ~is_idle(rows, some)
        first, length = int(days.min()), int(np.ptp(days)) + 1
        begins = np.flatnonzero(np.diff(group, prepend=-1))
        ends = np.append(begins[1:], len(group)) - 1
        steps = np.bincount(days[begins] - first, minlength=length + 1)
        steps -= np.bincount(days[ends] + 1 - first, minlength=length + 1)
        place = days - first
        return cls(
            first,
            np.cumsum(steps)[:-1],
            np.bincount(place, minlength=length),
            np.bincount(place[busy], minlength=length),
            np.bincount(place[busy & ~(rows.numbers["throughput"][some] > 0)], minlength=length),
            np.bincount(place, rows.numbers["throughput"][some] > 0, length) > 0,
        )

    @property
    def days(self) -> Ints:
        """The days."""
        return self.first + np.arange(len(self.active))

    def within(self, other: DaysShown) -> DaysShown:
        """Return the part that lies in the days of another one, which these include."""
        part = slice(other.first - self.first, other.first - self.first + len(other.active))
        return DaysShown(
            other.first,
            self.active[part],
            self.rows[part],
            self.worked[part],
            self.moved[part],
            self.output[part],
        )


def by_day(rows: SeriesRows, calendar: Calendar) -> SeriesRows:
    """Return rows of hours or shifts as those of days; of days, the rows themselves.

    A day has the output and the releases of its parts. Its WIP is that of its last part, and not
    known where all of its parts are idle. An idle day of which a series has only a part, at its
    beginning or end, is left out: it may be worked in the rest.
    """
    if not calendar.begins or not len(rows.group):
        return rows
    days = calendar.day_of(rows.days)
    is_first = (np.diff(rows.group, prepend=-1) != 0) | (np.diff(days, prepend=-1) != 0)
    begins = np.flatnonzero(is_first)
    ends = np.append(begins[1:], len(days)) - 1
    idle = np.logical_and.reduceat(is_idle(rows, slice(None)), begins)
    group, part = rows.group[begins], rows.days % calendar.parts
    opens, closes = np.diff(group, prepend=-1) != 0, np.diff(group, append=len(rows.keys)) != 0
    partly = (opens & (part[begins] > 0)) | (closes & (part[ends] < calendar.parts - 1))
    kept = ~(idle & partly) | (opens & closes)
    numbers = {
        name: np.add.reduceat(np.nan_to_num(rows.numbers[name]), begins)[kept]
        for name in ("throughput", RELEASES)
        if name in rows.numbers
    }
    numbers["wip"] = np.where(idle, np.nan, rows.numbers["wip"][ends])[kept]
    return SeriesRows(rows.keys, group[kept], days[begins][kept], numbers)


def is_idle(rows: SeriesRows, some: slice | Flags) -> Flags:
    """Return True for rows of whole series in which nothing comes or leaves and the WIP is carried.

    WIP is that of the beginning or of the end of a day: it is carried if the row after has the
    same, or the row before; whichever is the case more often counts, and both at the ends.
    """
    wip, throughput = rows.numbers["wip"][some], rows.numbers["throughput"][some]
    same = (wip[1:] == wip[:-1]) & (np.diff(rows.group[some]) == 0)
    edge = np.diff(rows.group[some]) != 0
    still = ~(throughput > 0)
    if RELEASES in rows.numbers:
        still &= ~(rows.numbers[RELEASES][some] > 0)
    as_before, as_after = np.append(False, same) & still, np.append(same, False) & still
    is_last, is_first = np.append(edge, True), np.append(True, edge)
    carried = as_before | (is_first & as_after)
    if as_after.sum() > as_before.sum():
        carried = as_after | (is_last & as_before)
    return still & (carried | np.isnan(wip))
