"""Forecasts with a plan: the rows of series as arrays, and the parts of a model that plans change.

planned = lines_of(rows, known, ahead, calendar, last, steps)
effect = parts.effect if parts else planned.fitted_effect(calendar, last)
values = effect.apply(forecast.values, planned.history, planned.steps(effect))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.forecast.drivers import Drivers
from models.forecast.intervals import Intervals
from models.forecast.line_history import filled_releases, fit_flow, usual_capacity
from models.forecast.plan_effect import PAST_ROWS, LineHistory, PlanEffect, PlannedSteps
from models.forecast.reconciliation import place_in_season
from models.series.calendar import Calendar
from models.series.known_inputs import (
    CAPACITY,
    PLANNED_THROUGHPUT,
    RELEASES,
    KnownInputs,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class AskedState(NamedTuple):
    """WIP and throughput of the last row that a request asks for; None: as it was."""

    wip: float | None = None
    throughput: float | None = None

    @property
    def is_empty(self) -> bool:
        """True if the last row is as it was."""
        return self == (None, None)


@dataclass(frozen=True)
class PlanParts:
    """The parts of a trained model that forecast with a plan.

    Attributes:
        effect: of plans.
        intervals: quantiles of the errors with a plan; None: not known.
        is_certain: True if plans are taken as nearly certain, as no past ones were given.
        drivers: known columns of the data's own; None: none lowers the errors.
    """

    effect: PlanEffect
    intervals: Intervals | None
    is_certain: bool
    drivers: Drivers | None = None


@dataclass(frozen=True)
class PlannedLines:
    """Series with what is known of their steps ahead.

    Attributes:
        rows: all rows in units, [n, T, 3]; NaN before the first.
        releases: in the same rows, [n, T].
        capacity: in the same rows, [n, T]; None: not given.
        history: the last rows.
        releases_ahead, capacity_ahead, throughput_ahead: known of the steps ahead, [n, H] each.
        baseline: releases of a plan that these differ from by intention, [n, H]; NaN where none.
    """

    rows: Floats
    releases: Floats
    capacity: Floats | None
    history: LineHistory
    releases_ahead: Floats
    capacity_ahead: Floats
    throughput_ahead: Floats
    baseline: Floats

    @property
    def known_share(self) -> Floats:
        """Share of the steps up to each one ahead whose releases are known, [n, H]."""
        known = ~np.isnan(self.releases_ahead)
        return known.cumsum(axis=1) / np.arange(1, known.shape[1] + 1)

    def fitted_effect(self, calendar: Calendar, last: Ints) -> PlanEffect:
        """Return the effect of plans by a flow fitted to the rows alone.

        Args:
            last: dated step number of the last row of each series, [n].
        """
        flow = fit_flow(self.rows, self.releases, self.capacity, calendar, last)
        return PlanEffect.unmeasured(flow, usual_capacity(self.capacity, len(self.rows)))

    def steps(self, effect: PlanEffect) -> PlannedSteps:
        """Return what is known of the steps ahead, capacities as shares of the usual one."""
        shares = effect.shares(self.capacity_ahead)
        return PlannedSteps(self.releases_ahead, shares, self.throughput_ahead, self.baseline)


def lines_of(
    rows: Sequence[Floats],
    known: Sequence[Mapping[str, Floats]],
    ahead: Sequence[KnownInputs],
    calendar: Calendar,
    last: Ints,
    steps: int,
    states: Sequence[AskedState] = (),
    baselines: Sequence[KnownInputs] = (),
) -> PlannedLines:
    """Return series with their plans.

    Args:
        rows: of each series in units, oldest first, [m, 3].
        known: known columns of the last rows of each, by name.
        ahead: what is known of the steps after them.
        calendar: of the series.
        last: dated step number of the last row of each, [n].
        steps: ahead.
        states: of the last row of each, as a request asks for them; (): as they were.
        baselines: plans that those of each differ from by intention; (): there are none.
    """
    longest = max(PAST_ROWS, *(len(own) for own in rows))
    values = np.full((len(rows), longest, 3), np.nan)
    for i, own in enumerate(rows):
        values[i, longest - len(own) :] = own

    def past(name: str) -> Floats | None:
        if not any(name in own for own in known):
            return None
        found = np.full((len(rows), longest), np.nan)
        for i, own in enumerate(known):
            column = own.get(name, np.empty(0))[-longest:]
            found[i, longest - len(column) :] = column
        return found

    releases = filled_releases(values, past(RELEASES))
    places = place_in_season(calendar, last[:, None] + np.arange(1, steps + 1))
    asked = _asked_rows(values[:, -1], states)
    history = LineHistory(values[:, -PAST_ROWS:], releases[:, -PAST_ROWS:], places, asked)
    usual = baselines or [KnownInputs()] * len(rows)
    planned = (
        np.stack([own.column(name, steps) for own in source])
        for source, name in (
            (ahead, RELEASES),
            (ahead, CAPACITY),
            (ahead, PLANNED_THROUGHPUT),
            (usual, RELEASES),
        )
    )
    return PlannedLines(values, releases, past(CAPACITY), history, *planned)


def _asked_rows(last: Floats, states: Sequence[AskedState]) -> Floats | None:
    """The last rows as they are asked for, [n, 3]; None: as they were."""
    if all(state.is_empty for state in states):
        return None
    given = np.array([[np.nan if v is None else v for v in state] for state in states], float)
    found = last.copy()
    found[:, :2] = np.where(np.isnan(given), last[:, :2], given)
    return found
