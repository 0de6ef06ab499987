"""Series × time: the calendar, the panel of series, the scaling of a model, and its windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

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
    """Which rows a model learns from and which it is judged on, as indices into a panel.

    A window is `length` consecutive rows of one series and the row that follows them, its
    target. `train` and `held_back` are the targets' row numbers.
    """

    length: int
    train: Ints
    held_back: Ints

    @classmethod
    def of(cls, panel: Panel, length: int, cut: int) -> Windows:
        """Windows that never cross series; targets before step `cut` train, the rest judge."""
        whole = panel.position >= length
        early = panel.time < cut
        rows = np.arange(len(panel.values))
        return cls(length, rows[whole & early], rows[whole & ~early])


def split_step(panel: Panel, share: float) -> int:
    """The step from which on rows are held back: `share` of the panel's whole span trains."""
    begin = int(panel.first.min())
    end = int((panel.first + panel.lengths).max())
    return begin + round(share * (end - begin))


@dataclass(frozen=True)
class Encoding:
    """Units ↔ what the network sees and says, fitted on the training span only.

    Every series has its own scale. The network is asked for the change from the last value to
    the next, in units of the changes that are usual: it need not learn the level of anything.
    """

    calendar: Calendar
    length: int
    keys: tuple[Key, ...]
    mean: Floats  # [S, 3]
    scale: Floats  # [S, 3]
    change: Floats  # [3], the usual size of a scaled change

    kind = "change_per_series"

    @classmethod
    def fit(cls, panel: Panel, length: int, cut: int) -> Encoding:
        """Fit on the rows before step `cut`; later rows have no influence."""
        early = panel.time < cut
        values = np.where(early[:, None], panel.values, np.nan)
        mean = np.zeros((len(panel.keys), 3))
        scale = np.ones((len(panel.keys), 3))
        for s, (begin, end) in enumerate(zip(panel.offsets[:-1], panel.offsets[1:], strict=True)):
            mean[s], scale[s] = _mean_and_scale(values[begin:end])
        scaled = (values - mean[panel.series]) / scale[panel.series]
        steps = np.diff(scaled, axis=0)[np.diff(panel.series) == 0]
        spread = [float(np.sqrt(np.mean(c**2))) if c.size else 1.0 for c in _known(steps)]
        return cls(panel.calendar, length, panel.keys, mean, scale, np.maximum(spread, 1e-3))

    @property
    def names(self) -> list[list[str]]:
        """The known plants, applications and panel sizes, each sorted."""
        return [sorted({key[k] for key in self.keys}) for k in range(len(KEYS))]

    def identities(self, series: Ints) -> NDArray[np.int32]:
        """Number of each series' plant, application and panel size, [n] → [n, 3].

        Counted through: applications go on where plants end, panel sizes where those end.
        """
        every = [(k, name) for k, names in enumerate(self.names) for name in names]
        place = {kind_and_name: i for i, kind_and_name in enumerate(every)}
        table = [[place[k, name] for k, name in enumerate(key)] for key in self.keys]
        return np.asarray(table, np.int32).reshape(-1, len(KEYS))[series]

    def surroundings(self, time: Ints, series: Ints) -> NDArray[np.float32]:
        """Features of a row beside its values: the calendar of the step after it, [n, c]."""
        return self.calendar.features(time + 1)

    def rows(
        self, values: Floats, surroundings: NDArray[np.float32], series: Ints
    ) -> NDArray[np.float32]:
        """Features of rows, [n, 3] in units → [n, 3 + c]."""
        scaled = (values - self.mean[series]) / self.scale[series]
        return np.hstack([scaled, surroundings]).astype(np.float32, copy=False)

    def encode(self, values: Floats, last: Floats, series: Ints) -> NDArray[np.float32]:
        """What the network should say where `values` follow `last`, both [n, 3] in units."""
        return ((values - last) / (self.scale[series] * self.change)).astype(np.float32)

    def decode(self, said: NDArray[np.float32], last: Floats, series: Ints) -> Floats:
        """The values, [n, 3] in units, never negative; the inverse of `encode`."""
        return np.maximum(last + said * (self.scale[series] * self.change), 0.0)

    def to_document(self) -> dict[str, Any]:
        """A JSON-ready form that `from_document` turns back into an equal encoding."""
        return {
            "kind": self.kind,
            "step": self.calendar.step.value,
            "anchor": self.calendar.anchor,
            "sequence_length": self.length,
            "keys": [list(key) for key in self.keys],
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "change": self.change.tolist(),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Encoding:
        """The encoding that `to_document` described."""
        return cls(
            Calendar(Step(document["step"]), int(document["anchor"])),
            int(document["sequence_length"]),
            tuple(tuple(key) for key in document["keys"]),
            np.asarray(document["mean"], float).reshape(-1, 3),
            np.asarray(document["scale"], float).reshape(-1, 3),
            np.asarray(document["change"], float),
        )


def _known(columns: Floats) -> list[Floats]:
    return [column[~np.isnan(column)] for column in columns.T]


def _mean_and_scale(values: Floats) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each column; a constant one is scaled by 1 % of its level."""
    mean, scale = [], []
    for column in _known(values):
        level = float(column.mean()) if column.size else 0.0
        spread = float(column.std()) if column.size else 0.0
        floor = max(abs(level), 1e-6)
        mean.append(level)
        scale.append(spread if spread > 1e-6 * floor else 0.01 * floor)
    return mean, scale
