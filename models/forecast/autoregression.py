"""The anchor of a forecast: a linear autoregression, rolled out, that the network improves on.

It forecasts the next change of every target from the last rows of all three, their recent mean
and the calendar of the step ahead. Its coefficients minimise squared errors plus a ridge penalty
on all of them: the stronger the penalty, the nearer the forecast comes to repeating the last
value. They are pooled over the series (each counts by how well they forecast it) and, where the
data bears it, each series deviates from them by a ridge of its own (Hoerl & Kennard, "Ridge
regression", Technometrics 12, 1970).

All values here are scaled (`models.series.scaling`). The coefficients are fitted in
`models.training.least_squares`; the strength of the penalties is chosen in
`models.training.autoregression_choice`.
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

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_LAGS = 14
BLOCK = 32_768  # rows whose features are held at once
FARTHEST = 8.0  # spreads; rows with a value or a move beyond are outliers: nothing is learned there
_MOMENTUM_LAGS = 6
_ENOUGH = 15  # times the lags
_FEWEST_BEFORE = 7
_SHORT = 3  # lags
_NEVER = 1e9  # times the penalty, on what the data is too short to tell
_SHORT_YEAR = 0.9  # years of training below which nothing is said of the time of the year
_PER_YEAR = {Step.DAY: 365.25, Step.WEEK: 52.2, Step.MONTH: 12.0}
_WAVES = {Step.DAY: 7, Step.WEEK: 0, Step.MONTH: 0}  # calendar features that no year is needed for


class Kind(StrEnum):
    """What the coefficients of an anchor are let say."""

    REGRESSION = "autoregression"  # all of it
    MOMENTUM = "last value"  # the mean of the last value and of what the latest changes run on to


@dataclass(frozen=True)
class Shape:
    """What an anchor looks at: `lags` rows one by one, the mean of the last `look_back` rows."""

    calendar: Calendar
    lags: int
    look_back: int

    @classmethod
    def of(cls, calendar: Calendar, length: int, steps: int) -> Shape:
        """For windows of `length` rows; the look_back is four weeks, half a year or a year.

        Of days, two weeks are looked at one by one, however short the window is, where `steps` of
        training are enough to learn from.
        """
        look_back = {Step.DAY: 28, Step.WEEK: 26, Step.MONTH: 12}[calendar.step]
        enough = calendar.step is Step.DAY and steps >= _ENOUGH * MOST_LAGS
        lags = MOST_LAGS if enough else min(length, MOST_LAGS)
        return cls(calendar, lags, max(length, look_back))

    def fewest(self, length: int) -> int:
        """Rows of a series, `length` rows long, without which nothing is learned from the next.

        All lags; of a short series, which has little else to tell, a few will do.
        """
        return self.lags if length >= _SHORT * self.lags else min(self.lags, _FEWEST_BEFORE)

    @property
    def width(self) -> int:
        """Number of features of a row."""
        return 3 * (self.lags + 1) + self.calendar.width + 1

    def knows_year(self, steps: int) -> bool:
        """Whether so many steps are enough to tell the time of the year."""
        return steps >= _SHORT_YEAR * _PER_YEAR[self.calendar.step]

    def penalty(self, strength: float, steps: int, yearly: float, kind: Kind) -> Floats:
        """Penalty on each feature's coefficient, [width], for `steps` of training.

        Few rows tell much of the time of the year; its coefficients have one of their own.
        """
        penalty = np.full(self.width, strength)
        if kind is Kind.MOMENTUM:
            penalty[3 * min(_MOMENTUM_LAGS, self.lags - 1) :] = _NEVER * strength
            return penalty
        first = 3 * (self.lags + 1) + _WAVES[self.calendar.step]
        if not self.knows_year(steps):
            penalty[first:-1] = _NEVER * strength
        elif self.calendar.step is not Step.MONTH:
            penalty[first:-1] = yearly
        return penalty

    def ahead(self, time: Ints) -> Floats:
        """Features of the steps after `time`, [n] → [n, calendar + 1]: calendar and a constant."""
        calendar = self.calendar.features(time + 1).astype(float)
        return np.hstack([calendar, np.ones((len(time), 1))])

    def features(self, scaled: Floats, begins: Ints, rows: Ints, time: Ints) -> Floats:
        """Features of rows of a panel, [n, width].

        What lies before the beginning of a series stands at the mean of its rows so far.

        Args:
            scaled: the panel's values, [all rows, 3].
            begins: first row of each row's series, [n].
            rows: their row numbers, [n].
            time: their step numbers, [n].
        """
        now = scaled[rows]
        sums = np.vstack([np.zeros(3), np.cumsum(scaled, axis=0)])
        first = np.maximum(begins, rows + 1 - self.look_back)
        recent = (sums[rows + 1] - sums[first]) / (rows + 1 - first)[:, None]
        place = rows[:, None] - np.arange(1, self.lags)
        own = place >= begins[:, None]
        past = np.where(own[..., None], scaled[np.where(own, place, 0)], recent[:, None])
        moved = np.hstack([(now[:, None] - past).reshape(len(rows), -1), now, now - recent])
        return np.hstack([np.clip(moved, -FARTHEST, FARTHEST), self.ahead(time)])

    def expand(self, coefficients: Floats) -> tuple[Floats, Floats]:
        """Coefficients of features [..., 3, width] → of plain rows.

        Returns: weights on the `look_back` rows up to now, oldest first, [..., 3, look_back × 3],
        and on the features of the step ahead, [..., 3, calendar + 1].
        """
        lags, look_back = self.lags, self.look_back
        split = 3 * (lags + 1)
        moved = coefficients[..., :split].reshape(*coefficients.shape[:-1], lags + 1, 3)
        steps, level, recent = moved[..., : lags - 1, :], moved[..., -2, :], moved[..., -1, :]
        weights = np.zeros((*coefficients.shape[:-1], look_back, 3))
        weights -= recent[..., None, :] / look_back
        weights[..., -1, :] += steps.sum(axis=-2) + level + recent
        weights[..., look_back - lags : look_back - 1, :] -= steps[..., ::-1, :]
        return weights.reshape(*coefficients.shape[:-1], -1), coefficients[..., split:]


@dataclass(frozen=True)
class Strength:
    """How strongly coefficients are held back: pooled ones, and each series' deviations."""

    pooled: float
    own: float | None = None  # None: no deviations
    kind: Kind = Kind.REGRESSION


@dataclass(frozen=True)
class Autoregression:
    """A fitted anchor.

    `pooled` [3, width] are the coefficients of all series, `own` [S, 3, width] each series'
    deviations, if any; both say the change in units of `change`, [3].
    """

    shape: Shape
    strength: Strength
    pooled: Floats
    own: Floats | None
    change: Floats

    def coefficients(self, series: Ints) -> Floats:
        """Of series by number, [n] → [n, 3, width]; one that is not known has the pooled ones."""
        if self.own is None:
            return np.broadcast_to(self.pooled, (len(series), *self.pooled.shape))
        known = series < len(self.own)
        own = self.own[np.minimum(series, len(self.own) - 1)]
        return self.pooled + np.where(known[:, None, None], own, 0.0)

    def changes(self, features: Floats, series: Ints) -> Floats:
        """The forecast changes of rows of series with these features, [n, width] → [n, 3]."""
        said = features @ self.pooled.T
        if self.own is not None:
            for s in np.unique(series[series < len(self.own)]):
                own = series == s
                said[own] += features[own] @ self.own[s].T
        return said * self.change

    def one_step(self, panel: Panel, scaled: Floats) -> Floats:
        """The change forecast into every row of a panel from the rows before it, [rows, 3].

        NaN for the first row of each series.
        """
        said = np.full((len(scaled), 3), np.nan)
        for s, (begin, end) in enumerate(pairwise(panel.offsets)):
            own, first = scaled[begin:end], int(panel.first[s])
            for at in range(1, end - begin, BLOCK):
                before = np.arange(at, min(at + BLOCK, end - begin)) - 1
                features = self.shape.features(own, np.zeros_like(before), before, first + before)
                said[begin + before + 1] = self.changes(features, np.full(len(before), s))
        return said

    def kept(self, targets: NDArray[np.bool_], other: Autoregression) -> Autoregression:
        """This anchor for some targets, [3], and another one's coefficients for the rest."""
        pooled = np.where(targets[:, None], self.pooled, other.pooled)
        own = self.own
        if own is not None:
            own = np.where(targets[:, None], own, 0.0 if other.own is None else other.own)
        return replace(self, pooled=pooled, own=own)

    def with_own(self, series: Ints, other: Autoregression, count: int) -> Autoregression:
        """This anchor of `count` series, with another one's coefficients for some of them."""
        own = np.zeros((count, *self.pooled.shape)) if self.own is None else self.own.copy()
        own[series] = other.coefficients(series) - self.pooled
        return replace(self, own=own)

    def to_document(self) -> dict[str, Any]:
        """A JSON-ready form; `from_document` turns it into the same to seven digits."""
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
        """The anchor that `to_document` described."""
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
    """Seven significant digits: what a coefficient is known to, and a third of the file."""
    with np.errstate(divide="ignore"):
        digits = 6 - np.floor(np.log10(np.abs(numbers)))
    scale = 10.0 ** np.where(np.isfinite(digits), digits, 0)
    return (np.round(numbers * scale) / scale).tolist()
