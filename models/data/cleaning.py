"""Cleaning: a table as it was received → regular series, and a report of what was repaired."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.cycle_time_unit import in_worked_days
from models.data.plan_rows import Plan, future_rows
from models.data.reading.column_names import OPTIONAL
from models.data.reading.tables import Table
from models.data.series_rows import MAX_GAP, SeriesRows
from models.data.standstills import with_standstills
from models.data.worked_rows import WorkedRows, worked_rows
from models.series.calendar import Calendar
from models.series.known_inputs import KNOWN_COLUMNS
from models.series.panel import TARGETS, Panel, SeriesKey
from models.series.plant_calendars import PlantCalendars
from models.series.working_calendar import iso_date
from utils.api.schemas.calendar import ALL
from utils.errors import Detail, InvalidInput
from utils.validation import TOLERANCE, window_compliance

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LAW_WINDOW = 30  # steps over which Little's Law is judged
_LISTED = 20  # places that are listed one by one
_STOOD_STILL = (
    " If the line stood still then, send rows of these dates with throughput 0 and the WIP that "
    "stayed."
)


@dataclass(frozen=True)
class Cleaned:
    """Cleaned series.

    Attributes:
        panel: the regular series.
        extras: columns that are not forecast, NaN where unknown, [rows] each.
        quality: the report.
        calendars: working calendars of the plants.
        closed: rows of closed days, kept as they came: they are no steps of the panel.
        plan: known inputs in the rows after the last actual one of their series.
        declared: names of the columns that the user declared as known ahead.
        received: the table, if its rows are not those of the series.
    """

    panel: Panel
    extras: dict[str, Floats]
    quality: dict[str, Any]
    calendars: PlantCalendars
    closed: SeriesRows
    plan: Plan = field(default_factory=dict)
    declared: tuple[str, ...] = ()
    received: Table | None = None


def clean(
    table: Table,
    calendar: Calendar | None = None,
    partly: bool = False,
    given: PlantCalendars | None = None,
) -> Cleaned:
    """Return the regular series of a table: sorted, without duplicates, short gaps filled.

    Of duplicates the last row counts.

    Negative amounts count as blank. Blank cycle times stay blank. Blank WIP or throughput at a
    series' ends shortens it; up to MAX_GAP steps in a row inside it are interpolated. Days on which
    a plant is closed are no steps, also of hours and shifts, and are not filled.

    Args:
        table: the rows.
        calendar: their step and anchor, and working calendar, if known; by default the step of the
            table, or the recognised one, and the working calendars that the rows show.
        partly: keep, where gaps are longer than that, the longest stretch of each series.
        given: working calendars that hold, but for the closed and open days that the rows show.

    Raises:
        InvalidInput: longer gaps, naming the series and dates; or nothing is left.
    """
    rows, is_known = SeriesRows.of(table), calendar is not None
    calendar = calendar or table.calendar
    step = replace(calendar or Calendar.of(rows.days, rows.group), working=())
    time = step.index(rows.days)
    last = np.append((np.diff(rows.group) != 0) | (np.diff(time) != 0), True)
    quality: dict[str, Any] = {
        "rows_received": len(table),
        "duplicates": int((~last).sum()),
        "blanks": {name: int(np.isnan(rows.numbers[name]).sum()) for name in TARGETS},
        "negatives": {name: int((rows.numbers[name] < 0).sum()) for name in TARGETS},
        "ignored_columns": table.ignored,
    }
    plan = future_rows(rows.keys, rows.group, rows.days, time, rows.numbers, table.declared, step)
    rows = rows.select(last & _inside(rows.group, rows.numbers, last))
    if calendar is not None and calendar.working:
        given = PlantCalendars({ALL: calendar.working[0]}, calendar.origin)
    if given is not None and not step.is_daily:
        rule = f"is for rows of days, hours or shifts; these are one {step.step} apart"
        raise InvalidInput.of("calendar", rule)
    is_fixed = not step.is_daily or (is_known and given is None) or not len(rows.group)
    worked = WorkedRows.fixed(rows) if is_fixed else worked_rows(rows, step, given)
    step, lanes = worked.calendars.applied(step, rows.keys)
    rows = worked.rows
    standstills: dict[str, Any] = {}
    if step.begins and len(rows.group):
        rows, standstills = with_standstills(rows, step, lanes)
    time = step.index(rows.days, 0 if lanes is None else lanes[rows.group])
    if partly:
        kept = _longest_stretches(rows.group, time, rows.numbers)
        rows, time = rows.select(kept), time[kept]
    rows = replace(rows, numbers={name: _possible(own) for name, own in rows.numbers.items()})
    if not rows.group.size:
        raise InvalidInput.of("rows", "must hold WIP and throughput in at least one row")
    panel, extras = _regular(step, rows, time, lanes, worked.until, table.declared)
    quality["gaps"] = _gaps(panel, rows, time)
    quality["interpolated_values"] = _interpolate(panel)
    kept_keys = set(panel.series_keys)
    quality["empty_series"] = [" / ".join(key) for key in rows.keys if key not in kept_keys]
    quality["littles_law"] = _judge_law(in_worked_days(panel))
    plan = {key: dated for key, dated in plan.items() if key in kept_keys}
    if standstills:
        quality["standstills"] = standstills
    if plan:
        quality["planned_steps"] = sum(len(dated.days) for dated in plan.values())
    calendars, closed = worked.calendars, worked.closed
    received = None if _is_as_received(quality) else table
    return Cleaned(panel, extras, quality, calendars, closed, plan, table.declared, received)


def _is_as_received(quality: dict[str, Any]) -> bool:
    """Return True if nothing was repaired or left out: the rows of the series are the table."""
    counts = [quality["duplicates"], quality["gaps"]["steps"], quality["interpolated_values"]]
    counts += [quality["blanks"][name] for name in TARGETS[:2]] + [*quality["negatives"].values()]
    more = (quality.get("planned_steps"), quality.get("standstills"), quality["empty_series"])
    return not any([*counts, *more])


def _possible(values: Floats) -> Floats:
    """Amounts, NaN for those that are negative."""
    negative = values < 0
    return np.where(negative, np.nan, values) if negative.any() else values


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


def _longest_stretches(group: Ints, time: Ints, numbers: dict[str, Floats]) -> NDArray[np.bool_]:
    """Rows of each series' longest stretch that knows both WIP and throughput often enough."""
    known = np.flatnonzero((numbers["wip"] >= 0) & (numbers["throughput"] >= 0))
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


def _gaps(panel: Panel, rows: SeriesRows, time: Ints) -> dict[str, Any]:
    """Missing steps; refuses runs that are too long to interpolate."""
    group, keys = rows.group, rows.keys
    number = {key: s for s, key in enumerate(panel.series_keys)}
    missing = np.where(np.diff(group) == 0, np.diff(time) - 1, 0)

    def places(most: int) -> Iterator[_Place]:
        """The first places with that many missing steps at least."""
        for i in np.flatnonzero(missing >= most)[:_LISTED]:
            key = keys[group[i]]
            calendar = panel.calendar_of(number[key])
            yield _Place.between(key, calendar, time[[i, i + 1]], int(missing[i]))

    plants = [key[0] for key in keys] if panel.calendar.is_daily else []
    _refuse(int((missing > MAX_GAP).sum()), places(MAX_GAP + 1), "missing", plants)
    return {
        "steps": int(missing.sum()),
        "places": [place.to_document() for place in places(1)],
    }


@dataclass(frozen=True)
class _Place:
    """Unknown steps of a series between two dates; the span of the days between the two, or ""."""

    key: SeriesKey
    after: str
    before: str
    steps: int
    days: str

    @classmethod
    def between(cls, key: SeriesKey, calendar: Calendar, edges: Ints, steps: int) -> _Place:
        after, before = calendar.dates(edges)
        first, last = calendar.day_of(calendar.days(edges))
        days = f"{iso_date(first + 1)}/{iso_date(last - 1)}" if last > first + 1 else ""
        return cls(key, after, before, steps, days)

    def to_document(self) -> dict[str, Any]:
        return {
            "series": " / ".join(self.key),
            "after": self.after,
            "before": self.before,
            "steps": self.steps,
        }

    def advice(self, plants: Sequence[str]) -> str:
        """A sentence for the user on how to send a standstill, by the plants of all series."""
        if plants.count(self.key[0]) != 1 or not self.days:
            return "" if not plants else _STOOD_STILL
        calendar = json.dumps({self.key[0]: {"closed": [self.days]}}, ensure_ascii=False)
        return f" If the plant was closed then, send that as `calendar`, such as {calendar}."

    def __str__(self) -> str:
        name = " / ".join(self.key)
        return f"{name}: {self.steps} steps between {self.after} and {self.before}"


def _refuse(count: int, first: Iterable[_Place], what: str, plants: Sequence[str] = ()) -> None:
    """Raise InvalidInput if there are places with too many unknown steps; name the first ones.

    Args:
        plants: of all series, if the steps are days on which they may have been closed.
    """
    if not count:
        return
    places = list(first)
    more = f" ({count - 3} more places in details.)" if count > 3 else ""
    more += places[0].advice(plants)
    raise InvalidInput(
        f"At most {MAX_GAP} {what} steps in a row are interpolated; found "
        f"{'; '.join(str(place) for place in places[:3])}.{more}",
        [Detail("date", f"{what} steps", str(place)) for place in places],
    )


def _regular(
    calendar: Calendar,
    rows: SeriesRows,
    time: Ints,
    lanes: Ints | None,
    until: Ints,
    declared: Sequence[str],
) -> tuple[Panel, dict[str, Floats]]:
    """Give every step of every series its row, NaN where nothing is known."""
    group, numbers = rows.group, rows.numbers
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    ends = np.append(starts[1:], len(group)) - 1
    lengths = time[ends] - time[starts] + 1
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    if len(group) < offsets[-1]:
        place = time + np.repeat(offsets[:-1] - time[starts], ends - starts + 1)
        numbers = {name: _placed(values, place, offsets[-1]) for name, values in numbers.items()}
    # Each column in one piece: they are looked at one by one.
    values = np.array([numbers[name] for name in TARGETS]).T
    extras = {name: numbers[name] for name in (*OPTIONAL, *declared) if name in numbers}
    known = {name: extras[name] for name in (*KNOWN_COLUMNS, *declared) if name in extras}
    names = tuple(rows.keys[group[start]] for start in starts)
    offsets = offsets.astype(np.int64)
    if lanes is None:
        return Panel(calendar, names, offsets, time[starts], values, known=known), extras
    some = group[starts]
    lane, end = lanes[some], until[some]
    return Panel(calendar, names, offsets, time[starts], values, lane, end, known), extras


def _placed(values: Floats, place: Ints, length: int) -> Floats:
    """The values, each in its place, NaN in all others."""
    found = np.full(length, np.nan)
    found[place] = values
    return found


def _interpolate(panel: Panel) -> int:
    """Fill short runs of unknown WIP and throughput in place; returns how many values."""
    filled = 0
    series, times = panel.series, panel.dated_time
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
                panel.series_keys[series[b]], panel.calendar, times[[b - 1, e]], int(e - b)
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
