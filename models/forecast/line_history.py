"""The known columns of a series' rows: releases by the balance where none are given, capacity.

>>> rows = np.array([[[10.0, 5.0, 2.0], [12.0, 6.0, 2.0]]])
>>> filled_releases(rows, np.array([[np.nan, 8.0]])).tolist()
[[7.0, 8.0]]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.forecast.line_flow import LineFlow, balanced_releases
from models.forecast.plan_effect import PLACES
from models.forecast.reconciliation import place_in_season
from models.series.calendar import Calendar
from models.series.known_inputs import CAPACITY, RELEASES
from models.series.panel import Panel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FITTED_ROWS, _FITTED_WEEKS = 730, 8  # newest rows, or weeks of hours, a flow is fitted to
_AT_ONCE = 128  # series


def filled_releases(rows: Floats, releases: Floats | None) -> Floats:
    """Return releases with those that the balance implies where none are given, [n, T].

    Args:
        rows: WIP, throughput and cycle time of n series in units, [n, T, 3]; NaN before the first.
        releases: as given, [n, T]; NaN where not known.
    """
    balanced = np.full(rows.shape[:2], np.nan)
    for i, own in enumerate(rows):
        known = ~np.isnan(own[:, :2]).any(axis=1)
        if known.any():
            balanced[i, known] = balanced_releases(own[known])
    return balanced if releases is None else np.where(np.isnan(releases), balanced, releases)


def usual_capacity(capacity: Floats | None, count: int) -> Floats:
    """Return the median of the positive capacities of each series, [n]; NaN where there are none.

    Args:
        capacity: as given, [n, T]; None: not at all.
    """
    if capacity is None:
        return np.full(count, np.nan)
    given = [row[row > 0] for row in np.nan_to_num(capacity)]
    return np.array([np.median(row) if row.size else np.nan for row in given])


def fit_flow(
    rows: Floats, releases: Floats, capacity: Floats | None, calendar: Calendar, last: Ints
) -> LineFlow:
    """Return the flow through n lines, fitted to their newest rows.

    Args:
        rows: in units, [n, T, 3]; NaN before the first.
        releases: in the same rows, [n, T].
        capacity: in the same rows, [n, T]; None: always the usual one.
        last: dated step number of the last row of each series, [n].
    """
    newest = max(_FITTED_ROWS, _FITTED_WEEKS * calendar.week)
    rows, releases = rows[:, -newest:], releases[:, -newest:]
    steps = last[:, None] + np.arange(1 - rows.shape[1], 1)
    places = place_in_season(calendar, steps)
    shares = None
    if capacity is not None:
        capacity = capacity[:, -newest:]
        shares = capacity / usual_capacity(capacity, len(rows))[:, None]
    count = max(PLACES, calendar.week)
    parts = []
    for begin in range(0, len(rows), _AT_ONCE):
        some = slice(begin, begin + _AT_ONCE)
        own = None if shares is None else shares[some]
        wip, throughput, times = np.moveaxis(rows[some], 2, 0)
        parts.append(LineFlow.fit(wip, throughput, times, releases[some], places[some], own, count))
    return LineFlow.joined(parts)


def flow_of(panel: Panel, before: int) -> LineFlow:
    """Return the flow through the lines of a panel, fitted to the steps before one."""
    early = panel.time < before
    rows = np.stack([panel.by_series(np.where(early, v, np.nan)) for v in panel.values.T], axis=-1)
    given = {
        name: panel.by_series(np.where(early, panel.known[name], np.nan))
        for name in (RELEASES, CAPACITY)
        if name in panel.known
    }
    last = panel.dated_first + panel.lengths - 1
    releases = filled_releases(rows, given.get(RELEASES))
    return fit_flow(rows, releases, given.get(CAPACITY), panel.calendar, last)
