"""Forecasts of a published model from past origins, beside the true values and naive forecasts.

Example: for 3 series and a horizon of 28 days, a block holds arrays [3, 28, 3]: a row for each
series and a column for each of the steps, with WIP, throughput and cycle time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.backtest.plan import Plan
from models.forecast.error_record import recent_ratios
from models.forecast.forecast import Forecast
from models.forecast.forecaster import Forecaster
from models.forecast.legacy_model import LegacyModel
from models.forecast.past_spikes import lags_of, without_spikes
from models.forecast.published_model import PublishedModel
from models.series.calendar import dated

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class RollOutBlock:
    """Some roll-outs.

    Attributes:
        series: numbers of their series, [n].
        truth: true values in units, [n, H, 3]; NaN if unknown.
        forecast: the model's forecasts.
        naive: forecasts that repeat the last value and the last season, by name, [n, H, 3].
    """

    series: Ints
    truth: Floats
    forecast: Forecast
    naive: dict[str, Floats]


class Trial:
    """A model and the panel that it is backtested on.

    Attributes:
        plan: the roll-outs of the backtest.
    """

    def __init__(self, forecaster: Forecaster, plan: Plan) -> None:
        self.plan, self._forecaster = plan, forecaster
        self._filled = plan.panel.filled()
        self._first_new = self._first_new_steps()

    def block(self, origin: Ints, series: Ints) -> RollOutBlock:
        """Return the roll-outs of series [n] from the first steps forecast, `origin` [n]."""
        panel, steps = self.plan.panel, np.arange(self.plan.horizon)
        begin, row = self._rows(origin, series)
        ahead = row[:, None] + steps
        inside = ahead < panel.offsets[series + 1][:, None]
        actual = panel.values[np.minimum(ahead, len(panel.values) - 1)]
        season = panel.calendar.seasons(panel.dated_first)[series][:, None]
        before = row[:, None] - season + steps % season
        # A series shorter than a season has its last value only.
        before = np.where(before >= begin[:, None], before, row[:, None] - 1)
        naive = {
            "last_value": np.repeat(self._filled[row - 1][:, None], len(steps), axis=1),
            "seasonal_naive": self._filled[before],
        }
        truth = np.where(inside[..., None], actual, np.nan)
        return RollOutBlock(series, truth, self._forecast(origin, series), naive)

    def _first_new_steps(self) -> Ints:
        """First step of each series that the model has not learned from, [S]."""
        panel, first = self.plan.panel, self.plan.panel.first.copy()
        for s, key in enumerate(panel.series_keys):
            known = self._forecaster.recent_history(key)
            if known is not None:
                last_day = known.calendar.days(np.array([known.last_step]))
                lane = 0 if panel.lanes is None else int(panel.lanes[s])
                first[s] = panel.calendar.index(last_day, lane)[0] + 1
        return first

    def _rows(self, origin: Ints, series: Ints) -> tuple[Ints, Ints]:
        """Row numbers of the beginning of series and of their origins, both [n]."""
        begin = self.plan.panel.offsets[series]
        return begin, begin + origin - self.plan.panel.first[series]

    def _forecast(self, origin: Ints, series: Ints) -> Forecast:
        """Forecasts of series [n] from first steps [n] on."""
        model, steps = self._forecaster.model, self.plan.horizon
        numbers = self.plan.numbers[series]
        if isinstance(model, LegacyModel):
            _, row = self._rows(origin, series)
            recent = self._filled[row[:, None] - np.arange(self.plan.length, 0, -1)]
            return model.forecast(recent, origin - 1, numbers, steps)
        if not isinstance(model, PublishedModel):
            raise TypeError("A model that is built in has no backtest.")
        cold = numbers < 0
        if not cold.any():
            return self._warm(model, origin, series)
        parts = [(~cold, self._warm), (cold, self._cold)]
        found = [
            (some, forecast(model, origin[some], series[some]))
            for some, forecast in parts
            if some.any()
        ]
        return _merged(found, len(series))

    def _warm(self, model: PublishedModel, origin: Ints, series: Ints) -> Forecast:
        """Forecasts of series that the model was trained on."""
        rows = self._rows_before(origin, series)
        return self._measured(model, origin, series, self.plan.numbers[series], rows)

    def _cold(self, model: PublishedModel, origin: Ints, series: Ints) -> Forecast:
        """Forecasts of other series, scaled by their rows before the origins."""
        rows = self._rows_before(origin, series)
        numbers = len(model.encoding.series_keys) + np.arange(len(series))
        return self._measured(model.with_series(*rows), origin, series, numbers, rows)

    def _rows_before(self, origin: Ints, series: Ints) -> list[Floats]:
        """The rows before the origins, as a forecast takes them, [m, 3] each."""
        rows = zip(*self._rows(origin, series), strict=True)
        given = [self._filled[begin:end] for begin, end in rows]
        return without_spikes(given, lags_of(self.plan.panel.calendar))

    def _measured(
        self,
        model: PublishedModel,
        origin: Ints,
        series: Ints,
        numbers: Ints,
        rows: Sequence[Floats],
    ) -> Forecast:
        """Forecasts with the intervals that a request would have got at their origins."""
        calendar, lanes = self.plan.panel.calendar, self.plan.panel.lanes
        last = origin - 1 if lanes is None else dated(origin - 1, lanes[series])
        look_back = model.look_back_of(numbers, rows, last, calendar)
        counts = np.array([len(own) for own in rows])
        new = np.clip(origin - self._first_new[series], 0, counts - self.plan.length)
        ratios = recent_ratios(model, numbers, rows, look_back.last, new, calendar)
        return model.forecast(look_back, self.plan.horizon, ratios=ratios)


def _merged(parts: list[tuple[NDArray[np.bool_], Forecast]], count: int) -> Forecast:
    """The forecasts of n series, put together from those of some of them each."""

    def whole(pick: Any) -> Floats:
        first = pick(parts[0][1])
        found = np.empty((count, *first.shape[1:]))
        for some, forecast in parts:
            found[some] = pick(forecast)
        return found

    return Forecast(
        whole(lambda f: f.values),
        whole(lambda f: f.raw),
        {level: whole(lambda f, at=level: f.lower[at]) for level in parts[0][1].lower},
        {level: whole(lambda f, at=level: f.upper[at]) for level in parts[0][1].upper},
        whole(lambda f: f.confidence),
    )
