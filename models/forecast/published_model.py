"""A trained model: its parts, and the way from recent rows to a forecast.

rows in units → scaled look-back → combination → units → reconciliation → intervals, confidence

forecast = model.forecast(model.look_back_of(numbers, rows, last_steps), steps=30)
forecast.values  # [n, 30, 3]: WIP, throughput, cycle time
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.forecast.combination import Combination
from models.forecast.correction import CorrectedRollOut
from models.forecast.error_size import heights_of
from models.forecast.forecast import Forecast
from models.forecast.intervals import CLOSE, LEVELS, MOST_OF_RECORD, Intervals
from models.forecast.level_shifts import ROWS, UsualLevel, at_usual_level
from models.forecast.look_back import LookBack
from models.forecast.reconciliation import Reconciliation
from models.forecast.sample_paths import ErrorPaths
from models.series.calendar import Calendar, Step
from models.series.encoding import Encoding
from models.series.scaling import Scaling

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class UnitForecasts(NamedTuple):
    """Forecasts of n series in units.

    Attributes:
        raw: before the reconciliation by Little's Law, [n, steps, 3].
        values: after it, [n, steps, 3].
        level: the shifts of the level that they follow; None: none were looked for.
    """

    raw: Floats
    values: Floats
    level: UsualLevel | None


@dataclass(frozen=True)
class PublishedModel:
    """The parts of a trained model.

    Attributes:
        encoding: scaling of the series and inputs of the network.
        paths: the forecasts, scaled. Models of version 1.0 have a corrected roll-out.
        reconciliation: by Little's Law; None: values stay as forecast.
        intervals: quantiles of the errors; None: there are no intervals, confidence is zero.
        error_paths: how errors of all steps and targets go together.
        raw_intervals: of values before reconciliation; None: they are the same.
        follows_shifts: False if shifts of the level are not looked for.
    """

    encoding: Encoding
    paths: Combination | CorrectedRollOut
    reconciliation: Reconciliation | None
    intervals: Intervals | None
    error_paths: ErrorPaths
    raw_intervals: Intervals | None = None
    follows_shifts: bool = True

    @property
    def look_back(self) -> int:
        """Number of recent rows that a forecast uses."""
        own = self.paths.look_back
        return max(own, ROWS) if self.encoding.calendar.step is Step.DAY else own

    def with_series(self, *histories: Floats) -> PublishedModel:
        """Return the model with further series, which it was not trained on.

        Args:
            histories: rows of each in units, [n, 3]; their scale is fitted on these.
        """
        scaling = self.encoding.scaling.with_series(*histories)
        encoding = replace(self.encoding, scaling=scaling)
        return replace(self, encoding=encoding, paths=self.paths.with_scaling(scaling))

    def look_back_of(
        self,
        numbers: Ints,
        rows: Sequence[Floats],
        last: Ints,
        calendar: Calendar | None = None,
    ) -> LookBack:
        """Return the scaled look-back of some series.

        Args:
            numbers: number of each series, [n].
            rows: recent rows of each in units, oldest first, [m, 3].
            last: dated step number of the last row of each, [n].
            calendar: that they are of; by default that of the training.
        """
        calendar = calendar or self.encoding.calendar
        length, encoding = self.look_back, self.encoding
        whole = np.full((len(numbers), length, 3), np.nan)
        for i, recent in enumerate(rows):
            whole[i, length - len(recent[-length:]) :] = recent[-length:]
        scaled = encoding.scaling.forward_paths(whole, numbers)
        trained = (numbers < len(encoding.lowest)).all()
        ranges = (encoding.lowest[numbers], encoding.highest[numbers]) if trained else None
        known = ~np.isnan(scaled[..., 0])
        return LookBack.of_rows(scaled, known, last, numbers, ranges, calendar)

    def in_units(self, look_back: LookBack, steps: int) -> UnitForecasts:
        """Return the forecasts in units.

        They are reconciled by Little's Law, but for lines whose shifts of the level do not obey it:
        these are on their way to another level.
        """
        scaled, level = self._scaled(look_back, steps)
        raw = self.encoding.scaling.inverse(scaled, look_back.series)
        if self.reconciliation is None:
            return UnitForecasts(raw, raw, level)
        time = look_back.last[:, None] + np.arange(1, steps + 1)
        values = self.reconciliation.apply(raw, look_back.series, time, look_back.calendar)
        if level is not None:
            values = np.where(level.obeys_law[:, None, None], values, raw)
        return UnitForecasts(raw, values, level)

    def _scaled(self, look_back: LookBack, steps: int) -> tuple[Floats, UsualLevel | None]:
        """The forecasts, scaled, [n, steps, 3], and the shifts of the level that they follow."""
        series, scaling, calendar = look_back.series, self.encoding.scaling, look_back.calendar
        trained = bool((series < len(self.encoding.series_keys)).all())
        if calendar.step is not Step.DAY or not self.follows_shifts:
            return self.paths.path(look_back, steps, trained), None
        rows = scaling.inverse(look_back.scaled, series)
        level = at_usual_level(rows, look_back.is_known, calendar.season)
        if not level.is_shifted:
            return self.paths.path(look_back, steps, trained), level
        shifted = (level.ratios != 1)[:, None]
        scaled = np.where(shifted, scaling.forward_paths(level.rows, series), look_back.scaled)
        path = self.paths.path(look_back.with_rows(scaled), steps, trained)
        moved = scaling.inverse(path, series) * level.ratios[:, None]
        return np.where(shifted, scaling.forward_paths(moved, series), path), level

    def forecast(
        self,
        look_back: LookBack,
        steps: int,
        paths: int = 0,
        ratios: Floats | None = None,
        is_raw: bool = False,
    ) -> Forecast:
        """Return the forecasts of the `steps` steps after a look-back.

        Args:
            paths: number of sample paths.
            ratios: by which the intervals of each series are wider, [n, 3]; None: by none.
            is_raw: True to leave out the reconciliation.
        """
        raw, reconciled, level = self.in_units(look_back, steps)
        values = raw if is_raw else reconciled
        measured = (is_raw and self.raw_intervals) or self.intervals
        if measured is None:
            return Forecast(values, raw, {}, {}, np.zeros(values.shape[:2]), level=level)
        ratios = np.ones((1, 3)) if ratios is None else ratios
        heights = self.heights(values, look_back.series)
        intervals = measured.of_forecasts(look_back.series, ratios, heights)
        return replace(self.measured(values, raw, look_back, intervals, paths), level=level)

    def heights(self, values: Floats, series: Ints) -> Floats:
        """Return the heights of forecasts in units, on which the size of errors depends.

        Args:
            values: [n, steps, 3].
            series: number of each series, [n].
        """
        scaling = self.encoding.scaling
        return heights_of(scaling.forward_paths(values, series), scaling, series)

    def measured(
        self, values: Floats, raw: Floats, look_back: LookBack, intervals: Intervals, paths: int
    ) -> Forecast:
        """Return values in units with their intervals, confidence and sample paths.

        Args:
            values, raw: reconciled and as they were forecast, [n, steps, 3].
            intervals: of these series alone, numbered from 0.
            paths: number of sample paths.
        """
        series, scaling, steps = look_back.series, self.encoding.scaling, values.shape[1]
        own = np.arange(len(series))
        scaled = scaling.forward_paths(values, series)
        record = scaling.inverse(look_back.record, series)
        most = np.maximum(MOST_OF_RECORD * record[:, None], values)
        lower, upper = {}, {}
        for level in LEVELS:
            half_width = intervals.half_width(level, own, steps)
            lower[level] = scaling.inverse(scaled - half_width, series)
            upper[level] = np.minimum(scaling.inverse(scaled + half_width, series), most)
        confidence = _confidence(intervals, scaling, values, series)
        start = scaling.inverse(look_back.scaled[:, -2:], series)
        drawn = self._drawn(scaled, series, intervals, most, paths) if paths else None
        return Forecast(values, raw, lower, upper, confidence, start, drawn)

    def _drawn(
        self, scaled: Floats, series: Ints, intervals: Intervals, most: Floats, paths: int
    ) -> Floats:
        """Sample paths in units, [n, paths, steps, 3], up to `most`.

        One series after the other, so that what is computed stays in the processor's cache.
        """
        usual = intervals.errors_at(self.error_paths.draw(paths, scaled.shape[1]))
        drawn = np.empty((len(series), *usual.shape))
        for own, number in enumerate(series):
            errors = usual * np.broadcast_to(intervals.scale[own], scaled[own].shape).copy()
            errors += scaled[own]
            values = self.encoding.scaling.inverse(errors[None], np.array([number]))[0]
            np.minimum(values, most[own], out=drawn[own])
        return drawn


def _confidence(intervals: Intervals, scaling: Scaling, values: Floats, series: Ints) -> Floats:
    """Expected share of the three targets within 20 % of the truth, [n, steps].

    |truth − forecast| ≤ 0.2 × truth if the truth lies between forecast ÷ 1.2 and forecast ÷ 0.8;
    half of the errors lie on each side. It never rises with the horizon.
    """
    low, middle, high = (
        scaling.forward_paths(values / divisor, series) for divisor in (1 + CLOSE, 1, 1 - CLOSE)
    )
    own = np.arange(len(series))  # the intervals are of these series alone
    below = intervals.share_within(middle - low, own)
    above = intervals.share_within(high - middle, own)
    shares = np.stack([below, above]).mean(axis=(0, 3))
    return np.minimum.accumulate(shares, axis=1)
