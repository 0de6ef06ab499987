"""A published model, asked: roll-out, intervals, confidence. ONNX Runtime and NumPy only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.forecast.autoregression import Autoregression
from models.forecast.intervals import CLOSE, LEVELS, Intervals
from models.forecast.reconciliation import Reconciliation
from models.forecast.rollout import Correction, LookBack, Network, roll_levels, roll_out
from models.forecast.what_if import WhatIfEffect
from models.series.calendar import Calendar
from models.series.encoding import Encoding
from models.series.legacy_encoding import LegacyEncoding
from models.series.panel import SERIES_FIELDS, SeriesKey
from utils.errors import InvalidInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Forecast:
    """Forecasts of n series in units, each array [n, steps, 3] in the order of TARGETS.

    `raw` are the values before they were made to agree by Little's Law. `lower` and `upper` are
    the bounds of intervals by the per cent that they cover; {} where nothing was measured.
    `confidence` [n, steps] is the expected share of the three that land within 20 %.
    """

    values: Floats
    raw: Floats
    lower: dict[int, Floats]
    upper: dict[int, Floats]
    confidence: Floats

    @property
    def is_finite(self) -> bool:
        """True if all values and bounds are numbers."""
        parts = [self.values, self.raw, *self.lower.values(), *self.upper.values()]
        return all(np.isfinite(part).all() for part in parts)

    def of(self, i: int) -> Forecast:
        """The forecast of one of the series."""
        one = slice(i, i + 1)
        return replace(
            self,
            values=self.values[one],
            raw=self.raw[one],
            lower={level: bound[one] for level, bound in self.lower.items()},
            upper={level: bound[one] for level, bound in self.upper.items()},
            confidence=self.confidence[one],
        )

    def shifted(
        self, response: WhatIfEffect, was: Floats, wip: float | None, throughput: float | None
    ) -> Forecast:
        """As from another state of the last day than `was`; see `models.forecast.what_if`."""

        if wip is None and throughput is None:
            return self
        factors = response.factors(was, wip, throughput, self.values.shape[1])
        return replace(
            self,
            values=self.values * factors,
            raw=self.raw * factors,
            lower={level: bound * factors for level, bound in self.lower.items()},
            upper={level: bound * factors for level, bound in self.upper.items()},
        )


@dataclass(frozen=True)
class Model:
    """The parts of a trained model, and how they forecast together.

    `size` [3] is the unit of what the network says of each target: zero where it is not heard.
    """

    encoding: Encoding
    autoregression: Autoregression
    network: Network
    residual_scale: Floats
    reconciliation: Reconciliation | None
    intervals: Intervals | None
    what_if: WhatIfEffect

    @property
    def look_back(self) -> int:
        """Recent rows that a forecast makes use of."""
        return max(self.autoregression.shape.look_back, self.encoding.look_back)

    def with_series(self, *histories: Floats) -> Model:
        """A model that knows more series by their rows, [n, 3] in units: their scale only."""
        scaling = self.encoding.scaling.with_series(*histories)
        return replace(self, encoding=replace(self.encoding, scaling=scaling))

    def scaled_path(self, past: LookBack, steps: int) -> Floats:
        """The roll-out, scaled, before anything is made to agree, [n, steps, 3]."""
        correction = None
        if self.residual_scale.any() and (past.series < len(self.encoding.series_keys)).all():
            correction = Correction(self.network, self.encoding, self.residual_scale, past, steps)
        return roll_out(self.autoregression, past, steps, correction)

    def in_units(self, scaled: Floats, past: LookBack) -> tuple[Floats, Floats]:
        """A roll-out in units as it is, and made to agree by Little's Law, both [n, steps, 3]."""
        raw = self.encoding.scaling.inverse(scaled, past.series)
        if self.reconciliation is None:
            return raw, raw
        time = past.last[:, None] + np.arange(1, scaled.shape[1] + 1)
        return raw, self.reconciliation.apply(raw, past.series, time, self.encoding.calendar)

    def forecast(self, past: LookBack, steps: int) -> Forecast:
        """Forecast the `steps` steps after a past."""
        raw, values = self.in_units(self.scaled_path(past, steps), past)
        if self.intervals is None:
            return Forecast(values, raw, {}, {}, np.zeros(values.shape[:2]))
        scaling, series = self.encoding.scaling, past.series
        near = np.concatenate([values, values / (1 + CLOSE), values / (1 - CLOSE)])
        thrice = np.concatenate([series, series, series])
        middle, low, high = scaling.forward_paths(near, thrice).reshape(3, *values.shape)
        widths = [self.intervals.half_width(level, series, steps) for level in LEVELS]
        both = np.stack([sign * width for sign in (-1, 1) for width in widths], axis=1)
        bounds = scaling.inverse(middle[:, None] + both, series)
        lower = {level: bounds[:, i] for i, level in enumerate(LEVELS)}
        upper = {level: bounds[:, i - len(LEVELS)] for i, level in enumerate(LEVELS)}
        sides = np.concatenate([middle - low, high - middle])
        return Forecast(values, raw, lower, upper, _confidence(self.intervals, sides, series))


@dataclass(frozen=True)
class LegacyModel:
    """A legacy model: a network that forecasts scaled values, not changes."""

    encoding: LegacyEncoding
    network: Network


def _confidence(spread: Intervals, sides: Floats, series: Ints) -> Floats:
    """Expected share of the three targets that land within 20 % of the truth, [n, steps].

    The truth is then from forecast ÷ 1.2 to forecast ÷ 0.8, `sides` below and above the forecast,
    [2 n, steps, 3]; half of the errors lie on each side. It never rises with the horizon.
    """
    both = spread.share_within(sides, np.concatenate([series, series]))
    shares = both.reshape(2, -1, *both.shape[1:])
    return np.minimum.accumulate(shares.mean(axis=(0, 3)), axis=1)


class Start(NamedTuple):
    """What the forecast of a series starts from: its recent past in units, [n, 3], n at least the
    window's length, and the step number of the last row."""

    key: SeriesKey
    rows: Floats
    last: int


class SeriesEnd(NamedTuple):
    """The end of a series' training data: its last rows in units, [n, 3], the step number of the
    last one, and the most units that it put out in one step."""

    recent: Floats
    last: int
    highest_throughput: float


class Forecaster:
    """A published model, ready to forecast. Safe to share between threads.

    Args:
        model: the parts of the model.
        series: the ends of the training data of the series that it starts from.
    """

    def __init__(self, model: Model | LegacyModel, series: Mapping[SeriesKey, SeriesEnd]) -> None:
        self.encoding: Encoding | LegacyEncoding = model.encoding
        self.model = model if isinstance(model, Model) else None
        self._network, self._series = model.network, series
        self._numbers = {key: i for i, key in enumerate(self.encoding.series_keys)}

    @property
    def calendar(self) -> Calendar:
        """The step of the series."""
        return self.encoding.calendar

    @property
    def look_back(self) -> int:
        """Recent rows that a forecast makes use of."""
        return self.model.look_back if self.model else self.encoding.length

    @property
    def response(self) -> WhatIfEffect:
        """What another state of the last day does."""
        return self.model.what_if if self.model else WhatIfEffect.unknown()

    @property
    def starts_cold(self) -> bool:
        """Whether it can forecast series that it was not trained on, from their history."""
        return self.model is not None

    def knows(self, key: SeriesKey) -> bool:
        """Whether the model was trained on a series."""
        return key in self._numbers

    def number(self, key: SeriesKey) -> int | None:
        """The number of a series, if the model was trained on it."""
        return self._numbers.get(key)

    def check(self, key: SeriesKey) -> None:
        """Refuse a series that the model was not trained on.

        Raises:
            InvalidInput: naming what it was trained on.
        """
        if self.knows(key):
            return
        for place, (kind, name) in enumerate(zip(SERIES_FIELDS, key, strict=True)):
            known = sorted({k[place] for k in self.encoding.series_keys})
            if name not in known:
                raise InvalidInput.of(
                    {"panel_size": "panelSize"}.get(kind, kind),
                    "must be one that the model was trained on: "
                    f"{_listed(known)}{self._or_history}",
                    name,
                )
        series = [" / ".join(k) for k in self.encoding.series_keys]
        raise InvalidInput.of(
            "plant",
            f"must form a series that the model was trained on: {_listed(series)}"
            f"{self._or_history}",
            " / ".join(key),
        )

    @property
    def _or_history(self) -> str:
        return "; or send the series' history" if self.starts_cold else ""

    def recent(self, key: SeriesKey) -> tuple[Floats, int] | None:
        """The end of a series' data, [rows, 3] in units, and the step number of its last row."""
        known = self._series.get(key)
        return known and (known.recent, known.last)

    def highest_throughput(self, key: SeriesKey) -> float:
        """The most that the series ever put out in a step; infinite if that is not known."""
        known = self._series.get(key)
        return known.highest_throughput if known else math.inf

    def forecast(self, key: SeriesKey, rows: Floats, last: int, steps: int) -> Forecast:
        """Forecast the steps after `last` of one series; see `Start`."""
        return self.forecast_all([Start(key, rows, last)], steps)

    def forecast_all(self, starts: Sequence[Start], steps: int) -> Forecast:
        """Forecast series side by side, in the order given.

        Up to `look_back` rows of each are used; of series that the model does not know (all of them
        are to be such, or none) what they have in common with those that it does.
        """
        if self.model is None:
            recent = np.stack([start.rows[-self.encoding.length :] for start in starts])
            own = np.array([self._numbers[start.key] for start in starts])
            return self.forecast_levels(recent, _last(starts), own, steps)
        model, count = self.model, len(self.encoding.series_keys)
        numbers = [self._numbers.get(start.key, count) for start in starts]
        if numbers[0] == count:
            model = model.with_series(*(start.rows for start in starts))
            numbers = list(range(count, count + len(starts)))
        rows = [start.rows for start in starts]
        past = pasts_of(model, np.array(numbers), rows, _last(starts))
        return model.forecast(past, steps)

    def forecast_levels(self, rows: Floats, last: Ints, series: Ints, steps: int) -> Forecast:
        """Forecasts of a legacy network, of whose errors nothing is known.

        Args:
            rows: the last rows of n series in units, [n, window's length, 3].
            last: step numbers of their last rows, [n].
            series: their numbers, [n].
        """
        if not isinstance(self.encoding, LegacyEncoding):
            raise TypeError("only legacy networks say levels")
        values = roll_levels(self._network, self.encoding, rows, last, series, steps)
        return Forecast(values, values, {}, {}, np.zeros(values.shape[:2]))


def _last(starts: Sequence[Start]) -> Ints:
    return np.array([start.last for start in starts])


def past_of(model: Model, number: int, rows: Floats, last: int) -> LookBack:
    """What a roll-out of one series starts from: its recent rows in units, [n, 3]."""
    return pasts_of(model, np.array([number]), [rows], np.array([last]))


def pasts_of(model: Model, numbers: Ints, recent: Sequence[Floats], last: Ints) -> LookBack:
    """What roll-outs of series by number, [n], start from: the recent rows of each in units."""
    look_back, known = model.look_back, numbers < len(model.encoding.lowest)
    whole = np.full((len(numbers), look_back, 3), np.nan)
    for i, rows in enumerate(recent):
        whole[i, look_back - len(rows[-look_back:]) :] = rows[-look_back:]
    scaled = model.encoding.scaling.forward_paths(whole, numbers)
    low, high = model.encoding.lowest, model.encoding.highest
    shown = (low[numbers], high[numbers]) if known.all() else None
    return LookBack.of_rows(scaled, ~np.isnan(scaled[..., 0]), last, numbers, shown)


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:20])
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown
