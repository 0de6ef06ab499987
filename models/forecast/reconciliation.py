"""Reconciliation of the forecasts of WIP, throughput and cycle time by Little's Law.

    gap = ln WIP − ln throughput − ln cycle time
    deviation = gap of the forecast − usual gap of the series at this weekday or month
    correction of target i = ∓ share(horizon) × deviation × variance(i) ÷ Σ variance

Where the data obeys the law, the gap averages out over windows of time; on single steps it
follows the weekday, because work arrives on days on which nothing leaves. The usual gap of each
series is estimated. The deviation of a forecast from it is partly real and partly error: the share
that is error is estimated at each horizon by least squares. That share is removed, distributed
over the three targets in proportion to the variances of their errors, which is least squares
under the constraint (R. Stone, D. G. Champernowne & J. E. Meade, "The precision of national
income estimates", Review of Economic Studies 9, 1942).

    >>> law = Reconciliation(np.zeros((1, 7)), share=np.ones(1), errors=np.ones((1, 3)))
    >>> path = np.array([[[8.0, 2.0, 3.0]]])  # 8 in process, 2 × 3 = 6 by the law
    >>> law.apply(path, np.array([0]), np.array([[19_723]]), Calendar()).round(2).tolist()
    [[[7.27, 2.2, 3.3]]]
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.series.calendar import Calendar, Step
from models.series.panel import Panel
from utils.validation import TOLERANCE

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SIGN = np.array([1.0, -1.0, -1.0])  # of the three logarithms in the gap
_PRIOR_STEPS = 5.0  # weight of the mean gap of a series in its gap at one weekday or month
_FEWEST_GAPS = 20  # known gaps without which a series is not reconciled
_CLOSED = 0.1  # of the mean throughput; weekdays with less in the median are closed
_OUTLYING = 4.0  # typical deviations; larger ones are left out of the share's estimate
_TINY = 1e-12


def gap(values: Floats) -> Floats:
    """Return ln WIP − ln throughput − ln cycle time, [..., 3] → [...]; NaN without all three."""
    positive = np.where(values > 0, values, np.nan)
    return np.log(positive) @ _SIGN


@dataclass(frozen=True)
class Reconciliation:
    """The estimated gaps and errors.

    Attributes:
        usual: gap of each series at each weekday or month, [S, places]; NaN for a series that
            does not obey the law over windows, has too few known gaps, or closes on some
            weekday: work then waits, and the law does not hold on single days.
        share: share of a forecast's deviation that is error, by horizon, [H].
        errors: variances of the errors of the forecasts' logarithms, [H, 3].
    """

    usual: Floats
    share: Floats
    errors: Floats

    @classmethod
    def fit(
        cls,
        panel: Panel,
        cut: int,
        forecasts: Floats,
        truth: Floats,
        series: Ints,
        time: Ints,
    ) -> Reconciliation:
        """Return the reconciliation estimated from a panel and from roll-outs.

        Args:
            panel: the data; usual gaps are those of its steps before `cut`.
            cut: first step that is not used.
            forecasts, truth: of n roll-outs in units, [n, H, 3]; NaN where not known.
            series: number of the series of each roll-out, [n].
            time: dated step numbers, [n, H].
        """
        before = panel.time < cut
        gaps = np.where(before, gap(panel.values), np.nan)
        places = place_in_season(panel.calendar, panel.dated_time)
        count = _places_of(panel.calendar)
        usual = np.full((len(panel.series_keys), count), np.nan)
        for s, (b, e) in enumerate(pairwise(panel.offsets)):
            early = before[b:e]
            if _has_closed_places(panel.values[b:e, 1][early], places[b:e][early], count):
                continue
            found = _usual(gaps[b:e], places[b:e], count)
            usual[s] = np.nan if found is None else found
        expected = usual[series[:, None], place_in_season(panel.calendar, time)]
        error = gap(forecasts) - gap(truth)
        deviation = np.where(np.isnan(error), np.nan, gap(forecasts) - expected)
        measured = max(1, int((~np.isnan(deviation).all(axis=0)).sum()))
        known = (truth > 0) & (forecasts > 0)
        errors = np.log(np.divide(truth, forecasts, out=np.full(truth.shape, np.nan), where=known))
        return cls(
            usual,
            _error_share(deviation[:, :measured], error[:, :measured]),
            np.nan_to_num(_typical(errors[:, :measured] ** 2)),
        )

    @property
    def obeyed(self) -> float:
        """Share of the series whose data obeys Little's Law over windows."""
        return float(np.mean(~np.isnan(self.usual).any(axis=1)))

    def apply(self, values: Floats, series: Ints, time: Ints, calendar: Calendar) -> Floats:
        """Return reconciled forecasts, [n, H, 3].

        Series without a usual gap stay as they are.

        Args:
            values: forecasts in units, [n, H, 3].
            series: number of each series, [n].
            time: dated step numbers, [n, H].
            calendar: that they are of.
        """
        places = place_in_season(calendar, time)
        known = series < len(self.usual)
        usual = self.usual[np.minimum(series, len(self.usual) - 1)[:, None], places]
        deviation = gap(values) - np.where(known[:, None], usual, np.nan)
        horizon = np.minimum(np.arange(values.shape[1]), len(self.share) - 1)
        variances = self.errors[horizon] + _TINY
        split = variances / variances.sum(axis=1, keepdims=True)
        removed = np.nan_to_num(deviation * self.share[horizon])[..., None] * (split * _SIGN)
        return values * np.exp(-removed)

    def to_document(self) -> dict[str, Any]:
        """Return a JSON-ready form that `from_document` turns back into an equal one."""
        usual = [None if math.isnan(row[0]) else row for row in self.usual.tolist()]
        return {
            "usual": usual,
            "places": self.usual.shape[1],
            "share": self.share.tolist(),
            "errors": self.errors.tolist(),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Reconciliation:
        """Return the reconciliation that `to_document` described."""
        nothing = [math.nan] * int(document["places"])
        usual = [nothing if row is None else row for row in document["usual"]]
        return cls(
            np.asarray(usual, float).reshape(-1, len(nothing)),
            np.asarray(document["share"], float),
            np.asarray(document["errors"], float).reshape(-1, 3),
        )


def place_in_season(calendar: Calendar, time: Ints) -> Ints:
    """Return the place in the week, or the month, of dated step numbers, as a number from 0."""
    time = calendar.days(time) if calendar.is_daily else time
    return time % _places_of(calendar)


def _places_of(calendar: Calendar) -> int:
    """Number of places in a week, or of months."""
    return calendar.season if calendar.step is Step.MONTH else calendar.week


def _usual(gaps: Floats, places: Ints, count: int) -> Floats | None:
    """Usual gap at each weekday or month; None if the law is broken or few gaps are known."""
    known = ~np.isnan(gaps)
    if known.sum() < _FEWEST_GAPS:
        return None
    gaps, places = gaps[known], places[known]
    mean = float(gaps.mean())
    if abs(mean) > -math.log(1 - TOLERANCE):
        return None
    sums = np.bincount(places, gaps, count) + _PRIOR_STEPS * mean
    usual: Floats = sums / (np.bincount(places, minlength=count) + _PRIOR_STEPS)
    return usual


def _has_closed_places(throughput: Floats, places: Ints, count: int) -> bool:
    """Return True if there is next to no output on some weekday or in some month."""
    mean = float(np.nan_to_num(np.nanmean(throughput))) if throughput.size else 0.0
    own = (throughput[places == place] for place in range(count))
    return any(some.size and float(np.median(some)) < _CLOSED * mean for some in own)


def _typical(squares: Floats) -> Floats:
    """Median of squares over the roll-outs, [n, H, ...] → [H, ...]; NaN where none is known."""
    flat = squares.reshape(len(squares), -1).T
    known = [row[~np.isnan(row)] for row in flat]
    middle = [float(np.median(row)) if row.size else np.nan for row in known]
    return np.reshape(middle, squares.shape[1:])


def _error_share(deviation: Floats, error: Floats) -> Floats:
    """Least-squares share of deviations that is error, both [n, H], by horizon, 0 to 1, [H].

    It never falls with the horizon.
    """
    # Without a limit, series that are forecast badly would dominate the estimate.
    limit = _OUTLYING * np.sqrt(_typical(deviation**2))
    near = np.abs(deviation) <= limit
    deviation, error = np.where(near, deviation, 0.0), np.where(near, error, 0.0)
    products, squares = (deviation * error).sum(axis=0), (deviation**2).sum(axis=0)
    all_error = np.ones_like(squares)  # no deviation in the data: any later one is error
    share = np.divide(products, squares, out=all_error, where=squares > _TINY)
    return np.maximum.accumulate(np.clip(share, 0.0, 1.0))
