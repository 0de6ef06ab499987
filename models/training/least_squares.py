"""Least squares of autoregressions: sums over the rows, made once, from which all are fitted.

`models.forecast.autoregression` describes the features, how coefficients are pooled over series,
and how a series deviates from the pool. All values are scaled (`models.series.scaling`).

Sources: ridge regression (Hoerl & Kennard, 1970) by normal equations; series weighted by iterated
generalised least squares (Aitken, 1936); partial pooling (Gelman & Hill, 2007, chapter 12).

Example: one series without a penalty, features x = (1, 2, 3) and changes y = (2, 4, 6) give the
sums Σx² = 14 and Σxy = 28, and the coefficient 28 / 14 = 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.forecast.autoregression import BLOCK, FARTHEST, Autoregression, Kind, Shape, Strength
from models.series.panel import Panel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_OWN = 512  # series that may have coefficients of their own
LARGEST = 4.0  # usual changes; larger ones are clipped
_MOMENTUM_SHARE = 0.5  # of the two forecasts that are averaged; means of forecasts err less
_LEAST_CHANGE = 1e-3
_LEAST_WEIGHT, _MOST_WEIGHT = 1e-4, 4.0
_STILL = 1e-6
_OTHER_KIND = 1 / 4  # weight below which a series is unlike the median one
_ROUNDS = 3
_ALONE = 10.0  # times the penalty, where a series is fitted alone
_YEARLY = 10.0  # penalty on the time of the year


@dataclass(frozen=True)
class Sums:
    """Sums for least squares, up to the end of each of K spans of time, by series and target.

    For more than MOST_OWN series, all of them are added up into one (S = 1).

    Attributes:
        squares: of the P features, XᵀX, [K, S, 3, P, P].
        products: of the features and the target, Xᵀy, [K, S, 3, P].
        totals: of the target's squares, yᵀy, [K, S, 3].
        counts: rows with a known target, [K, S, 3].
        change: usual size of a change, the unit of the targets, [3].
    """

    squares: Floats
    products: Floats
    totals: Floats
    counts: Floats
    change: Floats

    @classmethod
    def of(cls, panel: Panel, scaled: Floats, shape: Shape, cuts: list[int], known: int) -> Sums:
        """Return the sums of a panel.

        Args:
            scaled: its values scaled, unknown ones filled in, [rows, 3].
            shape: features of the autoregression.
            cuts: first steps after each span; every span begins at the first step.
            known: the unit of changes is that of the steps before it.
        """
        change = _usual_change(panel, scaled, known)
        pooled = len(panel.series_keys) > MOST_OWN
        size, width = (len(cuts), 1 if pooled else len(panel.series_keys), 3), shape.width
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

    def fit(self, shape: Shape, strength: Strength, spans: int, steps: int) -> Autoregression:
        """Return the autoregression fitted on one of the spans.

        A series weighs more the better the pooled coefficients forecast it, target by target.

        Args:
            shape: as the sums were made with.
            strength: of the penalties.
            spans: number of the span, from 1.
            steps: its length.
        """
        squares, products, totals, counts = (
            part[spans - 1] for part in (self.squares, self.products, self.totals, self.counts)
        )
        penalty = np.diag(shape.penalty(strength.pooled, steps, _YEARLY, strength.kind))
        # A series that stands still would pull all coefficients to zero.
        moves = (totals > _STILL * counts) | (len(squares) == 1)
        weights = _weights(totals, counts) * moves
        if len(squares) > 2:
            # Start from the half of the series that are forecast best alone: a mixture of kinds
            # would otherwise converge to coefficients that are good for none.
            alone = np.linalg.solve(squares + _ALONE * penalty, products[..., None])[..., 0]
            apart = _weights(_residual_squares(squares, products, totals, alone), counts) * moves
            weights = np.where(apart >= np.median(apart, axis=0), apart, 0.0)
        pooled = _solved(squares, products, weights, penalty)
        for _ in range(_ROUNDS if len(squares) > 1 else 0):
            residuals = _residual_squares(squares, products, totals, pooled[None])
            weights = _weights(residuals, counts) * moves
            pooled = _solved(squares, products, weights, penalty)
        if strength.kind is Kind.MOMENTUM:
            pooled *= _MOMENTUM_SHARE
        own = None
        if strength.own is not None and len(squares) > 1:
            residuals = products - np.einsum("sipq,iq->sip", squares, pooled)
            penalty = np.diag(shape.penalty(strength.own, steps, strength.own, strength.kind))
            penalized = squares * weights[..., None, None] + penalty
            own = np.linalg.solve(penalized, (residuals * weights[..., None])[..., None])[..., 0]
        return Autoregression(shape, strength, pooled, own, self.change)


def _residual_squares(
    squares: Floats, products: Floats, totals: Floats, coefficients: Floats
) -> Floats:
    """Residual sums of squares by series, [S, 3], of coefficients [S or 1, 3, P]."""
    fitted = np.matmul(squares, coefficients[..., None])[..., 0]
    return totals + np.sum((fitted - 2 * products) * coefficients, axis=-1)


def _weights(squares: Floats, counts: Floats) -> Floats:
    """Weight of each series for each target, [S, 3], around 1: the inverse of its mean square.

    A series that is forecast far worse than the median one weighs the square of that.
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
    penalized = (squares * weights[..., None, None]).sum(axis=0) + penalty
    product = (products * weights[..., None]).sum(axis=0)
    solved: Floats = np.linalg.solve(penalized, product[..., None])[..., 0]
    return solved


def _blocks(
    panel: Panel, scaled: Floats, shape: Shape, cuts: list[int], change: Floats
) -> Iterator[tuple[int, int, Floats, Floats]]:
    """Blocks of rows: (span, series, features [n, P], targets [n, 3], NaN where unknown)."""
    filled = np.nan_to_num(scaled)
    known = ~np.isnan(panel.values)
    for s, (begin, end) in enumerate(pairwise(panel.offsets)):
        first, dated_first = int(panel.first[s]), int(panel.dated_first[s])
        edges = [begin, *(np.clip(np.array(cuts) - first, 0, end - begin) + begin)]
        own, fewest = filled[begin:end], shape.fewest(end - begin)
        for k, (low, high) in enumerate(pairwise(edges)):
            for at in range(max(low, begin + fewest), high, BLOCK):
                rows = np.arange(at, min(at + BLOCK, high))
                before = rows - 1 - begin
                features = shape.features(own, np.zeros_like(before), before, dated_first + before)
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
    """Root mean square of the changes of each target, in the median series, [3]."""
    moves, series = _moves(panel, scaled, cut)
    squares = np.clip(moves, -FARTHEST, FARTHEST) ** 2
    usual = np.ones(3)
    for i in range(3):
        known = ~np.isnan(squares[:, i])
        total = np.bincount(series[known], squares[known, i], len(panel.series_keys))
        number = np.bincount(series[known], minlength=len(panel.series_keys))
        means = total[number > 0] / number[number > 0]
        if (means > 0).any():
            usual[i] = max(float(np.sqrt(np.median(means[means > 0]))), _LEAST_CHANGE)
    return usual
