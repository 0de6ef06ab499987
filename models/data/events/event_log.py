"""An event log: units with the times at which they came and left, and the steps between.

Times are microseconds since 1970-01-01, as the clock on the wall showed them. OPEN is the finish of
what is still in process.

>>> names = [(np.zeros(3, np.int64), ["-"])] * 3
>>> log = EventLog(pa.array(["b", "a", "a"]), np.array([5, 0, 2]), np.array([OPEN, 1, 4]), names,
...                step=(np.array([0, 0, 1]), ["cut", "weld"]))
>>> units = log.units()
>>> log.unit.take(units.row).to_pylist(), units.start.tolist(), units.has_left.tolist()
(['a', 'b'], [0, 5], [True, False])
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.series.panel import SeriesKey
from utils.errors import InvalidInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Labels = tuple[Ints, list[str]]  # the code of each row, and the label of each code

OPEN: int = np.iinfo(np.int64).max
DAY = 86_400_000_000  # microseconds


@dataclass(frozen=True)
class Rules:
    """Rules by which the rows of a log tell that a unit has come and left.

    Attributes:
        state_changes: True if a row is the time at which a unit came into the state `step`; it
            stays there until its next row.
        finish_steps: steps (states) after which (in which) a unit has left. Empty: it has left if
            its last step has a finish.
        waiting_states: states in which a unit has not come yet.
    """

    state_changes: bool = False
    finish_steps: tuple[str, ...] = ()
    waiting_states: tuple[str, ...] = ()


@dataclass(frozen=True)
class Units:
    """Units, sorted by series, then start.

    Attributes:
        row: place of each unit's first row in the log, [n].
        start, finish: times, [n]; OPEN where in process.
        series: number of each unit's series, [n].
        series_keys: the series.
        quantity: pieces of each unit, [n].
    """

    row: Ints
    start: Ints
    finish: Ints
    series: Ints
    series_keys: tuple[SeriesKey, ...]
    quantity: Floats

    def __len__(self) -> int:
        return len(self.start)

    @property
    def has_left(self) -> NDArray[np.bool_]:
        """True for units that are not in process any more, [n]."""
        return self.finish != OPEN

    @property
    def time_in_system(self) -> Ints:
        """Microseconds between start and finish, [n]; OPEN where in process."""
        return np.where(self.has_left, self.finish - self.start, OPEN)

    def select(self, keep: NDArray[np.bool_]) -> Units:
        """Return some of the units; the numbers of their series stay."""
        return replace(
            self,
            row=self.row[keep],
            start=self.start[keep],
            finish=self.finish[keep],
            series=self.series[keep],
            quantity=self.quantity[keep],
        )


@dataclass(frozen=True)
class EventLog:
    """The rows of a log, sorted by start, then unit, [n] each.

    Attributes:
        unit: identifiers.
        start, finish: times; OPEN where a finish is blank.
        names: plant, application and panel size.
        step: operation, station or state; None: a row is a whole unit.
        quantity: pieces of each row's unit; None: one.
        rules: how a unit has come and left.
    """

    unit: pa.Array
    start: Ints
    finish: Ints
    names: list[Labels]
    step: Labels | None = None
    quantity: Floats | None = None
    rules: Rules = field(default_factory=Rules)

    def __len__(self) -> int:
        return len(self.start)

    def sorted(self) -> EventLog:
        """Return the rows in the one order that does not depend on how they came."""
        keys = [self.start, *(([self.step[0]]) if self.step else [])]
        columns: dict[str, Any] = {str(i): pa.array(key) for i, key in enumerate(keys)}
        order = [("0", "ascending"), ("unit", "ascending")]
        order += [("1", "ascending")] if self.step else []
        table = pa.table(columns | {"unit": self.unit})
        places = pc.sort_indices(table, order).to_numpy()
        if (np.diff(places.astype(np.int64)) == 1).all():
            return self
        return self.take(places)

    def take(self, rows: NDArray[Any]) -> EventLog:
        """Return the rows at some places, or those where a mask is true."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        return replace(
            self,
            unit=self.unit.take(pa.array(rows)),
            start=self.start[rows],
            finish=self.finish[rows],
            names=[(codes[rows], labels) for codes, labels in self.names],
            step=None if self.step is None else (self.step[0][rows], self.step[1]),
            quantity=None if self.quantity is None else self.quantity[rows],
        )

    @property
    def series(self) -> Ints:
        """The number of each row's series among all that the names could form, [n]."""
        (a, _), (b, applications), (c, sizes) = self.names
        return (a * len(applications) + b) * len(sizes) + c

    def series_keys(self, numbers: Ints) -> tuple[SeriesKey, ...]:
        """Return plant, application and panel size of numbers as `series` has them."""
        (_, plants), (_, applications), (_, sizes) = self.names
        rest, size = np.divmod(numbers, len(sizes))
        plant, application = np.divmod(rest, len(applications))
        places = zip(plant.tolist(), application.tolist(), size.tolist(), strict=True)
        return tuple((plants[p], applications[a], sizes[s]) for p, a, s in places)

    def with_finishes(self) -> EventLog:
        """Return a log of states with the time at which each state was left."""
        if not self.rules.state_changes:
            return self
        codes = unit_codes(self.unit)
        order = np.lexsort((self.start, codes))
        finish = np.full(len(self), OPEN)
        same = codes[order[1:]] == codes[order[:-1]]
        finish[order[:-1][same]] = self.start[order[1:][same]]
        return replace(self, finish=finish)

    def last_steps(self) -> dict[str, int]:
        """Return how many units have each step as their last one, the most first."""
        if self.step is None:
            return {}
        codes = unit_codes(self.unit)
        order = np.lexsort((self.finish, self.start, codes))
        last = order[np.append(codes[order[1:]] != codes[order[:-1]], True)]
        counts = np.bincount(self.step[0][last], minlength=len(self.step[1]))
        return {self.step[1][i]: int(counts[i]) for i in np.argsort(-counts, kind="stable")}

    def in_steps(self, names: tuple[str, ...]) -> NDArray[np.bool_]:
        """Return True for rows of steps with these names, [n]."""
        if self.step is None or not names:
            return np.zeros(len(self), bool)
        return np.isin(self.step[0], [i for i, name in enumerate(self.step[1]) if name in names])

    def units(self) -> Units:
        """Return the units of the log: of several rows the first start and the last finish."""
        log = self.with_finishes()
        rows = np.arange(len(log))
        if self.rules.state_changes:
            rows = np.flatnonzero(~log.in_steps(self.rules.waiting_states))
            log = log.take(rows)
        found, series = np.unique(log.series, return_inverse=True)
        if self.step is None:
            order = np.argsort(series, kind="stable")  # the starts are in order
            start, finish, first = log.start[order], log.finish[order], order
        else:
            first, start, finish = log._of_several_rows(series)
        quantity = np.ones(len(first)) if log.quantity is None else log.quantity[first]
        keys = self.series_keys(found)
        return Units(rows[first], start, finish, series[first], keys, quantity)

    def _of_several_rows(self, series: Ints) -> tuple[Ints, Ints, Ints]:
        """The first row of each unit in each series, its start and its finish."""
        codes = unit_codes(self.unit) * (series.max(initial=0) + 1) + series
        order = np.lexsort((self.finish, self.start, codes))
        begins = np.flatnonzero(np.diff(codes[order], prepend=-1))
        ends = np.append(begins[1:], len(order))[: len(begins)] - 1
        start = self.start[order[begins]]
        finish = np.maximum.reduceat(self.finish[order], begins) if len(begins) else start
        last, finished = order[ends], self.rules.finish_steps
        if self.rules.state_changes:
            finish = np.where(self.in_steps(finished)[last], self.start[last], OPEN)
        elif finished:
            finish = np.where(self.in_steps(finished)[last], finish, OPEN)
        first = order[begins]
        place = np.lexsort((first, start, series[first]))
        return first[place], start[place], finish[place]


def unit_codes(unit: pa.Array) -> Ints:
    """Return a number for each identifier, equal for equal ones, [n]."""
    return unit.dictionary_encode().indices.to_numpy().astype(np.int64)


def check(log: EventLog, column: dict[str, str]) -> None:
    """Refuse a log whose rows contradict themselves or each other.

    Args:
        column: the name of the column of `unit`, `start` and `finish`, for the messages.

    Raises:
        InvalidInput: a finish lies before its start, or a unit is given twice.
    """
    early = np.flatnonzero(log.finish < log.start)
    if early.size:
        row = int(early[0])
        more = f" {early.size - 1:,} more rows do so." if early.size > 1 else ""
        raise InvalidInput.of(
            column["finish"],
            f"must not lie before {column['start']}; unit {log.unit[row].as_py()!r} starts "
            f"{text_of(log.start[row])} and ends {text_of(log.finish[row])}.{more}",
            text_of(log.finish[row]),
        )
    if log.step is None:
        _refuse_twice(log, column["unit"])


def _refuse_twice(log: EventLog, column: str) -> None:
    """Raise InvalidInput if two rows are of the same unit in the same series."""
    if pc.count_distinct(log.unit).as_py() == len(log):
        return
    codes = unit_codes(log.unit) * (log.series.max() + 1) + log.series
    found, counts = np.unique(codes, return_counts=True)
    if len(found) == len(log):
        return
    row = int(np.flatnonzero(codes == found[counts > 1][0])[0])
    unit = log.unit[row].as_py()
    raise InvalidInput.of(
        column,
        f"must be given once; {unit!r} has {int(counts[counts > 1][0])} rows, and so have "
        f"{int((counts > 1).sum()) - 1:,} others. If a row is a step of a unit, name the column "
        'of the step: columns={"step": "…"}',
        unit,
    )


def text_of(time: Any) -> str:
    """Return a time as people write it; a midnight as the date alone.

    >>> text_of(19_723 * DAY), text_of(19_723 * DAY + DAY // 4), text_of(OPEN)
    ('2024-01-01', '2024-01-01 06:00:00', 'never')
    """
    if int(time) == OPEN:
        return "never"
    moment = str(np.datetime64(int(time), "us")).replace("T", " ")
    return moment.removesuffix(".000000").removesuffix(" 00:00:00")
