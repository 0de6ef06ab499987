"""Rows of a table by series and day."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.data.reading.tables import Table
from models.series.panel import SeriesKey

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MAX_GAP = 3  # steps in a row that are interpolated; longer gaps are for the user to fill


@dataclass(frozen=True)
class SeriesRows:
    """Rows of series, sorted by series and day.

    Attributes:
        keys: the series, by number.
        group: number of each row's series, [n].
        days: of each row since 1970-01-01, [n].
        numbers: column → values, NaN where unknown, [n] each.
    """

    keys: list[SeriesKey]
    group: Ints
    days: Ints
    numbers: dict[str, Floats]

    @classmethod
    def of(cls, table: Table) -> SeriesRows:
        """Return the rows of a table."""
        keys, group = _groups(table)
        order = _order(group, table.days)
        numbers = {name: values[order] for name, values in table.numbers.items()}
        numbers.setdefault("cycle_time", np.full(len(group), np.nan))
        return cls(keys, group[order], table.days[order], numbers)

    def places(self, members: Ints) -> slice | NDArray[np.bool_]:
        """Return the place of the rows of some series."""
        low, high = int(members.min()), int(members.max()) + 1
        if high - low == len(members):
            return slice(*np.searchsorted(self.group, [low, high]).tolist())
        return np.isin(self.group, members)

    def joined(self, other: SeriesRows) -> SeriesRows:
        """Return these rows and more of the same series, sorted."""
        group, days = (
            np.concatenate([getattr(rows, name) for rows in (self, other)])
            for name in ("group", "days")
        )
        order = np.lexsort((days, group))
        numbers = {
            name: np.concatenate([own, other.numbers[name]])[order]
            for name, own in self.numbers.items()
        }
        return replace(self, group=group[order], days=days[order], numbers=numbers)

    def select(self, some: NDArray[np.bool_]) -> SeriesRows:
        """Return some of the rows."""
        if some.all():
            return self
        numbers = {name: values[some] for name, values in self.numbers.items()}
        return replace(self, group=self.group[some], days=self.days[some], numbers=numbers)


def _groups(table: Table) -> tuple[list[SeriesKey], Ints]:
    """The series in the table, sorted by name, and each row's."""
    (_, plants), (_, applications), (_, sizes) = table.names
    combined = table.series
    possible = table.possible_series
    if possible > len(combined):
        found, group = np.unique(combined, return_inverse=True)
    else:  # the same without sorting
        there = np.bincount(combined, minlength=possible) > 0
        found, group = np.flatnonzero(there), (np.cumsum(there) - 1)[combined]
    keys = [
        (
            plants[i // len(sizes) // len(applications)],
            applications[i // len(sizes) % len(applications)],
            sizes[i % len(sizes)],
        )
        for i in found.tolist()
    ]
    return keys, group.astype(np.int64)


def _order(group: Ints, days: Ints) -> Ints | slice:
    """The order of rows by series, then day; most tables are sorted already."""
    first = days.min()
    place = group * (days.max() - first + 1) + days - first
    if (place[1:] >= place[:-1]).all():
        return slice(None)
    return np.argsort(place, kind="stable")  # fast where whole series are out of order
