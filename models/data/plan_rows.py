"""Plans: what is known of the steps after the last actual row of each series.

A plan comes as the last rows of a table, or as rows of a request; it is stored beside the data set.

    >>> rows = [{"date": "2024-03-02", "releases": 60}, {"date": "2024-03-04", "capacity": 0.5}]
    >>> key, last = ("P", "A", "S"), day_number(date(2024, 3, 1))
    >>> plan = read_plan(rows, {key: PlanStart(last, Calendar())}, key)
    >>> plan[key].after(Calendar(), last).column("releases", 3).tolist()
    [60.0, nan, nan]
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from models.data.stored_dates import date_column, days_of_column
from models.series.calendar import EVERY_DAY, ORIGIN, Calendar, day_number
from models.series.known_inputs import (
    KNOWN_COLUMNS,
    PLANNED_RELEASES,
    RELEASES,
    DatedInputs,
)
from models.series.panel import SERIES_FIELDS, Panel, SeriesKey
from utils.api.parsing import shown, unknown
from utils.errors import Detail, InvalidInput, ServiceError

Ints = NDArray[np.int64]
Plan = dict[SeriesKey, DatedInputs]

LONGEST = 3_660  # steps ahead
SUFFIX = ".plan"
_LARGEST = 1e12
_LISTED = 100  # details of an error


class PlanStart(NamedTuple):
    """The end of the actual rows of a series.

    Attributes:
        last_step: step number of the last row.
        calendar: of this series alone.
    """

    last_step: int
    calendar: Calendar


class _Row(NamedTuple):
    """One row of a plan."""

    key: SeriesKey
    step: int
    day: int
    values: dict[str, float]


def starts_of(panel: Panel) -> dict[SeriesKey, PlanStart]:
    """Return the end of the rows of each series of a panel."""
    last = (panel.first + panel.lengths - 1).tolist()
    return {
        key: PlanStart(last[s], panel.calendar_of(s)) for s, key in enumerate(panel.series_keys)
    }


def read_plan(
    rows: Sequence[Any],
    starts: Mapping[SeriesKey, PlanStart],
    series_key: SeriesKey | None = None,
    declared: Sequence[str] = (),
    field: str = "plan",
) -> Plan:
    """Return the plan in the rows of a request.

    Args:
        starts: where the plan of each series may begin.
        series_key: the series that all rows are of; None: each row names its own.
        declared: names of further known columns of the data.
        field: name of the rows in the request, which errors begin with.

    Raises:
        InvalidInput: a row names no series of the data, no date after its last row or one twice,
            or has a value that is unknown, negative or no number; a detail for each.
    """
    found: dict[tuple[SeriesKey, int], _Row] = {}
    details: list[Detail] = []
    for place, row in enumerate(rows):
        try:
            one = _read(row, starts, series_key, declared)
            if one is None:
                continue
            if (one.key, one.step) in found:
                raise InvalidInput.of("date", "must be given once for each series", row.get("date"))
            found[one.key, one.step] = one
        except ServiceError as error:
            details += [
                Detail(f"{field}.{place}.{d.field}".removesuffix("."), d.message, d.received)
                for d in error.details
            ]
    if details:
        first = details[0]
        received = "" if first.received is None else f" Received: {first.received!r}."
        more = f" ({len(details) - 1} more in details.)" if len(details) > 1 else ""
        rule = first.message if first.message.endswith("?") else f"{first.message}."
        raise InvalidInput(f"{first.field} {rule}{received}{more}", details[:_LISTED])
    return plan_of(found.values())


def plan_of(rows: Iterable[_Row]) -> Plan:
    """Return the plan of checked rows."""
    by_series: dict[SeriesKey, list[_Row]] = {}
    for row in sorted(rows):
        by_series.setdefault(row.key, []).append(row)
    plan = {}
    for key, own in by_series.items():
        names = dict.fromkeys(name for row in own for name in row.values)
        columns = {name: np.array([row.values.get(name, np.nan) for row in own]) for name in names}
        plan[key] = DatedInputs(np.array([row.day for row in own], np.int64), columns)
    return plan


def _read(
    row: Any,
    starts: Mapping[SeriesKey, PlanStart],
    series_key: SeriesKey | None,
    declared: Sequence[str],
) -> _Row | None:
    """A checked row; None for one that plans nothing on a day that is not worked."""
    if not isinstance(row, dict):
        raise InvalidInput.of("", "must be an object", shown(row))
    names = (*KNOWN_COLUMNS, *declared)
    known = {"date", "day", *SERIES_FIELDS, *names}
    fields = {_spelled(name, known): value for name, value in row.items() if value is not None}
    key = _key(fields, starts, series_key)
    last, calendar = starts[key]
    day, given = _day(fields, calendar)
    values = {name: _amount(name, fields[name]) for name in names if name in fields}
    planned = values.pop(PLANNED_RELEASES, None)
    if planned is not None:
        values[RELEASES] = planned
    if not calendar.is_open(np.array([day]))[0]:
        if any(values.values()):
            raise InvalidInput.of("date", "must be a day on which the line works", given)
        return None
    step = int(calendar.index(np.array([day]))[0])
    if step <= last:
        end = calendar.dates(np.array([last]))[0]
        raise InvalidInput.of("date", f"must be after the last actual row, {end}", given)
    if step > last + LONGEST:
        rule = f"must be at most {LONGEST:,} steps after the last actual row"
        raise InvalidInput.of("date", rule, given)
    return _Row(key, step, day, values)


def _spelled(name: str, known: set[str]) -> str:
    """The column that a field stands for, in camelCase or snake_case."""
    if name in known:
        return name
    folded = {k.replace("_", ""): k for k in known}.get(str(name).lower().replace("_", ""))
    if folded is None:
        raise InvalidInput.of(str(name)[:100], unknown(str(name), known))
    return folded


def _key(
    fields: Mapping[str, Any], starts: Mapping[SeriesKey, PlanStart], series_key: SeriesKey | None
) -> SeriesKey:
    if series_key is not None:
        for place, name in enumerate(SERIES_FIELDS):
            if str(fields.get(name, series_key[place])) != series_key[place]:
                raise InvalidInput.of(name, f"must be {series_key[place]}", shown(fields[name]))
        return series_key
    missing = [name for name in SERIES_FIELDS if name not in fields]
    if missing:
        raise InvalidInput.of(missing[0], "is required")
    plant, application, size = (str(fields[name]).strip() for name in SERIES_FIELDS)
    if (plant, application, size) not in starts:
        text = f"{plant} / {application} / {size}"
        raise InvalidInput.of("plant", "must form a series of the data set", shown(text))
    return plant, application, size


def _day(fields: Mapping[str, Any], calendar: Calendar) -> tuple[int, Any]:
    """The day of a row, and the value that gives it."""
    if "date" not in fields and "day" in fields and not calendar.begins:
        day = fields["day"]
        if isinstance(day, bool) or not isinstance(day, int) or not 0 <= day <= 1_000_000:
            raise InvalidInput.of("day", "must be a whole number from 0", shown(day))
        return day + day_number(ORIGIN), day
    given = fields.get("date")
    if calendar.begins:
        if len(str(given).strip()) <= len("2024-12-31"):
            rule = f"must have the time of the {calendar.step}, as 2024-12-31T06:00"
            raise InvalidInput.of("date", rule, shown(given))
        return calendar.day(str(given)), given
    try:
        return day_number(date.fromisoformat(str(given)[:10])), given
    except ValueError:
        raise InvalidInput.of("date", "must be a date such as 2024-12-31", shown(given)) from None


def _amount(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidInput.of(name, "must be a number", shown(value))
    if name in KNOWN_COLUMNS and value < 0:
        raise InvalidInput.of(name, "must not be negative", shown(value))
    if abs(value) > _LARGEST:
        raise InvalidInput.of(name, "must be at most 1e12", shown(value))
    return float(value)


# --- rows of a table ---------------------------------------------------------------------------


def future_rows(
    keys: Sequence[SeriesKey],
    group: Ints,
    days: Ints,
    time: Ints,
    numbers: Mapping[str, NDArray[np.float64]],
    declared: Sequence[str],
    calendar: Calendar = EVERY_DAY,
) -> Plan:
    """Return the plan in the rows of a table after the last actual row of their series.

    Args:
        keys: the series by number.
        group, days, time: series, date and step of each row, sorted by them, [n].
        numbers: the columns, [n] each.
        calendar: that the dates are days of.

    Raises:
        InvalidInput: a date of the plan is given twice, or a value is negative.
    """
    names = [name for name in (*KNOWN_COLUMNS, *declared) if name in numbers]
    if not names:
        return {}
    actual = ~np.isnan(numbers["wip"]) | ~np.isnan(numbers["throughput"])
    last = np.full(len(keys), np.iinfo(np.int64).min)
    np.maximum.at(last, group[actual], time[actual])
    known = np.any([~np.isnan(numbers[name]) for name in names], axis=0)
    begun = last > np.iinfo(np.int64).min
    rows = np.flatnonzero((time > last[group]) & known & begun[group])
    twice = np.flatnonzero((np.diff(group[rows]) == 0) & (np.diff(time[rows]) == 0))
    if twice.size:
        _refuse("date", "must be given once in a plan", keys, group, days, rows[twice[0]], calendar)
    for name in KNOWN_COLUMNS:
        negative = rows[numbers[name][rows] < 0] if name in numbers else rows[:0]
        if negative.size:
            rule = "must not be negative in a plan"
            _refuse(name, rule, keys, group, days, negative[0], calendar)
    checked = []
    for row in rows.tolist():
        values = {name: float(numbers[name][row]) for name in names}
        values = {name: value for name, value in values.items() if not math.isnan(value)}
        if PLANNED_RELEASES in values:
            values[RELEASES] = values.pop(PLANNED_RELEASES)
        checked.append(_Row(keys[group[row]], int(time[row]), int(days[row]), values))
    return plan_of(checked)


def _refuse(
    field: str,
    rule: str,
    keys: Sequence[SeriesKey],
    group: Ints,
    days: Ints,
    row: int,
    calendar: Calendar,
) -> None:
    series = " / ".join(keys[group[row]])
    raise InvalidInput.of(field, rule, f"{series}, {calendar.text(days[row])}")


# --- files -------------------------------------------------------------------------------------


def write_plan(path: Path, plan: Plan, calendar: Calendar = EVERY_DAY) -> None:
    """Write a plan as a Parquet file, one row for each series and date, a day of the calendar."""
    names = sorted({name for dated in plan.values() for name in dated.columns})
    columns: dict[str, list[Any]] = {name: [] for name in ("date", *SERIES_FIELDS, *names)}
    for key, dated in plan.items():
        unknown_values = np.full(len(dated.days), np.nan)
        columns["date"] += dated.days.tolist()
        for field, name in zip(SERIES_FIELDS, key, strict=True):
            columns[field] += [name] * len(dated.days)
        for name in names:
            columns[name] += dated.columns.get(name, unknown_values).tolist()
    arrays = {
        name: pa.array(values, pa.float64(), from_pandas=True)
        if name in names
        else pa.array(values)
        for name, values in columns.items()
    }
    arrays["date"] = date_column(calendar, np.array(columns["date"], np.int64))
    pq.write_table(pa.table(arrays), path, compression="zstd")


def read_stored_plan(path: Path, calendar: Calendar = EVERY_DAY) -> Plan:
    """Return the plan that `write_plan` wrote."""
    table = pq.read_table(path)
    names = [name for name in table.column_names if name not in ("date", *SERIES_FIELDS)]
    keys = list(zip(*(table[field].to_pylist() for field in SERIES_FIELDS), strict=True))
    days = days_of_column(table["date"], calendar)
    begins = [i for i, key in enumerate(keys) if not i or key != keys[i - 1]]
    plan = {}
    for begin, end in pairwise([*begins, len(keys)]):
        own = {name: table[name].slice(begin, end - begin).to_numpy() for name in names}
        known = {name: values for name, values in own.items() if not np.isnan(values).all()}
        plan[keys[begin]] = DatedInputs(days[begin:end], known)
    return plan
