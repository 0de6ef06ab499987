"""The days that rows show: how many series are active, have a row, and work, day by day.

A day is idle for a series if it has no row, or a row in which nothing leaves and the WIP is that of
the row before or after it. Example: of two lines with rows from Monday to Friday, of which one
lacks the Wednesday, 2 are active on it, and 1 works.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.series_rows import SeriesRows
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
