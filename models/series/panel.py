"""Series × time: the calendar, the panel of series, its split and its windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from utils.errors import InvalidInput

KEYS = ("plant", "application", "panel_size")
TARGETS = ("wip", "throughput", "cycle_time")
# Rows that only count their days start here, and so does synthetic data: a Monday.
ORIGIN = date(2024, 1, 1)

DAYS_PER_YEAR = 365.2425
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Key = tuple[str, str, str]


class Step(StrEnum):
    """The time between two rows of a series."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True)
class Calendar:
    """Dates ↔ whole step numbers, and what a model is told about a date.

    `anchor` is where in its step a row's date falls: the remainder of its day number by 7 for
    weeks, its day of the month for months (31: the month's last day).
    """

    step: Step = Step.DAY
    anchor: int = 0

    @classmethod
    def of(cls, days: Ints, series: Ints) -> Calendar:
        """Recognise the step of rows sorted by series, then day.

        Args:
            days: days since 1970-01-01, [n].
            series: number of each row's series, [n].

        Raises:
            InvalidInput: the usual distance of two rows is no day, week or month.
        """
        gaps = np.diff(days)[np.diff(series) == 0]
        gaps = gaps[gaps > 0]
        usual = int(np.median(gaps)) if gaps.size else 1
        if usual == 1:
            return cls(Step.DAY)
        if usual == 7:
            return cls(Step.WEEK, int(np.bincount(days % 7).argmax()))
        if 28 <= usual <= 31:
            return cls(Step.MONTH, int(np.bincount(_day_of_month(days)).argmax()))
        raise InvalidInput.of(
            "date", "rows must be a day, a week or a month apart", f"{usual} days apart"
        )

    def index(self, days: Ints) -> Ints:
        """Step number of days since 1970-01-01."""
        if self.step is Step.DAY:
            return days
        if self.step is Step.WEEK:
            return (days - self.anchor) // 7
        return _as_dates(days).astype("datetime64[M]").astype(np.int64)

    def days(self, index: Ints) -> Ints:
        """Days since 1970-01-01 of step numbers; the inverse of `index`."""
        if self.step is Step.DAY:
            return index
        if self.step is Step.WEEK:
            return index * 7 + self.anchor
        first = _as_dates(index, "M").astype("datetime64[D]").astype(np.int64)
        last = _as_dates(index + 1, "M").astype("datetime64[D]").astype(np.int64) - 1
        return np.minimum(first + self.anchor - 1, last)

    def dates(self, index: Ints) -> list[str]:
        """ISO dates of step numbers."""
        return [str(day) for day in _as_dates(self.days(np.asarray(index)))]

    @property
    def width(self) -> int:
        """Number of calendar features."""
        return self.features(np.zeros(1, np.int64)).shape[1]

    def features(self, index: Ints) -> NDArray[np.float32]:
        """What a model is told about each step, [n] → [n, width].

        Days: one of seven weekdays and the time of the year; weeks: the time of the year (two
        harmonics each); months: one of twelve.
        """
        if self.step is Step.MONTH:
            return np.eye(12, dtype=np.float32)[index % 12]
        year = 2 * np.pi * self.days(index)[:, None] / DAYS_PER_YEAR
        waves = np.hstack([np.sin(year), np.cos(year), np.sin(2 * year), np.cos(2 * year)])
        if self.step is Step.WEEK:
            return waves.astype(np.float32)
        weekday = np.eye(7)[(index + _EPOCH_WEEKDAY) % 7]
        return np.hstack([weekday, waves]).astype(np.float32)


def _as_dates(numbers: Ints, unit: str = "D") -> NDArray[np.datetime64]:
    return numbers.astype(f"datetime64[{unit}]")


def _day_of_month(days: Ints) -> Ints:
    dates = _as_dates(days)
    return (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1


def day_number(value: date) -> int:
    """Days since 1970-01-01."""
    return value.toordinal() - date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Panel:
    """Series one behind the other in flat arrays, every step of each present.

    Rows `offsets[s]` to `offsets[s + 1]` are series `s`, from step `first[s]` on. `values` is
    [rows, 3] in the order of TARGETS and in the units of the data; NaN where it is not known.
    """

    calendar: Calendar
    keys: tuple[Key, ...]
    offsets: Ints
    first: Ints
    values: Floats

    @property
    def lengths(self) -> Ints:
        """Rows of each series, [S]."""
        return np.diff(self.offsets)

    @property
    def series(self) -> Ints:
        """Number of each row's series, [rows]."""
        return np.repeat(np.arange(len(self.keys)), self.lengths)

    @property
    def position(self) -> Ints:
        """Each row's place within its series from 0, [rows]."""
        return np.arange(self.offsets[-1]) - np.repeat(self.offsets[:-1], self.lengths)

    @property
    def time(self) -> Ints:
        """Step number of each row, [rows]."""
        return self.position + np.repeat(self.first, self.lengths)

    def select(self, keep: Sequence[int]) -> Panel:
        """The panel of some of the series, in the given order."""
        rows = [np.arange(self.offsets[s], self.offsets[s + 1]) for s in keep]
        lengths = [len(r) for r in rows]
        return Panel(
            self.calendar,
            tuple(self.keys[s] for s in keep),
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            self.first[list(keep)],
            self.values[np.concatenate(rows)] if rows else np.empty((0, 3)),
        )

    def filled(self) -> Floats:
        """`values` with every unknown replaced by what a model may be shown in its place.

        The last value known before it in its series; before the first known one, the series'
        WIP ÷ throughput for cycle times (Little's Law over its whole known past), else zero.
        """
        values = self.values.copy()
        start = np.repeat(self.offsets[:-1], self.lengths)
        for column in range(values.shape[1]):
            known = ~np.isnan(values[:, column])
            if known.all():
                continue
            last = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
            # `last` runs on from series to series: what lies before a series' start is not its own.
            own = last >= start
            usual = self._usual_cycle_time() if column == TARGETS.index("cycle_time") else 0.0
            values[:, column] = np.where(own, values[last, column], usual)
        return values

    def _usual_cycle_time(self) -> Floats:
        """Running mean WIP ÷ running mean throughput of each row's series up to it, [rows]."""
        start = np.repeat(self.offsets[:-1], self.lengths)

        def running(column: int) -> Floats:
            total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(self.values[:, column]))])
            return total[1:] - total[start]

        flow = running(1)
        return np.divide(running(0), flow, out=np.zeros_like(flow), where=flow > 0)


@dataclass(frozen=True)
class Windows:
    """Which rows a model learns from, is judged on and is calibrated on, as indices into a panel.

    A window is `length` consecutive rows of one series and the row that follows them, its
    target. `train`, `held_back` and `calibration` are the targets' row numbers.
    """

    length: int
    train: Ints
    held_back: Ints
    calibration: Ints

    @classmethod
    def of(cls, panel: Panel, length: int, cut: int, newest: int) -> Windows:
        """Windows that never cross series.

        Targets before step `cut` train, those from there to `newest` judge, the rest calibrate.
        """
        whole, time = panel.position >= length, panel.time
        rows = np.arange(len(panel.values))
        return cls(
            length,
            rows[whole & (time < cut)],
            rows[whole & (time >= cut) & (time < newest)],
            rows[whole & (time >= newest)],
        )


def split_steps(panel: Panel, share: float) -> tuple[int, int]:
    """Where the training span ends, and where the calibration span begins, as steps.

    `share` of the panel's whole span trains. Of the rest, held back, the first half judges the
    model (at least one step), the newest one calibrates its intervals.
    """
    begin = int(panel.first.min())
    end = int((panel.first + panel.lengths).max())
    cut = begin + round(share * (end - begin))
    return cut, end - (end - cut) // 2
