"""Three forecasts that agree with each other as far as the data's own do, by Little's Law.

The gap of a step is ln WIP − ln throughput − ln cycle time. Over windows it averages out where
the data obeys the law; on single steps it does not: it follows the weekday, as work goes on
arriving where nothing leaves. What is usual for a series and a place in the season is learned. What
a forecast's gap strays from that is part truth, part error: how much of it turned out to be error
is learned too, horizon by horizon. That part is spread over the three in proportion to the
variances of their errors (least squares under the constraint: Stone, Champernowne & Meade, "The
precision of national income estimates", Review of Economic Studies 9, 1942). Where the data's
own gap is always zero, so is the forecasts'.
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
_PLACES = {Step.DAY: 7, Step.WEEK: 1, Step.MONTH: 12}
_FEWEST = 5.0  # steps that the mean of a series counts as, beside its own at a place
_FEWEST_GAPS = 20  # known ones, without which nothing is said of a series
_OUTLYING = 4.0  # typical strays; a gap beyond says nothing of the others
_TINY = 1e-12


def gap(values: Floats) -> Floats:
    """ln WIP − ln throughput − ln cycle time, [..., 3] → [...]; NaN where one is not positive."""
    positive = np.where(values > 0, values, np.nan)
    return np.log(positive) @ _SIGN


@dataclass(frozen=True)
class Reconciliation:
    """What is usual of the gap, and of the errors.

    `usual` [S, places]; NaN for a series whose data does not obey the law, or says too little of
    it. `share` [H]: how much of what a forecast's gap strays from it is error. `errors` [H, 3]:
    variances of the errors of the forecasts' logarithms.
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
        """Learn the usual gaps of the steps before `cut`, and the errors of roll-outs.

        Args:
            forecasts, truth: [n, H, 3] in units, of series [n] at steps [n, H]; NaN: not known.
        """
        gaps = np.where(panel.time < cut, gap(panel.values), np.nan)
        places = place_in_season(panel.calendar, panel.time)
        count = _PLACES[panel.calendar.step]
        usual = np.full((len(panel.series_keys), count), np.nan)
        for s, (b, e) in enumerate(pairwise(panel.offsets)):
            found = _usual(gaps[b:e], places[b:e], count)
            usual[s] = np.nan if found is None else found
        beyond = gap(forecasts) - usual[series[:, None], place_in_season(panel.calendar, time)]
        wrong = gap(forecasts) - gap(truth)
        beyond = np.where(np.isnan(wrong), np.nan, beyond)
        measured = max(1, int((~np.isnan(beyond).all(axis=0)).sum()))
        known = (truth > 0) & (forecasts > 0)
        errors = np.log(np.divide(truth, forecasts, out=np.full(truth.shape, np.nan), where=known))
        return cls(
            usual,
            _share(beyond[:, :measured], wrong[:, :measured]),
            np.nan_to_num(_typical(errors[:, :measured] ** 2)),
        )

    @property
    def obeyed(self) -> float:
        """Share of the series whose data obeys Little's Law over windows."""
        return float(np.mean(~np.isnan(self.usual).any(axis=1)))

    def apply(self, values: Floats, series: Ints, time: Ints, calendar: Calendar) -> Floats:
        """Forecasts in units, [n, H, 3], of series [n] at steps [n, H], made to agree.

        Series that the data said too little of, or that are not known, stay as they are.
        """
        places = place_in_season(calendar, time)
        known = series < len(self.usual)
        usual = self.usual[np.minimum(series, len(self.usual) - 1)[:, None], places]
        beyond = gap(values) - np.where(known[:, None], usual, np.nan)
        horizon = np.minimum(np.arange(values.shape[1]), len(self.share) - 1)
        variances = self.errors[horizon] + _TINY
        split = variances / variances.sum(axis=1, keepdims=True)
        moved = np.nan_to_num(beyond * self.share[horizon])[..., None] * (split * _SIGN)
        return values * np.exp(-moved)

    def to_document(self) -> dict[str, Any]:
        """A JSON-ready form that `from_document` turns back into an equal one."""
        usual = [None if math.isnan(row[0]) else row for row in self.usual.tolist()]
        return {
            "usual": usual,
            "places": self.usual.shape[1],
            "share": self.share.tolist(),
            "errors": self.errors.tolist(),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Reconciliation:
        """What `to_document` described."""
        nothing = [math.nan] * int(document["places"])
        usual = [nothing if row is None else row for row in document["usual"]]
        return cls(
            np.asarray(usual, float).reshape(-1, len(nothing)),
            np.asarray(document["share"], float),
            np.asarray(document["errors"], float).reshape(-1, 3),
        )


def place_in_season(calendar: Calendar, time: Ints) -> Ints:
    """Weekday or month of step numbers, counted from some day or month."""
    return time % _PLACES[calendar.step]


def _usual(gaps: Floats, places: Ints, count: int) -> Floats | None:
    """Usual gap at each place; None where the law is not obeyed, or little is known."""
    known = ~np.isnan(gaps)
    if known.sum() < _FEWEST_GAPS:
        return None
    gaps, places = gaps[known], places[known]
    mean = float(gaps.mean())
    if abs(mean) > -math.log(1 - TOLERANCE):
        return None
    sums = np.bincount(places, gaps, count) + _FEWEST * mean
    usual: Floats = sums / (np.bincount(places, minlength=count) + _FEWEST)
    return usual


def _typical(squares: Floats) -> Floats:
    """Median of squares over the roll-outs, [n, H, ...] → [H, ...]; NaN where none is known."""
    flat = squares.reshape(len(squares), -1).T
    known = [row[~np.isnan(row)] for row in flat]
    middle = [float(np.median(row)) if row.size else np.nan for row in known]
    return np.reshape(middle, squares.shape[1:])


def _share(beyond: Floats, wrong: Floats) -> Floats:
    """Least squares' share of `beyond` that is `wrong`, both [n, H], by horizon, 0 to 1, [H].

    It rises with the horizon: a far forecast's gap is all the more error.
    """
    # Gaps of series that are forecast badly would drown those of the others.
    usual = _OUTLYING * np.sqrt(_typical(beyond**2))
    near = np.abs(beyond) <= usual
    beyond, wrong = np.where(near, beyond, 0.0), np.where(near, wrong, 0.0)
    products, squares = (beyond * wrong).sum(axis=0), (beyond**2).sum(axis=0)
    nothing = np.ones_like(squares)  # no stray gap at all: what there will be is error
    share = np.divide(products, squares, out=nothing, where=squares > _TINY)
    return np.maximum.accumulate(np.clip(share, 0.0, 1.0))
