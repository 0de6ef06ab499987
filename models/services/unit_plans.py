"""Where a single unit will be finished: by the units ahead of it, and by its age."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.events.event_log import DAY, OPEN, EventLog
from models.data.events.time_grid import TimeGrid
from models.forecast.forecaster import History
from models.planning.finish import Order, finish_steps
from models.planning.residence import Stays
from models.series.calendar import EVERY_DAY, Calendar
from models.series.first_passage import quantile_steps
from models.series.panel import SeriesKey
from models.services.sample_futures import SampleFutures
from utils.api.schemas.orders import UnitRequest
from utils.errors import InvalidInput

Floats = NDArray[np.float64]

SHARES = {"p50": 0.5, "p80": 0.8, "p90": 0.9, "p95": 0.95}
_FEWEST = 30  # units that left after the age asked for
_RECENT = 365  # days; units that came earlier are of another line
_NEXT = 400  # days that a worked day is looked for in


@dataclass(frozen=True)
class UnitOfLog:
    """The stays of a series, from an event log."""

    stays: Stays
    units: int

    @classmethod
    def of(cls, log: EventLog, key: SeriesKey, steps: TimeGrid, last: int) -> UnitOfLog | None:
        """Return the stays, in steps, of the units that came lately; None: the log has none.

        Args:
            steps: of the series, days, hours or shifts.
            last: number of the last one.
        """
        units = log.units()
        if key not in units.series_keys:
            return None
        end = int(steps.bounds(np.array([last + 1]))[0])
        own = units.select(units.series == units.series_keys.index(key))
        own = own.select((own.start < end) & (own.start >= end - _RECENT * DAY))
        left = (own.finish != OPEN) & (own.finish <= end)
        times = (np.where(left, own.finish, end) - own.start) / steps.length
        return cls(Stays.of(times, left), len(times)) if left.any() else None


def unit_fields(
    futures: SampleFutures, key: SeriesKey, request: UnitRequest, log: EventLog | None
) -> dict[str, Any]:
    """Return the fields of the reply about a unit.

    Raises:
        InvalidInput: the series is not known, the start lies after the data, or neither the units
            ahead nor an event log tell when it is finished.
    """
    history = futures.history(key)
    steps = _steps(history.calendar)
    start = _start(history, request, steps.calendar)
    age = history.last_day + 1 - start
    ahead = request.units_ahead
    if ahead is None and request.started_on is None:
        ahead = float(history.rows[-1, 0])
    of_log = None if log is None else UnitOfLog.of(log, key, steps, history.last_day)
    by_age = None if of_log is None else _by_age(of_log, start, age, history.calendar)
    if ahead is None and by_age is None:
        raise InvalidInput.of(
            "unitsAhead",
            "is required: how long units of this age stay is known from event logs only, with at "
            f"least {_FEWEST} units that stayed longer",
        )
    return {
        "started_on": steps.calendar.text(start),
        "age": float(age),
        "by_units_ahead": None if ahead is None else _by_units(futures, history, ahead),
        "by_age": by_age,
    }


def _steps(calendar: Calendar) -> TimeGrid:
    """The steps that ages are counted in: hours, shifts or days."""
    return TimeGrid(replace(calendar, working=()) if calendar.is_daily else EVERY_DAY)


def _start(history: History, request: UnitRequest, calendar: Calendar) -> int:
    if request.started_on is None:
        return history.last_day + 1
    start = calendar.day(request.started_on, "startedOn")
    if start > history.last_day:
        raise InvalidInput.of(
            "startedOn",
            f"must not lie after the last day of the data, {calendar.text(history.last_day)}; "
            "leave it out for a unit that starts next",
            request.started_on,
        )
    return start


def _by_units(futures: SampleFutures, history: History, ahead: float) -> dict[str, Any]:
    """Finish of the unit that leaves after `ahead` others (first in, first out)."""
    order, steps = [Order(ahead + 1)], futures.steps_for(history, ahead + 1)
    while True:
        line = next(futures.paths([history], steps))
        found = finish_steps(line, order)[0]
        if steps == futures.horizon or (found <= steps).all():
            break
        steps = min(2 * steps, futures.horizon)
    dates = futures.dates(history, steps)
    at = quantile_steps(found, SHARES, steps)
    return {
        "units_ahead": ahead,
        "finish": {name: None if s is None else dates[s - 1] for name, s in at.items()},
        "beyond_horizon_probability": float((found > steps).mean()),
    }


def _by_age(log: UnitOfLog, start: int, age: float, calendar: Calendar) -> dict[str, Any] | None:
    older = log.stays.count(age)
    if older < _FEWEST:
        return None
    times = {name: log.stays.quantile(share, age) for name, share in SHARES.items()}
    return {
        "units": log.units,
        "older_units": older,
        "finish": {
            name: None if time is None else _worked(start + int(time), calendar)
            for name, time in times.items()
        },
    }


def _worked(day: int, calendar: Calendar) -> str:
    """The date of the first worked day from a day on."""
    days = day + np.arange(_NEXT * calendar.parts)
    open_days = calendar.is_open(days) if calendar.is_daily else np.ones(len(days), bool)
    own = calendar if calendar.is_daily else EVERY_DAY
    return own.text(days[np.argmax(open_days)])
