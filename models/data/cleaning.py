"""Cleaning: a table as it was received → regular series, and a report of what was repaired."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.table_columns import OPTIONAL
from models.data.tables import Table
from models.series.calendar import Calendar
from models.series.panel import TARGETS, Panel, SeriesKey
from utils.errors import Detail, InvalidInput
from utils.validation import TOLERANCE, window_compliance

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MAX_GAP = 3  # steps in a row that are interpolated; longer gaps are for the user to fill
LAW_WINDOW = 30  # steps over which Little's Law is judged
_LISTED = 20  # places that are listed one by one


@dataclass(frozen=True)
class Cleaned:
    """Regular series, the columns that are not forecast (NaN where unknown), the report."""

    panel: Panel
    extras: dict[str, Floats]
    quality: dict[str, Any]


def clean(table: Table, calendar: Calendar | None = None, partly: bool = False) -> Cleaned:
    """Return the regular series of a table: sorted, without duplicates, short gaps filled.

    Of duplicates the last row counts.

    Negative amounts count as blank. Blank cycle times stay blank. Blank WIP or throughput at a
    series' ends shortens it; up to MAX_GAP steps in a row inside it are interpolated.

    Args:
        table: the rows.
        calendar: their step and anchor, if known; by default they are recognised.
        partly: keep, where gaps are longer than that, the longest stretch of each series.

    Raises:
        InvalidInput: longer gaps, naming the series and dates; or nothing is left.
    """
    table_keys, group = _groups(table)
    order = _order(group, table.days)
    group, days = group[order], table.days[order]
    calendar = calendar or Calendar.of(days, group)
    time = calendar.index(days)
    last = np.append((np.diff(group) != 0) | (np.diff(time) != 0), True)
    numbers = {name: values[order] for name, values in table.numbers.items()}
    numbers.setdefault("cycle_time", np.full(len(days), np.nan))
    quality: dict[str, Any] = {
        "rows_received": len(table),
        "duplicates": int((~last).sum()),
        "blanks": {name: int(np.isnan(numbers[name]).sum()) for name in TARGETS},
        "negatives": {name: int((numbers[name] < 0).sum()) for name in TARGETS},
        "ignored_columns": table.ignored,
    }
    last &= _inside(group, numbers, last)
    if partly:
        last &= _longest_stretches(group, time, numbers, last)
    if not last.all():
        group, time = group[last], time[last]
        numbers = {name: values[last] for name, values in numbers.items()}
    numbers = {name: _possible(values) for name, values in numbers.items()}
    if not group.size:
        raise InvalidInput.of("rows", "must hold WIP and throughput in at least one row")
    quality["gaps"] = _gaps(calendar, table_keys, group, time)
    panel, extras = _regular(calendar, table_keys, group, time, numbers)
    quality["interpolated_values"] = _interpolate(panel)
    kept = set(panel.series_keys)
    quality["empty_series"] = [" / ".join(key) for key in table_keys if key not in kept]
    quality["littles_law"] = _judge_law(panel)
    return Cleaned(panel, extras, quality)


def _groups(table: Table) -> tuple[list[SeriesKey], Ints]:
    """The series in the table, sorted by name, and each row's."""
    (_, plants), (_, applications), (_, sizes) = table.names
    combined = table.series
    possible = len(plants) * len(applications) * len(sizes)
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


def _possible(values: Floats) -> Floats:
    """Amounts, NaN for those that are negative."""
    negative = values < 0
    return np.where(negative, np.nan, values) if negative.any() else values


def _order(group: Ints, days: Ints) -> Ints | slice:
    """The order of rows by series, then day; most tables are sorted already."""
    first = days.min()
    place = group * (days.max() - first + 1) + days - first
    if (place[1:] >= place[:-1]).all():
        return slice(None)
    return np.argsort(place, kind="stable")  # fast where whole series are out of order


def _inside(group: Ints, numbers: dict[str, Floats], last: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Rows between the first and the last of their series that know WIP and throughput."""
    known = np.flatnonzero((numbers["wip"] >= 0) & (numbers["throughput"] >= 0) & last)
    if known.size == len(group):
        return last  # all of them
    inside = np.zeros(len(group), bool)
    if known.size:
        first_of = np.full(group.max() + 1, len(group))
        last_of = np.full(group.max() + 1, -1)
        begins = np.flatnonzero(np.diff(group[known], prepend=-1))
        first_of[group[known[begins]]] = known[begins]
        last_of[group[known[begins]]] = known[np.append(begins[1:], len(known)) - 1]
        rows = np.arange(len(group))
        inside = (rows >= first_of[group]) & (rows <= last_of[group])
    return inside


def _longest_stretches(
    group: Ints, time: Ints, numbers: dict[str, Floats], last: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Rows of each series' longest stretch that knows both WIP and throughput often enough."""
    known = np.flatnonzero((numbers["wip"] >= 0) & (numbers["throughput"] >= 0) & last)
    far = np.diff(time[known]) > MAX_GAP + 1
    number = np.cumsum(np.append(True, far | (np.diff(group[known]) != 0))[: len(known)]) - 1
    sizes = np.bincount(number)
    begins = np.flatnonzero(np.diff(number, prepend=-1))
    ends = np.append(begins[1:], len(number)) - 1
    owner = group[known[begins]]
    order = np.lexsort((-sizes, owner))
    best = order[np.flatnonzero(np.diff(owner[order], prepend=-1))]
    edges = np.zeros(len(group) + 1, np.int64)
    edges[known[begins[best]]] += 1
    edges[known[ends[best]] + 1] -= 1
    return np.cumsum(edges)[:-1] > 0


def _gaps(calendar: Calendar, keys: list[SeriesKey], group: Ints, time: Ints) -> dict[str, Any]:
    """Missing steps; refuses runs that are too long to interpolate."""
    missing = np.where(np.diff(group) == 0, np.diff(time) - 1, 0)

    def places(most: int) -> Iterator[_Place]:
        """The first places with that many missing steps at least."""
        for i in np.flatnonzero(missing >= most)[:_LISTED]:
            yield _Place.between(keys[group[i]], calendar, time[[i, i + 1]], int(missing[i]))

    _refuse(int((missing > MAX_GAP).sum()), places(MAX_GAP + 1), "missing")
    return {
        "steps": int(missing.sum()),
        "places": [place.to_document() for place in places(1)],
    }


@dataclass(frozen=True)
class _Place:
    """Unknown steps of a series between two dates."""

    key: SeriesKey
    after: str
    before: str
    steps: int

    @classmethod
    def between(cls, key: SeriesKey, calendar: Calendar, edges: Ints, steps: int) -> _Place:
        after, before = calendar.dates(edges)
        return cls(key, after, before, steps)

    def to_document(self) -> dict[str, Any]:
        return {
            "series": " / ".join(self.key),
            "after": self.after,
            "before": self.before,
            "steps": self.steps,
        }

    def __str__(self) -> str:
        name = " / ".join(self.key)
        return f"{name}: {self.steps} steps between {self.after} and {self.before}"


def _refuse(count: int, first: Iterable[_Place], what: str) -> None:
    """Raise InvalidInput if there are places with too many unknown steps; name the first ones."""
    if not count:
        return
    places = list(first)
    more = f" ({count - 3} more places in details.)" if count > 3 else ""
    raise InvalidInput(
        f"At most {MAX_GAP} {what} steps in a row are interpolated; found "
        f"{'; '.join(str(place) for place in places[:3])}.{more}",
        [Detail("date", f"{what} steps", str(place)) for place in places],
    )


def _regular(
    calendar: Calendar,
    keys: list[SeriesKey],
    group: Ints,
    time: Ints,
    numbers: dict[str, Floats],
) -> tuple[Panel, dict[str, Floats]]:
    """Give every step of every series its row, NaN where nothing is known."""
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    ends = np.append(starts[1:], len(group)) - 1
    lengths = time[ends] - time[starts] + 1
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    if len(group) < offsets[-1]:
        place = time + np.repeat(offsets[:-1] - time[starts], ends - starts + 1)
        numbers = {name: _placed(values, place, offsets[-1]) for name, values in numbers.items()}
    # Each column in one piece: they are looked at one by one.
    values = np.array([numbers[name] for name in TARGETS]).T
    extras = {name: numbers[name] for name in OPTIONAL if name in numbers}
    names = tuple(keys[group[start]] for start in starts)
    return Panel(calendar, names, offsets.astype(np.int64), time[starts], values), extras


def _placed(values: Floats, place: Ints, length: int) -> Floats:
    """The values, each in its place, NaN in all others."""
    found = np.full(length, np.nan)
    found[place] = values
    return found


def _interpolate(panel: Panel) -> int:
    """Fill short runs of unknown WIP and throughput in place; returns how many values."""
    filled = 0
    series = panel.series
    rows = np.arange(len(panel.values))
    for column, target in enumerate(TARGETS[:2]):
        values = panel.values[:, column]
        unknown = np.isnan(values)
        if not unknown.any():
            continue
        edges = np.flatnonzero(np.diff(np.concatenate([[False], unknown, [False]])))
        begins, ends = edges[::2], edges[1::2]
        long = ends - begins > MAX_GAP
        first = (
            _Place.between(
                panel.series_keys[series[b]], panel.calendar, panel.time[[b - 1, e]], int(e - b)
            )
            for b, e in zip(begins[long][:_LISTED], ends[long][:_LISTED], strict=True)
        )
        _refuse(int(long.sum()), first, f"blank {target}")
        # The ends of every series are known, so no interpolation reaches into another series.
        values[unknown] = np.interp(rows[unknown], rows[~unknown], values[~unknown])
        filled += int(unknown.sum())
    return filled


def _rows(panel: Panel, s: int) -> Floats:
    return panel.values[panel.offsets[s] : panel.offsets[s + 1]]


def _judge_law(panel: Panel) -> dict[str, Any]:
    """The compliance with Little's Law over windows of LAW_WINDOW steps."""
    short = [s for s, length in enumerate(panel.lengths) if length < LAW_WINDOW]
    whole = panel.lengths // LAW_WINDOW * LAW_WINDOW
    # One behind the other, each series less the rows that fill no window.
    rows = np.flatnonzero(panel.position < np.repeat(whole, panel.lengths))
    values = panel.values.T.take(rows, axis=1).T
    found = np.concatenate(
        [
            window_compliance(values, LAW_WINDOW),
            *(window_compliance(_rows(panel, s), int(panel.lengths[s])) for s in short),
        ]
    )
    return {
        "window_steps": LAW_WINDOW,
        "windows": len(found),
        "median_compliance": float(np.median(found)) if found.size else None,
        "share_within_tolerance": float(np.mean(found >= 1 - TOLERANCE)) if found.size else None,
    }
