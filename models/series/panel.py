"""A panel: several series of equal steps in flat arrays.

>>> calendar, key = Calendar(), ("Plant_A", "Automotive", "Small")
>>> rows = np.array([[100, 50, 2.0], [104, 52, np.nan]])  # WIP, throughput, cycle time
>>> panel = Panel(calendar, (key,), np.array([0, 2]), np.array([19_723]), rows)
>>> panel.filled()[1].tolist()
[104.0, 52.0, 2.0]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.series.calendar import Calendar, dated

SERIES_FIELDS = ("plant", "application", "panel_size")  # of a series key, in this order
TARGETS = ("wip", "throughput", "cycle_time")

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SeriesKey = tuple[str, str, str]


@dataclass(frozen=True)
class Panel:
    """Series, one after the other, in flat arrays; every step of each series is present.

    Attributes:
        calendar: the step of all series.
        series_keys: plant, application and panel size of each series, [S].
        offsets: rows `offsets[s]` to `offsets[s + 1]` are series `s`, [S + 1].
        first: step number of the first row of each series, [S].
        values: WIP, throughput and cycle time in the units of the data, [rows, 3]; NaN where a
            value is not known.
        lanes: number of the working calendar of each series, [S]; None: there is one at most.
        until: the last day with a row of each series, [S], which may be a closed one, without a
            step; None: the day of the last step.
        known: columns whose values are known ahead of a forecast, by name
            (`models.series.known_inputs`), [rows] each; NaN where not known.
    """

    calendar: Calendar
    series_keys: tuple[SeriesKey, ...]
    offsets: Ints
    first: Ints
    values: Floats
    lanes: Ints | None = None
    until: Ints | None = None
    known: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def lengths(self) -> Ints:
        """Rows of each series, [S]."""
        return np.diff(self.offsets)

    @property
    def series(self) -> Ints:
        """Number of each row's series, [rows]."""
        return np.repeat(np.arange(len(self.series_keys)), self.lengths)

    @property
    def position(self) -> Ints:
        """Position of each row within its series, from 0, [rows]."""
        return np.arange(self.offsets[-1]) - np.repeat(self.offsets[:-1], self.lengths)

    @property
    def time(self) -> Ints:
        """Plain step number of each row, [rows]."""
        return self.position + np.repeat(self.first, self.lengths)

    @property
    def dated_first(self) -> Ints:
        """Dated step number of the first row of each series, [S]."""
        return self.first if self.lanes is None else dated(self.first, self.lanes)

    @property
    def dated_time(self) -> Ints:
        """Dated step number of each row, [rows]."""
        return self.position + np.repeat(self.dated_first, self.lengths)

    @property
    def days(self) -> Ints:
        """Day of each row since 1970-01-01, [rows]."""
        return self.calendar.days(self.dated_time)

    def last_day(self, series: int) -> int:
        """Return the last day with a row of a series, since 1970-01-01."""
        if self.until is not None:
            return int(self.until[series])
        last = self.dated_first[series] + self.lengths[series] - 1
        return int(self.calendar.days(np.array([last]))[0])

    def calendar_of(self, series: int) -> Calendar:
        """Return the calendar of one series alone."""
        lane = 0 if self.lanes is None else int(self.lanes[series])
        return self.calendar.of_lane(lane)

    def select(self, keep: Sequence[int]) -> Panel:
        """Return the panel of the series with these numbers, in the given order."""
        rows = [np.arange(self.offsets[s], self.offsets[s + 1]) for s in keep]
        lengths = [len(r) for r in rows]
        chosen = np.concatenate(rows) if rows else np.empty(0, np.int64)
        calendar, lanes = self.calendar, self.lanes
        if lanes is not None:
            used, lanes = np.unique(lanes[list(keep)], return_inverse=True)
            calendar = replace(calendar, working=tuple(calendar.working[lane] for lane in used))
        return replace(
            self,
            calendar=calendar,
            series_keys=tuple(self.series_keys[s] for s in keep),
            offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            first=self.first[list(keep)],
            values=self.values[chosen],
            lanes=lanes,
            until=None if self.until is None else self.until[list(keep)],
            known={name: column[chosen] for name, column in self.known.items()},
        )

    def up_to(self, day: int) -> Panel:
        """Return the panel of the rows up to a day; series without any are left out.

        Args:
            day: the last one, in days since 1970-01-01.
        """
        early = self.days <= day
        lengths = np.bincount(self.series[early], minlength=len(self.series_keys))
        cut = replace(
            self,
            offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            values=self.values[early],
            until=None if self.until is None else np.minimum(self.until, day),
            known={name: column[early] for name, column in self.known.items()},
        )
        return cut.select(np.flatnonzero(lengths).tolist())

    def by_series(self, column: Floats) -> Floats:
        """Return a column by series, the last rows side by side, [S, T]; NaN before the first ones.

        Args:
            column: values of the rows, [rows].
        """
        longest = int(self.lengths.max(initial=0))
        found = np.full((len(self.series_keys), longest), np.nan)
        found[self.series, longest - np.repeat(self.lengths, self.lengths) + self.position] = column
        return found

    def filled(self) -> Floats:
        """Return `values` with every unknown value replaced, [rows, 3].

        By the last known value of its series before it. Before the first known value: a cycle
        time by mean WIP ÷ mean throughput of the series up to that row (Little's Law), WIP and
        throughput by zero.
        """
        values = self.values.copy()
        start = np.repeat(self.offsets[:-1], self.lengths)
        for column in range(values.shape[1]):
            known = ~np.isnan(values[:, column])
            if known.all():
                continue
            last = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
            # `last` continues across series: a row before a series' start is of another one.
            own = last >= start
            usual = self._usual_cycle_time() if column == TARGETS.index("cycle_time") else 0.0
            values[:, column] = np.where(own, values[last, column], usual)
        return values

    def _usual_cycle_time(self) -> Floats:
        """Running mean WIP ÷ running mean throughput of each series up to each row, [rows]."""
        start = np.repeat(self.offsets[:-1], self.lengths)

        def running(column: int) -> Floats:
            total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(self.values[:, column]))])
            return total[1:] - total[start]

        flow = running(1)
        return np.divide(running(0), flow, out=np.zeros_like(flow), where=flow > 0)
