"""The look-back of a roll-out: the last rows of each series, scaled."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.forecast.autoregression import Shape
from models.forecast.believed_values import believed
from models.forecast.past_stops import past_stops
from models.series.calendar import EVERY_DAY, Calendar
from models.series.panel import Panel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MARGIN = 0.25  # of the range of a series, by which a forecast may leave it on both sides
_RECENT = 14  # rows whose mean is the present level
_AFTER_STOP = 28  # rows that a stop bears upon
_BEYOND = 1.0  # standard deviations by which it must leave the range of the training
_COMPARED = (1, 2)  # rows before the last one; near one of them or a week ago, it is not unusual
_WEEK = 7


@dataclass(frozen=True)
class LookBack:
    """The rows that n roll-outs start from, and the bounds that they stay within.

    Attributes:
        scaled: the last rows, oldest first, [n, look_back, 3]; rows before the beginning of a
            series are the mean of its others. The last two values are moved back where they are
            far beyond the usual moves.
        known: how many rows, at the end, are rows of the series, [n].
        last: dated step number of the last row, [n].
        series: number of each series, [n].
        lowest, highest: bounds of the forecast, [n, 3].
        is_new: True where the latest rows lie beyond all that the training has seen, [n, 3]: the
            line has moved to another level. Of all targets, where the line stood still within the
            latest 28 rows (a week of hours).
        is_still: True where the latest 14 rows (a week of hours or shifts) are all equal, [n, 3],
            as after a shutdown.
        calendar: that the step numbers are of.
        ranges: lowest and highest values of the training span, [n, 3] each; None: not known.
    """

    scaled: Floats
    known: Ints
    last: Ints
    series: Ints
    lowest: Floats
    highest: Floats
    is_new: NDArray[np.bool_]
    is_still: NDArray[np.bool_]
    calendar: Calendar = EVERY_DAY
    ranges: tuple[Floats, Floats] | None = None

    @classmethod
    def of_rows(
        cls,
        rows: Floats,
        known: NDArray[np.bool_],
        last: Ints,
        series: Ints,
        ranges: tuple[Floats, Floats] | None = None,
        calendar: Calendar = EVERY_DAY,
    ) -> LookBack:
        """Return the look-back of given rows.

        Args:
            rows: scaled, oldest first, [n, look_back, 3].
            known: true for rows of the series, at the end of each look-back, [n, look_back].
            last: dated step number of the last row, [n].
            series: number of each series, [n].
            ranges: lowest and highest values of each series in its training span, [n, 3]; the
                forecast stays within these and the look-back, plus a quarter of that range.
            calendar: that the step numbers are of.
        """
        scaled = padded(rows, known)
        week = min(calendar.season, calendar.week if calendar.begins else _WEEK)
        compared = (*_COMPARED, *((calendar.parts,) if calendar.begins else ()), week)
        scaled[:, -2:] = believed(scaled, known, compared)
        latest = max(_RECENT, week)
        low, high = scaled.min(axis=1), scaled.max(axis=1)
        is_new = np.zeros(low.shape, bool)
        if ranges is not None:
            recent = scaled[:, -latest:].mean(axis=1)
            is_new = (recent < ranges[0] - _BEYOND) | (recent > ranges[1] + _BEYOND)
            low, high = np.minimum(low, ranges[0]), np.maximum(high, ranges[1])
        stopped = past_stops(scaled[..., 1], calendar.season)[:, -max(_AFTER_STOP, week) :]
        is_new |= stopped.any(axis=1, keepdims=True)
        margin = _MARGIN * (high - low)
        count = known.sum(axis=1)
        is_still = (np.ptp(scaled[:, -latest:], axis=1) == 0) & (count >= latest)[:, None]
        bounds = low - margin, high + margin
        return cls(scaled, count, last, series, *bounds, is_new, is_still, calendar, ranges)

    @classmethod
    def of(
        cls,
        panel: Panel,
        scaled: Floats,
        shape: Shape,
        series: Ints,
        origin: int | Ints,
        ranges: tuple[Floats, Floats] | None = None,
        least: int = 0,
    ) -> LookBack:
        """Return the rows of some series of a panel before an origin.

        Args:
            scaled: the values of the panel, [all rows, 3].
            shape: of the autoregression; it gives the length of the look-back.
            series: number of each series, [n].
            origin: first step to forecast, one for all series or one each, [n].
            ranges: lowest and highest values of all series of the panel, [S, 3].
            least: fewest rows of the look-back.
        """
        begins, ends = panel.offsets[series], panel.offsets[series + 1]
        end = np.clip(origin - panel.first[series] + begins, begins + 1, ends)
        rows = end[:, None] - np.arange(max(shape.look_back, least), 0, -1)
        return cls.of_rows(
            scaled[np.maximum(rows, 0)],
            rows >= begins[:, None],
            panel.dated_first[series] + end - begins - 1,
            series,
            ranges and (ranges[0][series], ranges[1][series]),
            panel.calendar,
        )

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """True for rows of the series, [n, look_back]."""
        return np.arange(self.scaled.shape[1], 0, -1) <= self.known[:, None]

    @property
    def record(self) -> Floats:
        """The highest values seen, [n, 3]."""
        return self.highest - (self.highest - self.lowest) * _MARGIN / (1 + 2 * _MARGIN)

    def within_training(self) -> LookBack:
        """Return the look-back with values moved to within what the training has seen.

        That is its range, wider by a standard deviation on both sides.
        """
        if self.ranges is None:
            return self
        low, high = self.ranges[0] - _BEYOND, self.ranges[1] + _BEYOND
        return replace(self, scaled=self.scaled.clip(low[:, None], high[:, None]))

    def with_rows(self, scaled: Floats) -> LookBack:
        """Return the look-back with other values of the same rows."""
        series, ranges = self.series, self.ranges
        return LookBack.of_rows(scaled, self.is_known, self.last, series, ranges, self.calendar)

    def followed_by(self, path: Floats) -> LookBack:
        """Return the look-back of as many rows that ends with forecasts, [n, steps, 3]."""
        rows, steps = self.scaled.shape[1], path.shape[1]
        scaled = np.concatenate([self.scaled, path], axis=1)[:, -rows:]
        return replace(self, scaled=scaled, known=self.known + steps, last=self.last + steps)

    def last_rows(self, rows: int) -> Floats:
        """Return the last rows, [n, rows, 3], NaN where they are not of the series."""
        scaled = self.scaled[:, -rows:]
        return np.where(self.is_known[:, -scaled.shape[1] :, None], scaled, np.nan)


def padded(rows: Floats, known: NDArray[np.bool_]) -> Floats:
    """Return rows [n, look_back, 3] with unknown ones replaced by the mean of the known ones.

    Args:
        known: true for known rows, [n, look_back].
    """
    if known.all():
        return rows.copy()
    known = known[..., None]
    mean = np.where(known, rows, 0.0).sum(axis=1, keepdims=True)
    return np.where(known, rows, mean / np.maximum(known.sum(axis=1, keepdims=True), 1))
