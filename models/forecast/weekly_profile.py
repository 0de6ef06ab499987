"""The weekly profile of hours and shifts, for the pretrained network.

The network was trained on days: it knows no season of 24 hours within one of 168. So its rows are
divided by the profile of their places in the week, and its forecasts are multiplied by it again.

The profile of a place is the mean, over the last weeks, of its value ÷ the mean of its week. Few
weeks tell little of a single hour: it is drawn to the product of what its weekday and its time of
the day have on average, the more the fewer weeks there are.

    >>> rows = np.tile([1.0, 3.0], 28).reshape(1, 56, 1).repeat(3, axis=2)  # two shifts, four weeks
    >>> profile = WeeklyProfile.of(rows, parts=2, last=np.array([13]))
    >>> profile.past(rows)[0, -2:, 1].tolist(), profile.ahead(3)[0, :, 1].tolist()
    ([2.0, 2.0], [0.5, 1.5, 0.5])
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WEEKS = 4  # at the end of the rows, that the profile is taken from
_PRIOR = 4.0  # weeks that weekday and time of the day weigh as much as
_CLOSED = 0.02  # of the mean, at which a place is taken to stand still


@dataclass(frozen=True)
class WeeklyProfile:
    """The profiles of n series and three targets.

    Attributes:
        factors: by step ahead, of a whole week, [n, week, 3].
    """

    factors: Floats

    @classmethod
    def of(cls, rows: Floats, parts: int, last: Ints) -> WeeklyProfile:
        """Return the profiles of rows in units, oldest first, [n, m, 3]; NaN where unknown.

        Args:
            parts: of a day.
            last: number of the last row's hour or shift, [n].
        """
        week = 7 * parts
        recent = rows[:, -WEEKS * week :]
        lacking = WEEKS * week - recent.shape[1]
        recent = np.pad(recent, ((0, 0), (lacking, 0), (0, 0)), constant_values=np.nan)
        weeks = recent.reshape(len(rows), WEEKS, week, 3)
        level = _mean(weeks, 2)[:, :, None]
        ratios = np.divide(weeks, level, out=np.full(weeks.shape, np.nan), where=level > 0)
        first = (last[:, None] + 1) % week  # place in the week of the first step ahead
        by_place = (np.arange(week) - first) % week
        ratios = np.take_along_axis(ratios, by_place[:, None, :, None], axis=2)
        days = ratios.reshape(len(rows), WEEKS, 7, parts, 3)
        prior = _or_one(_mean(days, (1, 3)))[:, :, None] * _or_one(_mean(days, (1, 2)))[:, None]
        known = (~np.isnan(ratios)).sum(axis=1)
        total = np.nansum(ratios, axis=1) + _PRIOR * prior.reshape(len(rows), week, 3)
        ahead = (np.arange(week) + first) % week
        factors = np.take_along_axis(total / (known + _PRIOR), ahead[..., None], axis=1)
        return cls(np.where(factors > _CLOSED, factors, 0.0))

    def past(self, rows: Floats) -> Floats:
        """Return rows without the profile; NaN where the series stands still, [n, m, 3]."""
        factors = self.factors[:, np.arange(-rows.shape[1], 0) % self.factors.shape[1]]
        return np.divide(rows, factors, out=np.full(rows.shape, np.nan), where=factors > 0)

    def ahead(self, steps: int) -> Floats:
        """Return the factors of the steps ahead, [n, steps, 3]."""
        return self.factors[:, np.arange(steps) % self.factors.shape[1]]


def _mean(values: Floats, axis: int | tuple[int, ...]) -> Floats:
    """Mean of the known values along axes; NaN where there is none."""
    known = (~np.isnan(values)).sum(axis=axis)
    total = np.nansum(values, axis=axis)
    return np.divide(total, known, out=np.full(total.shape, np.nan), where=known > 0)


def _or_one(values: Floats) -> Floats:
    return np.where(np.isnan(values), 1.0, values)
