"""Recognition of working calendars: which days a plant works, from the rows of its series.

A day is idle for a series if it has no row, or a row in which nothing leaves and the WIP is that of
the row before or after it. A weekday that is idle nearly always is closed; one that is idle every
second week is worked every other. A day that the calendar has open but on which all series of the
plant are idle is a closed day (a holiday, a shutdown), if there are other series that show it; if
there are none, only if it adjoins closed days or the gap is longer than one that is filled. Output
on a closed day makes that day an open one. Where the closed days are the public holidays of one
country, clearly, the calendar has the country, and with it its holidays to come.

Example: a table with rows from Monday to Friday, in which the rows of all series lack on
2026-12-24 and 25, has the weekdays 1 to 5 and the closed days 2026-12-24/2026-12-25.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.data.series_rows import MAX_GAP, SeriesRows
from models.series import public_holidays
from models.series.calendar import Calendar
from models.series.known_inputs import RELEASES
from models.series.plant_calendars import PlantCalendars, series_name
from models.series.working_calendar import EVERY_DAY, NOTHING_GIVEN, WorkingCalendar, weekdays_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_CLOSED = 0.25  # share of its days that a weekday is worked, up to which it is closed
_DECIDED = 0.8  # share that decides that it is worked, in one of two weeks or against the plant
_FEWEST_WEEKS = 2  # that show a weekday as closed; of a whole weekend one is enough
_ALTERNATING_WEEKS = 6
_DECIDING_WEEKS = 4  # in which one series shows that it differs from its plant
_RARE = 0.1  # share of the open days that are idle, above which idle days are a matter of demand
_FEW = 3  # idle days that are always few
_LONG = 5  # idle days in a row that are no matter of demand
_SHUTDOWN = 9  # days of a closed span that is no holiday
_SHARED = 0.5  # share of the series without a row on a day, from which the lack is no gap


@dataclass(frozen=True)
class WorkedRows:
    """The rows of worked days.

    Attributes:
        calendars: working calendars of the plants.
        rows: of worked days.
        closed: of closed days.
        until: the last day with a row of each series, closed or not, by its number; 0: none.
    """

    calendars: PlantCalendars
    rows: SeriesRows
    closed: SeriesRows
    until: Ints

    @classmethod
    def fixed(cls, rows: SeriesRows) -> WorkedRows:
        """Return rows of which all are of worked days."""
        none = rows.select(np.zeros(len(rows.group), bool))
        return cls(PlantCalendars(), rows, none, _until(rows))


def worked_rows(rows: SeriesRows, given: PlantCalendars | None = None) -> WorkedRows:
    """Recognise the calendars of rows, and part the rows by them.

    Where one series alone did not work on a day on which its plant did, it gets a row in which
    nothing leaves.

    Args:
        given: as of `recognise`.
    """
    calendars, until = recognise(rows, given), _until(rows)
    calendar, lanes = calendars.applied(Calendar(), rows.keys)
    if lanes is None:
        return replace(WorkedRows.fixed(rows), calendars=calendars)
    is_open = calendar.is_open(rows.days, lanes[rows.group])
    closed, worked = rows.select(~is_open), rows.select(is_open)
    return WorkedRows(calendars, _with_carried_days(worked, calendars), closed, until)


def _until(rows: SeriesRows) -> Ints:
    found = np.zeros(len(rows.keys), np.int64)
    found[rows.group] = rows.days  # of each series, the last one stays
    return found


@dataclass(frozen=True)
class _Shown:
    """Counts of the series that are active, have a row and work, day by day.

    Attributes:
        first: the first day.
        active: series whose rows begin on or before a day and end on or after it, [days].
        rows, worked: series with a row, and with a row that is not idle, [days].
        moved: series in which nothing leaves and WIP changes, [days].
        output: True where something leaves, [days].
    """

    first: int
    active: Ints
    rows: Ints
    worked: Ints
    moved: Ints
    output: Flags

    @classmethod
    def of(cls, rows: SeriesRows, members: Ints) -> _Shown:
        """Return the counts of some series."""
        some = rows.places(members)
        group, days, busy = rows.group[some], rows.days[some], ~_is_idle(rows, some)
        first, length = int(days.min()), int(np.ptp(days)) + 1
        begins = np.flatnonzero(np.diff(group, prepend=-1))
        ends = np.append(begins[1:], len(group)) - 1
        steps = np.bincount(days[begins] - first, minlength=length + 1)
        steps -= np.bincount(days[ends] + 1 - first, minlength=length + 1)
        place = days - first
        return cls(
            first,
            np.cumsum(steps)[:-1],
            np.bincount(place, minlength=length),
            np.bincount(place[busy], minlength=length),
            np.bincount(place[busy & ~(rows.numbers["throughput"][some] > 0)], minlength=length),
            np.bincount(place, rows.numbers["throughput"][some] > 0, length) > 0,
        )

    @property
    def days(self) -> Ints:
        """The days."""
        return self.first + np.arange(len(self.active))

    def within(self, other: _Shown) -> _Shown:
        """Return the part that lies in the days of another one, which these include."""
        part = slice(other.first - self.first, other.first - self.first + len(other.active))
        return _Shown(
            other.first,
            self.active[part],
            self.rows[part],
            self.worked[part],
            self.moved[part],
            self.output[part],
        )


def recognise(rows: SeriesRows, given: PlantCalendars | None = None) -> PlantCalendars:
    """Return the calendars of rows, by plant, and by series where one differs from its plant.

    Only calendars with closed days are returned.

    Args:
        given: calendars that hold, but for the closed and the open days that the rows show.
    """
    origin = given.origin if given is not None and given.origin else int(rows.days.max())
    if given is None and not _is_idle(rows, slice(None)).any() and _is_complete(rows):
        return PlantCalendars({}, origin)
    everyone = np.arange(len(rows.keys))
    table = _Shown.of(rows, everyone)
    found: dict[str, WorkingCalendar] = {}
    plants = np.array([key[0] for key in rows.keys])
    for plant in dict.fromkeys(plants.tolist()):
        for names, members, base in _bases(rows, plant, everyone[plants == plant], given):
            own = _Shown.of(rows, members)
            calendar = _with_irregular_days(base, own, table.within(own))
            if calendar.country is None and (country := _country(calendar, own)):
                base = replace(base, country=country[0], subdivision=country[1])
                calendar = _with_irregular_days(base, own, table.within(own))
            found |= {} if calendar.works_every_day else dict.fromkeys(names, calendar)
    return PlantCalendars(found, origin)


def _is_idle(rows: SeriesRows, some: slice | Flags) -> Flags:
    """True for rows of whole series in which nothing comes or leaves and the WIP is carried.

    WIP is that of the beginning or of the end of a day: it is carried if the row after has the
    same, or the row before; whichever is the case more often counts, and both at the ends.
    """
    wip, throughput = rows.numbers["wip"][some], rows.numbers["throughput"][some]
    same = (wip[1:] == wip[:-1]) & (np.diff(rows.group[some]) == 0)
    edge = np.diff(rows.group[some]) != 0
    still = ~(throughput > 0)
    if RELEASES in rows.numbers:
        still &= ~(rows.numbers[RELEASES][some] > 0)
    as_before, as_after = np.append(False, same) & still, np.append(same, False) & still
    is_last, is_first = np.append(edge, True), np.append(True, edge)
    carried = as_before | (is_first & as_after)
    if as_after.sum() > as_before.sum():
        carried = as_after | (is_last & as_before)
    return still & (carried | np.isnan(wip))


def _is_complete(rows: SeriesRows) -> bool:
    """True if every series has a row on each day from its first to its last."""
    return not ((np.diff(rows.days) != 1) & (np.diff(rows.group) == 0)).any()


def _bases(
    rows: SeriesRows, plant: str, members: Ints, given: PlantCalendars | None
) -> Iterator[tuple[list[str], Ints, WorkingCalendar]]:
    """The names, the series and the weekly pattern of each calendar of a plant."""
    given = given or PlantCalendars()
    own = [given.of(rows.keys[g], NOTHING_GIVEN) for g in members]
    if len(set(own)) > 1 or own[0].weekdays:
        usual = Counter(own).most_common(1)[0][0]
        for base in dict.fromkeys(own):
            some = members[[each == base for each in own]]
            yield _names(rows, plant, some, base == usual), some, base
        return
    for names, some, recognised in _weekly_bases(rows, plant, members):
        yield names, some, own[0].added_to(recognised)


def _weekly_bases(
    rows: SeriesRows, plant: str, members: Ints
) -> Iterator[tuple[list[str], Ints, WorkingCalendar]]:
    """The names, the series and the weekly pattern that the rows of a plant show."""
    usual = _weekly(_Shown.of(rows, members))
    worked, decided = _shares(rows, members)
    every_week = np.isin(np.arange(1, 8), usual.weekdays)
    second_week = np.isin(np.arange(1, 8), weekdays_of(np.array(usual.every_second_week, int)))
    differs = (every_week & (worked <= _RARE)) | (~every_week & (worked >= _DECIDED))
    unlike = (differs & decided & ~second_week).any(axis=1)
    if unlike.all():
        unlike = np.zeros(len(members), bool)
    yield [plant], members[~unlike], usual
    if unlike.any():
        patterns, kind = np.unique(worked[unlike] >= 0.5, axis=0, return_inverse=True)
        for number in range(len(patterns)):
            some = members[unlike][kind.ravel() == number]
            yield _names(rows, plant, some, False), some, _weekly(_Shown.of(rows, some))


def _names(rows: SeriesRows, plant: str, members: Ints, usual: bool) -> list[str]:
    return [plant] if usual else [series_name(rows.keys[g]) for g in members]


def _shares(rows: SeriesRows, members: Ints) -> tuple[Floats, Flags]:
    """Share of the weekdays that each series works, [m, 7], and if that is known well enough."""
    worked, there = np.zeros((len(members), 7)), np.zeros((len(members), 7))
    for place in range(len(members)):
        own = rows.places(members[place : place + 1])
        days, busy = rows.days[own], ~_is_idle(rows, own)
        every = weekdays_of(np.arange(days[0], days[-1] + 1)) - 1
        there[place] = np.bincount(every, minlength=7)
        worked[place] = np.bincount(weekdays_of(days[busy]) - 1, minlength=7)
    return worked / np.maximum(there, 1), there >= _DECIDING_WEEKS


def _weekly(shown: _Shown) -> WorkingCalendar:
    """The weekdays that are worked, every week or every second one."""
    weekday, known = weekdays_of(shown.days), shown.active > 0
    shares, moved, weeks = np.zeros(8), np.zeros(8), np.zeros(8, int)
    second: list[int] = []
    for number in range(1, 8):
        own = known & (weekday == number)
        weeks[number] = own.sum()
        shares[number] = shown.worked[own].sum() / max(shown.active[own].sum(), 1)
        moved[number] = shown.moved[own].sum() / max(shown.active[own].sum(), 1)
        if weeks[number] >= _ALTERNATING_WEEKS and _CLOSED < shares[number] < _DECIDED:
            second += _second_week(shown, own)
    closed = (shares <= _CLOSED) & (moved <= _RARE) & (weeks >= _FEWEST_WEEKS)
    if shares[6] == shares[7] == 0 and weeks[6] and weeks[7]:
        closed[6:] = True
    if shares[1:].max() < 0.5:  # rows on any weekday, now and then: no calendar
        return WorkingCalendar()
    every_second = {int(weekdays_of(np.array([day]))[0]) for day in second}
    weekdays = [d for d in range(1, 8) if not closed[d] and d not in every_second]
    return WorkingCalendar(tuple(weekdays), tuple(second))


def _second_week(shown: _Shown, own: Flags) -> list[int]:
    """The last worked day of a weekday that is worked every second week; [] if it is not."""
    days, active, worked = (part[own] for part in (shown.days, shown.active, shown.worked))
    parity = days // 7 % 2
    shares = [worked[parity == p].sum() / max(active[parity == p].sum(), 1) for p in (0, 1)]
    if max(shares) < _DECIDED or min(shares) > 1 - _DECIDED:
        return []
    kept = days[(parity == int(shares[1] > shares[0])) & (worked > 0)]
    return [int(kept[-1])]


def _with_irregular_days(base: WorkingCalendar, own: _Shown, table: _Shown) -> WorkingCalendar:
    """A weekly pattern with the closed and the open days that some series show.

    Args:
        own: of the series of this calendar.
        table: of all series, on the same days.
    """
    days = own.days
    is_open = base.is_open(days)
    idle = is_open & (own.active > 0) & (own.worked == 0)
    shared = (own.active > 1) | ((table.active > 1) & (table.worked == 0))
    run, adjoins = _runs(base, days, idle, is_open & (own.active > 0))
    weekly = len(base.weekdays) < len(EVERY_DAY)
    closed = idle & (shared | (weekly & (adjoins | (run > MAX_GAP))))
    short = int((idle & (run < _LONG)).sum())
    if short > max(_RARE * int((is_open & (own.active > 0)).sum()), _FEW):
        closed &= False
    return base.with_days(days[closed].tolist(), days[~is_open & own.output].tolist())


def _country(calendar: WorkingCalendar, shown: _Shown) -> tuple[str, str | None] | None:
    """The country whose public holidays are closed, long shutdowns aside; None: not clear."""
    days = shown.days
    idle = calendar.is_usual(days) & (shown.active > 0) & (shown.worked == 0)
    for first, last in calendar.closed:
        if last - first >= _SHUTDOWN:
            idle &= (days < first) | (days > last)
    closed, worked = days[idle], days[shown.output]
    return public_holidays.country_of(frozenset(closed.tolist()), frozenset(worked.tolist()))


def _runs(base: WorkingCalendar, days: Ints, idle: Flags, is_open: Flags) -> tuple[Ints, Flags]:
    """Length of the run of idle open days that each day lies in, and if it adjoins closed days."""
    length, adjoins = np.zeros(len(days), np.int64), np.zeros(len(days), bool)
    steps = np.flatnonzero(is_open)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], idle[steps], [False]])))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        run = steps[begin:end]
        around = np.arange(days[run[0]] - 1, days[run[-1]] + 2)
        length[run], adjoins[run] = end - begin, not base.is_open(around).all()
    return length, adjoins


def _with_carried_days(rows: SeriesRows, calendars: PlantCalendars) -> SeriesRows:
    """Rows, and those that lack because the series alone did not work on a day.

    On a day of extra work of others, or on one on which most of the series of a calendar have no
    row, nothing of the series leaves, and its WIP is carried.
    """
    groups: dict[WorkingCalendar, list[int]] = {}
    for g in np.unique(rows.group).tolist():
        groups.setdefault(calendars.of(rows.keys[g]), []).append(g)
    found: list[tuple[int, int, float]] = []
    for calendar, members in groups.items():
        if len(members) > 1 and not calendar.works_every_day:
            own = _Shown.of(rows, np.array(members))
            lacking = own.active - own.rows
            few = (lacking > 1) & (lacking >= _SHARED * own.active)
            extra = (lacking > 0) & ~replace(calendar, open=()).is_open(own.days)
            days = own.days[(own.rows > 0) & (few | extra) & calendar.is_open(own.days)]
            for g in members:
                found += [(g, *row) for row in _carried(rows, g, days)]
    if not found:
        return rows
    group, more_days, wip = map(np.array, zip(*found, strict=True))
    more = {name: np.full(len(wip), np.nan) for name in rows.numbers}
    more |= {"wip": wip, "throughput": np.zeros(len(wip))}
    return rows.joined(SeriesRows(rows.keys, group, more_days, more))


def _carried(rows: SeriesRows, g: int, days: Ints) -> Iterator[tuple[int, float]]:
    """Days within a series without a row, and the WIP of the row before each."""
    own = rows.places(np.array([g]))
    known, wip = rows.days[own], rows.numbers["wip"][own]
    for day in np.setdiff1d(days[(days > known[0]) & (days < known[-1])], known).tolist():
        yield day, float(wip[np.searchsorted(known, day) - 1])
