"""Several rows of one series and date: times of the day, lines side by side, or duplicates.

Rows at different times of a day are one day: throughput is added, WIP is averaged. So are those of
an hour or a shift, also of an hour that comes twice as clocks are put back. Rows that
another column tells apart, or of which there are several on most days, are refused: the request
chooses. A row that is repeated now and then is a correction: the last one counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.data.reading.column_names import is_of_shifts
from models.data.reading.raw_tables import RawColumn
from models.series.working_calendar import weekdays_of
from utils.errors import Detail, InvalidInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Choice = Literal["times", "lines", "last"]

_FLOWS = ("throughput", "releases", "planned_throughput", "planned_releases")
_STOCKS = ("wip", "finished_goods", "semi_finished_goods")
# Shares of the dates that have several rows, up to which these are copies or corrections of one.
_SOMETIMES, _OFTEN = 0.2, 0.05
_LATEST_CHANGE = 4 * 3600  # time of the day, before which clocks are put back
_CLOCK = r"^\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:\s*[AaPp]\.?[Mm]\.?)?$"
_SUNDAY = 7
_BY_SHIFT = "; or step=shift with shifts=06:00,14:00,22:00 keeps the shifts apart"
_MONTHS_OF_CHANGE = (3, 4, 9, 10, 11)


@dataclass(frozen=True)
class Rows:
    """Rows of a table, [n] each.

    Attributes:
        series: number of each row's series.
        days: days of the table: of hours and shifts, numbers of these.
        seconds: time of day, in UTC if an offset is given; None: no time is given.
        numbers: by column, NaN where blank.
        dates: days since 1970-01-01, as written.
        date_column: name of the column of the dates.
    """

    series: Ints
    days: Ints
    seconds: Ints | None
    numbers: dict[str, Floats]
    dates: Ints
    date_column: str = "date"


@dataclass(frozen=True)
class OneADay:
    """One row of each series and date.

    Attributes:
        note: what the rows were taken as, for the reply.
        places: of a row of each; None: the last row counts, and none was combined.
        numbers: by column, of each series and date.
    """

    note: dict[str, Any]
    places: Ints | None = None
    numbers: dict[str, Floats] = field(default_factory=dict)


def one_a_day(
    rows: Rows, choice: Choice | None, others: Callable[[], list[RawColumn]]
) -> OneADay | None:
    """Return one row of each series and date; None if there are no others.

    Args:
        choice: as the request states it.
        others: returns the columns that are not read, in which rows may differ.

    Raises:
        InvalidInput: it cannot be told what the rows are; the sentence names the column or time
            that tells them apart, and the choices.
    """
    span = int(rows.days.max()) - int(rows.days.min()) + 1
    key = rows.series * span + rows.days - rows.days.min()
    if (np.diff(key) > 0).all():
        return None
    order = np.argsort(key, kind="stable")
    begins = np.flatnonzero(np.diff(key[order], prepend=-1))
    counts = np.diff(np.append(begins, len(key)))
    if (counts == 1).all():
        return None
    kind = choice or _recognised(rows, key, order, counts, others)
    note: dict[str, Any] = {
        "taken_as": kind,
        "rows": int(len(key) - len(begins)),
        "rows_a_date": [int(counts.min()), int(counts.max())],
    }
    if kind in ("last", "identical"):
        return OneADay(note)
    note |= {"throughput": "sum", "wip": "mean" if kind == "times" else "sum"}
    numbers = {name: values[order] for name, values in rows.numbers.items()}
    places = order[np.append(begins[1:], len(key)) - 1]
    return OneADay(note, places, _combined(numbers, begins, kind))


def _recognised(
    rows: Rows, key: Ints, order: Ints, counts: Ints, others: Callable[[], list[RawColumn]]
) -> str:
    several = order[np.repeat(counts > 1, counts)]
    keys = key[several]
    if rows.seconds is not None:
        times = rows.seconds[several]
        if (~_repeated(keys, times) | are_put_back(rows.dates[several], times)).all():
            return "times"
    columns = others()
    if column := _telling(columns, keys, several, rows):
        raise _refusal(
            f"the column {column.name!r} tells rows of one series and date apart: columns can take "
            f"it into {_place(column, rows)}, or duplicates can be "
            "times (of one day: throughput is added, WIP averaged), lines (side by side: both are "
            f"added) or last{_BY_SHIFT * is_of_shifts(column.name)}",
        )
    values = np.column_stack([each[several] for each in rows.numbers.values()])
    values = np.nan_to_num(values, nan=-1.0)
    distinct = len(np.unique(np.column_stack([keys, values]), axis=0))
    share = float((counts > 1).mean())
    do_vary = len(np.unique(values, axis=0)) > distinct / 2
    if distinct == len(np.unique(keys)) and (do_vary or share <= _SOMETIMES):
        differing = _differing(columns, keys, several)
        if not differing:
            return "identical"
        raise _refusal(
            f"rows of one series and date have the same figures, but differ in {differing!r}: "
            "duplicates can be lines (side by side: throughput and WIP are added), times (of one "
            "day: throughput is added, WIP averaged) or last (copies of one row)",
        )
    if share <= _OFTEN or (len(counts) < 20 and (counts > 1).sum() == 1):
        return "last"
    raise _refusal(
        f"{share:.0%} of the dates have several rows of one series, and no column or time of day "
        "tells them apart: duplicates can be times (of one day: throughput is added, WIP "
        "averaged), lines (side by side: both are added) or last",
    )


def _place(column: RawColumn, rows: Rows) -> str:
    """The sentence on how `columns` takes a column that tells rows apart: a time, or a name."""
    times = pc.match_substring_regex(column.distinct()[0], _CLOCK)
    if len(times) and pc.all(times).as_py():
        return f'the date ({{"date": ["{rows.date_column}", "{column.name}"]}})'
    return f'the series ({{"panel_size": ["panel_size", "{column.name}"]}})'


def _refusal(rule: str) -> InvalidInput:
    return InvalidInput(f"duplicates: must be given, as {rule}.", [Detail("duplicates", rule)])


def _are_distinct(keys: Ints, values: Ints) -> bool:
    """Return true if no value occurs twice with one key."""
    return len(np.unique(np.column_stack([keys, values]), axis=0)) == len(keys)


def are_put_back(dates: Ints, seconds: Ints) -> Flags:
    """Return True for times that the clock may show twice, as it is put back.

    Those of the night of a Sunday in spring or autumn.

    >>> days = np.array(["2024-10-27", "2024-10-28"], "datetime64[D]").astype(np.int64)
    >>> are_put_back(days, np.array([7200, 7200])).tolist()
    [True, False]
    """
    month = dates.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    found: Flags = (weekdays_of(dates) == _SUNDAY) & (seconds < _LATEST_CHANGE)
    return found & np.isin(month, _MONTHS_OF_CHANGE)


def _repeated(keys: Ints, values: Ints) -> Flags:
    """Return True for rows whose value occurs twice with their key."""
    _, places, counts = np.unique(
        np.column_stack([keys, values]), axis=0, return_inverse=True, return_counts=True
    )
    found: Flags = counts[places.ravel()] > 1
    return found


def _differing(others: list[RawColumn], keys: Ints, several: Ints) -> str:
    """The name of a column in which rows with one key differ; "": they are copies."""
    for column in others:
        places = column.distinct()[1][several]
        if len(np.unique(np.column_stack([keys, places]), axis=0)) > len(np.unique(keys)):
            return column.name
    return ""


def _telling(others: list[RawColumn], keys: Ints, several: Ints, rows: Rows) -> RawColumn | None:
    """A column that tells rows apart, with the time of day if there is one."""
    time = np.zeros_like(keys) if rows.seconds is None else rows.seconds[several]
    both = np.unique(np.column_stack([keys, time]), axis=0, return_inverse=True)[1].ravel()
    for column in others:
        values, places = column.distinct()
        if len(values) < len(places) and _are_distinct(both, places[several]):
            return column
    return None


def _combined(numbers: dict[str, Floats], begins: Ints, kind: str) -> dict[str, Floats]:
    """The numbers of each series and date. A sum is unknown where a part is."""
    found = {}
    for name, values in numbers.items():
        if name == "cycle_time":
            found[name] = _mean(values, np.nan_to_num(numbers["throughput"]), begins)
        elif name in _FLOWS or (kind == "lines" and name in _STOCKS):
            found[name] = np.add.reduceat(values, begins)
        else:
            found[name] = _mean(values, np.ones_like(values), begins)
    return found


def _mean(values: Floats, weights: Floats, begins: Ints) -> Floats:
    """The weighted mean of the known values of each group; NaN: there is none."""
    known = ~np.isnan(values)
    weights = np.where(known, np.maximum(weights, 0), 0.0)
    total = np.add.reduceat(weights, begins)
    sums = np.add.reduceat(np.where(known, values, 0.0) * weights, begins)
    plain = np.add.reduceat(np.where(known, values, 0.0), begins)
    count = np.add.reduceat(known.astype(float), begins)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, sums / total, plain / count)
