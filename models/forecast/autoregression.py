"""The baseline of a forecast: a linear autoregression, to which the network adds a correction.

    change(t + 1) = change_scale × coefficients · features(t)

The features are the differences of the last row to the rows before it, the last row, its
difference to the mean of the look-back, and the calendar of the step ahead. Hours and shifts have
the differences to the rows a day and a week before the step ahead as well. The coefficients
minimise squared errors plus a ridge penalty (A. E. Hoerl & R. W. Kennard, "Ridge regression",
Technometrics 12, 1970): the stronger the penalty, the nearer the forecast is to the last value.
They are pooled over the series; with enough data, each series has deviations from them, which
have a ridge penalty of their own.

All values here are scaled (`models.series.scaling`). The coefficients are fitted in
`models.training.least_squares`; the penalties are chosen in
`models.training.autoregression_choice`.

    >>> shape = Shape(Calendar(), lags=2, look_back=2)
    >>> still = Autoregression(shape, Strength(1.0), np.zeros((3, shape.width)), None, np.ones(3))
    >>> still.changes(np.ones((1, shape.width)), np.array([0])).tolist()
    [[0.0, 0.0, 0.0]]
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.series.calendar import Calendar, Step
from models.series.panel import Panel
from models.series.rounding import significant

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_LAGS = 14
BLOCK = 32_768  # rows whose features are computed at once
FARTHEST = 8.0  # scaled values and changes beyond are outliers, which nothing is fitted on
_MOMENTUM_LAGS = 6
_ENOUGH = 15  # steps of training for each lag, from which two weeks of lags are used
_FEWEST_BEFORE = 7
_SHORT = 3  # lags
_EXCLUDED = 1e9  # times the penalty, on features that the data is too short for
_SHORT_YEAR = 0.9  # years of training below which the time of the year is not used


class Kind(StrEnum):
    """The features that the coefficients may use."""

    REGRESSION = "autoregression"  # all of them
    MOMENTUM = "last value"  # the latest changes only: the last value, moved on by part of these


@dataclass(frozen=True)
class Shape:
    """The features of an autoregression.

    Attributes:
        calendar: calendar of the series.
        lags: number of rows that are features one by one.
        look_back: number of rows whose mean is a feature.
    """

    calendar: Calendar
    lags: int
    look_back: int

    @classmethod
    def of(cls, calendar: Calendar, length: int, steps: int) -> Shape:
        """Return the features for windows of `length` rows and `steps` steps of training.

        The look-back is a week of hours, four weeks of shifts or days, half a year of weeks or a
        year of months. With enough steps of training, days and their parts have 14 lags, however
        short the window is.
        """
        look_back = {
            Step.HOUR: calendar.week,
            Step.SHIFT: 4 * calendar.week,
            Step.DAY: 28,
            Step.WEEK: 26,
            Step.MONTH: 12,
        }[calendar.step]
        enough = calendar.is_daily and steps >= _ENOUGH * MOST_LAGS
        lags = MOST_LAGS if enough else min(length, MOST_LAGS)
        return cls(calendar, lags, max(length, look_back))

    def fewest(self, length: int) -> int:
        """Return how many rows of a series must precede a row that is fitted on.

        All lags; fewer in a series of few rows.

        Args:
            length: rows of the series.
        """
        every = max(self.lags, *self.seasons, 0)
        return every if length >= _SHORT * every else min(self.lags, _FEWEST_BEFORE)

    @property
    def seasons(self) -> tuple[int, ...]:
        """Steps from a row to the one ahead, of the rows that are features beside the lags."""
        calendar = self.calendar
        if not calendar.begins:
            return ()
        return tuple(own for own in (calendar.parts, calendar.season) if self.lags < own)

    @property
    def _value_width(self) -> int:
        """Number of features of values."""
        return 3 * (self.lags + 1 + len(self.seasons))

    @property
    def width(self) -> int:
        """Number of features of a row."""
        return self._value_width + self.calendar.width + 1

    def knows_year(self, steps: int) -> bool:
        """Return True if so many steps are enough to fit the time of the year."""
        return steps >= _SHORT_YEAR * self.calendar.steps_per_year

    def penalty(self, strength: float, steps: int, yearly: float, kind: Kind) -> Floats:
        """Return the ridge penalty on the coefficient of each feature, [width].

        Args:
            strength: penalty on most features.
            steps: steps of training.
            yearly: penalty on the time of the year; months have none.
            kind: features that may be used.
        """
        penalty = np.full(self.width, strength)
        if kind is Kind.MOMENTUM:
            penalty[3 * min(_MOMENTUM_LAGS, self.lags - 1) :] = _EXCLUDED * strength
            return penalty
        first = self._value_width + self.calendar.weekly_width
        if not self.knows_year(steps):
            penalty[first:-1] = _EXCLUDED * strength
        elif self.calendar.step is not Step.MONTH:
            penalty[first:-1] = yearly
        return penalty

    def ahead(self, time: Ints, calendar: Calendar | None = None) -> Floats:
        """Return features of the steps after `time`, [n, calendar + 1]: calendar and constant.

        Args:
            time: dated step numbers.
            calendar: that they are of; by default the one that it was fitted with.
        """
        found = (calendar or self.calendar).features(time + 1).astype(float)
        return np.hstack([found, np.ones((len(time), 1))])

    def features(self, scaled: Floats, begins: Ints, rows: Ints, time: Ints) -> Floats:
        """Return the features of rows of a panel, [n, width].

        Rows before the beginning of a series are replaced by the mean of its rows so far.

        Args:
            scaled: the values of the panel, [all rows, 3].
            begins: first row of the series of each row, [n].
            rows: row numbers, [n].
            time: dated step numbers of these rows, [n].
        """
        now = scaled[rows]
        sums = np.vstack([np.zeros(3), np.cumsum(scaled, axis=0)])
        first = np.maximum(begins, rows + 1 - self.look_back)
        recent = (sums[rows + 1] - sums[first]) / (rows + 1 - first)[:, None]
        back = [*range(1, self.lags), *(season - 1 for season in self.seasons)]
        place = rows[:, None] - np.array(back, np.int64)
        own = place >= begins[:, None]
        lagged = np.where(own[..., None], scaled[np.where(own, place, 0)], recent[:, None])
        changes = (now[:, None] - lagged).reshape(len(rows), -1)
        before = 3 * (self.lags - 1)
        values = np.hstack([changes[:, :before], now, now - recent, changes[:, before:]])
        return np.hstack([np.clip(values, -FARTHEST, FARTHEST), self.ahead(time)])

    def expand(self, coefficients: Floats) -> tuple[Floats, Floats]:
        """Return the weights on plain rows that equal coefficients of features.

        Args:
            coefficients: [..., 3, width].

        Returns:
            Weights on the rows of the look-back, oldest first, [..., 3, look_back × 3], and on the
            features of the step ahead, [..., 3, calendar + 1].
        """
        lags, look_back, split = self.lags, self.look_back, self._value_width
        values = coefficients[..., :split].reshape(*coefficients.shape[:-1], split // 3, 3)
        steps, level, recent = (
            values[..., : lags - 1, :],
            values[..., lags - 1, :],
            values[..., lags, :],
        )
        weights = np.zeros((*coefficients.shape[:-1], look_back, 3))
        weights -= recent[..., None, :] / look_back
        weights[..., -1, :] += steps.sum(axis=-2) + level + recent
        weights[..., look_back - lags : look_back - 1, :] -= steps[..., ::-1, :]
        for season, own in zip(self.seasons, np.moveaxis(values, -2, 0)[lags + 1 :], strict=True):
            weights[..., -1, :] += own
            weights[..., look_back - season, :] -= own
        return weights.reshape(*coefficients.shape[:-1], -1), coefficients[..., split:]


@dataclass(frozen=True)
class Strength:
    """The ridge penalties.

    Attributes:
        pooled: on the coefficients of all series.
        own: on the deviations of each series; None: there are none.
        kind: the features that may be used.
    """

    pooled: float
    own: float | None = None
    kind: Kind = Kind.REGRESSION


@dataclass(frozen=True)
class Autoregression:
    """A fitted autoregression.

    Attributes:
        shape: its features.
        strength: the penalties that it was fitted with.
        pooled: coefficients of all series, [3, width].
        own: deviations of each series from them, [S, 3, width]; None: there are none.
        change: unit of the forecast changes, [3].
    """

    shape: Shape
    strength: Strength
    pooled: Floats
    own: Floats | None
    change: Floats

    def coefficients(self, series: Ints) -> Floats:
        """Return the coefficients of series by number, [n, 3, width]; pooled for unknown ones."""
        if self.own is None:
            return np.broadcast_to(self.pooled, (len(series), *self.pooled.shape))
        known = series < len(self.own)
        own = self.own[np.minimum(series, len(self.own) - 1)]
        return self.pooled + np.where(known[:, None, None], own, 0.0)

    def changes(self, features: Floats, series: Ints) -> Floats:
        """Return the forecast changes, [n, 3], of rows with these features, [n, width].

        Args:
            series: number of the series of each row, [n].
        """
        changes = features @ self.pooled.T
        if self.own is not None:
            for s in np.unique(series[series < len(self.own)]):
                own = series == s
                changes[own] += features[own] @ self.own[s].T
        return changes * self.change

    def one_step(self, panel: Panel, scaled: Floats) -> Floats:
        """Return the change forecast to every row of a panel from the rows before it, [rows, 3].

        NaN for the first row of each series.

        Args:
            scaled: the values of the panel, [rows, 3].
        """
        changes = np.full((len(scaled), 3), np.nan)
        for s, (begin, end) in enumerate(pairwise(panel.offsets)):
            own, first = scaled[begin:end], int(panel.dated_first[s])
            for at in range(1, end - begin, BLOCK):
                before = np.arange(at, min(at + BLOCK, end - begin)) - 1
                features = self.shape.features(own, np.zeros_like(before), before, first + before)
                changes[begin + before + 1] = self.changes(features, np.full(len(before), s))
        return changes

    def kept(self, targets: NDArray[np.bool_], other: Autoregression) -> Autoregression:
        """Return this autoregression for some targets, [3], and another's for the rest."""
        pooled = np.where(targets[:, None], self.pooled, other.pooled)
        own = self.own
        if own is not None:
            own = np.where(targets[:, None], own, 0.0 if other.own is None else other.own)
        return replace(self, pooled=pooled, own=own)

    def with_own(self, series: Ints, other: Autoregression, count: int) -> Autoregression:
        """Return this autoregression of `count` series, and another's for some of them."""
        own = np.zeros((count, *self.pooled.shape)) if self.own is None else self.own.copy()
        own[series] = other.coefficients(series) - self.pooled
        return replace(self, own=own)

    def to_document(self) -> dict[str, Any]:
        """Return a JSON-ready form with seven significant digits."""
        return {
            "lags": self.shape.lags,
            "memory": self.shape.look_back,
            "strength": [self.strength.pooled, self.strength.own, self.strength.kind.value],
            "pooled": _short(self.pooled),
            "own": None if self.own is None else _short(self.own),
            "change": self.change.tolist(),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any], calendar: Calendar) -> Autoregression:
        """Return the autoregression that `to_document` described."""
        own = document["own"]
        pooled, own_strength, kind = document["strength"]
        return cls(
            Shape(calendar, int(document["lags"]), int(document["memory"])),
            Strength(pooled, own_strength, Kind(kind)),
            np.asarray(document["pooled"], float),
            None if own is None else np.asarray(own, float),
            np.asarray(document["change"], float),
        )


def _short(numbers: Floats) -> Any:
    """Numbers rounded to seven significant digits: a third of the size of the file."""
    return significant(numbers, 7).tolist()
