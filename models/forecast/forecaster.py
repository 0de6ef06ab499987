"""A forecaster: an opened model with the recent rows of the series that it was trained on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.forecast.combination import Combination
from models.forecast.drivers import Drivers
from models.forecast.error_record import recent_ratios
from models.forecast.forecast import Forecast
from models.forecast.legacy_model import LegacyModel
from models.forecast.look_back import LookBack
from models.forecast.members import LinearRollOut, MemberName
from models.forecast.past_spikes import lags_of, without_spikes
from models.forecast.planned_forecast import AskedState, PlanParts, lines_of
from models.forecast.published_model import PublishedModel
from models.forecast.standing_places import standing_ahead
from models.forecast.what_if import WhatIfEffect
from models.forecast.zero_shot import ZeroShotModel, ZeroShotSeries
from models.series.calendar import EVERY_DAY, Calendar, dated
from models.series.encoding import Encoding
from models.series.known_inputs import KnownInputs
from models.series.legacy_encoding import LegacyEncoding
from models.series.panel import SERIES_FIELDS, SeriesKey
from utils.errors import InvalidInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LISTED = 20  # names that a message lists


class History(NamedTuple):
    """The rows of a series that its forecast starts from.

    Attributes:
        series_key: plant, application and panel size.
        rows: WIP, throughput and cycle time in units, oldest first, [n, 3]; n is at least the
            length of the model's window.
        last_step: step number of the last row.
        calendar: of this series alone, that the step number is of.
        until: last day that rows are known of, since 1970-01-01, which may be a closed one; None:
            the day of the last row.
        known: known columns by name, of the last rows, [m] each; NaN where not known.
        ahead: known inputs of the steps after the last row: the plan.
        state: of the last row, from which the flow with the plan starts.
        baseline: a plan that this one differs from by intention.
        warnings: sentences about how rows of a request were read.
    """

    series_key: SeriesKey
    rows: Floats
    last_step: int
    calendar: Calendar = EVERY_DAY
    until: int | None = None
    known: Mapping[str, Floats] = {}
    ahead: KnownInputs = KnownInputs()
    state: AskedState = AskedState()
    baseline: KnownInputs = KnownInputs()
    warnings: tuple[str, ...] = ()

    @property
    def has_plan(self) -> bool:
        """True if the flow through the line is rolled forward for its forecast."""
        return not (self.ahead.is_empty and self.state.is_empty)

    @property
    def last_day(self) -> int:
        """Last day that rows are known of, since 1970-01-01."""
        own = int(self.calendar.days(np.array([self.last_step]))[0])
        return own if self.until is None else max(own, self.until)


class SeriesEnd(NamedTuple):
    """The end of the training data of a series.

    Attributes:
        recent: the last rows in units, [n, 3].
        last_step: step number of the last row.
        highest_throughput: the most units that were put out in one step.
        has_cycle_times: False if no cycle time was given: those of forecasts are derived.
        until: last day that rows are known of; None: the day of the last row.
        known: known columns by name, of the same rows, [n] each.
    """

    recent: Floats
    last_step: int
    highest_throughput: float
    has_cycle_times: bool = True
    until: int | None = None
    known: Mapping[str, Floats] = {}


class Forecaster:
    """A model that is ready to forecast. Safe to share between threads.

    Args:
        model: the parts of the model.
        series: the ends of the training data.
        what_if: the effect of another state of the last day, if it is known.
        plans: the parts that forecast with a plan, if they were learned.

    Attributes:
        last_step: step number of the newest row of any series.
    """

    def __init__(
        self,
        model: PublishedModel | LegacyModel | ZeroShotModel,
        series: Mapping[SeriesKey, SeriesEnd],
        what_if: WhatIfEffect | None = None,
        plans: PlanParts | None = None,
    ) -> None:
        self.model = model
        self.encoding: Encoding | LegacyEncoding | ZeroShotSeries = model.encoding
        self.what_if = what_if or WhatIfEffect.unknown()
        self.plans = plans
        self._series = series
        self._numbers = {key: i for i, key in enumerate(self.encoding.series_keys)}
        self.last_step = max((end.last_step for end in series.values()), default=0)

    @property
    def calendar(self) -> Calendar:
        """The calendar of all series."""
        return self.encoding.calendar

    def calendar_of(self, series_key: SeriesKey) -> Calendar:
        """Return the calendar of one series.

        Of a series that the model was not trained on, it is that of another one of its plant; of
        a plant that is not known, that of any series.
        """
        number = self._numbers.get(series_key)
        if number is None:
            keys = self.encoding.series_keys
            number = next((i for i, key in enumerate(keys) if key[0] == series_key[0]), 0)
        return self.encoding.calendar_of(number)

    @property
    def can_start_cold(self) -> bool:
        """True if it can forecast series that it was not trained on, from their history."""
        return isinstance(self.model, PublishedModel)

    def knows(self, series_key: SeriesKey) -> bool:
        """Return True if the model was trained on a series."""
        return series_key in self._numbers

    def number(self, series_key: SeriesKey) -> int | None:
        """Return the number of a series; None if the model was not trained on it."""
        return self._numbers.get(series_key)

    def check(self, series_key: SeriesKey, takes_history: bool = True) -> None:
        """Refuse a series that the model was not trained on.

        Args:
            takes_history: True where the history of another series may be sent.

        Raises:
            InvalidInput: the first name that it was not trained on, and those that it was.
        """
        if self.knows(series_key):
            return
        or_history = "; or send the series' history" * (takes_history and self.can_start_cold)
        for place, (field, name) in enumerate(zip(SERIES_FIELDS, series_key, strict=True)):
            known = sorted({key[place] for key in self.encoding.series_keys})
            if name not in known:
                raise InvalidInput.of(
                    {"panel_size": "panelSize"}.get(field, field),
                    f"must be one that the model was trained on: {_listed(known)}{or_history}",
                    name,
                )
        series = [" / ".join(key) for key in self.encoding.series_keys]
        raise InvalidInput.of(
            "plant",
            f"must form a series that the model was trained on: {_listed(series)}{or_history}",
            " / ".join(series_key),
        )

    def recent_history(self, series_key: SeriesKey) -> History | None:
        """Return the end of the training data of a series; None if the model keeps none."""
        end = self._series.get(series_key)
        calendar = self.calendar_of(series_key)
        if end is None:
            return None
        return History(series_key, end.recent, end.last_step, calendar, end.until, end.known)

    def highest_throughput(self, series_key: SeriesKey) -> float:
        """Return the most units put out in a step by a series; infinite if it is not known."""
        end = self._series.get(series_key)
        return end.highest_throughput if end else math.inf

    def seen(self, history: History) -> tuple[Floats, Floats]:
        """Return the least and the most that was seen of a series, [3] each, in units; or NaN."""
        low, high = np.fmin.reduce(history.rows), np.fmax.reduce(history.rows)
        number = self._numbers.get(history.series_key)
        if number is None or not isinstance(self.encoding, Encoding):
            return low, high
        at = np.array([number])
        ranges = (self.encoding.lowest[at], self.encoding.highest[at])
        least, most = (self.encoding.scaling.inverse(end, at)[0] for end in ranges)
        return np.minimum(low, least), np.maximum(high, most)

    def has_cycle_times(self, series_key: SeriesKey) -> bool:
        """Return False if no cycle time of a series was given to the training."""
        end = self._series.get(series_key)
        return end is None or end.has_cycle_times

    def forecast(
        self, history: History, steps: int, paths: int = 0, is_raw: bool = False
    ) -> Forecast:
        """Return the forecast of the steps after a history, with some sample paths."""
        return self.forecast_all([history], steps, paths, is_raw)

    def forecast_all(
        self, histories: Sequence[History], steps: int, paths: int = 0, is_raw: bool = False
    ) -> Forecast:
        """Return the forecasts of several series side by side, in the order given.

        All of the histories have a plan, or none has.

        Args:
            histories: of series that the model was trained on, or of others (a cold start, by
                what the trained series have in common), but not of both.
            paths: number of sample paths; legacy models have none.
            is_raw: True to leave out the reconciliation by Little's Law.
        """
        calendar, last = _side_by_side(histories)
        rows = without_spikes([history.rows for history in histories], lags_of(calendar))
        forecast = self._forecast(histories, rows, calendar, last, steps, paths, is_raw)
        return replace(forecast, taken=tuple(rows))

    def _forecast(
        self,
        histories: Sequence[History],
        rows: Sequence[Floats],
        calendar: Calendar,
        last: Ints,
        steps: int,
        paths: int,
        is_raw: bool,
    ) -> Forecast:
        """The forecasts from rows without spikes; other arguments as `forecast_all`."""
        model, count = self.model, len(self.encoding.series_keys)
        standing = standing_ahead(rows, calendar, last, steps)
        derived = np.array([not self.has_cycle_times(each.series_key) for each in histories])
        if isinstance(model, ZeroShotModel):
            forecast = model.forecast(rows, calendar, last, steps, paths)
            forecast = forecast.with_derived_cycle_times(derived)
            planned = self._planned(forecast, histories, calendar, last, None)
            return planned.without_output(standing)
        numbers = np.array([self._numbers.get(h.series_key, count) for h in histories])
        if isinstance(model, LegacyModel):
            recent = np.stack([each[-model.encoding.length :] for each in rows])
            forecast = model.forecast(recent, last, numbers, steps)
            return self._planned(forecast, histories, calendar, last, None)
        if numbers[0] == count:
            model = model.with_series(*rows)
            numbers = np.arange(count, count + len(rows))
        look_back = model.look_back_of(numbers, rows, last, calendar)
        new = np.array([self._new_rows(history) for history in histories])
        ratios = recent_ratios(model, numbers, rows, last, new, calendar)
        forecast = model.forecast(look_back, steps, paths, ratios, is_raw)
        forecast = forecast.without_output(standing)
        if any(history.has_plan for history in histories):
            planned = self._planned(forecast, histories, calendar, last, (model, look_back))
            return planned.without_output(standing)
        return forecast.with_derived_cycle_times(derived)

    def _new_rows(self, history: History) -> int:
        """Rows at the end of a history that the model has not learned from.

        A forecast can be made from before each of them.
        """
        end, rows = self._series.get(history.series_key), len(history.rows)
        new = rows if end is None else history.last_step - end.last_step
        return max(0, min(new, rows - self.encoding.length))

    def _planned(
        self,
        forecast: Forecast,
        histories: Sequence[History],
        calendar: Calendar,
        last: Ints,
        measured: tuple[PublishedModel, LookBack] | None,
    ) -> Forecast:
        """The forecast with the plans of the histories; the same without any.

        Args:
            measured: the model, whose errors with plans are known, and its look-back.
        """
        if not any(history.has_plan for history in histories):
            return forecast
        steps, plans = forecast.values.shape[1], self.plans
        lines = lines_of(
            [history.rows for history in histories],
            [history.known for history in histories],
            [history.ahead for history in histories],
            calendar,
            last,
            steps,
            [history.state for history in histories],
            [history.baseline for history in histories],
        )
        numbers = np.array([self._numbers.get(history.series_key, -1) for history in histories])
        if plans is None or measured is None or (numbers < 0).any():
            effect = lines.fitted_effect(calendar, last)
        else:
            effect = plans.effect.select(numbers)
        if plans is not None and plans.drivers is not None and measured is not None:
            ahead = [history.ahead for history in histories]
            forecast = forecast.moved_to(_driven(forecast.values, plans.drivers, ahead, *measured))
        values = effect.apply(forecast.values, lines.history, lines.steps(effect))
        if measured is None or plans is None or plans.intervals is None:
            return forecast.moved_to(values)
        model, look_back = measured
        paths = 0 if forecast.paths is None else forecast.paths.shape[1]
        intervals = plans.intervals.of_forecasts(look_back.series, np.ones((1, 3)))
        certain = model.measured(values, values, look_back, intervals, paths)
        return certain.blended(forecast.moved_to(values), lines.known_share)


def _driven(
    values: Floats,
    drivers: Drivers,
    ahead: Sequence[KnownInputs],
    model: PublishedModel,
    look_back: LookBack,
) -> Floats:
    """Forecasts in units, moved by what is known of the drivers ahead, [n, H, 3]."""
    if not isinstance(model.paths, Combination):
        return values
    member = model.paths.members[MemberName.AUTOREGRESSION]
    steps, scaling, series = values.shape[1], model.encoding.scaling, look_back.series
    known = np.stack(
        [np.stack([own.column(n, steps) for n in drivers.names], axis=-1) for own in ahead]
    )
    if not isinstance(member, LinearRollOut):
        return values
    moved = drivers.response(known, member.autoregression, series)
    return scaling.inverse(scaling.forward_paths(values, series) + moved, series)


def _side_by_side(histories: Sequence[History]) -> tuple[Calendar, Ints]:
    """One calendar of several histories, and the dated step number of the last row of each."""
    calendar, lanes = Calendar.side_by_side([history.calendar for history in histories])
    last = np.array([history.last_step for history in histories])
    if not calendar.working:
        return calendar, last
    days = [history.calendar.days(np.array([history.last_step]))[0] for history in histories]
    return calendar, dated(calendar.index(np.array(days), lanes), lanes)


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_LISTED])
    return f"{shown} and {len(names) - _LISTED} more" if len(names) > _LISTED else shown
