"""The history of a line for its curve: a series, or the sum of several, on the calendar's days."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.planning.line_curve import FEWEST_BLOCKS, FlowHistory
from models.series.panel import SERIES_FIELDS, Panel
from utils.errors import InvalidInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CLOSED = 0.05  # of the usual output, below which the median of a weekday means that it is closed
_CHANCE = 1e-3  # that a worked weekday has so little output on all of its days
_STEADIER = 0.99  # spread of the releases, if WIP is taken as that of the step's start
_LISTED = 20
_FIELDS = ("plant", "application", "panelSize")


@dataclass(frozen=True)
class LineRows:
    """The rows of a line.

    Attributes:
        history: WIP at the end of each step, throughput, and the share that is worked.
        last_day: day of the last row.
        series: number of series.
        wip_at_start: true: the table gives WIP at the start of each step.
        panel: of the series.
        closed: weekdays without output, Monday is 0; of hours and shifts, places in the week.
    """

    history: FlowHistory
    last_day: int
    series: int
    wip_at_start: bool
    panel: Panel
    closed: frozenset[int]

    @property
    def closed_weekdays(self) -> list[int]:
        """The weekdays without output, Monday is 0."""
        parts = self.panel.calendar.parts
        count = Counter(place // parts for place in self.closed)
        return sorted(day for day, closed in count.items() if closed == parts)

    def days_ahead(self, steps: int) -> Ints:
        """Return the days of the steps ahead, [steps]."""
        if self.panel.calendar.is_daily:
            return self.last_day + 1 + np.arange(steps)
        last = self.panel.calendar.index(np.array([self.last_day]))[0]
        return self.panel.calendar.days(last + 1 + np.arange(steps))

    def dates_back(self, steps: int) -> tuple[str, str]:
        """Return the ISO dates of the first and the last of the newest steps."""
        calendar = self.panel.calendar
        first = self.last_day - steps + 1
        if not calendar.is_daily:
            first = int(calendar.days(calendar.index(np.array([self.last_day])) - steps + 1)[0])
        return calendar.text(first), calendar.text(self.last_day)

    def open_ahead(self, steps: int) -> Floats:
        """Return the share of the steps ahead that is worked, [steps]."""
        days = self.days_ahead(steps)
        calendar = self.panel.calendar
        if not calendar.is_daily:
            return np.ones(steps)
        is_closed = np.isin(calendar.place_in_week(days), list(self.closed))
        return (self._open(days) & ~is_closed).astype(float)

    def _open(self, days: Ints) -> NDArray[np.bool_]:
        lanes = self.panel.lanes
        own = range(1) if lanes is None else np.unique(lanes).tolist()
        return np.any([self.panel.calendar.is_open(days, lane) for lane in own], axis=0)


def line_rows(panel: Panel, names: Sequence[str | None]) -> LineRows:
    """Return the rows of the series with some names, summed.

    Args:
        names: plant, application and panel size; None: any.

    Raises:
        InvalidInput: no series has these names, or the series have no step in common.
    """
    keep = _matching(panel, names)
    panel = panel.select(keep)
    days, wip, throughput, worked = _summed(panel)
    closed = frozenset[int]()
    calendar = panel.calendar
    if calendar.is_daily:
        places = calendar.place_in_week(days)
        closed = _closed_places(places, calendar.week, throughput, worked)
        worked = worked & ~np.isin(places, list(closed))
    flow = wip, throughput
    if calendar.begins:  # the hours of a day differ by far more than two readings of the WIP
        flow = _by_week(wip, places, calendar.week), _by_week(throughput, places, calendar.week)
    at_start = _is_at_start(*flow)
    if at_start:  # the WIP at the end of a step is that of the next one's start
        released = (np.diff(wip) + throughput[:-1])[-calendar.week :].mean()
        wip = np.append(wip[1:], max(wip[-1] + released - throughput[-1], 0.0))
    shares, block = worked.astype(float), calendar.week
    if len(wip) < FEWEST_BLOCKS * block + 1:  # a day of hours or shifts has its pattern as well
        block = calendar.parts if calendar.begins else block
    history = FlowHistory(wip, throughput, shares, block, _lot(throughput))
    return LineRows(history, int(days[-1]), len(keep), at_start, panel, closed)


def _matching(panel: Panel, names: Sequence[str | None]) -> list[int]:
    keep = list(range(len(panel.series_keys)))
    for place, (field, name) in enumerate(zip(_FIELDS, names, strict=True)):
        if name is None:
            continue
        known = sorted({panel.series_keys[s][place] for s in keep})
        keep = [s for s in keep if panel.series_keys[s][place] == name]
        if not keep:
            shown = ", ".join(known[:_LISTED]) + (" and more" if len(known) > _LISTED else "")
            label = SERIES_FIELDS[place].replace("_", " ")
            raise InvalidInput.of(field, f"must be a {label} of the data: {shown}", name)
    return keep


def _summed(panel: Panel) -> tuple[Ints, Floats, Floats, NDArray[np.bool_]]:
    """Days, WIP, throughput, and whether each step is worked, over the steps that all have."""
    every_day = panel.calendar.is_daily
    rows = panel.filled()[:, :2]
    steps = panel.calendar.days(panel.dated_time) if every_day else panel.time
    parts = [slice(a, b) for a, b in zip(panel.offsets[:-1], panel.offsets[1:], strict=True)]
    first = max(int(steps[part][0]) for part in parts)
    last = min(int(steps[part][-1]) for part in parts)
    if last <= first:
        raise InvalidInput.of("plant", "must have series with steps in common; name one series")
    grid = np.arange(first, last + 1)
    wip, throughput = np.zeros(len(grid)), np.zeros(len(grid))
    worked = np.zeros(len(grid), bool)
    for part in parts:
        own, values = steps[part], rows[part]
        wip += values[np.searchsorted(own, grid, side="right") - 1, 0]
        inside = (own >= first) & (own <= last)
        throughput[own[inside] - first] += values[inside, 1]
        worked[own[inside] - first] = True
    return (grid if every_day else panel.calendar.days(grid)), wip, throughput, worked


def _closed_places(
    places: Ints, week: int, throughput: Floats, worked: NDArray[np.bool_]
) -> frozenset[int]:
    """The places in the week at which nothing is put out.

    Of a line that finishes in lots, most days of each weekday are without output: that closes none.
    """
    output = throughput[worked & (throughput > 0)]
    least = _CLOSED * float(np.median(output)) if output.size else 0.0
    own = {place: throughput[worked & (places == place)] < least for place in range(week)}
    never = {place for place, idle in own.items() if not idle.size}
    closed = {place for place, idle in own.items() if idle.size and np.median(idle) == 1}
    others = [idle for place, idle in own.items() if place not in closed | never]
    share = float(np.concatenate(others).mean()) if others else 1.0
    return frozenset(never | {p for p in closed if share ** len(own[p]) <= _CHANCE})


def _by_week(values: Floats, places: Ints, week: int) -> Floats:
    """The differences of values to the means of their places in the week."""
    count = np.maximum(np.bincount(places, minlength=week), 1)
    found: Floats = values - (np.bincount(places, values, week) / count)[places]
    return found


def _is_at_start(wip: Floats, throughput: Floats) -> bool:
    """Return True if WIP is that of the start of a step: releases are then steadier.

    By the balance, releases are the change of WIP + throughput of the step between the two.
    """
    change = np.diff(wip)
    spread = (change + throughput[:-1]).std(), (change + throughput[1:]).std()
    return bool(spread[0] < _STEADIER * spread[1])


def _lot(throughput: Floats) -> float:
    """Greatest common divisor of whole outputs; 0: they are not whole numbers."""
    if (throughput != np.round(throughput)).any():
        return 0.0
    return float(math.gcd(*throughput.astype(np.int64).tolist()))
