"""The anchor of a forecast: a linear autoregression, rolled out, that the network improves on.

It forecasts the next change of every target from the last rows of all three, their recent mean
and the calendar of the step ahead. Its coefficients minimise squared errors plus a ridge penalty
on all of them: the stronger the penalty, the nearer the forecast comes to repeating the last
value. They are pooled over the series (each counts by how well they forecast it) and, where the
data bears it, each series deviates from them by a ridge of its own (Hoerl & Kennard, "Ridge
regression", Technometrics 12, 1970).

All values here are scaled (`utils.scaling`). How strong the penalties are is chosen in
`anchor_choice`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.series import Calendar, Panel, Step

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_LAGS = 14
MOST_OWN = 512  # series that may have coefficients of their own
FARTHEST = 8.0  # spreads; rows with a value or a move beyond are outliers: nothing is learned there
LARGEST = 4.0  # usual changes; a larger one counts as that large
_MOMENTUM_LAGS = 6
_MOMENTUM_SHARE = 0.5  # of the two forecasts that are averaged; means of forecasts err less
_ENOUGH = 15  # times the lags
_FEWEST_BEFORE = 7
_SHORT = 3  # lags
_LEAST_CHANGE = 1e-3
_LEAST_WEIGHT, _MOST_WEIGHT = 1e-4, 4.0
_STILL = 1e-6
_OTHER_KIND = 1 / 4  # weight below which a series is of another kind than the middle one
_ROUNDS = 3
_ALONE = 10.0  # times the penalty, where a series is fitted alone
_BLOCK = 32_768  # rows whose features are held at once
_YEARLY = 10.0  # penalty on the time of the year
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
    """What an anchor looks at: `lags` rows one by one, the mean of the last `memory` rows."""

    calendar: Calendar
    lags: int
    memory: int

    @classmethod
    def of(cls, calendar: Calendar, length: int, steps: int) -> Shape:
        """For windows of `length` rows; the memory is four weeks, half a year or a year.

        Of days, two weeks are looked at one by one, however short the window is, where `steps` of
        training are enough to learn from.
        """
        memory = {Step.DAY: 28, Step.WEEK: 26, Step.MONTH: 12}[calendar.step]
        enough = calendar.step is Step.DAY and steps >= _ENOUGH * MOST_LAGS
        lags = MOST_LAGS if enough else min(length, MOST_LAGS)
        return cls(calendar, lags, max(length, memory))

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
        first = np.maximum(begins, rows + 1 - self.memory)
        recent = (sums[rows + 1] - sums[first]) / (rows + 1 - first)[:, None]
        place = rows[:, None] - np.arange(1, self.lags)
        own = place >= begins[:, None]
        past = np.where(own[..., None], scaled[np.where(own, place, 0)], recent[:, None])
        moved = np.hstack([(now[:, None] - past).reshape(len(rows), -1), now, now - recent])
        return np.hstack([np.clip(moved, -FARTHEST, FARTHEST), self.ahead(time)])

    def expand(self, coefficients: Floats) -> tuple[Floats, Floats]:
        """Coefficients of features [..., 3, width] → of plain rows.

        Returns: weights on the `memory` rows up to now, oldest first, [..., 3, memory × 3], and on
        the features of the step ahead, [..., 3, calendar + 1].
        """
        lags, memory = self.lags, self.memory
        split = 3 * (lags + 1)
        moved = coefficients[..., :split].reshape(*coefficients.shape[:-1], lags + 1, 3)
        steps, level, recent = moved[..., : lags - 1, :], moved[..., -2, :], moved[..., -1, :]
        weights = np.zeros((*coefficients.shape[:-1], memory, 3))
        weights -= recent[..., None, :] / memory
        weights[..., -1, :] += steps.sum(axis=-2) + level + recent
        weights[..., memory - lags : memory - 1, :] -= steps[..., ::-1, :]
        return weights.reshape(*coefficients.shape[:-1], -1), coefficients[..., split:]


@dataclass(frozen=True)
class Strength:
    """How strongly coefficients are held back: pooled ones, and each series' deviations."""

    pooled: float
    own: float | None = None  # None: no deviations
    kind: Kind = Kind.REGRESSION


@dataclass(frozen=True)
class Anchor:
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
            for at in range(1, end - begin, _BLOCK):
                before = np.arange(at, min(at + _BLOCK, end - begin)) - 1
                features = self.shape.features(own, np.zeros_like(before), before, first + before)
                said[begin + before + 1] = self.changes(features, np.full(len(before), s))
        return said

    def kept(self, targets: NDArray[np.bool_], other: Anchor) -> Anchor:
        """This anchor for some targets, [3], and another one's coefficients for the rest."""
        pooled = np.where(targets[:, None], self.pooled, other.pooled)
        own = self.own
        if own is not None:
            own = np.where(targets[:, None], own, 0.0 if other.own is None else other.own)
        return replace(self, pooled=pooled, own=own)

    def with_own(self, series: Ints, other: Anchor, count: int) -> Anchor:
        """This anchor of `count` series, with another one's coefficients for some of them."""
        own = np.zeros((count, *self.pooled.shape)) if self.own is None else self.own.copy()
        own[series] = other.coefficients(series) - self.pooled
        return replace(self, own=own)

    def to_document(self) -> dict[str, Any]:
        """A JSON-ready form; `from_document` turns it into the same to seven digits."""
        return {
            "lags": self.shape.lags,
            "memory": self.shape.memory,
            "strength": [self.strength.pooled, self.strength.own, self.strength.kind.value],
            "pooled": _short(self.pooled),
            "own": None if self.own is None else _short(self.own),
            "change": self.change.tolist(),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any], calendar: Calendar) -> Anchor:
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


@dataclass(frozen=True)
class Sums:
    """Sums that least squares needs, up to the end of each span of time, by series and target.

    `squares` [K, S, 3, P, P], `products` [K, S, 3, P] and `totals` [K, S, 3] of the features'
    squares, of their products with the targets, of the targets' squares; `counts` [K, S, 3] the
    rows. For more than MOST_OWN series all of them are added up into one. `change` [3] is the
    usual size of a change: targets are in units of it.
    """

    squares: Floats
    products: Floats
    totals: Floats
    counts: Floats
    change: Floats

    @classmethod
    def of(cls, panel: Panel, scaled: Floats, shape: Shape, cuts: list[int], known: int) -> Sums:
        """Over the targets of steps before cuts[0], from there to cuts[1], and so on.

        Steps before `known` decide the unit of changes.
        """
        change = _usual_change(panel, scaled, known)
        pooled = len(panel.keys) > MOST_OWN
        size, width = (len(cuts), 1 if pooled else len(panel.keys), 3), shape.width
        sums = cls(
            np.zeros((*size, width, width)),
            np.zeros((*size, width)),
            np.zeros(size),
            np.zeros(size),
            change,
        )
        for k, s, features, targets in _blocks(panel, scaled, shape, cuts, change):
            sums._add(k, 0 if pooled else s, features, targets)
        for part in (sums.squares, sums.products, sums.totals, sums.counts):
            np.cumsum(part, axis=0, out=part)
        return sums

    def _add(self, span: int, series: int, features: Floats, targets: Floats) -> None:
        known = ~np.isnan(targets)
        whole = features.T @ features
        for i in range(targets.shape[1]):
            some = slice(None) if known[:, i].all() else known[:, i]
            mine, target = features[some], targets[some, i]
            self.squares[span, series, i] += whole if known[:, i].all() else mine.T @ mine
            self.products[span, series, i] += mine.T @ target
            self.totals[span, series, i] += target @ target
            self.counts[span, series, i] += len(target)

    def fit(self, shape: Shape, strength: Strength, spans: int, steps: int) -> Anchor:
        """The anchor fitted on the first `spans` spans, which are `steps` long.

        Each series counts in the pool by how well the pooled coefficients forecast it, target by
        target: generalised least squares, iterated.
        """
        squares, products, totals, counts = (
            part[spans - 1] for part in (self.squares, self.products, self.totals, self.counts)
        )
        penalty = np.diag(shape.penalty(strength.pooled, steps, _YEARLY, strength.kind))
        # A series that stands still has no pattern, but would say that there is none.
        moves = (totals > _STILL * counts) | (len(squares) == 1)
        weights = _weights(totals, counts) * moves
        if len(squares) > 2:
            # It sets out from the half of the series that could each be forecast best alone:
            # a mixture of kinds would else settle on coefficients that are good for none.
            alone = np.linalg.solve(squares + _ALONE * penalty, products[..., None])[..., 0]
            apart = _weights(_left(squares, products, totals, alone), counts) * moves
            weights = np.where(apart >= np.median(apart, axis=0), apart, 0.0)
        pooled = _solved(squares, products, weights, penalty)
        for _ in range(_ROUNDS if len(squares) > 1 else 0):
            left = _left(squares, products, totals, pooled[None])
            weights = _weights(left, counts) * moves
            pooled = _solved(squares, products, weights, penalty)
        if strength.kind is Kind.MOMENTUM:
            pooled *= _MOMENTUM_SHARE
        own = None
        if strength.own is not None and len(squares) > 1:
            left = products - np.einsum("sipq,iq->sip", squares, pooled)
            penalty = np.diag(shape.penalty(strength.own, steps, strength.own, strength.kind))
            held = squares * weights[..., None, None] + penalty
            own = np.linalg.solve(held, (left * weights[..., None])[..., None])[..., 0]
        return Anchor(shape, strength, pooled, own, self.change)


def _left(squares: Floats, products: Floats, totals: Floats, coefficients: Floats) -> Floats:
    """Sums of squares that coefficients, [S or 1, 3, P], leave of each series, [S, 3]."""
    fitted = np.matmul(squares, coefficients[..., None])[..., 0]
    return totals + np.sum((fitted - 2 * products) * coefficients, axis=-1)


def _weights(squares: Floats, counts: Floats) -> Floats:
    """What each series counts for each target, [S, 3], by its mean square: around 1.

    As generalised least squares has it, the inverse; but a series that is forecast far worse than
    the middle one is of another kind, and hardly counts at all.
    """
    mean = np.divide(squares, counts, out=np.zeros_like(squares), where=counts > 0)
    typical = np.ones(3)
    for i, column in enumerate(mean.T):
        if (column > 0).any():
            typical[i] = np.median(column[column > 0])
    inverse = np.clip(typical / np.maximum(mean, 1e-12), _LEAST_WEIGHT, _MOST_WEIGHT)
    return np.where(inverse < _OTHER_KIND, inverse**2, inverse)


def _solved(squares: Floats, products: Floats, weights: Floats, penalty: Floats) -> Floats:
    """Pooled ridge coefficients, [3, P]."""
    held = (squares * weights[..., None, None]).sum(axis=0) + penalty
    product = (products * weights[..., None]).sum(axis=0)
    solved: Floats = np.linalg.solve(held, product[..., None])[..., 0]
    return solved


def _blocks(
    panel: Panel, scaled: Floats, shape: Shape, cuts: list[int], change: Floats
) -> Iterator[tuple[int, int, Floats, Floats]]:
    """(span, series, features [n, P], targets [n, 3], NaN where unknown), a few rows at a time."""
    filled = np.nan_to_num(scaled)
    known = ~np.isnan(panel.values)
    for s, (begin, end) in enumerate(pairwise(panel.offsets)):
        first = int(panel.first[s])
        edges = [begin, *(np.clip(np.array(cuts) - first, 0, end - begin) + begin)]
        own, fewest = filled[begin:end], shape.fewest(end - begin)
        for k, (low, high) in enumerate(pairwise(edges)):
            for at in range(max(low, begin + fewest), high, _BLOCK):
                rows = np.arange(at, min(at + _BLOCK, high))
                before = rows - 1 - begin
                features = shape.features(own, np.zeros_like(before), before, first + before)
                moved = (filled[rows] - filled[rows - 1]) / change
                moved = np.where(known[rows], np.clip(moved, -LARGEST, LARGEST), np.nan)
                usual = np.abs(features[:, : 3 * shape.lags]).max(axis=1) < FARTHEST
                yield k, s, features[usual], moved[usual]


def _moves(panel: Panel, scaled: Floats, cut: int) -> tuple[Floats, Ints]:
    """Changes of the scaled values before step `cut`, [n, 3], NaN where unknown; their series."""
    values = np.where(np.isnan(panel.values) | (panel.time >= cut)[:, None], np.nan, scaled)
    series = panel.series
    same = np.diff(series) == 0
    return np.diff(values, axis=0)[same], series[1:][same]


def _usual_change(panel: Panel, scaled: Floats, cut: int) -> Floats:
    """Root mean square of the changes of each target, in the middle series, [3]."""
    moves, series = _moves(panel, scaled, cut)
    squares = np.clip(moves, -FARTHEST, FARTHEST) ** 2
    usual = np.ones(3)
    for i in range(3):
        known = ~np.isnan(squares[:, i])
        total = np.bincount(series[known], squares[known, i], len(panel.keys))
        number = np.bincount(series[known], minlength=len(panel.keys))
        means = total[number > 0] / number[number > 0]
        if (means > 0).any():
            usual[i] = max(float(np.sqrt(np.median(means[means > 0]))), _LEAST_CHANGE)
    return usual
